import MembusMeaning
import MembusModel

// Which versions came with vectors. What a row of a space's file holds is named by the numbers of the vector itself, so that the same
// vector is there once, whatever it was sent with; the index's file says which version has which.

/// Of one index. Used by one thread at a time.
struct SentVectors {
    /// Of one space: by rising version, a row each; a version may have several.
    struct Space {
        fileprivate(set) var versions: [UInt32] = []
        fileprivate(set) var rows: [UInt32] = []
    }

    /// What one version has of one space.
    struct Sent {
        var version: UInt32
        var space: SpaceName
        var contents: [ContentName]
    }

    let files: SpaceFiles
    private(set) var spaces: [SpaceName: Space] = [:]
    /// Those that came first, as many as may be: what is sent in others is kept by the store, and compared with nothing.
    private var known: Set<SpaceName> = []
    /// Not yet in the index's file, by rising version.
    private var unwritten: [Sent] = []

    init(_ files: SpaceFiles) { self.files = files }

    /// Has the vectors of records in their files, before anything says so. Made twice, they are there once.
    mutating func prepare(_ records: [Record]) throws {
        var new: [SpaceName: [ContentName: QuantizedVector]] = [:]
        for record in records {
            for space in record.vectors.spaces {
                let name = SpaceName(space.name, space.dimensions)
                guard takes(name) else { continue }
                known.insert(name)
                let file = try files.file(of: name)
                for index in 0..<space.count {
                    let content = ContentName(vector: space[index])
                    guard file.row(of: content) == nil, let vector = QuantizedVector(Array(space[index])) else {
                        continue
                    }
                    new[name, default: [:]][content] = vector
                }
            }
        }
        for (name, vectors) in new { try files.file(of: name).add(vectors.map { ($0.key, $0.value) }) }
    }

    /// Whether what is sent in it is compared.
    func takes(_ space: SpaceName) -> Bool { known.count < SpaceFiles.most || known.contains(space) }

    /// - Precondition: they are prepared.
    mutating func take(_ vectors: Vectors, of version: UInt32) throws {
        for space in vectors.spaces {
            let name = SpaceName(space.name, space.dimensions)
            guard known.contains(name) else { continue }
            let sent = Sent(
                version: version, space: name,
                contents: (0..<space.count).map { ContentName(vector: space[$0]) })
            try read(sent)
            unwritten.append(sent)
        }
    }

    /// As the index's file has it.
    /// - Throws: if its vectors are not there.
    mutating func read(_ sent: Sent) throws {
        known.insert(sent.space)
        let file = try files.file(of: sent.space)
        for content in sent.contents {
            guard let row = file.row(of: content) else {
                throw SearchFault("vectors of space \(sent.space.name.text) are lost")
            }
            spaces[sent.space, default: Space()].versions.append(sent.version)
            spaces[sent.space, default: Space()].rows.append(row)
        }
    }

    /// What is to be written of the versions before one.
    func waiting(before version: Int) -> ArraySlice<Sent> { unwritten.prefix { $0.version < version } }

    mutating func wrote(before version: Int) { unwritten.removeFirst(waiting(before: version).count) }

    /// The rows in use.
    var rows: [SpaceName: Set<UInt32>] { spaces.mapValues { Set($0.rows) } }
}

extension ContentName {
    /// Of the vector itself.
    init(vector: ArraySlice<Float>) {
        self = vector.withUnsafeBytes { ContentName(author: "", passage: $0) }
    }
}

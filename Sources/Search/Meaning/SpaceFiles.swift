import Crypto
import Glibc
import MembusModel

/// Which vectors are compared with each other.
struct SpaceName: Hashable {
    let name: ByBytes
    let dimensions: Int

    init(_ name: String, _ dimensions: Int) { (self.name, self.dimensions) = (ByBytes(name), dimensions) }

    fileprivate var identity: String { "\(name.text) (\(dimensions))" }

    /// Names are anything: the file is called by what they come to.
    fileprivate var file: String {
        let hash = SHA256.hash(data: Array(identity.utf8))
        return "space-" + hash.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// The vectors that agents sent, as they are compared: a pair of files for each space. Indexes of one store share them, the one that is
/// being made with the one that answers. Used by one thread at a time.
package final class SpaceFiles {
    private let directory: String
    private var files: [SpaceName: VectorFile] = [:]

    /// Each takes files, and room in memory: names that are made up for every record would take without end.
    static let most = 64

    package init(in directory: String) { self.directory = directory }

    func file(of space: SpaceName) throws -> VectorFile {
        if let file = files[space] { return file }
        let file = try VectorFile.open(
            in: directory, as: space.file, of: space.identity, dimensions: space.dimensions)
        files[space] = file
        return file
    }

    /// Leaves behind what is not in use any more, if that is much. Indexes that were open can't be used after it.
    func keep(_ used: [SpaceName: Set<UInt32>]) throws {
        for (space, file) in files {
            let rows = used[space] ?? []
            if rows.isEmpty {
                files[space] = nil
                VectorFile.remove(directory + "/" + space.file)
                continue
            }
            guard file.count > rows.count + 1000, file.count * 3 > rows.count * 4 else { continue }
            // Should it fail, it is opened anew, whatever is there then.
            files[space] = nil
            files[space] = try file.rewritten(keeping: rows)
        }
    }

    /// Files that no space of an index has are left over from one before it.
    func removeOthers(than used: some Sequence<SpaceName>) {
        let own = Set(used.map { ByBytes($0.file) })
        files = files.filter { own.contains(ByBytes($0.key.file)) }
        guard let directory = opendir(self.directory) else { return }
        defer { closedir(directory) }
        var stems: Set<ByBytes> = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix("space-"), let stem = name.split(separator: ".").first {
                stems.insert(ByBytes(String(stem)))
            }
        }
        for stem in stems where !own.contains(stem) { VectorFile.remove(self.directory + "/" + stem.text) }
    }

    package var bytes: Int64 { files.values.reduce(0) { $0 + $1.bytes } }
}

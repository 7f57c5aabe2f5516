import CSQLite
import FoundationEssentials
import Glibc
import MembusMeaning
import MembusModel
import MembusStore
import MembusSystem

// Vectors by what they are of: two files beside the store, which an index that is made anew finds again.
//
//   vectors.db    what each row is of, its scale, how far it is off, and the sum of its bytes
//   vectors.rows  the rows, mapped: bytes of 64's multiple each, row after row
//
// A row is written before it is named. One whose sum is another (a machine that lost its power) is none, and is made again.

/// Vectors can't be read or kept now; nothing is wrong with the index.
struct VectorFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Of one model, or of one space of the agents'. Used by one thread at a time.
package final class VectorFile {
    /// What its vectors are of.
    package let identity: String
    let dimensions: Int
    private let stem: String
    private let stride: Int
    private let db: Database
    private let rows: CInt
    private let path: String
    private var map: UnsafeMutableRawPointer?
    private var room = 0
    private(set) var scales: [Float] = []
    /// How far each is from what it stands for.
    private(set) var slacks: [Float] = []
    private var numbers: [ContentName: UInt32] = [:]

    private static let endings = [".db", ".db-wal", ".db-shm", ".rows"]
    private static let format = "2"
    /// Rows of room that are made at once: as many as there are, within these bounds.
    private static let (leastStep, mostStep) = (64, 4096)

    /// What is of something else is thrown away, and so is what is damaged; what only can't be opened now stays.
    /// - Parameter name: of the files, without their endings.
    package static func open(
        in directory: String, as name: String = "vectors", of identity: String, dimensions: Int
    ) throws -> VectorFile {
        let stem = directory + "/" + name
        do { return try VectorFile(stem, identity, dimensions) } catch {
            guard error is SearchFault || error is UnexpectedColumn || (error as? DatabaseError)?.isDamage == true
            else { throw error }
            remove(stem)
            return try VectorFile(stem, identity, dimensions)
        }
    }

    static func remove(_ stem: String) { for ending in endings { unlink(stem + ending) } }

    private init(_ stem: String, _ identity: String, _ dimensions: Int) throws {
        (self.stem, self.identity, self.dimensions) = (stem, identity, dimensions)
        stride = VectorRows.stride(dimensions)
        path = stem + ".rows"
        try PrivateFile.make(path)
        try PrivateFile.make(stem + ".db")
        db = try Database(path: stem + ".db", isReadOnly: false, isURI: false, patience: .seconds(5))
        rows = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard rows >= 0 else { throw VectorFault("\(path) can't be opened: \(String(cString: strerror(errno)))") }
        try db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024")
        if try db.word("PRAGMA user_version") == "0" {
            try db.inTransaction {
                try db.execute(
                    """
                    CREATE TABLE model(name TEXT NOT NULL) STRICT;
                    CREATE TABLE vectors(
                      row INTEGER PRIMARY KEY, content BLOB NOT NULL, scale INTEGER NOT NULL, slack INTEGER NOT NULL,
                      sum INTEGER NOT NULL
                    ) STRICT;
                    PRAGMA user_version = \(Self.format)
                    """)
                try db.run("INSERT INTO model VALUES(?)", [self.identity])
            }
        }
        guard try db.word("PRAGMA user_version") == Self.format else {
            throw SearchFault("the vectors at \(path) are of another format")
        }
        let known = try db.first("SELECT name FROM model") { row -> String in try row[0] }
        guard let known, known.hasSameBytes(as: identity) else {
            throw SearchFault("the vectors at \(path) are of \(known ?? "nothing")")
        }
        try load()
    }

    deinit {
        if let map { munmap(map, room * stride) }
        if rows >= 0 { close(rows) }
    }

    private func load() throws {
        let count = try db.integer("SELECT coalesce(max(row), -1) + 1 FROM vectors") ?? 0
        var status = stat()
        guard fstat(rows, &status) == 0 else { throw VectorFault("\(path) can't be looked at") }
        let kept = min(Int(count), Int(status.st_size) / stride)
        try makeRoom(for: kept)
        scales = [Float](repeating: 0, count: kept)
        slacks = scales
        let found = try db.rows(
            "SELECT row, content, scale, slack, sum FROM vectors WHERE row >= 0 AND row < ?", [kept])
        while let row = try found.next() {
            let (number, content, sum): (Int, Data, Int64) = (try row[0], try row[1], try row[4])
            let bits: (scale: Int64, slack: Int64) = (try row[2], try row[3])
            guard content.count == 16 else { continue }
            let name = content.withUnsafeBytes { ContentName(named: $0) }
            let scale = Float(bitPattern: UInt32(truncatingIfNeeded: bits.scale))
            let slack = Float(bitPattern: UInt32(truncatingIfNeeded: bits.slack))
            guard scale.isFinite, scale > 0, slack.isFinite, sum == self.sum(of: number, name, scale, slack) else {
                continue
            }
            (scales[number], slacks[number]) = (scale, slack)
            numbers[name] = UInt32(number)
        }
    }

    package var count: Int { numbers.count }

    private func bytes(of row: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: map.map { UnsafeRawPointer($0) + row * stride }, count: stride)
    }

    /// Of all that a row is.
    private func sum(of row: Int, _ content: ContentName, _ scale: Float, _ slack: Float) -> Int64 {
        content.bytes.withUnsafeBytes { content in
            Checksum.of(
                bytes(of: row), content,
                numbers: (scale.bitPattern, slack.bitPattern ^ UInt32(truncatingIfNeeded: row)))
        }
    }

    private func makeRoom(for count: Int) throws {
        if count <= room { return }
        let larger = count + min(max(count, Self.leastStep), Self.mostStep)
        // Room that a full disk does not have would end the process when it is written.
        guard posix_fallocate(rows, 0, off_t(larger * stride)) == 0 else {
            throw VectorFault("\(path) can't grow: the disk has no room")
        }
        // What is mapped stays until there is more.
        let more = mmap(nil, larger * stride, PROT_READ | PROT_WRITE, MAP_SHARED, rows, 0)
        guard let more, more != MAP_FAILED else { throw VectorFault("\(path) can't be mapped") }
        if let map { munmap(map, room * stride) }
        (map, room) = (more, larger)
    }

    /// Another pair of files with some of the rows, in place of this one, which can't be used any more. Ended between the two, what
    /// is there does not fit together, and is made again.
    func rewritten(keeping rows: Set<UInt32>) throws -> VectorFile {
        let draft = stem + ".new"
        do {
            Self.remove(draft)
            let file = try VectorFile(draft, identity, dimensions)
            let kept = numbers.filter { rows.contains($0.value) }.sorted { $0.value < $1.value }
            for start in Swift.stride(from: 0, to: kept.count, by: 1000) {
                try file.add(
                    kept[start..<min(start + 1000, kept.count)].map { content, row in
                        let values = bytes(of: Int(row)).prefix(dimensions).map { Int8(bitPattern: $0) }
                        return (
                            content,
                            QuantizedVector(values: values, scale: scales[Int(row)], slack: slacks[Int(row)])
                        )
                    })
            }
            try file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        }
        for ending in [".db-wal", ".db-shm"] {
            unlink(draft + ending)
            unlink(stem + ending)
        }
        for ending in [".rows", ".db"] {
            guard rename(draft + ending, stem + ending) == 0 else {
                throw VectorFault("\(draft)\(ending) can't be moved: \(String(cString: strerror(errno)))")
            }
        }
        return try VectorFile(stem, identity, dimensions)
    }

    func row(of content: ContentName) -> UInt32? { numbers[content] }

    /// - Precondition: none of them is there.
    func add(_ vectors: [(content: ContentName, vector: QuantizedVector)]) throws {
        let first = scales.count
        try makeRoom(for: first + vectors.count)
        guard let map else { return }
        for (index, one) in vectors.enumerated() {
            let place = map + (first + index) * stride
            memset(place, 0, stride)
            one.vector.values.withUnsafeBytes {
                place.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(place), byteCount: $0.count)
            }
        }
        try db.inTransaction {
            for (index, one) in vectors.enumerated() {
                try db.run(
                    "INSERT OR REPLACE INTO vectors VALUES(?, ?, ?, ?, ?)",
                    [
                        first + index, Data(one.content.bytes), Int64(one.vector.scale.bitPattern),
                        Int64(one.vector.slack.bitPattern),
                        sum(of: first + index, one.content, one.vector.scale, one.vector.slack),
                    ])
            }
        }
        for (index, one) in vectors.enumerated() {
            scales.append(one.vector.scale)
            slacks.append(one.vector.slack)
            numbers[one.content] = UInt32(first + index)
        }
    }

    func withScan<T>(_ body: (VectorScan) -> T) -> T {
        scales.withUnsafeBufferPointer { scales in
            body(
                VectorScan(
                    rows: UnsafeRawBufferPointer(
                        start: map.map { UnsafeRawPointer($0) }, count: scales.count * stride), scales: scales,
                    dimensions: dimensions))
        }
    }

    /// Of the disk.
    package var bytes: Int64 { Int64(room * stride) }
}

extension ContentName {
    /// - Precondition: 16 bytes.
    init(named bytes: UnsafeRawBufferPointer) {
        self.init(
            high: bytes.loadUnaligned(as: UInt64.self), low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
}

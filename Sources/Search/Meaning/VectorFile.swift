import CSQLite
import FoundationEssentials
import Glibc
import MembusMeaning
import MembusModel
import MembusStore
import MembusSystem

// Vectors by what they are of: two files beside the store, which an index that is made anew finds again.
//
//   vectors.db    what each row is of, its scale, and the sum of its bytes
//   vectors.rows  the rows, mapped: bytes of 64's multiple each, row after row
//
// A row is written before it is named. One whose sum is another (a machine that lost its power) is none, and is made again.

/// Vectors can't be read or kept now; nothing is wrong with the index.
struct VectorFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Of one model. Used by one thread at a time.
package final class VectorFile {
    package let model: String
    let dimensions: Int
    private let stride: Int
    private let db: Database
    private let rows: CInt
    private let path: String
    private var map: UnsafeMutableRawPointer?
    private var room = 0
    private(set) var scales: [Float] = []
    private var numbers: [ContentName: UInt32] = [:]

    private static let names = ["/vectors.db", "/vectors.db-wal", "/vectors.db-shm", "/vectors.rows"]
    /// Rows of room that are made at once.
    private static let step = 4096

    /// What another model left is thrown away, and so is what is damaged; what only can't be opened now stays.
    package static func open(in directory: String, for model: MeaningModel) throws -> VectorFile {
        do { return try VectorFile(directory, model) } catch {
            guard error is SearchFault || (error as? DatabaseError)?.isDamage == true else { throw error }
            for name in names { unlink(directory + name) }
            return try VectorFile(directory, model)
        }
    }

    private init(_ directory: String, _ model: MeaningModel) throws {
        self.model = model.identity
        dimensions = model.dimensions
        stride = VectorRows.stride(model.dimensions)
        path = directory + "/vectors.rows"
        try PrivateFile.make(path)
        try PrivateFile.make(directory + "/vectors.db")
        db = try Database(path: directory + "/vectors.db", isReadOnly: false, isURI: false, patience: .seconds(5))
        rows = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard rows >= 0 else { throw VectorFault("\(path) can't be opened: \(String(cString: strerror(errno)))") }
        try db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024")
        if try db.word("PRAGMA user_version") == "0" {
            try db.inTransaction {
                try db.execute(
                    """
                    CREATE TABLE model(name TEXT NOT NULL) STRICT;
                    CREATE TABLE vectors(
                      row INTEGER PRIMARY KEY, content BLOB NOT NULL, scale INTEGER NOT NULL, sum INTEGER NOT NULL
                    ) STRICT;
                    PRAGMA user_version = 1
                    """)
                try db.run("INSERT INTO model VALUES(?)", [self.model])
            }
        }
        let known = try db.first("SELECT name FROM model") { row -> String in try row[0] }
        guard known == self.model else { throw SearchFault("the vectors at \(path) are of \(known ?? "nothing")") }
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
        let found = try db.rows("SELECT row, content, scale, sum FROM vectors WHERE row >= 0 AND row < ?", [kept])
        while let row = try found.next() {
            let (number, content, sum): (Int, Data, Int64) = (try row[0], try row[1], try row[3])
            let scale: Int64 = try row[2]
            guard content.count == 16 else { continue }
            let name = content.withUnsafeBytes { ContentName(named: $0) }
            let factor = Float(bitPattern: UInt32(truncatingIfNeeded: scale))
            guard factor.isFinite, factor > 0, sum == self.sum(of: number, name, factor) else { continue }
            scales[number] = factor
            numbers[name] = UInt32(number)
        }
    }

    package var count: Int { numbers.count }

    private func bytes(of row: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: map.map { UnsafeRawPointer($0) + row * stride }, count: stride)
    }

    /// Of all that a row is.
    private func sum(of row: Int, _ content: ContentName, _ scale: Float) -> Int64 {
        content.bytes.withUnsafeBytes { content in
            Checksum.of(bytes(of: row), content, numbers: (scale.bitPattern, UInt32(truncatingIfNeeded: row)))
        }
    }

    private func makeRoom(for count: Int) throws {
        if count <= room { return }
        let larger = (count + Self.step - 1) / Self.step * Self.step
        // Room that a full disk does not have would end the process when it is written.
        guard posix_fallocate(rows, 0, off_t(larger * stride)) == 0 else {
            throw VectorFault("\(path) can't grow: the disk has no room")
        }
        if let map { munmap(map, room * stride) }
        map = mmap(nil, larger * stride, PROT_READ | PROT_WRITE, MAP_SHARED, rows, 0)
        guard map != MAP_FAILED else {
            (map, room) = (nil, 0)
            throw VectorFault("\(path) can't be mapped")
        }
        room = larger
    }

    /// Another pair of files with some of the rows, in place of this one, which can't be used any more. Ended between the two, what
    /// is there does not fit together, and is made again.
    func rewritten(in directory: String, keeping rows: Set<UInt32>, for model: MeaningModel) throws -> VectorFile {
        let draft = directory + "/vectors.new"
        mkdir(draft, 0o700)
        defer { rmdir(draft) }
        do {
            for name in Self.names { unlink(draft + name) }
            let file = try VectorFile(draft, model)
            let kept = numbers.filter { rows.contains($0.value) }.sorted { $0.value < $1.value }
            for start in Swift.stride(from: 0, to: kept.count, by: 1000) {
                try file.add(
                    kept[start..<min(start + 1000, kept.count)].map { content, row in
                        let values = bytes(of: Int(row)).prefix(dimensions).map { Int8(bitPattern: $0) }
                        return (content, QuantizedVector(values: values, scale: scales[Int(row)]))
                    })
            }
            try file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        }
        for name in ["/vectors.db-wal", "/vectors.db-shm"] {
            unlink(draft + name)
            unlink(directory + name)
        }
        for name in ["/vectors.rows", "/vectors.db"] {
            guard rename(draft + name, directory + name) == 0 else {
                throw VectorFault("\(draft)\(name) can't be moved: \(String(cString: strerror(errno)))")
            }
        }
        return try VectorFile.open(in: directory, for: model)
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
                    "INSERT OR REPLACE INTO vectors VALUES(?, ?, ?, ?)",
                    [
                        first + index, Data(one.content.bytes), Int64(one.vector.scale.bitPattern),
                        sum(of: first + index, one.content, one.vector.scale),
                    ])
            }
        }
        for (index, one) in vectors.enumerated() {
            scales.append(one.vector.scale)
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

    package var bytes: Int64 { Int64(scales.count * stride) }
}

extension ContentName {
    /// - Precondition: 16 bytes.
    init(named bytes: UnsafeRawBufferPointer) {
        self.init(
            high: bytes.loadUnaligned(as: UInt64.self), low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
}

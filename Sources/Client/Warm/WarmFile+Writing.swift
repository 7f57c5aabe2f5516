import Crypto
import FoundationEssentials
import MembusSystem
import MembusWire

extension WarmFile {
    /// Puts the file into place as a whole; one that is there is replaced.
    /// - Throws: ``MembusError/file(path:problem:)``; ``MembusError/refused(_:)`` if a record has no wire form.
    package func write(to file: URL) throws {
        do { try write(into: file) } catch let error as FileError { throw MembusError(error) }
    }

    private func write(into file: URL) throws {
        var output = HashedOutput(to: try AtomicFile(for: file.path))
        try output.put(Self.magic)
        try output.put(integer: Self.version)
        let register = Register(branch: branch, filter: filter, mode: .update, newest: token)
        try output.put(frame: try WireCodec.encode(Request(id: 0, body: .register(register))))
        for page in pages { try output.put(frame: WireCodec.encode(page)) }
        try output.put(integer: UInt32(0))
        try output.put(integer: UInt64(records.count))
        try output.finish()
    }

    private var pages: [Reply] {
        var pages: [Reply] = []
        var start = 0
        while start < records.count {
            var (end, bytes) = (start, 0)
            while end < records.count, end == start || bytes < Self.pageBytes, end - start < 10_000 {
                bytes += records[end].footprint
                end += 1
            }
            let page = RangePage(
                at: token.position, records: Array(records[start..<end]), more: end < records.count)
            pages.append(
                Reply(id: 0, lineage: token.lineage, instance: Instance(0), visible: token.position, body: .range(page))
            )
            start = end
        }
        return pages
    }
}

/// Writes and hashes what it writes.
private struct HashedOutput {
    private let file: AtomicFile
    private var hasher = SHA256()
    init(to file: AtomicFile) { self.file = file }

    mutating func put(_ bytes: some ContiguousBytes) throws(FileError) {
        bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        try file.write(bytes)
    }
    mutating func put(integer: some FixedWidthInteger) throws(FileError) {
        try put(withUnsafeBytes(of: integer.bigEndian) { Data($0) })
    }
    mutating func put(frame: [UInt8]) throws(FileError) {
        try put(integer: UInt32(frame.count))
        try put(frame)
    }
    mutating func finish() throws(FileError) {
        try file.write(Data(hasher.finalize()))
        try file.commit()
    }
}

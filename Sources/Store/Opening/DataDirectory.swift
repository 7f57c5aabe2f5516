import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The directory that a store lives in, held for one process: `lock` is locked for as long as this object
/// lives, and names the holder's pid. The kernel frees the lock however the process ends.
final class DataDirectory: Sendable {
    let path: String
    private let descriptor: Mutex<CInt?>

    static func file(in directory: String) -> String { directory + "/membus.db" }
    var file: String { Self.file(in: path) }

    init(_ path: String) throws(StoreError) {
        self.path = path
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw StoreError(
                .readOnly, "the data directory \(path) can't be made: \(error.localizedDescription)",
                hint: "name a directory that this user may write to")
        }
        descriptor = Mutex(try Self.lock(path))
    }

    deinit { unlock() }

    func unlock() {
        descriptor.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    private static func lock(_ directory: String) throws(StoreError) -> CInt {
        let path = directory + "/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw StoreError(
                .readOnly, "\(path) can't be written: \(String(cString: strerror(errno)))",
                hint: "make the data directory writable, or name another one")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = pid(in: descriptor)
            close(descriptor)
            throw StoreError(
                .locked,
                "the data directory \(directory) is in use by another broker\(holder.map { " (pid \($0))" } ?? "")",
                hint: "stop that one, or name another directory")
        }
        let text = "\(getpid())\n"
        _ = ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        return descriptor
    }

    private static func pid(in descriptor: CInt) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count], as: UTF8.self).filter(\.isNumber))
    }
}

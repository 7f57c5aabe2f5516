import CMembus
import Glibc
import Membus

/// Memory that C reads, and that goes as a whole: an answer with all that it points to.
///
/// Whoever fills it does so on one thread, before anybody else sees it.
final class Arena {
    private var chunks: [UnsafeMutableRawPointer] = []
    private var next: UnsafeMutableRawPointer?
    private var left = 0
    private static let smallest = 1 << 10
    private static let largest = 1 << 20

    deinit { for chunk in chunks { free(chunk) } }

    /// - Returns: zeroed memory, aligned for anything.
    func take(_ bytes: Int) -> UnsafeMutableRawPointer {
        let size = (max(bytes, 1) + 15) & ~15
        if size > left || next == nil { grow(size) }
        // Force unwrap: `grow` gave it.
        let taken = next!
        next = taken + size
        left -= size
        return taken
    }

    private func grow(_ size: Int) {
        let usual = min(Self.largest, Self.smallest << min(chunks.count, 10))
        let bytes = max(size, usual)
        guard let chunk = calloc(1, bytes) else { fatalError("out of memory for an answer of \(bytes) bytes") }
        chunks.append(chunk)
        (next, left) = (chunk, bytes)
    }

    func one<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let place = take(MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: 1)
        place.initialize(to: value)
        return place
    }

    /// - Returns: `nil` for none.
    func many<T: BitwiseCopyable, Source>(
        _ all: some Collection<Source>, _ make: (Source) -> T
    ) -> UnsafePointer<T>? {
        if all.isEmpty { return nil }
        let places = take(MemoryLayout<T>.stride * all.count).bindMemory(to: T.self, capacity: all.count)
        for (index, source) in all.enumerated() { (places + index).initialize(to: make(source)) }
        return UnsafePointer(places)
    }

    /// With a zero behind it.
    func text(_ text: String) -> membus_text {
        var text = text
        return text.withUTF8 { self.text(UnsafeRawBufferPointer($0)) }
    }

    func text(_ bytes: UnsafeRawBufferPointer) -> membus_text {
        let place = take(bytes.count + 1)
        if let start = bytes.baseAddress { memcpy(place, start, bytes.count) }
        return membus_text(data: UnsafePointer(place.assumingMemoryBound(to: CChar.self)), size: bytes.count)
    }
}

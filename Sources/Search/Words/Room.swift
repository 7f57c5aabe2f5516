import Glibc

/// Memory that grows, with one owner: an array that nobody shares, and that needs no looking whether somebody does. What is large is
/// mapped: what is not yet used of it costs nothing, and all of it is given back when it goes.
final class Room<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    private static var stride: Int { MemoryLayout<Element>.stride }
    private static func isMapped(_ capacity: Int) -> Bool { capacity * stride >= 1 << 20 }

    init(_ capacity: Int) {
        self.capacity = max(1, capacity)
        base = Self.allocate(self.capacity)
    }
    deinit { Self.free(base, capacity) }

    /// What is in it, in bytes.
    var footprint: Int { count * Self.stride }

    private func reserve(_ more: Int) {
        if count + more <= capacity { return }
        let larger = max(2 * capacity, count + more)
        let new = Self.allocate(larger)
        new.update(from: base, count: count)
        Self.free(base, capacity)
        (base, capacity) = (new, larger)
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Element> {
        guard isMapped(capacity) else { return .allocate(capacity: capacity) }
        let memory = mmap(nil, capacity * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            fatalError("no memory for \(capacity * stride) bytes of the index")
        }
        return memory.bindMemory(to: Element.self, capacity: capacity)
    }

    private static func free(_ base: UnsafeMutablePointer<Element>, _ capacity: Int) {
        if isMapped(capacity) { munmap(base, capacity * stride) } else { base.deallocate() }
    }

    @inline(__always)
    func append(_ element: Element) {
        if count == capacity { reserve(1) }
        base[count] = element
        count += 1
    }

    func append(contentsOf elements: UnsafeBufferPointer<Element>) {
        guard let start = elements.baseAddress else { return }
        reserve(elements.count)
        (base + count).update(from: start, count: elements.count)
        count += elements.count
    }

    func removeAll() { count = 0 }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count * Self.stride) }
}

import Glibc

/// Vectors in memory, one after the other, as ``VectorScan`` reads them. Their scales lie apart: beside the bytes each
/// would cost a scan a cache line of its own, since rows begin at such. Memory that is reserved but not yet used costs
/// nothing.
package struct VectorRows: ~Copyable {
    package let dimensions: Int
    package private(set) var count = 0
    private var capacity = 0
    private var bytes: UnsafeMutableRawBufferPointer
    private var scales: UnsafeMutableRawBufferPointer

    /// Bytes from one row to the next.
    package static func stride(_ dimensions: Int) -> Int { (dimensions + 63) / 64 * 64 }

    /// - Parameter dimensions: up to 65,535, so that products fit into 32 bits.
    package init(dimensions: Int) {
        precondition((1...65_535).contains(dimensions))
        self.dimensions = dimensions
        bytes = Self.map(0)
        scales = Self.map(0)
    }

    deinit {
        Self.unmap(bytes)
        Self.unmap(scales)
    }

    /// Its row is the count before.
    package mutating func append(_ vector: QuantizedVector) {
        reserve(count + 1)
        count += 1
        replace(count - 1, by: vector)
    }

    package mutating func replace(_ row: Int, by vector: QuantizedVector) {
        precondition(row >= 0 && row < count && vector.values.count == dimensions)
        let stride = Self.stride(dimensions)
        vector.values.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: bytes[row * stride..<row * stride + dimensions]).copyMemory(
                from: $0)
        }
        scales.storeBytes(of: vector.scale, toByteOffset: row * 4, as: Float.self)
    }

    package subscript(row: Int) -> QuantizedVector {
        precondition(row >= 0 && row < count)
        let start = row * Self.stride(dimensions)
        let values = bytes[start..<start + dimensions].map { Int8(bitPattern: $0) }
        return QuantizedVector(values: values, scale: scales.load(fromByteOffset: row * 4, as: Float.self))
    }

    package mutating func reserve(_ rows: Int) {
        guard rows > capacity else { return }
        capacity = max(rows, capacity * 2, 1024)
        bytes = Self.moved(bytes, to: capacity * Self.stride(dimensions), used: count * Self.stride(dimensions))
        scales = Self.moved(scales, to: capacity * 4, used: count * 4)
    }

    /// Good until rows are added.
    package func withScan<R, E: Error>(kernel: Kernel = .best, _ body: (VectorScan) throws(E) -> R) throws(E) -> R {
        try body(
            VectorScan(
                rows: UnsafeRawBufferPointer(rebasing: bytes[..<(count * Self.stride(dimensions))]),
                scales: UnsafeRawBufferPointer(rebasing: scales[..<(count * 4)]).assumingMemoryBound(to: Float.self),
                dimensions: dimensions, kernel: kernel))
    }

    private static func moved(
        _ old: UnsafeMutableRawBufferPointer, to size: Int, used: Int
    ) -> UnsafeMutableRawBufferPointer {
        let new = map(size)
        new.copyMemory(from: UnsafeRawBufferPointer(rebasing: old[..<used]))
        unmap(old)
        return new
    }

    private static func map(_ size: Int) -> UnsafeMutableRawBufferPointer {
        if size == 0 { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { fatalError("no memory for \(size) bytes of vectors") }
        // Rows that lie apart would else each want a page's address of their own.
        if size >= 8 << 20 { madvise(memory, size, MADV_HUGEPAGE) }
        return UnsafeMutableRawBufferPointer(start: memory, count: size)
    }

    private static func unmap(_ memory: UnsafeMutableRawBufferPointer) {
        if let start = memory.baseAddress { munmap(start, memory.count) }
    }
}

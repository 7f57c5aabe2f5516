import CMeaning

/// Cosines of one vector to many, all of them looked at: the bytes' dot product, exact, times both scales. Every kernel
/// gives the same bits.
package struct VectorScan {
    package let count: Int
    private let rows: membus_rows
    private let dimensions: Int
    private let kernel: membus_kernel

    /// - Parameter rows: each begins at a multiple of ``VectorRows/stride(_:)``; what is left of that holds zeroes.
    package init(
        rows: UnsafeRawBufferPointer, scales: UnsafeBufferPointer<Float>, dimensions: Int, kernel: Kernel = .best
    ) {
        let stride = VectorRows.stride(dimensions)
        precondition(kernel.runs && rows.count == scales.count * stride)
        count = scales.count
        self.dimensions = dimensions
        self.kernel = kernel.inC
        self.rows = membus_rows(
            bytes: rows.assumingMemoryBound(to: Int8.self).baseAddress, scales: scales.baseAddress, stride: stride)
    }

    /// To rows that follow each other, all of them unless told otherwise.
    package func cosines(to query: QuantizedVector, rows chosen: Range<Int>? = nil) -> [Float] {
        let chosen = chosen ?? 0..<count
        precondition(chosen.lowerBound >= 0 && chosen.upperBound <= count)
        return fill(chosen.count) { cosines in
            membus_scan_range(
                kernel, rows, padded(query), query.scale, chosen.lowerBound, chosen.upperBound, cosines)
        }
    }

    /// To rows of these numbers, in their order.
    package func cosines(to query: QuantizedVector, rows chosen: [UInt32]) -> [Float] {
        precondition(chosen.allSatisfy { $0 < count })
        return fill(chosen.count) { cosines in
            membus_scan_list(kernel, rows, padded(query), query.scale, chosen, chosen.count, cosines)
        }
    }

    /// To rows whose bits are set: row i's is bit i % 64 of word i / 64. Bits beyond the last row are passed over, and
    /// words that are missing count as zeroes.
    /// - Returns: their numbers, rising, and the cosines, in the same order.
    package func cosines(to query: QuantizedVector, bits: [UInt64]) -> (rows: [UInt32], cosines: [Float]) {
        let covered = min(count, bits.count * 64)
        let chosen = bits.reduce(0) { $0 + $1.nonzeroBitCount }
        var cosines: [Float] = []
        let numbers = [UInt32](unsafeUninitializedCapacity: chosen) { numbers, filled in
            cosines = [Float](unsafeUninitializedCapacity: chosen) { cosines, found in
                found = membus_scan_bitmap(
                    kernel, rows, padded(query), query.scale, bits, covered, numbers.baseAddress, cosines.baseAddress)
                filled = found
            }
        }
        return (numbers, cosines)
    }

    private func fill(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { floats, filled in
            if let start = floats.baseAddress, count > 0 { body(start) }
            filled = count
        }
    }

    /// As long as a row.
    private func padded(_ query: QuantizedVector) -> [Int8] {
        precondition(query.values.count == dimensions)
        return query.values + [Int8](repeating: 0, count: rows.stride - dimensions)
    }
}

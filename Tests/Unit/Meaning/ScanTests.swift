import Testing

@testable import MembusMeaning

@Suite struct ScanTests {
    @Test(
        "cosines are those of plain arithmetic, bit by bit, of any bytes and dimensions",
        arguments: MiniLM.kernels, [1, 15, 63, 64, 65, 384, 1000])
    func plain(kernel: Kernel, dimensions: Int) {
        var dice = SystemRandomNumberGenerator()
        var vectors = (0..<203).map { _ in
            QuantizedVector(
                values: (0..<dimensions).map { _ in .random(in: .min ... .max, using: &dice) },
                scale: .random(in: 0...1, using: &dice))
        }
        for byte in [Int8.min, .max, 0] {
            vectors.append(QuantizedVector(values: Array(repeating: byte, count: dimensions), scale: 0.5))
        }
        var rows = VectorRows(dimensions: dimensions)
        for vector in vectors { rows.append(vector) }
        #expect((0..<vectors.count).allSatisfy { rows[$0] == vectors[$0] })
        for query in vectors.suffix(5) {
            let plain = vectors.map { cosine($0, query) }
            rows.withScan(kernel: kernel) { scan in
                #expect(scan.cosines(to: query) == plain)
                for part in [0..<0, 0..<1, 3..<10, 5..<206] {
                    #expect(scan.cosines(to: query, rows: part) == Array(plain[part]))
                }
                let list = (0..<150).map { _ in UInt32.random(in: 0..<206, using: &dice) }
                for count in [0, 1, 2, 3, 4, 5, 12, 13, 150] {
                    let some = Array(list.prefix(count))
                    #expect(scan.cosines(to: query, rows: some) == some.map { plain[Int($0)] })
                }
                let bits = (0..<6).map { _ in UInt64.random(in: 0 ... .max, using: &dice) }
                let expected = (0..<206).filter { bits[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
                let found = scan.cosines(to: query, bits: bits)
                #expect(found.rows == expected.map { UInt32($0) } && found.cosines == expected.map { plain[$0] })
                #expect(scan.cosines(to: query, bits: []).cosines.isEmpty)
                #expect(scan.cosines(to: query, bits: [1 << 63]).rows == [63])
            }
        }
    }

    @Test("thousands of bits are found across the pieces in which they are looked up", arguments: MiniLM.kernels)
    func manyBits(kernel: Kernel) {
        var rows = VectorRows(dimensions: 64)
        for number in 0..<5000 {
            rows.append(QuantizedVector(values: [Int8(number % 127)] + Array(repeating: 1, count: 63), scale: 1))
        }
        rows.replace(4999, by: QuantizedVector(values: Array(repeating: -1, count: 64), scale: 2))
        let query = QuantizedVector(values: [1] + Array(repeating: 0, count: 63), scale: 1)
        rows.withScan(kernel: kernel) { scan in
            let all = scan.cosines(to: query)
            #expect(all[4999] == -2 && all[126] == 126 && all[127] == 0)
            let every = scan.cosines(to: query, bits: Array(repeating: .max, count: 200))
            #expect(every.rows == Array(0..<5000) && every.cosines == all)
            let third = scan.cosines(to: query, bits: (0..<79).map { $0 % 3 == 0 ? .max : 1 << 5 })
            #expect(third.cosines == third.rows.map { all[Int($0)] } && third.rows.count > 1700)
        }
    }

    @Test("no rows, no cosines", arguments: MiniLM.kernels)
    func empty(kernel: Kernel) {
        let rows = VectorRows(dimensions: 3)
        let query = QuantizedVector(values: [1, 2, 3], scale: 1)
        rows.withScan(kernel: kernel) { scan in
            #expect(scan.cosines(to: query).isEmpty)
            #expect(scan.cosines(to: query, rows: [UInt32]()).isEmpty)
            #expect(scan.cosines(to: query, bits: [.max]).rows.isEmpty)
        }
    }

    private func cosine(_ row: QuantizedVector, _ query: QuantizedVector) -> Float {
        let product = zip(row.values, query.values).reduce(0) { $0 + Int($1.0) * Int($1.1) }
        return Float(product) * (query.scale * row.scale)
    }
}

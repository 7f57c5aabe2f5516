import Foundation
import Testing

@testable import MembusMeaning

@Suite struct VectorTests {
    @Test("vectors are the reference's", arguments: MiniLM.kernels)
    func references(kernel: Kernel) throws {
        let model = try MiniLM.model(kernel)
        var compared = 0
        for reference in try Reference.all() {
            guard let expected = try reference.floats() else { continue }
            let vector = model.embed(reference.text)
            try #require(vector.count == expected.count)
            let furthest = zip(vector, expected).map { abs($0 - $1) }.reduce(0, max)
            #expect(furthest < 1e-6, "\(reference.text.debugDescription) is off by \(furthest)")
            compared += 1
        }
        #expect(compared > 50)
    }

    @Test("a text has the same vector, bit by bit, alone and among others", arguments: MiniLM.kernels)
    func together(kernel: Kernel) throws {
        let model = try MiniLM.model(kernel)
        let texts = try Reference.all().prefix(40).map(\.text) + [""]
        var embedder = Embedder(model)
        let vectors = embedder.embed(texts)
        #expect(vectors == texts.map { model.embed($0) })
        #expect(embedder.embed([] as [String]).isEmpty)
        #expect(embedder.embed(texts[1]) == vectors[1])
    }

    @Test(
        "whatever a text is, its vector has length 1",
        arguments: MiniLM.kernels, [("", 1), ("\u{0}", 1), ("😀", 1), ("⿰⿱ ⿲", 1), ("long text ", 100_000)])
    func lengths(kernel: Kernel, text: (piece: String, times: Int)) throws {
        let vector = try MiniLM.model(kernel).embed(String(repeating: text.piece, count: text.times))
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(vector.count == 384 && abs(length - 1) < 1e-6)
    }

    @Test("what is near in meaning is near, with other words")
    func meaning() throws {
        let model = try MiniLM.model()
        let question = model.embed("Which pets does she have?")
        let (near, far) = (
            model.embed("Her cat and two dogs live with her."), model.embed("The invoice is due on Friday.")
        )
        func cosine(_ other: [Float]) -> Float { zip(question, other).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(cosine(near) > cosine(far) + 0.2)
    }
}

@Suite struct QuantizingTests {
    @Test("a quantised vector has length 1 and is near, whatever the length of its original")
    func near() throws {
        let original: [Float] = (0..<384).map { Float(sin(Double($0 * $0))) }
        for factor: Float in [1e-30, 0.01, 1, 1e30] {
            let vector = try #require(QuantizedVector(original.map { $0 * factor }))
            #expect(vector.values.contains { $0.magnitude == 127 } && !vector.values.contains(-128))
            let length = original.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            for (byte, number) in zip(vector.values, original) {
                let off = Double(byte) * Double(vector.scale) - Double(number) / length
                #expect(abs(off) <= Double(vector.scale) * 0.51)
            }
        }
    }

    @Test("what has no direction has no vector")
    func directionless() {
        for numbers: [Float] in [[], [0, 0], [1, .nan], [.infinity, 0], [-.infinity]] {
            #expect(QuantizedVector(numbers) == nil)
        }
    }
}

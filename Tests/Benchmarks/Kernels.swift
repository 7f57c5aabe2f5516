import Foundation
import MembusMeaning

/// Vectors, by each of the processor's kernels: how fast they are compared, and made of texts. One core,
/// and its time alone: others may use the machine, too.
enum Kernels {
    static let benchmark = Benchmark(
        name: "kernels", about: "vectors compared and made, by each kernel that runs here", run: run)
    private static let (count, dimensions) = (100_000, 384)

    private static func run(_ setting: Setting) throws -> [Row] {
        let kernels = Kernel.allCases.filter(\.runs)
        return scans(setting, kernels) + (try embedding(setting, kernels))
    }

    // MARK: Comparing

    private static func scans(_ setting: Setting, _ kernels: [Kernel]) -> [Row] {
        var random = SystemRandomNumberGenerator()
        func vector() -> QuantizedVector {
            let values = (0..<dimensions).map { _ in Int8.random(in: -127...127, using: &random) }
            return QuantizedVector(values: values, scale: 1 / 1400)
        }
        var rows = VectorRows(dimensions: dimensions)
        for _ in 0..<count { rows.append(vector()) }
        let question = vector()
        let tenth = (0..<count / 64 + 1).map { _ in
            (0..<64).reduce(UInt64(0)) { Int.random(in: 0..<10, using: &random) == 0 ? $0 | 1 << UInt64($1) : $0 }
        }
        let floats = floatScan(question, setting)
        return kernels.flatMap { kernel in
            rows.withScan(kernel: kernel) { scan in
                let all = timed(setting.rounds(51)) { _ = scan.cosines(to: question) }
                let some = timed(setting.rounds(51)) { _ = scan.cosines(to: question, bits: tenth) }
                return [
                    row("all of 100,000 vectors of 384 bytes, \(kernel)", all, atMost: 2.5, floats),
                    row("a tenth of them, by a bitmap, \(kernel)", some, atMost: 1, floats),
                ]
            }
        }
    }

    /// The same number of vectors in floats, as the compiler makes it.
    private static func floatScan(_ question: QuantizedVector, _ setting: Setting) -> Samples {
        let vectors = (0..<count * dimensions).map { Float($0 % 251) }
        let asked = question.values.map { Float($0) * question.scale }
        return timed(setting.rounds(9)) {
            var best: Float = 0
            vectors.withUnsafeBufferPointer { vectors in
                asked.withUnsafeBufferPointer { asked in
                    for row in 0..<count {
                        var sums = SIMD16<Float>.zero
                        for step in stride(from: 0, to: dimensions, by: 16) {
                            let place = UnsafeRawPointer(vectors.baseAddress! + row * dimensions + step)  // not empty
                            let other = UnsafeRawPointer(asked.baseAddress! + step)  // not empty
                            sums +=
                                place.loadUnaligned(as: SIMD16<Float>.self)
                                * other.loadUnaligned(as: SIMD16<Float>.self)
                        }
                        best = max(best, sums.sum())
                    }
                }
            }
            precondition(best.isFinite)
        }
    }

    private static func row(_ measure: String, _ taken: Samples, atMost goal: Double, _ floats: Samples) -> Row {
        Row(
            measure: measure, result: format(taken.median, "ms"), target: "≤ \(format(goal, "ms"))",
            spread: taken.spread("ms"),
            yardstick:
                "floats, all of them, \(format(floats.median, "ms")): ×\(format(taken.median / floats.median, ""))",
            isMet: taken.median <= goal)
    }

    private static func timed(_ rounds: Int, _ body: () -> Void) -> Samples {
        var samples = Samples()
        for _ in 0..<rounds {
            samples.add(processorTime(body) / 1e6)
        }
        return samples
    }

    // MARK: Making

    private static func embedding(_ setting: Setting, _ kernels: [Kernel]) throws -> [Row] {
        let about = "texts of 22 words made into vectors, one core"
        guard let place = ModelPlace.found(for: ".") else {
            return [Row(measure: about, result: "no model is here: membus model fetch")]
        }
        let texts = turns(setting.scaled(600))
        return try kernels.map { kernel in
            var embedder = Embedder(try MeaningModel.open(place, kernel: kernel))
            _ = embedder.embed(Array(texts.prefix(20)))
            var samples = Samples()
            for _ in 0..<setting.rounds(5) {
                let taken = processorTime { _ = embedder.embed(texts) }
                samples.add(Double(texts.count) / (taken / 1e9))
            }
            let goal: Double = kernel == .baseline ? 35 : 90
            return Row(
                measure: "\(about), \(kernel)", result: "\(grouped(samples.median)) a second",
                target: "≥ \(grouped(goal))", spread: samples.spread("a second"), isMet: samples.median >= goal)
        }
    }

    /// As long as what people say in turns of a conversation: 8 to 36 words.
    private static func turns(_ count: Int) -> [String] {
        let words = """
            I we you they the a my our that this is was went had found said think really love about with for at on in to of and but \
            so because yesterday weekend family school support group painting camping music adoption running beach garden dinner \
            friends kids job project photo book trip morning evening great happy tired hard new old first last next maybe
            """.split(separator: " ")
        return (0..<count).map { number in
            (0..<8 + number * 7 % 29).map { String(words[(number * 31 + $0 * $0 * 17 + $0 * 5) % words.count]) }
                .joined(separator: " ")
        }
    }
}

import CMeaning

/// Embeds one text after the other, or several at once, which reads the weights once for all of them; keeps its working
/// memory, 1.5 MB, or 3.5 where a text is long. For one thread.
package struct Embedder: ~Copyable {
    /// Tokens that are taken at once: beyond these, what they need leaves the processor's second cache.
    private static let together = 128

    private let model: MeaningModel
    private var scratch: UnsafeMutablePointer<Float>?
    private var capacity = 0

    package init(_ model: MeaningModel) { self.model = model }

    deinit { scratch?.deallocate() }

    /// - Returns: a vector of length 1.
    package mutating func embed(_ text: String) -> [Float] { run([model.tokens(text)]) }

    /// - Returns: of each text the vector that it has alone.
    package mutating func embed(_ texts: [String]) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        var batch: [[UInt32]] = []
        var count = 0
        for text in texts {
            let tokens = model.tokens(text)
            if count > 0, count + tokens.count > Self.together {
                vectors += cut(run(batch))
                batch.removeAll(keepingCapacity: true)
                count = 0
            }
            batch.append(tokens)
            count += tokens.count
        }
        return batch.isEmpty ? vectors : vectors + cut(run(batch))
    }

    private func cut(_ floats: [Float]) -> [[Float]] {
        stride(from: 0, to: floats.count, by: model.dimensions).map { Array(floats[$0..<$0 + model.dimensions]) }
    }

    private mutating func run(_ texts: [[UInt32]]) -> [Float] {
        let tokens = texts.flatMap { $0 }
        let lengths = texts.map { UInt32($0.count) }
        reserve(membus_scratch(model.encoder.shape, tokens.count, Int(lengths.max() ?? 0)))
        return [Float](unsafeUninitializedCapacity: texts.count * model.dimensions) { vectors, filled in
            membus_embed(
                model.kernel.inC, model.encoder, tokens, lengths, texts.count, scratch, vectors.baseAddress)
            filled = vectors.count
        }
    }

    private mutating func reserve(_ floats: Int) {
        guard floats > capacity else { return }
        scratch?.deallocate()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: floats * 4, alignment: 64)
        scratch = memory.bindMemory(to: Float.self, capacity: floats)
        capacity = floats
    }
}

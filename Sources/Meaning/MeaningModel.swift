import CMeaning

/// A sentence model, mapped from its file: what texts mean, as vectors whose cosines tell how near they are.
///
///     let model = try MeaningModel.open(path)
///     let vector = model.embed("Caroline went to the support group")
///
/// Nothing in it changes: any number of threads may use it. Who embeds many texts keeps an ``Embedder``.
package final class MeaningModel: @unchecked Sendable {  // what it points to is read-only and stays as long as it does
    package let kernel: Kernel
    /// Tells vectors of different models apart: "bert-384-53aa51172d142c89", its name, dimensions, and which weights it
    /// was made of.
    package let identity: String
    /// Of its vectors.
    package let dimensions: Int
    /// What is beyond so many tokens of a text, [CLS] and [SEP] among them, has no part in its vector.
    package let longest: Int
    let encoder: membus_encoder
    let tokenizer: Tokenizer
    private let memory: MappedFile

    /// Reads all of the file once, to check it.
    /// - Parameter path: of a file that ``ModelPacking`` made.
    package static func open(_ path: String, kernel: Kernel = .best) throws(MeaningError) -> MeaningModel {
        try MeaningModel(try MappedFile(path, hint: ModelFile.hint), kernel)
    }

    private init(_ memory: MappedFile, _ kernel: Kernel) throws(MeaningError) {
        precondition(kernel.runs, "this machine has no \(kernel)")
        let file = try ModelFile(checking: memory)
        guard let tokenizer = Vocabulary(file, in: memory.bytes).flatMap(Tokenizer.init) else {
            throw MeaningError(
                .damaged, "the model \(memory.path) has words that make no sense",
                hint: "remove it, then \(ModelFile.hint)")
        }
        self.memory = memory
        self.kernel = kernel
        self.tokenizer = tokenizer
        dimensions = file.hidden
        longest = file.positions
        identity = "bert-\(file.hidden)-\(ModelPacking.hexadecimal(memory.bytes[64..<72]))"
        let weights = UnsafeRawBufferPointer(rebasing: memory.bytes[file.weightsStart..<file.digestStart])
        encoder = membus_encoder(shape: file.shape, weights: weights.assumingMemoryBound(to: Float.self).baseAddress)
    }

    /// - Returns: a vector of length 1.
    package func embed(_ text: String) -> [Float] {
        var embedder = Embedder(self)
        return embedder.embed(text)
    }

    /// The tokens that a text costs a budget: of all of it, without [CLS] and [SEP].
    package func tokenCount(_ text: String) -> Int { tokenizer.count(of: text) }

    /// What the encoder sees of a text: at most ``longest``, between [CLS] and [SEP].
    package func tokens(_ text: String) -> [UInt32] { tokenizer.tokens(of: text, atMost: longest) }
}

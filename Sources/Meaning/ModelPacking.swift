import Crypto
import FoundationEssentials
import MembusSystem

/// Makes a model's file of what is published: `model.safetensors` and `vocab.txt`.
package enum ModelPacking {
    /// SHA-256 of all-MiniLM-L6-v2's weights.
    package static let miniLM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    /// Tokens of a text, as the model's card says; of the position vectors no more are needed.
    static let positions = 256

    /// The file appears whole or not at all; one that is there is replaced.
    /// - Parameter expected: SHA-256 of the weights, in hexadecimal; nil takes any BERT whose heads have 32 dimensions.
    package static func pack(
        weights: String, vocabulary: String, to path: String, expected: String? = miniLM
    ) throws(MeaningError) {
        let source = try WeightsFile(weights)
        let digest = source.digest
        if let expected, expected != hexadecimal(digest) {
            throw MeaningError(
                .foreign, "\(weights) has SHA-256 \(hexadecimal(digest)) instead of \(expected)",
                hint: "remove it, then \(ModelFile.hint)")
        }
        let lines = try words(in: vocabulary)
        let table = Vocabulary.layOut(lines)
        let file = try layout(of: source, words: lines.count, in: vocabulary, table.slots.count, table.bytes.count)

        var output = try Output(path)
        var header = file.header
        header.replaceSubrange(64..<96, with: digest)
        try output.put(header)
        try output.put(table.slots)
        try output.put(table.offsets)
        try output.put(table.bytes)
        try output.put([UInt8](repeating: 0, count: file.weightsStart - file.bytesStart - file.wordBytes))
        try putWeights(of: source, file, into: &output)
        try output.finish()
    }

    private static func words(in path: String) throws(MeaningError) -> [ArraySlice<UInt8>] {
        let bytes = try MappedFile(path, hint: ModelFile.hint).read { Array($0) }
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func layout(
        of source: WeightsFile, words: Int, in vocabulary: String, _ slots: Int, _ wordBytes: Int
    ) throws(MeaningError) -> ModelFile {
        let embeddings = try source.shape(of: "embeddings.word_embeddings.weight")
        let inner = try source.shape(of: "encoder.layer.0.intermediate.dense.weight").rows
        var layers = 0
        while (try? source.shape(of: layer(layers) + "output.dense.weight")) != nil { layers += 1 }
        let file = ModelFile(
            words: words, positions: positions, hidden: embeddings.columns, heads: embeddings.columns / 32,
            inner: inner, layers: layers, slots: slots, wordBytes: wordBytes)
        guard words == embeddings.rows, file.isUsable else {
            throw MeaningError(
                .foreign,
                "\(vocabulary) has \(words) words; the weights have \(embeddings.rows), \(layers) layers and the"
                    + " dimensions \(embeddings.columns) and \(inner)", hint: ModelFile.hint)
        }
        return file
    }

    private static func layer(_ number: Int) -> String { "encoder.layer.\(number)." }

    /// In the order that meaning.h tells.
    private static func putWeights(
        of source: WeightsFile, _ file: ModelFile, into output: inout Output
    ) throws(MeaningError) {
        let hidden = file.hidden
        func norm(_ name: String) throws(MeaningError) {
            try output.put(source.floats(name + ".LayerNorm.weight", hidden))
            try output.put(source.floats(name + ".LayerNorm.bias", hidden))
        }
        func matrices(_ names: [String], _ outputs: Int, _ inputs: Int) throws(MeaningError) {
            try output.put(source.matrix(names.map { $0 + ".weight" }, outputs: outputs, inputs: inputs))
            for name in names { try output.put(source.floats(name + ".bias", outputs)) }
        }
        try output.put(source.floats("embeddings.word_embeddings.weight", file.words, hidden))
        try output.put(places(of: source, hidden))
        try norm("embeddings")
        for number in 0..<file.layers {
            let layer = layer(number)
            try matrices(["query", "key", "value"].map { layer + "attention.self." + $0 }, hidden, hidden)
            try matrices([layer + "attention.output.dense"], hidden, hidden)
            try norm(layer + "attention.output")
            try matrices([layer + "intermediate.dense"], file.inner, hidden)
            try matrices([layer + "output.dense"], hidden, file.inner)
            try norm(layer + "output")
        }
    }

    /// The position vectors, with the vector of a first text added, since there is no second.
    private static func places(of source: WeightsFile, _ hidden: Int) throws(MeaningError) -> [Float] {
        let count = try source.shape(of: "embeddings.position_embeddings.weight").rows
        // More than any model has are none that could be laid out.
        guard (positions...1 << 20).contains(count) else {
            throw MeaningError(.foreign, "the weights know \(count) positions of \(positions)", hint: ModelFile.hint)
        }
        let places = try source.floats("embeddings.position_embeddings.weight", count, hidden)
        let type = try source.floats("embeddings.token_type_embeddings.weight", 2, hidden)
        return places.prefix(positions * hidden).enumerated().map { $1 + type[$0 % hidden] }
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// Writes, and hashes what it writes.
    private struct Output {
        private let file: AtomicFile
        private var hasher = SHA256()

        init(_ path: String) throws(MeaningError) {
            file = try Self.write { () throws(FileError) in try AtomicFile(for: path) }
        }

        mutating func put<Element: BitwiseCopyable>(_ values: [Element]) throws(MeaningError) {
            let bytes = values.withUnsafeBytes { Data($0) }
            hasher.update(data: bytes)
            try Self.write { () throws(FileError) in try file.write(bytes) }
        }

        mutating func finish() throws(MeaningError) {
            let digest = Data(hasher.finalize())
            try Self.write { () throws(FileError) in
                try file.write(digest)
                try file.commit()
            }
        }

        private static func write<R>(_ body: () throws(FileError) -> R) throws(MeaningError) -> R {
            do { return try body() } catch {
                throw MeaningError(
                    .unreadable, "\(error.path) \(error.problem)", hint: "free space there, or choose another place")
            }
        }
    }
}

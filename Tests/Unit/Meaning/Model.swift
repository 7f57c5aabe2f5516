import Foundation
import Testing

@testable import MembusMeaning

/// all-MiniLM-L6-v2, packed once for all tests, with every kernel that runs here.
enum MiniLM {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let opened = Result { try open() }

    static let kernels = Kernel.allCases.filter(\.runs)

    static func model(_ kernel: Kernel = .best) throws -> MeaningModel {
        try #require(try opened.get().first { $0.kernel == kernel })
    }

    private static func open() throws -> [MeaningModel] {
        let folder = root.appending(path: ".build/model")
        let (weights, words) = (folder.appending(path: "model.safetensors"), folder.appending(path: "vocab.txt"))
        for file in [weights, words] where !FileManager.default.fileExists(atPath: file.path) {
            throw Missing(description: "there is no \(file.path): run ./deploy/packages")
        }
        let packed = temporaryPath("minilm")
        // Mapped files stay until nobody has them.
        defer { unlink(packed) }
        try ModelPacking.pack(weights: weights.path, vocabulary: words.path, to: packed)
        return try kernels.map { try MeaningModel.open(packed, kernel: $0) }
    }

    private struct Missing: Error, CustomStringConvertible { var description: String }
}

/// What the reference implementations make of a text: see reference.py.
struct Reference: Decodable {
    var text: String
    var tokens: [UInt32]
    var count: Int
    /// In base64, 384 floats.
    var vector: String?

    static func all() throws -> [Reference] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "references.json")
        return try JSONDecoder().decode([Reference].self, from: Data(contentsOf: file))
    }

    func floats() throws -> [Float]? {
        guard let vector else { return nil }
        let data = try #require(Data(base64Encoded: vector))
        return (0..<data.count / 4).map { place in
            data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place * 4, as: Float.self) }
        }
    }
}

func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appending(path: "membus-\(name)-\(UUID().uuidString)").path
}

/// A model of the same kind, of a few kilobytes: one layer of 32 dimensions.
struct TinyModel {
    var words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c"]
    /// Left out of the weights.
    var without: String?

    /// - Returns: the file's path.
    func pack(expected: String? = nil) throws -> String {
        let (weights, vocabulary, packed) = (temporaryPath("weights"), temporaryPath("words"), temporaryPath("tiny"))
        defer {
            unlink(weights)
            unlink(vocabulary)
        }
        try safetensors().write(to: URL(fileURLWithPath: weights))
        try Data(words.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: vocabulary))
        try ModelPacking.pack(weights: weights, vocabulary: vocabulary, to: packed, expected: expected)
        return packed
    }

    private var shapes: [(String, [Int])] {
        var shapes: [(String, [Int])] = [
            ("embeddings.word_embeddings.weight", [8, 32]), ("embeddings.position_embeddings.weight", [256, 32]),
            ("embeddings.token_type_embeddings.weight", [2, 32]),
        ]
        let layer = "encoder.layer.0."
        for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            shapes += [(layer + part + ".weight", [32, 32]), (layer + part + ".bias", [32])]
        }
        shapes += [(layer + "intermediate.dense.weight", [64, 32]), (layer + "intermediate.dense.bias", [64])]
        shapes += [(layer + "output.dense.weight", [32, 64]), (layer + "output.dense.bias", [32])]
        for norm in ["embeddings", layer + "attention.output", layer + "output"] {
            shapes += [(norm + ".LayerNorm.weight", [32]), (norm + ".LayerNorm.bias", [32])]
        }
        return shapes.filter { $0.0 != without }
    }

    private func safetensors() throws -> Data {
        var header: [String: Any] = ["__metadata__": ["format": "pt"]]
        var floats: [Float] = []
        for (name, shape) in shapes {
            let (start, count) = (floats.count * 4, shape.reduce(1, *))
            floats += (0..<count).map { Float(($0 * 7919 + name.utf8.count) % 101) / 101 - 0.5 }
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, floats.count * 4]]
        }
        let json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
        return withUnsafeBytes(of: UInt64(json.count)) { Data($0) } + json + floats.withUnsafeBytes { Data($0) }
    }
}

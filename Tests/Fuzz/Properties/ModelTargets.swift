import Crypto
import Foundation

@testable import MembusMeaning

// A sentence model's files: the packed one, damaged by a script, with its checksum as it was or put right; and the header
// of published weights. Either is refused with a reason, or is a model that embeds whatever it is given.

extension FuzzTarget {
    static let model = FuzzTarget(name: "model", check: checkModel, seeds: { modelSeeds }, mutations: 25)
    static let weights = FuzzTarget(name: "weights", check: checkWeights, seeds: weightSeeds, mutations: 10)
}

/// A script: an odd byte puts the checksum right; then at most 16 changes: a place, two bytes, and what is written over it;
/// nothing cuts the file there.
private func checkModel(_ bytes: [UInt8]) throws {
    var (file, script) = (SampleModel.packed, Script(bytes))
    let isSealed = script.byte() & 1 == 1
    for _ in 0..<16 where !script.isAtEnd {
        let place = (Int(script.byte()) << 8 | Int(script.byte())) % (file.count + 1)
        let piece = script.piece()
        if piece.isEmpty {
            file = Array(file.prefix(place))
        } else {
            for (offset, byte) in piece.enumerated() where place + offset < file.count { file[place + offset] = byte }
        }
    }
    if isSealed { file = SampleModel.sealed(file) }
    try inFile(file, checkOpening)
    // As a whole file.
    try inFile(bytes, checkOpening)
}

private func checkOpening(_ path: String) throws {
    let model: MeaningModel
    do throws(MeaningError) { model = try MeaningModel.open(path) } catch { return try check(error) }
    for text in ["", "a trains [MASK] é", "training the unknown " + String(repeating: "a ", count: 40)] {
        let tokens = model.tokens(text)
        try require(tokens.count >= 2 && tokens.count <= model.longest, "\(tokens.count) tokens of \(model.longest)")
        _ = model.tokenCount(text)
        let vector = model.embed(text)
        try require(vector.count == model.dimensions, "a vector of \(vector.count) numbers")
        _ = QuantizedVector(vector)
    }
    try require(!model.identity.isEmpty, "a model without a name")
}

private func check(_ error: MeaningError) throws {
    try requireClear(error.message, "a model")
    try requireClear(error.hint, "a model")
}

/// The input is the header; the floats behind it are always the same.
private func checkWeights(_ bytes: [UInt8]) throws {
    let floats = [Float](repeating: 0.25, count: 24_000)
    let file = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) } + bytes
    try inFile(file + floats.withUnsafeBytes { Array($0) }) { weights in
        try inFile(Array(SampleModel.words.joined(separator: "\n").utf8)) { words in
            let packed = weights + ".packed"
            defer { unlink(packed) }
            do throws(MeaningError) {
                try ModelPacking.pack(weights: weights, vocabulary: words, to: packed, expected: nil)
            } catch { return try check(error) }
            _ = try MeaningModel.open(packed).embed("a train")
        }
    }
}

/// In memory, where there is such a place.
private func inFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let path = "\(base)/membus-fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try body(path)
}

/// One layer of 32 dimensions, of few words.
enum SampleModel {
    static let words = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "train", "##s", "##ing", "e", "the", ",", "東",
    ]

    static let packed: [UInt8] = {
        let table = Vocabulary.layOut(words.map { Array($0.utf8)[...] })
        let file = ModelFile(
            words: words.count, positions: 16, hidden: 32, heads: 1, inner: 32, layers: 1, slots: table.slots.count,
            wordBytes: table.bytes.count)
        var bytes = file.header
        for numbers in [table.slots, table.offsets] { numbers.withUnsafeBytes { bytes += $0 } }
        bytes += table.bytes
        bytes += [UInt8](repeating: 0, count: file.weightsStart - bytes.count)
        let weights = (0..<(file.digestStart - file.weightsStart) / 4).map { Float($0 * 7919 % 101) / 101 - 0.5 }
        weights.withUnsafeBytes { bytes += $0 }
        return sealed(bytes + [UInt8](repeating: 0, count: ModelFile.digestBytes))
    }()

    /// With the checksum that it should have.
    static func sealed(_ file: [UInt8]) -> [UInt8] {
        let body = Array(file.dropLast(ModelFile.digestBytes))
        return body + SHA256.hash(data: Data(body))
    }
}

private let modelSeeds: [[UInt8]] = [
    [], [1], [0, 0, 20, 1, 9], [1, 0, 128, 0], [1, 0, 16, 4, 2, 0, 0, 0], [1, 0, 20, 4, 255, 255, 255, 255],
    [1, 0, 44, 4, 0, 0, 0, 128],
    [1, 0, 128, 8, 1, 0, 0, 0, 13, 0, 0, 0], [1, 1, 0, 4, 255, 255, 255, 255], [1, 4, 0, 4, 0, 0, 192, 127],
    [1, 1, 64, 8, 2, 0, 0, 0, 1, 0, 0, 0], Array("membus model\0\0\0\0".utf8), Array(SampleModel.packed.prefix(200)),
]

private func weightSeeds() throws -> [[UInt8]] {
    var shapes: [(String, [Int])] = [
        ("embeddings.word_embeddings.weight", [SampleModel.words.count, 32]),
        ("embeddings.position_embeddings.weight", [256, 32]), ("embeddings.token_type_embeddings.weight", [2, 32]),
    ]
    let layer = "encoder.layer.0."
    for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
        shapes += [(layer + part + ".weight", [32, 32]), (layer + part + ".bias", [32])]
    }
    for part in ["intermediate.dense", "output.dense"] {
        shapes += [(layer + part + ".weight", [32, 32]), (layer + part + ".bias", [32])]
    }
    for norm in ["embeddings", layer + "attention.output", layer + "output"] {
        shapes += [(norm + ".LayerNorm.weight", [32]), (norm + ".LayerNorm.bias", [32])]
    }
    let tensors = shapes.map { name, shape in
        #""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,\#(shape.reduce(4, *))]}"#
    }
    return [
        "{" + tensors.joined(separator: ",") + "}", #"{"__metadata__":{"format":"pt"},"# + tensors[0] + "}",
        "{" + tensors.dropLast().joined(separator: ",") + "}", "{}", "[",
        #"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#,
        "{" + tensors.joined(separator: ",").replacing("[256, 32]", with: "[9000000000000000000, 32]") + "}",
    ].map { Array($0.utf8) }
}

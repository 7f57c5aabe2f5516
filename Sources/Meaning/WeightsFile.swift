import CMeaning
import Crypto
import FoundationEssentials

/// Weights as PyTorch's world hands them round, in the format "safetensors": the length of a header, the header in
/// JSON, then the floats.
struct WeightsFile {
    private let file: MappedFile
    private let tensors: [Tensor]
    private let dataStart: Int

    private struct Tensor {
        let name: String
        let shape: [Int]
        let place: Range<Int>
    }

    init(_ path: String) throws(MeaningError) {
        let file = try MappedFile(path, hint: ModelFile.hint)
        self.file = file
        (tensors, dataStart) = try file.read { bytes throws(MeaningError) in
            guard bytes.count >= 8,
                let length = Int(exactly: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))),
                length >= 2, length <= bytes.count - 8
            else { throw Self.foreign(path, "is no safetensors file") }
            do {
                let header = try JSONDecoder().decode(Header.self, from: Data(bytes[8..<8 + length]))
                return (header.tensors, 8 + length)
            } catch { throw Self.foreign(path, "has a header that cannot be read") }
        }
    }

    var digest: [UInt8] { file.read { SHA256.hash(whole: $0) } }

    private static func foreign(_ path: String, _ what: String) -> MeaningError {
        MeaningError(.foreign, "\(path) \(what)", hint: ModelFile.hint)
    }

    /// The dimensions of a matrix, by rows.
    func shape(of name: String) throws(MeaningError) -> (rows: Int, columns: Int) {
        guard let shape = tensors.first(where: { $0.name == name })?.shape, shape.count == 2 else {
            throw Self.foreign(file.path, "has no matrix \"\(name)\"")
        }
        return (shape[0], shape[1])
    }

    /// - Parameter shape: what it must have.
    func floats(_ name: String, _ shape: Int...) throws(MeaningError) -> [Float] {
        let count = shape.reduce(1, *)
        guard let tensor = tensors.first(where: { $0.name == name }), tensor.shape == shape,
            tensor.place.count == count * 4, tensor.place.upperBound <= file.bytes.count - dataStart
        else { throw Self.foreign(file.path, "has no 32-bit floats \"\(name)\" of dimensions \(shape)") }
        return [Float](unsafeUninitializedCapacity: count) { floats, filled in
            file.read { bytes in
                let source = bytes[dataStart + tensor.place.lowerBound..<dataStart + tensor.place.upperBound]
                UnsafeMutableRawBufferPointer(floats).copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
            }
            filled = count
        }
    }

    /// A matrix, packed as the kernels read it; several are put below each other.
    func matrix(_ names: [String], outputs: Int, inputs: Int) throws(MeaningError) -> [Float] {
        var rows: [Float] = []
        for name in names { rows += try floats(name, outputs, inputs) }
        return [Float](unsafeUninitializedCapacity: rows.count) { packed, filled in
            membus_pack(rows, outputs * names.count, inputs, packed.baseAddress)
            filled = rows.count
        }
    }

    private struct Header: Decodable {
        var tensors: [Tensor] = []

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        private struct Entry: Decodable {
            let dtype: String
            let shape: [Int]
            let ends: [Int]

            enum CodingKeys: String, CodingKey {
                case dtype, shape
                case ends = "data_offsets"
            }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
            for key in container.allKeys where key.stringValue != "__metadata__" {
                let entry = try container.decode(Entry.self, forKey: key)
                let ends = entry.ends
                guard entry.dtype == "F32", ends.count == 2, ends[0] >= 0, ends[0] <= ends[1] else { continue }
                tensors.append(Tensor(name: key.stringValue, shape: entry.shape, place: ends[0]..<ends[1]))
            }
        }
    }
}

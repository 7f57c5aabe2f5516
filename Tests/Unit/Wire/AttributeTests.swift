import Foundation
import MembusModel
import Testing

@testable import MembusWire

@Suite("Attributes on the wire")
struct AttributeTests {
    private let attributes: Attributes = ["caf\u{E9}": "1", "cafe\u{301}": "2"]

    @Test("two spellings of one name travel as two, in puts and in records") func both() throws {
        let put = PBPut(Put(Data(), attributes: attributes))
        #expect(put.attributes.map(\.value) == ["2", "1"])
        let record = Record(key: try Key("k"), revision: 1, attributes: attributes)
        #expect(try Parse.record(try PBRecord(serializedBytes: PBRecord(record).serializedBytes() as Data)) == record)
    }

    @Test("an attribute is what an entry of map<string, string> is; of several of one name the last counts")
    func asAMap() throws {
        // Field 3 of Put, as a client has it that was generated while this was a map.
        let entries: [[UInt8]] = [
            [0x1A, 6, 0x0A, 1, 0x61, 0x12, 1, 0x31], [0x1A, 3, 0x0A, 1, 0x62], [0x1A, 6, 0x0A, 1, 0x61, 0x12, 1, 0x32],
        ]
        let put = try PBPut(serializedBytes: Data(entries.joined()))
        let parsed = try Put(put, "put")
        #expect(parsed.attributes == ["a": "2", "b": ""])
        let written: Data = try PBPut(Put(Data(), attributes: ["a": "1"])).serializedBytes()
        #expect(Array(written).suffix(8) == entries[0][...])
    }
}

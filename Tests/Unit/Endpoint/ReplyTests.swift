import Foundation
import MembusModel
import Testing

@testable import MembusEndpoint

@Suite struct ReplyTests {
    private func read(_ text: String, _ count: Int = 1, dimensions: Int? = nil) throws -> [[Float]] {
        try EmbeddingReply.vectors(in: Data(text.utf8), of: count, dimensions: dimensions)
    }

    private func item(_ index: String, _ vector: String) -> String { #"{"index":\#(index),"embedding":\#(vector)}"# }

    private func reply(_ items: String...) -> String { #"{"data":[\#(items.joined(separator: ","))]}"# }

    @Test("vectors stand in the order of their indices, not in that of the answer")
    func order() throws {
        let text = """
            {"object":"list","model":"m","usage":{"data":[1],"x":[{}]},"data":[
             {"object":"embedding","embedding":[3, 3e0],"index":2},
             {"index":0,"object":{"index":7},"embedding":[1,-1.5]}, {"embedding":[2,0.25E+1],"index":1}]}
            """
        #expect(try read(text, 3) == [[1, -1.5], [2, 2.5], [3, 3]])
    }

    @Test("base64 is four bytes a number, little-endian, with or without PHP's escapes")
    func base64() throws {
        let vector: [Float] = [1, -2.5, 3e-9, 1e30 / 1e12]
        let bytes = vector.flatMap { number in withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) } }
        let text = Data(bytes).base64EncodedString()
        #expect(try read(reply(item("0", "\"\(text)\""))) == [vector])
        let slashes: [Float] = [Float(bitPattern: 0x3F3F_FF3F)]
        let escaped = Data([0x3F, 0xFF, 0x3F, 0x3F]).base64EncodedString()
        #expect(escaped.contains("/"))
        #expect(try read(reply(item("0", "\"\(escaped.replacing("/", with: "\\/"))\""))) == [slashes])
    }

    @Test("an index that is missing, twice, or none is a lie")
    func indices() {
        let lies = [
            reply(item("0", "[1]")), reply(item("0", "[1]"), item("0", "[2]")), reply(),
            reply(item("0", "[1]"), item("2", "[2]")), reply(item("-1", "[1]"), item("0", "[2]")),
            reply(item("0", "[1]"), #"{"embedding":[2]}"#), reply(item("0", "[1]"), item("1.0", "[2]")),
            reply(item("0", "[1]"), item("\"1\"", "[2]")), reply(item("0", "[1]"), item("1e0", "[2]")),
            reply(item("0", "[1]"), item("[1]", "[2]")), reply(item("0", "[1]"), item("null", "[2]")),
            reply(item("0", "[1]"), item("1", "[2]"), item("1", "[2]")),
            reply(item("0", "[1]"), item("18446744073709551617", "[2]")),
            reply(item("0", "[1]"), #"{"index":1,"index":1,"embedding":[2]}"#),
            reply(item("0", "[1]"), #"{"index":1,"embedding":[2],"embedd\u0069ng":[2]}"#),
            reply(item("0", "[1]"), #"{"index":1}"#), reply(item("0", "[1]"), "[2]"),
            #"{"data":[\#(item("0", "[1]")),\#(item("1", "[2]"))],"data":[]}"#, #"{"data":{"0":[1]}}"#,
        ]
        for text in lies { #expect(isLie { try read(text, 2) }, "\(text)") }
    }

    @Test("vectors of other dimensions than one another, than before, or than configured are a lie")
    func dimensions() throws {
        #expect(isLie { try read(reply(item("0", "[1,2]"), item("1", "[1]")), 2) })
        #expect(isLie { try read(reply(item("0", "[1,2]")), dimensions: 3) })
        #expect(isLie { try read(reply(item("0", "[]"))) })
        #expect(isLie { try read(reply(item("0", "\"\""))) })
        let most = EmbeddingEndpoint.mostDimensions
        let ones = "[" + Array(repeating: "1", count: most).joined(separator: ",") + "]"
        #expect(try read(reply(item("0", ones))).first?.count == most)
        #expect(isLie { try read(reply(item("0", ones.dropLast() + ",1]"))) })
        let bytes = Data(repeating: 0x3F, count: 4 * (most + 1)).base64EncodedString()
        #expect(isLie { try read(reply(item("0", "\"\(bytes)\""))) })
    }

    @Test(
        "numbers that are none, infinite, or make no direction are a lie",
        arguments: [
            "[1,NaN]", "[1,null]", "[1,\"2\"]", "[1,[2]]", "[1,1e999]", "[1,-1e39]", "[0,0]", "[-0.0,0e5]", "[1e-30,0]",
            "[1e20,1e20]", "[1,true]", "[1,{}]", "null", "3", "{}", "\"AAA\"", "\"AADAfw==\"", "\"AACAfw==\"",
            "\"AAAAAA==\"",
            "\"\\u0041\"", "[Infinity]", "[-Infinity]",
        ])
    func numbers(vector: String) {
        let isInfinity = vector == "[-Infinity]"
        #expect(throws: EmbeddingReply.Fault.self) { try read(reply(item("0", vector))) }
        #expect(isLie { try read(reply(item("0", vector))) } || isInfinity)
    }

    @Test(
        "what is no such answer is unreadable, and not a lie",
        arguments: [
            "", "<html>", "[]", "null", "{}", "{\"data\":[", "{\"error\":{}}",
            "{\"data\":[{\"index\":0,\"embedding\":[1",
            "{\"data\":[]}x", "\u{FEFF}{}", "[[1,2]]", "{\"data\":[{\"index\":0,\"embedding\":[1.]}]}",
            "{\"data\":[{\"index\":0,\"embedding\":[01]}]}",
        ])
    func unreadable(text: String) {
        let error = #expect(throws: EmbeddingReply.Fault.self) { try read(text) }
        guard case .unreadable = error else {
            Issue.record("\(text): \(String(describing: error))")
            return
        }
    }

    @Test("numbers are those of strtof, but for the last place")
    func decimals() {
        var random = SeededRandom(seed: 7)
        var texts = [
            "0", "-0", "1", "-1.5", "3.4028235e38", "3.5e38", "1e-45", "1e-46",
            "0." + String(repeating: "0", count: 400) + "1e400",
            "1" + String(repeating: "0", count: 400) + "e-400", "1e400", "1e-400", "1E+05",
            "123456789012345678901234567890",
            "0.000000000000000000000000000012345678901234567890", "1e99999999999999999999", "1e-99999999999999999999",
            "0e999",
            "16777217", "0.1", "99999999999999999999e-20",
        ]
        for _ in 0..<20_000 {
            let value = Float.random(in: -1...1, using: &random)
            texts += ["\(value)", "\(Double(value) + .random(in: -1e-9...1e-9, using: &random))"]
            let number = Float(bitPattern: UInt32.random(in: 0 ... .max, using: &random))
            if number.isFinite { texts.append("\(number)") }
        }
        for text in texts {
            let (mine, theirs) = (Array(text.utf8).withUnsafeBytes(DecimalNumber.float), strtof(text, nil))
            #expect(
                mine == theirs || abs(mine - theirs) <= max(theirs.ulp, .leastNonzeroMagnitude),
                "\(text): \(mine), not \(theirs)")
        }
    }

    @Test(
        "64 vectors of 3,072 dimensions are read in a moment; 32 MiB of brackets, names or zeros as well",
        .timeLimit(.minutes(1)))
    func speed() throws {
        var random = SeededRandom(seed: 3)
        let items = (0..<64).map { index in
            item(
                "\(index)",
                "[" + (0..<3072).map { _ in "\(Double.random(in: -0.1...0.1, using: &random))" }.joined(separator: ",")
                    + "]")
        }
        let data = Data(#"{"data":[\#(items.joined(separator: ","))]}"#.utf8)
        let clock = ContinuousClock()
        var vectors: [[Float]] = []
        let taken = try clock.measure { vectors = try EmbeddingReply.vectors(in: data, of: 64) }
        #expect(vectors.count == 64 && vectors.allSatisfy { $0.count == 3072 })
        let tree = try clock.measure { _ = try JSON(parsing: data) }
        print("64 x 3072 (\(data.count) bytes): \(taken); as a tree of JSON \(tree)")
        #expect(taken < .seconds(1))
        let count = 32 << 20
        for (start, piece) in [
            ("", "["), ("{\"data\":[", "{},"), ("{\"x\":[0", ",0"), ("{", "\"\":0,"), ("", "{\"a\":"),
            ("{\"x\":[[]", ",[]"),
            ("{\"data\":[{\"index\":", "1"), ("{\"data\":[{\"embedding\":[1", ",1"),
            ("{\"data\":[{\"embedding\":[0.", "0"),
            ("{\"data\":[{\"embedding\":\"", "A"), ("{\"data\":[{\"index\":\"", "\\u0030"), ("", "\u{1}"), ("", " "),
            ("{\"data\":[{\"embedding\":[1e", "9"), ("{\"data\":[{", "\"a\":[],"),
        ] {
            let text = Data((start + String(repeating: piece, count: count / piece.utf8.count)).utf8)
            let taken = clock.measure {
                #expect(throws: EmbeddingReply.Fault.self) { try EmbeddingReply.vectors(in: text, of: 64) }
            }
            print("\(start)\(piece)…: \(taken)")
            #expect(taken < .seconds(5), "\(start)\(piece)")
        }
    }

    private func isLie(_ work: () throws -> [[Float]]) -> Bool {
        do {
            _ = try work()
            return false
        } catch EmbeddingReply.Fault.lie { return true } catch { return false }
    }
}

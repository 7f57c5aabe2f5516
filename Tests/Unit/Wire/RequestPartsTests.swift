import Foundation
import MembusModel
import Testing

@testable import MembusWire

@Suite struct RequestPartsTests {
    private static let tooMany = RequestParts.most + 1

    /// A field that holds bytes.
    private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        var (length, header) = (content.count, [number >> 4 == 0 ? number << 3 | 2 : (number << 3 | 2) | 0x80])
        if number >> 4 != 0 { header.append(number >> 4) }
        while length > 127 {
            header.append(UInt8(length & 127) | 0x80)
            length >>= 7
        }
        return header + [UInt8(length)] + content
    }

    private static func empty(_ number: UInt8, times: Int) -> [UInt8] {
        [[UInt8]](repeating: field(number, []), count: times).flatMap { $0 }
    }

    /// Version 1, id 77, then what is given.
    private static func frame(_ body: [UInt8]) -> [UInt8] { [1 << 3, 1, 2 << 3, 77] + body }

    /// From the request to what it repeats, by field numbers.
    static let paths: [[UInt8]] = [
        [5], [12, 4, 4], [12, 4, 5], [12, 4, 6], [12, 4, 5, 2, 3], [12, 4, 5, 2, 4], [12, 4, 5, 2, 7], [14, 2],
        [15, 2], [17, 2],
        [20, 2],
        [23, 2], [27, 2], [29, 3], [12, 6, 4], [12, 6, 4, 7, 3], [12, 6, 4, 7, 4], [12, 6, 4, 7, 7], [12, 7, 3],
        [12, 8, 2], [12, 8, 3],
        [12, 8, 5], [12, 8, 5, 7, 3], [12, 8, 5, 7, 4], [12, 8, 5, 7, 7], [30, 1], [30, 2], [30, 3], [12, 8, 10],
        [12, 11, 2],
        [12, 11, 3], [12, 11, 3, 7, 3], [12, 11, 3, 7, 4], [12, 11, 3, 7, 7], [12, 12, 2], [12, 12, 3], [12, 12, 7],
        [31, 1, 4],
        [31, 1, 4, 7, 3], [31, 1, 4, 7, 4], [31, 1, 4, 7, 7], [31, 2, 3], [31, 3, 2], [31, 3, 3], [31, 3, 5],
        [31, 3, 5, 7, 3],
        [31, 3, 5, 7, 4], [31, 3, 5, 7, 7], [31, 3, 10], [31, 4, 2], [31, 4, 3], [31, 4, 3, 7, 3], [31, 4, 3, 7, 4],
        [31, 4, 3, 7, 7], [31, 5, 2],
        [31, 5, 3], [31, 5, 7], [33, 4], [34, 4], [35, 3], [35, 5],
    ]

    @Test("a request of too many parts is refused by their number, wherever they are", arguments: paths)
    func tooManyParts(_ path: [UInt8]) throws {
        var bytes = Self.empty(path[path.count - 1], times: Self.tooMany)
        for number in path.dropLast().reversed() { bytes = Self.field(number, bytes) }
        let decoded = WireCodec.decodeRequest(Self.frame(bytes))
        #expect(decoded.id == 77)
        guard case .failure(let failure) = decoded.result else {
            Issue.record("it was accepted")
            return
        }
        #expect(failure.code == .limitExceeded && failure.subject == "parts")
    }

    @Test("parts that stand behind a group are counted all the same")
    func group() {
        let bytes = Self.frame([30 << 3 & 0x7F | 0x80 | 3, 1] + Self.empty(5, times: Self.tooMany))
        #expect(bytes.withUnsafeBytes { RequestParts.areTooMany(in: $0) })
    }

    @Test("a transaction of too many parts takes its turn in the session, as one of a wrong key does")
    func takesItsTurn() throws {
        let session: [UInt8] = [1 << 3 | 1, 9, 0, 0, 0, 0, 0, 0, 0]
        let parts = Self.field(4, Self.empty(5, times: Self.tooMany))
        let frame = Self.frame(
            [4 << 3 | 1, 5, 0, 0, 0, 0, 0, 0, 0] + Self.field(12, session + [2 << 3, 3, 3 << 3, 2] + parts))
        let request = try WireCodec.decodeRequest(frame).result.get()
        guard case .transact(let transact) = request.body, case .failure(let failure) = transact.work else {
            Issue.record("no refused work: \(request)")
            return
        }
        #expect(request.instance == Instance(5))
        #expect(transact.session == SessionID(9) && transact.number == 3 && transact.acknowledged == 2)
        #expect(failure.code == .limitExceeded && failure.subject == "parts")
    }

    @Test("packed revisions are counted one by one")
    func packed() {
        let revisions = Self.field(3, [UInt8](repeating: 1, count: Self.tooMany))
        let bytes = Self.frame(Self.field(12, Self.field(8, revisions)))
        #expect(bytes.withUnsafeBytes { RequestParts.areTooMany(in: $0) })
    }

    @Test("a request of as many parts as may be is read")
    func asManyAsMayBe() throws {
        let links = (0..<RequestParts.most - 1).map { _ in Link(relation: "r", target: Key(unchecked: "k")) }
        let transaction = Transaction(changes: [Change(Key(unchecked: "k"), .put(Put(Data(), links: links)))])
        let transact = Transact(
            session: SessionID(1), number: 1, acknowledged: 0, work: .success(.transaction(transaction)))
        let request = Request(id: 1, deadline: nil, instance: Instance(1), streams: [], body: .transact(transact))
        let again = try WireCodec.decodeRequest(WireCodec.encode(request)).result.get()
        guard case .transact(let arrived) = again.body, case .success(.transaction(let work)) = arrived.work else {
            Issue.record("it was not read")
            return
        }
        #expect(work == transaction)
    }

    @Test("whatever a request can repeat, by the protos, is counted")
    func followsTheProtos() throws {
        let messages = try ProtoFiles.messages()
        var (found, waiting): (Set<[UInt8]>, [(name: String, path: [UInt8])]) = ([], [("Request", [])])
        while let (name, path) = waiting.popLast() {
            for field in try #require(messages[name]) {
                let here = path + [field.number]
                // Numbers that stand packed become numbers that stand packed.
                if field.isRepeated, field.type != "float" { found.insert(here) }
                if messages[field.type] != nil { waiting.append((field.type, here)) }
            }
        }
        #expect(found == Set(Self.paths))
    }
}

/// As much of the protos as the test above needs.
private enum ProtoFiles {
    struct Field {
        var type: String
        var number: UInt8
        var isRepeated: Bool
    }

    /// The fields of each message; an inner message goes by its own name.
    static func messages() throws -> [String: [Field]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../protos/membus/v1")
        var messages: [String: [Field]] = [:]
        for file in ["memory.proto", "bus.proto"] {
            var open: [String] = []
            for line in try String(contentsOf: folder.appending(path: file), encoding: .utf8).split(separator: "\n") {
                let code = line.split(separator: "//", omittingEmptySubsequences: false)[0]
                if let start = code.firstMatch(of: /^\s*(message|oneof|enum)\s+(\w+)\s*\{/) {
                    open.append(start.1 == "message" ? String(start.2) : start.1 == "enum" ? "" : open.last ?? "")
                    if start.1 == "message" { messages[String(start.2), default: []] += [] }
                    if code.contains("}") { open.removeLast() }
                } else if code.contains("}") {
                    open.removeLast()
                } else if let name = open.last, !name.isEmpty,
                    let field = code.firstMatch(
                        of: /^\s*(repeated\s+|optional\s+|map)?([\w.]+|<.*>)\s+\w+\s*=\s*(\d+)\s*;/)
                {
                    let isRepeated = field.1.map { !$0.hasPrefix("optional") } ?? false
                    messages[name, default: []].append(
                        Field(type: String(field.2), number: UInt8(String(field.3)) ?? 0, isRepeated: isRepeated))
                }
            }
        }
        return messages
    }
}

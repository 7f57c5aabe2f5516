import MembusDocuments
import MembusModel

/// `membus://branch/key`: a record; with a slash at the end a topic. What a URI can't hold is percent-encoded, by bytes.
struct ResourceURI: Hashable, Sendable {
    var branch: BranchName
    /// A key, or a prefix that ends in `/`; `/` for everything.
    var topic: Topic

    private static let scheme = "membus://"

    init(branch: BranchName, key: Key) {
        self.branch = branch
        topic = Topic(unchecked: key.text)
    }

    init?(_ text: String) {
        guard text.utf8.starts(with: Self.scheme.utf8) else { return nil }
        let rest = Array(text.utf8.dropFirst(Self.scheme.utf8.count))
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")),
            let branch = Self.decoded(rest[..<slash]).flatMap({ try? BranchName($0) }),
            let path = Self.decoded(rest[(slash + 1)...]),
            let topic = path.isEmpty ? Topic.everything : try? Topic(path)
        else { return nil }
        (self.branch, self.topic) = (branch, topic)
    }

    /// `nil`: of many.
    var key: Key? { topic.isPrefix || topic.isEverything ? nil : try? Key(topic.text) }

    var text: String {
        Self.scheme + Self.encoded(branch.text, keeping: []) + "/"
            + (topic.isEverything ? "" : Self.encoded(topic.text, keeping: [UInt8(ascii: "/")]))
    }

    private static func encoded(_ text: String, keeping kept: Set<UInt8>) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "@"), UInt8(ascii: ":"):
                bytes.append(byte)
            case _ where kept.contains(byte): bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
        var plain: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                plain.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            plain.append(high << 4 | low)
        }
        return String(validating: plain, as: UTF8.self)
    }
    private static func digit(_ byte: UInt8) -> UInt8? { Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) }

    static let templates: JSONValue = [
        [
            "uriTemplate": "membus://{branch}/{+key}", "name": "record", "title": "A record",
            "description": "What is under a key of a branch; main is the branch that always exists.",
        ],
        [
            "uriTemplate": "membus://{branch}/{+topic}/", "name": "topic", "title": "A topic",
            "description": "All records below a prefix, as of one revision; subscribe to it to hear of every change.",
        ],
    ]
}

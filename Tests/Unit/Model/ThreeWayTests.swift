import Foundation
import MembusModel
import Testing

@Suite("Three-way merges")
struct ThreeWayTests {
    private func record(
        _ value: String?, kind: Kind = .text, attributes: Attributes = [:], links: [Link] = [], owner: String = "ada",
        expires: Int64? = nil
    ) -> Record? {
        value.map {
            Record(
                key: key("a"), revision: 1, kind: kind, content: .inline(Data($0.utf8)), attributes: attributes,
                links: links, owner: owner, expires: expires.map { Timestamp(milliseconds: $0) })
        }
    }

    private func merge(
        _ base: Record?, _ ours: Record?, _ theirs: Record?, by policy: MergePolicy? = nil
    ) -> ThreeWay.Result {
        ThreeWay.merge(
            base: base, ours: MergeSide(record: ours, revision: 7), theirs: MergeSide(record: theirs, revision: 8),
            by: policy)
    }

    /// What becomes of three values of one kind: the value, or what else it is in a word.
    private func merged(
        _ base: String?, _ ours: String?, _ theirs: String?, _ kind: Kind = .text, by policy: MergePolicy? = nil
    ) -> String {
        shown(merge(record(base, kind: kind), record(ours, kind: kind), record(theirs, kind: kind), by: policy))
    }

    /// What becomes of texts if the named sides only appended.
    private func appended(_ base: String?, _ ours: String, _ theirs: String, by sides: Set<MergeChoice>) -> String {
        shown(
            ThreeWay.merge(
                base: record(base),
                ours: MergeSide(record: record(ours), revision: 7, hasOnlyAppended: sides.contains(.ours)),
                theirs: MergeSide(record: record(theirs), revision: 8, hasOnlyAppended: sides.contains(.theirs)),
                by: nil))
    }

    private func shown(_ result: ThreeWay.Result) -> String {
        switch result {
        case .ours: "ours"
        case .theirs: "theirs"
        case .settled(let choice): "settled: \(choice)"
        case .combined(let content): String(decoding: content.value, as: UTF8.self)
        case .conflict(let kind): "\(kind)"
        }
    }

    @Test("what one side changed is taken, whatever its kind")
    func oneSided() {
        for kind in [Kind.text, .json, .counter, Kind("image")] {
            #expect(merged("1", "1", "2", kind) == "theirs")
            #expect(merged("1", "2", "1", kind) == "ours")
            #expect(merged("1", "1", nil, kind) == "theirs")
            #expect(merged("1", nil, "1", kind) == "ours")
            #expect(merged(nil, nil, "1", kind) == "theirs")
            #expect(merged(nil, "1", nil, kind) == "ours")
            #expect(merged("1", nil, nil, kind) == "ours")
            #expect(merged("1", "1", "1", kind) == "ours")
        }
        #expect(merged(nil, nil, nil) == "ours")
    }

    @Test("both sides may have come to the same")
    func agreed() {
        for kind in [Kind.text, .json, Kind("image")] {
            #expect(merged("1", "2", "2", kind) == "ours")
            #expect(merged(nil, "2", "2", kind) == "ours")
        }
    }

    @Test("counters add up what both sides added, also when both came to the same number")
    func counters() {
        #expect(merged("5", "7", "4", .counter) == "6")
        #expect(merged("5", "6", "6", .counter) == "7")
        #expect(merged(nil, "3", "3", .counter) == "6")
        // Both were created, one at nothing: the sum is the other.
        #expect(merged(nil, "3", "0", .counter) == "ours" && merged(nil, "0", "3", .counter) == "theirs")
        #expect(merged(nil, "0", "0", .counter) == "ours")
        #expect(merged("5", "6", "4", .counter) == "5", "back at the base, which neither side has")
        // More than 64 bits in between are no harm.
        let (most, least) = ("\(Int64.max)", "\(Int64.min)")
        #expect(merged("9", most, "8", .counter) == "\(Int64.max - 1)")
        #expect(merged(least, "-1", "-2", .counter) == "\(Int64.max - 2)")
        #expect(merged("1", most, "2", .counter) == "bothChanged")
        #expect(merged(nil, most, most, .counter) == "bothCreated")
        #expect(merged("1", most, "2", .counter, by: .newest) == "settled: theirs")
    }

    @Test("another policy than their own keeps counters from being added up")
    func countersByPolicy() {
        #expect(merged("5", "7", "4", .counter, by: .counter) == "6")
        #expect(merged("5", "7", "4", .counter, by: .ask) == "bothChanged")
        #expect(merged("5", "7", "4", .counter, by: .ours) == "settled: ours")
        #expect(merged("5", "6", "6", .counter, by: .newest) == "ours")
        for policy in [MergePolicy.json, .text, .set] {
            #expect(merged("5", "7", "4", .counter, by: policy) == "bothChanged")
        }
    }

    @Test("objects merge member by member, however deep; ours' order, then what theirs adds")
    func json() {
        #expect(
            merged(
                #"{"a":1,"b":{"c":1,"d":1}}"#, #"{"b":{"d":1,"c":2},"a":1}"#,
                #"{"z":0,"a":1,"b":{"c":1,"d":2,"e":[]}}"#, .json)
                == #"{"b":{"d":2,"c":2,"e":[]},"a":1,"z":0}"#)
        #expect(merged(#"{"a":1,"b":1,"c":1}"#, #"{"a":1,"c":1}"#, #"{"a":1,"b":1}"#, .json) == #"{"a":1}"#)
        #expect(merged(#"{"a":1,"b":1}"#, #"{"a":1}"#, #"{"a":1,"b":2}"#, .json) == "bothChanged")
        #expect(merged(#"{"a":[1]}"#, #"{"a":[1,2]}"#, #"{"a":[1,3]}"#, .json) == "bothChanged", "arrays are whole")
        #expect(merged(#"{"a":1}"#, #"{"a":{"x":1}}"#, #"{"a":{"y":1}}"#, .json) == #"{"a":{"x":1,"y":1}}"#)
        #expect(merged(nil, #"{"a":1}"#, #"{"b":1}"#, .json) == #"{"a":1,"b":1}"#)
        #expect(merged(nil, #"{"a":1}"#, #"{"a":2}"#, .json) == "bothCreated")
        #expect(merged("[1]", "[1,2]", "[1,3]", .json) == "bothChanged")
        #expect(merged("{}", "{\"a\":1}", "[]", .json) == "bothChanged")
        #expect(merged(#"{"a":null}"#, #"{}"#, #"{"a":null,"b":1}"#, .json) == #"{"b":1}"#, "null is a value")
    }

    @Test("members' order, white space and escapes are no changes; a number's spelling is one")
    func jsonMeaning() {
        #expect(merged(#"{"a":1,"b":"A"}"#, #"{"b":"\u0041", "a":1}"#, #"{"a":2,"b":"A"}"#, .json) == "theirs")
        #expect(merged(#"{"a":1}"#, #"{"a":2,"b":3}"#, #"{ "b":3, "a":2 }"#, .json) == "ours", "they agree")
        #expect(merged(#"{"a":1,"b":1}"#, #"{"a":1.0,"b":1}"#, #"{"a":1,"b":2}"#, .json) == #"{"a":1.0,"b":2}"#)
        #expect(merged(#"{"a":1}"#, #"{"a":1.0}"#, #"{"a":1e0}"#, .json) == "bothChanged")
        #expect(
            merged(
                #"{"a":12345678901234567890}"#, #"{"a":12345678901234567890,"b":1}"#,
                #"{"a":12345678901234567890,"c":1}"#, .json) == #"{"a":12345678901234567890,"b":1,"c":1}"#)
        // One name in two spellings is one name; two spellings of one letter are two.
        #expect(merged(#"{"a":1}"#, #"{"\u0061":1,"b":1}"#, #"{"a":2}"#, .json) == #"{"\u0061":2,"b":1}"#)
        #expect(merged("{}", "{\"\u{e9}\":1}", "{\"e\u{301}\":2}", .json) == "{\"\u{e9}\":1,\"e\u{301}\":2}")
    }

    @Test("texts merge line by line")
    func lines() {
        #expect(merged("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n") == "A\nb\nC\n")
        #expect(merged("a\nb\nc\n", "a\nb\nc\nd\n", "0\na\nb\nc\n") == "0\na\nb\nc\nd\n")
        #expect(merged("a\nb\nc\nd\n", "a\nc\nd\n", "a\nb\nc\n") == "a\nc\n")
        #expect(merged("a\nb\nc\n", "a\nx\nc\n", "a\ny\nc\n") == "bothChanged")
        #expect(merged("a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n") == "bothChanged", "lines side by side touch")
        #expect(merged("a\nb\n", "a\nx\nb\n", "a\ny\nb\n") == "bothChanged")
        #expect(merged("a\nb\nc\n", "a\nx\nb\nc\n", "a\nc\n") == "bothChanged", "an insertion beside a deletion")
        #expect(merged("a\nb\nc\nd\ne\n", "A\nb\nc\nd\nE\n", "A\nb\nC\nd\ne\n") == "A\nb\nC\nd\nE\n", "the same once")
        #expect(merged("a\nb\nc\n", "X\nb\nc\n", "X\nb\nY\n") == "theirs", "all of ours is in theirs")
        #expect(merged("a\nb\nc\n", "X\nb\nY\n", "a\nb\nY\n") == "ours")
        #expect(merged(nil, "a\nb\n", "a\nc\n") == "bothCreated")
    }

    @Test("lines keep their ends, and have their bytes compared")
    func lineEnds() {
        #expect(merged("a\r\nb\nc", "A\r\nb\nc", "a\r\nb\nC") == "A\r\nb\nC")
        #expect(merged("a\nb\nc", "A\nb\nc", "a\nb\nc\n") == "A\nb\nc\n", "to end the last line is a change")
        #expect(merged("a\nb\nc\n", "A\nb\nc\n", "a\nb\nc") == "A\nb\nc")
        #expect(merged("a\nb\nc", "a\nb\nc\n", "a\nb\nc\r\n") == "bothChanged")
        #expect(merged("a\n\n\nb", "a\n\n\nb\n", "x\na\n\n\nb") == "x\na\n\n\nb\n")
        #expect(merged("\u{e9}\nb\nc", "e\u{301}\nb\nc", "\u{e9}\nb\nC") == "e\u{301}\nb\nC")
        #expect(merged("x", "\u{e9}", "e\u{301}") == "bothChanged")
        #expect(merged("a\nb\n", "", "a\nb\nc\n") == "bothChanged")
    }

    @Test("what one side only appended is appended to the other")
    func appends() {
        #expect(appended("a", "a b", "a c", by: [.ours, .theirs]) == "a b c")
        #expect(appended("a", "x", "a c", by: [.theirs]) == "x c")
        #expect(appended("a", "a b", "x", by: [.ours]) == "x b")
        #expect(appended(nil, "b", "c", by: [.ours, .theirs]) == "bc")
        #expect(appended("log\n", "log\none\n", "log\none\n", by: [.ours, .theirs]) == "ours", "they are equal")
        // Nobody said that it was by appends: lines that touch.
        #expect(appended("a\n", "a\nb\n", "a\nc\n", by: []) == "bothChanged")
        #expect(appended("a", "x", "y c", by: [.theirs]) == "bothChanged", "it does not begin with the base")
    }

    @Test("long texts are merged in no time")
    func long() {
        let base = (0..<30_000).map { "line \($0)" }
        func text(_ changes: [Int: String] = [:], added: Int = 0) -> String {
            var lines = base
            for (place, line) in changes { lines[place] = line }
            return (lines + (0..<added).map { "added \($0)" }).joined(separator: "\n")
        }
        let ours = [10: "x", 20_000: "y"]
        let theirs = [500: "v", 29_000: "w"]
        let both = ours.merging(theirs) { old, _ in old }
        // Too long to be shown.
        func expect(_ ours: String, _ theirs: String, _ merged: String, from base: String = text()) {
            let isRight = self.merged(base, ours, theirs) == merged
            #expect(isRight)
        }
        expect(text(ours), text(theirs), text(both))
        // However many lines one side put in one place, or had there before.
        expect(text(ours), text(added: 20_000), text(ours, added: 20_000))
        expect(text(ours, added: 20_000), text(), text(ours), from: text(added: 20_000))
        // Where more changed than is told apart, all between the first and the last changed.
        let rewritten = (0..<30_000).map { "other \($0)" }.joined(separator: "\n")
        expect("first\n" + rewritten, text(theirs), "bothChanged")
        expect("first\n" + rewritten, "second\n" + rewritten, "bothChanged")
        expect(
            "first\nbetween\n" + rewritten, "second\nbetween\n" + text(),
            "second\nbetween\n" + rewritten, from: "first\nbetween\n" + text())
    }

    @Test("sets keep what both kept, and gain what either added")
    func sets() {
        #expect(merged("[1,2,3]", "[4,3,1]", "[1,2,5]", .json, by: .set) == "[4,1,5]")
        #expect(merged("[1,2]", "[1]", "[2]", .json, by: .set) == "[]")
        #expect(merged(nil, "[1]", "[2,1]", .json, by: .set) == "theirs", "it has all of them, in its own order")
        #expect(merged(nil, "[2,1]", "[1]", .json, by: .set) == "ours")
        #expect(merged("[]", "[1, 2]", "[2,1,1]", .json, by: .set) == "ours", "the same sets")
        #expect(
            merged(#"[{"a":1,"b":2}]"#, #"[{"b":2,"a":1},"x"]"#, #"[{"a":1,"b":2},"\u0078",[]]"#, .json, by: .set)
                == "theirs")
        #expect(merged("[1]", "[1,1.0]", "[1,2]", .json, by: .set) == "[1,1.0,2]")
        #expect(merged("{}", "[1]", "[2]", .json, by: .set) == "bothChanged")
        #expect(merged("[]", "[1]", #"{"a":1}"#, .json, by: .set) == "bothChanged")
        #expect(merged("[1]", "[1,2]", "[1,3]", .json, by: .json) == "bothChanged", "only where it is set")
    }

    @Test("lines can be a set")
    func setsOfLines() {
        #expect(merged("a\nb\n", "c\na\n", "a\nb\nd\n", by: .set) == "c\na\nd\n")
        #expect(merged(nil, "a\nb", "b\nc", by: .set) == "a\nb\nc")
        #expect(merged("a\n", "a\nb\n", "a\nc", by: .set) == "a\nb\nc", "theirs took the end away")
        #expect(merged("a", "a\nb\n", "a\nc", by: .set) == "a\nb\nc\n", "ours gave one")
        #expect(merged("a", "b", "", by: .set) == "ours")
        #expect(merged("a\n", "", "a\na\nb\n", by: .set) == "b\n")
        #expect(merged("a\nb\n", "a\n", "b\n", by: .set) == "")
        #expect(merged("", "\u{e9}\n", "e\u{301}\n", by: .set) == "\u{e9}\ne\u{301}\n")
        #expect(merged("1", "2", "3", Kind("tags"), by: .set) == "bothChanged", "of what kind would they be?")
    }

    @Test("deleted on one side and changed on the other is a conflict, which a policy may settle")
    func deleted() {
        #expect(merged("a", nil, "b") == "deletedAndChanged")
        #expect(merged("a", "b", nil) == "changedAndDeleted")
        #expect(merged("1", nil, "2", .counter) == "deletedAndChanged")
        #expect(merged("a", nil, "b", by: .newest) == "settled: theirs")
        #expect(merged("a", "b", nil, by: .newest) == "settled: theirs", "the deletion is newer")
        #expect(merged("a", nil, "b", by: .ours) == "settled: ours")
        #expect(merged("a", nil, "b", by: .json) == "deletedAndChanged")
    }

    @Test("what is said in other words was not changed: its deletion counts")
    func respelled() {
        #expect(merged(#"{"a":1,"b":2}"#, nil, #"{"b":2, "a":1}"#, .json) == "ours")
        #expect(merged(#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#, nil, .json) == "theirs")
        #expect(merged(#"{"a":1,"b":2}"#, nil, #"{"b":2,"a":1.0}"#, .json) == "deletedAndChanged")
        #expect(merged(#"{"a":1,"b":2}"#, nil, #"{"b":2}"#, .json) == "deletedAndChanged")
        #expect(merged(#"{"a":1,"b":2}"#, nil, #"{"b":2,"a":1}"#, .json, by: .ask) == "deletedAndChanged")
        #expect(merged("[1,2]", nil, "[2,1]", .json) == "deletedAndChanged", "arrays have an order")
        #expect(merged("[1,2]", nil, "[2,1]", .json, by: .set) == "ours")
        #expect(merged("[1,2]", "[2,1,3]", nil, .json, by: .set) == "changedAndDeleted")
        #expect(merged("a\nb\n", nil, "b\na\n", by: .set) == "ours")
        #expect(
            merge(record("{}", kind: .json), nil, record("{ }", kind: .json, attributes: ["a": "1"]))
                == .conflict(.deletedAndChanged))
    }

    @Test("what expired on one side and was changed on the other stays changed")
    func expired() {
        let (base, edited) = (record("a"), MergeSide(record: record("b"), revision: 7))
        let gone = MergeSide(record: nil, revision: 8, isExpired: true)
        for policy in [nil, MergePolicy.ask, .newest, .ours, .theirs] {
            #expect(ThreeWay.merge(base: base, ours: gone, theirs: edited, by: policy) == .theirs)
            #expect(ThreeWay.merge(base: base, ours: edited, theirs: gone, by: policy) == .ours)
        }
        let same = MergeSide(record: base, revision: 1)
        #expect(ThreeWay.merge(base: base, ours: same, theirs: gone, by: nil) == .theirs, "nobody changed it")
    }

    @Test("sides of different kinds are a conflict, also where only the base is of another")
    func kinds() {
        let (text, json, other) = (record("{}"), record("{}", kind: .json), record("[1]", kind: .json))
        #expect(merge(record("a"), text, json) == .conflict(.differentKinds))
        #expect(merge(nil, text, json) == .conflict(.differentKinds))
        #expect(merge(record("a"), text, json, by: .json) == .conflict(.differentKinds))
        #expect(merge(record("a"), text, json, by: .newest) == .settled(.theirs))
        #expect(merge(record("a"), json, other) == .conflict(.differentKinds))
        #expect(merge(text, text, other) == .theirs)
        #expect(merge(record("a"), json, json) == .ours)
        #expect(
            merge(record("7"), record("8", kind: .counter), record("9", kind: .counter)) == .conflict(.differentKinds))
        #expect(merge(record("7"), record("8", kind: .counter), record("8", kind: .counter)) == .ours)
    }

    @Test("newest, ours and theirs settle what both sides changed; ask does not, and other kinds ask")
    func settled() {
        #expect(merged("a\nb\nc", "A\nb\nc", "a\nb\nC", by: .newest) == "settled: theirs", "as a whole")
        #expect(merged("a", "b", "c", by: .ours) == "settled: ours")
        #expect(merged("a", "b", "c", by: .theirs) == "settled: theirs")
        #expect(merged("a", "b", "c", by: .ask) == "bothChanged")
        #expect(merged("a", "b", "c", Kind("image")) == "bothChanged")
        #expect(merged(nil, "b", "c", Kind("image")) == "bothCreated")
        let (ours, theirs) = (
            MergeSide(record: record("b"), revision: 9), MergeSide(record: record("c"), revision: 8)
        )
        #expect(ThreeWay.merge(base: record("a"), ours: ours, theirs: theirs, by: .newest) == .settled(.ours))
    }

    @Test("what a policy can't read is a conflict")
    func unreadable() {
        #expect(merged("a", "b", "c", by: .counter) == "bothChanged")
        #expect(merged("a", "b", "c", by: .json) == "bothChanged")
        #expect(merged("a", "b", "c", by: .set) != "bothChanged", "any text is lines")
        #expect(merged("{\n}", "{\n1:2}", "{\n}\n", .json, by: .text) == "bothChanged", "it could come out as no JSON")
        #expect(merged("a\nb\nc", "A\nb\nc", "a\nb\nC", Kind("note"), by: .text) == "A\nb\nC")
        #expect(merged(#"{"a":1}"#, #"{"a":2}"#, #"{"a":1,"b":1}"#, Kind("note"), by: .json) == #"{"a":2,"b":1}"#)
        func image(_ bytes: [UInt8]) -> Record {
            Record(key: key("a"), revision: 1, kind: Kind("image"), content: .inline(Data(bytes)))
        }
        #expect(
            merge(image([0xFF, 10, 1, 10, 2]), image([0xFE, 10, 1, 10, 2]), image([0xFF, 10, 1, 10, 3]), by: .text)
                == .conflict(.bothChanged))
    }

    @Test("attributes merge by name, compared by bytes")
    func attributes() throws {
        func merged(_ base: Attributes, _ ours: Attributes, _ theirs: Attributes, by policy: MergePolicy? = nil)
            -> ThreeWay.Result
        {
            // Of a kind that by itself asks: the values agree.
            func image(_ attributes: Attributes) -> Record? { record("x", kind: Kind("image"), attributes: attributes) }
            return merge(image(base), image(ours), image(theirs), by: policy)
        }
        func combined(_ attributes: Attributes) -> ThreeWay.Result {
            .combined(MergedContent(kind: Kind("image"), value: Data("x".utf8), attributes: attributes, owner: "ada"))
        }
        #expect(
            merged(["a": "1", "b": "1"], ["a": "2", "b": "1"], ["a": "1", "c": "3"]) == combined(["a": "2", "c": "3"]))
        #expect(merged(["a": "1"], ["a": "2"], ["a": "3"]) == .conflict(.bothChanged))
        #expect(merged(["a": "1"], ["a": "2"], [:]) == .conflict(.bothChanged))
        #expect(merged(["a": "1"], [:], ["a": "3"]) == .conflict(.bothChanged))
        #expect(merged(["a": "1"], ["a": "2"], ["a": "3"], by: .theirs) == .settled(.theirs))
        #expect(merged(["a": "1"], ["b": "2"], ["b": "2", "c": "1"]) == .theirs)
        #expect(merged(["a": "1"], ["a": "2", "b": "2"], ["a": "2"]) == .ours)
        #expect(merged([:], ["\u{e9}": "1"], ["e\u{301}": "2"]) == combined(["\u{e9}": "1", "e\u{301}": "2"]))
        #expect(merged(["a": "x"], ["a": "\u{e9}"], ["a": "e\u{301}"]) == .conflict(.bothChanged))
        #expect(
            merge(nil, record("x", attributes: ["a": "1"]), record("x", attributes: ["a": "2"]))
                == .conflict(.bothCreated))
    }

    @Test("links merge as a set, the later end counts, and ours' owner stays")
    func others() {
        let (sees, knows) = (Link(relation: "sees", target: key("b")), Link(relation: "knows", target: key("b")))
        let old = Link(relation: "old", target: key("b"))
        func counter(_ value: String, _ links: [Link], _ owner: String, _ expires: Int64?) -> Record? {
            record(value, kind: .counter, links: links, owner: owner, expires: expires)
        }
        #expect(
            merge(counter("1", [old], "ada", 5), counter("2", [old, sees], "bea", 9), counter("4", [knows], "cy", 7))
                == .combined(
                    MergedContent(
                        kind: .counter, value: Data("5".utf8), links: [sees, knows], owner: "bea",
                        expires: Timestamp(milliseconds: 9))))
        #expect(merge(record("a", expires: 5), record("a"), record("a", expires: 9)) == .ours, "never is the latest")
        #expect(merge(record("a", expires: 5), record("a", expires: 7), record("a", expires: 9)) == .theirs)
        #expect(
            merge(record("a"), record("b", links: [sees, knows]), record("b", links: [knows, sees])) == .ours,
            "a set has no order")
        // One side changed the value, the other what stands beside it: of any kind, by any policy.
        for policy in [nil, MergePolicy.ask, .newest, .json] {
            #expect(
                merge(record("a"), record("b", owner: "bea"), record("a", links: [sees], owner: "cy"), by: policy)
                    == .combined(MergedContent(kind: .text, value: Data("b".utf8), links: [sees], owner: "bea")))
        }
    }

    @Test("owners of combinations are compared by bytes")
    func owners() {
        func content(_ owner: String) -> MergedContent { MergedContent(kind: .text, value: Data(), owner: owner) }
        #expect(content("\u{e9}") == content("\u{e9}") && content("\u{e9}") != content("e\u{301}"))
    }

    @Test(
        "swapped sides give the mirrored result; equal sides, or one that is as the base, give what they must",
        arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) {
        var dice = Dice(seed: seed)
        for _ in 0..<200 {
            let kind = dice.of([Kind.text, .json, .counter, Kind("image")])
            let policy = dice.of([nil] + MergePolicy.allCases)
            let base = dice.record(kind)
            let (ours, theirs) = (dice.side(kind, base, revision: 7), dice.side(kind, base, revision: 8))
            let result = ThreeWay.merge(base: base, ours: ours, theirs: theirs, by: policy)
            let swapped: MergePolicy? = policy == .ours ? .theirs : policy == .theirs ? .ours : policy
            let mirrored = ThreeWay.merge(base: base, ours: theirs, theirs: ours, by: swapped)
            let told: Comment = "seed \(seed): \(kind) \(String(describing: policy))"
            switch result {
            case .ours, .theirs:
                // Both say the same, maybe in other words.
                #expect(mirrored == (result == .ours ? .theirs : .ours) || (result == .ours && mirrored == .ours), told)
            case .settled(let choice): #expect(mirrored == .settled(choice == .ours ? .theirs : .ours), told)
            case .conflict(let kind): #expect(mirrored == .conflict(kind.mirrored), told)
            case .combined(let content):
                guard case .combined(let other) = mirrored else {
                    Issue.record(told)
                    continue
                }
                #expect(content.attributes == other.attributes && content.expires == other.expires, told)
                #expect(Set(content.links) == Set(other.links), told)
                let (value, otherValue) = (content.value.sorted(), other.value.sorted())
                // A side may have an element more than once.
                #expect(value == otherValue || policy == .set && Set(value) == Set(otherValue), told)
            }
            #expect(
                ThreeWay.merge(base: base, ours: MergeSide(record: base, revision: 1), theirs: theirs, by: policy)
                    == (theirs.says(base) ? .ours : .theirs), told)
            #expect(
                ThreeWay.merge(base: base, ours: ours, theirs: MergeSide(record: base, revision: 1), by: policy)
                    == .ours, told)
            let equal = ThreeWay.merge(base: base, ours: ours, theirs: ours, by: policy)
            let isSummed = kind == .counter && (policy == nil || policy == .counter)
            #expect(equal == .ours || isSummed, told)
        }
    }

    @Test("lines of their own merge as a slow and obvious diff3 does it", arguments: 0..<20 as Range<UInt64>)
    func oracle(seed: UInt64) {
        var dice = Dice(seed: seed)
        var (merges, conflicts) = (0, 0)
        for _ in 0..<100 {
            // Each line is there once, and what sides insert is new: there is one longest common part.
            let base = (0..<dice.below(12)).map { "\($0)" }
            let change = dice.edit(base, "x")
            let other = dice.below(4) == 0 ? dice.edit(change, "y").filter { !$0.hasPrefix("y") } : dice.edit(base, "z")
            func text(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }
            let expected = Self.diff3(base, change, other).map(text)
            let result = merge(record(text(base)), record(text(change)), record(text(other)))
            let value: String? =
                switch result {
                case .ours: text(change)
                case .theirs: text(other)
                case .combined(let content): String(decoding: content.value, as: UTF8.self)
                case .settled, .conflict: nil
                }
            #expect(value == expected, "seed \(seed): \(base) \(change) \(other)")
            if expected == nil { conflicts += 1 } else { merges += 1 }
        }
        #expect(merges > 10 && conflicts > 10)
    }

    /// Between two lines that both sides kept, one side may have changed something, or both the same.
    private static func diff3(_ base: [String], _ ours: [String], _ theirs: [String]) -> [String]? {
        if ours == theirs { return ours }
        var merged: [String] = []
        var rest = (base: base[...], ours: ours[...], theirs: theirs[...])
        for line in base.filter({ ours.contains($0) && theirs.contains($0) }).map({ $0 as String? }) + [nil] {
            func chunk(_ lines: inout ArraySlice<String>) -> [String] {
                let chunk = Array(lines.prefix { $0 != line })
                lines = lines.dropFirst(chunk.count + 1)
                return chunk
            }
            let (before, own, other) = (chunk(&rest.base), chunk(&rest.ours), chunk(&rest.theirs))
            if own != before, other != before, own != other { return nil }
            merged += (own == before ? other : own) + (line.map { [$0] } ?? [])
        }
        return merged
    }
}

extension MergeConflictKind {
    fileprivate var mirrored: MergeConflictKind {
        switch self {
        case .deletedAndChanged: .changedAndDeleted
        case .changedAndDeleted: .deletedAndChanged
        case .bothChanged, .bothCreated, .differentKinds, .undone, .noBase, .otherRead: self
        }
    }
}

extension MergeSide {
    fileprivate func says(_ base: Record?) -> Bool {
        guard let record, let base else { return record == nil && base == nil }
        return record.saysTheSame(as: base)
    }
}

private struct Dice {
    private var random: SeededRandom
    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    mutating func of<Thing>(_ things: [Thing]) -> Thing { things[below(things.count)] }

    /// Some lines gone, some come.
    mutating func edit(_ lines: [String], _ sign: String) -> [String] {
        var edited: [String] = []
        for (place, line) in lines.enumerated() {
            if below(8) == 0 { edited.append("\(sign)\(place)") }
            if below(8) > 0 { edited.append(line) }
        }
        return edited + (below(8) == 0 ? ["\(sign)end"] : [])
    }

    mutating func record(_ kind: Kind) -> Record? { below(6) == 0 ? nil : content(kind) }

    mutating func side(_ kind: Kind, _ base: Record?, revision: Revision) -> MergeSide {
        let record = below(4) == 0 ? base : record(below(10) == 0 ? Kind("other") : kind)
        let isAppended = kind == .text && below(3) == 0
        return MergeSide(
            record: record, revision: revision, isExpired: record == nil && below(2) == 0, hasOnlyAppended: isAppended)
    }

    private mutating func content(_ kind: Kind) -> Record {
        var attributes: Attributes = [:]
        for name in ["a", "b"] where below(4) == 0 { attributes[name] = of(["1", "2"]) }
        let links = ["p", "q"].filter { _ in below(4) == 0 }.map { Link(relation: $0, target: key("b")) }
        return Record(
            key: key("a"), revision: 1, kind: kind, content: .inline(Data(value(kind).utf8)), attributes: attributes,
            links: links, expires: below(8) == 0 ? Timestamp(milliseconds: Int64(below(3))) : nil)
    }

    private mutating func value(_ kind: Kind) -> String {
        switch kind {
        case .counter: "\(below(4))"
        case .json: below(3) == 0 ? array : object(depth: 2)
        default: (0..<below(5)).map { _ in of(["a\n", "b\n", "c\n", "d"]) }.joined()
        }
    }
    private var array: String {
        mutating get { "[" + (0..<below(3)).map { _ in "\(below(3))" }.joined(separator: ",") + "]" }
    }
    private mutating func object(depth: Int) -> String {
        let members = ["a", "b", "c"].filter { _ in below(2) == 0 }.map { name in
            "\"\(name)\":" + (depth > 0 && below(3) == 0 ? object(depth: depth - 1) : "\(below(2))")
        }
        return "{" + members.joined(separator: ",") + "}"
    }
}

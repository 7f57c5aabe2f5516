import Foundation
import MembusModel
import Testing

@Suite("Vectors that come along")
struct VectorsTests {
    private let vectors = Vectors([
        Vectors.Space("b", [[1, 2], [3, 4]]), Vectors.Space("a", [[0.1, -0.2, 1e-30]]),
    ])

    @Test("their bytes say what they are, in the order of the spaces' names")
    func bytes() {
        #expect(vectors.spaces.map(\.name) == ["a", "b"])
        #expect(Array(vectors.spaces[1][1]) == [3, 4])
        #expect(Vectors.isSound(vectors.encoded))
        #expect(Vectors(encoded: vectors.encoded) == vectors)
        #expect(Vectors([]).isEmpty && Vectors.none.spaces.isEmpty)
        #expect(Vectors([Vectors.Space("a", [[1]]), Vectors.Space("a", [[2]])]).spaces == [Vectors.Space("a", [[2]])])
    }

    @Test("bytes that are cut or changed are told")
    func damage() {
        let bytes = vectors.encoded
        for count in 0..<bytes.count { #expect(!Vectors.isSound(bytes.prefix(count))) }
        #expect(!Vectors.isSound(bytes + [0]))
        var swapped = Vectors([Vectors.Space("a", [[1]]), Vectors.Space("b", [[1]])]).encoded
        let names = swapped.indices.filter { [97, 98].contains(swapped[$0]) }
        swapped.swapAt(names[0], names[1])
        #expect(!Vectors.isSound(swapped), "two orders of the same")
    }

    @Test(
        "what can't be compared is told",
        arguments: [
            [[Float.nan]], [[.infinity]], [[0, 0]], [[Float](repeating: 1, count: 8193)],
            [[Float]](repeating: [1], count: 1001),
        ])
    func faults(vectors: [[Float]]) {
        #expect(Vectors([Vectors.Space("a", vectors)]).fault != nil)
        #expect(Vectors([Vectors.Space("a", [[3.4e38, 3.4e38]])]).fault == nil, "large numbers have a direction")
        #expect(Vectors([Vectors.Space("", [[1]])]).fault != nil)
    }

    @Test(
        "what is wrong is told of the space, with what to do",
        arguments: [
            (Vectors.Space("", [[1]]), "no name", "name it"), (Vectors.Space("a\u{7}", [[1]]), "control", "leave"),
            (Vectors.Space(String(repeating: "a", count: 257), [[1]]), "257 bytes", "shorten"),
            (Vectors.Space("mine", dimensions: 0, values: [1]), "\"mine\": vectors of 0 dimensions", "numbers"),
            (Vectors.Space("mine", dimensions: 8193, values: []), "8193 dimensions", "shorter"),
            (Vectors.Space("mine", dimensions: 3, values: [1, 2, 3, 4]), "\"mine\": 4 numbers", "one length"),
            (Vectors.Space("mine", dimensions: 3, values: []), "\"mine\" holds no vector", "send one"),
            (Vectors.Space("mine", [[1], [.nan]]), "\"mine\": vector 1 holds NaN", "leave"),
            (Vectors.Space("mine", [[1], [0]]), "\"mine\": vector 1 is all zeroes", "leave"),
        ])
    func words(space: Vectors.Space, what: String, hint: String) throws {
        let fault = try #require(space.fault)
        #expect(fault.what.contains(what), "\(fault.what)")
        #expect(fault.hint.contains(hint), "\(fault.hint)")
        #expect(fault.what == fault.what.escapingControlCharacters)
    }

    @Test("how many come with one record is bounded, and said")
    func bounds() throws {
        let spaces = try #require(Vectors((0..<17).map { Vectors.Space("s\($0)", [[1]]) }).fault)
        #expect(spaces.what.contains("17 spaces, more than 16") && spaces.hint.contains("at most 16"))
        let many = try #require(Vectors([Vectors.Space("a", [[Float]](repeating: [1], count: 1001))]).fault)
        #expect(many.what.contains("1001 vectors, more than 1000") && many.hint.contains("at most 1000"))
    }

    @Test("they count in the commit's hash and in the payload of a retry")
    func hashes() {
        func work(_ vectors: Vectors) -> Work {
            .transaction(Transaction(changes: [Change(key("a"), .put(Put(Data(), vectors: vectors)))]))
        }
        #expect(work(vectors).fingerprint != work(.none).fingerprint)
        #expect(work(vectors).fingerprint != work(Vectors([Vectors.Space("a", [[1]])])).fingerprint)
    }
}

@Suite("Merges of records with vectors")
struct MergedVectorsTests {
    private func record(_ text: String, _ vectors: [Float]?, _ attributes: Attributes = [:]) -> Record {
        Record(
            key: key("a"), revision: 1, content: .inline(Data(text.utf8)), attributes: attributes, owner: "ada",
            vectors: vectors.map { Vectors([Vectors.Space("mine", [$0])]) } ?? .none)
    }

    private func merge(_ base: Record?, _ ours: Record, _ theirs: Record) -> ThreeWay.Result {
        ThreeWay.merge(
            base: base, ours: MergeSide(record: ours, revision: 7), theirs: MergeSide(record: theirs, revision: 8),
            by: nil)
    }

    private func vectors(_ result: ThreeWay.Result) -> Vectors? {
        if case .combined(let content) = result { content.vectors } else { nil }
    }

    @Test("who only embedded what is there has changed it")
    func embedded() {
        #expect(merge(record("x", nil), record("x", nil), record("x", [1])) == .theirs)
        #expect(merge(record("x", nil), record("x", [1]), record("x", nil)) == .ours)
    }

    @Test("embedded on both sides, by other models of one name, is no conflict: ours stay")
    func both() {
        #expect(merge(nil, record("x", [1]), record("x", [2])) == .ours)
        #expect(merge(record("x", [3]), record("x", [1]), record("x", [2])) == .ours)
    }

    @Test("a combination has the vectors of the side whose value it is, and one of both values none")
    func combined() {
        let base = record("1\n2\n3\n4\n5\n", [9], ["a": "1"])
        let ours = record("1\n2\n3\n4\n5\n", [9], ["a": "2"])
        let theirs = record("1\n2\n3\n4\nfive\n", [5], ["a": "1"])
        #expect(vectors(merge(base, ours, theirs)) == theirs.vectors)
        #expect(vectors(merge(base, theirs, ours)) == theirs.vectors)
        let other = record("one\n2\n3\n4\n5\n", [1], ["a": "1"])
        #expect(vectors(merge(base, other, theirs)) == Vectors.none, "nobody has embedded what came of both")
    }

    @Test("vectors that one side added to a value that both have come along with the other's attributes")
    func added() {
        let (base, theirs) = (record("x", nil), record("x", [1]))
        #expect(vectors(merge(base, record("x", nil, ["a": "1"]), theirs)) == theirs.vectors)
    }
}

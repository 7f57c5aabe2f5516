import Foundation
import Testing

@testable import Membus

@Suite("A client of a broker of an earlier release")
struct OlderBrokerTests {
    private let vector = QuestionVector([1, 0], in: "mine")
    private let vectors = Vectors([Vectors.Space("mine", [[1, 0]])])

    /// Greeted by a broker of a minor version.
    private func hand(minor: UInt32) -> CoreHand {
        var hand = CoreHand(greeted: false)
        hand.minor = minor
        hand.reply(to: hand.sent.removeFirst(), hand.welcome)
        return hand
    }

    private var questions: [Call] {
        let put = Put(Data("x".utf8), vectors: vectors)
        let resolution = Resolution(Key(unchecked: "a"), ours: 1, theirs: 2, .put(put))
        let merge = Work.merge(Merge(BranchName(unchecked: "trial"), into: .main, resolutions: [resolution]))
        return [
            .request(.search(Search(question: "", vector: vector))),
            .request(.recall(Recall(question: "", vector: vector))),
            .request(.plan(GetPlan(merge))),
            .transact(merge),
            .transact(.transaction(Transaction(changes: [Change(Key(unchecked: "a"), .put(put))]))),
        ]
    }

    @Test("vectors are refused before anything is sent", arguments: 0..<5)
    func refused(question: Int) throws {
        var hand = hand(minor: 0)
        hand.call(1, questions[question])
        hand.pass(.seconds(1))
        #expect(hand.takeSent().allSatisfy { if case .ping = $0.body { true } else { false } })
        guard case .refused(let refusal)? = hand.error(of: 1) as? MembusError else {
            Issue.record("\(String(describing: hand.finished[1]))")
            return
        }
        #expect(refusal.code == .unknownRequest && refusal.subject.hasSameBytes(as: "vectors"))
        #expect(refusal.message.contains("test, protocol 1.0"))
    }

    @Test("what has no vectors goes on, also behind what was refused")
    func others() throws {
        var hand = hand(minor: 0)
        hand.call(1, questions[4])
        hand.transact(2)
        hand.call(3, .request(.search(Search(question: "train"))))
        #expect(hand.error(of: 1) is MembusError)
        let search = hand.sent.contains { if case .search = $0.body { true } else { false } }
        #expect(search)
        let sent = hand.takeTransactions()
        #expect(sent.map(\.transact.number) == [1])
        hand.commit(sent[0].request, at: 11)
        #expect(hand.revision(of: 2) == 11)
    }

    @Test("a broker that knows vectors is sent them", arguments: 0..<5)
    func taken(question: Int) {
        var hand = hand(minor: 1)
        hand.call(1, questions[question])
        let sent = hand.takeTransactions().count
        #expect(question < 3 || sent == 1)
        #expect(hand.finished[1] == nil)
    }
}

import Foundation
import Membus
import MembusDice
import MembusRecording

extension Worker {
    /// All of some topics, in pages of a few records: of one revision, whatever is written between the pages.
    func list(_ dice: inout Dice) async {
        let (topics, branch, isOfKeys) = (dice.pick(Profile.topics), pickBranch(&dice), dice.chance(30))
        let pages = memory.range(
            topics, keysOnly: isOfKeys, branch: branch, pageSize: dice.within(1...4), timeout: .seconds(5))
        let filter = TopicFilter(topics.map { Topic(unchecked: $0) })
        let asked = monotonic()
        var (found, tokens) = ([Record](), [Token]())
        do {
            var iterator = pages.makeAsyncIterator()
            while let record = try await iterator.next() {
                found.append(record)
                if let token = iterator.token, tokens.last != token { tokens.append(token) }
            }
            // That of an empty list.
            if let token = iterator.token, tokens.last != token { tokens.append(token) }
        } catch { return failed("list", error) }
        guard let token = tokens.first else { return }
        let known = (profile.keys + ["n", "t"]).filter { filter.matches(Key(unchecked: $0)) }
        var told = ToldRead(
            asked: asked, view: nil, isJoined: true, branch: branch.text, keys: known, how: "listed",
            token: "\(token)", found: found.map(ToldRecord.init))
        told.pages = tokens.map { "\($0)" }
        recorder.note(.read(told))
    }
}

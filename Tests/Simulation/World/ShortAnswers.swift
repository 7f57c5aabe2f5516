import MembusDice
import MembusModel

// The broker's answers have room for all that a world's agents ask for at once. In some worlds they are cut short, as
// large values make them: a get brings some of its keys, the log announces what is too large to travel.

extension Profile {
    /// - Parameter dice: its own, so that what else a seed gives does not depend on them.
    mutating func shorten(_ dice: inout Dice) {
        if dice.chance(8) { answerRecords = dice.pick([1, 1, 2]) }
    }
}

extension World {
    func shortened(_ reply: Reply) -> Reply {
        guard let most = profile.answerRecords else { return reply }
        var reply = reply
        switch reply.body {
        case .records(var answer) where answer.records.count > most:
            coverage.count(.getContinued)
            answer.records = Array(answer.records.prefix(most))
            reply.body = .records(answer)
        case .log(var page):
            page.commits = page.commits.map { commit in
                Commit(info: commit.info, records: commit.records.map { travelling($0) })
            }
            reply.body = .log(page)
        default: break
        }
        return reply
    }

    private func travelling(_ record: Record) -> Record {
        record.size > Profile.inlineValueBytes ? record.announced : record
    }
}

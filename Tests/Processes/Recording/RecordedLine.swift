import Foundation
import MembusModel

// What processes under chaos put on record: JSON Lines, one fact each, written before the next thing happens, so
// that a kill loses at most the line being written. The agents and the conductor write them, membus-check reads.
//
// Times are nanoseconds of CLOCK_MONOTONIC, which all processes of one machine share. A call's line of asking is
// stamped before the call, its line of ending after it, and what was looked at is stamped before the look: so a
// judge who goes by the stamps never takes two operations for ordered that overlapped.

package struct RecordedLine: Codable, Sendable {
    package var t: Int64
    /// 0: the conductor.
    package var agent: Int
    package var life: Int
    package var fact: RecordedFact

    package init(t: Int64, agent: Int, life: Int, fact: RecordedFact) {
        self.t = t
        self.agent = agent
        self.life = life
        self.fact = fact
    }
}

package enum RecordedFact: Codable, Sendable {
    /// More than once of an operation that is a closure's: the last is what was executed, those before changed nothing.
    case invoked(op: Int, work: ToldWork)
    case finished(op: Int, ending: ToldEnding)

    case following(view: UInt64, branch: String, topics: [String], mode: String, start: String?)
    case left(view: UInt64)
    /// `isAwake`: the process was not stopped just before, so that `isLive` can be judged. `state`: all records, of
    /// update views that moved.
    case watched(view: UInt64, token: String?, isLive: Bool, isAwake: Bool, state: [ToldRecord]?)
    /// The view's feed of changes is listened to, from this state on.
    case listening(view: UInt64, from: String?)
    /// `nil` for a key: more changed than could be listed.
    case changed(view: UInt64, key: String?, revision: Int64, isDeleted: Bool)
    case read(ToldRead)
    /// A watch was started, after a token or from now on; it delivered a change; it ended, by itself if it says why;
    /// it is to have delivered all that there is.
    case watching(watch: UInt64, branch: String, topics: [String], after: String?)
    case delivered(watch: UInt64, token: String, record: ToldRecord)
    case watchEnded(watch: UInt64, why: String?)
    case watchRested(watch: UInt64)
    /// A call that brought nothing; for the summary.
    case failed(what: String, why: String)
    case rested(view: UInt64, token: String?, isLive: Bool, digest: String?, ofStore: String?)

    /// By the conductor: a fault, in a word, and for people.
    case fault(String, text: String)
    /// A backup took the place of this history.
    case replaced(lineage: String)
    case calm
    /// The view was live and at the head this long after the faults ended; `nil`: not within the time watched.
    case recovered(view: String, seconds: Double?)
    case restedAt(token: String)
}

package struct ToldRead: Codable, Sendable {
    /// When it was asked for; the line's own time is when it was answered.
    package var asked: Int64
    /// `nil`: asked of the broker.
    package var view: UInt64?
    package var isJoined: Bool
    package var branch: String
    package var keys: [String]
    /// cached, atLeast, within, linearizable, direct, listed
    package var how: String
    /// Of a list: the states that its pages said they were of, each once in a row.
    package var pages: [String]?
    package var atLeast: String?
    package var within: Int64?
    package var token: String
    package var found: [ToldRecord]

    package init(
        asked: Int64, view: UInt64?, isJoined: Bool, branch: String, keys: [String], how: String,
        atLeast: String? = nil,
        within: Int64? = nil, token: String, found: [ToldRecord]
    ) {
        self.asked = asked
        self.view = view
        self.isJoined = isJoined
        self.branch = branch
        self.keys = keys
        self.how = how
        self.atLeast = atLeast
        self.within = within
        self.token = token
        self.found = found
    }
}

package enum ToldEnding: Codable, Sendable {
    case committed(token: String)
    case held(token: String)
    /// Precondition by precondition that failed. Which history it was of is known from the position.
    case conflict(failed: [ToldPrecondition], at: String)
    case committedUnseen(token: String)
    case refused(why: String)
    case unknown(why: String)
}

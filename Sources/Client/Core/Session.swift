// The session: how a transaction takes effect once, whatever gets lost, refused or restarted.
//
//   waiting ──number──▶ slot, sent ──outcome, or a refusal of the hundred 100──▶ decided ──front──▶ gone
//                          │  ▲
//                          └──┘ a new round: all undecided slots are sent again, in order
//
// Invariants:
//   1. The slots' numbers are dense: first, first + 1, …, next - 1. A slot leaves only at the front, decided;
//      so numbers have no holes, and `acknowledged` = first - 1.
//   2. A number is drawn when it is first sent, never before: whoever gives up earlier leaves no trace.
//   3. A slot's work changes only while every sending of it is known to have been refused. Then its caller
//      may have gone, and an empty transaction takes its place and uses up the number. Otherwise a slot whose
//      caller has gone is sent on unchanged until it is decided.
//   4. A round is under way or is scheduled, never both: while one is scheduled nothing new is sent, since
//      the broker would refuse it as out of order. Refusals of an older round mean nothing.
//   5. A session is closed only when every number is decided, and nothing is sent after that: the broker forgets what
//      it has decided, so that a number of a closed session must never come again.
//   6. Every sending has a request id of its own, so that each answer is told from the others.

import DequeModule

struct Session: Sendable {
    struct Waiting: Sendable {
        let call: CallID
        let work: Work
        /// What it is built on was read before: the number of the last read.
        let readsBefore: UInt64
    }

    struct Slot: Sendable {
        let number: UInt64
        var work: Work
        let readsBefore: UInt64
        let bytes: Int
        /// `nil`: the caller has gone.
        var call: CallID?
        /// Sendings without an answer.
        var outstanding: [UInt64] = []
        let firstRound: UInt64
        var sentAt: Instant
        var isDecided = false
        /// Of one of its sendings.
        var refusal: Refusal?
    }

    struct Sending: Hashable, Sendable {
        let number: UInt64
        let round: UInt64
    }

    var id: SessionID?
    var waiting = Deque<Waiting>()
    var slots: [Slot] = []
    var next: UInt64 = 1
    var round: UInt64 = 1
    /// When the next round starts.
    var resendAt: Instant?
    /// Rounds in a row whose first number was refused as out of order.
    var misfits = 0
    /// The sendings under way, by request id.
    var numbers: [UInt64: Sending] = [:]

    var acknowledged: UInt64 { (slots.first?.number ?? next) - 1 }
    var bytesInFlight: Int { slots.reduce(0) { $0 + $1.bytes } }

    func index(of number: UInt64) -> Int? {
        guard let first = slots.first?.number, number >= first, number < next else { return nil }
        return Int(number - first)
    }

    /// The sending was answered.
    mutating func settle(_ request: UInt64) {
        guard let sending = numbers.removeValue(forKey: request), let index = index(of: sending.number) else { return }
        slots[index].outstanding.removeAll { $0 == request }
    }

    /// - Returns: who waits for it.
    mutating func decide(_ number: UInt64) -> CallID? {
        guard let index = index(of: number), !slots[index].isDecided else { return nil }
        slots[index].isDecided = true
        for request in slots[index].outstanding { numbers[request] = nil }
        slots[index].outstanding = []
        let call = slots[index].call
        let undecided = slots.firstIndex { !$0.isDecided } ?? slots.count
        slots.removeFirst(undecided)
        return call
    }
}

/// The pauses before a round.
struct SessionPauses: Sendable {
    var busy: Backoff
    var resend: Backoff
    var outOfOrder: Backoff

    init(_ settings: ClientSettings) {
        busy = Backoff(first: settings.busy, longest: settings.busyLongest)
        resend = Backoff(first: settings.resend * 2, longest: settings.resendLongest)
        outOfOrder = Backoff(first: .milliseconds(2), longest: settings.busyLongest)
    }
    mutating func reset() {
        busy.reset()
        resend.reset()
        outOfOrder.reset()
    }
}

extension Work {
    var branch: BranchName {
        switch self {
        case .transaction(let transaction): transaction.branch
        case .fork(let fork): fork.name
        case .merge(let merge): merge.target
        case .rollback(let rollback): rollback.branch
        case .revert(let revert): revert.branch
        case .pick(let pick): pick.branch
        case .quarantine(let quarantine): quarantine.branch
        case .branch(let change): change.name
        case .tag(let change): change.branch
        }
    }

    /// Whether it changes a key of these topics, as far as its client can tell: what a merge changes shows only when it is
    /// decided. A bookmark too many does no harm.
    func changes(_ filter: TopicFilter) -> Bool {
        switch self {
        case .transaction(let transaction): transaction.changes.contains { filter.matches($0.key) }
        case .fork, .merge, .rollback, .revert, .pick, .quarantine, .branch, .tag: false
        }
    }

    /// Takes up a number and does nothing.
    static let nothing = Work.transaction(Transaction())
}

extension TagChange {
    /// That its commit is on, as far as its client can tell: where a tag that goes was is known to the broker alone.
    fileprivate var branch: BranchName {
        switch action {
        case .create(let branch, _): branch
        case .delete: .main
        }
    }
}

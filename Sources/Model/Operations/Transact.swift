/// A session's next numbered work: see SessionState.
package struct Transact: Operation, Hashable {
    package var session: SessionID
    /// From 1, without gaps.
    package var number: UInt64
    /// The client has the outcome of every number up to this one and will not ask again.
    package var acknowledged: UInt64
    /// What to do; or, on the broker's side, why it cannot be done: such a refusal takes its turn in the session like any
    /// other outcome.
    package var work: Result<Work, Refusal>

    package init(session: SessionID, number: UInt64, acknowledged: UInt64, work: Result<Work, Refusal>) {
        self.session = session
        self.number = number
        self.acknowledged = acknowledged
        self.work = work
    }

    package typealias Answer = Outcome

    package static let traits = Traits("the transaction", .write)
    package var touches: [Touched] { (try? work.get())?.touches ?? [] }

    package var body: Request.Body { .transact(self) }
    package static func body(of answer: Answer) -> Reply.Body { .outcome(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .outcome(let answer) = body { answer } else { nil }
    }
}

extension Work {
    var touches: [Touched] {
        switch self {
        case .transaction(let transaction): transaction.touches
        case .fork(let fork): [Touched(.write, on: fork.name, .branches), Touched(.read, on: fork.parent, .store)]
        // Which keys it writes shows only when it is decided.
        case .merge(let merge): [Touched(.write, on: merge.target, .store), Touched(.read, on: merge.source, .store)]
        case .rollback(let rollback): [Touched(.write, on: rollback.branch, .topics(rollback.filter))]
        case .revert(let revert): [Touched(.write, on: revert.branch, .store)]
        // It reads what the commits changed, on whatever branch.
        case .pick(let pick): [Touched(.write, on: pick.branch, .store), Touched(.read, on: nil, .store)]
        case .quarantine(let quarantine): [Touched(.write, on: quarantine.branch, .store)]
        case .branch(let change): [Touched(.write, on: change.name, .branches)]
        case .tag(let change): change.touches
        }
    }
}

extension Transaction {
    /// What it changes; and what it requires, whose answer shows what is there.
    fileprivate var touches: [Touched] {
        var (keys, topics): ([Key], [Topic]) = ([], [])
        var elsewhere: [ReadVersion] = []
        for read in reads {
            if let other = read.branch, other != branch {
                elsewhere.append(read)
            } else {
                switch read.subject {
                case .key(let key): keys.append(key)
                case .topic(let topic): topics.append(topic)
                }
            }
        }
        for precondition in preconditions {
            switch precondition {
            case .at(let key, _), .absent(let key): keys.append(key)
            case .unchanged(let topic, _): topics.append(topic)
            // It tells of what the agent itself has read.
            case .sound: break
            }
        }
        var touched = [Touched(.write, on: branch, .keys(changes.map(\.key)))]
        for read in elsewhere {
            switch read.subject {
            case .key(let key): touched.append(Touched(.read, on: read.branch, .keys([key])))
            case .topic(let topic): touched.append(Touched(.read, on: read.branch, .topics(TopicFilter([topic]))))
            }
        }
        if !keys.isEmpty { touched.append(Touched(.read, on: branch, .keys(keys))) }
        if !topics.isEmpty { touched.append(Touched(.read, on: branch, .topics(TopicFilter(topics)))) }
        return touched
    }
}

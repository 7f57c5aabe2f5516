import MembusModel

/// What can happen in a world. A fault that never happens in thousands of histories is a fault of the test.
package enum Happening: String, CaseIterable, Sendable {
    // Network
    case lostRequest = "request lost"
    case lostReply = "reply lost"
    case lostEvent = "event lost, interior"
    case lostTail = "event lost, the last of its stream"
    case lostHeartbeat = "heartbeat lost"
    case highWaterDrop = "event dropped at the mark"
    case replyOvertookEvent = "reply overtook events"
    case eventOvertookReply = "event overtook replies"
    case partition = "agent cut off"
    case eventsCut = "events' connection broken"
    case eventsHalfOpen = "events' connection half open"
    case requestsCut = "requests' connection broken"
    case requestDiedUnderWay = "request died with its connection"
    case replyDiedUnderWay = "reply died with its connection"
    case eventDiedUnderWay = "event died with its connection"
    case requestsHalfOpenUp = "requests' connection half open, upwards"
    case requestsHalfOpenDown = "requests' connection half open, downwards"
    case requestsReopened = "requests' socket replaced"
    case eventsReplaced = "events' socket replaced"
    case resubscribed = "silently subscribed again"
    case subscribedLate = "subscription live late"
    case requestParked = "request waited for a broker"
    // Processes
    case agentRestarted = "agent killed and restarted"
    case agentPaused = "agent stopped and continued"
    case brokerPaused = "broker stopped and continued"
    case killedIdle = "broker killed idle"
    case killedBeforeCommit = "broker killed before COMMIT"
    case killedAfterCommit = "broker killed durable, not published"
    case killedWhilePublishing = "broker killed while publishing"
    case killedPublished = "broker killed published, not replied"
    case killedWhileReplying = "broker killed while replying"
    case clockForward = "wall clock jumped forward"
    case clockBack = "wall clock jumped back"
    case slowMachine = "broker's machine slow"
    // Disk
    case diskSlow = "disk slow"
    case diskFull = "disk full"
    case diskFullInSQLite = "disk full within SQLite"
    case writeFailed = "write failed within SQLite"
    case syncFailed = "sync failed, process stopped"
    case powerLostIdle = "power lost idle"
    case powerLostInBatch = "power lost before or in COMMIT's writes"
    case powerLostAtSync = "power lost at COMMIT's sync"
    case unsyncedLost = "unsynced write lost"
    case unsyncedTorn = "unsynced write torn"
    case unsyncedKept = "unsynced write survived"
    case walRecovered = "log recovered from a dead process"
    case checkpointed = "log checkpointed"
    case restored = "backup restored"
    case restoreFailed = "restore failed by the disk"
    case copiedBack = "backup copied back, untold"
    case compacted = "history compacted"
    // The second store
    case followed = "batch applied by the second store"
    case followedAnew = "second store begun anew from a copy"
    case doubtDurable = "batch under way at a crash found durable"
    case doubtLost = "batch under way at a crash found lost"
    case comparedAtRest = "second store compared at rest"
    // Workload
    case readThenWrite = "transaction with a closure that reads"
    case rerun = "closure run again"
    case committed = "transaction committed"
    case conflicted = "transaction in conflict"
    case merged = "branches merged"
    case unsettled = "merge or revert that somebody has to decide"
    case parked = "conflict left for later"
    case cascaded = "revert of all that derived"
    case picked = "commits picked"
    case quarantined = "versions quarantined"
    case held = "preconditions held, no changes"
    case refused = "transaction refused"
    case outcomeUnknown = "outcome unknown to the agent"
    case committedUnseen = "committed, views not there in time"
    case incremented = "increment"
    case appended = "append"
    case patched = "merge patch"
    case expired = "record expired"
    case forkedMidway = "fork of a past revision"
    case forkedFrozen = "fork that holds expiring records"
    case branchChanged = "branch closed, protected, deleted or the reverse"
    case nameAgain = "name of a branch asked for again"
    case tagged = "state tagged"
    case tagRead = "tag read"
    case tagReadBelowFloor = "tag read below the floor"
    case warmStart = "warm start"
    case warmOverReplaced = "warm start over a replaced history"
    case warmDamaged = "damaged warm file rejected"
    case warmOtherAgent = "warm file of another agent"
    case evicted = "read of an evicted or unknown key"
    case announced = "read of a value not inline"
    case fetchRetried = "fetch retried at a newer cut"
    case staleRefused = "stale read refused by policy"
    case staleWaited = "stale read waited by policy"
    case readCached = "cached read"
    case readHandle = "read by handle"
    case readWhole = "read of the whole view"
    case readAtLeast = "read at least a token"
    case readHandedToken = "token handed from another agent"
    case readWithin = "read within an age"
    case readLinearizable = "linearizable read"
    case readDirect = "read of the broker"
    case reset = "view reset"
    case readRange = "range read"
    case rangeContinued = "further page of a range"
    case rangeHeld = "further page of a range below the floor"
    case readDiff = "diff read"
    case diffContinued = "further page of a diff"
    case readMerged = "read of a key that is only merged"
    case getContinued = "further part of a get"
    case lookUpInPieces = "further piece of a look-up"
    case watchedLarge = "value fetched by a watch"
    case watched = "change delivered by a watch"
    case watchEnded = "watch ended by the broker's answer"
    case watchQuiet = "watch moved on over what is not its topics'"
    case watchBelowFloor = "watch read on below the floor"
    case watchPolled = "watch read the log without events"
    // What follows the commits
    case countedAnewAboveFloor = "counts begun anew, overtaken by the floor"
    case countedAnewInAnotherHistory = "counts begun anew in another history"
    // The index
    case sentVectors = "vectors sent along"
    case sentSeveralVectors = "several vectors of a space sent along"
    case searchSet = "way to search set"
    case searched = "search of the newest state"
    case searchedOfThePast = "search of a past state"
    case searchedByVector = "search by a vector"
    case searchedByBoth = "search by words and a vector"
    case searchOfOtherDimensions = "search by a vector of other dimensions"
    case searchedByPhrase = "search by a phrase"
    case searchedByPrefix = "search by a prefix"
    case searchedByField = "search by a field"
    case searchedWithin = "search within topics"
    case searchWaited = "search of a state that the index had not"
    case searchRefused = "search of a state that is not there"
    case indexOpened = "index went on where it was written"
    case indexedAnewInAnotherHistory = "index begun anew in another history"
    case indexLost = "index lost between two processes"
    case indexDamaged = "index damaged between two processes"
    case vectorsDamaged = "vectors damaged between two processes"
    case indexedAnewForDamage = "index begun anew for damage"
    case indexHadGaps = "index looked for what compaction dropped"
    case indexReplaced = "index replaced by another"
    // Bounds
    case streamDropped = "stream dropped for idleness"
    case listShortened = "heartbeat's list too long, S raised"
    case busy = "request refused as busy"
    case heldDropped = "held event dropped by a joining view"
    case transactionQueued = "transaction waited for those in flight"
    case outcomeForgotten = "outcome no longer kept"
    case entryEvicted = "entry evicted"
    case valueStripped = "value stripped at the cap"
    case compactedByAge = "history compacted by the retention"
    case sessionDropped = "unused session dropped"
    case wide = "history with many keys"
    case wired = "history with the wire's codec in the loop"
    case onDisk = "history with a store on disk"
}

/// How often what happened.
package struct Coverage: Sendable {
    package struct Transition: Hashable, Sendable {
        var from: ViewMachine.Phase
        var to: ViewMachine.Phase
    }
    private var counts = [Int](repeating: 0, count: Happening.allCases.count)
    private var transitions: [Transition: Int] = [:]
    private static let places = Dictionary(
        uniqueKeysWithValues: Happening.allCases.enumerated().map { ($0.element, $0.offset) })

    /// As the machine's page has them.
    static let expected: [Transition] = [
        Transition(from: .register, to: .probe), Transition(from: .probe, to: .pull),
        Transition(from: .probe, to: .register), Transition(from: .pull, to: .live),
        Transition(from: .pull, to: .register), Transition(from: .live, to: .pull),
        Transition(from: .live, to: .register),
    ]

    package init() {}

    mutating func count(_ happening: Happening, times: Int = 1) {
        if let place = Self.places[happening] { counts[place] += times }
    }
    mutating func count(_ from: ViewMachine.Phase, _ to: ViewMachine.Phase) {
        transitions[Transition(from: from, to: to), default: 0] += 1
    }

    package mutating func add(_ other: Coverage) {
        for place in counts.indices { counts[place] += other.counts[place] }
        for (transition, count) in other.transitions { transitions[transition, default: 0] += count }
    }

    package subscript(_ happening: Happening) -> Int { Self.places[happening].map { counts[$0] } ?? 0 }

    /// What may well not happen in ten thousand histories, and why.
    static let rare: [Happening: String] = [
        .restoreFailed: "a fault of the disk has to be planned and still to strike in the few writes of a restore"
    ]

    /// What should have happened and did not.
    package var missing: [String] { missing(with: Happening.allCases) }
    /// Of that, what has to happen in any long run.
    package var missingThoughCommon: [String] { missing(with: Happening.allCases.filter { Self.rare[$0] == nil }) }

    private func missing(with happenings: [Happening]) -> [String] {
        happenings.filter { self[$0] == 0 }.map(\.rawValue)
            + Self.expected.filter { transitions[$0] == nil }.map(Self.name)
    }

    // MARK: From process to process

    package var line: String {
        let moved = transitions.sorted { Self.name($0.key) < Self.name($1.key) }
        return "\(Self.mark)\t"
            + (counts.map { "\($0)" } + moved.map { "\($0.key.from.rawValue)>\($0.key.to.rawValue)=\($0.value)" })
            .joined(separator: " ")
    }
    private static let mark = "coverage"

    /// - Returns: `nil` for another line.
    package init?(line: some StringProtocol) {
        let fields = line.split(separator: "\t")
        guard fields.count == 2, fields[0] == Self.mark else { return nil }
        let words = fields[1].split(separator: " ")
        guard words.count >= counts.count else { return nil }
        counts = words.prefix(counts.count).map { Int($0) ?? 0 }
        for word in words.dropFirst(counts.count) {
            let parts = word.split(whereSeparator: { ">=".contains($0) }).map { String($0) }
            guard parts.count == 3, let from = ViewMachine.Phase(rawValue: parts[0]),
                let to = ViewMachine.Phase(rawValue: parts[1]), let count = Int(parts[2])
            else { return nil }
            transitions[Transition(from: from, to: to)] = count
        }
    }

    package var table: String {
        var lines = Happening.allCases.map { Self.line(self[$0], $0.rawValue) }
        let seen = transitions.keys.sorted { Self.name($0) < Self.name($1) }
        lines += seen.map { Self.line(transitions[$0] ?? 0, Self.name($0)) }
        if !missing.isEmpty { lines.append("never happened: " + missing.joined(separator: "; ")) }
        return lines.joined(separator: "\n")
    }

    private static func name(_ transition: Transition) -> String {
        "view \(transition.from.rawValue) -> \(transition.to.rawValue)"
    }
    private static func line(_ count: Int, _ name: String) -> String {
        String(repeating: " ", count: max(0, 10 - "\(count)".count)) + "\(count)  \(name)"
    }
}

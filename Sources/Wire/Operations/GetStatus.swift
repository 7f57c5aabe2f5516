import MembusModel

extension GetStatus: CodedOperation {
    init(_ message: PBGetStatus, _ limits: Limits) throws(Refusal) { self.init() }
    var message: PBGetStatus { PBGetStatus() }

    static func answer(_ message: PBStatus) throws(Refusal) -> BrokerFigures { try BrokerFigures(message) }
    static func message(of figures: BrokerFigures) -> PBStatus { PBStatus(figures) }
}

extension PBStatus {
    fileprivate init(_ status: BrokerFigures) {
        self.init()
        head = PBPosition(status.head)
        floor = status.floor
        software = status.software
        uptimeMs = status.uptime.wholeMilliseconds
        transactionsWaiting = Int64(status.transactionsWaiting)
        readsWaiting = Int64(status.readsWaiting)
        streams = Int64(status.streams)
        sessions = Int64(status.sessions)
        commits = status.commits
        conflicts = status.conflicts
        refused = status.refused
        busy = status.busy
        malformed = status.malformed
        eventsPublished = status.eventsPublished
        eventsAnnounced = status.eventsAnnounced
        repliesDropped = status.repliesDropped
        pulls = status.pulls
        batches = status.batches
        syncMedianUs = status.syncMedian.wholeMicroseconds
        syncP99Us = status.syncP99.wholeMicroseconds
        commitMedianUs = status.commitMedian.wholeMicroseconds
        commitP99Us = status.commitP99.wholeMicroseconds
        walBytes = status.walBytes
        storeBytes = status.storeBytes
        if let counts = status.counts { self.counts = PBMemoryCounts(counts) }
        if let held = status.heldLog { heldLog = PBHeldLog(held) }
        tags = status.tags
        tagsBelowFloor = status.tagsBelowFloor
        if let index = status.index { self.index = PBIndexFigures(index) }
        if let evicted = status.evictedHistory {
            evictedHistory = .with {
                $0.all = PBCountedAmount(evicted.all)
                $0.segments = PBCountedGroups(evicted.segments)
            }
        }
    }
}

extension BrokerFigures {
    fileprivate init(_ message: PBStatus) throws(Refusal) {
        self.init()
        head = try Position(message.head, "status.head")
        floor = try Parse.revision(message.floor, "status.floor")
        software = message.software
        uptime = .milliseconds(message.uptimeMs)
        transactionsWaiting = Int(clamping: message.transactionsWaiting)
        readsWaiting = Int(clamping: message.readsWaiting)
        streams = Int(clamping: message.streams)
        sessions = Int(clamping: message.sessions)
        commits = message.commits
        conflicts = message.conflicts
        refused = message.refused
        busy = message.busy
        malformed = message.malformed
        eventsPublished = message.eventsPublished
        eventsAnnounced = message.eventsAnnounced
        repliesDropped = message.repliesDropped
        pulls = message.pulls
        batches = message.batches
        syncMedian = .microseconds(message.syncMedianUs)
        syncP99 = .microseconds(message.syncP99Us)
        commitMedian = .microseconds(message.commitMedianUs)
        commitP99 = .microseconds(message.commitP99Us)
        walBytes = message.walBytes
        storeBytes = message.storeBytes
        if message.hasCounts { counts = try MemoryCounts(message.counts) }
        if message.hasHeldLog { heldLog = HeldLog(message.heldLog) }
        tags = message.tags
        tagsBelowFloor = message.tagsBelowFloor
        if message.hasIndex { index = IndexFigures(message.index) }
        if message.hasEvictedHistory {
            evictedHistory = EvictedHistory(
                all: MemoryCounts.Amount(message.evictedHistory.all),
                segments: MemoryCounts.Groups(message.evictedHistory.segments))
        }
    }
}

extension PBHeldLog {
    fileprivate init(_ held: HeldLog) {
        self.init()
        bytes = held.bytes
        heldMs = held.duration.wholeMilliseconds
        holders = held.holders.map { holder in
            .with {
                $0.pid = Int64(holder.process)
                $0.name = holder.name
                $0.heldMs = holder.duration.wholeMilliseconds
            }
        }
    }
}

extension HeldLog {
    fileprivate init(_ message: PBHeldLog) {
        self.init(
            bytes: message.bytes, duration: .milliseconds(message.heldMs),
            holders: message.holders.map {
                Holder(process: Int32(clamping: $0.pid), name: $0.name, duration: .milliseconds($0.heldMs))
            })
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }
}

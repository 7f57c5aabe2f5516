import Foundation
import MembusModel

// What a broker says about itself: welcome, limits, status. All figures, no rules.

extension PBWelcome {
    init(_ welcome: Reply.Welcome) {
        self.init()
        major = welcome.major
        minor = welcome.minor
        events = welcome.events
        heartbeatMs = welcome.heartbeat.wholeMilliseconds
        limits = PBLimits(welcome.limits)
        software = welcome.software
    }
}

extension Reply.Welcome {
    init(_ message: PBWelcome) {
        self.init(
            major: message.major, minor: message.minor, events: message.events,
            heartbeat: .milliseconds(message.heartbeatMs), limits: message.hasLimits ? Limits(message.limits) : Limits(),
            software: message.software)
    }
}

extension PBLimits {
    init(_ limits: Limits) {
        self.init()
        keyBytes = Int64(limits.keyBytes)
        valueBytes = Int64(limits.valueBytes)
        changesPerTransaction = Int64(limits.changesPerTransaction)
        transactionBytes = Int64(limits.transactionBytes)
        annotationBytes = Int64(limits.annotationBytes)
        messageBytes = Int64(limits.messageBytes)
        nameBytes = Int64(limits.nameBytes)
        keysPerRequest = Int64(limits.keysPerRequest)
        topicsPerFilter = Int64(limits.topicsPerFilter)
    }
}

extension Limits {
    init(_ message: PBLimits) {
        self.init()
        keyBytes = Int(clamping: message.keyBytes)
        valueBytes = Int(clamping: message.valueBytes)
        changesPerTransaction = Int(clamping: message.changesPerTransaction)
        transactionBytes = Int(clamping: message.transactionBytes)
        annotationBytes = Int(clamping: message.annotationBytes)
        messageBytes = Int(clamping: message.messageBytes)
        nameBytes = Int(clamping: message.nameBytes)
        keysPerRequest = Int(clamping: message.keysPerRequest)
        topicsPerFilter = Int(clamping: message.topicsPerFilter)
    }
}

extension PBStatus {
    init(_ status: Reply.Status) {
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
    }
}

extension Reply.Status {
    init(_ message: PBStatus) throws(Failure) {
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
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }
}

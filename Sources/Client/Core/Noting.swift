/// First reads of cached records, on their way to the broker: at most one request at a time, the oldest are
/// dropped when too many wait.
struct Notes: Sendable {
    var waiting: [NotedRead] = []
    var isUnderWay = false
    var lastSent: Instant?
    var dropped = 0
    /// No more will come, so that nothing is gained by waiting for them.
    var isLast = false
}

extension ClientCore {
    mutating func note(_ reads: [NotedRead]) {
        notes.waiting += reads
        let excess = notes.waiting.count - settings.mostNotedReads
        // Those under way stand at the front and stay.
        if excess > 0, !notes.isUnderWay {
            notes.waiting.removeFirst(excess)
            notes.dropped += excess
        } else if excess > 0 {
            notes.waiting.removeLast(excess)
            notes.dropped += excess
        }
        sendNotes()
    }

    mutating func sendNotes() {
        guard !notes.waiting.isEmpty, !notes.isUnderWay, link.welcome != nil else { return }
        if !notes.isLast, let last = notes.lastSent, now < last + settings.noteReads { return }
        notes.isUnderWay = true
        notes.lastSent = now
        let most = min(settings.notedReadsPerRequest, max(1, link.welcome?.limits.keysPerRequest ?? .max))
        let batch = Array(notes.waiting.prefix(most))
        ask(.noteReads(NoteReads(agent: settings.agent, reads: batch)), for: .notes(count: batch.count))
    }

    var hasNotedAll: Bool { notes.waiting.isEmpty }

    /// Noted, or refused for good: either way they have been dealt with.
    mutating func noted(_ body: Reply.Body, count: Int) {
        notes.isUnderWay = false
        notes.waiting.removeFirst(min(count, notes.waiting.count))
        if notes.waiting.count >= settings.notedReadsPerRequest { notes.lastSent = nil }
        sendNotes()
    }
}

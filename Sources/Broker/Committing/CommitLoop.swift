import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem

// The life of the thread that writes.
//
// Order of one turn:
//   1. take all writes that wait; those whose deadline has passed are refused, unexecuted
//   2. one batch: one SQLite transaction, one sync
//   3. report it to the bus thread, which publishes and replies
//   4. one small step of compaction, if one is under way, so that it never keeps writers waiting for long
//
// A batch that the store refuses (a full disk) is refused to each of its requests with that reason. If what
// is on disk is not known any more (a failed sync), the process ends before anybody is told anything.

final class CommitLoop: @unchecked Sendable {  // used by its one thread only, after it was made
    private let writer: Writer
    private let queue: BatchQueue<QueuedWrite>
    private let results: Inbox<BrokerInput<PeerEnvelope>>
    private let log: Logger
    private var compactions: Compactions
    private var batchFault = RepeatedFault()
    private var compactionFault = RepeatedFault()

    init(
        writer: Writer, retention: Retention, queue: BatchQueue<QueuedWrite>,
        results: Inbox<BrokerInput<PeerEnvelope>>, log: Logger
    ) {
        self.writer = writer
        self.queue = queue
        self.results = results
        self.log = log
        compactions = Compactions(writer: writer, retention: retention)
    }

    func run() {
        var writes: [QueuedWrite] = []
        while queue.take(into: &writes, patience: compactions.isUnderWay ? .zero : .seconds(1)) {
            if !writes.isEmpty { write(writes) }
            compact()
        }
    }

    // MARK: Batches

    private func write(_ writes: [QueuedWrite]) {
        var report: [(ticket: UInt64, result: WriteReport.Result)] = []
        report.reserveCapacity(writes.count)
        var items: [WriteItem] = []
        var tickets: [UInt64] = []
        items.reserveCapacity(writes.count)
        tickets.reserveCapacity(writes.count)
        let now = Instant.now
        for write in writes {
            switch write.job {
            case .compact(let request):
                compactions.ask(request, ticket: write.ticket)
            case .item(let item):
                if let late = write.refusal(at: now) {
                    report.append((write.ticket, .item(.refused(late))))
                    continue
                }
                items.append(item)
                tickets.append(write.ticket)
            }
        }
        let written = commit(items)
        for (ticket, result) in zip(tickets, written.results) { report.append((ticket, .item(result))) }
        send(
            WriteReport(
                results: report, commits: written.commits, nextExpiry: writer.nextExpiry, sync: written.sync))
    }

    private func commit(_ items: [WriteItem]) -> (results: [WriteResult], commits: [Commit], sync: Duration?) {
        if items.isEmpty { return ([], [], nil) }
        do {
            let batch = try writer.commit(items, now: .now)
            if let line = batchFault.worked("batches are written", now: .now) { log.notice("\(line)") }
            return (batch.results, batch.commits, batch.sync)
        } catch {
            if error.isFatal { die("the store failed: \(error)", log) }
            if let line = batchFault.failed("a batch of \(items.count) was refused: \(error)", now: .now) {
                log.error("\(line)")
            }
            return (items.map { _ in .refused(error.refusal) }, [], nil)
        }
    }

    private func send(_ report: WriteReport) {
        if report.results.isEmpty && report.commits.isEmpty { return }
        // The core admits no more writes than the inbox has room for.
        _ = results.push(.written(report))
    }

    // MARK: Compaction

    private func compact() {
        do {
            let finished = try compactions.step(now: .now, wall: .now)
            send(
                WriteReport(
                    results: finished.map { ($0.ticket, .compacted(floor: $0.floor)) }, nextExpiry: writer.nextExpiry))
        } catch {
            if error.isFatal { die("the store failed: \(error)", log) }
            if let line = compactionFault.failed("compaction stopped: \(error.message)", now: .now) {
                log.error("\(line)")
            }
            var refusal = error.refusal
            refusal.hint =
                error.kind == .diskFull
                ? "free space on the broker's disk, then compact again: it goes on where it stopped"
                : "see the broker's log, then compact again: it goes on where it stopped"
            let failed = compactions.abandon()
            send(
                WriteReport(
                    results: failed.map { ($0, .item(.refused(refusal))) }, nextExpiry: writer.nextExpiry))
        }
    }
}

/// The queues of those who look things up, one for each kind of thread.
struct LookUpQueues: Sendable {
    let short: WorkQueue<QueuedRead>
    let long = WorkQueue<QueuedRead>()
    let planning = WorkQueue<QueuedRead>()
    let dryRuns = WorkQueue<QueuedRead>()
    let search = WorkQueue<QueuedRead>()
    let queries = WorkQueue<QueuedRead>(takers: LookUpQueues.queryThreads)

    /// So that one query that takes long keeps nobody else from a short one.
    static let queryThreads = 2

    /// - Parameter readers: threads that take short ones.
    init(readers: Int) { short = WorkQueue(takers: readers) }

    /// Each to the thread that does it.
    func push(contentsOf reads: [QueuedRead]) {
        for (queue, thread) in [
            (short, LookUpThread.short), (long, .long), (planning, .planning), (dryRuns, .dryRuns),
            (search, .search), (queries, .queries),
        ] {
            queue.push(contentsOf: reads.filter { $0.thread == thread })
        }
    }
}

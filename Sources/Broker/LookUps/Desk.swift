import MembusModel
import MembusStore
import Synchronization

/// What a look-up has before it: one reader's connection, what it may show, and up to which revision. Used by one thread
/// at a time.
package struct Desk: Sendable {
    let store: Store
    let reader: Reader
    let inlineValueBytes: Int
    /// `nil`: of a store without a directory, which can't be copied.
    var backups: Backups?
    let hurry: Hurry
    /// The index, where its thread is; `nil`: elsewhere, or there is none.
    var searching: SearchRoom?
    /// How others ask the index.
    var errands: SearchErrands?
    /// How far the index is.
    var indexed = Posted<IndexFigures>()
    /// What was counted beside the commits.
    let counts: Posted<MemoryCounts>
    /// What keeps the write-ahead log large.
    let heldLog: Posted<HeldLog>
    /// What history had to go before its age.
    let evicted: Posted<EvictedHistory>
    /// How many rows a look-up looks at in one piece: some milliseconds' worth.
    let pieceWork: Int
    /// V when the look-up was asked for: nothing beyond is shown.
    private(set) var visible: Revision = 0
    private(set) var scope = Scope.everything
    /// When whoever asked waits no longer.
    private(set) var deadline: Instant?
    /// Of which states lists are being read; shared with who sweeps.
    private let held: HeldStates
    private var now = Instant(nanoseconds: 0)

    init(
        store: Store, reader: Reader, inlineValueBytes: Int, backups: Backups? = nil,
        counts: Posted<MemoryCounts> = Posted(), held: HeldStates = HeldStates(),
        heldLog: Posted<HeldLog> = Posted(), evicted: Posted<EvictedHistory> = Posted(),
        hurry: Hurry = Hurry(), pieceWork: Int = 1000
    ) {
        self.store = store
        self.reader = reader
        self.inlineValueBytes = inlineValueBytes
        self.backups = backups
        self.counts = counts
        self.held = held
        self.heldLog = heldLog
        self.evicted = evicted
        self.pieceWork = pieceWork
        self.hurry = hurry
    }

    /// Reads a page of a list as of a state, which is held for what comes next, if anything does.
    /// - Parameter more: whether there is another page, or another piece of this one.
    func page<P>(of revision: Revision, more: (P) -> Bool, read: () throws(Refusal) -> P) throws(Refusal) -> P {
        // Before the file is looked at, so that no sweep comes between.
        held.begin(revision, now: now)
        do throws(Refusal) {
            let page = try read()
            held.end(revision, more: more(page), now: now)
            return page
        } catch {
            held.end(revision, more: false, now: now)
            throw error
        }
    }

    /// Does a piece of a look-up.
    /// - Returns: `nil`: there is more to do.
    func step(_ read: inout QueuedRead, now: Instant) -> Result<LookUpResult, Refusal>? {
        if let late = read.refusal(at: now) { return .failure(late) }
        if hurry.isOn, !read.lookUp.isRelease { return .failure(hurry.refusal) }
        var desk = self
        (desk.visible, desk.scope, desk.deadline, desk.now) = (read.visible.revision, read.scope, read.deadline, now)
        do throws(Refusal) {
            return try desk.step(&read.lookUp).map { .success($0) }
        } catch {
            if hurry.isOn { return .failure(hurry.refusal) }
            return .failure(isOvertaken(read) ? Refusal(.busy, "compaction overtook the request") : error)
        }
    }

    /// - Throws: once nobody waits for what is being done.
    func checkWaiting() throws(Refusal) {
        if hurry.isOn { throw hurry.refusal }
        if let deadline, deadline < .now {
            throw Refusal(.deadlineExceeded, "the request took longer than its deadline")
        }
    }

    private func step<L: LookUp>(_ lookUp: inout L) throws(Refusal) -> LookUpResult? {
        try lookUp.step(at: self).map { L.result($0) }
    }

    /// The floor has passed what was visible when the look-up was asked for: asked again, it will be answered.
    private func isOvertaken(_ read: QueuedRead) -> Bool {
        guard let floor = try? reader.floor().revision else { return false }
        return floor > read.visible.revision
    }
}

/// Whether look-ups are to be given up for the broker's end.
package final class Hurry: Sendable {
    private let on = Atomic<Bool>(false)
    /// What those who asked are told.
    let refusal: Refusal

    init(_ refusal: Refusal = Hurry.refusal) { self.refusal = refusal }

    var isOn: Bool { on.load(ordering: .relaxed) }
    func begin() { on.store(true, ordering: .relaxed) }

    /// Somebody waits for the end so much that none is finished any more.
    static let refusal = Refusal(.shuttingDown, "the broker was told to stop at once")
    /// SQL may take as long as its deadline says: the end does not wait for that.
    static let ofQueries = Refusal(.shuttingDown, "the broker stops, and has ended the query")
}

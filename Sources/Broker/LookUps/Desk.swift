import MembusModel
import MembusStore

/// What a look-up has before it: one reader's connection, what it may show, and up to which revision. Used by one thread
/// at a time.
package struct Desk: Sendable {
    let store: Store
    let reader: Reader
    let inlineValueBytes: Int
    /// `nil`: of a store without a directory, which can't be copied.
    var backups: Backups?
    /// What was counted beside the commits.
    let counts: PostedCounts
    /// V when the look-up was asked for: nothing beyond is shown.
    private(set) var visible: Revision = 0
    private(set) var scope = Scope.everything
    /// Of which states lists are being read; shared with who sweeps.
    private let held: HeldStates
    private var now = Instant(nanoseconds: 0)

    init(
        store: Store, reader: Reader, inlineValueBytes: Int, backups: Backups? = nil,
        counts: PostedCounts = PostedCounts(), held: HeldStates = HeldStates()
    ) {
        self.store = store
        self.reader = reader
        self.inlineValueBytes = inlineValueBytes
        self.backups = backups
        self.counts = counts
        self.held = held
    }

    /// Reads a page of a list as of a state, which is held for the next page if there is one.
    func page<P>(of revision: Revision, _ more: (P) -> Bool, _ read: () throws(Refusal) -> P) throws(Refusal) -> P {
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

    func answer(_ read: QueuedRead, now: Instant) -> Result<LookUpResult, Refusal> {
        if let late = read.refusal(at: now) { return .failure(late) }
        var desk = self
        (desk.visible, desk.scope, desk.now) = (read.visible.revision, read.scope, now)
        do throws(Refusal) {
            return .success(try desk.result(of: read.lookUp))
        } catch {
            return .failure(isOvertaken(read) ? Refusal(.busy, "compaction overtook the request") : error)
        }
    }

    private func result<L: LookUp>(of lookUp: L) throws(Refusal) -> LookUpResult {
        L.result(try lookUp.answer(by: self))
    }

    /// The floor has passed what was visible when the look-up was asked for: asked again, it will be answered.
    private func isOvertaken(_ read: QueuedRead) -> Bool {
        guard let floor = try? reader.floor().revision else { return false }
        return floor > read.visible.revision
    }
}

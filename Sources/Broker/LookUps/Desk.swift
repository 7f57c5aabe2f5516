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

    init(
        store: Store, reader: Reader, inlineValueBytes: Int, backups: Backups? = nil,
        counts: PostedCounts = PostedCounts()
    ) {
        self.store = store
        self.reader = reader
        self.inlineValueBytes = inlineValueBytes
        self.backups = backups
        self.counts = counts
    }

    func answer(_ read: QueuedRead, now: Instant) -> Result<LookUpResult, Refusal> {
        if let late = read.refusal(at: now) { return .failure(late) }
        var desk = self
        (desk.visible, desk.scope) = (read.visible.revision, read.scope)
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

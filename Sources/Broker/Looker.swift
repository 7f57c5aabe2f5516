import MembusModel
import MembusStore

/// Answers look-ups from one reader's connection; used by one thread at a time.
struct Looker: Sendable {
    let store: Store
    let reader: Reader
    let inlineValueBytes: Int
    /// `nil`: of a store without a directory, which can't be copied.
    var backups: Backups?

    func answer(_ read: QueuedRead, now: Instant = .now) -> Result<ReadAnswer, Failure> {
        if let late = read.refusal(at: now) { return .failure(late) }
        do throws(Failure) {
            return .success(try look(up: read.job, visible: read.visible))
        } catch {
            return .failure(overtaken(read) ? Failure(.busy, "compaction overtook the request") : error)
        }
    }

    /// The floor has passed what was visible when the look-up was asked for: asked again, it will be answered.
    private func overtaken(_ read: QueuedRead) -> Bool {
        guard let floor = try? reader.floor().revision else { return false }
        return floor > read.visible.revision
    }

    private func look(up job: ReadJob, visible: Position) throws(Failure) -> ReadAnswer {
        let revision = visible.revision
        switch job {
        case .get(let get):
            return .body(.records(try reader.get(get.keys, on: get.branch, at: get.at, visible: revision)))
        case .range(let range): return .body(.range(try reader.range(range, visible: revision)))
        case .history(let history): return .body(.history(try reader.history(history, visible: revision)))
        case .log(let log): return .body(.log(try reader.log(log, visible: revision)))
        case .branches: return .body(.branches(try reader.branches(visible: revision)))
        case .digest(let branch, let filter, let at):
            return .body(.digest(try reader.digest(filter, on: branch, at: at, visible: revision)))
        case .verify: return .body(.verified(try reader.verify(visible: revision)))
        case .backup(let backup): return .body(.backup(try copies().page(backup, of: reader)))
        case .pull(let pull, let branch, let filter, let mode):
            let filter = PullFilter(branch: branch, topics: filter, mode: mode, inlineLimit: inlineValueBytes)
            return .body(
                .page(
                    try reader.pull(
                        filter, from: pull.from, atLeast: pull.atLeast, page: pull.page, visible: revision)))
        case .hash(let revision, let branch):
            return .hash(try hash(of: revision, branch: branch))
        case .sizes:
            let sizes = store.sizes
            return .sizes(
                StoreSizes(
                    floor: try reader.floor().revision, sessions: try reader.sessionCount(), walBytes: sizes.wal,
                    storeBytes: sizes.store))
        }
    }

    private func copies() throws(Failure) -> Backups {
        guard let backups else { throw Failure(.storeFailed, "a store in memory can't be backed up") }
        return backups
    }

    /// The hash as it is on disk, not only up to V: it serves to tell one history from another.
    private func hash(of revision: Revision, branch: BranchName) throws(Failure) -> UInt64? {
        guard try reader.branches(visible: .max).contains(where: { $0.name == branch }) else {
            throw Failure(.unknownBranch, "there is no branch \"\(branch)\"", subject: branch.text)
        }
        return try reader.position(of: revision, visible: .max)?.hash
    }
}

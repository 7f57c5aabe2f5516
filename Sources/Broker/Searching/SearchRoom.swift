import MembusMeaning
import MembusModel
import MembusSearch
import MembusStore

// The index of a broker, and what becomes of it:
//
//   opened ─▶ follows the commits ─▶ answers
//     │ damaged, of another version or history ─▶ thrown away, begun anew
//     │ can't be opened or written ─▶ the fault is told, tried again after a while
//     └ `reindex`, or much of it is no longer kept ─▶ another is made beside it ─▶ takes its place once it is as far
//
// Used by the thread that searches, alone.

// @unchecked: handed to the thread that searches before it runs, and touched by nobody else.
final class SearchRoom: @unchecked Sendable {
    private let path: String
    private let lineage: Lineage
    private let reader: Reader
    private let visible: VisibleRevision
    private let directory: String
    private let embedding: EmbeddingDesk
    private var vectors: VectorFile?
    private let spaces: SpaceFiles
    private var splitter: WordSplitter?
    private(set) var index: SearchIndex?
    private(set) var making: SearchIndex?
    private var audit: Audit?
    private var audited: (floor: Revision, at: Instant)?
    private(set) var fault: String?
    private var tryAgain = Instant(nanoseconds: 0)
    private var meaningFault: String?
    /// Why the last one that was to take the index's place never did.
    private var makingFault: String?
    private var tryMeaningAgain = Instant(nanoseconds: 0)
    /// The turns in which something was tried.
    private(set) var tries = 0
    /// The answers that wait for news of meaning.
    private(set) var awaited = 0
    /// Of meaning, as ``MeaningNews`` counts it.
    var news: Int { embedding.news.latest }

    init(
        in directory: String, lineage: Lineage, _ reader: Reader, visible: VisibleRevision, _ embedding: EmbeddingDesk
    ) {
        path = directory + "/search.db"
        (self.directory, self.embedding) = (directory, embedding)
        spaces = SpaceFiles(in: directory)
        (self.lineage, self.reader, self.visible) = (lineage, reader, visible)
    }

    private static let retry: Duration = .seconds(2)
    private static let auditPause: Duration = .seconds(60)

    // MARK: Following

    /// A bounded piece of what there is to do.
    /// - Returns: whether there is more by now.
    func step(isIdle: Bool, now: Instant) -> Bool {
        guard now >= tryAgain else { return false }
        tries += 1
        do {
            if index == nil { index = try open() }
            var hasMore = try index?.step(from: reader, upTo: visible.newest, isIdle: isIdle) ?? false
            if making != nil {
                hasMore = true
                try goOnMaking()
            } else if !hasMore {
                hasMore = try lookThrough(now: now)
            }
            mindMeaning(now: now)
            fault = nil
            return hasMore
        } catch {
            return recover(from: error, now: now)
        }
    }

    private func open() throws -> SearchIndex {
        let splitter = try splitter ?? WordSplitter()
        self.splitter = splitter
        SearchIndex.remove(path + ".new")
        let index = try SearchIndex(at: path, lineage: lineage, splitter, spaces)
        index.removeUnusedSpaces()
        attach(to: index)
        return index
    }

    // MARK: Meaning

    private func attach(to index: SearchIndex) {
        guard let vectors, let source = embedding.source else { return }
        index.attach(Meanings(source, vectors))
    }

    /// Hands over what is to be embedded, and takes what was. What keeps it from going on is no fault of the index's: words rank
    /// alone meanwhile.
    private func mindMeaning(now: Instant) {
        guard now >= tryMeaningAgain, let index, let source = embedding.source else { return }
        do {
            try followMeaning(of: index, by: source)
            meaningFault = nil
        } catch {
            meaningFault = "vectors can't be kept: \(error)"
            tryMeaningAgain = now + Self.retry
            index.lookAgainForMissing()
        }
    }

    private func followMeaning(of index: SearchIndex, by source: any MeaningSource) throws {
        if vectors == nil {
            vectors = try VectorFile.open(in: directory, of: source.identity, dimensions: source.dimensions)
            attach(to: index)
            embedding.news.tell()
        }
        if let made = embedding.takeMade() { try index.take(made.wanted, made.vectors) }
        guard embedding.isFree else { return }
        let wanted = try index.wanted(embedding.most, reader: reader, visible: visible.newest)
        if !wanted.isEmpty { embedding.want(wanted) }
    }

    /// - Returns: whether to go on at once.
    private func recover(from error: any Error, now: Instant) -> Bool {
        making = nil
        audit = nil
        // What was handed over is wanted still.
        index?.lookAgainForMissing()
        if let refusal = error as? Refusal, refusal.code != .historyDiffers {
            // The store could not be read; the index is what it was.
            fault = refusal.message
        } else if Self.isOfTheFile(error) {
            index = nil
            SearchIndex.remove(path)
            fault = "the index is made anew: \(error)"
            // Not for ever at once, should it fail again.
            tryAgain = now + .milliseconds(100)
            return false
        } else {
            fault = "the index at \(path) does not go on: \(error)"
        }
        tryAgain = now + Self.retry
        return false
    }

    /// Whether another file would do.
    private static func isOfTheFile(_ error: any Error) -> Bool {
        if error is SearchFault || error is UnexpectedColumn || error is Refusal { return true }
        return (error as? DatabaseError)?.isDamage ?? false
    }

    // MARK: Anew

    /// - Returns: the versions that the index held.
    func reindex() throws(Refusal) -> Int64 {
        guard let index, let splitter else { throw unavailable }
        do {
            making = nil
            SearchIndex.remove(path + ".new")
            making = try SearchIndex(at: path + ".new", lineage: lineage, splitter, spaces)
            makingFault = nil
        } catch {
            throw Refusal(
                .storeFailed, "no new index can be made at \(path).new: \(error)",
                hint: "see that the disk has room and the data directory can be written", subject: "index")
        }
        return Int64(index.versionCount)
    }

    /// The one that answers is as good as it was, whatever becomes of this one.
    private func goOnMaking() throws {
        do {
            guard try isMade(upTo: visible.newest) else { return }
        } catch {
            making = nil
            SearchIndex.remove(path + ".new")
            makingFault = "the index that was being made anew is given up: \(error)"
            return
        }
        try takeOver()
    }

    /// Another piece of it.
    private func isMade(upTo newest: Revision) throws -> Bool {
        guard let making else { return false }
        let hasMore = try making.step(from: reader, upTo: newest, isIdle: false)
        return !hasMore && making.indexed.revision >= newest && making.isWhole
    }

    /// Nobody else holds the old one, so that its connection ends before its files are removed: SQLite goes by their names.
    private func takeOver() throws {
        guard let new = making.take() else { return }
        // It counts the versions of the old one.
        audit = nil
        try new.flushAll()
        index = nil
        let moved = try new.moved(to: path)
        attach(to: moved)
        index = moved
        do {
            guard let kept = try moved.vectorsInUse() else { return }
            vectors = kept
            attach(to: moved)
        } catch {
            // They are opened again, whatever is there now.
            vectors = nil
            moved.attach(nil)
            (meaningFault, tryMeaningAgain) = ("vectors can't be kept: \(error)", .now + Self.retry)
        }
    }

    /// Looks now and then how much of the index is no longer kept.
    /// - Returns: whether it goes on at once.
    private func lookThrough(now: Instant) throws -> Bool {
        guard let index else { return false }
        if var audit {
            let isDone = try index.step(&audit, by: reader, visible: visible.newest)
            self.audit = isDone ? nil : audit
            if isDone, audit.gone.count > 1000, audit.gone.count * 4 > index.versionCount { _ = try reindex() }
            return !isDone
        }
        if let audited, now < audited.at + Self.auditPause { return false }
        let floor = try reader.floor().revision
        defer { audited = (floor, now) }
        if let audited, audited.floor == floor { return false }
        audit = Audit()
        return true
    }

    // MARK: Answering

    var figures: IndexFigures {
        IndexFigures(
            revision: index?.indexed.revision ?? 0, versions: Int64(index?.versionCount ?? 0),
            passages: Int64(index?.passageCount ?? 0),
            bytes: (index?.bytes ?? 0) + (vectors?.bytes ?? 0) + spaces.bytes,
            model: embedding.source?.identity, embedded: Int64(index?.embeddedCount ?? 0),
            fault: fault ?? makingFault ?? meaningFault ?? embedding.fault, making: making?.indexed.revision)
    }

    private var unavailable: Refusal {
        Refusal(
            fault == nil ? .busy : .storeFailed, fault ?? "the index is being opened", hint: "ask again in a moment",
            subject: "index")
    }

    /// - Returns: `nil`: the index is not yet far enough.
    /// - Parameter check: throws once whoever asks waits no longer.
    func answer<Asked: AskedOfIndex>(
        _ asked: Asked, check: @escaping () throws(Refusal) -> Void
    ) throws(Refusal) -> Asked.Answer? {
        index?.check = check
        // One that is there is attached by the next step.
        index?.isMeaningAwaited = embedding.isLooking || embedding.source != nil && meaningFault == nil
        index?.meaningFault = embedding.endpointFault
        defer { index?.check = {} }
        return try answer(of: asked.branch, at: asked.at, atLeast: asked.atLeast) { index, state, reader, visible in
            try asked.answer(by: index, in: state, reader: reader, visible: visible)
        }
    }

    /// Answers from the index, as of a state.
    /// - Returns: `nil`: the index is not yet far enough.
    func answer<Answer>(
        of branch: BranchName, at revision: Revision?, atLeast: Revision, now: Instant = .now,
        _ body: (SearchIndex, LayeredState, Reader, Revision) throws -> Answer
    ) throws(Refusal) -> Answer? {
        let newest = visible.newest
        if atLeast > newest {
            throw Refusal(
                .notYetVisible, "the search must reach revision \(atLeast), visible is \(newest)", subject: "at_least")
        }
        guard let index else { throw unavailable }
        let layers = try reader.layers(
            of: branch, at: revision, newest: index.indexed.revision, visible: newest)
        let needed = max(atLeast, layers.created, revision ?? layers.floor)
        guard index.indexed.revision >= needed, index.isReady else {
            if let fault { throw Refusal(.storeFailed, fault, hint: "ask again in a moment", subject: "index") }
            return nil
        }
        do { return try body(index, layers, reader, newest) } catch let refusal as Refusal {
            throw refusal
        } catch is MeaningIsAwaited {
            awaited += 1
            return nil
        } catch {
            _ = recover(from: error, now: now)
            throw unavailable
        }
    }
}

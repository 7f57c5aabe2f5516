import FoundationEssentials
import MembusBus

/// A transaction while its closure runs. All of it happens in one commit, or nothing.
///
/// What ``get(_:)-(String)`` returns becomes a precondition: the commit happens only if it is still so. All reads of
/// one attempt are of one revision. Mistakes in the changes (a bad key, two changes of one key that do not
/// combine) are thrown once the closure has returned.
public final class Draft: Sendable {
    struct Contents {
        var preconditions: [Precondition] = []
        var changes: [Change] = []
        var places: [Key: Int] = [:]
        var reads: [Key: Revision] = [:]
        var seen: [Key: Record] = [:]
        var at: Position?
        var lineage: Lineage?
        var mistake: MembusError?
    }
    private let contents = Lock(Contents())
    private let branch: BranchName
    private let fetch: @Sendable ([Key], Position?) async throws -> KeysInParts.Fetched

    init(branch: BranchName, fetch: @escaping @Sendable ([Key], Position?) async throws -> KeysInParts.Fetched) {
        self.branch = branch
        self.fetch = fetch
    }

    // MARK: Reading

    /// The record, or `nil` if there is none; and the precondition that it is still so at the commit.
    /// Changes of this draft do not show.
    /// - Throws: like ``get(_:)-([String])``.
    public func get(_ key: String) async throws -> Record? { try await get([key])[key] }

    /// Several records as of one revision, each a precondition.
    /// - Throws: like ``Memory/get(_:at:branch:timeout:)-([String],_,_,_)``; the time is the transaction's. Let
    ///   ``MembusError`` pass: what a rerun mends has the closure run again.
    public func get(_ keys: [String]) async throws -> Snapshot {
        let (token, records) = try await look(keys)
        require(records)
        return Snapshot(token: token, records: records)
    }

    /// Like ``get(_:)-(String)``, but only noted as what the transaction builds upon: it may change meanwhile.
    /// - Throws: like ``get(_:)-([String])``.
    public func read(_ key: String) async throws -> Record? {
        let (_, records) = try await look([key])
        return records.first { !$0.isDeleted }
    }

    /// The same of several, as of one revision.
    package func read(_ keys: [String]) async throws -> Snapshot {
        let (token, records) = try await look(keys)
        return Snapshot(token: token, records: records)
    }

    private func look(_ texts: [String]) async throws -> (Token, [Record]) {
        let wanted = try wanted(texts)
        if wanted.isToFetch { take(try await fetch(wanted.missing, wanted.at)) }
        return try look(wanted)
    }

    /// Keys to be read, and which of them are to be fetched, as of which state.
    struct Wanted: Sendable {
        var keys: [Key]
        var missing: [Key]
        /// `nil`: the newest, which is then that of the draft.
        var at: Position?
        var isToFetch: Bool { !missing.isEmpty || at == nil }
    }

    func wanted(_ texts: [String]) throws -> Wanted {
        let keys = try texts.map { try keyed($0) }
        return contents.withLock { contents in
            Wanted(keys: keys, missing: keys.filter { contents.seen[$0] == nil }, at: contents.at)
        }
    }

    func take(_ fetched: KeysInParts.Fetched) { contents.withLock { $0.take(fetched) } }

    /// What is wanted, once it is there; noted as what the transaction builds upon.
    func look(_ wanted: Wanted) throws -> (Token, [Record]) {
        try contents.withLock { contents in
            guard let token = contents.token else { throw MembusError.closed }
            return (token, contents.look(wanted.keys))
        }
    }

    func require(_ records: [Record]) {
        contents.withLock { contents in
            for record in records { contents.require(record) }
        }
    }

    // MARK: Preconditions

    public func require(_ precondition: Precondition) {
        contents.withLock { $0.add(precondition) }
    }
    /// The key's newest version must be that of this revision.
    public func require(_ key: String, at revision: Revision) { naming(key) { $0.add(.at($1, revision)) } }
    /// The key must have no record.
    public func require(absent key: String) { naming(key) { $0.add(.absent($1)) } }
    /// No key of the topic may have changed after the revision.
    public func require(unchanged topic: String, since revision: Revision) {
        contents.withLock { contents in
            do throws(MembusError) {
                contents.add(.unchanged(try named { () throws(InvalidName) in try Topic(topic) }, since: revision))
            } catch {
                contents.mistake = contents.mistake ?? error
            }
        }
    }

    /// Nothing that this transaction has read, or that was read in its context before, may have been undone or quarantined
    /// since: see ``Memory/quarantine(versions:revisions:of:cascade:reason:on:message:timeout:)``. The conflict names a key
    /// that was.
    public func requireSound() { contents.withLock { $0.add(.sound) } }

    // MARK: Changes

    public func put(
        _ key: String, text: String, kind: Kind = .text, attributes: Attributes = [:], links: [Link] = [],
        expires: Put.Expiry = .never, vectors: Vectors = .none
    ) {
        put(
            key, data: Data(text.utf8), kind: kind, attributes: attributes, links: links, expires: expires,
            vectors: vectors)
    }

    /// - Parameters:
    ///   - key: the record's.
    ///   - json: a JSON document.
    ///   - attributes: by name.
    ///   - links: to other keys.
    ///   - expires: when the broker deletes it.
    ///   - vectors: of the value, by models of the agents' own: a search that brings a vector compares it
    ///     with them. They are of this version: a later one without vectors has none.
    public func put(
        _ key: String, json: String, attributes: Attributes = [:], links: [Link] = [],
        expires: Put.Expiry = .never, vectors: Vectors = .none
    ) {
        put(
            key, data: Data(json.utf8), kind: .json, attributes: attributes, links: links, expires: expires,
            vectors: vectors)
    }

    public func put(
        _ key: String, data: Data, kind: Kind, attributes: Attributes = [:], links: [Link] = [],
        expires: Put.Expiry = .never, vectors: Vectors = .none
    ) {
        let put = Put(data, kind: kind, attributes: attributes, links: links, expiry: expires, vectors: vectors)
        change(key, .put(put))
    }

    /// Sends vectors along with a value that this transaction puts, in place of those of the same space.
    package func attach(_ space: Vectors.Space, to key: String) { naming(key) { $0.attach(space, to: $1) } }

    public func delete(_ key: String) { change(key, .delete) }
    /// Adds to a counter; an absent one starts from 0. Never conflicts.
    public func increment(_ key: String, by amount: Int64 = 1) { change(key, .increment(amount)) }
    /// Appends to a text; an absent one starts empty. Never conflicts.
    public func append(_ key: String, text: String) { change(key, .append(Data(text.utf8))) }
    /// Merges a JSON merge patch (RFC 7396); an absent document starts as `{}`. Never conflicts.
    public func patch(_ key: String, json: String) { change(key, .mergePatch(Data(json.utf8))) }

    private func change(_ key: String, _ action: Change.Action) { naming(key) { $0.change($1, action) } }

    private func naming(_ text: String, _ body: (inout Contents, Key) -> Void) {
        contents.withLock { contents in
            do throws(MembusError) { body(&contents, try keyed(text)) } catch {
                contents.mistake = contents.mistake ?? error
            }
        }
    }

    // MARK: What it comes to

    struct Product: Sendable {
        var transaction: Transaction
        /// The state that was read, if any was.
        var token: Token?
        var isEmpty: Bool { transaction.changes.isEmpty && transaction.preconditions.isEmpty }
    }

    func finish(context: String, message: String) throws -> Product {
        try contents.withLock { try $0.finish(on: branch, context: context, message: message) }
    }
}

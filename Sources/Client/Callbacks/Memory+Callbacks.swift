import FoundationEssentials
import Logging
import MembusSystem

// The methods of `Memory` for whoever has no task: the same calls, told by a callback on any thread. Parameters and
// errors are theirs.

extension Memory {
    /// - Returns: what calls it off; `nil`: it was told at once.
    package static func connect(
        to url: String, as agent: String, context: String, branch: BranchName, timeout: Duration,
        then tell: @escaping Telling<Memory>
    ) -> (any Cancellable)? {
        let settings = ClientSettings(endpoint: url, agent: agent, context: context, branch: branch, timeout: timeout)
        let connection: Connection
        do {
            connection = try open(
                settings, log: Logger(label: "membus.client", factory: { _ in SwiftLogNoOpLogHandler() }))
        } catch {
            tell(.failure(error))
            return nil
        }
        return connection.errand(.welcome, timeout: nil, tell) { _ in Memory(connection: connection) }
    }

    package func close(then tell: @escaping @Sendable () -> Void) { connection.close(then: tell) }

    /// The first state that is wanted, from the present one on.
    package func state(
        where isWanted: @escaping @Sendable (ConnectionState) -> Bool, then tell: @escaping Telling<ConnectionState>
    ) -> (any Cancellable)? {
        connection.states.next(where: isWanted, then: tell)
    }

    /// A warm file is read first, by the calling thread.
    package func follow(
        _ topics: [String], mode: StreamMode, capacity: Int, whenStale: WhenStale, branch: BranchName?,
        context: String?, warm: URL?, timeout: Duration?, then tell: @escaping Telling<View>
    ) throws -> any Cancellable {
        let following = try Following(
            topics, branch: branch ?? self.branch, mode: mode, capacity: capacity, whenStale: whenStale,
            context: context ?? self.context, warm: warm)
        guard following.isWarm else {
            let view = try following.view(on: connection)
            return view.wait(for: .live, timeout: timeout) { result in tell(result.map { _ in view }) }
        }
        return connection.errand(Following.question, timeout: Following.patience) { [connection] answered in
            tell(
                Result {
                    if case .failure(let error) = answered, error is CancellationError { throw error }
                    try following.check(try? answered.get())
                    return try following.view(on: connection)
                })
        } _: {
            $0.lineage
        }
    }

    package func get(
        _ keys: [String], at revision: Revision?, branch: BranchName?, timeout: Duration?,
        then tell: @escaping Telling<Snapshot>
    ) throws -> any Cancellable {
        let position = revision.map { Position(revision: $0, hash: 0) }
        let reading = KeysInParts(try keys.map { try keyed($0) }, branch: branch ?? self.branch, at: position)
        let branch = branch ?? self.branch
        return connection.errand(reading, connection.deadline(timeout)) { result in
            tell(
                result.map { fetched in
                    self.note(fetched.records, at: fetched.token.position, on: branch)
                    return Snapshot(token: fetched.token, records: fetched.records)
                })
        }
    }

    package func digest(
        _ topics: [String], at revision: Revision?, branch: BranchName?, timeout: Duration?,
        then tell: @escaping Telling<(at: Token, digest: StateDigest)>
    ) throws -> any Cancellable {
        let asked = Digest(branch: branch ?? self.branch, topics: try filtered(topics), at: revision)
        return connection.errand(asked, timeout: timeout, tell) {
            (Token(lineage: $0.lineage, position: $0.answer.at), $0.answer.digest)
        }
    }

    package func compare(
        _ from: StateName, _ to: StateName, timeout: Duration?, then tell: @escaping Telling<Comparison>
    ) -> any Cancellable {
        let asked = summary(from, to)
        return connection.errand(asked, timeout: timeout, tell) { Comparison(asked, $0.answer) }
    }

    package func branches(timeout: Duration?, then tell: @escaping Telling<[BranchInfo]>) -> any Cancellable {
        connection.errand(NamesInParts(.all(withFigures: true)), .each(timeout ?? connection.settings.timeout)) {
            result in
            tell(result.map(\.branches))
        }
    }

    package func tags(timeout: Duration?, then tell: @escaping Telling<[TagInfo]>) -> any Cancellable {
        connection.errand(NamesInParts(.allTags), .each(timeout ?? connection.settings.timeout)) { result in
            tell(result.map(\.tags))
        }
    }

    package func change(
        _ name: BranchName, _ action: BranchChange.Action, message: String, timeout: Duration?,
        then tell: @escaping Telling<Receipt>
    ) -> any Cancellable {
        let change = BranchChange(name, action, context: context, message: message)
        return connection.errand(.transact(.branch(change)), timeout: timeout, tell) { try $0.receipt() }
    }

    package func change(
        _ name: TagName, _ action: TagChange.Action, message: String, timeout: Duration?,
        then tell: @escaping Telling<Receipt>
    ) -> any Cancellable {
        let change = TagChange(name, action, context: context, message: message)
        return connection.errand(.transact(.tag(change)), timeout: timeout, tell) { try $0.receipt() }
    }

    package func status(timeout: Duration?, then tell: @escaping Telling<BrokerStatus>) -> any Cancellable {
        connection.errand(GetStatus(), timeout: timeout, tell) {
            BrokerStatus(lineage: $0.lineage, instance: $0.instance, figures: $0.answer)
        }
    }

    package func limits(timeout: Duration?, then tell: @escaping Telling<Limits>) -> any Cancellable {
        connection.errand(Hello(agent: agent), timeout: timeout, tell) { $0.answer.limits }
    }

    package func verify(timeout: Duration?, then tell: @escaping Telling<Verification>) -> any Cancellable {
        connection.errand(Verify(), timeout: timeout ?? .seconds(3600), tell) { $0.answer }
    }

    package func compact(
        olderThan: Duration?, below: Revision?, timeout: Duration?, then tell: @escaping Telling<Revision>
    ) -> any Cancellable {
        connection.errand(Compact(olderThan: olderThan, below: below), timeout: timeout, tell) { $0.answer.floor }
    }

    package func fork(
        _ name: BranchName, from parent: BranchName?, at revision: Revision?, expires: Bool, message: String,
        timeout: Duration?, then tell: @escaping Telling<Receipt>
    ) -> any Cancellable {
        let fork = Fork(
            name: name, parent: parent ?? branch, at: revision, expires: expires, context: context, message: message)
        return connection.errand(.transact(.fork(fork)), timeout: timeout, tell) { try $0.receipt() }
    }

    /// Whoever is told of conflicts calls again, with resolutions.
    package func merge(
        _ source: BranchName, into target: BranchName?, at revision: Revision?, resolutions: [Resolution],
        carriesRules: Bool, parks: Bool, message: String, timeout: Duration?,
        then tell: @escaping Telling<MergeOutcome>
    ) -> any Cancellable {
        let merge = Merge(
            source, into: target ?? branch, at: revision, resolutions: resolutions, carriesRules: carriesRules,
            parks: parks, context: context, message: message)
        return connection.errand(.transact(.merge(merge)), timeout: timeout, tell) { try $0.mergeOutcome() }
    }

    package func rollback(
        to revision: Revision, topics: [String], on branch: BranchName?, message: String, timeout: Duration?,
        then tell: @escaping Telling<Receipt>
    ) throws -> any Cancellable {
        let rollback = Rollback(
            branch ?? self.branch, to: revision, filter: try filtered(topics), context: context, message: message)
        return connection.errand(.transact(.rollback(rollback)), timeout: timeout, tell) { try $0.receipt() }
    }

    package func revert(
        versions: [VersionName], revisions: [Revision], of author: Authorship?, on branch: BranchName?,
        resolutions: [Resolution], message: String, timeout: Duration?, then tell: @escaping Telling<Receipt>
    ) -> any Cancellable {
        let revert = Revert(
            branch ?? self.branch, versions: versions, revisions: revisions, author: author, resolutions: resolutions,
            context: context, message: message)
        return connection.errand(.transact(.revert(revert)), timeout: timeout, tell) { try $0.receipt() }
    }
}

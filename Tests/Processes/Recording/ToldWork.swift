import Foundation
import MembusModel

// Transactions and forks in the record, complete: the judge replays them.

package struct ToldWork: Codable, Sendable {
    package struct Forking: Codable, Sendable {
        package var parent: String
        package var at: Int64?
    }
    package var branch: String
    package var message: String
    package var fork: Forking?
    package var preconditions: [ToldPrecondition] = []
    package var changes: [ToldChange] = []

    package init(_ work: Work) {
        switch work {
        case .transaction(let transaction):
            (branch, message) = (transaction.branch.text, transaction.message)
            preconditions = transaction.preconditions.map(ToldPrecondition.init)
            changes = transaction.changes.map(ToldChange.init)
        case .fork(let asked):
            (branch, message) = (asked.name.text, asked.message)
            fork = Forking(parent: asked.parent.text, at: asked.at)
        case .merge, .rollback, .revert, .pick, .quarantine, .branch, .tag:
            preconditionFailure("agents in chaos do not merge")
        }
    }

    package var work: Work {
        let name = BranchName(unchecked: branch)
        if let fork {
            return .fork(Fork(name: name, parent: BranchName(unchecked: fork.parent), at: fork.at, message: message))
        }
        return .transaction(
            Transaction(
                branch: name, message: message, preconditions: preconditions.map(\.precondition),
                changes: changes.map(\.change)))
    }
}

package enum ToldPrecondition: Codable, Sendable {
    case at(String, Int64)
    case absent(String)
    case unchanged(String, since: Int64)

    package init(_ precondition: Precondition) {
        switch precondition {
        case .at(let key, let revision): self = .at(key.text, revision)
        case .absent(let key): self = .absent(key.text)
        case .unchanged(let topic, let since): self = .unchanged(topic.text, since: since)
        case .sound: preconditionFailure("agents in chaos do not ask for soundness")
        }
    }

    package var precondition: Precondition {
        switch self {
        case .at(let key, let revision): .at(Key(unchecked: key), revision)
        case .absent(let key): .absent(Key(unchecked: key))
        case .unchanged(let topic, let since): .unchanged(Topic(unchecked: topic), since: since)
        }
    }
}

/// A value is its text and as many dots behind it, so that large ones do not fill the record.
package struct ToldChange: Codable, Sendable {
    package var key: String
    package var put: String?
    package var dots: Int?
    /// In milliseconds.
    package var expiresAfter: Int64?
    package var add: Int64?
    package var append: String?

    package init(_ change: Change) {
        key = change.key.text
        switch change.action {
        case .put(let value):
            let text = String(decoding: value.value, as: UTF8.self)
            let bare = text.prefix { $0 != "." }
            (put, dots) = (String(bare), text.utf8.count - bare.utf8.count)
            if case .after(let time) = value.expiry { expiresAfter = time.wholeMilliseconds }
        case .increment(let amount): add = amount
        case .append(let text): append = String(decoding: text, as: UTF8.self)
        case .delete: break
        case .mergePatch: preconditionFailure("the workload patches nothing")
        }
    }

    package var change: Change {
        let key = Key(unchecked: key)
        if let put {
            var value = Put(Data((put + String(repeating: ".", count: dots ?? 0)).utf8))
            if let expiresAfter { value.expiry = .after(.milliseconds(expiresAfter)) }
            return Change(key, .put(value))
        }
        if let add { return Change(key, .increment(add)) }
        if let append { return Change(key, .append(Data(append.utf8))) }
        return Change(key, .delete)
    }
}

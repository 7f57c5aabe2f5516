import Foundation
import MembusModel

// Transactions and forks in the record, complete: the judge replays them.

public struct ToldWork: Codable, Sendable {
    public struct Forking: Codable, Sendable {
        public var parent: String
        public var at: Int64?
    }
    public var branch: String
    public var message: String
    public var fork: Forking?
    public var preconditions: [ToldPrecondition] = []
    public var changes: [ToldChange] = []

    public init(_ work: Work) {
        switch work {
        case .transaction(let transaction):
            (branch, message) = (transaction.branch.text, transaction.message)
            preconditions = transaction.preconditions.map(ToldPrecondition.init)
            changes = transaction.changes.map(ToldChange.init)
        case .fork(let asked):
            (branch, message) = (asked.name.text, asked.message)
            fork = Forking(parent: asked.parent.text, at: asked.at)
        }
    }

    public var work: Work {
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

public enum ToldPrecondition: Codable, Sendable {
    case at(String, Int64)
    case absent(String)
    case unchanged(String, since: Int64)

    public init(_ precondition: Precondition) {
        switch precondition {
        case .at(let key, let revision): self = .at(key.text, revision)
        case .absent(let key): self = .absent(key.text)
        case .unchanged(let topic, let since): self = .unchanged(topic.text, since: since)
        }
    }

    public var precondition: Precondition {
        switch self {
        case .at(let key, let revision): .at(Key(unchecked: key), revision)
        case .absent(let key): .absent(Key(unchecked: key))
        case .unchanged(let topic, let since): .unchanged(Topic(unchecked: topic), since: since)
        }
    }
}

/// A value is its text and as many dots behind it, so that large ones do not fill the record.
public struct ToldChange: Codable, Sendable {
    public var key: String
    public var put: String?
    public var dots: Int?
    /// In milliseconds.
    public var expiresAfter: Int64?
    public var add: Int64?
    public var append: String?

    public init(_ change: Change) {
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

    public var change: Change {
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

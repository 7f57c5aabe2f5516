import Membus
import MembusDocuments
import MembusModel

// Completion of arguments: of resources' addresses and of prompts, by what the memory holds.

extension Server {
    /// As many as the protocol allows.
    private static let mostCompletions = 100

    private enum Wanted { case branches, keys, topics }

    func complete(_ params: JSONNode?, _ context: Context) async throws(ProtocolError) -> JSONValue {
        let (wanted, begun, branch) = try Self.wanted(params)
        let seat = try await seat(for: context)
        do {
            let found =
                switch wanted {
                case .branches:
                    try await seat.memory.branches().map(\.name.text).filter { $0.utf8.starts(with: begun.utf8) }
                        .sorted()
                case .keys: try await keys(begun, on: branch, seat)
                case .topics: try await topics(begun, on: branch, seat)
                case nil: [String]()
                }
            let told = found.prefix(Self.mostCompletions)
            return context.era.result([
                "completion": [
                    "values": .array(told.map { .string($0) }), "hasMore": .bool(found.count > told.count),
                ]
            ])
        } catch {
            throw ProtocolError(error)
        }
    }

    /// `nil`: nothing can be said about the argument.
    private static func wanted(_ params: JSONNode?) throws(ProtocolError) -> (Wanted?, begun: String, BranchName) {
        do {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            var (ref, argument) = (try fields.need("ref").fields(), try fields.need("argument").fields())
            let (type, name) = (try ref.need("type").string(), try argument.need("name").string())
            let begun = try argument.need("value").string()
            var others = try fields.take("context")?.fields()
            var chosen = try others?.take("arguments")?.fields()
            let branch = (try? chosen?.take("branch")?.branch()) ?? .main
            switch type {
            case "ref/resource":
                switch name {
                case "branch": return (.branches, begun, branch)
                case "key": return (.keys, begun, branch)
                case "topic": return (.topics, begun, branch)
                default: return (nil, begun, branch)
                }
            case "ref/prompt":
                let prompt = try Prompt.named(try ref.need("name").string())
                let found = prompt.arguments.first { $0.name.hasSameBytes(as: name) }
                return (found.map { $0.completion == .keys ? .keys : .topics }, begun, branch)
            default: throw JSONError(path: "ref.type", reason: "\"ref/prompt\" or \"ref/resource\" expected")
            }
        } catch let error as JSONError {
            throw ProtocolError(error)
        } catch let error as ProtocolError {
            throw error
        } catch {
            throw .inside("\(error)")
        }
    }

    /// In the order of their bytes, what begins so stands together: what stands before is never looked at.
    private func keys(_ begun: String, on branch: BranchName, _ seat: Seat) async throws -> [String] {
        var pages = Self.below(begun, at: nil, after: try? Key(begun), on: branch, seat).makeAsyncIterator()
        var found: [String] = []
        while found.count <= Self.mostCompletions, let record = try await pages.next(),
            record.key.text.utf8.starts(with: begun.utf8)
        {
            found.append(record.key.text)
        }
        // It may be a key itself, as of the same state.
        if let own = try? Key(begun), let token = pages.token,
            try await seat.memory.get([begun], at: token.revision, branch: branch)[own] != nil
        {
            found.insert(begun, at: 0)
        }
        return found
    }

    /// Prefixes one level below what is there, each once, as of one revision. Behind each that is found the search goes on
    /// after all its keys, so that it costs as much as there are topics, not as there are keys.
    private func topics(_ begun: String, on branch: BranchName, _ seat: Seat) async throws -> [String] {
        var (found, looked) = ([String](), 0)
        var (revision, after) = (nil as Revision?, try? Key(begun))
        search: while found.count <= Self.mostCompletions {
            var pages = Self.below(begun, at: revision, after: after, on: branch, seat).makeAsyncIterator()
            while looked < Self.mostLookedAt, let record = try await pages.next() {
                revision = revision ?? pages.token?.revision
                looked += 1
                guard record.key.text.utf8.starts(with: begun.utf8) else { break search }
                guard let topic = Self.topic(record.key, behind: begun),
                    found.last.map({ !$0.hasSameBytes(as: topic) }) ?? true
                else { continue }
                found.append(topic)
                after = Self.last(of: topic)
                if after != nil { continue search }
            }
            break
        }
        return found
    }
    private static let mostLookedAt = 10_000

    /// Up to the first slash behind what is there already.
    private static func topic(_ key: Key, behind begun: String) -> String? {
        let bytes = Array(key.text.utf8)
        return bytes[min(begun.utf8.count, bytes.count)...].firstIndex(of: UInt8(ascii: "/")).map {
            String(decoding: bytes[...$0], as: UTF8.self)
        }
    }

    /// Behind all keys of a topic that anybody would use: no character comes after this one.
    private static func last(of topic: String) -> Key? { try? Key(topic + "\u{10FFFF}") }

    private static func below(
        _ begun: String, at revision: Revision?, after: Key?, on branch: BranchName, _ seat: Seat
    ) -> Pages<Record> {
        let directory = begun.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(begun[...$0]) }
        let topic = directory.flatMap { try? Topic($0) } ?? .everything
        return seat.memory.range(
            TopicFilter([topic]), at: revision, after: after, keysOnly: true, branch: branch,
            pageSize: mostCompletions + 1)
    }
}

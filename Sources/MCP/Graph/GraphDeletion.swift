import Membus
import MembusDocuments
import MembusModel

// Entities go, and the relations that touch them, beside agents who relate and observe all the time: nothing that they write is in
// the way, so that nobody has to stand still for it.
//
//   relations that touch them ─▶ entities and those relations, in one commit C ─▶ done, if nothing was related meanwhile
//                                                                            └─▶ what of them is there as of C goes, too
//
// Who relates something requires its entities, so that what would come after C fails: as of C all relations are there that there
// will be. Only where others relate in that very moment, or where there are many of them, is it more than one commit.

struct GraphDeletion {
    /// Entities, or relations, of one transaction: a broker takes a thousand changes, unless it is told otherwise.
    private static let most = 500

    private let names: Set<ByBytes>
    private let call: Call
    private var memory: Memory { call.seat.memory }

    init(of names: some Sequence<ByBytes>, _ call: Call) {
        self.names = Set(names)
        self.call = call
    }

    /// - Returns: names without an entity, and the state in which all is done.
    func run() async throws -> (missing: Set<ByBytes>, Token) {
        var (seen, token) = try await relations(at: nil)
        let before = token.revision
        let isMore = seen.count == Self.most
        var (missing, rest) = (Set<ByBytes>(), Array(names)[...])
        repeat {
            let part = Array(rest.prefix(Self.most))
            rest = rest.dropFirst(part.count)
            let (absent, after) = try await delete(part, with: seen)
            missing.formUnion(absent)
            (seen, token) = ([], after)
        } while !rest.isEmpty
        let isDone = isMore ? false : try await !hasRelated(after: before, upTo: token.revision)
        if isDone { return (missing, token) }
        let end = token.revision
        var after: Key?
        repeat {
            (seen, _) = try await relations(at: end, after: after)
            after = seen.last
            if !seen.isEmpty { (_, token) = try await delete([], with: seen) }
        } while seen.count == Self.most
        return (missing, token)
    }

    /// Whatever they are by then.
    private func delete(_ entities: [ByBytes], with relations: [Key]) async throws -> (absent: [ByBytes], Token) {
        try await call.change("delete_entities") { draft in
            let there = try await draft.read(try entities.map { try Entity.key(of: $0.text).text })
            var absent: [ByBytes] = []
            for name in entities {
                let key = try Entity.key(of: name.text)
                if there[key] == nil { absent.append(name) } else { draft.delete(key.text) }
            }
            for key in relations { draft.delete(key.text) }
            return absent
        }
    }

    /// The first of those that touch one of them.
    private func relations(at revision: Revision?, after: Key? = nil) async throws -> ([Key], Token) {
        var pages = memory.range(
            TopicFilter([Relation.topic]), at: revision, after: after, keysOnly: false, branch: memory.branch,
            pageSize: 1000
        ).makeAsyncIterator()
        var found: [Key] = []
        while found.count < Self.most, let record = try await pages.next() {
            guard let relation = Relation(record) else { continue }
            if names.contains(ByBytes(relation.from)) || names.contains(ByBytes(relation.to)) {
                found.append(record.key)
            }
        }
        guard let token = pages.token else { throw MembusError.closed }
        return (found, token)
    }

    private func hasRelated(after: Revision, upTo end: Revision) async throws -> Bool {
        let asked = GetLog(
            branch: memory.branch, filter: TopicFilter([Relation.topic]), ascending: true, cursor: .end(of: after))
        for try await commit in memory.log(asked) {
            if commit.info.revision > end { return false }
            if commit.records.contains(where: { !$0.isDeleted }) { return true }
        }
        return false
    }
}

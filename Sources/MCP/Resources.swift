import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel

// Records as resources: listed page by page, all pages of one state; read; and followed, by the bus.

extension Server {
    private static let pageSize = 100

    // MARK: Listing

    func listResources(_ params: JSONNode?, _ context: Context) async throws(ProtocolError) -> JSONValue {
        let seat = try await seat(for: context)
        do {
            let cursor = try Self.cursor(params).map { (node) throws(JSONError) in
                guard let cursor = ListCursor(try node.string()) else { throw node.fault(Self.noCursor) }
                return cursor
            }
            var pages = seat.memory.range(
                .everything, at: cursor?.revision, after: cursor?.after, keysOnly: true, branch: seat.memory.branch,
                pageSize: Self.pageSize + 1
            ).makeAsyncIterator()
            var (records, hasMore) = ([Record](), false)
            while let record = try await pages.next() {
                hasMore = records.count == Self.pageSize
                if hasMore { break }
                records.append(record)
            }
            var result: JSONValue = ["resources": .array(records.map { Self.listed($0, on: seat.memory.branch) })]
            guard let token = pages.token else { throw MembusError.closed }
            if hasMore, let last = records.last {
                let next = ListCursor(revision: token.revision, after: last.key)
                result = result + ["nextCursor": .string(next.text)]
            }
            return context.era.result(result, caching: .never, meta: .meta(token))
        } catch MembusError.refused(let refusal) where refusal.code == .belowFloor {
            throw .invalidParams("the list that the cursor goes on with is no longer kept: begin it anew")
        } catch {
            throw ProtocolError(error)
        }
    }

    private static let noCursor = "no cursor of this server: begin the list anew, without one"

    private static func cursor(_ params: JSONNode?) throws(JSONError) -> JSONNode? {
        var fields = try params?.fields()
        return fields?.take("cursor").flatMap { $0.json.isNull ? nil : $0 }
    }

    /// Of lists that are told at once nobody has a cursor.
    static func refuseCursor(_ params: JSONNode?) throws(ProtocolError) {
        do throws(JSONError) {
            if let node = try cursor(params) { throw node.fault(noCursor) }
        } catch {
            throw ProtocolError(error)
        }
    }

    private static func listed(_ record: Record, on branch: BranchName) -> JSONValue {
        var shown: JSONValue = [
            "uri": .string(ResourceURI(branch: branch, key: record.key).text), "name": .string(record.key.text),
            "size": JSONValue(record.size),
            "description": .string("\(record.kind.name), put by \(record.owner) in revision \(record.revision)"),
        ]
        if let type = record.kind.mediaType { shown = shown + ["mimeType": .string(type)] }
        return shown
    }

    // MARK: Reading

    func readResource(_ params: JSONNode?, _ context: Context) async throws(ProtocolError) -> JSONValue {
        let (text, uri) = try Self.uri(params, context.era)
        let seat = try await seat(for: context)
        let found: ShownContents
        do {
            found = try await context.part.build { try await Self.contents(of: uri, seat) }
        } catch {
            throw ProtocolError(error)
        }
        if found.isEmpty { throw .resourceMissing(text, isHandshake: context.era.isHandshake) }
        return context.era.result(found.json, caching: .never, meta: found.token.map { .meta($0) } ?? [:])
    }

    private static func contents(of uri: ResourceURI, _ seat: Seat) async throws -> ShownContents {
        var shown = ShownContents(of: uri)
        if let key = uri.key {
            let snapshot = try await seat.read([key], on: uri.branch, nil)
            if let record = snapshot[key] { _ = shown.takes(record) }
            shown.token = snapshot.token
            return shown
        }
        var pages = seat.memory.range(
            TopicFilter([uri.topic]), at: nil, after: nil, keysOnly: false, branch: uri.branch, pageSize: Self.pageSize
        ).makeAsyncIterator()
        while let record = try await pages.next(), shown.takes(record) {}
        shown.token = pages.token
        if let token = pages.token { seat.saw(token, of: uri.branch) }
        return shown
    }

    private static func uri(_ params: JSONNode?, _ era: Era) throws(ProtocolError) -> (String, ResourceURI) {
        let text: String
        do throws(JSONError) {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            text = try fields.need("uri").string()
        } catch {
            throw ProtocolError(error)
        }
        guard let uri = ResourceURI(text) else { throw .resourceMissing(text, isHandshake: era.isHandshake) }
        return (text, uri)
    }

    // MARK: Following

    func subscribe(
        _ params: JSONNode?, _ context: Context, _ conversation: Conversation
    ) async throws(ProtocolError) -> JSONValue {
        let (text, uri) = try Self.uri(params, context.era)
        let (seat, watch) = try await begun([uri], context)
        try await conversation.subscribe(text) {
            await Self.tell(of: watch, meta: nil) { await conversation.notify($0, $1) }
            withExtendedLifetime(seat) {}
        }
        return [:]
    }

    func unsubscribe(_ params: JSONNode?, _ conversation: Conversation) async throws(ProtocolError) -> JSONValue {
        let (text, _) = try Self.uri(params, .handshake(version: ""))
        await conversation.unsubscribe(text)
        return [:]
    }

    /// Goes on until it is cancelled, or the conversation ends.
    /// - Returns: that it is over, for those who are still there to hear it.
    func listen(_ params: JSONNode?, _ context: Context) async throws(ProtocolError) -> JSONValue {
        var uris: [(String, ResourceURI)] = []
        do throws(JSONError) {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            var wanted = try fields.need("notifications").fields()
            for node in try wanted.take("resourceSubscriptions")?.elements() ?? [] {
                let text = try node.string()
                guard let uri = ResourceURI(text) else { throw node.fault("no resource of this server") }
                uris.append((text, uri))
            }
        } catch {
            throw ProtocolError(error)
        }
        let (seat, watches) = uris.isEmpty ? (nil, []) : try await begun(uris.map(\.1), context)
        let meta: JSONValue = ["io.modelcontextprotocol/subscriptionId": context.id.json]
        var honoured: JSONValue = [:]
        if !uris.isEmpty {
            honoured = honoured + ["resourceSubscriptions": .array(uris.map { .string($0.0) })]
        }
        await context.notify(
            "notifications/subscriptions/acknowledged", ["notifications": honoured, "_meta": meta])
        await Self.tell(of: watches, meta: meta, context.notify)
        // Nothing to tell of: what has been agreed on holds all the same.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        withExtendedLifetime(seat) {}
        return context.era.result([:]) + ["_meta": meta + ["io.modelcontextprotocol/serverInfo": Implementation.own]]
    }

    /// Watches from now on, one for each branch: what comes after this call is told.
    /// - Returns: them, and whose connection they are of, to be held for as long.
    private func begun(
        _ uris: [ResourceURI], _ context: Context
    ) async throws(ProtocolError) -> (Seat?, [Watch]) {
        let seat = try await seat(for: context)
        var watches: [Watch] = []
        do {
            for (branch, wanted) in Dictionary(grouping: uris, by: \.branch) {
                let now = try await seat.memory.get([], branch: branch)
                watches.append(seat.memory.watch(wanted.map(\.topic.text), after: now.token, branch: branch))
            }
        } catch {
            throw ProtocolError(error)
        }
        return (seat, watches)
    }

    /// A change is told once for each commit; a watch that ends (the history was replaced) begins anew from there.
    private static func tell(
        of watches: [Watch], meta: JSONValue?, _ notify: @escaping @Sendable (String, JSONValue) async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            for watch in watches { group.addTask { await tell(of: watch, meta: meta, notify) } }
        }
    }

    private static func tell(
        of watch: Watch, meta: JSONValue?, _ notify: @Sendable (String, JSONValue) async -> Void
    ) async {
        var watch = watch
        while !Task.isCancelled {
            do {
                for try await change in watch {
                    let uri = ResourceURI(branch: change.commit.branch, key: change.key)
                    await notify(
                        "notifications/resources/updated",
                        ["uri": .string(uri.text)] + (meta.map { ["_meta": $0] } ?? [:]))
                }
            } catch is CancellationError {
                return
            } catch MembusError.closed {
                return
            } catch {
                watch = watch.fromNow
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}

/// What reading a resource shows: of a topic as many records as a result may hold, and then that there are more.
private struct ShownContents: Weighed {
    private static let most = 100

    private let uri: ResourceURI
    private var contents: [JSONValue] = []
    private var budget = ResultBudget()
    private var last: Key?
    /// There are more behind it.
    private var cutAfter: Key?
    /// Of the state that all is of.
    var token: Token?

    init(of uri: ResourceURI) { self.uri = uri }

    var isEmpty: Bool { contents.isEmpty }
    var weight: Int { JSONValue.array(contents).size }

    /// - Returns: whether there is room for another.
    mutating func takes(_ record: Record) -> Bool {
        let content = Self.content(of: record, on: uri.branch)
        guard contents.count < Self.most, budget.takes(content) else {
            cutAfter = last
            return false
        }
        contents.append(content)
        last = record.key
        return true
    }

    var json: JSONValue {
        guard let cutAfter else { return ["contents": .array(contents)] }
        let note =
            "There are more records, which were not shown as the result would be too large: read them by the tool read, with "
            + "topic: \(uri.topic.text), after: \(cutAfter.text)" + (token.map { ", at: \($0.revision)" } ?? "")
        return [
            "contents": .array(
                contents + [["uri": .string(uri.text), "mimeType": "text/plain", "text": .string(note)]])
        ]
    }

    private static func content(of record: Record, on branch: BranchName) -> JSONValue {
        var content: JSONValue = ["uri": .string(ResourceURI(branch: branch, key: record.key).text)]
        if let type = record.kind.mediaType { content = content + ["mimeType": .string(type)] }
        let value = record.value ?? Data()
        return content
            + (String(validating: value, as: UTF8.self).map { ["text": .string($0)] }
                ?? ["blob": .string(value.base64EncodedString())])
    }
}

/// Where a list goes on, and of which state it is.
private struct ListCursor {
    var revision: Revision
    var after: Key

    init(revision: Revision, after: Key) { (self.revision, self.after) = (revision, after) }

    init?(_ text: String) {
        guard let data = Data(base64Encoded: text), let plain = String(validating: data, as: UTF8.self),
            let colon = plain.utf8.firstIndex(of: UInt8(ascii: ":")), let revision = Revision(plain[..<colon]),
            revision >= 0, let key = try? Key(String(plain[plain.utf8.index(after: colon)...]))
        else { return nil }
        self.init(revision: revision, after: key)
    }

    var text: String { Data("\(revision):\(after.text)".utf8).base64EncodedString() }
}

extension Kind {
    /// `nil`: only who put it knows.
    fileprivate var mediaType: String? {
        switch self {
        case .json: "application/json"
        case .text, .counter: "text/plain"
        default: nil
        }
    }
}

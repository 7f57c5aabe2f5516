import FoundationEssentials
import MembusModel

extension Reply {
    init(_ message: PBReply) throws(Refusal) {
        guard let body = message.body else { throw Refusal(.malformed, "its body is of no kind that is known here") }
        self.init(
            id: message.id, lineage: Lineage(message.lineage), instance: Instance(message.instance),
            visible: try Position(message.visible, "visible"),
            bookmarks: try message.bookmarks.map { (entry) throws(Refusal) in try StreamBookmark(entry) },
            body: try Body(body))
    }
}

extension PBReply {
    init(_ reply: Reply) {
        self.init()
        id = reply.id
        lineage = reply.lineage.id
        instance = reply.instance.id
        visible = PBPosition(reply.visible)
        if !reply.bookmarks.isEmpty { bookmarks = reply.bookmarks.map(PBStreamBookmark.init) }
        body = reply.body.message
    }
}

extension StreamBookmark {
    init(_ message: PBStreamBookmark) throws(Refusal) {
        self.init(
            stream: try Parse.stream(message.stream, "bookmarks.stream"),
            bookmark: message.hasBookmark ? try Bookmark(message.bookmark) : nil)
    }
}

extension PBStreamBookmark {
    init(_ entry: StreamBookmark) {
        self.init()
        stream = entry.stream.bytes
        if let bookmark = entry.bookmark { self.bookmark = PBBookmark(bookmark) }
    }
}

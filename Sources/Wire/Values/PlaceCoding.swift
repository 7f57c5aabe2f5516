import FoundationEssentials
import MembusModel

// Places in a history: positions, tokens, cursors, bookmarks.

extension Position {
    init(_ message: PBPosition, _ field: @autoclosure Field) throws(Refusal) {
        self.init(revision: try Parse.revision(message.revision, field()), hash: message.hash)
    }
}

extension PBPosition {
    init(_ position: Position) {
        self.init()
        revision = position.revision
        hash = position.hash
    }
}

extension Token {
    init(_ message: PBToken, _ field: @autoclosure Field) throws(Refusal) {
        self.init(lineage: Lineage(message.lineage), position: try Position(message.position, field()))
    }
}

extension PBToken {
    init(_ token: Token) {
        self.init()
        lineage = token.lineage.id
        position = PBPosition(token.position)
    }
}

extension LogCursor {
    init(_ message: PBLogCursor, _ field: @autoclosure Field) throws(Refusal) {
        self.init(revision: try Parse.revision(message.revision, field()), ordinal: message.ordinal)
    }
}

extension PBLogCursor {
    init(_ cursor: LogCursor) {
        self.init()
        revision = cursor.revision
        ordinal = cursor.ordinal
    }
}

extension PageToken {
    init(_ message: PBPageToken) throws(Refusal) {
        let content: Content
        switch message.content {
        case .snapshot(let snapshot):
            content = .snapshot(
                after: snapshot.after.isEmpty ? nil : try Parse.key(snapshot.after, "page.snapshot.after"))
        case .changes(let changes):
            content = .changes(
                base: try Position(changes.base, "page.changes.base"),
                after: try LogCursor(changes.after, "page.changes.after"))
        case nil:
            throw Refusal(
                .invalidArgument, "page: it has no content that is known here",
                hint: "send the `next` of the page before as it came", subject: "page")
        }
        self.init(content: content, target: try Position(message.target, "page.target"))
    }
}

extension PBPageToken {
    init(_ token: PageToken) {
        self.init()
        switch token.content {
        case .snapshot(let after): content = .snapshot(.with { $0.after = after?.text ?? "" })
        case .changes(let base, let after):
            content = .changes(
                .with {
                    $0.base = PBPosition(base)
                    $0.after = PBLogCursor(after)
                })
        }
        target = PBPosition(token.target)
    }
}

extension Bookmark {
    init(_ message: PBBookmark) throws(Refusal) {
        self.init(
            position: try Position(message.position, "bookmark.position"),
            last: try Parse.revision(message.last, "bookmark.last"), nonce: message.nonce == 0 ? nil : message.nonce)
    }
}

extension PBBookmark {
    init(_ bookmark: Bookmark) {
        self.init()
        position = PBPosition(bookmark.position)
        last = bookmark.last
        nonce = bookmark.nonce ?? 0
    }
}

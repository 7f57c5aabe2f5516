/// "This stream is complete up to R": `position` is V, `last` the stream's last changed revision.
package struct Bookmark: Hashable, Sendable {
    package var position: Position
    package var last: Revision
    /// Echoes a ping's.
    package var nonce: UInt64?
    package init(position: Position, last: Revision, nonce: UInt64? = nil) {
        self.position = position
        self.last = last
        self.nonce = nonce
    }
}

/// A bookmark that travels in a reply; `bookmark` is `nil` if the broker does not know the stream.
package struct StreamBookmark: Hashable, Sendable {
    package var stream: StreamID
    package var bookmark: Bookmark?
    package init(stream: StreamID, bookmark: Bookmark?) {
        self.stream = stream
        self.bookmark = bookmark
    }
}

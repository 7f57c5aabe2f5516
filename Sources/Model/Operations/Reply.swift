/// A reply as the client's core sees it: `Reply` in `protos/membus/v1`.
package struct Reply: Sendable {
    package var id: UInt64
    package var lineage: Lineage
    package var instance: Instance
    /// V when the reply was made: the last revision whose events were all handed to the socket.
    package var visible: Position
    package var bookmarks: [StreamBookmark]
    package var body: Body

    package init(
        id: UInt64, lineage: Lineage, instance: Instance, visible: Position, bookmarks: [StreamBookmark] = [],
        body: Body
    ) {
        self.id = id
        self.lineage = lineage
        self.instance = instance
        self.visible = visible
        self.bookmarks = bookmarks
        self.body = body
    }

    /// V, as a place in the broker's history.
    package var token: Token { Token(lineage: lineage, position: visible) }
}

/// A request as the broker's core sees it. The wire form is `Request` in `protos/membus/v1`, which also says what each
/// body means; names and fields are the same.
package struct Request: Sendable {
    package var id: UInt64
    /// How long the client will wait, from receipt; `nil`: not said.
    package var deadline: Duration?
    /// The instance that the client believes it talks to; `nil` before it knows one.
    package var instance: Instance?
    /// The streams whose bookmarks the reply shall carry.
    package var streams: [StreamID]
    package var body: Body

    package init(
        id: UInt64, deadline: Duration? = nil, instance: Instance? = nil, streams: [StreamID] = [], body: Body
    ) {
        self.id = id
        self.deadline = deadline
        self.instance = instance
        self.streams = streams
        self.body = body
    }
}

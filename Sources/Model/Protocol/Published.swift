/// A message on the events' socket: frame 1 is `topic`, frame 2 the wire form of the rest.
public struct Published: Sendable {
    /// The stream, or ``StreamID/heartbeat``.
    public var topic: StreamID
    public var instance: Instance
    public var content: Content

    public enum Content: Sendable {
        case event(Event)
        case bookmark(Bookmark)
        case heartbeat(Heartbeat)
    }

    public init(topic: StreamID, instance: Instance, content: Content) {
        self.topic = topic
        self.instance = instance
        self.content = content
    }
}

/// One commit as one stream sees it.
public struct Event: Sendable {
    public var position: Position
    /// The stream's last revision before this one (V at registration for a new stream).
    public var previous: Revision
    /// The changed records that the filter matches, in order of ordinals; in an invalidate stream without values.
    public var records: [Record]
    /// The commit was too large to travel: `records` is empty, pull it.
    public var isAnnounced: Bool
    public init(position: Position, previous: Revision, records: [Record], isAnnounced: Bool = false) {
        self.position = position
        self.previous = previous
        self.records = records
        self.isAnnounced = isAnnounced
    }
    public var revision: Revision { position.revision }
}

/// Sent every 250 ms and behind the data on the same socket: every stream that is not listed has not
/// changed in (since, position.revision].
public struct Heartbeat: Hashable, Sendable {
    public var generation: UInt64
    /// S.
    public var since: Revision
    /// R = V.
    public var position: Position
    public var changed: [Entry]
    /// The broker's monotonic clock, in nanoseconds.
    public var clock: Int64

    public struct Entry: Hashable, Sendable {
        public var alias: UInt32
        public var last: Revision
        public init(alias: UInt32, last: Revision) {
            self.alias = alias
            self.last = last
        }
    }

    public init(generation: UInt64, since: Revision, position: Position, changed: [Entry], clock: Int64) {
        self.generation = generation
        self.since = since
        self.position = position
        self.changed = changed
        self.clock = clock
    }
}

/// A message on the events' socket: frame 1 is `topic`, frame 2 the wire form of the rest.
package struct Published: Sendable {
    /// The stream, or ``StreamID/heartbeat``.
    package var topic: StreamID
    package var instance: Instance
    package var content: Content

    package enum Content: Sendable {
        case event(Event)
        case bookmark(Bookmark)
        case heartbeat(Heartbeat)
    }

    package init(topic: StreamID, instance: Instance, content: Content) {
        self.topic = topic
        self.instance = instance
        self.content = content
    }

    /// The same without records: whoever follows pulls what it tells of. Only events have any.
    package var announced: Published {
        guard case .event(var event) = content else { return self }
        event.records = []
        event.isAnnounced = true
        return Published(topic: topic, instance: instance, content: .event(event))
    }
}

/// One commit as one stream sees it.
package struct Event: Sendable {
    package var position: Position
    /// The stream's last revision before this one (V at registration for a new stream).
    package var previous: Revision
    /// The changed records that the filter matches, in order of ordinals; in an invalidate stream without values.
    package var records: [Record]
    /// The commit was too large to travel: `records` is empty, pull it.
    package var isAnnounced: Bool
    package init(position: Position, previous: Revision, records: [Record], isAnnounced: Bool = false) {
        self.position = position
        self.previous = previous
        self.records = records
        self.isAnnounced = isAnnounced
    }
    package var revision: Revision { position.revision }
}

/// Sent every 250 ms and behind the data on the same socket: every stream that is not listed has not
/// changed in (since, position.revision].
package struct Heartbeat: Hashable, Sendable {
    package var generation: UInt64
    /// S.
    package var since: Revision
    /// R = V.
    package var position: Position
    package var changed: [Entry]
    /// The broker's monotonic clock, in nanoseconds.
    package var clock: Int64

    package struct Entry: Hashable, Sendable {
        package var alias: UInt32
        package var last: Revision
        package init(alias: UInt32, last: Revision) {
            self.alias = alias
            self.last = last
        }
    }

    package init(generation: UInt64, since: Revision, position: Position, changed: [Entry], clock: Int64) {
        self.generation = generation
        self.since = since
        self.position = position
        self.changed = changed
        self.clock = clock
    }
}

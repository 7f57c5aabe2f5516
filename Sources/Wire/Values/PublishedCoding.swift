import FoundationEssentials
import MembusModel

extension PBPublished {
    init(_ published: Published) {
        self.init()
        instance = published.instance.id
        switch published.content {
        case .event(let event): content = .event(PBEvent(event))
        case .bookmark(let bookmark): content = .bookmark(PBBookmark(bookmark))
        case .heartbeat(let heartbeat): content = .heartbeat(PBHeartbeat(heartbeat))
        }
    }
}

extension PBEvent {
    init(_ event: Event) {
        self.init()
        position = PBPosition(event.position)
        previous = event.previous
        records = event.records.map(PBRecord.init)
        announced = event.isAnnounced
    }
}

extension PBHeartbeat {
    init(_ heartbeat: Heartbeat) {
        self.init()
        generation = heartbeat.generation
        since = heartbeat.since
        position = PBPosition(heartbeat.position)
        changed = heartbeat.changed.map { entry in
            .with {
                $0.alias = entry.alias
                $0.last = entry.last
            }
        }
        clockNs = heartbeat.clock
    }
}

extension Published {
    init(_ message: PBPublished, topic: StreamID) throws(Refusal) {
        let content: Content
        switch message.content {
        case .event(let event): content = .event(try Event(event))
        case .bookmark(let bookmark): content = .bookmark(try Bookmark(bookmark))
        case .heartbeat(let heartbeat): content = .heartbeat(try Heartbeat(heartbeat))
        case nil: throw Refusal(.malformed, "its content is of no kind that is known here")
        }
        self.init(topic: topic, instance: Instance(message.instance), content: content)
    }
}

extension Event {
    init(_ message: PBEvent) throws(Refusal) {
        self.init(
            position: try Position(message.position, "event.position"),
            previous: try Parse.revision(message.previous, "event.previous"),
            records: try Parse.records(message.records), isAnnounced: message.announced)
    }
}

extension Heartbeat {
    init(_ message: PBHeartbeat) throws(Refusal) {
        self.init(
            generation: message.generation, since: try Parse.revision(message.since, "heartbeat.since"),
            position: try Position(message.position, "heartbeat.position"),
            changed: try message.changed.map { (entry) throws(Refusal) in
                Entry(alias: entry.alias, last: try Parse.revision(entry.last, "heartbeat.last"))
            }, clock: message.clockNs)
    }
}

import DequeModule

// The broker's serial order, as a value: registering, matching a commit to streams, publishing, bookmarks and
// heartbeats happen in the order of the calls here, on the one thread that owns the events' socket. No clock and
// no randomness: moments, ids and generations arrive with the calls.
//
// A commit's way:  durable → decided state → publish() → all its messages handed to the socket → visible,
// replied. Whoever calls hands over what a call returns before anything else that names `visible`; so nothing is
// published before the disk has it, and nothing is shown that is not yet published.
//
// Invariants
//   1. V (`visible`) rises by one commit at a time, and is the R of every bookmark and heartbeat.
//   2. A stream's `last` is the revision of its newest event, or V at its registration if it has had none since;
//      so last ≤ V, and a view of it at a cut ≥ last lacks nothing up to V.
//   3. A heartbeat lists every stream with last in (S, R]. A view at a cut in [S, R) of a stream that is not
//      listed has therefore missed nothing; one at a cut below S cannot tell, and asks.
//   4. That holds only for streams that the table knows. So dropping one draws a new generation, at which every
//      view asks; ids are never reused, and an alias is a stream's own for the life of the instance.
//   5. Messages come out in the order of registration, so a replay gives the same bytes.

/// What makes two registrations share a stream.
package struct StreamDefinition: Hashable, Sendable {
    package let branch: BranchName
    package let filter: TopicFilter
    package let mode: StreamMode
    /// What of it whoever registered may see. Not who that is, or equal agents would share no stream.
    package let scope: Scope

    package init(branch: BranchName, filter: TopicFilter, mode: StreamMode, scope: Scope = .everything) {
        self.branch = branch
        self.filter = filter
        self.mode = mode
        self.scope = scope
    }

    /// What a stream occupies in the table, in bytes, at most: its own entries of some 1,000, and for each topic a place
    /// in the filter, one in the index, whose room may have just doubled, and the name, if it is too long to lie inside.
    var footprint: Int {
        filter.topics.reduce(1_000) { bytes, topic in
            let length = topic.text.utf8.count
            return bytes + 150 + (length > 15 ? 48 + length : 0)
        }
    }
}

package struct StreamTable: Sendable {
    package struct Options: Sendable {
        /// A stream that nobody names for so long is dropped.
        package var life: Duration = .seconds(60)
        /// A heartbeat names a longer list by raising S instead.
        package var mostListed = 2_000
        /// S is V of so many heartbeats ago: a view that missed a few still profits from the next.
        package var heartbeatsBack = 4
        /// Of all streams' filters together; registering more is refused.
        package var memoryBytes = 64 << 20
        package init() {}
    }

    package struct Counters: Hashable, Sendable {
        package var eventsPublished: Int64 = 0
        /// Events too large to travel, alone or with what waits already.
        package var eventsAnnounced: Int64 = 0
        package var streamsDropped: Int64 = 0
        /// Heartbeats whose S was raised, since their list was too long.
        package var listsShortened: Int64 = 0
    }

    struct Stream: Sendable {
        let id: StreamID
        let alias: UInt32
        let definition: StreamDefinition
        var last: Revision
        var named: Instant
    }

    package let instance: Instance
    package private(set) var generation: UInt64
    /// V: the last revision whose events have all been handed to the socket.
    package private(set) var visible: Position
    package private(set) var counters = Counters()
    package private(set) var footprint = 0
    package let options: Options

    /// By slot; a dropped stream's slot is reused, its alias and id are not.
    private var streams: [Stream?] = []
    private var freeSlots: [Int] = []
    private var slotsByID: [StreamID: Int] = [:]
    private var slotsByDefinition: [StreamDefinition: Int] = [:]
    private var topics: [BranchName: TopicIndex] = [:]
    /// Slots by `last`, the newest first.
    private var recency = RecencyList()
    private var aliases: UInt32 = 0
    /// V at the newest heartbeats, oldest first; never empty.
    private var marks: Deque<Revision>

    package init(instance: Instance, generation: UInt64, visible: Position, options: Options = Options()) {
        self.instance = instance
        self.generation = generation
        self.visible = visible
        self.options = options
        marks = [visible.revision]
    }

    package var count: Int { slotsByID.count }

    package func definition(of stream: StreamID) -> StreamDefinition? { self[stream]?.definition }

    private subscript(id: StreamID) -> Stream? { slotsByID[id].flatMap { streams[$0] } }

    // MARK: Registration

    /// - Parameters:
    ///   - lineage: the broker's.
    ///   - knownHash: this history's hash at `request.newest`'s revision; `nil` if it is not kept any more.
    ///   - drawnID: 16 random bytes for a new stream; not used if there is one for the same definition.
    /// - Throws: ``Refusal/Code/busy`` if the table is full.
    package mutating func register(
        _ request: Register, scope: Scope = .everything, lineage: Lineage, knownHash: UInt64?, drawnID: StreamID,
        now: Instant
    ) throws(Refusal) -> Registered {
        let definition = StreamDefinition(
            branch: request.branch, filter: request.filter, mode: request.mode, scope: scope)
        let slot: Int
        if let known = slotsByDefinition[definition] {
            slot = known
        } else {
            slot = try insert(definition, id: drawnID, now: now)
        }
        guard var stream = streams[slot] else { preconditionFailure("slot \(slot) is indexed but empty") }
        stream.named = max(stream.named, now)
        streams[slot] = stream
        return Registered(
            stream: stream.id, alias: stream.alias, generation: generation,
            reset: request.newest.map { differs($0, lineage: lineage, knownHash: knownHash) } ?? false)
    }

    /// Whether a state is not, or cannot be shown to be, one of this history.
    ///
    /// A revision whose hash is no longer kept counts as different. The view could not be carried forward from
    /// there anyway (the pull would be a snapshot), and keeping an unverified state until then would let a view
    /// serve, as this history's, what may be another's.
    private func differs(_ newest: Token, lineage: Lineage, knownHash: UInt64?) -> Bool {
        if newest.lineage != lineage || newest.revision > visible.revision { return true }
        let known =
            switch newest.revision {
            case visible.revision: visible.hash
            case Position.origin.revision: Position.origin.hash
            default: knownHash
            }
        return known != newest.position.hash
    }

    /// A new stream's last is V, so it counts as changed: of what came before its registration it says nothing.
    private mutating func insert(_ definition: StreamDefinition, id: StreamID, now: Instant) throws(Refusal) -> Int {
        guard footprint + definition.footprint <= options.memoryBytes else {
            throw Refusal(.busy, "the broker's \(count) streams fill its \(options.memoryBytes >> 20) MiB for filters")
        }
        precondition(slotsByID[id] == nil && id != .heartbeat, "a stream's id was drawn twice")
        aliases += 1
        let stream = Stream(id: id, alias: aliases, definition: definition, last: visible.revision, named: now)
        let slot = freeSlots.popLast() ?? streams.count
        if slot == streams.count { streams.append(stream) } else { streams[slot] = stream }
        slotsByID[id] = slot
        slotsByDefinition[definition] = slot
        topics[definition.branch, default: TopicIndex()].insert(slot, definition.filter)
        recency.makeNewest(slot)
        footprint += definition.footprint
        return slot
    }

    // MARK: Life

    /// Streams live while somebody names them. Unknown ids are passed over.
    package mutating func touch(_ named: some Sequence<StreamID>, now: Instant) {
        for id in named {
            guard let slot = slotsByID[id], let stream = streams[slot], stream.named < now else { continue }
            streams[slot]?.named = now
        }
    }

    /// Drops the streams that nobody has named for their life's length. If there are any, `drawn` becomes the
    /// generation: without it a view of a dropped stream would take its absence from heartbeats for calm.
    ///
    /// - Returns: how many were dropped.
    package mutating func dropUnnamed(now: Instant, drawn: UInt64) -> Int {
        let life = options.life
        return drop(drawn: drawn) { now - $0.named >= life }
    }

    /// The same of those of some branches, which are gone.
    package mutating func drop(_ branches: [BranchName], drawn: UInt64) -> Int {
        drop(drawn: drawn) { branches.contains($0.definition.branch) }
    }

    private mutating func drop(drawn: UInt64, where isOver: (Stream) -> Bool) -> Int {
        let dropped = streams.indices.filter { slot in streams[slot].map(isOver) ?? false }
        guard !dropped.isEmpty else { return 0 }
        var byBranch: [BranchName: [(slot: Int, filter: TopicFilter)]] = [:]
        for slot in dropped {
            guard let stream = streams[slot] else { continue }
            streams[slot] = nil
            slotsByID[stream.id] = nil
            slotsByDefinition[stream.definition] = nil
            recency.remove(slot)
            footprint -= stream.definition.footprint
            byBranch[stream.definition.branch, default: []].append((slot, stream.definition.filter))
        }
        for (branch, gone) in byBranch {
            topics[branch]?.remove(gone)
            if topics[branch]?.isEmpty == true { topics[branch] = nil }
        }
        freeSlots += dropped.reversed()
        shrink()
        counters.streamsDropped += Int64(dropped.count)
        generation = drawn == generation ? drawn &+ 1 : drawn
        return dropped.count
    }

    /// Once most slots are empty, everything is made anew for what is left: tables keep the room of the most that they
    /// ever held. Slots change by it; ids, aliases and every order stay.
    private mutating func shrink() {
        guard streams.count >= 256, slotsByID.count < streams.count / 4 else { return }
        var newestFirst: [Int] = []
        var next = recency.newest
        while let slot = next {
            newestFirst.append(slot)
            next = recency.older(than: slot)
        }
        let kept = streams.indices.filter { streams[$0] != nil }.sorted {
            (streams[$0]?.alias ?? 0) < (streams[$1]?.alias ?? 0)
        }
        let places = Dictionary(uniqueKeysWithValues: zip(kept, kept.indices))
        streams = kept.map { streams[$0] }
        freeSlots = []
        slotsByID = [:]
        slotsByDefinition = [:]
        topics = [:]
        for (slot, stream) in streams.enumerated() {
            guard let stream else { continue }
            slotsByID[stream.id] = slot
            slotsByDefinition[stream.definition] = slot
            topics[stream.definition.branch, default: TopicIndex()].insert(slot, stream.definition.filter)
        }
        recency = RecencyList()
        for slot in newestFirst.reversed() { if let place = places[slot] { recency.makeNewest(place) } }
    }

    // MARK: Publishing

    /// Makes the commit visible: the events to hand to the socket, in order, before anything else happens.
    ///
    /// - Parameters:
    ///   - inlineLimit: larger values do not travel in update streams, in bytes.
    ///   - eventLimit: a larger event is announced without records, in bytes on the wire: high-water marks count
    ///     messages, so messages must be small.
    /// - Precondition: `commit` is the one after V, and is on disk.
    package mutating func publish(_ commit: Commit, inlineLimit: Int, eventLimit: Int = 64 << 10) -> [Published] {
        precondition(
            commit.info.revision == visible.revision + 1,
            "commit \(commit.info.revision) published after \(visible.revision): revisions are dense")
        visible = commit.info.position
        guard let index = topics[commit.info.branch] else { return [] }
        let hits = TopicHits(of: commit.records, in: index)
        var bodies = EventBodies(commit.records, inlineLimit: inlineLimit, eventLimit: eventLimit)

        var published: [Published] = []
        for (slot, selection) in selections(hits) {
            guard var stream = streams[slot] else { preconditionFailure("slot \(slot) is indexed but empty") }
            let body = bodies.body(of: selection, hits: hits, mode: stream.definition.mode)
            let event = Event(
                position: visible, previous: stream.last, records: body.records, isAnnounced: body.isAnnounced)
            published.append(Published(topic: stream.id, instance: instance, content: .event(event)))
            counters.eventsPublished += 1
            if body.isAnnounced { counters.eventsAnnounced += 1 }
            stream.last = visible.revision
            streams[slot] = stream
            recency.makeNewest(slot)
        }
        return published
    }

    private func selections(_ hits: TopicHits) -> [(slot: Int, selection: TopicHits.Selection)] {
        var selections = hits.selections
        if !hits.isOrdered {
            selections.sort { (streams[$0.slot]?.alias ?? 0) < (streams[$1.slot]?.alias ?? 0) }
        }
        return selections
    }

    /// An event that was handed over whole was announced, or told by heartbeats alone, for want of room.
    package mutating func countAnnounced() { counters.eventsAnnounced += 1 }

    // MARK: What streams are complete up to

    /// "This stream is complete up to V"; `nil` for an unknown stream.
    package func bookmark(for stream: StreamID, nonce: UInt64? = nil) -> Bookmark? {
        self[stream].map { Bookmark(position: visible, last: $0.last, nonce: nonce) }
    }

    /// The same as a message for the events' socket: a ping's second answer.
    package func publishedBookmark(for stream: StreamID, nonce: UInt64) -> Published? {
        bookmark(for: stream, nonce: nonce).map { Published(topic: stream, instance: instance, content: .bookmark($0)) }
    }

    /// The heartbeat of this moment. Rolls S forward, so call it once per beat.
    ///
    /// - Parameter now: by the broker's monotonic clock.
    package mutating func heartbeat(now: Instant) -> Published {
        var since = marks[0]
        var changed: [Heartbeat.Entry] = []
        var next = recency.newest
        while let slot = next, let stream = streams[slot], stream.last > since {
            if changed.count == options.mostListed {
                // Too many: S rises to the first that finds no room, and with it go all that changed at S.
                since = stream.last
                counters.listsShortened += 1
                break
            }
            changed.append(Heartbeat.Entry(alias: stream.alias, last: stream.last))
            next = recency.older(than: slot)
        }
        while let entry = changed.last, entry.last <= since { changed.removeLast() }

        marks.append(visible.revision)
        if marks.count > options.heartbeatsBack { marks.removeFirst() }
        return Published(
            topic: .heartbeat, instance: instance,
            content: .heartbeat(
                Heartbeat(
                    generation: generation, since: since, position: visible, changed: changed.reversed(),
                    clock: now.nanoseconds)))
    }
}

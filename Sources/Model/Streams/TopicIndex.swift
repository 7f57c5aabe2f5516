/// Which streams of a branch follow a topic. A key belongs to a handful of topics (itself, each prefix, and
/// everything), so finding its streams costs one look-up per segment, however many streams there are.
struct TopicIndex: Sendable {
    /// Prefixes end in "/" and exact keys never do, so both share one table.
    private var slots: [Topic: Followers] = [:]
    private var prefixes = 0

    var isEmpty: Bool { slots.isEmpty }

    mutating func insert(_ slot: Int, _ filter: TopicFilter) {
        for topic in filter.topics {
            if slots[topic] == nil, topic.isPrefix { prefixes += 1 }
            slots[topic, default: .none].append(slot)
        }
    }

    /// Removes many at once: one sweep over each topic that they follow.
    mutating func remove(_ gone: [(slot: Int, filter: TopicFilter)]) {
        let dropped = Set(gone.map(\.slot))
        for topic in Set(gone.flatMap(\.filter.topics)) {
            guard let left = slots[topic]?.without(dropped) else { continue }
            if left.isEmpty {
                slots[topic] = nil
                if topic.isPrefix { prefixes -= 1 }
            } else {
                slots[topic] = left
            }
        }
    }

    /// Every followed topic that the key belongs to, with the slots that follow it.
    func forEachTopic(of key: Key, _ body: (Topic, Followers) -> Void) {
        find(Topic(unchecked: key.text), body)
        guard prefixes > 0 else { return }
        find(.everything, body)
        // By bytes, as topics match: a slash and a mark that follows it are one character of a String.
        let text = key.text.utf8
        for index in text.indices where text[index] == UInt8(ascii: "/") {
            find(Topic(unchecked: String(Substring(text[...index]))), body)
        }
    }

    private func find(_ topic: Topic, _ body: (Topic, Followers) -> Void) {
        if let slots = slots[topic] { body(topic, slots) }
    }
}

/// The slots that follow a topic, in order of registration. Most topics have one follower, which costs no array.
enum Followers: Sendable {
    case none
    case one(Int)
    case many([Int])

    var isEmpty: Bool { if case .none = self { true } else { false } }

    var all: [Int] {
        switch self {
        case .none: []
        case .one(let slot): [slot]
        case .many(let slots): slots
        }
    }

    mutating func append(_ slot: Int) {
        switch self {
        case .none: self = .one(slot)
        case .one(let first): self = .many([first, slot])
        case .many(var slots):
            self = .none  // so that the array is not shared while it grows
            slots.append(slot)
            self = .many(slots)
        }
    }

    func without(_ dropped: Set<Int>) -> Followers {
        let left = all.filter { !dropped.contains($0) }
        return left.isEmpty ? .none : left.count == 1 ? .one(left[0]) : .many(left)
    }
}

/// A commit's records by the topics that somebody follows: streams of one topic share one selection.
struct TopicHits {
    struct Hit {
        let slots: Followers
        /// Into the commit's records, rising.
        var records: [Int]
    }
    enum Selection {
        /// What this hit has.
        case hit(Int)
        /// Records of several topics of one stream, rising. A normal filter's topics never overlap, so none is
        /// there twice.
        case merged([Int])
    }

    private(set) var hits: [Hit] = []

    init(of records: [Record], in index: TopicIndex) {
        var places: [Topic: Int] = [:]
        for (number, record) in records.enumerated() {
            index.forEachTopic(of: record.key) { topic, slots in
                if let place = places[topic] {
                    hits[place].records.append(number)
                } else {
                    places[topic] = hits.count
                    hits.append(Hit(slots: slots, records: [number]))
                }
            }
        }
    }

    /// Whether ``selections`` is in order of registration already.
    var isOrdered: Bool { hits.count <= 1 }

    /// What each stream gets; in no order, unless ``isOrdered``.
    var selections: [(slot: Int, selection: Selection)] {
        guard hits.count > 1 else {
            return hits.first.map { hit in hit.slots.all.map { ($0, .hit(0)) } } ?? []
        }
        var found: [Int: Selection] = [:]
        for (place, hit) in hits.enumerated() {
            for slot in hit.slots.all {
                found[slot] = found[slot].map { joined($0, hit.records) } ?? .hit(place)
            }
        }
        return found.map { ($0.key, $0.value) }
    }

    func records(of selection: Selection) -> [Int] {
        switch selection {
        case .hit(let place): hits[place].records
        case .merged(let records): records.sorted()
        }
    }

    private func joined(_ selection: Selection, _ more: [Int]) -> Selection {
        switch selection {
        case .hit(let place): .merged(hits[place].records + more)
        case .merged(let records): .merged(records + more)
        }
    }
}

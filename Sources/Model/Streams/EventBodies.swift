/// One commit's records as its streams get them. Made once per mode and per selection, not once per stream.
struct EventBodies {
    struct Body {
        var records: [Record]
        var isAnnounced: Bool
    }
    private struct Shape {
        var records: [Record]
        var sizes: [Int]
    }
    private struct Place: Hashable {
        var hit: Int
        var mode: StreamMode
    }

    private let records: [Record]
    private let inlineLimit: Int
    private let eventLimit: Int
    private var shapes: [StreamMode: Shape] = [:]
    private var bodies: [Place: Body] = [:]

    init(_ records: [Record], inlineLimit: Int, eventLimit: Int) {
        self.records = records
        self.inlineLimit = inlineLimit
        self.eventLimit = eventLimit
    }

    mutating func body(of selection: TopicHits.Selection, hits: TopicHits, mode: StreamMode) -> Body {
        guard case .hit(let hit) = selection else { return body(of: hits.records(of: selection), mode) }
        let place = Place(hit: hit, mode: mode)
        if let body = bodies[place] { return body }
        let body = body(of: hits.records(of: selection), mode)
        bodies[place] = body
        return body
    }

    private mutating func body(of selected: [Int], _ mode: StreamMode) -> Body {
        let shape = shape(mode)
        var size = Self.envelope
        for index in selected {
            size += shape.sizes[index]
            if size > eventLimit { return Body(records: [], isAnnounced: true) }
        }
        return Body(records: selected.map { shape.records[$0] }, isAnnounced: false)
    }

    private mutating func shape(_ mode: StreamMode) -> Shape {
        if let shape = shapes[mode] { return shape }
        let shaped = records.map { mode == .invalidate || $0.size > inlineLimit ? $0.announced : $0 }
        let shape = Shape(records: shaped, sizes: shaped.map(\.mostWireBytes))
        shapes[mode] = shape
        return shape
    }

    /// At most what a Published with an Event takes around its records.
    private static let envelope = 80
}

extension Record {
    /// At most what this takes on the wire: each field's tag and length come on top of its content.
    var mostWireBytes: Int {
        // Lengths take up to 5 bytes, numbers up to 10, tags 1: 13 scalar fields and the record's own header.
        var bytes = 96 + key.text.utf8.count + kind.name.utf8.count + owner.utf8.count + (value?.count ?? 0)
        for (name, value) in attributes { bytes += 20 + name.utf8.count + value.utf8.count }
        for link in links { bytes += 20 + link.relation.utf8.count + link.target.text.utf8.count }
        return bytes
    }
}

import MembusModel
import SwiftProtobuf

// An empty message takes two bytes on the wire and some 180 in the objects that the generated code makes of it, so
// that a frame of millions of them would take gigabytes before anybody could count them. So the parts of a large
// frame are counted first, on the bytes. A transaction of too many is decoded without its parts: it is refused, and
// takes its turn in the session like one whose parts are wrong.

/// What a request repeats: streams, keys, topics, preconditions, changes, reads, resolutions, versions, attributes, links.
enum RequestParts {
    /// Of one request, all together.
    static let most = Limits.mostParts
    /// Smaller frames can't have too many to hold.
    private static let smallest = 1 << 16

    /// The messages under which something is repeated.
    enum Message {
        case request, transact, transaction, merge, rollback, revert, resolution, change, put, get, range, log,
            register, noteReads, getDigest, getDiff, getImpact, plan, pick, quarantine, search, recall,
            getLinks

        /// Whether the field is repeated, and what it holds if that is in this list.
        func field(_ number: UInt64) -> (isRepeated: Bool, message: Message?) {
            switch (self, number) {
            case (.request, 5): (true, nil)
            case (.request, 12): (false, .transact)
            case (.request, 14): (false, .get)
            case (.request, 15): (false, .range)
            case (.request, 17): (false, .log)
            case (.request, 20): (false, .register)
            case (.request, 23): (false, .noteReads)
            case (.request, 27): (false, .getDigest)
            case (.request, 29): (false, .getDiff)
            case (.request, 30): (false, .getImpact)
            case (.request, 31): (false, .plan)
            case (.request, 33): (false, .search)
            case (.request, 34): (false, .recall)
            case (.request, 35): (false, .getLinks)
            case (.transact, 4): (false, .transaction)
            case (.transact, 6): (false, .merge)
            case (.transact, 7): (false, .rollback)
            case (.transact, 8): (false, .revert)
            case (.transact, 11): (false, .pick)
            case (.transact, 12): (false, .quarantine)
            case (.plan, 1): (false, .merge)
            case (.plan, 2): (false, .rollback)
            case (.plan, 3): (false, .revert)
            case (.plan, 4): (false, .pick)
            case (.plan, 5): (false, .quarantine)
            case (.merge, 4), (.revert, 5), (.pick, 3): (true, .resolution)
            case (.rollback, 3), (.revert, 2), (.revert, 3), (.revert, 10), (.pick, 2), (.quarantine, 2),
                (.quarantine, 3), (.quarantine, 7), (.getImpact, 1), (.getImpact, 2), (.getImpact, 3):
                (true, nil)
            case (.resolution, 7): (false, .put)
            case (.transaction, 4), (.transaction, 6): (true, nil)
            case (.transaction, 5): (true, .change)
            case (.change, 2): (false, .put)
            case (.put, 3), (.put, 4), (.put, 7): (true, nil)
            case (.get, 2), (.range, 2), (.log, 2), (.register, 2), (.noteReads, 2), (.getDigest, 2),
                (.getDiff, 3), (.search, 4), (.recall, 4), (.getLinks, 3), (.getLinks, 5):
                (true, nil)
            default: (false, nil)
            }
        }
    }

    static func areTooMany(in frame: UnsafeRawBufferPointer) -> Bool {
        guard frame.count >= smallest else { return false }
        var count = 0
        return !isWithin(frame, .request, &count)
    }

    private static func isWithin(_ bytes: UnsafeRawBufferPointer, _ message: Message, _ count: inout Int) -> Bool {
        for field in WireFields(bytes) {
            let (isRepeated, inner) = message.field(field.number)
            if isRepeated { count += max(1, numbers(in: field, of: message)) }
            if count > most { return false }
            if let inner, case .bytes(let part) = field.value, !isWithin(part, inner, &count) { return false }
        }
        return true
    }

    /// Of those that stand packed, one behind the other.
    private static func numbers(in field: WireFields.Field, of message: Message) -> Int {
        let isPacked =
            switch (message, field.number) {
            case (.revert, 3), (.revert, 10), (.pick, 2), (.quarantine, 3), (.quarantine, 7), (.getImpact, 2),
                (.getImpact, 3):
                true
            default: false
            }
        guard isPacked, case .bytes(let packed) = field.value else { return 0 }
        return packed.lazy.filter { $0 < 0x80 }.count
    }

    static var refusal: Refusal {
        Refusal(
            .limitExceeded, "the request has more than \(most) parts: keys, changes, preconditions, reads, links, …",
            hint: "split it into several", subject: "parts")
    }

    /// The frame without any parts, for its id, session and number.
    static func removed(from frame: UnsafeRawBufferPointer) -> [UInt8] {
        var kept: [UInt8] = []
        for field in WireFields(frame) {
            switch (field.number, field.value) {
            case (1, _), (2, _), (3, _), (4, _): kept += field.whole
            case (12, .bytes(let transact)):
                var inner: [UInt8] = []
                for field in WireFields(transact) where (1...3).contains(field.number) { inner += field.whole }
                inner += [4 << 3 | 2, 0]
                // Longer than 127 bytes only if a stranger repeats fields: then it says nothing that is needed.
                if inner.count <= 127 { kept += [12 << 3 | 2, UInt8(inner.count)] + inner }
            default: break
            }
        }
        return kept
    }
}

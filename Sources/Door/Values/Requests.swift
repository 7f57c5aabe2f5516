import CMembus
import FoundationEssentials
import Membus

// What C says, as the client's values. Names are checked by the client and not here.

extension membus_text {
    var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: UnsafeRawPointer(data)?.assumingMemoryBound(to: UInt8.self), count: data == nil ? 0 : size)
    }

    /// - Parameter what: it is, for an error's words.
    func string(_ what: String) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DoorError.badArgument("the \(what) is not UTF-8", hint: "give texts as UTF-8")
        }
        return text
    }

    /// `nil`: it is empty.
    func stringIfAny(_ what: String) throws -> String? { size == 0 ? nil : try string(what) }

    var value: Data { Data(bytes) }

    func branch() throws -> BranchName? {
        guard let name = try stringIfAny("branch") else { return nil }
        do { return try BranchName(name) } catch { throw MembusError.invalidName(error) }
    }

    func state() throws -> StateName {
        guard let name = try stringIfAny("state") else { return .now }
        do { return try StateName(name) } catch { throw MembusError.invalidName(error) }
    }

    /// A moment, too, of the branch that is worked on.
    func stateOrMoment() throws -> StateName {
        guard let name = try stringIfAny("state") else { return .now }
        do { return try StateName(at: name) } catch { throw MembusError.invalidName(error) }
    }

    func tag() throws -> TagName {
        do { return try TagName(try string("tag")) } catch let error as InvalidName {
            throw MembusError.invalidName(error)
        }
    }

    func key() throws -> Key {
        let name = try string("key")
        do { return try Key(name) } catch { throw MembusError.invalidName(error) }
    }
}

extension UnsafePointer<membus_text>? {
    func strings(_ count: Int, _ what: String) throws -> [String] {
        guard count > 0 else { return [] }
        guard let texts = self else { throw DoorError.missing(what) }
        return try UnsafeBufferPointer(start: texts, count: count).map { try $0.string(what) }
    }
}

extension DoorError {
    static func missing(_ what: String) -> DoorError {
        .badArgument("there is no \(what), but a null pointer", hint: "give its address")
    }

    static func unknown(_ value: some BinaryInteger, _ what: String) -> DoorError {
        .badArgument("\(value) is no \(what)", hint: "use one of the constants of membus.h")
    }
}

/// Milliseconds as C gives them. 0: what the connection gives.
func duration(_ milliseconds: Int64) throws -> Duration? {
    guard milliseconds >= 0 else {
        throw DoorError.badArgument("a time of \(milliseconds) ms is negative", hint: "give at least 1 ms, or 0")
    }
    return milliseconds == 0 ? nil : .milliseconds(milliseconds)
}

/// A revision as C gives it. 0: the newest.
func revision(_ revision: Int64) -> Revision? { revision == 0 ? nil : revision }

func pageSize(_ given: Int32, usual: Int) -> Int { given > 0 ? Int(given) : usual }

extension membus_freshness {
    func consistency() throws -> Consistency {
        switch Int(sort) {
        case MEMBUS_CACHED: .cached
        case MEMBUS_AT_LEAST: .atLeast(token.token)
        case MEMBUS_WITHIN: .within(.milliseconds(within_ms))
        case MEMBUS_LINEARIZABLE: .linearizable
        default: throw DoorError.unknown(sort, "freshness of a read")
        }
    }

    /// `nil`: what is there will do.
    func awaited() throws -> View.Awaited? {
        switch Int(sort) {
        case MEMBUS_LIVE: .live
        default:
            switch try consistency() {
            case .cached: nil
            case .atLeast(let token): .atLeast(token)
            case .within(let age): .within(age)
            case .linearizable: .linearizable
            }
        }
    }
}

extension membus_precondition {
    func precondition() throws -> Precondition {
        switch Int(sort) {
        case MEMBUS_AT: return .at(try name.key(), revision)
        case MEMBUS_IS_ABSENT: return .absent(try name.key())
        case MEMBUS_UNCHANGED:
            let topic = try name.string("topic")
            do { return .unchanged(try Topic(topic), since: revision) } catch { throw MembusError.invalidName(error) }
        case MEMBUS_SOUND: return .sound
        default: throw DoorError.unknown(sort, "precondition")
        }
    }
}

extension membus_change {
    /// Makes the change in a draft, which tells what is wrong with it at the commit.
    func add(to draft: Draft) throws {
        let name = try key.string("key")
        switch Int(action) {
        case MEMBUS_PUT:
            let put = try put()
            draft.put(
                name, data: put.value, kind: put.kind, attributes: put.attributes, links: put.links,
                expires: put.expiry)
        case MEMBUS_DELETE: draft.delete(name)
        case MEMBUS_INCREMENT: draft.increment(name, by: amount)
        case MEMBUS_APPEND: draft.append(name, text: try value.string("text"))
        case MEMBUS_PATCH: draft.patch(name, json: try value.string("patch"))
        default: throw DoorError.unknown(action, "change")
        }
    }

    /// A whole new record, whatever the action.
    func put() throws -> Put {
        Put(
            value.value, kind: try kind.stringIfAny("kind").map { Kind($0) } ?? .text,
            attributes: try allAttributes(), links: try allLinks(), expiry: try expiry())
    }

    private func allAttributes() throws -> Attributes {
        guard attribute_count > 0 else { return [:] }
        guard let attributes else { throw DoorError.missing("attribute") }
        return Attributes(
            try UnsafeBufferPointer(start: attributes, count: attribute_count).map {
                (key: try $0.name.string("attribute's name"), value: try $0.value.string("attribute"))
            })
    }

    private func allLinks() throws -> [Link] {
        guard link_count > 0 else { return [] }
        guard let links else { throw DoorError.missing("link") }
        return try UnsafeBufferPointer(start: links, count: link_count).map {
            Link(relation: try $0.relation.string("relation"), target: try $0.target.key())
        }
    }

    private func expiry() throws -> Put.Expiry {
        switch (expires_after_ms, expires_at_ms) {
        case (0, 0): return .never
        case (let after, 0): return .after(.milliseconds(after))
        case (0, let at): return .at(Timestamp(milliseconds: at))
        default:
            throw DoorError.badArgument("a record expires after a time or at one, not both", hint: "give one of them")
        }
    }
}

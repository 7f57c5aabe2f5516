import FoundationEssentials
import MembusModel

// Names, revisions and counts from outside. `field` says where in the request the offender stands; it is
// only evaluated when there is one.

typealias Field = () -> String

enum Parse {
    static func key(_ text: String, _ field: @autoclosure Field) throws(Refusal) -> Key {
        do throws(InvalidName) { return try Key(text) } catch { throw Self.invalid(error, field()) }
    }

    /// Empty stands for `main`.
    static func branch(_ text: String, _ field: @autoclosure Field) throws(Refusal) -> BranchName {
        if text.isEmpty { return .main }
        do throws(InvalidName) { return try BranchName(text) } catch { throw Self.invalid(error, field()) }
    }

    static func tag(_ text: String, _ field: @autoclosure Field) throws(Refusal) -> TagName {
        do throws(InvalidName) { return try TagName(text) } catch { throw Self.invalid(error, field()) }
    }

    static func topic(_ text: String, _ field: @autoclosure Field) throws(Refusal) -> Topic {
        do throws(InvalidName) { return try Topic(text) } catch { throw Self.invalid(error, field()) }
    }

    /// What was read: a key, or a topic's list.
    static func subject(
        key: String, topic: String, _ field: @autoclosure Field
    ) throws(Refusal) -> ReadVersion.Subject {
        if topic.isEmpty { return .key(try Self.key(key, "\(field()).key")) }
        if key.isEmpty { return .topic(try Self.topic(topic, "\(field()).topic")) }
        throw Refusal(.invalidArgument, "\(field()): a key and a topic are named", subject: field())
    }

    static func filter(_ texts: [String], _ limits: Limits) throws(Refusal) -> TopicFilter {
        if texts.isEmpty {
            throw Refusal(
                .invalidArgument, "topics: none is named", hint: "name one, or / for everything", subject: "topics")
        }
        try check(count: texts.count, "topics", most: limits.topicsPerFilter, "topicsPerFilter")
        var topics: [Topic] = []
        topics.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() { topics.append(try topic(text, "topics[\(index)]")) }
        return TopicFilter(topics)
    }

    static func revision(_ number: Int64, _ field: @autoclosure Field) throws(Refusal) -> Revision {
        if number >= 0 { return number }
        throw Refusal(.invalidArgument, "\(field()): \(number) is negative", subject: field())
    }

    static func check(count: Int, _ field: String, most: Int, _ limit: String) throws(Refusal) {
        if count <= most { return }
        throw Refusal(.limitExceeded, "\(field): \(count) are over the limit \(limit) of \(most)", subject: limit)
    }

    static func check(name: String, _ field: String, _ limits: Limits) throws(Refusal) {
        if name.utf8.count <= limits.nameBytes { return }
        throw Refusal(
            .limitExceeded, "\(field): \(name.utf8.count) bytes are over the limit nameBytes of \(limits.nameBytes)",
            hint: Limits.shorten("nameBytes"), subject: "nameBytes")
    }

    /// A page's size: 0 takes the default; more than the broker gives at once is cut down, not refused, since a page says
    /// itself whether more follows.
    static func pageSize(_ asked: UInt32, orElse usual: Int) -> Int { asked == 0 ? usual : min(Int(asked), 10_000) }

    static func stream(_ bytes: Data, _ field: @autoclosure Field) throws(Refusal) -> StreamID {
        if let stream = StreamID(bytes: bytes) { return stream }
        throw Refusal(
            .malformed, "\(field()): a stream's id has \(StreamID.byteCount) bytes, not \(bytes.count)",
            hint: "name the id that Registered gave", subject: field())
    }

    private static func invalid(_ error: InvalidName, _ field: String) -> Refusal {
        Refusal(
            .invalidName, "\(field): \(error)", subject: String(decoding: error.name.utf8.prefix(128), as: UTF8.self))
    }
}

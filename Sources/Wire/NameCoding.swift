import Foundation
import MembusModel

// Names, revisions and counts from outside. `field` says where in the request the offender stands; it is
// only evaluated when there is one.

typealias Field = () -> String

enum Parse {
    static func key(_ text: String, _ field: @autoclosure Field) throws(Failure) -> Key {
        do throws(InvalidName) { return try Key(text) } catch { throw Self.invalid(error, field()) }
    }

    /// Empty stands for `main`.
    static func branch(_ text: String, _ field: @autoclosure Field) throws(Failure) -> BranchName {
        if text.isEmpty { return .main }
        do throws(InvalidName) { return try BranchName(text) } catch { throw Self.invalid(error, field()) }
    }

    static func topic(_ text: String, _ field: @autoclosure Field) throws(Failure) -> Topic {
        do throws(InvalidName) { return try Topic(text) } catch { throw Self.invalid(error, field()) }
    }

    static func filter(_ texts: [String], _ limits: Limits) throws(Failure) -> TopicFilter {
        if texts.isEmpty {
            throw Failure(.invalidArgument, "topics: none is named", hint: "name one, or / for everything", subject: "topics")
        }
        try check(count: texts.count, "topics", most: limits.topicsPerFilter, "topicsPerFilter")
        var topics: [Topic] = []
        topics.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() { topics.append(try topic(text, "topics[\(index)]")) }
        return TopicFilter(topics)
    }

    static func revision(_ number: Int64, _ field: @autoclosure Field) throws(Failure) -> Revision {
        if number >= 0 { return number }
        throw Failure(.invalidArgument, "\(field()): \(number) is negative", subject: field())
    }

    static func check(count: Int, _ field: String, most: Int, _ limit: String) throws(Failure) {
        if count <= most { return }
        throw Failure(.limitExceeded, "\(field): \(count) are over the limit \(limit) of \(most)", subject: limit)
    }

    static func check(name: String, _ field: String, _ limits: Limits) throws(Failure) {
        if name.utf8.count <= limits.nameBytes { return }
        throw Failure(
            .limitExceeded, "\(field): \(name.utf8.count) bytes are over the limit nameBytes of \(limits.nameBytes)",
            hint: Limits.shorten("nameBytes"), subject: "nameBytes")
    }

    static func stream(_ bytes: Data, _ field: @autoclosure Field) throws(Failure) -> StreamID {
        if let stream = StreamID(bytes: bytes) { return stream }
        throw Failure(
            .malformed, "\(field()): a stream's id has \(StreamID.byteCount) bytes, not \(bytes.count)",
            hint: "name the id that Registered gave", subject: field())
    }

    private static func invalid(_ error: InvalidName, _ field: String) -> Failure {
        Failure(.invalidName, "\(field): \(error)", subject: String(decoding: error.name.utf8.prefix(128), as: UTF8.self))
    }
}

/// How many bytes of events may wait for subscribers that do not read them. Marks count messages, of which one may
/// have a hundred bytes and the next 64 KiB.
///
/// Who is slow, libzmq does not tell; what waits it does, since it gives a message's memory back once the last
/// subscriber has taken it, or is gone. So the bounds are for a stream, however many follow it, and for all.
package struct EventBounds: Hashable, Sendable {
    package var streamBytes = 32 << 20
    package var wholeBytes = 256 << 20
    package init() {}

    /// Beside its bytes, what a waiting message holds.
    static let overhead = 256

    /// - Parameters:
    ///   - stream: what waits of this stream, in bytes.
    ///   - whole: of all.
    ///   - size: of the event.
    func room(stream: Int, whole: Int, for size: Int) -> EventRoom {
        let isRoomy =
            stream + size + Self.overhead <= streamBytes / 4 * 3
            && whole + size + Self.overhead <= wholeBytes / 4 * 3
        if isRoomy { return .whole }
        // What is left is for announcements, some hundred bytes each.
        return stream < streamBytes && whole < wholeBytes ? .announcement : .nothing
    }
}

/// How much of an event may be sent.
package enum EventRoom: Hashable, Sendable {
    case whole
    /// Its revision alone: whoever follows pulls it.
    case announcement
    /// Whoever follows learns of it by the next heartbeat, and pulls it.
    case nothing
}

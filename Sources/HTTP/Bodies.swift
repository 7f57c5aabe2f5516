import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import MembusMCP
import NIOCore
import Synchronization

/// Reads what clients send, within bounds for each and for all together.
final class Bodies: Sendable {
    /// Of all bodies that are being read or answered, with what they take once they are taken apart.
    private static let mostAtOnce = 160 << 20
    /// A body that is too long is read on so far, so that its sender gets to read why.
    private static let mostDropped = 64 << 20
    /// For a whole body to come in.
    private static let patience: Duration = .seconds(60)

    private let held = Mutex(0)

    /// A body counts as held until nobody has it any more.
    struct Body: ~Copyable {
        enum Content: Sendable {
            case whole(Data)
            case refused(Answer)
        }
        let content: Content
        /// See ``MembusMCP/Incoming/weight(of:)``.
        let weight: Int
        private let size: Int
        private let bodies: Bodies

        fileprivate init(_ content: Content, size: Int, weight: Int, _ bodies: Bodies) {
            (self.content, self.size, self.weight, self.bodies) = (content, size, weight, bodies)
        }
        deinit { bodies.give(back: size) }
    }

    func read(_ body: RequestBody, _ channel: any Channel) async throws -> Body {
        var (data, size, held, refusal) = (Data(), 0, 0, nil as Answer?)
        let watchdog = Watchdog(channel, after: Self.patience)
        do {
            for try await piece in body {
                size += piece.readableBytes
                if size > Self.mostDropped {
                    channel.close(promise: nil)
                    break
                }
                if refusal != nil { continue }
                if size > Incoming.largest {
                    refusal = .refused(413, "a message of more than \(Incoming.largest) bytes")
                } else if take(piece.readableBytes) {
                    held += piece.readableBytes
                    piece.withUnsafeReadableBytes { data.append(contentsOf: $0) }
                } else {
                    refusal = Self.busy
                }
                if refusal != nil { data = Data() }
            }
        } catch {
            give(back: held)
            throw error
        }
        _ = consume watchdog
        if let refusal { return Body(.refused(refusal), size: held, weight: 0, self) }
        // What is too heavy is not taken apart.
        let weight = min(Incoming.weight(of: data), Incoming.heaviest)
        guard take(weight) else { return Body(.refused(Self.busy), size: held, weight: 0, self) }
        return Body(.whole(data), size: held + weight, weight: weight, self)
    }

    private func take(_ count: Int) -> Bool {
        held.withLock { held in
            guard held + count <= Self.mostAtOnce else { return false }
            held += count
            return true
        }
    }

    fileprivate func give(back count: Int) { held.withLock { $0 -= count } }

    private static var busy: Answer {
        var answer = Answer.error(503, nil, .busy)
        answer.headers[.retryAfter] = "1"
        return answer
    }
}

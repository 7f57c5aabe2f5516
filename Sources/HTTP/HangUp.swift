import NIOCore

/// Notices that a client has gone while it is being answered: of the stateless era that is how a request is cancelled.
///
/// The end of what a client sends does not tell: it may have said all, and read on. Whether it is there shows when something is
/// written to it.
final class HangUp: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    enum Sign: Sendable {
        /// Nothing more comes from it.
        case silent
        case gone
    }

    private var action: (@Sendable (Sign) -> Void)?
    private var sign: Sign?

    /// Sets what is done when the client of `channel` is silent, and when it goes; `nil`: nothing.
    static func set(_ channel: any Channel, _ action: (@Sendable (Sign) -> Void)?) {
        channel.eventLoop.execute {
            guard let handler = try? channel.pipeline.syncOperations.handler(type: HangUp.self) else { return }
            handler.action = action
            if let sign = handler.sign { handler.tell(sign) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, sign == nil { tell(.silent) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        tell(.gone)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        tell(.gone)
        context.fireErrorCaught(error)
    }

    private func tell(_ sign: Sign) {
        self.sign = sign
        action?(sign)
        if sign == .gone { action = nil }
    }
}

/// Closes the connection of a client that neither sends nor takes anything for too long.
struct Watchdog: ~Copyable {
    private let alarm: Int

    init(_ channel: any Channel, after patience: Duration) {
        alarm = Alarms.shared.add(after: patience) { channel.close(promise: nil) }
    }
    deinit { Alarms.shared.remove(alarm) }
}

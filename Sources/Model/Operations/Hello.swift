/// Who speaks which version of the protocol.
package struct Hello: Operation, Hashable {
    @ByBytes package var agent: String
    package var major: UInt32
    package var minor: UInt32

    package init(agent: String, major: UInt32 = ProtocolVersion.major, minor: UInt32 = ProtocolVersion.minor) {
        self.agent = agent
        self.major = major
        self.minor = minor
    }

    package typealias Answer = Welcome

    package static let traits = Traits("the greeting", .inOrder, whenBusy: .answered)
    package var touches: [Touched] { [] }

    package var body: Request.Body { .hello(self) }
    package static func body(of answer: Answer) -> Reply.Body { .welcome(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .welcome(let answer) = body { answer } else { nil }
    }
}

package struct Welcome: Hashable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    /// ZeroMQ endpoints of the events' socket. A `*`, `0.0.0.0` or `[::]` host stands for the host by which the
    /// client reached the broker.
    package var events: [String]
    package var heartbeat: Duration
    package var limits: Limits
    package var software: String

    package init(
        major: UInt32 = ProtocolVersion.major, minor: UInt32 = ProtocolVersion.minor, events: [String],
        heartbeat: Duration, limits: Limits, software: String
    ) {
        self.major = major
        self.minor = minor
        self.events = events
        self.heartbeat = heartbeat
        self.limits = limits
        self.software = software
    }
}

package enum ProtocolVersion {
    package static let major: UInt32 = 1
    /// Told apart only where what is not known would be lost without a word.
    package static let minor: UInt32 = 1

    /// The minor version from which vectors are taken, with puts and with questions.
    package static let firstWithVectors: UInt32 = 1
}

import MembusModel

extension OpenSession: CodedOperation {
    init(_ message: PBOpenSession, _ limits: Limits) throws(Refusal) {
        if message.agent.isEmpty {
            throw Refusal(
                .invalidArgument, "open_session.agent: it is empty", hint: "name who commits", subject: "agent")
        }
        try Parse.check(name: message.agent, "open_session.agent", limits)
        self.init(agent: message.agent)
    }

    var message: PBOpenSession { .with { $0.agent = agent } }

    static func answer(_ message: PBSession) throws(Refusal) -> SessionID { SessionID(message.session) }
    static func message(of session: SessionID) -> PBSession { .with { $0.session = session.id } }
}

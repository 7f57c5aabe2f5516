import MembusModel

extension CloseSession: CodedOperation {
    init(_ message: PBCloseSession, _ limits: Limits) throws(Refusal) {
        self.init(session: SessionID(message.session))
    }

    var message: PBCloseSession { .with { $0.session = session.id } }

    static func answer(_ message: PBSessionClosed) throws(Refusal) -> Answer { Answer() }
    static func message(of answer: Answer) -> PBSessionClosed { PBSessionClosed() }
}

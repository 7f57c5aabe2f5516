import MembusModel

extension Ping: CodedOperation {
    init(_ message: PBPing, _ limits: Limits) throws(Refusal) { self.init(nonce: message.nonce) }
    var message: PBPing { .with { $0.nonce = nonce } }

    static func answer(_ message: PBPong) throws(Refusal) -> Answer { Answer(clock: message.clockNs) }
    static func message(of answer: Answer) -> PBPong { .with { $0.clockNs = answer.clock } }
}

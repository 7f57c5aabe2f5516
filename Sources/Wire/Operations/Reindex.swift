import MembusModel

extension Reindex: CodedOperation {
    init(_ message: PBReindex, _ limits: Limits) throws(Refusal) { self.init() }
    var message: PBReindex { PBReindex() }

    static func answer(_ message: PBReindexed) throws(Refusal) -> Answer { Answer(versions: message.versions) }
    static func message(of answer: Answer) -> PBReindexed { .with { $0.versions = answer.versions } }
}

extension PBIndexFigures {
    init(_ figures: IndexFigures) {
        self.init()
        revision = figures.revision
        versions = figures.versions
        passages = figures.passages
        bytes = figures.bytes
        model = figures.model ?? ""
        embedded = figures.embedded
        fault = figures.fault ?? ""
        if let making = figures.making { self.making = making }
    }
}

extension IndexFigures {
    init(_ message: PBIndexFigures) {
        self.init(
            revision: message.revision, versions: message.versions, passages: message.passages, bytes: message.bytes,
            model: message.model.isEmpty ? nil : message.model, embedded: message.embedded,
            fault: message.fault.isEmpty ? nil : message.fault, making: message.hasMaking ? message.making : nil)
    }
}

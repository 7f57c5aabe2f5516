import MembusModel

/// An operation with its two messages of `protos/membus/v1`, both ways. A request comes from anybody and is checked; an
/// answer comes from a broker, which is trusted with names, as it has checked them when it took them in.
protocol CodedOperation: Operation {
    associatedtype RequestMessage
    associatedtype AnswerMessage

    /// - Parameter limits: of the broker, for counts.
    init(_ message: RequestMessage, _ limits: Limits) throws(Refusal)
    var message: RequestMessage { get }

    static func answer(_ message: AnswerMessage) throws(Refusal) -> Answer
    static func message(of answer: Answer) -> AnswerMessage
}

import MembusMeaning
import MembusModel

/// What makes vectors of passages and questions: a model in the broker, or one that is asked for them.
package protocol MeaningSource: Sendable {
    /// Which model it is, and where: another one's vectors are not compared with its own.
    var identity: String { get }
    var dimensions: Int { get }
    /// Of WordPiece; `nil`: it is not known how it counts.
    func tokens(in text: String) -> Int?
    /// - Returns: `nil`: the question has no direction.
    /// - Throws: `Refusal`: it can't be had now; ``MeaningIsAwaited``: it is on its way.
    func vector(of question: String) throws -> QuantizedVector?
}

/// A question's vector is being made: whoever asks asks again.
package struct MeaningIsAwaited: Error { package init() {} }

extension MeaningModel: MeaningSource {
    package func tokens(in text: String) -> Int? { tokenCount(text) }
    package func vector(of question: String) -> QuantizedVector? { QuantizedVector(embed(question)) }
}

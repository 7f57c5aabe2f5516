import MembusModel
import MembusStore

extension GetKnowledge: LookedUpInPieces {
    package var read: KnowledgeRead { KnowledgeRead(self) }

    /// What it walks over is told as far as it is there.
    package func heldState(visible: Revision) -> Revision? { nil }
}

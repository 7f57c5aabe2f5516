import MembusModel
import MembusStore

extension GetImpact: LookedUpInPieces {
    package var read: ImpactRead { ImpactRead(self) }

    /// What it walks over is to stay until it is through.
    package func heldState(visible: Revision) -> Revision? {
        ((versions.map(\.revision) + revisions).min() ?? 1) - 1
    }
}

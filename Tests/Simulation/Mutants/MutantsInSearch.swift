import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// Mutants of whoever keeps the index, and asks it.

extension World {
    /// Whether the index may be asked.
    func isReady(_ index: SearchIndex, for needed: Revision) -> Bool {
        (index.indexed.revision >= needed || mutant == .searchedTooEarly)
            && (index.isWhole || mutant == .searchedWithGaps)
    }

    /// What a state is made of.
    func alter(_ layers: inout LayeredState) {
        switch mutant {
        case .searchedBeforeLast: layers.levels[0].upTo = max(0, layers.levels[0].upTo - 1)
        case .searchedPastTheFork:
            for level in layers.levels.indices { layers.levels[level].upTo = layers.at.revision }
        default: break
        }
    }

    /// The file that a process finds.
    /// - Returns: false: it is not to be opened yet.
    func alterFile(_ path: String, for broker: BrokerProcess) throws -> Bool {
        guard mutant == .indexSkipsAfterKill || mutant == .indexOfReplacedHistory else { return true }
        let file = try IndexFile(path)
        let (visible, own) = (broker.core.visible, Int64(bitPattern: broker.lineage.id))
        let known = try file.meta("lineage")
        switch mutant {
        // Where the store is, instead of where it was.
        case .indexSkipsAfterKill where known == own:
            if try file.position.revision < visible.revision { try file.set(visible) }
        case .indexOfReplacedHistory where known != nil:
            let reached = try file.position.revision
            guard reached <= visible.revision else { return false }
            if let here = try broker.reader.position(of: reached, visible: visible.revision) { try file.set(here) }
            try file.set("lineage", own)
        default: break
        }
        return true
    }
}

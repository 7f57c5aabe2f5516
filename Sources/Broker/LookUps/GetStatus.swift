import MembusModel
import MembusStore

extension GetStatus: LookUpAtOnce {
    /// What only the store knows; the core adds what it has counted.
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        let sizes = desk.store.sizes
        var figures = BrokerFigures()
        figures.floor = try desk.reader.floor().revision
        figures.sessions = try desk.reader.sessionCount()
        (figures.tags, figures.tagsBelowFloor) = try desk.reader.tagCounts()
        figures.walBytes = sizes.wal
        figures.storeBytes = sizes.store
        figures.counts = desk.counts.newest
        figures.index = desk.indexed.newest
        figures.heldLog = desk.heldLog.newest
        figures.evictedHistory = desk.evicted.newest
        return figures
    }
}

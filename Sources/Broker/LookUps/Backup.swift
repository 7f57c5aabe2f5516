import MembusModel
import MembusStore

extension Backup: LookUpAtOnce {
    package var isRelease: Bool { done }

    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        guard let backups = desk.backups else { throw Refusal(.storeFailed, "a store in memory can't be backed up") }
        return try backups.page(self, of: desk.reader)
    }
}

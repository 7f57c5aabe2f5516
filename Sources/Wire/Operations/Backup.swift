import MembusModel

extension Backup: CodedOperation {
    init(_ message: PBBackup, _ limits: Limits) throws(Refusal) {
        self.init(id: message.id, offset: try Parse.revision(message.offset, "backup.offset"), done: message.done)
    }

    var message: PBBackup {
        .with {
            $0.id = id
            $0.offset = offset
            $0.done = done
        }
    }

    static func answer(_ message: PBBackupPage) throws(Refusal) -> BackupPage {
        BackupPage(
            id: message.id, totalBytes: try Parse.revision(message.totalBytes, "backup.total_bytes"),
            offset: try Parse.revision(message.offset, "backup.offset"), bytes: message.bytes,
            revision: try Parse.revision(message.revision, "backup.revision"))
    }

    static func message(of page: BackupPage) -> PBBackupPage {
        .with {
            $0.id = page.id
            $0.totalBytes = page.totalBytes
            $0.offset = page.offset
            $0.bytes = page.bytes
            $0.revision = page.revision
        }
    }
}

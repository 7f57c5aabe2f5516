import MembusModel

/// Why the store could not do something. Opening and restoring throw the second half of the kinds; batches
/// of writes the first.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// The batch was refused whole and rolled back; the store goes on.
        case diskFull, readOnly, failed
        /// Another writer's batch does not follow from what is here; nothing was changed.
        case unfitting
        /// A sync failed, or the file is damaged: what is on disk is no longer known. The process must stop.
        case fatal

        /// Another broker holds the data directory.
        case locked
        /// The file was written by a newer version of Membus.
        case newerVersion
        /// The file is not a Membus store.
        case foreign
        /// The file fails its checks.
        case damaged
        /// Something is in the way, or is missing.
        case exists, missing
    }

    package var kind: Kind
    /// What happened, to which thing.
    package var message: String
    /// What to do next.
    package var hint: String

    package init(_ kind: Kind, _ message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    package var isFatal: Bool { kind == .fatal }
    package var description: String { hint.isEmpty ? message : "\(message); \(hint)" }

    /// As the reply to each request of the batch, or to a read.
    package var refusal: Refusal {
        switch kind {
        case .diskFull: Refusal(.diskFull, message)
        default: Refusal(.storeFailed, message)
        }
    }
}

extension StoreError {
    /// Where in a batch's life an error struck: after COMMIT was called, an I/O error leaves open what is
    /// on disk.
    enum Moment { case opening, working, committing }

    init(_ error: any Error, while doing: String, at moment: Moment = .working) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError: self.init(database: error, while: doing, at: moment)
        case is UnexpectedColumn:
            // What no row of ours holds.
            self.init(
                moment == .opening ? .damaged : .fatal, "\(doing) failed: \(error)",
                hint: "the file is damaged: restore a backup")
        default: self.init(.failed, "\(doing) failed: \(error)", hint: "see the broker's log")
        }
    }

    private init(database error: DatabaseError, while doing: String, at moment: Moment) {
        let code = error.extendedCode
        // SQLite has no words of its own for what fails while it copies a file.
        let words = error.message.flatMap { $0 == "not an error" ? nil : "\($0) (SQLite \(code.rawValue))" }
        let told = "\(doing) failed: \(words ?? "SQLite \(code)")"
        switch error.extendedCode {
        case .sync, .directorySync, .corruptFileSystem:
            // After a failed sync the kernel may have dropped the pages and call the next sync a success.
            self.init(.fatal, told, hint: "check the disk; on restart the store recovers to what is on it")
            return
        default: break
        }
        switch error.code {
        case .full:
            self.init(.diskFull, "the disk is full: \(told)", hint: "free space; nothing of the batch was kept")
        case .readOnly:
            self.init(.readOnly, "the store is read-only: \(told)", hint: "make the data directory writable")
        case .permission, .authorization:
            self.init(.readOnly, told, hint: "check the owner and the mode of the data directory")
        case .cannotOpen where moment == .opening:
            self.init(.readOnly, told, hint: "check that the directory exists and may be written to")
        case .notADatabase:
            self.init(
                moment == .opening ? .foreign : .fatal, told,
                hint: "the file is not a Membus store: name another directory, or restore a backup")
        case .corrupt:
            self.init(
                moment == .opening ? .damaged : .fatal, told, hint: "the file is damaged: restore a backup")
        case .inputOutput where moment == .committing:
            self.init(.fatal, told, hint: "check the disk; on restart the store recovers to what is on it")
        case .inputOutput:
            self.init(.failed, told, hint: "check the disk")
        case .busy, .locked:
            self.init(.failed, told, hint: "another process holds the store's file: end it, then try again")
        default:
            self.init(.failed, told, hint: "see the broker's log")
        }
    }
}

import Glibc
import MembusModel
import MembusStore

extension HeldLog {
    /// - Parameters:
    ///   - running: what this process itself reads for.
    ///   - name: of a process, if it can be told.
    init(
        _ held: LogWatch.Held, bytes: Int64, running: [RunningLookUps.Running], own: Int32, now: Instant,
        name: (Int32) -> String?
    ) {
        var processes: Set<Int32> = [own]
        var holders: [Holder] = []
        for (reader, since) in held.readers where processes.insert(reader.process).inserted {
            holders.append(
                Holder(
                    process: reader.process, name: name(reader.process) ?? "a process that cannot be looked at",
                    duration: now - since))
        }
        for lookUp in running where now - lookUp.since >= .seconds(1) {
            holders.append(Holder(process: own, name: lookUp.name, duration: now - lookUp.since))
        }
        self.init(bytes: bytes, duration: now - held.since, holders: holders)
    }

    /// For the broker's log.
    var told: String {
        let who = holders.map {
            "\($0.name.escapingControlCharacters) (process \($0.process), for \($0.duration.components.seconds) s)"
        }
        return
            "the write-ahead log holds \(bytes >> 20) MiB and grows: it cannot be written back, as one state of the "
            + "store is being read all the while by \(who.isEmpty ? "somebody unknown" : who.joined(separator: ", ")); "
            + "let them finish, or end them"
    }
}

/// What the system tells of those who read the store.
enum Processes {
    static func readers(ofLogAt path: String) -> Set<LogReader> {
        var status = stat()
        guard stat(path, &status) == 0, let table = try? String(contentsOfFile: "/proc/locks", encoding: .utf8) else {
            return []
        }
        // As makedev(3) puts them together.
        let device = UInt64(status.st_dev)
        let major = UInt32(truncatingIfNeeded: (device >> 8) & 0xFFF | (device >> 32) & 0xFFFF_F000)
        let minor = UInt32(truncatingIfNeeded: device & 0xFF | (device >> 12) & 0xFFFF_FF00)
        return LockTable.readers(in: table, of: (major: major, minor: minor, number: UInt64(status.st_ino)))
    }

    static func name(of process: Int32) -> String? {
        guard let name = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8) else { return nil }
        return name.hasSuffix("\n") ? String(name.dropLast()) : name
    }
}

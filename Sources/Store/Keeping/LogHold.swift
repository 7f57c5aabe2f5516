import MembusModel

/// Whoever reads one state of a store's file keeps what was written since in the write-ahead log: it grows for as long as
/// they read. What is known of who it is.
package struct LogReader: Hashable, Sendable {
    package var process: Int32
    /// Which of the log's places for readers it holds: 0 is that of one who needs nothing of the log.
    package var place: Int

    package init(process: Int32, place: Int) {
        self.process = process
        self.place = place
    }
}

/// The system's table of locks, as far as it tells who reads a store.
///
/// Readers hold locks in the log's index, the `-shm` file: SQLite's WAL_READ_LOCK(n) is the byte 123 + n, n from 0 to 4.
/// The file is not opened to ask about them: a process that closes a file lets go of all its locks in it, SQLite's too.
package enum LockTable {
    private static let firstReadLock = 123
    private static let readLocks = 5

    /// - Parameters:
    ///   - table: what /proc/locks holds.
    ///   - file: the `-shm` file. File systems that number their devices by themselves have another number in the table
    ///     than anywhere else; then the file's own number has to do.
    package static func readers(
        in table: String, of file: (major: UInt32, minor: UInt32, number: UInt64)
    ) -> Set<LogReader> {
        var exact: Set<LogReader> = []
        var others: Set<LogReader> = []
        for line in table.split(separator: "\n") {
            // 12: POSIX  ADVISORY  READ 4711 fe:00:16269926 124 124
            // Behind the number of one that waits for a lock there is an arrow.
            let words = line.split(separator: " ")
            guard words.count == 8, words[1] == "POSIX", words[3] == "READ", let process = Int32(words[4]),
                let first = Int(words[6]), let last = words[7] == "EOF" ? .max : Int(words[7]), first <= last
            else { continue }
            let place = words[5].split(separator: ":")
            guard place.count == 3, UInt64(place[2]) == file.number else { continue }
            let isExact = UInt32(place[0], radix: 16) == file.major && UInt32(place[1], radix: 16) == file.minor
            for lock in 0..<readLocks where (first...last).contains(firstReadLock + lock) {
                let reader = LogReader(process: process, place: lock)
                if isExact { exact.insert(reader) } else { others.insert(reader) }
            }
        }
        return exact.isEmpty ? others : exact
    }
}

/// Watches the write-ahead log: since when much of it cannot be written back, and who has been reading all the while.
/// Whoever reads for a moment only is not there at the next look; what stays is what is in the way.
package struct LogWatch: Sendable {
    package struct Held: Sendable {
        package var since: Instant
        /// Each with since when it is known to read, the first first.
        package var readers: [(reader: LogReader, since: Instant)]

        package init(since: Instant, readers: [(reader: LogReader, since: Instant)]) {
            self.since = since
            self.readers = readers
        }
    }

    private static let moment: Duration = .seconds(1)
    /// More than this that cannot be written back is no passing matter, in bytes.
    private let largest: Int64
    private var since: Instant?
    private var seen: [LogReader: Instant] = [:]

    package init(largest: Int64) { self.largest = largest }

    /// - Parameters:
    ///   - left: what a checkpoint had to leave in the log, in bytes.
    ///   - readers: looked up only if that is much.
    /// - Returns: `nil`: all is well, or has not been otherwise for long.
    package mutating func look(left: Int64, now: Instant, readers: () -> Set<LogReader>) -> Held? {
        guard left > largest else {
            (since, seen) = (nil, [:])
            return nil
        }
        let since = self.since ?? now
        self.since = since
        let known = seen
        seen = [:]
        for reader in readers() { seen[reader] = known[reader] ?? now }
        guard now - since >= Self.moment else { return nil }
        let staying = seen.filter { now - $0.value >= Self.moment }
        return Held(
            since: since,
            readers: staying.map { (reader: $0.key, since: $0.value) }.sorted {
                ($0.since, $0.reader.process) < ($1.since, $1.reader.process)
            })
    }
}

import MembusModel
import MembusStore
import Testing

@Suite("Who keeps the write-ahead log")
struct LogHoldTests {
    private let file = (major: UInt32(0xfe), minor: UInt32(0), number: UInt64(16_269_926))

    @Test("readers are those with a read lock in the log's index, by the system's table of locks")
    func table() {
        let table = """
            1: FLOCK  ADVISORY  WRITE 390 fe:00:16269926 0 EOF
            2: POSIX  ADVISORY  READ 391 fe:00:16269926 128 128
            3: POSIX  ADVISORY  READ 392 fe:00:16269926 124 124
            3: -> POSIX  ADVISORY  READ 399 fe:00:16269926 124 124
            4: POSIX  ADVISORY  WRITE 393 fe:00:16269926 123 123
            5: POSIX  ADVISORY  READ 394 fe:00:5310676 124 124
            6: POSIX  ADVISORY  READ 395 fe:00:16269926 123 127
            7: POSIX  ADVISORY  READ 396 fd:00:16269926 124 124
            8: OFDLCK ADVISORY  READ -1 fe:00:16269926 124 124
            9: POSIX  ADVISORY  READ 397 fe:00:16269926 127 EOF
            nonsense
            """
        let readers = LockTable.readers(in: table, of: file)
        #expect(
            readers
                == Set(
                    [LogReader(process: 392, place: 1), LogReader(process: 397, place: 4)]
                        + (0..<5).map { LogReader(process: 395, place: $0) }))
        #expect(LockTable.readers(in: "", of: file).isEmpty)
    }

    @Test("where the file system's device has another number in the table, the file's own number counts")
    func otherDevice() {
        let table = "7: POSIX  ADVISORY  READ 396 00:2b:16269926 124 124"
        #expect(LockTable.readers(in: table, of: file) == [LogReader(process: 396, place: 1)])
    }

    @Test("told is who was there at every look, once it has lasted; a log that is written back ends it")
    func watch() {
        var watch = LogWatch(largest: 100)
        let start = Instant(nanoseconds: 1_000_000_000)
        let (old, young) = (LogReader(process: 1, place: 1), LogReader(process: 2, place: 1))
        func look(_ left: Int64, _ time: Int, _ readers: Set<LogReader>) -> [Int32]? {
            watch.look(left: left, now: start + .milliseconds(time)) { readers }?.readers.map(\.reader.process)
        }
        #expect(look(100, 0, [old]) == nil)
        #expect(look(101, 100, [old, young]) == nil)
        #expect(look(200, 700, [old]) == nil)
        #expect(look(200, 1100, [old, young]) == [1])
        #expect(look(200, 2100, [old, young]) == [1, 2])
        #expect(look(200, 2200, []) == [])
        #expect(look(50, 2300, [old]) == nil)
        #expect(look(200, 2400, [old]) == nil)
        #expect(look(200, 3400, [old]) == [1])
    }
}

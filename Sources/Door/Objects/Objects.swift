import CMembus
import Membus
import Synchronization

// What the numbers stand for. Each knows what is to be let go of when it is freed.

protocol DoorObject: AnyObject {
    func letGo()
}

final class MemoryObject: DoorObject, Sendable {
    let memory: Memory
    init(_ memory: Memory) { self.memory = memory }
    /// The connection ends once its views are gone, too.
    func letGo() {}
}

final class ViewObject: DoorObject, Sendable {
    let view: View
    init(_ view: View) { self.view = view }
    func letGo() { view.close() }
}

final class HandleObject: DoorObject, Sendable {
    let handle: Handle
    init(_ handle: Handle) { self.handle = handle }
    func letGo() {}
}

extension DoorCall: DoorObject {
    func letGo() { free() }
}

/// Has one call under way at a time.
final class Turn: Sendable {
    private let isTaken = Atomic<Bool>(false)

    /// - Throws: ``DoorError/occupied(_:)``.
    func take(_ kind: ObjectKind) throws {
        if isTaken.exchange(true, ordering: .acquiringAndReleasing) { throw DoorError.occupied(kind) }
    }
    func giveBack() { isTaken.store(false, ordering: .releasing) }
}

final class TransactionObject: DoorObject, Sendable {
    let run: TransactionRun
    let turn = Turn()
    init(_ run: TransactionRun) { self.run = run }
    func letGo() { run.cancel() }
}

final class WatchObject: DoorObject, Sendable {
    private let reader: WatchReader
    let delivery: Delivery

    init(_ reader: WatchReader) {
        self.reader = reader
        delivery = Delivery(.watch) { [reader] most, tell in reader.next(most: most) { tell($0.map { .changes($0) }) } }
    }
    func letGo() { reader.cancel() }
}

final class ChangesObject: DoorObject, Sendable {
    private let reader: ChangeReader
    let delivery: Delivery

    init(_ reader: ChangeReader) {
        self.reader = reader
        delivery = Delivery(.changes) { [reader] _, tell in reader.next { tell($0.map { .viewChanges($0) }) } }
    }
    func letGo() { reader.cancel() }
}

/// A list of whatever kind, whose pages become answers.
final class ListObject: DoorObject, Sendable {
    private let errand: any Cancellable
    let delivery: Delivery

    init<Element>(_ reader: PageReader<Element>, _ product: @escaping @Sendable (PageReader<Element>.Page) -> Product) {
        errand = reader
        delivery = Delivery(.list) { _, tell in reader.next { tell($0.map(product)) } }
    }
    func letGo() { errand.cancel() }
}

/// Runs `body` on an object of C's.
/// - Returns: its code, or that of the error that it threw.
@inline(__always)
func with<Object: AnyObject>(
    _ number: UInt64, _ kind: ObjectKind, _ type: Object.Type, _ body: (Object) throws -> Int32
) -> Int32 {
    do { return try ObjectTable.shared.use(number, kind, as: type, body) } catch { return LastError.set(error) }
}

/// Begins a call on an object of C's.
func begin<Object: AnyObject>(
    _ number: UInt64, _ kind: ObjectKind, _ type: Object.Type, _ call: UnsafeMutablePointer<membus_call>?,
    cancelled: any Error = CancellationError(), _ body: (Object, DoorCall) throws -> (any Cancellable)?
) -> Int32 {
    with(number, kind, type) { object in DoorCall.begin(call, cancelled: cancelled) { try body(object, $0) } }
}

func beginOnMemory(
    _ number: UInt64, _ call: UnsafeMutablePointer<membus_call>?,
    _ body: (Memory, DoorCall) throws -> (any Cancellable)?
) -> Int32 {
    begin(number, .memory, MemoryObject.self, call) { try body($0.memory, $1) }
}

func beginOnView(
    _ number: UInt64, _ call: UnsafeMutablePointer<membus_call>?, _ body: (View, DoorCall) throws -> (any Cancellable)?
) -> Int32 {
    begin(number, .view, ViewObject.self, call) { try body($0.view, $1) }
}

/// Gives C the number of a new object.
func give(_ object: some DoorObject, _ kind: ObjectKind, _ number: UnsafeMutablePointer<membus_object>?) throws -> Int32
{
    guard let number else { throw DoorError.missing("place for the \(kind.words)") }
    guard let added = ObjectTable.shared.add(object, kind) else { throw DoorError.tooMany }
    number.pointee = added
    return ok
}

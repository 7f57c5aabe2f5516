import CMembus
import Glibc
import Membus

/// The last error that a function returned on this thread. What C sees of it is put together only when it asks: most
/// reads that fail are asked nothing but their code.
final class LastError {
    private var error: any Error
    private var told: (arena: Arena, error: UnsafeMutablePointer<membus_error>)?

    private init(_ error: any Error) { self.error = error }

    /// Its slot in each thread's own memory. The thread's end frees what is there.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key) { if let box = $0 { Unmanaged<LastError>.fromOpaque(box).release() } }
        return key
    }()

    private static var ofThisThread: LastError? {
        pthread_getspecific(key).map { Unmanaged<LastError>.fromOpaque($0).takeUnretainedValue() }
    }

    /// - Returns: the error's code.
    static func set(_ error: any Error) -> Int32 {
        if let last = ofThisThread {
            (last.error, last.told) = (error, nil)
        } else {
            pthread_setspecific(key, Unmanaged.passRetained(LastError(error)).toOpaque())
        }
        return ToldError.code(of: error)
    }

    static var pointer: UnsafePointer<membus_error> {
        guard let last = ofThisThread else { return none }
        if let told = last.told { return UnsafePointer(told.error) }
        let arena = Arena()
        let error = arena.one(arena.error(ToldError(last.error)))
        last.told = (arena, error)
        return UnsafePointer(error)
    }

    /// The same as an object, which the thread's next error leaves as it is.
    static var kept: KeptError? {
        guard let last = ofThisThread else { return nil }
        _ = pointer
        return last.told.map { KeptError($0.arena, $0.error) }
    }

    /// What there is to say where nothing has gone wrong yet.
    // Safe: written once, and never freed.
    nonisolated(unsafe) private static let none: UnsafePointer<membus_error> = {
        let arena = Unmanaged.passRetained(Arena()).takeUnretainedValue()
        return UnsafePointer(arena.one(membus_error()))
    }()
}

/// An error that C looks at for as long as it likes.
final class KeptError: DoorObject, @unchecked Sendable {  // Safe: nobody writes it any more.
    private let arena: Arena
    let pointer: UnsafePointer<membus_error>

    init(_ arena: Arena, _ error: UnsafeMutablePointer<membus_error>) {
        self.arena = arena
        pointer = UnsafePointer(error)
    }
    func letGo() {}
}

extension ToldError {
    /// Without the words, which cost more than most reads.
    static func code(of error: any Error) -> Int32 {
        if let error = error as? MembusError {
            switch error {
            case .notHere: return Int32(MEMBUS_NOT_HERE)
            case .stale: return Int32(MEMBUS_STALE)
            default: break
            }
        }
        return ToldError(error).code
    }
}

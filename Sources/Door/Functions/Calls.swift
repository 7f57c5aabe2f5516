// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus

@c @implementation
public func membus_wait(
    _ call: membus_call, _ timeout: Int64, _ answer: UnsafeMutablePointer<UnsafePointer<membus_answer>?>?
) -> Int32 {
    answer?.pointee = nil
    // Held, not pinned: who waits for long must not keep others from freeing it.
    let waited: DoorCall
    do { waited = try ObjectTable.shared.use(call, .call, as: DoorCall.self) { $0 } } catch {
        return LastError.set(error)
    }
    do {
        switch try waited.wait(milliseconds: timeout) {
        case nil: return Int32(MEMBUS_INTERRUPTED)
        case false?: return Int32(MEMBUS_NOT_DONE)
        case true?: break
        }
        // Who does not look at the answer has none put together.
        guard let answer else {
            try waited.check()
            return ok
        }
        answer.pointee = try waited.answer()
        return ok
    } catch { return LastError.set(error) }
}

@c @implementation
public func membus_call_descriptor(_ call: membus_call, _ descriptor: UnsafeMutablePointer<Int32>?) -> Int32 {
    with(call, .call, DoorCall.self) { call in
        guard let descriptor else { throw DoorError.missing("place for the descriptor") }
        descriptor.pointee = try call.waker().number
        return ok
    }
}

@c @implementation
public func membus_cancel(_ call: membus_call) -> Int32 {
    with(call, .call, DoorCall.self) { call in
        call.cancel()
        return ok
    }
}

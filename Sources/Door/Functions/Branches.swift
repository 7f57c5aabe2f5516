// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus

@c @implementation
public func membus_fork(
    _ memory: membus_memory, _ forking: UnsafePointer<membus_forking>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = forking?.pointee else { throw DoorError.missing("fork") }
        guard let name = try said.name.branch() else {
            throw DoorError.badArgument("the branch has no name", hint: "name it: `name`")
        }
        return object.memory.fork(
            name, from: try said.parent.branch(), at: revision(said.revision), expires: said.expires != 0,
            message: try said.message.string("message"), timeout: try duration(said.timeout_ms)
        ) { receipt in
            call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

@c @implementation
public func membus_change_branch(
    _ memory: membus_memory, _ changing: UnsafePointer<membus_branch_changing>?,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = changing?.pointee else { throw DoorError.missing("change of a branch") }
        guard let name = try said.name.branch() else {
            throw DoorError.badArgument("the branch has no name", hint: "name it: `name`")
        }
        return object.memory.change(
            name, try said.actionOnBranch(), message: try said.message.string("message"),
            timeout: try duration(said.timeout_ms)
        ) { receipt in
            call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

@c @implementation
public func membus_tag(
    _ memory: membus_memory, _ tagging: UnsafePointer<membus_tagging>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = tagging?.pointee else { throw DoorError.missing("tag") }
        let branch = try said.branch.branch() ?? object.memory.branch
        return object.memory.change(
            try said.name.tag(),
            said.remove != 0 ? .delete : .create(branch: branch, at: revision(said.revision)),
            message: try said.message.string("message"), timeout: try duration(said.timeout_ms)
        ) { receipt in
            call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

@c @implementation
public func membus_find_state(
    _ memory: membus_memory, _ name: membus_text, _ branch: membus_text, _ timeout: Int64,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        let name = try name.stateOrMoment()
        let state = StateName(try name.branch ?? branch.branch() ?? memory.branch, name.moment)
        return memory.compare(
            state, state, timeout: try duration(timeout),
            then: call.telling { .state($0.from.branch?.text ?? "", $0.from.revision ?? 0) })
    }
}

extension membus_branch_changing {
    fileprivate func actionOnBranch() throws -> BranchChange.Action {
        switch Int(action) {
        case MEMBUS_CLOSE_BRANCH: .close
        case MEMBUS_REOPEN_BRANCH: .reopen
        case MEMBUS_PROTECT_BRANCH: .protect
        case MEMBUS_UNPROTECT_BRANCH: .unprotect
        case MEMBUS_DELETE_BRANCH: .delete
        default: throw DoorError.unknown(action, "change of a branch")
        }
    }
}

// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus

@c @implementation
public func membus_connect(
    _ connection: UnsafePointer<membus_connection>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    DoorCall.begin(call) { call in
        guard let said = connection?.pointee else { throw DoorError.missing("connection") }
        let agent = try said.agent.string("agent's name")
        if agent.isEmpty { throw DoorError.badArgument("there is no agent's name", hint: "say who writes: `agent`") }
        return Memory.connect(
            to: FoundBroker.find(said: try said.broker.stringIfAny("broker's address"), in: processEnvironment()).url,
            as: agent,
            context: try said.context.string("context"), branch: try said.branch.branch() ?? .main,
            timeout: try duration(said.timeout_ms) ?? .seconds(30), then: call.telling { .memory($0) })
    }
}

@c @implementation
public func membus_memory_context(
    _ memory: membus_memory, _ context: membus_text, _ other: UnsafeMutablePointer<membus_memory>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        try give(MemoryObject(object.memory.context(try context.string("context"))), .memory, other)
    }
}

@c @implementation
public func membus_close(_ memory: membus_memory, _ call: UnsafeMutablePointer<membus_call>?) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        memory.close { call.tell(.success(.nothing)) }
        return nil
    }
}

@c @implementation
public func membus_memory_state(
    _ memory: membus_memory, _ state: UnsafeMutablePointer<Int32>?, _ since: UnsafeMutablePointer<Int64>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        let (phase, lasting) = shown(object.memory.state)
        state?.pointee = phase
        since?.pointee = lasting.wholeMilliseconds
        return ok
    }
}

@c @implementation
public func membus_memory_state_next(
    _ memory: membus_memory, _ known: Int32, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        memory.state(where: { shown($0).phase != known }, then: call.telling { .number(Int64(shown($0).phase)) })
    }
}

private func shown(_ state: ConnectionState) -> (phase: Int32, lasting: Duration) {
    switch state {
    case .connecting: (Int32(MEMBUS_CONNECTING), .zero)
    case .connected: (Int32(MEMBUS_CONNECTED), .zero)
    case .disconnected(let time): (Int32(MEMBUS_DISCONNECTED), time)
    case .withoutEvents(_, let time): (Int32(MEMBUS_WITHOUT_EVENTS), time)
    case .closed: (Int32(MEMBUS_IS_CLOSED), .zero)
    }
}

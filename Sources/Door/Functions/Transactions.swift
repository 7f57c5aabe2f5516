// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus

@c @implementation
public func membus_transaction_begin(
    _ memory: membus_memory, _ transacting: UnsafePointer<membus_transacting>?,
    _ transaction: UnsafeMutablePointer<membus_transaction>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        let said = transacting?.pointee ?? membus_transacting()
        let run = TransactionRun(
            object.memory, message: try said.message.string("message"), branch: try said.branch.branch(),
            retries: Int(said.retries), timeout: try duration(said.timeout_ms))
        return try give(TransactionObject(run), .transaction, transaction)
    }
}

@c @implementation
public func membus_transaction_get(
    _ transaction: membus_transaction, _ keys: UnsafePointer<membus_text>?, _ keyCount: Int, _ isRequired: Int32,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(transaction, .transaction, TransactionObject.self, call) { object, call in
        let keys = try keys.strings(keyCount, "key")
        try object.turn.take(.transaction)
        do {
            return try object.run.get(keys, isRequired: isRequired != 0) { found in
                object.turn.giveBack()
                call.tell(found.map { .records($0, keys) })
            }
        } catch {
            object.turn.giveBack()
            throw error
        }
    }
}

@c @implementation
public func membus_transaction_require(
    _ transaction: membus_transaction, _ precondition: UnsafePointer<membus_precondition>?
) -> Int32 {
    with(transaction, .transaction, TransactionObject.self) { object in
        guard let precondition else { throw DoorError.missing("precondition") }
        object.run.draft.require(try precondition.pointee.precondition())
        return ok
    }
}

@c @implementation
public func membus_transaction_change(
    _ transaction: membus_transaction, _ change: UnsafePointer<membus_change>?
) -> Int32 {
    with(transaction, .transaction, TransactionObject.self) { object in
        guard let change else { throw DoorError.missing("change") }
        try change.pointee.add(to: object.run.draft)
        return ok
    }
}

@c @implementation
public func membus_transaction_vectors(
    _ transaction: membus_transaction, _ key: membus_text, _ space: membus_text, _ values: UnsafePointer<Float>?,
    _ dimensions: Int, _ count: Int
) -> Int32 {
    with(transaction, .transaction, TransactionObject.self) { object in
        guard let values else { throw DoorError.missing("vector") }
        guard 1...Vectors.mostDimensions ~= dimensions, 1...Vectors.most ~= count else {
            throw DoorError.badArgument(
                "\(count) vectors of \(dimensions) dimensions can't be sent",
                hint: "send 1 to \(Vectors.most) of 1 to \(Vectors.mostDimensions) dimensions")
        }
        let numbers = Array(UnsafeBufferPointer(start: values, count: dimensions * count))
        let own = Vectors.Space(try space.string("space"), dimensions: dimensions, values: numbers)
        object.run.draft.attach(own, to: try key.string("key"))
        return ok
    }
}

@c @implementation
public func membus_transaction_commit(
    _ transaction: membus_transaction, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(
        transaction, .transaction, TransactionObject.self, call, cancelled: UnknownOutcome(CancellationError())
    ) { object, call in
        try object.turn.take(.transaction)
        do {
            try object.run.commit { receipt in
                object.turn.giveBack()
                call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
            }
        } catch {
            object.turn.giveBack()
            throw error
        }
        return object.run
    }
}

@c @implementation
public func membus_transaction_rerun(_ transaction: membus_transaction) -> Int32 {
    with(transaction, .transaction, TransactionObject.self) { object in
        try object.turn.take(.transaction)
        defer { object.turn.giveBack() }
        try object.run.runAgain()
        return ok
    }
}

// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus

@c @implementation
public func membus_merge(
    _ memory: membus_memory, _ merging: UnsafePointer<membus_merging>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = merging?.pointee else { throw DoorError.missing("merge") }
        guard let source = try said.source.branch() else {
            throw DoorError.badArgument("the branch to bring in has no name", hint: "name it: `source`")
        }
        return object.memory.merge(
            source, into: try said.target.branch(), at: revision(said.revision),
            resolutions: try said.resolutions.all(said.resolution_count), carriesRules: said.carries_rules != 0,
            parks: said.parks != 0, message: try said.message.string("message"), timeout: try duration(said.timeout_ms)
        ) { outcome in
            call.tell(outcome.map { .merge($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

@c @implementation
public func membus_rollback(
    _ memory: membus_memory, _ rollingBack: UnsafePointer<membus_rolling_back>?,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = rollingBack?.pointee else { throw DoorError.missing("rollback") }
        let topics = try said.topics.strings(said.topic_count, "topic")
        return try object.memory.rollback(
            to: said.revision, topics: topics.isEmpty ? ["/"] : topics, on: try said.branch.branch(),
            message: try said.message.string("message"), timeout: try duration(said.timeout_ms)
        ) { receipt in
            call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

@c @implementation
public func membus_revert(
    _ memory: membus_memory, _ reverting: UnsafePointer<membus_reverting>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        guard let said = reverting?.pointee else { throw DoorError.missing("revert") }
        return object.memory.revert(
            versions: try said.allVersions(), revisions: try said.allRevisions(), of: try said.author(),
            on: try said.branch.branch(), resolutions: try said.resolutions.all(said.resolution_count),
            message: try said.message.string("message"), timeout: try duration(said.timeout_ms)
        ) { receipt in
            call.tell(receipt.map { .transaction($0) }.mapError(UnknownOutcome.ifOpen))
        }
    }
}

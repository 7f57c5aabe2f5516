// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import FoundationEssentials
import Membus
import MembusDocuments

@c @implementation
public func membus_report(
    _ memory: membus_memory, _ report: Int32, _ timeout: Int64, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        let timeout = try duration(timeout)
        switch Int(report) {
        case MEMBUS_STATUS:
            return memory.status(
                timeout: timeout, then: call.telling { .report(.status($0.figures, $0.lineage, $0.instance)) })
        case MEMBUS_BRANCHES:
            return memory.branches(
                timeout: timeout, then: call.telling { .report(.array($0.map { .branch($0) })) })
        case MEMBUS_TAGS:
            return memory.tags(timeout: timeout, then: call.telling { .report(.array($0.map { .tag($0) })) })
        case MEMBUS_LIMITS: return memory.limits(timeout: timeout, then: call.telling { .report(.limits($0)) })
        case MEMBUS_VERIFICATION:
            return memory.verify(timeout: timeout, then: call.telling { .report(.verification($0)) })
        default: throw DoorError.unknown(report, "report")
        }
    }
}

@c @implementation
public func membus_compact(
    _ memory: membus_memory, _ olderThan: Int64, _ below: Int64, _ timeout: Int64,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        memory.compact(
            olderThan: try duration(olderThan), below: revision(below), timeout: try duration(timeout),
            then: call.telling { .number($0) })
    }
}

@c @implementation
public func membus_backup(
    _ memory: membus_memory, _ path: membus_text, _ timeout: Int64, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        try memory.backup(
            to: URL(filePath: try path.string("path")), timeout: try duration(timeout),
            then: call.telling { .number($0) })
    }
}

// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import FoundationEssentials
import Membus

@c @implementation
public func membus_follow(
    _ memory: membus_memory, _ following: UnsafePointer<membus_following>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        guard let said = following?.pointee else { throw DoorError.missing("following") }
        let warm = try said.warm.stringIfAny("warm file's path")
        return try memory.follow(
            try said.topics.strings(said.topic_count, "topic"), mode: try said.streamMode(),
            capacity: said.capacity == 0 ? 256 << 20 : Int(clamping: said.capacity), whenStale: try said.policy(),
            branch: try said.branch.branch(), context: try said.context.stringIfAny("context"),
            warm: warm.map { URL(filePath: $0) }, timeout: try duration(said.timeout_ms),
            then: call.telling { .view($0) })
    }
}

extension membus_following {
    fileprivate func streamMode() throws -> StreamMode {
        switch Int(mode) {
        case MEMBUS_UPDATE: .update
        case MEMBUS_INVALIDATE: .invalidate
        default: throw DoorError.unknown(mode, "mode")
        }
    }

    fileprivate func policy() throws -> WhenStale {
        switch Int(when_stale) {
        case MEMBUS_SERVE: .serve
        case MEMBUS_WAIT: .wait
        case MEMBUS_FAIL: .fail
        default: throw DoorError.unknown(when_stale, "policy for stale views")
        }
    }
}

@c @implementation
public func membus_view_read(
    _ view: membus_view, _ keys: UnsafePointer<membus_text>?, _ keyCount: Int,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnView(view, call) { view, call in
        let keys = try keys.strings(keyCount, "key")
        call.tell(.success(.records(try view.held(keys), keys)))
        return nil
    }
}

@c @implementation
public func membus_view_all(_ view: membus_view, _ call: UnsafeMutablePointer<membus_call>?) -> Int32 {
    beginOnView(view, call) { view, call in
        call.tell(.success(.all(try view.records)))
        return nil
    }
}

@c @implementation
public func membus_view_get(
    _ view: membus_view, _ keys: UnsafePointer<membus_text>?, _ keyCount: Int,
    _ freshness: UnsafePointer<membus_freshness>?, _ timeout: Int64, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnView(view, call) { view, call in
        let keys = try keys.strings(keyCount, "key")
        return try view.get(
            keys, try freshness?.pointee.consistency() ?? .cached, timeout: try duration(timeout),
            then: call.telling { .records($0, keys) })
    }
}

@c @implementation
public func membus_view_await(
    _ view: membus_view, _ freshness: UnsafePointer<membus_freshness>?, _ timeout: Int64,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnView(view, call) { view, call in
        guard let awaited = try freshness?.pointee.awaited() else {
            call.tell(.success(.token(view.token)))
            return nil
        }
        return view.wait(for: awaited, timeout: try duration(timeout), then: call.telling { .token($0) })
    }
}

@c @implementation
public func membus_view_digest(_ view: membus_view, _ call: UnsafeMutablePointer<membus_call>?) -> Int32 {
    beginOnView(view, call) { view, call in
        let (token, digest) = try view.digested()
        call.tell(.success(.digest(token, digest)))
        return nil
    }
}

@c @implementation
public func membus_view_save(
    _ view: membus_view, _ path: membus_text, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnView(view, call) { view, call in
        let file = URL(filePath: try path.string("path"))
        return view.saveWhole(to: file, timeout: nil, then: call.telling { .nothing })
    }
}

@c @implementation
public func membus_view_status(_ view: membus_view, _ state: UnsafeMutablePointer<membus_view_state>?) -> Int32 {
    with(view, .view, ViewObject.self) { object in
        let (standing, token, count) = object.view.standing
        let (phase, stale): (Int, Duration) =
            switch standing {
            case .live: (MEMBUS_VIEW_LIVE, .zero)
            case .stale(let time): (MEMBUS_VIEW_STALE, time)
            case .failed: (MEMBUS_VIEW_FAILED, .zero)
            case .closed: (MEMBUS_VIEW_CLOSED, .zero)
            }
        state?.pointee = membus_view_state(
            phase: Int32(phase), stale_ms: stale.wholeMilliseconds, token: membus_token(token), count: count)
        return ok
    }
}

@c @implementation
public func membus_view_changes(_ view: membus_view, _ changes: UnsafeMutablePointer<membus_changes>?) -> Int32 {
    with(view, .view, ViewObject.self) { object in
        try give(ChangesObject(ChangeReader(object.view.changes)), .changes, changes)
    }
}

@c @implementation
public func membus_changes_next(_ changes: membus_changes, _ call: UnsafeMutablePointer<membus_call>?) -> Int32 {
    begin(changes, .changes, ChangesObject.self, call) { object, call in
        try object.delivery.next(for: call)
        return nil
    }
}

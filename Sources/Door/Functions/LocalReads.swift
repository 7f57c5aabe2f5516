// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Glibc
import Membus

// The hot path: a number looked up, the view's mutex, a key looked up. Nothing is allocated unless C asks for more than
// a value.

@c @implementation
public func membus_view_version(
    _ view: membus_view, _ key: membus_text, _ version: UnsafeMutablePointer<membus_version>?
) -> Int32 {
    with(view, .view, ViewObject.self) { tell(try $0.view.held(key.bytes), version) }
}

@c @implementation
public func membus_view_copy(
    _ view: membus_view, _ key: membus_text, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ version: UnsafeMutablePointer<membus_version>?
) -> Int32 {
    with(view, .view, ViewObject.self) { copy(try $0.view.held(key.bytes), buffer, capacity, version) }
}

@c @implementation
public func membus_view_lend(
    _ view: membus_view, _ key: membus_text, _ take: membus_taker?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    with(view, .view, ViewObject.self) { try lend(try $0.view.held(key.bytes), take, context) }
}

@c @implementation
public func membus_view_lend_all(
    _ view: membus_view, _ keys: UnsafePointer<membus_text>?, _ keyCount: Int, _ take: membus_taker?,
    _ context: UnsafeMutableRawPointer?, _ token: UnsafeMutablePointer<membus_token>?
) -> Int32 {
    with(view, .view, ViewObject.self) { object in
        guard let take else { throw DoorError.missing("function that takes the records") }
        guard let keys, keyCount > 0 else { throw DoorError.missing("key") }
        let texts = UnsafeBufferPointer(start: keys, count: keyCount)
        let (at, held) = try object.view.held(texts.lazy.map(\.bytes))
        token?.pointee = membus_token(at)
        let arena = Arena()
        for (key, held) in zip(texts, held) {
            if let held { lend(held, arena, take, context) } else { lend(nothingUnder: key, take, context) }
        }
        return ok
    }
}

private func lend(nothingUnder key: membus_text, _ take: membus_taker, _ context: UnsafeMutableRawPointer?) {
    var shown = membus_record()
    shown.key = key
    shown.state = Int32(MEMBUS_NONE)
    var version = membus_version()
    take(context, &shown, &version)
}

@c @implementation
public func membus_view_handle(
    _ view: membus_view, _ key: membus_text, _ handle: UnsafeMutablePointer<membus_handle>?
) -> Int32 {
    with(view, .view, ViewObject.self) { object in
        try give(HandleObject(object.view.handle(try key.key())), .handle, handle)
    }
}

@c @implementation
public func membus_view_context(
    _ view: membus_view, _ context: membus_text, _ other: UnsafeMutablePointer<membus_view>?
) -> Int32 {
    with(view, .view, ViewObject.self) { object in
        try give(ViewObject(object.view.context(try context.string("context"))), .view, other)
    }
}

@c @implementation
public func membus_handle_version(_ handle: membus_handle, _ version: UnsafeMutablePointer<membus_version>?) -> Int32 {
    with(handle, .handle, HandleObject.self) { tell(try $0.handle.held(), version) }
}

@c @implementation
public func membus_handle_copy(
    _ handle: membus_handle, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ version: UnsafeMutablePointer<membus_version>?
) -> Int32 {
    with(handle, .handle, HandleObject.self) { copy(try $0.handle.held(), buffer, capacity, version) }
}

@c @implementation
public func membus_handle_lend(
    _ handle: membus_handle, _ take: membus_taker?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    with(handle, .handle, HandleObject.self) { try lend(try $0.handle.held(), take, context) }
}

extension membus_version {
    @inline(__always)
    fileprivate init(_ version: HeldVersion) {
        self.init(
            revision: version.revision, ordinal: version.ordinal, history: version.history, size: version.size)
    }
}

@inline(__always)
private func tell(_ held: (Record, HeldVersion)?, _ version: UnsafeMutablePointer<membus_version>?) -> Int32 {
    guard let held else { return Int32(MEMBUS_ABSENT) }
    version?.pointee = membus_version(held.1)
    return ok
}

private func copy(
    _ held: (Record, HeldVersion)?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ version: UnsafeMutablePointer<membus_version>?
) -> Int32 {
    guard let held else { return Int32(MEMBUS_ABSENT) }
    version?.pointee = membus_version(held.1)
    guard held.1.size <= capacity else { return Int32(MEMBUS_TOO_SMALL) }
    held.0.value?.withUnsafeBytes { value in
        if let buffer, let start = value.baseAddress { memcpy(buffer, start, value.count) }
    }
    return ok
}

/// The value is lent as it lies in the cache's record, which the caller holds meanwhile; the rest is small, and copied.
private func lend(
    _ held: (Record, HeldVersion)?, _ take: membus_taker?, _ context: UnsafeMutableRawPointer?
) throws -> Int32 {
    guard let held else { return Int32(MEMBUS_ABSENT) }
    guard let take else { throw DoorError.missing("function that takes the record") }
    lend(held, Arena(), take, context)
    return ok
}

private func lend(
    _ held: (record: Record, version: HeldVersion), _ arena: Arena, _ take: membus_taker,
    _ context: UnsafeMutableRawPointer?
) {
    guard let value = held.record.value else { return }
    var shown = arena.annotated(held.record)
    var version = membus_version(held.version)
    value.withUnsafeBytes { bytes in
        shown.value = membus_text(data: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), size: bytes.count)
        take(context, &shown, &version)
    }
}

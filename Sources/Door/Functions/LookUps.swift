// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus
import MembusDocuments

@c @implementation
public func membus_get(
    _ memory: membus_memory, _ keys: UnsafePointer<membus_text>?, _ keyCount: Int,
    _ place: UnsafePointer<membus_place>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        let keys = try keys.strings(keyCount, "key")
        let place = place?.pointee ?? membus_place()
        return try memory.get(
            keys, at: revision(place.revision), branch: try place.branch.branch(),
            timeout: try duration(place.timeout_ms), then: call.telling { .records($0, keys) })
    }
}

@c @implementation
public func membus_digest(
    _ memory: membus_memory, _ topics: UnsafePointer<membus_text>?, _ topicCount: Int,
    _ place: UnsafePointer<membus_place>?, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        let place = place?.pointee ?? membus_place()
        return try memory.digest(
            try topics.strings(topicCount, "topic"), at: revision(place.revision), branch: try place.branch.branch(),
            timeout: try duration(place.timeout_ms), then: call.telling { .digest($0.at, $0.digest) })
    }
}

@c @implementation
public func membus_range(
    _ memory: membus_memory, _ listing: UnsafePointer<membus_listing>?, _ list: UnsafeMutablePointer<membus_list>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        guard let said = listing?.pointee else { throw DoorError.missing("listing") }
        let pages = object.memory.range(
            try said.topics.strings(said.topic_count, "topic"), at: revision(said.place.revision),
            keysOnly: said.keys_only != 0, branch: try said.place.branch.branch(),
            pageSize: pageSize(said.page_size, usual: 1000), timeout: try duration(said.place.timeout_ms))
        return try give(ListObject(try pages.reader()) { .page($0) }, .list, list)
    }
}

@c @implementation
public func membus_history(
    _ memory: membus_memory, _ key: membus_text, _ place: UnsafePointer<membus_place>?, _ mostOnPage: Int32,
    _ list: UnsafeMutablePointer<membus_list>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        let place = place?.pointee ?? membus_place()
        let pages = object.memory.history(
            try key.string("key"), before: revision(place.revision), branch: try place.branch.branch(),
            pageSize: pageSize(mostOnPage, usual: 100), timeout: try duration(place.timeout_ms))
        return try give(ListObject(try pages.reader()) { .versions($0) }, .list, list)
    }
}

@c @implementation
public func membus_log(
    _ memory: membus_memory, _ logging: UnsafePointer<membus_logging>?, _ list: UnsafeMutablePointer<membus_list>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        let said = logging?.pointee ?? membus_logging()
        func moment(_ milliseconds: Int64) -> Timestamp? {
            milliseconds == 0 ? nil : Timestamp(milliseconds: milliseconds)
        }
        let pages = try object.memory.log(
            try said.topics.strings(said.topic_count, "topic"), agent: try said.agent.stringIfAny("agent's name"),
            context: try said.context.stringIfAny("context"), since: moment(said.since_ms),
            until: moment(said.until_ms), ascending: said.ascending != 0, branch: try said.branch.branch(),
            values: said.values != 0, pageSize: pageSize(said.page_size, usual: 100),
            timeout: try duration(said.timeout_ms))
        return try give(ListObject(try pages.reader()) { .commits($0) }, .list, list)
    }
}

@c @implementation
public func membus_diff(
    _ memory: membus_memory, _ differing: UnsafePointer<membus_differing>?, _ list: UnsafeMutablePointer<membus_list>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        guard let said = differing?.pointee else { throw DoorError.missing("differing") }
        let topics = try said.topics.strings(said.topic_count, "topic")
        let pages = object.memory.diff(
            from: try said.from.state(), to: try said.to.state(), topics: topics.isEmpty ? ["/"] : topics,
            keysOnly: said.keys_only != 0, pageSize: pageSize(said.page_size, usual: 1000),
            timeout: try duration(said.timeout_ms))
        return try give(ListObject(try pages.reader()) { .differences($0) }, .list, list)
    }
}

@c @implementation
public func membus_compare(
    _ memory: membus_memory, _ from: membus_text, _ to: membus_text, _ timeout: Int64,
    _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    beginOnMemory(memory, call) { memory, call in
        memory.compare(
            try from.state(), try to.state(), timeout: try duration(timeout),
            then: call.telling { .report(.comparison($0)) })
    }
}

@c @implementation
public func membus_list_next(_ list: membus_list, _ call: UnsafeMutablePointer<membus_call>?) -> Int32 {
    begin(list, .list, ListObject.self, call) { object, call in
        try object.delivery.next(for: call)
        return nil
    }
}

@c @implementation
public func membus_watch_begin(
    _ memory: membus_memory, _ watching: UnsafePointer<membus_watching>?, _ watch: UnsafeMutablePointer<membus_watch>?
) -> Int32 {
    with(memory, .memory, MemoryObject.self) { object in
        guard let said = watching?.pointee else { throw DoorError.missing("watching") }
        let topics = try said.topics.strings(said.topic_count, "topic")
        let branch = try said.branch.branch()
        let watched: Watch
        if said.from_now != 0 {
            watched = object.memory.watch(topics, branch: branch)
        } else if said.after.lineage == 0 {
            watched = object.memory.watch(topics, after: said.after.revision, branch: branch)
        } else {
            watched = object.memory.watch(topics, after: said.after.token, branch: branch)
        }
        return try give(WatchObject(try watched.reader()), .watch, watch)
    }
}

@c @implementation
public func membus_watch_next(
    _ watch: membus_watch, _ most: Int32, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(watch, .watch, WatchObject.self, call) { object, call in
        try object.delivery.next(for: call, most: most > 0 ? Int(most) : .max)
        return nil
    }
}

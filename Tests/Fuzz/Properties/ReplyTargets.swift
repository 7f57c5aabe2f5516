import Foundation
import MembusModel
import SwiftProtobuf

@testable import MembusWire

// What a client decodes: replies, and events, bookmarks and heartbeats.

extension FuzzTarget {
    static let reply = FuzzTarget(name: "reply", check: checkReply, seeds: RetrievalSeeds.replies)
    /// The first 16 bytes are the topic's frame.
    static let published = FuzzTarget(name: "published", check: checkPublished)
}

private func checkReply(_ bytes: [UInt8]) throws {
    switch WireCodec.decodeReply(bytes) {
    case .failure(let error): try requireClear(error.description, "reply")
    case .success(let reply):
        let sent = WireCodec.encode(reply)
        let arrived = try WireCodec.decodeReply(sent).get()
        let (before, after) = (PBReply(reply), PBReply(arrived))
        try require(
            try before.serializedBytes(options: inOrder) as [UInt8] == after.serializedBytes(options: inOrder),
            "it changed on the way")
        if let short = CommittedReply.encode(reply) {
            try require(short == (try before.serializedBytes() as [UInt8]), "the short way writes other bytes")
        }
    }
}

private func checkPublished(_ bytes: [UInt8]) throws {
    let topic = [UInt8](bytes.prefix(StreamID.byteCount))
    switch WireCodec.decodePublished(topic: topic, [UInt8](bytes.dropFirst(StreamID.byteCount))) {
    case .failure(let error): try requireClear(error.description, "event")
    case .success(let published):
        try require([UInt8](published.topic.bytes) == topic, "the topic changed")
        let arrived = try WireCodec.decodePublished(topic: published.topic.bytes, WireCodec.encode(published)).get()
        try require(
            try PBPublished(published).serializedBytes(options: inOrder) as [UInt8]
                == PBPublished(arrived).serializedBytes(options: inOrder), "it changed on the way")
        if case .event(let event) = published.content, published.topic != .heartbeat {
            try checkRecords(event.records)
        }
    }
}

/// What is asked of records wherever they are shown or kept must not trap.
private func checkRecords(_ records: [Record]) throws {
    for record in records {
        try require(record.footprint >= 0 && record.size >= 0, "a record of negative size")
        _ = record.announced
    }
}

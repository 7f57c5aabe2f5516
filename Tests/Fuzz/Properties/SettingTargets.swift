import Foundation
import MembusBroker
import MembusModel

@testable import MembusCommand
@testable import MembusStore

// A broker's configuration file; and the packed columns of a store, in case that a file is damaged or comes from
// elsewhere.

extension FuzzTarget {
    static let configuration = FuzzTarget(name: "configuration", check: checkConfiguration, seeds: configurationSeeds)
    static let stored = FuzzTarget(name: "stored", check: checkStored, seeds: storedSeeds)
}

private func checkConfiguration(_ bytes: [UInt8]) throws {
    switch ConfigurationFile.read(Data(bytes), over: Configuration(dataDirectory: "memory")) {
    case .failure(let error):
        try requireClear(error.description, most: 4096 + 8 * bytes.count, "configuration")
    case .success(let read):
        try require(!read.requests.isEmpty && !read.events.isEmpty && !read.dataDirectory.isEmpty, "nowhere to serve")
        try require(read.heartbeat > .zero && read.readers > 0 && read.writesWaiting > 0, "a bound of nothing")
        try require(
            1...Limits.longestKey ~= read.limits.keyBytes && 1...Limits.mostParts ~= read.limits.changesPerTransaction,
            "limits that the store can't keep")
        // What the broker makes of it at its start.
        _ = CoreSettings(read, events: read.events, software: "fuzz")
    }
}

private func checkStored(_ bytes: [UInt8]) throws {
    let data = Data(bytes)
    if let results = try? KeptResults.decode(data) {
        let again = try KeptResults.decode(KeptResults.encode(results))
        try require(KeptResults.encode(again) == KeptResults.encode(results), "kept results changed")
    }
    if let links = try? Annotations.links(data) {
        try require(try Annotations.links(Annotations.encode(links)) == links, "links changed")
    }
    if let attributes = try? Annotations.attributes(data) {
        try require(try Annotations.attributes(Annotations.encode(attributes)) == attributes, "attributes changed")
    }
}

private func configurationSeeds() throws -> [[UInt8]] {
    [
        #"{"dataDirectory":"m","requests":["tcp://127.0.0.1:7401","ipc:///tmp/x"],"events":["tcp://*:7402"],"limits":{"keyBytes":512,"valueBytes":1048576,"changesPerTransaction":100,"transactionBytes":1000,"annotationBytes":1,"messageBytes":2,"nameBytes":3,"keysPerRequest":4,"topicsPerFilter":5},"retention":{"age":"7d","bytes":1000000,"least":"1h"},"heartbeat":"250ms","inlineValueBytes":16384,"eventBytes":65536,"eventMark":4000,"replyMark":4000,"writesWaiting":10,"writeBytesWaiting":10,"readsWaiting":10,"readers":2}"#,
        #"{"requests":["tcp://127.0.0.1:65535"]}"#, #"{"heartbeat":"0s"}"#, #"{"readers":65}"#, #"{}"#,
        #"{"requests":[]}"#,
    ].map { Array($0.utf8) }
}

private func storedSeeds() throws -> [[UInt8]] {
    let at = Position(revision: 7, hash: 9)
    let key = Key(unchecked: "plans/paris")
    let results: [UInt64: KeptResult] = [
        1: KeptResult(fingerprint: 3, result: .committed(at)), 2: KeptResult(fingerprint: 4, result: .held(at)),
        3: KeptResult(fingerprint: 5, result: .conflict([KeptConflict(index: 0, key: key, revision: 3)], at: at)),
        4: KeptResult(fingerprint: 6, result: .refused(Refusal(.wrongKind, "no", hint: "try", subject: "k"))),
    ]
    return [
        KeptResults.encode(results), Annotations.encode(["by": "ada", "n": ""]),
        Annotations.encode([Link(relation: "of", target: key)]),
    ].compactMap { $0.map { [UInt8]($0) } }
}

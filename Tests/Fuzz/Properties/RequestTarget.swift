import Foundation
import MembusModel
import SwiftProtobuf

@testable import MembusWire

// A request's frame, as the broker's bus thread decodes it, and its checks at the edge.

extension FuzzTarget {
    static let request = FuzzTarget(name: "request", check: checkRequest, seeds: RetrievalSeeds.requests)
}

private func checkRequest(_ bytes: [UInt8]) throws {
    let decoded = WireCodec.decodeRequest(bytes)
    let general = bytes.withUnsafeBytes { WireCodec.decodeAnyRequest($0, Limits()) }
    try require(decoded.id == general.id, "ids differ: \(decoded.id), \(general.id)")
    switch (decoded.result, general.result) {
    case (.success(let request), .success(let other)):
        try require(written(request) == written(other), "the two decoders read different requests")
        try checkAccepted(request)
    case (.failure(let failure), .failure): try checkRefusal(failure)
    default: throw Violation("one decoder reads it, the other refuses it")
    }
}

/// What decodes encodes again, to something that decodes to the same.
private func checkAccepted(_ request: Request) throws {
    if case .transact(let transact) = request.body {
        switch transact.work {
        // A refusal has no wire form.
        case .failure(let failure): return try checkRefusal(failure)
        case .success(let work): try checkEdge(work)
        }
    }
    let again = WireCodec.decodeRequest(try WireCodec.encode(request))
    try require(again.id == request.id, "its id changed on the way: \(request.id) is \(again.id)")
    let arrived = try again.result.get()
    try require(written(arrived) == written(request), "it changed on the way")
    if case (.transact(let a), .transact(let b)) = (request.body, arrived.body), case .success(let sent) = a.work,
        case .success(let work) = b.work
    {
        try require(sent.fingerprint == work.fingerprint, "a retry would not be known for the same transaction")
    }
}

/// The broker's checks without the store.
private func checkEdge(_ work: Work) throws {
    var tight = Limits()
    tight.keyBytes = 8
    tight.valueBytes = 16
    tight.changesPerTransaction = 2
    tight.transactionBytes = 64
    tight.annotationBytes = 24
    tight.messageBytes = 8
    tight.nameBytes = 4
    tight.keysPerRequest = 2
    for limits in [Limits(), tight] {
        if let failure = work.shapeRefusal(limits: limits) { try checkRefusal(failure) }
    }
}

func checkRefusal(_ failure: Refusal) throws {
    try requireClear(failure.message, "\(failure.code)")
    try requireClear(failure.hint, "\(failure.code)")
    try require(failure.subject.utf8.count <= 1024, "the subject has \(failure.subject.utf8.count) bytes")
    try require(failure.code.remedy == .fixRequest, "\(failure.code) blames the broker for what the request is")
    try require(
        failure.message == failure.message.escapingControlCharacters,
        "control characters of a stranger: \(failure.message)")
}

/// Bytes that are equal for equal requests, the order of attributes included.
private func written(_ request: Request) -> [UInt8] {
    (try? PBRequest(request).serializedBytes(options: inOrder)) ?? []
}

var inOrder: BinaryEncodingOptions {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    return options
}

import Foundation
import Membus
import MembusDocuments
import MembusWire

@testable import MembusCommand

// JSON that the command line reads: transactions, and the lines of an import.

extension FuzzTarget {
    static let transaction = FuzzTarget(name: "transaction", check: checkTransaction, seeds: transactionSeeds)
    static let importLine = FuzzTarget(name: "import", check: checkImportLine, seeds: importSeeds)
}

/// A error may name what it complains about, which is as long as the input.
private func checkError(_ error: JSONError, _ bytes: [UInt8]) throws {
    try requireClear(error.reason, most: 4096 + 8 * bytes.count, "document")
    try requireClear(error.description, most: 4096 + 8 * bytes.count, "document")
}

private func checkTransaction(_ bytes: [UInt8]) throws {
    switch TransactionDocument.read(Data(bytes)) {
    case .failure(let error): try checkError(error, bytes)
    case .success(let document):
        try checkTravels(document.transaction(branch: .main, context: "run", message: "why"))
        // White space and the order of equal members say nothing.
        let tidy = try JSON(parsing: Data(bytes)).serialised
        let again = try TransactionDocument.read(tidy).get()
        try require(again == document, "without white space it reads differently")
        // One with neither changes nor preconditions an import takes for a record.
        let fields = try JSONNode.document(tidy, limit: .max).fields()
        if fields.has("changes") || fields.has("preconditions") {
            try require(try ImportLine.read(tidy).get() == .transaction(document), "an import reads it differently")
        }
    }
}

/// A transaction that passes the broker's edge arrives there as it was sent.
private func checkTravels(_ transaction: Transaction) throws {
    if let failure = transaction.shapeRefusal(limits: Limits()) { return try checkRefusal(failure) }
    let transact = Transact(
        session: SessionID(1), number: 1, acknowledged: 0, work: .success(.transaction(transaction)))
    let request = Request(id: 1, instance: Instance(1), body: .transact(transact))
    let arrived = try WireCodec.decodeRequest(WireCodec.encode(request)).result.get()
    guard case .transact(let read) = arrived.body else { throw Violation("it arrived as another request") }
    switch read.work {
    case .failure(let failure): try checkRefusal(failure)
    case .success(let work): try require(work == .transaction(transaction), "it changed on the way to the broker")
    }
}

private func checkImportLine(_ bytes: [UInt8]) throws {
    switch ImportLine.read(Data(bytes)) {
    case .failure(let error): try checkError(error, bytes)
    case .success(.transaction(let document)):
        try require(
            try TransactionDocument.read(Data(bytes)).get() == document, "as a transaction it reads differently")
    case .success(.record(let record)):
        try require(record.bytes > 0, "a record of no size")
        var expires: Timestamp?
        if case .at(let moment) = record.put.expiry { expires = moment }
        let stored = Record(
            key: record.key, revision: 7, kind: record.put.kind, content: .inline(record.put.value),
            attributes: record.put.attributes, links: record.put.links, owner: "ada", expires: expires)
        try require(record.equals(stored), "once stored it would be imported again")
        // An empty kind can't be stored; all else comes back from an export.
        let line = Data(JSONValue.record(stored).line.utf8)
        try require(!line.contains(0x0A), "an export would break the line")
        guard case .record(let again) = try ImportLine.read(line).get() else {
            throw Violation("exported it is no record")
        }
        try require(again == record, "it changed by export and import")
        _ = (Human.preview(stored), expires?.shown, record.isExpired(at: Timestamp(milliseconds: 5)))
    }
}

private func transactionSeeds() throws -> [[UInt8]] {
    [
        #"{"branch":"main","context":"trip-42","message":"book","preconditions":[{"at":{"key":"plans/paris","revision":3}},{"absent":"tasks/7"},{"unchanged":{"topic":"plans/","since":3}}],"changes":[{"key":"plans/paris","put":{"value":"night train","kind":"text","attributes":{"by":"ada"},"links":[{"relation":"of","target":"trips/42"}],"expires_after_ms":60000}},{"key":"plans/old","delete":true},{"key":"plans/paris/cost","increment":120},{"key":"plans/paris/notes","append":"booked\n"},{"key":"people/ada","merge_patch":{"city":"Paris","phone":null}}],"reads":[{"key":"people/ada","version":2}]}"#,
        #"{"changes":[{"key":"a","put":{"value_base64":"AAH/","expires_at_ms":1700000000000}},{"key":"b","delete":{}}]}"#,
        #"{"changes":[{"key":"c","put":{"value":{"a":[1,2.50,-1e9,"\u00e9\ud83d\ude00"]},"kind":"json"}},{"key":"n","put":{"value":-5,"kind":"counter"}}]}"#,
        #"{"reads":[{"key":"a","version":9223372036854775807}],"message":"only looked"}"#,
        #"{"changes":[],"changes":[]}"#,
        #"{"preconditions":[{"absent":"a","at":{}}]}"#, #"[]"#, #"{"changs":[]}"#,
    ].map { Array($0.utf8) }
}

private func importSeeds() throws -> [[UInt8]] {
    [
        #"{"key":"plans/paris","revision":3,"ordinal":1,"kind":"text","value":"night train","attributes":{"by":"ada"},"links":[{"relation":"of","target":"trips/42"}],"owner":"ada","expires_ms":1700000000000}"#,
        #"{"key":"a","value_base64":"AAH/","kind":"blob"}"#, #"{"key":"a","value":{"x":[true,false,null]}}"#,
        #"{"key":"n","kind":"counter","value":12,"expires_at_ms":5}"#, #"{"key":"a","deleted":true}"#,
        #"{"key":"a","announced":true,"size":70000}"#, #"{"changes":[{"key":"a","increment":1}]}"#,
        #"{"key":"a","value":"","commit":{"revision":1}}"#, #"{"key":"a"}"#,
    ].map { Array($0.utf8) }
}

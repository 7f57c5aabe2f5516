import Foundation
import MembusDocuments
import MembusModel

@testable import MembusMCP

// What a client of the Model Context Protocol sends, as a line or as a body; and what names things in it.

extension FuzzTarget {
    static let mcp = FuzzTarget(name: "mcp", check: checkMCP, seeds: mcpSeeds)
}

private func checkMCP(_ bytes: [UInt8]) throws {
    let incoming = Incoming(Data(bytes))
    switch incoming {
    case .one(let message): try check(message)
    case .several(let messages):
        try require(!messages.isEmpty && messages.count <= Incoming.longestBatch, "a batch beyond its bounds")
        for message in messages { try check(message) }
    }
    _ = incoming.faultOfHandshake
    if let text = String(validating: bytes, as: UTF8.self) { try checkNames(text) }
    if case .failure(let error) = GraphLine.record(Data(bytes)) {
        try requireClear(error.description, most: 4096 + 8 * bytes.count, "a line of the graph")
    }
}

private func check(_ message: Message) throws {
    try require(message.id == nil || message.isAnswered, "a message with an id that nobody answers")
    switch message {
    case .answer, .notification: break
    case .invalid(let id, let error): try checkWritten(.error(id, error))
    case .request(let id, let method, let params):
        try checkWritten(.error(id, .unknownMethod(method)))
        guard case .success(let meta) = Result(catching: { () throws(ProtocolError) in try RequestMeta(params) }) else {
            break
        }
        // Headers that say what it says are never said to differ.
        let name = params.flatMap { try? told(method, $0) } ?? ""
        let headers = RoutingHeaders(version: meta.version, method: method, name: name)
        if let fault = headers.fault(message), fault.code == -32020 {
            try require(name.hasPrefix("=?base64?"), "headers that fit are refused: \(fault.message)")
        }
    }
}

/// What a client puts into the header, unencoded.
private func told(_ method: String, _ params: JSONNode) throws -> String? {
    var fields = try params.fields()
    return try fields.take(method == "resources/read" ? "uri" : "name")?.string()
}

/// What is answered is JSON, says its id as it came, and is no longer than it has to be.
private func checkWritten(_ outgoing: Outgoing) throws {
    let line = outgoing.json.line
    try require(JSON.fault(in: Data(line.utf8)) == nil, "what it answers is no JSON")
    try require(!line.utf8.contains(0x0A), "what it answers is more than a line")
    guard case .error(let id, let error) = outgoing else { return }
    try requireClear(error.message, "an error of the protocol")
    guard let id else { return }
    let node = try JSONNode.document(Data(line.utf8), limit: .max)
    var fields = try node.fields()
    try require(fields.take("id").flatMap { RequestID($0) } == id, "another id than the request's")
}

private func checkNames(_ text: String) throws {
    if let uri = ResourceURI(text) {
        try require(ResourceURI(uri.text) == uri, "an address that reads differently once it is written")
    }
    if let decoded = RoutingHeaders.decoded(text) {
        try require(decoded.utf8.count <= text.utf8.count, "a header that grows")
    }
    if let key = try? GraphName.key("graph/entities", [text]) {
        try require(key.text.split(separator: "/").count == 3, "a name that is more than one segment")
    }
}

private func mcpSeeds() throws -> [[UInt8]] {
    let meta =
        #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"progressToken":1,"traceparent":"00-1-1-00"}"#
    return [
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"keys":["a"]},\#(meta)}}"#,
        #"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"membus://main/a%20b",\#(meta)}}"#,
        #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"result":{}},3]"#,
        #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#,
        "membus://main/plans/%C3%A9", "=?base64?YQ==?=",
        #"{"type":"entity","name":"Ada","entityType":"person","observations":["likes trains"]}"#,
        #"{"type":"relation","from":"Ada","to":"Paris/Nord","relationType":"starts at"}"#,
    ].map { Array($0.utf8) }
}

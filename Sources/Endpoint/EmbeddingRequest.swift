import MembusModel

/// What is asked of an endpoint in one request.
struct EmbeddingRequest {
    let endpoint: EmbeddingEndpoint
    let texts: ArraySlice<String>

    var headers: [String] {
        // An empty Expect keeps libcurl from waiting for a "100 Continue" that many servers never send.
        ["Content-Type: application/json", "Accept: application/json", "User-Agent: membus", "Expect:"]
            + (endpoint.key.map { ["Authorization: Bearer \($0)"] } ?? [])
    }

    var body: [UInt8] {
        var bytes = Array(#"{"model":"#.utf8)
        Self.write(endpoint.model, to: &bytes)
        bytes += #","encoding_format":"float""#.utf8
        if let dimensions = endpoint.dimensions { bytes += ",\"dimensions\":\(dimensions)".utf8 }
        bytes += #","input":["#.utf8
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            // OpenAI refuses a text of nothing.
            Self.write(text.isEmpty ? " " : text, to: &bytes)
        }
        bytes += "]}".utf8
        return bytes
    }

    /// What a text takes of a request, nearly: escapes come on top.
    static func bytes(of text: String) -> Int { text.utf8.count + 3 }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case ..<0x20: bytes += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

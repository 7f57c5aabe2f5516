import FoundationEssentials
import MembusEndpoint

/// An endpoint that embeds, as the environment names it. It is for those who write no configuration file.
enum EmbeddingSettings {
    static var key: String? { variable("MEMBUS_EMBEDDING_KEY").map(trimmed) }

    /// `nil`: none is named.
    static func endpoint() throws -> EmbeddingEndpoint? {
        guard let url = variable("MEMBUS_EMBEDDING_URL") else { return nil }
        func failed(_ message: String, _ hint: String) -> CommandError {
            CommandError("CONFIGURATION", message, hint: hint, .usage)
        }
        guard let model = variable("MEMBUS_EMBEDDING_MODEL") else {
            throw failed(
                "MEMBUS_EMBEDDING_URL is set, and MEMBUS_EMBEDDING_MODEL is not", "name the model to use there")
        }
        var dimensions: Int?
        if let text = variable("MEMBUS_EMBEDDING_DIMENSIONS") {
            guard let number = Int(text) else {
                throw failed(
                    "MEMBUS_EMBEDDING_DIMENSIONS is no number", "give the vectors' dimensions, or leave it out")
            }
            dimensions = number
        }
        do throws(EndpointSettingError) {
            return try EmbeddingEndpoint(url: url, model: model, dimensions: dimensions, key: key)
        } catch {
            throw failed("MEMBUS_EMBEDDING_URL: \(error.message)", error.hint)
        }
    }

    private static func variable(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment[name]
        return value?.isEmpty ?? true ? nil : value
    }

    /// A file ends in a line break, which is not the key's.
    static func trimmed(_ key: String) -> String {
        String(key.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

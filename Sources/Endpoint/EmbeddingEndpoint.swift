import MembusModel

/// Where vectors come from that others compute: OpenAI's `POST /v1/embeddings`, which many servers speak (Ollama, vLLM,
/// llama.cpp, LiteLLM, Azure's v1). The key is shown nowhere.
package struct EmbeddingEndpoint: Hashable, Sendable {
    /// Dimensions of one vector, at most: twice what the largest models have.
    package static let mostDimensions = 16_384

    /// Where requests go, whole.
    package let url: String
    /// Host, port and path, to be shown: a query may hold what is nobody's business.
    package let place: String
    @ByBytes package private(set) var model: String
    /// `nil`: the model's own.
    package let dimensions: Int?
    package let key: String?

    /// - Parameters:
    ///   - url: The API's base (`https://api.openai.com/v1`), or the whole address, which ends in `/embeddings`. A query
    ///     is kept.
    ///   - dimensions: Asked for with each request, which not every model understands.
    package init(url: String, model: String, dimensions: Int? = nil, key: String? = nil) throws(EndpointSettingError) {
        let address = try EndpointAddress(url)
        (self.url, place) = (address.url, address.place)
        guard !model.isEmpty, model.utf8.count <= 256, model.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw EndpointSettingError(
                "the endpoint's model is \(model.isEmpty ? "empty" : "no model's name")",
                hint: "name a model that the endpoint has, like text-embedding-3-small")
        }
        if let dimensions, !(1...Self.mostDimensions ~= dimensions) {
            throw EndpointSettingError(
                "vectors of \(dimensions) dimensions can't be asked for",
                hint: "give a number from 1 to \(Self.mostDimensions), or none for the model's own")
        }
        if let key, key.isEmpty || !key.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) {
            throw EndpointSettingError(
                "the endpoint's key is \(key.isEmpty ? "empty" : "none: it holds a space, a line break or another character that a header can't carry")",
                hint: "give the key alone, as the endpoint's operator shows it")
        }
        _model = ByBytes(model)
        (self.dimensions, self.key) = (dimensions, key)
    }

    /// Of one identity all vectors can be compared with one another. It holds no key.
    package var identity: String { "\(model) at \(place)" + (dimensions.map { ", \($0) dimensions" } ?? "") }
}

extension EmbeddingEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { identity }
    package var debugDescription: String { identity }
    package var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "place": place, "model": model, "dimensions": dimensions as Any,
                "key": key == nil ? "none" : "not shown",
            ])
    }
}

/// Why there can be no such endpoint.
package struct EndpointSettingError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// What to do next.
    package let hint: String

    init(_ message: String, hint: String) { (self.message, self.hint) = (message, hint) }

    package var description: String { "\(message); \(hint)" }
}

import FoundationEssentials
import Glibc
import Membus
import MembusBroker
import MembusDocuments
import MembusEndpoint
import MembusStore

/// A broker's configuration as JSON. Names are those of ``Configuration``; lengths of time are written as on
/// the command line (`"250ms"`, `"7d"`). Unknown names are refused: a misspelt limit must not pass for none.
enum ConfigurationFile {
    static func read(_ data: Data, over defaults: Configuration) -> Result<Configuration, JSONError> {
        Result { () throws(JSONError) in
            var configuration = defaults
            var fields = try JSONNode.document(data, limit: 1 << 20).fields()
            if let node = fields.take("dataDirectory") { configuration.dataDirectory = try directory(node) }
            if let node = fields.take("insecure") { configuration.isInsecure = try node.bool() }
            if let node = fields.take("requests") {
                configuration.requests = try endpoints(node, .listening)
                configuration.events = configuration.requests.map(events(besides:))
            }
            if let node = fields.take("events") { configuration.events = try endpoints(node, .listening) }
            if let node = fields.take("advertisedEvents") {
                configuration.advertisedEvents = try endpoints(node, .advertised)
            }
            if let node = fields.take("limits") { try limits(node, &configuration.limits) }
            if let node = fields.take("retention") { try retention(node, &configuration.retention) }
            if let node = fields.take("heartbeat") { configuration.heartbeat = try duration(node) }
            if let node = fields.take("idle") { configuration.idle = try duration(node) }
            try set(&configuration.inlineValueBytes, fields.take("inlineValueBytes"))
            try set(&configuration.eventBytes, fields.take("eventBytes"))
            try set(&configuration.eventMark, fields.take("eventMark"))
            try set(&configuration.replyMark, fields.take("replyMark"))
            try set(&configuration.writesWaiting, fields.take("writesWaiting"))
            try set(&configuration.writeBytesWaiting, fields.take("writeBytesWaiting"))
            try set(&configuration.readsWaiting, fields.take("readsWaiting"))
            try set(&configuration.readers, fields.take("readers"), atMost: 64)
            if let node = fields.take("embedding") { configuration.embedding = try embedding(node) }
            try fields.end()
            return configuration
        }
    }

    private static func limits(_ node: JSONNode, _ limits: inout Limits) throws(JSONError) {
        var fields = try node.fields()
        try set(&limits.keyBytes, fields.take("keyBytes"), atMost: Int64(Limits.longestKey))
        try set(&limits.valueBytes, fields.take("valueBytes"))
        try set(&limits.changesPerTransaction, fields.take("changesPerTransaction"), atMost: Int64(Limits.mostParts))
        try set(&limits.transactionBytes, fields.take("transactionBytes"), atMost: Int64(Limits.largestTransaction))
        try set(&limits.annotationBytes, fields.take("annotationBytes"))
        try set(&limits.messageBytes, fields.take("messageBytes"))
        try set(&limits.nameBytes, fields.take("nameBytes"))
        try set(&limits.keysPerRequest, fields.take("keysPerRequest"), atMost: Int64(Limits.mostParts))
        try set(&limits.topicsPerFilter, fields.take("topicsPerFilter"), atMost: Int64(Limits.mostParts))
        try fields.end()
        // What no transaction could hold, and so no message, would be a limit that nothing ever reaches.
        for (name, size) in [
            ("valueBytes", limits.valueBytes), ("annotationBytes", limits.annotationBytes),
            ("messageBytes", limits.messageBytes),
        ] where size > limits.transactionBytes {
            throw node.fault(
                "\(name) is \(size), more than a whole transaction may have (transactionBytes is \(limits.transactionBytes))"
            )
        }
    }

    /// The key stands in a file, or in the environment: a configuration is shown to more people than it should be.
    private static func embedding(_ node: JSONNode) throws(JSONError) -> EmbeddingEndpoint {
        var fields = try node.fields()
        let (url, model) = (try fields.need("url").string(), try fields.need("model").string())
        var dimensions = 0
        try set(&dimensions, fields.take("dimensions"), atMost: Int64(EmbeddingEndpoint.mostDimensions))
        var key = EmbeddingSettings.key
        if let node = fields.take("keyFile") {
            let path = try node.string()
            guard let data = try? LocalFile.read(path, atMost: 1 << 16) else {
                throw node.fault("can't be read: \(path)")
            }
            key = EmbeddingSettings.trimmed(String(decoding: data, as: UTF8.self))
        }
        try fields.end()
        do throws(EndpointSettingError) {
            return try EmbeddingEndpoint(
                url: url, model: model, dimensions: dimensions > 0 ? dimensions : nil, key: key)
        } catch {
            throw node.fault("\(error)")
        }
    }

    private static func retention(_ node: JSONNode, _ retention: inout Retention) throws(JSONError) {
        var fields = try node.fields()
        if let age = fields.take("age") { retention.age = try duration(age) }
        try set(&retention.bytes, fields.take("bytes"))
        if let least = fields.take("least") { retention.least = try duration(least) }
        try set(&retention.notesBytes, fields.take("notesBytes"))
        try fields.end()
    }

    private static func set<N: FixedWidthInteger>(
        _ value: inout N, _ node: JSONNode?, atMost largest: Int64 = 1 << 50
    ) throws(JSONError) {
        guard let node else { return }
        let bound = min(largest, Int64(clamping: N.max))
        let number = try node.integer()
        guard 1...bound ~= number else { throw node.fault("a number from 1 to \(bound) expected") }
        value = N(number)
    }

    private static func duration(_ node: JSONNode) throws(JSONError) -> Duration {
        guard let text = try node.stringIfAny(), let span = Span(parsing: text), span.duration > .zero else {
            throw node.fault("a length of time expected, such as \"250ms\" or \"7d\"")
        }
        return span.duration
    }

    private static func directory(_ node: JSONNode) throws(JSONError) -> String {
        let text = try node.string()
        do { return try LocalPath.directory(text).path } catch { throw node.fault("\(error)") }
    }

    private static func endpoints(_ node: JSONNode, _ role: Endpoint.Role) throws(JSONError) -> [String] {
        let all = try TransactionDocument.list(node) { (element) throws(JSONError) in
            let url = try element.string()
            if let fault = Endpoint.fault(url, role) { throw element.fault(fault) }
            return url
        }
        if all.isEmpty { throw node.fault("at least one endpoint expected") }
        return all
    }

    /// Where events go if only the requests' endpoint is said: the next port, or a file beside.
    static func events(besides endpoint: String) -> String {
        if endpoint.hasPrefix("ipc://") { return endpoint + ".events" }
        guard let colon = endpoint.lastIndex(of: ":"), let port = UInt16(endpoint[endpoint.index(after: colon)...]),
            1..<65_535 ~= port
        else {
            return endpoint.lastIndex(of: ":").map { endpoint[...$0] + "*" } ?? endpoint
        }
        return endpoint[...colon] + String(port + 1)
    }
}

import FoundationEssentials
import MembusModel

/// One line of an import: a record as `membus export` prints it, or a transaction as `membus commit` reads it.
package enum ImportLine: Hashable, Sendable {
    case record(ImportedRecord)
    case transaction(TransactionDocument)

    package static func read(_ data: Data) -> Result<ImportLine, JSONError> {
        Result { () throws(JSONError) in
            let node = try JSONNode.document(data, limit: TransactionDocument.longestLine)
            let fields = try node.fields()
            if fields.has("changes") || fields.has("preconditions") {
                return .transaction(try TransactionDocument(node))
            }
            return .record(try ImportedRecord(fields))
        }
    }
}

/// A record to be put as it stands, unless it is there already.
package struct ImportedRecord: Hashable, Sendable {
    package let key: Key
    package let put: Put

    package init(_ fields: JSONFields) throws(JSONError) {
        var fields = fields
        let node = fields.node
        key = try fields.need("key").key()
        if let deleted = fields.take("deleted"), try deleted.bool() {
            throw deleted.fault("a deletion is no record: use a transaction with \"delete\": true")
        }
        if let announced = fields.take("announced"), try announced.bool() {
            throw announced.fault("the value is not in the line: export with values")
        }
        let hasValue = fields.has("value") || fields.has("value_base64")
        var put = try ChangeDocument.content(&fields)
        let (ms, at) = (fields.take("expires_ms"), fields.take("expires_at_ms"))
        if let ms, at != nil { throw ms.fault("not together with expires_at_ms") }
        if let moment = ms ?? at { put.expiry = .at(try ChangeDocument.moment(moment)) }
        self.put = put
        // What another store told about its version; here it becomes a new one.
        for ignored in ["revision", "ordinal", "owner", "size", "commit"] { _ = fields.take(ignored) }
        // First what is misspelt, then what is missing.
        try fields.end()
        guard hasValue else { throw node.fault("\"value\" or \"value_base64\" is missing") }
    }

    package func isExpired(at now: Timestamp) -> Bool {
        if case .at(let moment) = put.expiry { return moment <= now }
        return false
    }

    /// Whether putting it would change nothing.
    package func equals(_ record: Record) -> Bool {
        var expires: Timestamp?
        if case .at(let moment) = put.expiry { expires = moment }
        return record.value == put.value && record.kind == put.kind && record.attributes == put.attributes
            && record.links.sorted() == put.links.sorted() && record.expires == expires
    }

    /// About what it takes in a request.
    package var bytes: Int { Change(key, .put(put)).requestBytes }
}

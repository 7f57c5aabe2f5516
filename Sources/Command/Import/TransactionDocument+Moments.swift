import MembusDocuments
import MembusModel

extension TransactionDocument {
    /// An import may meet lines whose moment has passed since; who commits now means a time to come.
    func checkMoments(now: Timestamp, in file: String) throws {
        for (index, change) in changes.enumerated() {
            guard case .put(let put) = change.action, case .at(let moment) = put.expiry, moment <= now else { continue }
            throw CommandError(
                "MALFORMED", "\(file): changes[\(index)].put.expires_at_ms: \(moment.milliseconds) is over",
                hint: "name a time to come; nothing was written", .usage)
        }
    }
}

/// Some records as of one revision.
public struct Snapshot: Sendable {
    /// The state that they are of.
    public let token: Token
    /// Those that exist, in the order asked for.
    public let records: [Record]
    /// Keys that were asked for and not read, since there are bytes enough: nothing is known of them.
    package let leftOut: [Key]
    private let places: [Key: Int]

    public var revision: Revision { token.revision }

    /// - Parameter records: deletions are left out.
    package init(token: Token, records: [Record], leftOut: [Key] = []) {
        self.token = token
        self.leftOut = leftOut
        self.records = records.filter { !$0.isDeleted }
        self.places = Dictionary(
            self.records.enumerated().map { ($0.element.key, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    /// `nil`: there was no record, or the key was not asked for.
    public subscript(key: String) -> Record? { self[Key(unchecked: key)] }
    public subscript(key: Key) -> Record? { places[key].map { records[$0] } }
}

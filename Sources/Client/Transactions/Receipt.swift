/// What a transaction became.
public struct Receipt: Hashable, Sendable {
    /// The commit; or, if nothing was to be written, a state in which the preconditions held.
    public let token: Token
    /// Whether there is a commit. A transaction without changes makes none.
    public let isCommitted: Bool
    /// Of a fork below the head: how many of the records that it inherited would expire, and do not on it; `nil`: none.
    public let frozen: FrozenCount?
    public var revision: Revision { token.revision }
    public var position: Position { token.position }

    package init(token: Token, isCommitted: Bool, frozen: FrozenCount? = nil) {
        self.token = token
        self.frozen = frozen
        self.isCommitted = isCommitted
    }
}

/// Who asks, as far as that is known: what the transport proves (nothing yet), else what the request itself names. It
/// is found out by whoever drives the core, and judged by the ``Gate``.
///
/// A session belongs to who opened it, whatever connection its requests come by: libzmq connects again without a word,
/// under a new identity, so a table of connections would say nothing.
package enum Principal: Hashable, Sendable {
    /// The agent of this name, by its own word.
    case agent(ByBytes)
    /// The owner of this session, as the store knows it.
    case owner(of: SessionID)
    case anybody

    /// By the request's own word.
    package init(namedBy body: Request.Body) {
        switch body {
        case .hello(let hello): self = .agent(ByBytes(hello.agent))
        case .openSession(let open): self = .agent(ByBytes(open.agent))
        case .noteReads(let notes): self = .agent(ByBytes(notes.agent))
        case .transact(let transact): self = .owner(of: transact.session)
        case .closeSession(let close): self = .owner(of: close.session)
        case .get, .range, .history, .log, .branches, .status, .register, .ping, .pull, .compact, .backup, .verify,
            .digest, .diff, .impact, .plan, .knowledge, .search, .recall, .links, .query, .reindex:
            self = .anybody
        }
    }
}

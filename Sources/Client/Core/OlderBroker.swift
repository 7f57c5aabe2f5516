// A broker passes over the parts of a request that it does not know: so the protocol grows. Where what was asked for would be lost that
// way without a word, the client looks first at the minor version that it was greeted with.

extension ClientCore {
    /// - Returns: `nil`: the broker takes all of it.
    func refusalByAge(of body: Request.Body) -> Refusal? { body.bringsVectors ? vectorsRefusal : nil }

    /// Of the transactions that wait for a number, gives up those that the broker would lose parts of.
    mutating func refuseByAge() {
        guard let welcome = link.welcome, welcome.minor < ProtocolVersion.firstWithVectors else { return }
        for entry in session.waiting where entry.work.bringsVectors {
            if let refusal = vectorsRefusal { finish(entry.call, .failure(MembusError.refused(refusal))) }
        }
        session.waiting.removeAll { $0.work.bringsVectors }
    }

    private var vectorsRefusal: Refusal? {
        guard let welcome = link.welcome, welcome.minor < ProtocolVersion.firstWithVectors else { return nil }
        return Refusal(
            .unknownRequest,
            "the broker (\(welcome.software.escapingControlCharacters), protocol \(welcome.major).\(welcome.minor)) "
                + "knows no vectors, and would drop them",
            hint: "run a broker of this release, or leave the vectors out", subject: "vectors")
    }
}

extension Request.Body {
    fileprivate var bringsVectors: Bool {
        switch self {
        case .search(let search): search.vector != nil
        case .recall(let recall): recall.vector != nil
        case .plan(let plan): plan.work.bringsVectors
        default: false
        }
    }
}

extension Work {
    fileprivate var bringsVectors: Bool {
        switch self {
        case .transaction(let transaction):
            transaction.changes.contains { if case .put(let put) = $0.action { !put.vectors.isEmpty } else { false } }
        case .merge(let merge): merge.resolutions.bringVectors
        case .revert(let revert): revert.resolutions.bringVectors
        case .pick(let pick): pick.resolutions.bringVectors
        case .fork, .rollback, .quarantine, .branch, .tag: false
        }
    }
}

extension [Resolution] {
    fileprivate var bringVectors: Bool {
        contains { if case .put(let put) = $0.choice { !put.vectors.isEmpty } else { false } }
    }
}

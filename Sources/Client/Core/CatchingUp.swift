// The index may lag behind the commits. Who asks for the newest state that it holds is to find there what this client was told
// is committed; so the request is sent with the revision that the index has to have reached, each time that it is sent.

extension ClientCore {
    /// The request, as it is answered no earlier than this client's own writes of its branch are found.
    func catchingUp(_ body: Request.Body) -> Request.Body {
        switch body {
        case .search(var search) where search.at == nil:
            search.atLeast = max(search.atLeast, written(to: search.branch))
            return .search(search)
        case .recall(var recall) where recall.at == nil:
            recall.atLeast = max(recall.atLeast, written(to: recall.branch))
            return .recall(recall)
        case .links(var links) where links.at == nil:
            links.atLeast = max(links.atLeast, written(to: links.branch))
            return .links(links)
        case .query(var query) where query.at == nil:
            query.atLeast = max(query.atLeast, written(to: query.branch))
            return .query(query)
        default: return body
        }
    }

    /// The newest revision of the branch that this client was told of as acknowledged. What an earlier instance acknowledged
    /// counts as far as the present one has got: an old copy of the store that was put in its place may never get there.
    private func written(to branch: BranchName) -> Revision {
        let inherited = inherited[branch].map { min($0.revision, link.visible) } ?? 0
        return max(inherited, acknowledged[branch]?.revision ?? 0)
    }
}

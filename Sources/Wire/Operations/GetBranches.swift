import MembusModel

extension GetBranches: CodedOperation {
    init(_ message: PBBranches, _ limits: Limits) throws(Refusal) {
        let names: Names
        if !message.tag.isEmpty {
            names = .tag(try Parse.tag(message.tag, "branches.tag"))
        } else if message.tags {
            names = .tags(after: message.after.isEmpty ? nil : try Parse.tag(message.after, "branches.after"))
        } else {
            names = .branches(after: message.after.isEmpty ? nil : try Parse.branch(message.after, "branches.after"))
        }
        self.init(
            names, withFigures: message.figures,
            limit: message.limit == 0 ? nil : Parse.pageSize(message.limit, orElse: 1000))
    }

    var message: PBBranches {
        .with {
            switch names {
            case .branches(let after): $0.after = after?.text ?? ""
            case .tags(let after):
                $0.tags = true
                $0.after = after?.text ?? ""
            case .tag(let name): $0.tag = name.text
            }
            $0.figures = withFigures
            $0.limit = UInt32(clamping: limit ?? 0)
        }
    }

    static func answer(_ message: PBBranchList) throws(Refusal) -> BranchPage {
        BranchPage(
            branches: try message.branches.map { (branch) throws(Refusal) in try BranchInfo(branch) },
            tags: try message.tags.map { (tag) throws(Refusal) in try TagInfo(tag) }, more: message.more)
    }

    static func message(of page: BranchPage) -> PBBranchList {
        .with {
            $0.branches = page.branches.map(PBBranch.init)
            $0.tags = page.tags.map(PBTag.init)
            $0.more = page.more
        }
    }
}

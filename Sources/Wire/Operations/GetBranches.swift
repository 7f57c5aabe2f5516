import MembusModel

extension GetBranches: CodedOperation {
    init(_ message: PBBranches, _ limits: Limits) throws(Refusal) { self.init() }
    var message: PBBranches { PBBranches() }

    static func answer(_ message: PBBranchList) throws(Refusal) -> [BranchInfo] {
        try message.branches.map { (branch) throws(Refusal) in
            BranchInfo(
                name: BranchName(unchecked: branch.name),
                parent: branch.parent.isEmpty ? nil : BranchName(unchecked: branch.parent),
                forkRevision: try Parse.revision(branch.forkRevision, "branch.fork_revision"),
                created: try Parse.revision(branch.created, "branch.created"))
        }
    }

    static func message(of branches: [BranchInfo]) -> PBBranchList {
        .with {
            $0.branches = branches.map { branch in
                .with {
                    $0.name = branch.name.text
                    $0.parent = branch.parent?.text ?? ""
                    $0.forkRevision = branch.forkRevision
                    $0.created = branch.created
                }
            }
        }
    }
}

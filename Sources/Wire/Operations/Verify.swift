import MembusModel

extension Verify: CodedOperation {
    init(_ message: PBVerify, _ limits: Limits) throws(Refusal) { self.init() }
    var message: PBVerify { PBVerify() }

    static func answer(_ message: PBVerification) throws(Refusal) -> Verification {
        Verification(
            revision: try Parse.revision(message.revision, "verification.revision"),
            floor: try Parse.revision(message.floor, "verification.floor"), commits: message.commits,
            changes: message.changes, problems: message.problems)
    }

    static func message(of verification: Verification) -> PBVerification {
        .with {
            $0.revision = verification.revision
            $0.floor = verification.floor
            $0.commits = verification.commits
            $0.changes = verification.changes
            $0.problems = verification.problems
        }
    }
}

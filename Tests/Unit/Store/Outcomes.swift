import MembusModel

@testable import MembusStore

// What an outcome is taken to be, else the test fails.

func conflicts(_ outcome: Outcome) throws -> [MergeConflict] {
    guard case .unsettled(let conflicts, _, _) = outcome else { throw Unexpected("\(outcome)") }
    return conflicts
}

func report(_ outcome: Outcome) throws -> MergeReport {
    guard case .merged(_, let report) = outcome else { throw Unexpected("\(outcome)") }
    return report
}

/// Records by their keys.
package struct Get: Operation, Hashable {
    package var branch: BranchName
    package var keys: [Key]
    /// `nil`: the head. A position with hash 0 is taken by its revision alone.
    package var at: Position?

    package init(branch: BranchName, keys: [Key], at: Position? = nil) {
        self.branch = branch
        self.keys = keys
        self.at = at
    }

    /// The records asked for, in the order of the keys asked for, as of one revision. A key without a record answers as
    /// a deletion (revision 0 if it never had one). If values are large, only a prefix of the keys is answered: ask for
    /// the rest at the same position.
    package struct Answer: Sendable {
        package var at: Position
        package var records: [Record]

        package init(at: Position, records: [Record]) {
            self.at = at
            self.records = records
        }
    }

    package static let traits = Traits("the get", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .keys(keys))] }

    package var body: Request.Body { .get(self) }
    package static func body(of answer: Answer) -> Reply.Body { .records(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .records(let answer) = body { answer } else { nil }
    }
}

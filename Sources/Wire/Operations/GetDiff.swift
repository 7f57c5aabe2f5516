import MembusModel

extension GetDiff: CodedOperation {
    init(_ message: PBGetDiff, _ limits: Limits) throws(Refusal) {
        self.init(
            from: try BranchState(message.from, "diff.from"), to: try BranchState(message.to, "diff.to"),
            filter: try Parse.filter(message.topics, limits),
            cursor: message.hasCursor ? try DiffCursor(message.cursor, "diff.cursor") : nil,
            limit: Parse.pageSize(message.limit, orElse: 1000), keysOnly: message.keysOnly, isSummary: message.summary)
    }

    var message: PBGetDiff {
        .with {
            $0.from = PBBranchState(from)
            $0.to = PBBranchState(to)
            $0.topics = filter.topics.map(\.text)
            if let cursor { $0.cursor = PBDiffCursor(cursor) }
            $0.limit = UInt32(clamping: limit)
            $0.keysOnly = keysOnly
            $0.summary = isSummary
        }
    }

    static func answer(_ message: PBDiffPage) throws(Refusal) -> DiffPage {
        DiffPage(
            from: try Position(message.from, "diff.from"), to: try Position(message.to, "diff.to"),
            fromBranch: message.fromBranch.isEmpty ? nil : try Parse.branch(message.fromBranch, "diff.from_branch"),
            toBranch: message.toBranch.isEmpty ? nil : try Parse.branch(message.toBranch, "diff.to_branch"),
            standing: message.hasStanding ? try Standing(message.standing) : nil,
            differences: try message.differences.map { (message) throws(Refusal) in try Difference(message) },
            next: message.hasNext ? try DiffCursor(message.next, "diff.next") : nil)
    }

    static func message(of page: DiffPage) -> PBDiffPage {
        .with {
            $0.from = PBPosition(page.from)
            $0.to = PBPosition(page.to)
            $0.fromBranch = page.fromBranch?.text ?? ""
            $0.toBranch = page.toBranch?.text ?? ""
            if let standing = page.standing { $0.standing = PBStanding(standing) }
            $0.differences = page.differences.map(PBDifference.init)
            if let next = page.next { $0.next = PBDiffCursor(next) }
        }
    }
}

extension BranchState {
    init(_ message: PBBranchState, _ field: @autoclosure Field) throws(Refusal) {
        let branch = try Parse.branch(message.branch, "\(field()).branch")
        switch message.moment {
        case nil: self.init(branch)
        case .at(let revision): self.init(branch, at: try Parse.revision(revision, "\(field()).at"))
        case .timeMs(let time): self.init(branch, .time(Timestamp(milliseconds: time)))
        case .back(let count): self.init(branch, .back(Int(count)))
        case .tag(let name): self.init(branch, .tag(try Parse.tag(name, "\(field()).tag")))
        }
    }
}

extension PBBranchState {
    fileprivate init(_ state: BranchState) {
        self.init()
        branch = state.branch.text
        switch state.moment {
        case .head: break
        case .revision(let revision): at = revision
        case .time(let time): timeMs = time.milliseconds
        case .back(let count): back = UInt32(clamping: count)
        case .tag(let name): tag = name.text
        }
    }
}

extension DiffCursor {
    fileprivate init(_ message: PBDiffCursor, _ field: @autoclosure Field) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "\(field()).branch"),
            place: try LogCursor(message.place, "\(field()).place"))
    }
}

extension PBDiffCursor {
    fileprivate init(_ cursor: DiffCursor) {
        self.init()
        branch = cursor.branch.text
        place = PBLogCursor(cursor.place)
    }
}

extension Difference {
    fileprivate init(_ message: PBDifference) throws(Refusal) {
        let from = message.hasFrom ? try Parse.record(message.from) : nil
        let to = message.hasTo ? try Parse.record(message.to) : nil
        guard let key = from?.key ?? to?.key, from.map({ $0.key == key }) ?? true, to.map({ $0.key == key }) ?? true
        else { throw Refusal(.malformed, "a difference is of no one key", subject: "diff.differences") }
        self.init(key: key, from: from, to: to)
    }
}

extension PBDifference {
    fileprivate init(_ difference: Difference) {
        self.init()
        if let record = difference.from { from = PBRecord(record) }
        if let record = difference.to { to = PBRecord(record) }
    }
}

extension Standing {
    fileprivate init(_ message: PBStanding) throws(Refusal) {
        self.init(
            common: try message.common.map { (state) throws(Refusal) in try BranchState(state, "diff.standing.common")
            },
            onlyFrom: message.onlyFrom, onlyTo: message.onlyTo)
    }
}

extension PBStanding {
    fileprivate init(_ standing: Standing) {
        self.init()
        common = standing.common.map(PBBranchState.init)
        onlyFrom = standing.onlyFrom
        onlyTo = standing.onlyTo
    }
}

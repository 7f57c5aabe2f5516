import MembusModel

/// `links`: those of the records that the state shows.
final class LinksTable: QueryTable {
    fileprivate enum Column: Int32 { case source, relation, target, revision }

    override var declaration: String {
        "CREATE TABLE links(source TEXT, relation TEXT, target TEXT, revision INTEGER)"
    }

    override func plan(_ question: inout PlanQuestion) {
        question.planRecords(key: Column.source.rawValue, revision: Column.revision.rawValue, isUnique: false)
        let targets = question.take(Column.target.rawValue, as: .target, only: .equal)
        guard !targets.isEmpty, question.cost > Self.costByTarget else { return }
        (question.cost, question.rows, question.isOrdered) = (Self.costByTarget, 20, false)
        question.plan.remove(.byKey)
    }
    private static let costByTarget = 200.0

    override func makeCursor() -> TableCursor { LinksCursor(run) }
}

private final class LinksCursor: ShownCursor {
    private var links: ArraySlice<Link> = []

    override func begin() { links = [] }

    /// Who links to a key the index of links may know. It knows nothing of what lies under `.membus/`, which is looked through.
    override func walk(by bounds: VersionBounds) throws -> (any VersionWalk)? {
        guard bounds.exact == nil, let target = bounds.target, let sources = run.sources(of: target) else { return nil }
        let others = Set(sources).map { Array($0.text.utf8) }.filter { !$0.starts(with: Self.own) }
        let keys = try self.keys ?? KeyWalk(run, withValues: false)
        self.keys = keys
        return ListedWalk(others.map(VersionBounds.init(exactly:)) + [VersionBounds(under: Self.own)], by: keys)
    }
    private var keys: KeyWalk?
    private static let own = Array(".membus/".utf8)

    override func next() throws -> Bool {
        links = links.dropFirst()
        while links.isEmpty {
            guard let walk, try walk.next() else { return false }
            links = try VersionColumns(run: run, row: walk.row).links[...]
        }
        return true
    }

    override var rowNumber: Int64 {
        // Two numbers in one: it is well mixed, so that no two are the same.
        var mixed = UInt64(bitPattern: super.rowNumber) &+ UInt64(links.startIndex) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return Int64(bitPattern: mixed ^ mixed >> 31)
    }

    override func write(_ column: Int32, to result: ResultColumn) throws {
        guard let row = walk?.row, let link = links.first, let column = LinksTable.Column(rawValue: column) else {
            return
        }
        let version = VersionColumns(run: run, row: row)
        switch column {
        case .source: result.write(text: version.key)
        case .relation: result.write(link.relation)
        case .target: result.write(link.target.text)
        case .revision: result.write(version.revision)
        }
    }
}

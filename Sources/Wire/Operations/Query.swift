import MembusModel

extension Query: CodedOperation {
    init(_ message: PBQuery, _ limits: Limits) throws(Refusal) {
        if message.sql.utf8.count > Self.mostBytes {
            throw Refusal(
                .limitExceeded,
                "query.sql: a statement of \(message.sql.utf8.count) bytes is longer than \(Self.mostBytes)",
                hint: "ask for less at a time", subject: "query.sql")
        }
        self.init(
            branch: try Parse.branch(message.branch, "query.branch"),
            at: message.hasAt ? try Parse.revision(message.at, "query.at") : nil, sql: message.sql,
            limit: try Parse.amount(message.limit, orElse: 10_000, most: Self.mostRows, "query.limit"),
            atLeast: try Parse.revision(message.atLeast, "query.at_least"))
    }

    var message: PBQuery {
        .with {
            $0.branch = branch.text
            if let at { $0.at = at }
            $0.sql = sql
            $0.limit = UInt32(clamping: limit)
            $0.atLeast = atLeast
        }
    }

    static func answer(_ message: PBQueryResult) throws(Refusal) -> QueryResult {
        QueryResult(
            at: try Position(message.at, "query.at"), columns: message.columns,
            rows: message.rows.map { $0.cells.map(QueryResult.Cell.init) }, isCut: message.cut)
    }

    static func message(of result: QueryResult) -> PBQueryResult {
        .with {
            $0.at = PBPosition(result.at)
            $0.columns = result.columns
            $0.rows = result.rows.map { row in .with { $0.cells = row.map(PBCell.init) } }
            $0.cut = result.isCut
        }
    }
}

extension QueryResult.Cell {
    fileprivate init(_ message: PBCell) {
        switch message.value {
        case nil: self = .null
        case .integer(let value): self = .integer(value)
        case .real(let value): self = .real(value)
        case .text(let value): self = .text(value)
        case .blob(let value): self = .blob(value)
        }
    }
}

extension PBCell {
    fileprivate init(_ cell: QueryResult.Cell) {
        self.init()
        switch cell {
        case .null: break
        case .integer(let value): integer = value
        case .real(let value): real = value
        case .text(let value): text = value
        case .blob(let value): blob = value
        }
    }
}

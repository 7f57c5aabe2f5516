import MembusModel

extension GetRange: CodedOperation {
    init(_ message: PBRange, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "range.branch"), filter: try Parse.filter(message.topics, limits),
            at: message.hasAt ? try Parse.revision(message.at, "range.at") : nil,
            after: message.after.isEmpty ? nil : try Parse.key(message.after, "range.after"),
            limit: Parse.pageSize(message.limit, orElse: 1000), keysOnly: message.keysOnly,
            continues: message.continues)
    }

    var message: PBRange {
        .with {
            $0.branch = branch.text
            $0.topics = filter.topics.map(\.text)
            if let at { $0.at = at }
            $0.after = after?.text ?? ""
            $0.limit = UInt32(clamping: limit)
            $0.keysOnly = keysOnly
            $0.continues = continues
        }
    }

    static func answer(_ message: PBRangePage) throws(Refusal) -> RangePage {
        RangePage(
            at: try Position(message.at, "range.at"), records: try Parse.records(message.records), more: message.more,
            next: message.next.isEmpty ? nil : try Parse.key(message.next, "range.next"))
    }

    static func message(of page: RangePage) -> PBRangePage {
        .with {
            $0.at = PBPosition(page.at)
            $0.records = page.records.map(PBRecord.init)
            $0.more = page.more
            $0.next = page.next?.text ?? ""
        }
    }
}

import MembusModel

extension Pull: CodedOperation {
    init(_ message: PBPull, _ limits: Limits) throws(Refusal) {
        self.init(
            stream: try Parse.stream(message.stream, "pull.stream"),
            from: message.hasCut ? try Token(message.cut, "pull.cut") : nil,
            atLeast: try Parse.revision(message.atLeast, "pull.at_least"),
            page: message.hasPage ? try PageToken(message.page) : nil)
    }

    var message: PBPull {
        .with {
            $0.stream = stream.bytes
            if let from { $0.cut = PBToken(from) }
            $0.atLeast = atLeast
            if let page { $0.page = PBPageToken(page) }
        }
    }

    static func answer(_ message: PBPage) throws(Refusal) -> PullPage {
        PullPage(
            isSnapshot: message.snapshot, base: try Position(message.base, "page.base"),
            target: try Position(message.target, "page.target"), records: try Parse.records(message.records),
            next: message.hasNext ? try PageToken(message.next) : nil,
            expected: max(0, Int(clamping: message.expected)))
    }

    static func message(of page: PullPage) -> PBPage {
        .with {
            $0.snapshot = page.isSnapshot
            $0.base = PBPosition(page.base)
            $0.target = PBPosition(page.target)
            $0.records = page.records.map(PBRecord.init)
            if let next = page.next { $0.next = PBPageToken(next) }
            $0.expected = Int64(page.expected)
        }
    }
}

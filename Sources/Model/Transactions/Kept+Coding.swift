// A kept outcome's bytes: in the session's row, and in a decided batch.

extension CanonicalEncoder {
    package mutating func kept(_ kept: Kept) {
        switch kept {
        case .committed(let position):
            byte(1)
            self.position(position)
        case .held(let position):
            byte(2)
            self.position(position)
        case .conflict(let conflicts, let position):
            byte(3)
            self.position(position)
            list(conflicts) {
                $0.word(UInt64($1.index))
                $0.string($1.key.text)
                $0.integer($1.revision)
            }
        case .merged(let position, let report):
            byte(report.parked > 0 ? 7 : 5)
            self.position(position)
            integer(report.source)
            for count in [report.written, report.agreed, report.settled] { integer(Int64(count)) }
            if report.parked > 0 { integer(Int64(report.parked)) }
        case .forked(let position, let frozen):
            byte(20)
            self.position(position)
            integer(Int64(frozen.records))
            byte(frozen.isAll ? 1 : 0)
        case .unsettled(let conflicts, let unlisted, let position):
            byte(6)
            self.position(position)
            integer(Int64(unlisted))
            list(conflicts) {
                $0.string($1.key.text)
                $0.string($1.kind.rawValue)
            }
        case .refused(let refusal):
            byte(4)
            integer(Int64(refusal.code.rawValue))
            string(refusal.message)
            string(refusal.hint)
            string(refusal.subject)
        }
    }

    private mutating func position(_ position: Position) {
        integer(position.revision)
        word(position.hash)
    }
}

extension CanonicalDecoder {
    package mutating func kept() throws(Malformed) -> Kept {
        switch try byte() {
        case 1: return .committed(try position())
        case 2: return .held(try position())
        case 3:
            let at = try position()
            var conflicts: [KeptConflict] = []
            for _ in 0..<(try count(least: 24)) { conflicts.append(try conflict()) }
            return .conflict(conflicts, at: at)
        case 4:
            guard let number = Int(exactly: try integer()), let code = Refusal.Code(rawValue: number) else {
                throw Malformed()
            }
            return .refused(Refusal(code, try text(), hint: try text(), subject: try text()))
        case 5: return .merged(try position(), try report(parked: false))
        case 7: return .merged(try position(), try report(parked: true))
        case 6:
            let (position, unlisted) = (try position(), try amount())
            var conflicts: [KeptUnsettled] = []
            for _ in 0..<(try count(least: 16)) {
                let key = Key(unchecked: try text())
                guard let kind = MergeConflictKind(rawValue: try text()) else { throw Malformed() }
                conflicts.append(KeptUnsettled(key: key, kind: kind))
            }
            return .unsettled(conflicts, unlisted: unlisted, at: position)
        case 20:
            let position = try position()
            return .forked(position, FrozenCount(records: try amount(), isAll: try flag()))
        default: throw Malformed()
        }
    }

    private mutating func report(parked: Bool) throws(Malformed) -> MergeReport {
        MergeReport(
            source: try integer(), written: try amount(), agreed: try amount(), settled: try amount(),
            parked: parked ? try amount() : 0)
    }

    private mutating func amount() throws(Malformed) -> Int {
        guard let amount = Int(exactly: try integer()), amount >= 0 else { throw Malformed() }
        return amount
    }

    private mutating func conflict() throws(Malformed) -> KeptConflict {
        guard let index = Int(exactly: try word()) else { throw Malformed() }
        return KeptConflict(index: index, key: Key(unchecked: try text()), revision: try integer())
    }

    private mutating func position() throws(Malformed) -> Position {
        Position(revision: try integer(), hash: try word())
    }
}

import MembusModel

/// Speaks to a session's numbers. An executed number is committed as the revision of the same number.
final class SessionScenario: Machine {
    private var state = SessionState(agent: "ada")

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "number":
            return try take(UInt64(Line.number(try line.word(1))), line)
        case "numbers":
            for number in UInt64(try Line.number(try line.word(1)))...UInt64(try Line.number(try line.word(3))) {
                _ = try take(number, line)
            }
            return ["last is \(state.last), \(state.results.count) results are kept"]
        case "acknowledge":
            state.acknowledge(UInt64(try Line.number(try line.word(1))))
            return ["last is \(state.last), \(state.results.count) results are kept"]
        default: throw Unreadable("a session knows number, numbers and acknowledge")
        }
    }

    private func take(_ number: UInt64, _ line: Line) throws -> [String] {
        let fingerprint = UInt64(try line.number("payload") ?? 7)
        switch state.admit(number: number, fingerprint: fingerprint) {
        case .execute:
            let position = Position(revision: Int64(number), hash: number * 10)
            let kept: Kept = line.has("failing") ? .conflict([], at: position) : .committed(position)
            state.decided(number: number, KeptResult(fingerprint: fingerprint, result: kept))
            return ["execute"]
        case .known(let kept):
            switch kept.result {
            case .committed(let position), .forked(let position, _), .merged(let position, _):
                return ["the same result: committed as \(position.revision)"]
            case .unsettled(_, _, let position): return ["the same result: unsettled at \(position.revision)"]
            case .held(let position): return ["the same result: held at \(position.revision)"]
            case .conflict(_, let position): return ["the same result: failed preconditions at \(position.revision)"]
            case .refused(let failure): return ["the same result: \(failure.code)"]
            }
        case .refuse(let failure): return ["never executed: \(failure.code)"]
        }
    }
}

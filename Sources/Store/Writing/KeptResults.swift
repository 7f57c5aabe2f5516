import Foundation
import MembusModel

// A session's kept results as one blob, so that a group commit writes one row per session rather than one
// per transaction.

extension Kept {
    /// What is stored of a result; `nil` for what leaves the number unused: the request may succeed if it is
    /// sent again.
    init?(_ result: WriteResult, of request: Transact) {
        switch result {
        case .outcome(.committed(let position)): self = .committed(position)
        case .outcome(.held(let position)): self = .held(position)
        case .outcome(.conflict(let failed, let position)):
            self = .conflict(Kept.failures(failed, request), at: position)
        case .refused(let refusal) where refusal.code.remedy == .fixRequest: self = .refused(refusal)
        case .refused, .done: return nil
        }
    }

    private static func failures(_ failed: [FailedPrecondition], _ request: Transact) -> [KeptConflict] {
        guard case .success(.transaction(let transaction)) = request.work else { return [] }
        // Both are in the order of the transaction.
        var rest = failed[...]
        return transaction.preconditions.enumerated().compactMap { index, precondition in
            guard let next = rest.first, next.precondition == precondition else { return nil }
            rest = rest.dropFirst()
            return KeptConflict(index: index, key: next.key, revision: next.revision)
        }
    }
}

extension Batch {
    /// The same answer again. What stood in the way is read back, if it is still kept.
    func answer(_ kept: Kept, again request: Transact) throws -> WriteResult {
        switch kept {
        case .committed(let position): return .outcome(.committed(position))
        case .held(let position): return .outcome(.held(position))
        case .refused(let refusal): return .refused(refusal)
        case .conflict(let failures, let position):
            guard case .success(.transaction(let transaction)) = request.work else {
                return .outcome(.conflict([], at: position))
            }
            return .outcome(.conflict(try failures.compactMap { try restored($0, of: transaction) }, at: position))
        }
    }

    private func restored(_ kept: KeptConflict, of transaction: Transaction) throws -> FailedPrecondition? {
        guard transaction.preconditions.indices.contains(kept.index) else { return nil }
        var current: Record?
        if let branch = writer.state.branches.byName[transaction.branch] {
            let levels = writer.state.branches.levels(of: branch, at: kept.revision)
            let record = try NewestVersion.record(db, kept.key, levels)
            if let record, record.revision == kept.revision, !record.isDeleted { current = record }
        }
        return FailedPrecondition(
            precondition: transaction.preconditions[kept.index], index: kept.index, key: kept.key,
            revision: kept.revision,
            current: current)
    }
}

enum KeptResults {
    static func encode(_ results: [UInt64: KeptResult]) -> Data? {
        if results.isEmpty { return nil }
        var encoder = CanonicalEncoder(capacity: 64 * results.count)
        encoder.word(UInt64(results.count))
        for (number, kept) in results.sorted(by: { $0.key < $1.key }) {
            encoder.word(number)
            encoder.word(kept.fingerprint)
            encode(kept.result, to: &encoder)
        }
        return Data(encoder.bytes)
    }

    private static func encode(_ kept: Kept, to encoder: inout CanonicalEncoder) {
        switch kept {
        case .committed(let position):
            encoder.byte(1)
            encode(position, to: &encoder)
        case .held(let position):
            encoder.byte(2)
            encode(position, to: &encoder)
        case .conflict(let failures, let position):
            encoder.byte(3)
            encode(position, to: &encoder)
            encoder.word(UInt64(failures.count))
            for refusal in failures {
                encoder.word(UInt64(refusal.index))
                encoder.string(refusal.key.text)
                encoder.integer(refusal.revision)
            }
        case .refused(let refusal):
            encoder.byte(4)
            encoder.integer(Int64(refusal.code.rawValue))
            encoder.string(refusal.message)
            encoder.string(refusal.hint)
            encoder.string(refusal.subject)
        }
    }

    private static func encode(_ position: Position, to encoder: inout CanonicalEncoder) {
        encoder.integer(position.revision)
        encoder.word(position.hash)
    }

    static func decode(_ data: Data?) throws -> [UInt64: KeptResult] {
        guard let data else { return [:] }
        var decoder = CanonicalDecoder(data)
        var results: [UInt64: KeptResult] = [:]
        for _ in 0..<(try decoder.count()) {
            let number = try decoder.word()
            let fingerprint = try decoder.word()
            results[number] = KeptResult(fingerprint: fingerprint, result: try decodeKept(&decoder))
        }
        return results
    }

    private static func decodeKept(_ decoder: inout CanonicalDecoder) throws -> Kept {
        switch try decoder.byte() {
        case 1: return .committed(try position(&decoder))
        case 2: return .held(try position(&decoder))
        case 3:
            let at = try position(&decoder)
            let failures = try (0..<decoder.count()).map { _ in
                KeptConflict(
                    index: try index(&decoder), key: Key(unchecked: try decoder.string()),
                    revision: try decoder.integer())
            }
            return .conflict(failures, at: at)
        case 4:
            guard let code = Refusal.Code(rawValue: Int(try decoder.integer())) else {
                throw CanonicalDecoder.Malformed()
            }
            return .refused(
                Refusal(code, try decoder.string(), hint: try decoder.string(), subject: try decoder.string()))
        default: throw CanonicalDecoder.Malformed()
        }
    }

    private static func index(_ decoder: inout CanonicalDecoder) throws -> Int {
        guard let index = Int(exactly: try decoder.word()) else { throw CanonicalDecoder.Malformed() }
        return index
    }

    private static func position(_ decoder: inout CanonicalDecoder) throws -> Position {
        Position(revision: try decoder.integer(), hash: try decoder.word())
    }
}

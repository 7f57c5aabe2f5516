import FoundationEssentials
import MembusModel

// A session's kept results as one blob, so that a group commit writes one row per session rather than one
// per transaction.

extension Kept {
    /// What is stored of a result; `nil` for what leaves the number unused: the request may succeed if it is
    /// sent again.
    init?(_ result: WriteResult, of request: Transact) {
        switch result {
        case .outcome(.committed(let position)): self = .committed(position)
        case .outcome(.forked(let position, let frozen)): self = .forked(position, frozen)
        case .outcome(.held(let position)): self = .held(position)
        case .outcome(.conflict(let failed, let position)):
            self = .conflict(Kept.failures(failed, request), at: position)
        case .outcome(.merged(let position, let report)): self = .merged(position, report)
        case .outcome(.unsettled(let conflicts, let unlisted, let position)):
            self = .unsettled(
                conflicts.map { KeptUnsettled(key: $0.key, kind: $0.kind) }, unlisted: unlisted, at: position)
        case .refused(let refusal) where refusal.code.remedy == .fixRequest: self = .refused(refusal)
        case .refused, .done, .more: return nil
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
        case .forked(let position, let frozen): return .outcome(.forked(position, frozen))
        case .held(let position): return .outcome(.held(position))
        case .refused(let refusal): return .refused(refusal)
        case .merged(let position, let report): return .outcome(.merged(position, report))
        case .unsettled(let conflicts, let unlisted, let position):
            let bare = conflicts.map { MergeConflict(key: $0.key, kind: $0.kind) }
            return .outcome(.unsettled(bare, unlisted: unlisted, at: position))
        case .conflict(let failures, let position):
            guard case .success(.transaction(let transaction)) = request.work else {
                return .outcome(.conflict([], at: position))
            }
            var room = ConflictRoom()
            let failed = try failures.compactMap { (failure) throws -> FailedPrecondition? in
                var failed = try restored(failure, of: transaction)
                if let current = failed?.current, !room.takes(current) { failed?.current = current.announced }
                return failed
            }
            return .outcome(.conflict(failed, at: position))
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

/// How much of what stands in a transaction's way travels with its values; the rest is announced. A thousand conditions on large
/// values would else be answered by gigabytes.
struct ConflictRoom {
    /// As large as one value may be by default: the first travels in any case.
    static let bytes = 4 << 20
    private var left = Self.bytes
    private var isFirst = true

    mutating func takes(_ record: Record) -> Bool {
        guard isFirst || record.size <= left else { return false }
        isFirst = false
        left -= record.size
        return true
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
            encoder.kept(kept.result)
        }
        return Data(encoder.bytes)
    }

    static func decode(_ data: Data?) throws -> [UInt64: KeptResult] {
        guard let data else { return [:] }
        var decoder = CanonicalDecoder(data)
        var results: [UInt64: KeptResult] = [:]
        for _ in 0..<(try decoder.count()) {
            let number = try decoder.word()
            let fingerprint = try decoder.word()
            results[number] = KeptResult(fingerprint: fingerprint, result: try decoder.kept())
        }
        return results
    }
}

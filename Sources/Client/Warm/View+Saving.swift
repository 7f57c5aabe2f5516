import FoundationEssentials

extension View {
    /// Like ``save(to:)``, with the value of every record: those that did not travel to the view are fetched first, as of
    /// the state that is written.
    /// - Parameter timeout: of each fetch; `nil`: the connection's.
    package func saveWhole(to file: URL, timeout: Duration? = nil) async throws {
        // Into the cache, so that the next time only what changed is fetched. The view may move meanwhile.
        for _ in 0..<3 {
            let lacking = try shared.warmFile().lacking
            if lacking.isEmpty { break }
            _ = try await get(lacking.map(\.text), .cached, timeout: timeout)
        }
        for _ in 0..<5 {
            let state = try shared.warmFile()
            if state.lacking.isEmpty { return try state.write(to: file) }
            // It moves faster than values are fetched: this state, whatever comes after it.
            let fetched: KeysInParts.Fetched
            do {
                fetched = try await connection.records(
                    state.lacking, branch: branch, at: state.token.position, connection.deadline(timeout))
            } catch MembusError.refused(let refusal) where [.belowFloor, .historyDiffers].contains(refusal.code) {
                continue
            }
            if fetched.token == state.token { return try state.filled(with: fetched.records).write(to: file) }
        }
        throw MembusError.refused(
            Refusal(.busy, "the state is gone each time before its large values are fetched", hint: "keep more history")
        )
    }
}

extension WarmFile {
    /// Keys whose records are here without their values.
    var lacking: [Key] { records.filter { $0.value == nil }.map(\.key) }

    /// With the values of the same versions.
    func filled(with fetched: [Record]) -> WarmFile {
        let values = Dictionary(fetched.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let records = records.map { record in
            if record.value == nil, let found = values[record.key], found.revision == record.revision {
                found
            } else {
                record
            }
        }
        return WarmFile(branch: branch, filter: filter, token: token, records: records)
    }
}

import MembusModel

/// Loads what the model needs to know to decide a transaction, from the state that all before it left.
struct FactLoader {
    let db: Database
    let state: WriterState
    let branch: Branch
    let unsound: KnownUnsound

    func load(
        _ transaction: Transaction, by author: Author, now: Timestamp, limits: Limits
    ) throws -> Result<Facts, Refusal> {
        let needs = transaction.needs
        var facts = Facts(now: now, agent: author.agent, head: state.head, heads: [:], changed: [:], limits: limits)
        if needs.isEmpty { return .success(facts) }
        let levels = state.branches.levels(of: branch, at: state.head.revision)
        if needs.soundness {
            let shown = ShownState(branch, at: state.head.revision, among: state.branches)
            let soundness = Soundness(db: db, branches: state.branches, state: shown, known: unsound)
            do { facts.unsound = try soundness.unsound(transaction, by: author) } catch let refusal as Refusal {
                return .failure(refusal)
            }
        }
        for (key, withValue) in needs.keys {
            guard levels.last?.isFrozen == true else {
                facts.heads[key] = try NewestVersion.record(db, key, levels, inline: withValue ? .max : -1)
                continue
            }
            for level in levels {
                guard let record = try NewestVersion.record(db, key, [level], inline: withValue ? .max : -1) else {
                    continue
                }
                facts.heads[key] = record
                if level.isFrozen { facts.frozen.insert(key) }
                break
            }
        }
        for (index, topic, since) in needs.topics where since < state.head.revision {
            if let key = try changed(topic, since: since, levels) {
                facts.changed[index] = try NewestVersion.record(db, key, levels)
            } else if since < state.floor {
                // What the floor has passed may have held a deletion that is dropped.
                return .failure(
                    Refusal(
                        .belowFloor,
                        "whether topic \"\(topic)\" changed after revision \(since) is not known: the floor is \(state.floor)",
                        hint: "read the topic again, then name the revision that you read it at", subject: topic.text))
            }
        }
        return .success(facts)
    }

    /// One key of the topic that changed after `since`; on the branch itself, or before the fork.
    private func changed(_ topic: Topic, since: Revision, _ levels: [Level]) throws -> Key? {
        for level in levels where level.upTo > since {
            let range = KeyRange(topic)
            let span: Arguments = [LogCursor.end(of: since).position, LogCursor.end(of: level.upTo).position]
            // Since a recent revision little has changed: look through that first, but not for long.
            var looked = 0
            let recent = try db.rows(
                "SELECT branch, key FROM changes WHERE position > ? AND position <= ? ORDER BY position LIMIT 500", span
            )
            while let row = try recent.next() {
                looked += 1
                guard try row[0] as Int64 == level.branch else { continue }
                let key = Key(unchecked: try row[1])
                if topic.matches(key) { return key }
            }
            if looked < 500 { continue }
            let found = try db.first(
                """
                SELECT key FROM changes INDEXED BY changes_by_key
                WHERE branch = ? AND key >= ? AND key < ? AND position > ? AND position <= ? LIMIT 1
                """, [level.branch, range.from, range.below] + span
            ) { Key(unchecked: try $0[0]) }
            if let found { return found }
        }
        return nil
    }
}

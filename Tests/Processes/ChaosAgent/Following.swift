import Foundation
import Membus
import MembusDice
import MembusRecording
import Synchronization

/// A view, and the tasks that watch it and listen to it.
final class Seat: Sendable {
    let number: UInt64
    let view: View
    private let state = Mutex((isJoined: false, tasks: [Task<Void, Never>]()))

    init(number: UInt64, view: View) {
        self.number = number
        self.view = view
    }

    /// The agent was told that it is complete.
    var isJoined: Bool { state.withLock { $0.isJoined } }
    func joined() { state.withLock { $0.isJoined = true } }
    func keep(_ task: Task<Void, Never>) { state.withLock { $0.tasks.append(task) } }
    func stopWatching() { for task in state.withLock({ $0.tasks }) { task.cancel() } }
}

extension Worker {
    /// The views of the agent's last life, from what it saved; and one more.
    func startViews(_ dice: Dice) async {
        var dice = dice
        let files = (try? FileManager.default.contentsOfDirectory(atPath: options.warm)) ?? []
        for file in files.sorted() where file.hasSuffix(".warm") && !isResting {
            let place = URL(fileURLWithPath: options.warm + "/" + file)
            if dice.chance(70), let warm = try? WarmFile(reading: place) {
                await follow(warm.filter.topics.map(\.text), .update, warm.branch, warm: (place, warm.token), &dice)
            }
            try? FileManager.default.removeItem(at: place)
        }
        // Also at rest: an agent without a view shows nothing.
        while seats.isEmpty { await followAnything(&dice) }
    }

    func manage(_ dice: inout Dice) async {
        let seats = seats
        switch dice.below(10) {
        case 0..<4: if seats.count < 3 { await followAnything(&dice) }
        case 4..<6: if seats.count > 1 { leave(dice.pick(seats)) }
        case 6..<9: save(seats)
        default: if let seat = seats.first { await reopen(seat, &dice) }
        }
    }

    private func followAnything(_ dice: inout Dice) async {
        await follow(
            dice.pick(Profile.topics), dice.chance(70) ? .update : .invalidate, pickBranch(&dice), warm: nil, &dice)
    }

    private func follow(
        _ topics: [String], _ mode: StreamMode, _ branch: BranchName, warm: (file: URL, token: Token)?,
        _ dice: inout Dice
    ) async {
        let number = state.withLock { state in
            state.lastView += 1
            return state.lastView
        }
        recorder.note(
            .following(
                view: number, branch: branch.text, topics: topics, mode: mode.rawValue,
                start: warm.map { "\($0.token)" }))
        do {
            let view = try await memory.follow(
                topics, mode: mode, capacity: mode == .update ? 1 << 24 : profile.cacheBytes,
                whenStale: dice.pick([.serve, .serve, .wait, .fail]), branch: branch, warm: warm?.file,
                timeout: .seconds(15))
            let seat = Seat(number: number, view: view)
            if warm == nil { seat.joined() } else { seat.keep(Task { await awaitJoining(seat) }) }
            seat.keep(Task { await watch(seat) })
            if dice.chance(50) { listen(to: seat) }
            state.withLock { $0.seats.append(seat) }
        } catch {
            failed("follow", error)
            recorder.note(.left(view: number))
        }
    }

    private func awaitJoining(_ seat: Seat) async {
        do {
            try await seat.view.waitUntilLive(timeout: .seconds(120))
            seat.joined()
        } catch { failed("join from a warm file", error) }
    }

    private func leave(_ seat: Seat) {
        state.withLock { state in state.seats.removeAll { $0 === seat } }
        seat.stopWatching()
        recorder.note(.left(view: seat.number))
        seat.view.close()
    }

    // MARK: Warm files

    private func file(of seat: Seat) -> URL {
        URL(fileURLWithPath: "\(options.warm)/\(options.life)-\(seat.number).warm")
    }

    private func save(_ seats: [Seat]) {
        for seat in seats where seat.view.mode == .update {
            do { try seat.view.save(to: file(of: seat)) } catch { failed("save", error) }
        }
    }

    /// Closed and started again from its file, in the same life.
    private func reopen(_ seat: Seat, _ dice: inout Dice) async {
        let place = file(of: seat)
        guard seat.view.mode == .update, (try? seat.view.save(to: place)) != nil,
            let warm = try? WarmFile(reading: place)
        else { return }
        leave(seat)
        await follow(seat.view.topics.topics.map(\.text), .update, seat.view.branch, warm: (place, warm.token), &dice)
    }

    // MARK: Watching

    /// How long what a view says of itself is not judged, after its process did not run for so long.
    ///
    /// A process that was stopped cannot know so before it has looked at the clock, and what lay in its sockets all the
    /// while is heard when it goes on. So a word that it hears on waking may be as old as the gap was long, and silence
    /// shows two seconds later, and maybe two more. The judge allows five: only a gap of more than one second can
    /// make a live view older. After a shorter one the process needs a moment for what piled up.
    private static func blindness(after gap: Int64) -> Int64 {
        if gap > 1_000_000_000 { return 5_000_000_000 }
        return gap > 400_000_000 ? gap : 0
    }

    private func watch(_ seat: Seat) async {
        var (last, wakes, notedAt) = (monotonic(), Int64(0), Int64(0))
        var shown: Token?
        while !Task.isCancelled {
            let now = monotonic()
            wakes = max(wakes, now + Self.blindness(after: now - last))
            last = now
            if note(seat, now, isAwake: now >= wakes, isDue: now - notedAt > 500_000_000, &shown) { notedAt = now }
            try? await Task.sleep(for: .milliseconds(80))
        }
    }

    /// - Returns: whether it was worth a line.
    private func note(_ seat: Seat, _ now: Int64, isAwake: Bool, isDue: Bool, _ shown: inout Token?) -> Bool {
        // How it stands first: what is shown then may only be newer than what it vouched for. And afterwards, since
        // a view that was reset in between had nothing to vouch for.
        let wasLive = seat.view.state == .live
        if seat.view.mode == .update, seat.view.token != shown, let snapshot = try? seat.view.records {
            shown = snapshot.token
            recorder.note(
                .watched(
                    view: seat.number, token: told(snapshot.token), isLive: wasLive, isAwake: isAwake,
                    state: snapshot.records.map(ToldRecord.init)), at: now)
            return true
        }
        let token = seat.view.token
        guard isDue || seat.view.mode == .invalidate && token != shown else { return false }
        // An update view that moves between the two looks is noted with its state the next time.
        if seat.view.mode == .update, token != shown { return false }
        shown = token
        recorder.note(
            .watched(
                view: seat.number, token: told(token), isLive: wasLive && seat.view.state == .live, isAwake: isAwake,
                state: nil), at: now)
        return true
    }

    private func listen(to seat: Seat) {
        seat.keep(
            Task { [recorder] in
                var changes = seat.view.changes.makeAsyncIterator()
                recorder.note(.listening(view: seat.number, from: told(seat.view.token)))
                while let change = await changes.next() { recorder.note(Self.fact(change, of: seat)) }
            })
    }

    private static func fact(_ change: ViewChanges.Element, of seat: Seat) -> RecordedFact {
        switch change {
        case .changed(let key, let revision, _):
            .changed(view: seat.number, key: key.text, revision: revision, isDeleted: false)
        case .deleted(let key, let revision):
            .changed(view: seat.number, key: key.text, revision: revision, isDeleted: true)
        case .everything: .changed(view: seat.number, key: nil, revision: 0, isDeleted: false)
        }
    }
}

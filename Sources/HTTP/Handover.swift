import MembusDocuments

/// Hands messages from those who have something to say to the one who writes it to a client. Whoever gives waits until it
/// is taken, so that a client that does not read holds up what it asked for, and nothing piles up; or until its task is cancelled:
/// what it gives is taken back then.
actor Handover {
    enum Taken: Sendable {
        case message(JSONValue)
        /// There will be no more.
        case closed
        case nothingYet
    }

    private struct Giver {
        let number: Int
        let message: JSONValue
        let taken: CheckedContinuation<Void, Never>
    }
    private var waiting: [Giver] = []
    private var lastGiver = 0
    /// Who waits for what they give to be taken.
    var givers: Int { waiting.count }
    private var taker: CheckedContinuation<Taken, Never>?
    /// Which wait a timer is of.
    private var turn = 0
    /// Who takes. A newer one takes an older one's place, which may not know yet that its client is gone.
    private var reader = 0
    /// Whether the reader is still there is to be found out soon.
    private var isInDoubt = false
    private static let doubt: Duration = .seconds(1)
    private var isClosed = false

    func give(_ message: JSONValue) async {
        if isClosed || Task.isCancelled { return }
        if let taker {
            self.taker = nil
            taker.resume(returning: .message(message))
            return
        }
        lastGiver += 1
        let number = lastGiver
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting.append(Giver(number: number, message: message, taken: $0)) }
        } onCancel: {
            // Comes after the line above, which nothing interrupts.
            Task { await takeBack(number) }
        }
    }

    private func takeBack(_ number: Int) {
        guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: place).taken.resume()
    }

    /// - Returns: what a new reader names itself by; the one before is told that it is over.
    func newReader() -> Int {
        reader += 1
        isInDoubt = false
        tell(.closed)
        return reader
    }

    /// The reader has gone; a newer one stays.
    func dismiss(_ reader: Int) { if reader == self.reader { _ = newReader() } }

    func take(as reader: Int = 0, within patience: Duration) async -> Taken {
        guard reader == self.reader, !isClosed else { return .closed }
        if !waiting.isEmpty {
            let first = waiting.removeFirst()
            first.taken.resume()
            return .message(first.message)
        }
        turn += 1
        let patience = isInDoubt ? min(patience, Self.doubt) : patience
        let alarm = Alarms.shared.add(after: patience) { [turn] in Task { await self.giveUp(turn) } }
        defer { Alarms.shared.remove(alarm) }
        return await withCheckedContinuation { taker = $0 }
    }

    /// That wait, unless it is over.
    private func giveUp(_ turn: Int) { if turn == self.turn { tell(.nothingYet) } }

    /// The reader may have gone: whoever takes is to look after it every second.
    func doubt(_ reader: Int = 0) {
        guard reader == self.reader, !isInDoubt else { return }
        isInDoubt = true
        // Who takes by now has the usual patience still.
        _ = Alarms.shared.add(after: Self.doubt) { [turn] in Task { await self.giveUp(turn) } }
    }

    /// Nothing is taken any more; nobody waits any longer.
    func close() {
        isClosed = true
        tell(.closed)
        for giver in waiting { giver.taken.resume() }
        waiting = []
    }

    private func tell(_ taken: Taken) {
        taker?.resume(returning: taken)
        taker = nil
    }
}

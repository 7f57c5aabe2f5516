// The client: decides what to do about everything that an agent asks for and a broker says. Pure: it has no
// socket, clock or thread; its randomness comes from the seed. A driver carries out what it answers.
//
// A call's way:  call → (welcomed?) → request sent → sent again until answered → [views reach it] → finish
//
// Invariants:
//   1. Every call is finished exactly once: by its answer, its deadline, or its cancellation.
//   2. A request that is safe to repeat is sent again, after growing pauses, until it is answered or its call
//      is gone. Views repeat their own requests.
//   3. Transactions are executed once: see Session for numbers, order and what a refusal means.
//   4. What a reply says about a view's stream reaches the view before whoever waited for the reply.
//   5. Every reply's instance reaches every view. A new instance, and a new request socket, have everything
//      that is unanswered sent again.
//   6. A transaction finishes once every joined view of its branch shows it.
//
// The parts: BrokerLink (greeting, instance, silence), Asking (requests), Calling (calls and deadlines),
// Transacting (the session), Viewing (views), Waiting (freshness), Noting (the record of reads).

struct ClientCore: Sendable {
    let settings: ClientSettings
    var now: Instant
    var random: SeededRandom
    /// What to do, while a step is under way; empty between steps.
    var outputs: [ClientOutput] = []

    var link: BrokerLink
    var asks = AskTable()
    var calls: [CallID: CallState] = [:]
    var nextDeadline: Instant?
    var session = Session()
    var sessionPause: SessionPauses
    var views: [ViewID: ViewEntry] = [:]
    /// The views in the order in which they came, so that equal inputs give equal outputs.
    var viewOrder: [ViewID] = []
    var streams: [StreamID: [ViewID]] = [:]
    var ownWrites: [BranchName: [OwnWrite]] = [:]
    /// The newest state of each branch that this client was told of as an acknowledgement.
    var acknowledged: [BranchName: Token] = [:]
    /// The same of the broker's earlier instances. It stands unless an old copy of the store was put in its place:
    /// then the first view that is reset tells.
    var inherited: [BranchName: Token] = [:]
    var notes = Notes()

    init(settings: ClientSettings, seed: UInt64, now: Instant) {
        self.settings = settings
        self.now = now
        random = SeededRandom(seed: seed)
        link = BrokerLink(now: now)
        sessionPause = SessionPauses(settings)
    }

    /// Takes what happened at `now` and answers what to do, in order.
    mutating func step(_ input: ClientInput, now: Instant) -> [ClientOutput] {
        var outputs: [ClientOutput] = []
        step(input, now: now, into: &outputs)
        return outputs
    }

    /// The same without an array for each step: appends to `outputs`.
    mutating func step(_ input: ClientInput, now: Instant, into outputs: inout [ClientOutput]) {
        self.now = max(now, self.now)
        swap(&self.outputs, &outputs)
        defer { swap(&self.outputs, &outputs) }
        take(input)
        pump()
    }

    private mutating func take(_ input: ClientInput) {
        switch input {
        case .started: greet()
        case .reply(let reply): take(reply)
        case .published(let published): take(published)
        case .call(let id, let call, let deadline): take(call, id, deadline: deadline)
        case .cancel(let id): cancel(id)
        case .follow(let id, let follow): join(id, follow)
        case .unfollow(let id): leave(id)
        case .noted(let reads, let dropped): note(reads, dropped: dropped)
        case .read(let reads, let dropped): note(reads, dropped: dropped, isDue: false)
        case .leaving(let reads, let dropped):
            notes.isLast = true
            notes.uncarryAll()
            note(reads, dropped: dropped)
            closeSession()
        case .tick: tick()
        }
    }

    private mutating func tick() {
        expireCalls()
        mindLink()
        sendDueAsks()
        mindSession()
        tickViews()
        sendNotes()
    }

    /// Send ``ClientInput/tick`` at this moment, if not before.
    var wakeAt: Instant {
        var wake = now + .milliseconds(50)
        if let due = session.resendAt { wake = min(wake, due) }
        for id in viewOrder { if let due = views[id]?.machine.wakeAt { wake = min(wake, due) } }
        return wake
    }
}

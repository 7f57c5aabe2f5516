import Foundation
import Testing

@testable import Membus

@Suite("What a watch hears of its signal")
struct SignalTests {
    private let signal = ViewID(number: 1)

    /// A signal that is live at 10, where the log of the same broker was read up to `after`.
    private func waiting(after revision: Revision = 10, as instance: Instance? = nil) -> CoreHand {
        var hand = CoreHand()
        let filter = TopicFilter([Topic(unchecked: "a/")])
        hand.step(.follow(signal, Follow(branch: .main, filter: filter, mode: .invalidate, isSignal: true)))
        hand.serveViews()
        hand.call(1, .reach(signal, .changed(after: revision, asOf: instance ?? hand.instance)))
        return hand
    }

    /// Heartbeats on which the stream is not listed, up to here.
    private func beats(_ hand: inout CoreHand, to revision: Revision) {
        hand.visible = at(revision)
        hand.pass(.milliseconds(100))
    }

    private func heard(_ hand: CoreHand) throws -> Quiet? {
        guard case .success(.heard(let quiet))? = hand.finished[1] else {
            throw Unexpected("\(String(describing: hand.finished[1]))")
        }
        return quiet
    }

    @Test("it is told of a change, and that nothing came before it")
    func change() throws {
        var hand = waiting()
        beats(&hand, to: 15)
        #expect(hand.finished[1] == nil)
        hand.publish(20, previous: 10, key: "a/k")
        #expect(try heard(hand) == Quiet(upTo: 19, basis: at(20)))
    }

    @Test("what the signal passed before the log was read is quiet at once, as soon as there is something to tell")
    func before() throws {
        var hand = waiting(after: 10)
        beats(&hand, to: 15)
        hand.call(2, .reach(signal, .changed(after: 10, asOf: hand.instance)))
        hand.publish(16, previous: 10, key: "a/k")
        guard case .success(.heard(let quiet))? = hand.finished[2] else { throw Unexpected("not told") }
        #expect(quiet == Quiet(upTo: 15, basis: at(15)))
    }

    @Test("another broker's log may be of another history: the signal says nothing of it, but to read on")
    func otherInstance() throws {
        let hand = waiting(as: Instance(6))
        #expect(try heard(hand) == nil)
    }

    @Test("a broker that was started anew is read on, with what was quiet until then")
    func restarted() throws {
        var hand = waiting()
        beats(&hand, to: 15)
        hand.instance = Instance(8)
        for _ in 0..<6 {
            hand.pass(.milliseconds(100))
            hand.serveViews()
        }
        #expect(try heard(hand) == Quiet(upTo: 15, basis: at(15)))
    }

    @Test("a history that was replaced is read on, with nothing beyond what was quiet in the old one")
    func reset() throws {
        var hand = waiting()
        beats(&hand, to: 15)
        (hand.instance, hand.visible) = (Instance(8), Position(revision: 40, hash: 1))
        hand.resets = true
        for _ in 0..<6 {
            hand.pass(.milliseconds(100))
            hand.serveViews()
        }
        #expect(try heard(hand) == Quiet(upTo: 15, basis: at(15)))
    }

    // MARK: Without events

    /// Answers what is asked, and brings no event.
    private func answer(_ hand: inout CoreHand, for time: Duration) {
        for _ in 0..<Int(time / .milliseconds(50)) {
            hand.pass(.milliseconds(50), silent: true)
            for request in hand.takeSent() {
                switch request.body {
                case .ping: hand.reply(to: request, .pong(Ping.Answer(clock: 0)))
                case .register:
                    hand.reply(
                        to: request, .registered(Registered(stream: hand.stream, alias: 1, generation: 1, reset: false))
                    )
                default: break
                }
            }
        }
    }

    private func states(_ hand: CoreHand) -> [LinkState] {
        hand.others.compactMap { if case .state(let state) = $0 { state } else { nil } }
    }

    @Test("a broker that answers without its events coming through is told of, with their endpoint")
    func eventless() throws {
        var hand = CoreHand()
        answer(&hand, for: .milliseconds(2500))
        #expect(states(hand).isEmpty)
        answer(&hand, for: .seconds(1))
        guard case .eventless(from: "tcp://127.0.0.1:7402", since: _)? = states(hand).last else {
            throw Unexpected("\(states(hand))")
        }
        hand.pass(.milliseconds(50))
        #expect(states(hand).last == .connected && states(hand).count == 2)
    }

    @Test("a broker that comes back is given time for its events, and one that is away is not without events")
    func eventsAfterSilence() throws {
        var hand = CoreHand()
        hand.pass(.seconds(6), silent: true)
        guard case .silent? = states(hand).last else { throw Unexpected("\(states(hand))") }
        answer(&hand, for: .milliseconds(2500))
        #expect(states(hand).last == .connected)
        answer(&hand, for: .milliseconds(1500))
        guard case .eventless? = states(hand).last else { throw Unexpected("\(states(hand))") }
    }

    @Test("whoever was stopped for a while looks for events first")
    func stopped() {
        var hand = CoreHand()
        hand.pass(.milliseconds(100))
        hand.now = hand.now + .seconds(60)
        hand.call(1, .request(.branches(GetBranches())))
        if let request = hand.takeSent().last { hand.reply(to: request, .branches(BranchPage())) }
        hand.step(.tick)
        #expect(!states(hand).contains { if case .eventless = $0 { true } else { false } })
    }

    @Test("without events the log is to be read once in a few seconds")
    func polled() throws {
        var hand = CoreHand()
        let filter = TopicFilter([Topic(unchecked: "a/")])
        hand.step(.follow(signal, Follow(branch: .main, filter: filter, mode: .invalidate, isSignal: true)))
        for number in UInt64(1)...3 {
            hand.call(number, .reach(signal, .changed(after: 10, asOf: hand.instance)))
            answer(&hand, for: .seconds(2))
            #expect(hand.finished[number] == nil)
            answer(&hand, for: .milliseconds(1500))
            guard case .success(.heard(nil))? = hand.finished[number] else { throw Unexpected("not told") }
        }
    }

    @Test("a view that is awaited without events says why it does not come")
    func reason() throws {
        var hand = CoreHand()
        hand.step(.follow(signal, Follow(branch: .main, filter: .everything, mode: .update)))
        hand.call(1, .reach(signal, .live), timeout: .seconds(5))
        answer(&hand, for: .seconds(6))
        guard case MembusError.stale(_, _, _, noEventsFrom: "tcp://127.0.0.1:7402"?)? = hand.error(of: 1) else {
            throw Unexpected("\(String(describing: hand.error(of: 1)))")
        }
    }
}

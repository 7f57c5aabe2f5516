import MembusDocuments
import Testing

@testable import MembusHTTP

@Suite("Messages handed over to one reader")
struct HandoverTests {
    let handover = Handover()

    func taken(_ reader: Int = 0, within patience: Duration = .seconds(20)) async -> String {
        switch await handover.take(as: reader, within: patience) {
        case .message(let message): message.line
        case .closed: "closed"
        case .nothingYet: "nothing yet"
        }
    }

    @Test("who gives waits until it is taken; order is kept")
    func order() async {
        async let giving: Void = {
            for number in 0..<100 { await handover.give(JSONValue(number)) }
        }()
        for number in 0..<100 { #expect(await taken() == "\(number)") }
        await giving
    }

    @Test("who takes does not wait for ever, and gets what comes later")
    func patience() async {
        #expect(await taken(within: .milliseconds(10)) == "nothing yet")
        async let given: Void = handover.give(1)
        #expect(await taken() == "1")
        await given
        #expect(await taken(within: .milliseconds(10)) == "nothing yet")
    }

    @Test("a newer reader takes the older one's place, which learns that it is over")
    func readers() async {
        let first = await handover.newReader()
        async let old = taken(first)
        try? await Task.sleep(for: .milliseconds(20))
        let second = await handover.newReader()
        #expect(await old == "closed")
        async let given: Void = handover.give(1)
        #expect(await taken(first) == "closed")
        #expect(await taken(second) == "1")
        await given
        await handover.dismiss(first)
        async let later: Void = handover.give(2)
        #expect(await taken(second) == "2")
        await later
    }

    @Test("who is cancelled waits no longer, and what it gave is taken back")
    func cancelling() async {
        let givers = (0..<200).map { number in Task { await handover.give(JSONValue(number)) } }
        while await handover.givers < 200 { await Task.yield() }
        for giver in givers.dropLast() { giver.cancel() }
        for giver in givers.dropLast() { await giver.value }
        #expect(await handover.givers == 1)
        #expect(await taken() == "199")
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await handover.give(1)
        }
        await late.value
        #expect(await handover.givers == 0)
    }

    @Test("whoever takes looks every second after a reader who may have gone, and a new one is trusted")
    func doubt() async {
        let clock = ContinuousClock()
        async let first = taken()
        try? await Task.sleep(for: .milliseconds(20))
        await handover.doubt()
        let begun = clock.now
        #expect(await first == "nothing yet")
        #expect(await taken() == "nothing yet")
        #expect(clock.now - begun > .milliseconds(1500) && clock.now - begun < .seconds(15))
        let next = await handover.newReader()
        async let later = taken(next)
        try? await Task.sleep(for: .milliseconds(1500))
        await handover.give(1)
        #expect(await later == "1")
    }

    @Test("when it is closed nobody waits any more")
    func closing() async {
        async let giving: Void = handover.give(1)
        try? await Task.sleep(for: .milliseconds(20))
        await handover.close()
        await giving
        await handover.give(2)
        #expect(await taken() == "closed")
    }
}

import Foundation
import MembusDice
import Testing

@testable import MembusModel

@Suite struct ViewsHistoryTests {
    /// Rerun one history: `VIEW_SEED=17 swift test --filter ViewsHistoryTests`; more: `VIEW_HISTORIES=20000`.
    static let seeds: ClosedRange<UInt64> = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["VIEW_SEED"].flatMap(UInt64.init) { return seed...seed }
        return 1...(environment["VIEW_HISTORIES"].flatMap(UInt64.init) ?? 300)
    }()

    @Test(
        "in random histories with faults a view is always the state at its cut, and live again when they end",
        arguments: StreamMode.allCases)
    func randomHistories(mode: StreamMode) {
        for seed in Self.seeds {
            let world = Self.world(seed, mode)
            world.isLogging = Self.seeds.count == 1
            do {
                try Self.play(world)
            } catch {
                Issue.record(
                    "seed \(seed), \(mode), at \(world.now) ms: \(error)\nVIEW_SEED=\(seed) swift test --filter ViewsHistoryTests"
                )
                if world.isLogging {
                    print(world.log.suffix(60).joined(separator: "\n"))
                }
                return
            }
        }
    }

    static func world(_ seed: UInt64, _ mode: StreamMode) -> ViewWorld {
        var random = Dice(seed: seed &+ 99)
        let faults = Faults(
            lostRequests: [0, 5, 40][random.below(3)], lostEvents: [0, 10, 50][random.below(3)],
            delay: [3, 40, 300][random.below(3)], restarts: random.below(3))
        return ViewWorld(seed: seed, mode: mode, faults: faults)
    }

    /// Seven seconds in which hardly an event, a request, or neither gets through.
    static func outage(in world: ViewWorld) {
        let usual = world.faults
        let requests = world.random.chance(60) ? 100 : usual.lostRequests
        let events = world.random.chance(50) ? 100 : 60
        world.after(500 + world.random.below(1500)) {
            $0.faults.lostRequests = requests
            $0.faults.lostEvents = events
            $0.after(7000) { $0.faults = usual }
        }
    }

    static func play(_ world: ViewWorld) throws {
        let hasOutage = world.random.chance(25)
        let end: Int64 = hasOutage ? 10_000 : 6000
        if hasOutage { outage(in: world) }
        world.after(0) { $0.beat() }
        world.after(world.random.below(30)) { $0.connect() }
        for _ in 0..<world.random.below(60) { world.after(world.random.below(Int(end))) { try $0.commit() } }
        for _ in 0..<10 { world.after(world.random.below(Int(end))) { $0.readSomething() } }
        for _ in 0..<world.faults.restarts {
            let restored = world.random.chance(40)
            let down = world.random.below(800)
            world.after(world.random.below(Int(end) - 1000)) {
                if $0.broker.isUp { $0.restart(down: down, restored: restored) }
            }
        }
        if world.random.chance(30) {
            world.after(world.random.below(Int(end))) {
                $0.broker.stream = nil
                $0.broker.generation += 1
            }
        }
        if world.random.chance(30) {
            world.after(world.random.below(Int(end))) {
                $0.broker.generation += 1
                $0.broker.stream?.alias += 50
            }
        }
        if world.random.chance(30) {
            world.after(world.random.below(Int(end))) { $0.broker.floor = $0.broker.visible.revision }
        }
        try world.run(until: end)
        world.faults = .none
        let bound = end + 10_000
        // Late replies, of up to 3 s ago, belong to the faults: they may still send a view back to REGISTER.
        let settled = end + 4000
        while world.now < settled || world.machine.isStale, world.now < bound { try world.run(until: world.now + 250) }
        try world.run(until: min(world.now + 1000, bound))
        guard world.machine.phase == .live, !world.machine.isStale else {
            throw Broken(
                description:
                    "10 s after the faults the view is in \(world.machine.phase), stale \(world.machine.isStale)")
        }
        guard world.machine.cut == world.broker.visible else {
            throw Broken(description: "live at \(world.machine.cut as Any), visible is \(world.broker.visible)")
        }
        guard let fresh = world.machine.freshAsOf, world.now - fresh.nanoseconds / 1_000_000 < 1000 else {
            throw Broken(description: "fresh only as of \(world.machine.freshAsOf as Any)")
        }
    }
}

import MembusModel
import Synchronization
import Testing

@testable import MembusBroker

@Suite("The gate")
struct GateTests {
    private func core(_ gate: Gate) -> BrokerCore<Int> {
        BrokerCore(
            settings: CoreSettings(), gate: gate, lineage: Lineage(7), instance: Instance(9), visible: .origin,
            nextExpiry: nil, random: SeededRandom(seed: 1), now: Instant(nanoseconds: 0))
    }

    /// One of each kind.
    private var bodies: [Request.Body] {
        [
            .hello(Hello(agent: "ada")), .openSession(OpenSession(agent: "ada")),
            .closeSession(CloseSession(session: SessionID(1))),
            .transact(
                Transact(
                    session: SessionID(1), number: 1, acknowledged: 0, work: .success(.transaction(Transaction())))),
            .get(Get(branch: .main, keys: [])), .range(GetRange(branch: .main, filter: .everything)),
            .history(GetHistory(branch: .main, key: Key(unchecked: "a"))), .log(GetLog(branch: nil)),
            .branches(GetBranches()), .status(GetStatus()),
            .register(Register(branch: .main, filter: .everything, mode: .update, newest: nil)),
            .ping(Ping(nonce: 1)), .pull(Pull(stream: StreamID(high: 1, low: 1), from: nil)),
            .noteReads(NoteReads(agent: "ada", reads: [])), .compact(Compact()), .backup(Backup(id: 1)),
            .verify(Verify()), .digest(Digest(branch: .main, topics: .everything)),
            .diff(GetDiff(from: BranchState(.main), to: BranchState(.main), filter: .everything)),
            .impact(GetImpact(versions: [], revisions: [1])),
            .plan(GetPlan(.revert(Revert(revisions: [1])))),
        ]
    }

    private func ask(_ body: Request.Body, as principal: Principal, of core: inout BrokerCore<Int>) -> [BrokerOutput<
        Int
    >] {
        core.step(
            .request(from: 1, as: principal, bytes: 10, Request(id: 1, instance: Instance(9), body: body)),
            now: Instant(nanoseconds: 1))
    }

    @Test("every kind of request is judged before anything is done about it, with who asks")
    func everyKind() throws {
        let refusal = Refusal(.invalidArgument, "not for you")
        let asked = Mutex<[Principal]>([])
        var core = core(
            Gate { principal, _ in
                asked.withLock { $0.append(principal) }
                return .failure(refusal)
            })
        for (index, body) in bodies.enumerated() {
            let outputs = ask(body, as: .agent(ByBytes("\(index)")), of: &core)
            #expect(outputs.count == 1)
            guard case .reply(to: 1, let reply)? = outputs.first, case .refused(refusal) = reply.body else {
                Issue.record("\(body.traits.name) was not refused: \(outputs)")
                continue
            }
        }
        #expect(asked.withLock { $0 } == bodies.indices.map { .agent(ByBytes("\($0)")) })
    }

    @Test("who asks is whom the request names, or the owner of its session, or not known")
    func named() {
        let named = bodies.map { Principal(namedBy: $0) }
        #expect(named.count { $0 == .agent(ByBytes("ada")) } == 3)
        #expect(named.count { $0 == .owner(of: SessionID(1)) } == 2)
        #expect(named.count { $0 == .anybody } == bodies.count - 5)
    }

    @Test("what is granted travels with look-ups and writes")
    func scope() {
        var core = core(.open)
        for body in bodies {
            for output in ask(body, as: .anybody, of: &core) {
                switch output {
                case .read(let read): #expect(read.scope == .everything)
                case .write(let write): #expect(write.scope == .everything)
                case .reply, .publish, .drained: break
                }
            }
        }
    }
}

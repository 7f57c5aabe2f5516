import Foundation
// As an agent imports it: nothing internal is in sight.
import Membus
import Testing

@Suite("The example of the design", .serialized)
struct ExampleTests {
    @Test("it runs as written", .timeLimit(.minutes(5)))
    func example() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "planner", context: "trip-42")
        try await memory.transact { tx in
            tx.put("plans/paris/day-1", text: "museum")
            tx.put("plans/paris/budget", json: #"{"euro": 900}"#)
            tx.put("plans/paris/stay", text: "hotel")
            tx.put("plans/paris/fare", text: "120")
        }

        let plans = try await memory.follow("plans/", "people/ada", whenStale: .serve)

        let day = try plans["plans/paris/day-1"]  // local
        let budget = plans.handle("plans/paris/budget")  // resolved once
        let (stay, fare) = try plans.read { (try $0["plans/paris/stay"], try $0["plans/paris/fare"]) }  // one revision

        let commit = try await memory.transact(message: "book", retries: 5) { tx in
            let plan = try await tx.get("plans/paris")  // becomes a precondition
            guard plan?.text != "night train" else { return }
            tx.put("plans/paris", text: "night train")
            tx.increment("plans/paris/cost", by: 120)
        }
        let seen = try await plans.get("plans/paris", .atLeast(commit.token))
        let fresh = try await plans.get("plans/paris", .within(.milliseconds(200)))
        let now = try await plans.get("plans/paris", .linearizable)

        #expect(day?.text == "museum")
        #expect(try budget.record()?.kind == .json)
        #expect(stay?.text == "hotel" && fare?.text == "120")
        #expect(commit.isCommitted && commit.revision == 2)
        #expect([seen, fresh, now].allSatisfy { $0?.text == "night train" })
        #expect(try plans["plans/paris/cost"]?.count == 120)

        async let later: Receipt = memory.transact(message: "pay") { $0.increment("plans/paris/cost", by: -20) }
        for try await change in memory.watch("plans/", after: commit.revision) {
            #expect(change.key.text == "plans/paris/cost" && change.revision == 3)
            #expect(change.record.count == 100 && change.commit.message == "pay")
            break
        }
        _ = try await later
        await memory.close()
        await #expect(throws: MembusError.self) { try await memory.get("plans/paris") }
        #expect(throws: MembusError.self) { try plans["plans/paris"] }
    }
}

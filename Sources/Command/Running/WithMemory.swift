import Foundation
import Membus

extension GlobalOptions {
    /// Connects, runs `body`, closes; tells people on standard error when the broker is lost and found.
    func withMemory<T>(context: String = "", _ body: (Memory) async throws -> T) async throws -> T {
        let memory = try await connected(context)
        let teller = Task { await Self.tell(of: memory.states, at: brokerURL) }
        defer { teller.cancel() }
        do {
            let result = try await body(memory)
            await memory.close()
            return result
        } catch {
            await memory.close()
            throw error
        }
    }

    private func connected(_ context: String) async throws -> Memory {
        do {
            return try await Memory.connect(
                to: brokerURL, as: agentName, context: context, branch: branchName,
                timeout: timeout?.duration ?? .seconds(10), log: logger("membus", default: .error))
        } catch MembusError.timeout {
            throw CommandError(
                "NO_BROKER", "no broker answers at \(brokerURL)",
                hint: "start one with: membus serve; or name another with --broker or MEMBUS_BROKER")
        }
    }

    private static func tell(of states: AsyncStream<ConnectionState>, at url: String) async {
        var isLost = false
        for await state in states {
            if Task.isCancelled { return }
            switch state {
            case .disconnected where !isLost:
                isLost = true
                Output.warn("the broker at \(url) does not answer; trying again…")
            case .connected where isLost:
                isLost = false
                Output.warn("connected again")
            default: break
            }
        }
    }
}

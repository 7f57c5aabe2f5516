import Membus

extension GlobalOptions {
    /// Connects, runs `body`, closes; tells people on standard error when the broker is lost and found.
    /// - Parameter withoutEvents: what the command does while the broker answers but its events do not come.
    func withMemory<T>(
        context: String = "", withoutEvents: String? = nil, _ body: (Memory) async throws -> T
    ) async throws -> T {
        let memory = try await connected(context)
        let teller = Task { await Self.tell(of: memory.states, at: brokerURL, withoutEvents) }
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
                hint: "start one with: membus start; or name another with --broker or MEMBUS_BROKER; one that takes no "
                    + "more connections says so in its log")
        }
    }

    private static func tell(
        of states: AsyncStream<ConnectionState>, at url: String, _ withoutEvents: String?
    ) async {
        var isLost = false
        var isEventless = false
        for await state in states {
            if Task.isCancelled { return }
            switch state {
            case .disconnected where !isLost:
                isLost = true
                Output.warn("the broker at \(url) does not answer; trying again…")
            case .withoutEvents(let endpoint, _):
                // Said once, however often the broker is lost and found meanwhile.
                if !isEventless { Output.warn(eventless(endpoint, url, withoutEvents)) }
                (isEventless, isLost) = (true, false)
            case .connected where isLost:
                isLost = false
                Output.warn("connected again")
            case .connected where isEventless:
                isEventless = false
                Output.warn("events arrive now")
            default: break
            }
        }
    }

    private static func eventless(_ endpoint: String, _ url: String, _ instead: String?) -> String {
        let place = endpoint.isEmpty ? "the broker at \(url), which names no endpoint for them" : endpoint
        return
            "no events arrive from \(place), though the broker at \(url) answers\(instead.map { "; \($0)" } ?? "")\n"
            + "        let this machine reach that endpoint: publish its port, or see advertisedEvents in membus serve --help"
    }
}

import Dispatch
import Glibc
import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem
import Synchronization

/// A running broker: one thread for the sockets, one that writes, some that read, one that
/// checkpoints the write-ahead log, one that counts.
///
/// ```swift
/// let broker = try Broker.start(Configuration(dataDirectory: "memory"), log: log)
/// print(broker.requestEndpoints)
/// broker.stop()
/// ```
package final class Broker: Sendable {
    package static let version = "0.1.0"
    package static var software: String { "membus \(version)" }

    /// As bound: with actual ports.
    package let requestEndpoints: [String]
    package let eventEndpoints: [String]
    package let lineage: Lineage
    package let instance: Instance

    /// `nil` once it is stopped: store and directory are let go of then, whoever still holds the broker.
    private let parts: Mutex<BrokerParts?>
    private let threads: RunningThreads

    /// Opens the store, binds the sockets, says in the data directory where it listens, and serves until ``stop()``.
    /// - Parameter whenIdle: called once there were no clients for ``Configuration/idle``; not more than once.
    /// - Throws: `Refusal` if it would be open to other machines without leave; `StoreError` (the directory is in use,
    ///   read-only, of a newer version, …) or `BusError` (an address in use, …); nothing is left running then.
    package static func start(
        _ configuration: Configuration, log: Logger, whenIdle: @escaping @Sendable () -> Void = {}
    ) throws -> Broker {
        if let refusal = configuration.exposureRefusal { throw refusal }
        let parts = try BrokerParts(configuration)
        let threads = RunningThreads()
        do {
            let endpoints = try parts.start(threads, log, whenIdle: whenIdle)
            parts.tell(endpoints.requests, log)
            let exposed = configuration.exposed
            if !exposed.isEmpty {
                log.warning(
                    "insecure: whoever reaches \(exposed.joined(separator: " ")) can read and write everything")
            }
            return Broker(parts, threads, endpoints)
        } catch {
            threads.stop()
            parts.close()
            throw error
        }
    }

    private init(_ parts: BrokerParts, _ threads: RunningThreads, _ endpoints: BrokerParts.Endpoints) {
        self.parts = Mutex(parts)
        self.threads = threads
        requestEndpoints = endpoints.requests
        eventEndpoints = endpoints.events
        lineage = parts.store.lineage
        instance = parts.instance
    }

    /// Refuses what is new, gives up SQL, finishes and answers what else is under way, closes sockets and store. Blocks.
    package func stop() {
        parts.withLock { parts in
            parts?.files.forget()
            parts?.giveUpQueries()
        }
        threads.stop()
        let parts = parts.withLock { parts in
            defer { parts = nil }
            return parts
        }
        parts?.close()
    }
}

extension Broker {
    /// Has a ``stop()`` that is under way, or comes, give up look-ups, which can take as long as the store is large; writes
    /// are finished all the same. From any thread.
    package func hurry() {
        _ = try? BusThread.start(name: "membus-hurry") { [weak self] in
            while self?.giveUpReading() == true { usleep(50_000) }
        }
    }

    /// - Returns: whether there is anything that could be.
    private func giveUpReading() -> Bool {
        parts.withLock { parts in
            parts?.giveUpReading()
            return parts != nil
        }
    }
}

/// What cannot be served truthfully is not served: the process ends, and recovers at its next start.
func die(_ reason: String, _ log: Logger) -> Never {
    log.critical("\(reason); the broker stops")
    StandardError.write("membus: \(reason); the broker stops\n")
    _exit(70)
}

import Glibc
import HummingbirdCore
import Logging
import MembusMCP
import NIOCore
import NIOPosix

// The streamable HTTP transport, on one endpoint for both eras.
//
//   connection ─▶ Reception: who may come in, what is asked ─▶ Exchange: a conversation's answers, as JSON or events
//                          └▶ Sessions: the handshake's era, each with a stream for what is said unasked
//
// Bounds: connections, sessions, bodies for each and together, and for how long a client may neither send nor take anything.

package struct HTTPTransport: Sendable {
    /// More wait to be let in.
    private static let mostConnections = 2000
    /// A connection without a request is closed after so long.
    private static let idle: TimeAmount = .seconds(120)
    /// For what is under way when the server is to end.
    private static let lastPatience: Duration = .seconds(1)

    package struct Settings: Sendable {
        /// Without brackets.
        package var host: String
        /// 0: one that is free.
        package var port: Int
        /// Who comes has to know it. `nil`: only where nothing but this machine can come in.
        package var token: String?
        /// Of web pages that may come in.
        package var origins: [String]

        package init(host: String, port: Int, token: String?, origins: [String]) {
            self.host = host
            self.port = port
            self.token = token
            self.origins = origins
        }
    }

    /// Whether nothing but this machine's own programs can reach what listens there.
    package static func isLoopback(_ host: String) -> Bool { Loopback.contains(host) }

    /// Whether a browser could say that a page is of this origin.
    package static func isOrigin(_ text: String) -> Bool { Origin(text) != nil }

    private let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    /// Returns soon after `ending` has.
    /// - Parameter ready: is told the endpoint.
    package func run(
        _ server: MembusMCP.Server, ready: @escaping @Sendable (_ url: String) -> Void,
        until ending: @escaping @Sendable () async -> Void
    ) async throws {
        let reception = Reception(server, Gatekeeper(token: settings.token, origins: settings.origins))
        let channel = HTTP1Channel(
            responder: { try await reception.answer($0, $1, $2) },
            configuration: .init(
                additionalChannelHandlers: [HangUp()], idleTimeout: Self.idle,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)))
        let host = settings.host
        let http = HummingbirdCore.Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(
                address: .hostname(host, port: settings.port), backlog: 1024,
                availableConnectionsDelegate: .maximum(Self.mostConnections, logger: Self.silent)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                ready("http://\(host.contains(":") ? "[\(host)]" : host):\(port)\(Reception.path)")
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Self.silent)
        let sweeping = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(60))
                await reception.sessions.sweep()
            }
        }
        defer { sweeping.cancel() }
        let running = Task { try await http.run() }
        let (ended, end) = AsyncThrowingStream.makeStream(of: Void.self)
        let failing = Task { do { try await running.value } catch { end.finish(throwing: error) } }
        let told = Task {
            await ending()
            end.finish()
        }
        defer { told.cancel() }
        do { for try await _ in ended {} } catch let error as IOError { throw ListenFailure(error, settings) }
        failing.cancel()
        await Self.close(http, reception)
        running.cancel()
    }

    /// Nobody new; streams are told that it is over; what is under way is answered, if that does not take long.
    private static func close(_ http: HummingbirdCore.Server<HTTP1Channel>, _ reception: Reception) async {
        let (closed, close) = AsyncStream.makeStream(of: Void.self)
        Task {
            try? await http.shutdownGracefully()
            close.finish()
        }
        Task {
            await reception.streams.close()
            await reception.sessions.closeStreams()
        }
        Task {
            try? await Task.sleep(for: lastPatience)
            close.finish()
        }
        for await _ in closed {}
    }

    /// Who connects and leaves is of no interest here.
    private static let silent = Logger(label: "membus.http") { _ in SwiftLogNoOpLogHandler() }
}

/// Why nobody can come in.
package struct ListenFailure: Error, Sendable {
    package let reason: String
    package let hint: String

    init(_ error: IOError, _ settings: HTTPTransport.Settings) {
        let place = "\(settings.host) port \(settings.port)"
        switch error.errnoCode {
        case EADDRINUSE:
            reason = "\(place) is in use: another program listens there, maybe another membus mcp"
            hint = "use that one, end it, or name another port; 0 takes one that is free"
        case EADDRNOTAVAIL:
            reason = "\(settings.host) is no address of this machine"
            hint = "name one of its own, such as 127.0.0.1, or 0.0.0.0 for all of them"
        case EACCES, EPERM:
            reason = "this user may not listen at \(place)"
            hint = "name a port from 1024 on"
        default:
            reason = "cannot listen at \(place): \(String(cString: strerror(error.errnoCode)))"
            hint = "name an address of this machine and a port that nobody listens at: --http 127.0.0.1:PORT"
        }
    }
}

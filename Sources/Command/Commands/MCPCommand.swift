import ArgumentParser
import CProcess
import FoundationEssentials
import Membus
import MembusBus
import MembusHTTP
import MembusMCP
import MembusSystem

struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "Serve the memory to clients of the Model Context Protocol.",
        discussion: """
            For the configuration of Claude, an editor or another agent host: it runs this command and speaks to it over \
            standard input and output, until its input ends. A broker is found as by every command; where none runs, one \
            is started in the background on the data directory (see membus start), unless --no-start is given.

              {"mcpServers": {"memory": {"command": "membus", "args": ["mcp"]}}}

            With --http it serves any number of clients at http://ADDRESS/mcp instead, until it is ended (Ctrl-C, \
            SIGTERM). Where other machines can reach that address, who comes needs a token: --token-file, or \
            MEMBUS_MCP_TOKEN in the environment. What travels is not encrypted: put what speaks TLS before it.

              membus mcp --http 127.0.0.1:7420
              {"mcpServers": {"memory": {"type": "http", "url": "http://127.0.0.1:7420/mcp"}}}

            Whoever the client says it is writes, unless --agent names somebody. With --as-graph the tools are those of \
            the reference memory server: entities, relations, observations.
            """)

    @Flag(help: "Offer the nine tools of the reference memory server instead.")
    var asGraph = false

    @Flag(help: "Start no broker where none runs.")
    var noStart = false

    @OptionGroup(title: "Over HTTP") var http: HTTPOptions

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let (options, mayStart) = (options, !noStart)
        let settings = try http.settings()
        // Of many clients most are silent: what a name of its own takes is taken while it is used.
        let memories = Memories(idle: settings == nil ? nil : .seconds(30)) { agent in
            try await Memory.connect(
                recordingAllTo: try await Self.broker(options, mayStart: mayStart), as: agent,
                branch: options.branchName,
                timeout: options.timeout?.duration ?? .seconds(10), log: options.logger("membus", default: .error))
        } revive: {
            // Why it cannot be, the calls that wait for it tell by themselves.
            _ = try? await Self.broker(options, mayStart: mayStart)
        } giveBack: {
            membus_give_memory_back()
        }
        // What a shell has exported for its own commands is not what all clients of a server are.
        let agent = settings == nil ? options.givenAgent : options.agent
        let server = Server(memories, agent: agent, face: asGraph ? .graph : .records)
        if let settings {
            try await Self.serve(server, settings)
        } else {
            await StandardTransport().run(server)
        }
        await memories.close()
    }

    private static func serve(_ server: Server, _ settings: HTTPTransport.Settings) async throws {
        OpenFiles.raiseLimit()
        do {
            try await HTTPTransport(settings).run(
                server, ready: { Output.warn("serves the Model Context Protocol at \($0)") },
                until: { await Termination.first(watching: nil) })
        } catch let failure as ListenFailure {
            throw CommandError("LISTEN", failure.reason, hint: failure.hint)
        } catch {
            throw CommandError(
                "LISTEN", "cannot listen at \(settings.host) port \(settings.port): \(error)",
                hint: "name an address of this machine and a port that nobody listens at: --http 127.0.0.1:PORT")
        }
    }

    private static func broker(_ options: GlobalOptions, mayStart: Bool) async throws -> String {
        let environment = ProcessInfo.processInfo.environment
        guard mayStart else { return options.brokerURL }
        return try await Blocking.run {
            try FoundBroker.find(said: options.broker, in: environment) { directory in
                let background = try BackgroundBroker(directory: directory, idle: .seconds(3600), config: nil)
                let started = try background.ensure(within: .seconds(30))
                if started.isNew { Output.warn(BrokerStart.told(of: directory)) }
                return started.endpoint
            }.url
        }
    }
}

/// Where clients come in over HTTP, and who may.
struct HTTPOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve clients over HTTP at this address: HOST:PORT, an IPv6 address in brackets; port 0 is one that is free.",
            valueName: "address"))
    var http: String?

    @Option(
        help: ArgumentHelp(
            "Read the token that clients need from this file. (environment: MEMBUS_MCP_TOKEN, the token itself)",
            valueName: "file"),
        completion: .file(), transform: LocalPath.file)
    var tokenFile: LocalPath?

    @Option(
        help: ArgumentHelp(
            "Let web pages of this origin in, such as https://agents.example; may be given several times. (default: those of this machine)",
            valueName: "origin"))
    var allowOrigin: [String] = []

    func validate() throws {
        if http == nil, tokenFile != nil || !allowOrigin.isEmpty {
            throw ValidationError("--token-file and --allow-origin are for --http.")
        }
        if let http { _ = try Self.place(http) }
        for origin in allowOrigin where !HTTPTransport.isOrigin(origin) {
            throw ValidationError(
                "--allow-origin \"\(origin)\" is no origin: write what browsers send, SCHEME://HOST or SCHEME://HOST:PORT, without a "
                    + "slash at the end.")
        }
    }

    /// `nil`: standard input and output are meant.
    func settings(
        in environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> HTTPTransport.Settings? {
        guard let http else { return nil }
        let (host, port) = try Self.place(http)
        let token = try token(in: environment)
        if token == nil, !HTTPTransport.isLoopback(host) {
            throw CommandError(
                "EXPOSED",
                "\(http) can be reached from other machines, and there are no rights yet: whoever comes in can read and write everything",
                hint: "listen at 127.0.0.1, or have clients need a token: --token-file FILE, or MEMBUS_MCP_TOKEN",
                .usage)
        }
        return HTTPTransport.Settings(host: host, port: port, token: token, origins: allowOrigin)
    }

    private static func place(_ text: String) throws -> (host: String, port: Int) {
        let url = "tcp://\(text)"
        if let fault = Endpoint.fault(url, .listening) {
            throw ValidationError("--http \"\(text)\" is no address: \(fault.replacing("tcp://", with: "")).")
        }
        guard case .tcp(let host, let port)? = try? Address(url) else {
            throw ValidationError("--http \"\(text)\" is no address: write HOST:PORT.")
        }
        let number = Int(port) ?? 0
        switch host {
        case .every: return ("0.0.0.0", number)
        case .name(let name): return (name, number)
        case .ipv6(let address): return (address.text + (address.zone.map { "%\($0)" } ?? ""), number)
        }
    }

    private func token(in environment: [String: String]) throws -> String? {
        let text: String
        if let tokenFile {
            let file = String(decoding: try LocalFile.read(tokenFile.path, atMost: 4096), as: UTF8.self)
            let end = file.lastIndex { !$0.isWhitespace }.map(file.index(after:)) ?? file.startIndex
            text = String(file[..<end].drop(while: \.isWhitespace))
        } else if let token = environment["MEMBUS_MCP_TOKEN"], !token.isEmpty {
            text = token
        } else {
            return nil
        }
        let isPlain = text.utf8.allSatisfy { UInt8(ascii: "!")...UInt8(ascii: "~") ~= $0 }
        guard text.utf8.count >= Self.shortestToken, isPlain else {
            throw CommandError(
                "TOKEN",
                "the token must be \(Self.shortestToken) or more letters, digits and signs of ASCII, without spaces",
                hint: "make one: openssl rand -hex 32", .usage)
        }
        return text
    }

    private static let shortestToken = 16
}

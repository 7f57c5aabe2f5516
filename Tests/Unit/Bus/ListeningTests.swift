import Foundation
import Glibc
import Testing

@testable import MembusBus

/// Where a broker listens: which ipc paths it takes, and what it leaves.
@Suite(.serialized) struct ListeningTests {
    private let context: Context
    private let folder: Folder

    init() throws {
        context = try Context()
        folder = try Folder()
    }

    private final class Folder: Sendable {
        let path = "/tmp/membus-listen-\(UUID().uuidString.prefix(8))"
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
    }

    private func server(_ endpoint: String) throws -> RequestServer {
        try RequestServer(in: context, endpoints: [endpoint], options: quick())
    }

    @Test("a path where somebody answers is refused, and whoever answers there goes on")
    func taken() throws {
        let endpoint = "ipc://\(folder.path)/s"
        var first = try server(endpoint)
        for _ in 1...2 {
            let error = #expect(throws: BusError.self) { _ = try server(endpoint) }
            #expect(error?.kind == .addressInUse)
            #expect(
                error?.description == "cannot listen at \(endpoint): Address already in use; "
                    + "another process listens there: stop it, or choose another path")
        }
        let client = try RequestClient(in: context, endpoint: endpoint, options: quick())
        _ = try client.send([1])
        #expect(try first.requests(1).map(\.body) == [[1]])
    }

    @Test("so is one whose broker is too busy to take connections")
    func stopped() throws {
        let (descriptor, _) = try SocketFile.listen(at: "\(folder.path)/s", backlog: 0)
        defer { close(descriptor) }
        for _ in 1...3 {
            let error = #expect(throws: BusError.self) { _ = try server("ipc://\(folder.path)/s") }
            #expect(error?.kind == .addressInUse)
        }
        #expect(folder.names == ["s"])
    }

    @Test("a path that is no socket is refused and left", arguments: ["file", "folder", "link", "dangling"])
    func notOurs(kind: String) throws {
        let path = "\(folder.path)/notes.txt"
        var behind: RequestServer?
        switch kind {
        case "file": try Data("keep me".utf8).write(to: URL(fileURLWithPath: path))
        case "folder": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case "link":
            behind = try server("ipc://\(folder.path)/s")
            symlink("s", path)
        default: symlink("nowhere", path)
        }
        let names = folder.names
        let error = #expect(throws: BusError.self) { _ = try server("ipc://\(path)") }
        #expect(error?.kind == .notASocket)
        #expect(error?.description.contains("what is there is no socket") == true)
        #expect(folder.names == names)
        if kind == "file" { #expect(FileManager.default.contents(atPath: path) == Data("keep me".utf8)) }
        _ = consume behind
    }

    @Test("what a killed broker left behind is taken")
    func dead() throws {
        let (descriptor, _) = try SocketFile.listen(at: "\(folder.path)/s", backlog: 1)
        close(descriptor)
        #expect(folder.names == ["s"])
        var server = try server("ipc://\(folder.path)/s")
        let client = try RequestClient(in: context, endpoint: "ipc://\(folder.path)/s", options: quick())
        _ = try client.send([1])
        #expect(try server.requests(1).count == 1)
    }

    @Test("of many that start at once where a killed one was, one gets the path, and keeps it")
    func race() throws {
        for _ in 1...20 {
            close(try listening(at: "\(folder.path)/s"))
            let path = "\(folder.path)/s"
            let won = Winners()
            let threads = try (0..<4).map { _ in
                try BusThread.start(name: "starter") {
                    if let (descriptor, _) = try? SocketFile.listen(at: path, backlog: 8) { won.add(descriptor) }
                }
            }
            for thread in threads { thread.join() }
            #expect(won.all.count == 1)
            #expect(throws: BusError.self) { _ = try server("ipc://\(path)") }
            for descriptor in won.all { close(descriptor) }
        }
    }

    /// A process that another test starts just then holds the descriptors before it, until it runs its own programme.
    private func listening(at path: String) throws -> Int32 {
        for _ in 0..<200 {
            if let (descriptor, _) = try? SocketFile.listen(at: path, backlog: 1) { return descriptor }
            usleep(10_000)
        }
        return try SocketFile.listen(at: path, backlog: 1).descriptor
    }

    private final class Winners: @unchecked Sendable {
        private let lock = NSLock()
        private var descriptors: [Int32] = []
        func add(_ descriptor: Int32) { lock.withLock { descriptors.append(descriptor) } }
        var all: [Int32] { lock.withLock { descriptors } }
    }

    @Test("the file goes with the one who made it, and with nobody else")
    func ending() throws {
        let path = "\(folder.path)/s"
        do {
            let server = try server("ipc://\(path)")
            #expect(folder.names == ["s"])
            _ = consume server
        }
        #expect(folder.names == [])
        do {
            let server = try server("ipc://\(path)")
            // Somebody has put something else there.
            try FileManager.default.removeItem(atPath: path)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
            _ = consume server
        }
        #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
    }

    @Test("a path that is too long for a socket is refused, and what lies there is left")
    func long() throws {
        let path = folder.path + "/" + String(repeating: "x", count: 120)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: BusError.self) { _ = try server("ipc://\(path)") }
        #expect(error?.kind == .invalidEndpoint)
        #expect(folder.names.count == 1)
    }

    // MARK: IPv6

    @Test("requests and events go over IPv6, beside IPv4 on the same sockets", .enabled(if: Interfaces.hasIPv6))
    func overIPv6() throws {
        try exchange(["tcp://127.0.0.1:*", "tcp://[::1]:*"])
        try exchange(["tcp://[::1]:*", "tcp://127.0.0.1:*"])
    }

    @Test("a link-local address works with its zone", .enabled(if: Interfaces.linkLocal != nil))
    func linkLocal() throws {
        let address = try #require(Interfaces.linkLocal)
        let resolved = try exchange(["tcp://[\(address)]:*"])
        #expect(resolved.allSatisfy { $0.hasPrefix("tcp://[\(address)]:") })
    }

    @Test("[::] is reached by both kinds of address", .enabled(if: Interfaces.hasIPv6))
    func everyAddress() throws {
        var server = try server("tcp://[::]:*")
        let port = try #require(server.endpoints[0].split(separator: ":").last)
        #expect(server.endpoints[0] == "tcp://[::]:\(port)")
        for host in ["127.0.0.1", "[::1]"] {
            let client = try RequestClient(in: context, endpoint: "tcp://\(host):\(port)", options: quick())
            _ = try client.send([UInt8](host.utf8))
            #expect(try server.requests(1).map(\.body) == [[UInt8](host.utf8)])
        }
    }

    @Test("a name that has an IPv4 address is reached there")
    func name() throws {
        var server = try server("tcp://127.0.0.1:*")
        let port = try #require(server.endpoints[0].split(separator: ":").last)
        let client = try RequestClient(in: context, endpoint: "tcp://localhost:\(port)", options: quick())
        _ = try client.send([1])
        #expect(try server.requests(1).count == 1)
    }

    @Test("a zone that is no interface is told as such")
    func zone() throws {
        let error = #expect(throws: BusError.self) { _ = try server("tcp://[fe80::1%nowhere0]:*") }
        #expect(error?.kind == .noSuchInterface)
        #expect(throws: BusError.self) {
            _ = try RequestClient(in: context, endpoint: "tcp://[fe80::1%nowhere0]:1", options: quick())
        }
    }

    @discardableResult
    private func exchange(_ endpoints: [String]) throws -> [String] {
        var server = try RequestServer(in: context, endpoints: endpoints, options: quick())
        var publisher = try EventPublisher(in: context, endpoints: endpoints, options: quick())
        for endpoint in server.endpoints {
            let client = try RequestClient(in: context, endpoint: endpoint, options: quick())
            _ = try client.send([7])
            #expect(try server.requests(1).map(\.body) == [[7]])
        }
        for endpoint in publisher.endpoints {
            var subscriber = try EventSubscriber(in: context, endpoint: endpoint, options: quick())
            _ = try eventually {
                _ = try publisher.drainSubscriptions()
                try publisher.publish(topic: EventSubscriber.heartbeats, [8])
                return try? subscriber.events(1, within: .milliseconds(20)).count
            }
        }
        return server.endpoints + publisher.endpoints
    }
}

/// What addresses this machine has.
enum Interfaces {
    static let hasIPv6 = addresses.contains { $0 == "::1" }
    /// With its zone.
    static let linkLocal = addresses.first { $0.hasPrefix("fe80:") && $0.contains("%") }

    private static var addresses: [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        return sequence(first: list, next: { $0?.pointee.ifa_next }).compactMap { entry in
            guard let address = entry?.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET6) else {
                return nil
            }
            var name = [CChar](repeating: 0, count: 256)
            let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            guard getnameinfo(address, size, &name, 256, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
            return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}

@Suite struct AddressTests {
    @Test("endpoints are taken apart, and put together again")
    func parts() throws {
        for url in [
            "ipc:///run/m", "ipc://@name", "tcp://*:1", "tcp://h:*", "tcp://10.0.0.1:7401", "tcp://[::1]:7401",
            "tcp://[fe80::1%eth0]:7401",
        ] {
            #expect(try Address(url).url == url)
        }
        guard case .tcp(.ipv6(let address), "1") = try Address("tcp://[FE80::1%eth0]:1") else {
            Issue.record("no IPv6 address")
            return
        }
        #expect(address.zone == "eth0" && address.isLinkLocal && !address.isEvery)
        guard case .tcp(let every, _) = try Address("tcp://[0::0]:1") else { return }
        #expect(every.isEvery)
    }

    @Test(
        "what is wrong is named",
        arguments: [
            ("tcp://::1:7401", "in brackets"), ("tcp://[::g]:1", "[::g] is no IPv6 address"),
            ("tcp://[fe80::1%]:1", "no"),
            ("ipc://", "ipc://PATH"), ("ipc:///" + String(repeating: "x", count: 107), "108 bytes"),
            ("udp://h:1", "tcp"),
        ])
    func faults(url: String, words: String) {
        let fault = #expect(throws: Address.Fault.self) { try Address(url) }
        #expect(fault?.description.contains(words) == true, "\(fault?.description ?? "")")
    }
}

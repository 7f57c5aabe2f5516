import Foundation
import Synchronization

/// An HTTP server on a port of this machine that answers as a test says: one thread for each connection.
final class Server: Sendable {
    struct Request: Sendable {
        var head: String
        var body: Data
        /// Which connection it came by, and which request it is, from 0 on.
        var connection = 0
        var number = 0

        var texts: [String] {
            let members = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
            return members?["input"] as? [String] ?? []
        }
    }

    enum Answer: Sendable {
        case full(_ status: Int, _ body: String, headers: [String] = [])
        /// These bytes, then the end of the connection.
        case bytes(String)
        /// One byte at a time, a tenth of a second between two.
        case trickle(String)
        /// The same bytes without end.
        case flood(String)
        case nothing
    }

    private struct State {
        var requests: [Request] = []
        var sockets: [Int32] = []
        var isOver = false
    }

    /// A proxy of the machine's has no business here. Once: libcurl reads the environment meanwhile.
    private static let isWithoutProxy = setenv("no_proxy", "127.0.0.1", 1) == 0

    private let listener: Int32
    private let respond: @Sendable (Request) -> Answer
    private let state = Mutex(State())
    let port: UInt16

    init(_ respond: @escaping @Sendable (Request) -> Answer) {
        _ = Self.isWithoutProxy
        self.respond = respond
        (listener, port) = Self.opened()
        Thread.detachNewThread { [self] in
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                guard let number = kept(socket) else { return }
                Thread.detachNewThread { [self] in serve(socket, number) }
            }
        }
    }

    var url: String { "http://127.0.0.1:\(port)/v1" }
    var requests: [Request] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.sockets.count } }

    private static func opened() -> (Int32, UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(listener, $0, size) == 0 && listen(listener, 16) == 0)
                getsockname(listener, $0, &size)
            }
        }
        return (listener, UInt16(bigEndian: address.sin_port))
    }

    /// Closes everything, at once.
    func stop() {
        let sockets = state.withLock { state in
            state.isOver = true
            return state.sockets
        }
        for socket in sockets + [listener] { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    private func kept(_ socket: Int32) -> Int? {
        state.withLock { state in
            if state.isOver { return nil }
            state.sockets.append(socket)
            return state.sockets.count - 1
        }
    }

    private func serve(_ socket: Int32, _ connection: Int) {
        defer { shutdown(socket, Int32(SHUT_RDWR)) }
        while var request = read(socket) {
            request.connection = connection
            state.withLock { state in
                request.number = state.requests.count
                state.requests.append(request)
            }
            switch respond(request) {
            case .full(let status, let body, let headers):
                let lines = ["HTTP/1.1 \(status) Said", "Content-Length: \(body.utf8.count)"] + headers + ["", ""]
                guard send(socket, lines.joined(separator: "\r\n") + body) else { return }
            case .bytes(let text):
                _ = send(socket, text)
                return
            case .trickle(let text):
                for byte in text.utf8 {
                    guard send(socket, String(UnicodeScalar(byte))) else { return }
                    usleep(100_000)
                }
            case .flood(let text):
                _ = send(socket, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                while send(socket, text) {}
                return
            case .nothing: break
            }
        }
    }

    private func read(_ socket: Int32) -> Request? {
        var (bytes, piece) = (Data(), [UInt8](repeating: 0, count: 65_536))
        var whole = Int.max
        while bytes.count < whole {
            let count = recv(socket, &piece, piece.count, 0)
            guard count > 0 else { return nil }
            bytes += piece[..<count]
            if whole == .max, let end = bytes.range(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                let length = head.lowercased().firstMatch(of: /content-length: (\d+)/).flatMap { Int($0.output.1) }
                whole = end.upperBound + (length ?? 0)
            }
        }
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        return Request(
            head: String(decoding: bytes[..<end.lowerBound], as: UTF8.self), body: Data(bytes[end.upperBound...]))
    }

    private func send(_ socket: Int32, _ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            bytes = bytes.dropFirst(sent)
        }
        return true
    }
}

/// What an honest endpoint answers: vectors that tell their texts apart, in an order of its own.
func honest(_ request: Server.Request) -> Server.Answer { .full(200, vectors(for: request.texts)) }

func vector(of text: String) -> [Float] { [Float(text.utf8.count + 1), Float(text.utf8.first ?? 0), -0.5] }

func vectors(for texts: [String], _ vector: (String) -> [Float] = vector(of:)) -> String {
    let items = texts.enumerated().map { "{\"index\":\($0),\"embedding\":\(vector($1))}" }
    return "{\"object\":\"list\",\"data\":[\(items.reversed().joined(separator: ","))]}"
}

// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import FoundationEssentials
import Glibc
import Membus

@c @implementation
public func membus_api() -> Int32 { Int32(MEMBUS_API) }

@c @implementation
public func membus_last_error() -> UnsafePointer<membus_error>? { LastError.pointer }

@c @implementation
public func membus_keep_error(_ kept: UnsafeMutablePointer<membus_object>?) -> UnsafePointer<membus_error>? {
    guard let kept else { return LastError.pointer }
    kept.pointee = 0
    guard let error = LastError.kept else { return LastError.pointer }
    kept.pointee = ObjectTable.shared.add(error, .error) ?? 0
    return error.pointer
}

@c @implementation
public func membus_free(_ object: membus_object) {
    (ObjectTable.shared.remove(object) as? any DoorObject)?.letGo()
}

@c @implementation
public func membus_find_broker(
    _ said: membus_text, _ program: membus_text, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> Int32 {
    do {
        let (said, environment) = (try said.stringIfAny("broker's address"), processEnvironment())
        let url =
            if let program = try program.stringIfAny("program"), !program.isEmpty {
                try started(said, by: program, environment)
            } else { FoundBroker.find(said: said, in: environment).url }
        return url.utf8.count < capacity && copy(url, to: buffer) ? ok : Int32(MEMBUS_TOO_SMALL)
    } catch is BrokerStart.Interrupted {
        return Int32(MEMBUS_INTERRUPTED)
    } catch { return LastError.set(error) }
}

@c @implementation
public func membus_token_write(_ token: membus_token, _ buffer: UnsafeMutablePointer<CChar>?) {
    _ = copy("\(token.token)", to: buffer)
}

@c @implementation
public func membus_token_read(_ text: membus_text, _ token: UnsafeMutablePointer<membus_token>?) -> Int32 {
    do {
        guard let token else { throw DoorError.missing("place for the token") }
        let given = try text.string("token")
        guard let read = Token(given) else {
            throw DoorError.badArgument(
                "\"\(given)\" is no token", hint: "give lineage:revision:hash, as it was written")
        }
        token.pointee = membus_token(read)
        return ok
    } catch { return LastError.set(error) }
}

private func started(_ said: String?, by program: String, _ environment: [String: String]) throws -> String {
    try FoundBroker.find(said: said, in: environment) { directory in
        let (url, isNew) = try BrokerStart.ensure(directory, by: program, in: environment, untilSignal: true)
        if isNew {
            let line = "membus: \(BrokerStart.told(of: directory))\n"
            _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        }
        return url
    }.url
}

func processEnvironment() -> [String: String] { ProcessInfo.processInfo.environment }

/// With a zero at its end.
private func copy(_ text: String, to buffer: UnsafeMutablePointer<CChar>?) -> Bool {
    guard let buffer else { return false }
    text.withCString { _ = strcpy(buffer, $0) }
    return true
}

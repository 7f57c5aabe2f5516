import CZeroMQ
import FoundationEssentials
import Glibc
import Synchronization

/// Bytes that were sent and not yet taken: libzmq gives a message's memory back once the kernel has it, or its
/// peer is gone. So this is what a socket really holds, which its mark, a number of messages, cannot tell.
final class Account: Sendable {
    private let held = Atomic<Int>(0)
    private let whole: Account?

    /// - Parameter whole: an account that everything is counted in as well.
    init(within whole: Account? = nil) { self.whole = whole }

    var bytes: Int { held.load(ordering: .acquiring) }

    fileprivate func add(_ count: Int) {
        held.add(count, ordering: .acquiringAndReleasing)
        whole?.add(count)
    }
}

/// One message's entry, made when it is sent and settled when its memory is given back, on libzmq's thread.
private final class Charge: Sendable {
    private let account: Account
    private let count: Int

    init(_ count: Int, to account: Account) {
        self.account = account
        self.count = count
        account.add(count)
    }

    func settle() { account.add(-count) }
}

extension Socket {
    /// Sends one frame, the last of its message, counted in the account for as long as libzmq holds it.
    /// - Parameter overhead: is counted as well.
    func send(
        _ bytes: some ContiguousBytes, chargedTo account: Account, besides overhead: Int = 0
    ) throws(BusError) -> Sent {
        var message = zmq_msg_t()
        let code = bytes.withUnsafeBytes { Self.fill(&message, with: $0, overhead, chargedTo: account) }
        guard code == 0 else { throw BusError(code: code, action: "send on a \(kind) socket") }
        while zmq_msg_send(&message, handle, ZMQ_DONTWAIT) < 0 {
            let code = zmq_errno()
            if code == EINTR { continue }
            _ = zmq_msg_close(&message)  // which settles the charge
            switch code {
            case EAGAIN: return .wouldBlock
            case EHOSTUNREACH: return .unroutable
            default: throw BusError(code: code, action: "send on a \(kind) socket")
            }
        }
        return .sent
    }

    private static func fill(
        _ message: inout zmq_msg_t, with bytes: UnsafeRawBufferPointer, _ overhead: Int,
        chargedTo account: Account
    ) -> Int32 {
        guard let copy = malloc(max(bytes.count, 1)) else { return ENOMEM }
        if let start = bytes.baseAddress { memcpy(copy, start, bytes.count) }
        let charge = Unmanaged.passRetained(Charge(bytes.count + overhead, to: account))
        let code = zmq_msg_init_data(
            &message, copy, bytes.count,
            { copy, charge in
                free(copy)
                if let charge { Unmanaged<Charge>.fromOpaque(charge).takeRetainedValue().settle() }
            }, charge.toOpaque())
        if code == 0 { return 0 }
        let reason = zmq_errno()
        free(copy)
        charge.takeRetainedValue().settle()
        return reason
    }
}

/// A key of a view, resolved once: the fastest way to read it again and again.
public final class Handle: Sendable {
    public let key: Key
    private let shared: SharedView
    /// `nil`: not a key of the view.
    private let slot: Int?
    private let reader: UInt32

    init(shared: SharedView, key: Key, reader: UInt32) {
        self.shared = shared
        self.reader = reader
        self.key = key
        slot = shared.hold(key)
    }

    deinit { if let slot { shared.release(slot) } }

    /// The record with its version, which tells whether a copy of it is still good.
    package func held() throws(MembusError) -> (Record, HeldVersion)? {
        guard let slot else {
            _ = try shared.record(key.text, by: reader)
            return nil
        }
        return try shared.held(slot: slot, key, by: reader)
    }

    /// The record, like ``View/subscript(_:)-(String)``.
    public func record() throws(MembusError) -> Record? {
        guard let slot else { return try shared.record(key.text, by: reader) }
        return try shared.record(slot: slot, key, by: reader)
    }
}

/// Terms, one after the other.
struct TermList {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// As ``TermNames`` names it.
    mutating func append(field name: String.UTF8View, _ term: UnsafeBufferPointer<UInt8>) {
        bytes.append(TermNames.field)
        bytes.append(contentsOf: name)
        bytes.append(TermNames.field)
        bytes.append(contentsOf: term)
        ends.append(bytes.count)
    }

    mutating func append(_ others: TermList) {
        let start = bytes.count
        bytes.append(contentsOf: others.bytes)
        for end in others.ends { ends.append(start + end) }
    }

    func each(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            for end in ends {
                body(UnsafeBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }
}

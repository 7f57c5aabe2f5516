/// Names the terms of JSON's members, one member after the other, in room that is used again.
struct MemberTerms {
    private let members: [RecordText.Member]
    private var current = -1
    private var isNamed = false
    /// What each of its terms begins with, and the term that came last.
    private var bytes: [UInt8] = []
    private var start = 0
    private var size: [UInt8] = []

    init(_ members: [RecordText.Member]) { self.members = members }

    /// To the string that holds a place of the body; of those that are empty, and begin there too, to the last.
    /// - Parameter place: not before the one that came last.
    /// - Returns: whether it is a member that can be named.
    @inline(__always)
    mutating func move(to place: Int) -> Bool {
        if members.isEmpty { return false }
        let last = current
        if current < 0 { current = max(0, members.firstIndex(endingAfter: place) - 1) }
        while current + 1 < members.count, members[current + 1].bytes.lowerBound <= place { current += 1 }
        if current != last { begin() }
        return isNamed
    }

    private mutating func begin() {
        let path = members[current].path.utf8
        isNamed = !path.isEmpty
        bytes.removeAll(keepingCapacity: true)
        bytes.append(TermNames.member)
        bytes.append(contentsOf: path)
        bytes.append(TermNames.field)
        start = bytes.count
        size.removeAll(keepingCapacity: true)
        size.append(TermNames.size)
        size.append(contentsOf: path)
    }

    @inline(__always)
    mutating func with(_ term: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        bytes.removeSubrange(start...)
        bytes.append(contentsOf: term)
        bytes.withUnsafeBufferPointer(body)
    }

    func withSize(_ body: (UnsafeBufferPointer<UInt8>) -> Void) { size.withUnsafeBufferPointer(body) }
}

extension [RecordText.Member] {
    /// Of the first that reaches beyond a place of the body.
    func firstIndex(endingAfter place: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].bytes.upperBound <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

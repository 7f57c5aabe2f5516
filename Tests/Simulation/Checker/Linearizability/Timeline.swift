// Calls and returns in the order of time, as two doubly linked lists in one array of nodes, so that taking an
// operation out and putting it back costs nothing:
//
//   answered:  head ⇄ call 0 ⇄ call 1 ⇄ return 1 ⇄ return 0 ⇄ …      (operations that came back)
//   open:      head ⇄ call 2 ⇄ …                                     (operations that never did)
//
// Node numbers follow the order of time over both lists. Removing keeps the removed node's own links; nodes are
// put back in the opposite order of their removal, which makes those links right again.
struct Timeline {
    static let answered = 0, open = 1, firstNode = 2
    private(set) var next: [Int] = [0, 1]
    private var previous: [Int] = [0, 1]
    private(set) var operation: [Int] = [-1, -1]
    /// Of a call the node of its return, of an open call 0, of a return and a head -1.
    private(set) var match: [Int] = [-1, -1]

    /// - Parameter spans: when each operation was called, and when it returned.
    init(_ spans: [(called: Int, returned: Int?)]) {
        var marks: [(time: Int, isReturn: Int, operation: Int)] = []
        for (number, span) in spans.enumerated() {
            marks.append((span.called, 0, number))
            if let returned = span.returned { marks.append((returned, 1, number)) }
        }
        marks.sort { ($0.time, $0.isReturn, $0.operation) < ($1.time, $1.isReturn, $1.operation) }
        var calls = [Int](repeating: 0, count: spans.count)
        for mark in marks {
            let node = next.count
            append(mark.operation, to: spans[mark.operation].returned == nil ? Self.open : Self.answered)
            if mark.isReturn == 1 {
                match[node] = -1
                match[calls[mark.operation]] = node
            } else {
                calls[mark.operation] = node
            }
        }
    }

    private mutating func append(_ number: Int, to head: Int) {
        let node = next.count
        next.append(head)
        previous.append(previous[head])
        next[previous[head]] = node
        previous[head] = node
        operation.append(number)
        match.append(0)
    }

    func isCall(_ node: Int) -> Bool { match[node] >= 0 }
    func isOpen(_ node: Int) -> Bool { match[node] == 0 }

    /// Up to which something may be ordered next: what is called after it came too late.
    var firstReturn: Int {
        var node = next[Self.answered]
        while isCall(node) { node = next[node] }
        return node
    }

    mutating func remove(_ call: Int) {
        unlink(call)
        if match[call] > 0 { unlink(match[call]) }
    }

    mutating func restore(_ call: Int) {
        if match[call] > 0 { link(match[call]) }
        link(call)
    }

    private mutating func unlink(_ node: Int) {
        next[previous[node]] = next[node]
        previous[next[node]] = previous[node]
    }

    private mutating func link(_ node: Int) {
        next[previous[node]] = node
        previous[next[node]] = node
    }
}

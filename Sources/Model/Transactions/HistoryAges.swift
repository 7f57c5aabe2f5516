/// How old history is, by no wall clock: for how long brokers have run since a revision was the newest. A clock that is
/// set makes nothing older, and neither does a time in which no broker ran: history is rather kept too long.
///
/// Marks say at which age of the store which revision was its newest. They stand the closer the younger they are: what
/// is told of a revision's age is too little by a thirty-second part of it at most, and never too much.
package struct HistoryAges: Hashable, Sendable {
    package struct Mark: Hashable, Sendable {
        /// The newest revision then; all up to it were there.
        package var revision: Revision
        /// The store's age then, in milliseconds.
        package var age: Int64
        /// The newest commit's time then: commit times never run back, so that all that bear an earlier one were there.
        package var time: Timestamp

        package init(revision: Revision, age: Int64, time: Timestamp) {
            self.revision = revision
            self.age = age
            self.time = time
        }
    }

    /// In the order of their ages and revisions.
    package private(set) var marks: [Mark]
    /// For how long brokers have run on the store, in milliseconds, as far as is known.
    package private(set) var age: Int64
    /// Marks stand no closer than this, in milliseconds.
    private static let closest: Int64 = 50
    private static let most = 1500

    /// - Parameter marks: kept from an earlier run. What came after the last of them counts as of now.
    package init(marks: [Mark] = []) {
        self.marks = marks
        age = marks.last?.age ?? 0
    }

    /// A broker has run on it for so long.
    package mutating func pass(_ time: Duration) { age += max(0, time.wholeMilliseconds) }

    /// - Parameter always: however close the last mark is.
    package mutating func mark(_ revision: Revision, _ time: Timestamp, always: Bool = false) {
        if let last = marks.last {
            guard revision > last.revision || time > last.time, always || age >= last.age + Self.closest else { return }
            if age == last.age { marks.removeLast() }
        }
        marks.append(Mark(revision: revision, age: age, time: time))
        if marks.count > Self.most { thin() }
    }

    /// The newest of the marks that were made longer ago than this; `nil`: nothing is known to be so old.
    package func mark(before span: Duration) -> Mark? {
        let limit = age &- span.wholeMilliseconds
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].age < limit { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : marks[low - 1]
    }

    /// Each that stays is older than the next by no more than a thirty-second of its age, if the marks were.
    private mutating func thin() {
        var kept: [Mark] = []
        for (index, mark) in marks.enumerated() {
            guard let before = kept.last, index + 1 < marks.count else {
                kept.append(mark)
                continue
            }
            // Whether the next could follow the one before.
            if marks[index + 1].age - before.age > (age - marks[index + 1].age) / 32 { kept.append(mark) }
        }
        // The oldest go if even so they are too many.
        marks = Array(kept.suffix(Self.most / 2))
    }
}

/// Postings on their way into the file, in the order of their terms, some at a time: whoever asks meanwhile finds each term in one
/// of the two.
struct PendingFlush {
    let postings: PendingPostings
    private let order: [Int]
    /// Of each term, by number: whether it is written.
    private var written: [Bool]
    private var next = 0

    init(_ postings: PendingPostings) {
        self.postings = postings
        order = postings.sorted
        written = [Bool](repeating: false, count: order.count)
    }

    var isDone: Bool { next == order.count }

    /// Its number, if it is still to be written.
    func unwritten(_ term: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let number = postings.terms.find(term), !written[number] else { return nil }
        return number
    }

    mutating func write(_ most: Int, to table: PostingTable, by encoder: PostingEncoder) throws {
        for _ in 0..<most where !isDone {
            let number = order[next]
            postings.encode(number, by: encoder)
            try postings.terms.withTerm(number) { try table.write(encoder, of: $0) }
            written[number] = true
            next += 1
        }
    }

    /// What was written is not: it was rolled back.
    mutating func startOver() {
        next = 0
        written = [Bool](repeating: false, count: order.count)
    }
}

// Which part of a seed's history is played. Every move draws from dice of its own, made of the seed and the
// move's number, so that leaving one out does not change what the others are.

/// All of a seed's history, or what a shrunk story needs of it.
package struct Part: Hashable, Sendable {
    /// How many moves come before faults end.
    package var moves: Int
    /// Numbers of moves that are not made. Their time passes all the same.
    package var without: Set<Int> = []
    /// Only so many agents are there; what the others would do is not done.
    package var agents: Int?
    package var spared: Set<Mercy> = []
    /// The mutant's kind of world without its bug: there nothing may be found.
    package var isControl = false

    package init(moves: Int) { self.moves = moves }

    /// Enough for a history to get into trouble, and out of it.
    package static let usualMoves = 80

    /// A kind of fault that does not happen.
    package enum Mercy: String, CaseIterable, Sendable {
        case lostRequests = "lost-requests"
        case lostReplies = "lost-replies"
        case lostEvents = "lost-events"
        case slowness
    }

    /// The moves that are made.
    package var made: [Int] { (0..<moves).filter { !without.contains($0) } }

    // MARK: As arguments of the command

    package var arguments: String {
        var words = ["--steps \(moves)"]
        if !without.isEmpty { words.append("--without \(Self.text(of: without))") }
        if let agents { words.append("--agents \(agents)") }
        if !spared.isEmpty { words.append("--spare \(spared.map(\.rawValue).sorted().joined(separator: ","))") }
        if isControl { words.append("--control") }
        return words.joined(separator: " ")
    }

    /// `3,7,9-12`
    static func text(of numbers: Set<Int>) -> String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers.sorted() {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    /// - Returns: `nil` if it is no list of numbers and ranges.
    package static func numbers(in text: String) -> Set<Int>? {
        var numbers: Set<Int> = []
        for word in text.split(separator: ",") {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            switch (ends.first, ends.last, ends.count) {
            case (.some(.some(let low)), .some(.some(let high)), 1...2) where low <= high && high < 1_000_000:
                numbers.formUnion(low...high)
            default: return nil
            }
        }
        return numbers
    }
}

extension Profile {
    mutating func spare(_ mercies: Set<Part.Mercy>) {
        for mercy in mercies {
            switch mercy {
            case .lostRequests: lostRequests = 0
            case .lostReplies: lostReplies = 0
            case .lostEvents: lostEvents = 0
            case .slowness: (slow, writing, reading) = (0, 0...2, 0...2)
            }
        }
    }
}

/// The search for the first of some commits, in their order, after which something fails. Nobody tries anything here: it names
/// the one to try next, and is told what came of it.
///
///     good | 41 44 52 60 = bad     try 44, the middle: it fails, so the first is 41 or 44
///     good | 41 44                 try 41: it holds, so 44 is the first
///
/// Before the first all is known to hold; with the last it is known to fail, so that is never tried. What fails once is taken
/// to go on failing.
package struct Bisection: Sendable {
    package enum Verdict: String, Sendable {
        case good, bad
        /// It can't be told there.
        case skipped
    }

    package enum Next: Hashable, Sendable {
        /// The place of the commit to try.
        case attempt(Int)
        /// The first with which it fails.
        case found(Int)
        /// All that could decide between these was skipped.
        case undecided(ClosedRange<Int>)
    }

    /// The last place known to hold; -1: before the first.
    private var good = -1
    /// The first known to fail.
    private var bad: Int
    private var skipped: Set<Int> = []

    /// - Precondition: there is at least one commit.
    package init(of count: Int) {
        precondition(count > 0, "what fails has been changed by a commit")
        bad = count - 1
    }

    /// How many tries it takes at most, if none is skipped.
    package static func tries(for count: Int) -> Int {
        count < 2 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }

    package var next: Next {
        let middle = (good + bad) / 2
        // The nearest to the middle halves best what is left.
        for distance in 0..<max(1, bad - good) {
            for place in [middle - distance, middle + distance]
            where good < place && place < bad && !skipped.contains(place) {
                return .attempt(place)
            }
        }
        return bad - good == 1 ? .found(bad) : .undecided(good + 1...bad)
    }

    package mutating func take(_ verdict: Verdict, at place: Int) {
        precondition(good < place && place < bad, "it was not asked")
        switch verdict {
        case .good: good = place
        case .bad: bad = place
        case .skipped: skipped.insert(place)
        }
    }
}

import MembusModel

/// Of each branch, by its number, a revision; 0: none. What states contain of all branches are such vectors. They are many, of
/// thousands of branches each, and mostly alike: so they share the pieces that are the same, and what two of them have
/// in common is found without looking into those.
struct BranchVector: Hashable, Sendable {
    private static let width = 32

    /// Of branches whose numbers follow each other; never changed.
    private final class Piece: Sendable {
        let revisions: [Revision]
        init(_ revisions: [Revision]) { self.revisions = revisions }
    }

    /// `nil`: none of its branches has any.
    private var pieces: [Piece?] = []

    init() {}

    init(_ revisions: some Sequence<(Int64, Revision)>) {
        for (branch, revision) in revisions { raise(branch, to: revision) }
    }

    subscript(branch: Int64) -> Revision {
        let place = Int(branch)
        guard place >= 0, place / Self.width < pieces.count, let piece = pieces[place / Self.width] else { return 0 }
        return piece.revisions[place % Self.width]
    }

    /// Unless it is as high.
    mutating func raise(_ branch: Int64, to revision: Revision) {
        if revision > self[branch] { set(branch, revision) }
    }

    mutating func set(_ branch: Int64, _ revision: Revision) {
        let (number, place) = (Int(branch) / Self.width, Int(branch) % Self.width)
        while pieces.count <= number { pieces.append(nil) }
        var revisions = pieces[number]?.revisions ?? [Revision](repeating: 0, count: Self.width)
        revisions[place] = revision
        pieces[number] = Piece(revisions)
    }

    /// Of each branch the higher one.
    mutating func formMax(_ other: BranchVector) {
        join(other) {
            $0 >= $1 ? $0 : $1
        } whenOneIsMissing: {
            $0 ?? $1
        }
    }

    /// Of each branch the lower one.
    mutating func formMin(_ other: BranchVector) {
        join(other) {
            $0 <= $1 ? $0 : $1
        } whenOneIsMissing: { _, _ in
            nil
        }
    }

    /// - Parameter choose: gives one of its arguments.
    private mutating func join(
        _ other: BranchVector, _ choose: (Revision, Revision) -> Revision,
        whenOneIsMissing: (Piece?, Piece?) -> Piece?
    ) {
        while pieces.count < other.pieces.count { pieces.append(nil) }
        for number in pieces.indices {
            let (mine, theirs) = (pieces[number], number < other.pieces.count ? other.pieces[number] : nil)
            guard mine !== theirs else { continue }
            guard let mine, let theirs else {
                pieces[number] = whenOneIsMissing(mine, theirs)
                continue
            }
            let chosen = zip(mine.revisions, theirs.revisions).map(choose)
            if chosen == mine.revisions { continue }
            // Pieces that are alike should be one.
            pieces[number] = chosen == theirs.revisions ? theirs : Piece(chosen)
        }
    }

    /// So much is looked at to compare it with another.
    var pieceCount: Int { pieces.count }

    /// The branches that have a revision, in the order of their numbers.
    var all: [(branch: Int64, revision: Revision)] {
        var all: [(branch: Int64, revision: Revision)] = []
        for (number, piece) in pieces.enumerated() {
            guard let piece else { continue }
            for (place, revision) in piece.revisions.enumerated() where revision > 0 {
                all.append((Int64(number * Self.width + place), revision))
            }
        }
        return all
    }

    /// The branches of which the two have other revisions, in the order of their numbers.
    func differences(from other: BranchVector) -> [(branch: Int64, mine: Revision, theirs: Revision)] {
        var found: [(branch: Int64, mine: Revision, theirs: Revision)] = []
        for number in 0..<max(pieces.count, other.pieces.count) {
            let mine = number < pieces.count ? pieces[number] : nil
            let theirs = number < other.pieces.count ? other.pieces[number] : nil
            if mine === theirs { continue }
            for place in 0..<Self.width {
                let (a, b) = (mine?.revisions[place] ?? 0, theirs?.revisions[place] ?? 0)
                if a != b { found.append((Int64(number * Self.width + place), a, b)) }
            }
        }
        return found
    }

    static func == (a: Self, b: Self) -> Bool { a.differences(from: b).isEmpty }

    func hash(into hasher: inout Hasher) {
        for (branch, revision) in all {
            hasher.combine(branch)
            hasher.combine(revision)
        }
    }

    /// Looks through many vectors, and through a piece that several of them share once.
    struct Union {
        private var seen: Set<ObjectIdentifier> = []
        /// Held, so that no other takes the place of one that was seen.
        private var held: [Piece] = []

        init() {}

        /// What the vector has that none before it had in the same piece.
        /// - Parameter own: is left out: a vector of its own has another.
        mutating func add(_ vector: BranchVector, without own: Int64, _ tell: (Int64, Revision) -> Void) {
            for (number, piece) in vector.pieces.enumerated() {
                guard let piece else { continue }
                let isOwn = Int(own) / BranchVector.width == number
                if !isOwn, !seen.insert(ObjectIdentifier(piece)).inserted { continue }
                held.append(piece)
                for (place, revision) in piece.revisions.enumerated() where revision > 0 {
                    let branch = Int64(number * BranchVector.width + place)
                    if branch != own { tell(branch, revision) }
                }
            }
        }
    }
}

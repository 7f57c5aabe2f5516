import MembusModel
import MembusStore

// All versions that are kept, in the order of their commits, each with the passages of its value; in memory:
//
//   versions   place, key, branch, kind, the next version of the key on its branch, the first of its passages
//   units      a passage each: its version, its words
//
// A version shows on its branch at R if it is at or before R and the next one is not. A state is read off these columns: VisibleState.

struct Columns {
    static let none = UInt32.max

    // Of each version.
    private(set) var places: [Int64] = []
    private(set) var keyOf: [UInt32] = []
    private(set) var branchOf: [UInt32] = []
    private(set) var next: [UInt32] = []
    private(set) var isDeleted: [Bool] = []
    private(set) var kindOf: [UInt32] = []
    private(set) var firstUnit: [UInt32] = []

    /// A passage.
    struct Unit {
        var words: UInt8
        var content: ContentName
    }

    // Of each unit.
    private(set) var versionOf: [UInt32] = []
    private(set) var length: [UInt8] = []
    /// What its vector is of.
    private(set) var content: [ContentName] = []

    // Of each key.
    private let keyNames = TermTable()
    private(set) var kinds: [Kind] = []
    private var numberOfKind: [Kind: UInt32] = [:]
    /// The version that was the first of each.
    private var firstOfKind: [UInt32] = []
    private(set) var numbered = NumberedPlaces()

    private struct Line: Hashable {
        var branch: UInt32
        var key: UInt32
    }
    /// The newest version of each key, on the first branch that was seen (mostly `main`) and on others.
    private var firstBranch: UInt32?
    private var newestOnFirst: [UInt32] = []
    private var newest: [Line: UInt32] = [:]

    var versionCount: Int { places.count }
    var unitCount: Int { versionOf.count }
    var keyCount: Int { keyNames.count }

    func key(_ number: UInt32) -> Key {
        Key(unchecked: keyNames.withTerm(Int(number)) { String(decoding: $0, as: UTF8.self) })
    }

    func withKey<T>(_ number: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
        keyNames.withTerm(Int(number), body)
    }

    /// By the bytes of their names.
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
        keyNames.precedes(Int(a), Int(b))
    }

    func number(of key: Key) -> UInt32? {
        var text = key.text
        return text.withUTF8 { keyNames.find($0).map { UInt32($0) } }
    }

    /// Its passages.
    func units(of version: UInt32) -> Range<UInt32> {
        let after = Int(version) + 1
        return firstUnit[Int(version)]..<(after < firstUnit.count ? firstUnit[after] : UInt32(unitCount))
    }

    /// Words of its body.
    func words(of version: UInt32) -> Int { units(of: version).reduce(0) { $0 + Int(length[Int($1)]) } }

    func place(of version: UInt32) -> LogCursor { LogCursor(position: places[Int(version)]) }

    /// - Parameter passages: none: it is a deletion.
    /// - Precondition: it comes after all before.
    mutating func add(_ key: Key, _ kind: Kind = .text, on branch: Int64, at place: LogCursor, passages: [Unit]) {
        precondition(places.last.map { $0 < place.position } ?? true, "versions come in the order of their commits")
        let (version, branch) = (UInt32(places.count), UInt32(truncatingIfNeeded: branch))
        let key = number(orNew: key)
        if let before = replaceNewest(of: key, on: branch, by: version) { next[Int(before)] = version }
        kindOf.append(number(orNew: kind))
        places.append(place.position)
        keyOf.append(key)
        branchOf.append(branch)
        next.append(Self.none)
        isDeleted.append(passages.isEmpty)
        firstUnit.append(UInt32(unitCount))
        for passage in passages {
            versionOf.append(version)
            length.append(passage.words)
            content.append(passage.content)
        }
    }

    private mutating func replaceNewest(of key: UInt32, on branch: UInt32, by version: UInt32) -> UInt32? {
        if firstBranch == nil { firstBranch = branch }
        guard branch == firstBranch else {
            return newest.updateValue(version, forKey: Line(branch: branch, key: key))
        }
        while newestOnFirst.count < keyCount { newestOnFirst.append(Self.none) }
        let before = newestOnFirst[Int(key)]
        newestOnFirst[Int(key)] = version
        return before == Self.none ? nil : before
    }

    private mutating func number(orNew key: Key) -> UInt32 {
        var text = key.text
        let known = keyNames.count
        let number = text.withUTF8 { UInt32(keyNames.number(of: $0)) }
        if number == known {
            numbered.add(number, named: text) { [keyNames] in
                keyNames.precedes(Int($0), Int($1))
            }
        }
        return number
    }

    private mutating func number(orNew kind: Kind) -> UInt32 {
        if let known = numberOfKind[kind] { return known }
        let number = UInt32(kinds.count)
        kinds.append(kind)
        numberOfKind[kind] = number
        firstOfKind.append(UInt32(places.count))
        return number
    }

    /// How many kinds the versions before one are of: they are numbered as they come.
    func kindCount(before version: Int) -> Int {
        firstOfKind.firstIndex { Int($0) >= version } ?? firstOfKind.count
    }

    /// It shows nowhere any more: nobody asks for the states that showed it.
    mutating func forget(_ version: UInt32) { branchOf[Int(version)] = Self.none }

    func isForgotten(_ version: Int) -> Bool { branchOf[version] == Self.none }

    /// The columns that a state is read off, without a look at their bounds each time.
    struct Rows {
        let branchOf: UnsafeBufferPointer<UInt32>
        let next: UnsafeBufferPointer<UInt32>
        let isDeleted: UnsafeBufferPointer<Bool>
        let keyOf: UnsafeBufferPointer<UInt32>
        let firstUnit: UnsafeBufferPointer<UInt32>
        let unitCount: UInt32

        @inline(__always)
        func units(of version: Int) -> (first: UInt32, end: UInt32) {
            (firstUnit[version], version + 1 < firstUnit.count ? firstUnit[version + 1] : unitCount)
        }
    }

    func withRows<T>(_ body: (Rows) -> T) -> T {
        branchOf.withUnsafeBufferPointer { branchOf in
            next.withUnsafeBufferPointer { next in
                isDeleted.withUnsafeBufferPointer { isDeleted in
                    keyOf.withUnsafeBufferPointer { keyOf in
                        firstUnit.withUnsafeBufferPointer { firstUnit in
                            body(
                                Rows(
                                    branchOf: branchOf, next: next, isDeleted: isDeleted, keyOf: keyOf,
                                    firstUnit: firstUnit, unitCount: UInt32(unitCount)))
                        }
                    }
                }
            }
        }
    }

    /// How many versions there are up to a revision.
    func count(upTo revision: Revision) -> Int {
        let end = LogCursor.end(of: revision).position
        if let last = places.last, last <= end { return places.count }
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle] <= end { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

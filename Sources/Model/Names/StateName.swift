/// Names a state of the memory: a branch as of some moment.
///
/// As text: `main` is a branch as it is now; `main@66` as of revision 66, `main@2h` as it was two hours ago,
/// `main@2026-03-01T12:00:00Z` at that time (a date alone means its start, in UTC), `main~3` before the newest three commits
/// that it has. Without a branch, `66`, `@2h`, `~3` are of the branch that is worked on. Where a branch's own name looks like one of
/// these, what follows the last sign counts: a branch `66` is named `66~0`. A name alone may be a tag's, too, since no tag has
/// a branch's name: `before-the-trip`.
public struct StateName: Hashable, Sendable, CustomStringConvertible {
    public enum Moment: Hashable, Sendable {
        case now
        case revision(Revision)
        /// Before the newest so many commits that the branch has, those it inherited among them.
        case back(Int)
        /// After the last commit up to then, by the broker's clock.
        case time(Timestamp)
        /// That long ago, by the clock of whoever asks.
        case ago(Duration)
        /// What the tag names, on whatever branch that is.
        case tag(TagName)
    }

    /// `nil`: the branch that is worked on.
    public var branch: BranchName?
    public var moment: Moment

    public init(_ branch: BranchName?, _ moment: Moment = .now) {
        self.branch = branch
        self.moment = moment
    }

    /// A branch as it is now, or as of a revision.
    public static func branch(_ name: BranchName, at revision: Revision? = nil) -> StateName {
        StateName(name, revision.map { .revision($0) } ?? .now)
    }

    /// The branch that is worked on, as of a revision.
    public static func revision(_ revision: Revision) -> StateName { StateName(nil, .revision(revision)) }

    /// What a tag names.
    public static func tag(_ name: TagName) -> StateName { StateName(nil, .tag(name)) }

    /// The branch that is worked on, as it is now.
    public static let now = StateName(nil)

    /// The revision that it names, if it does.
    public var revision: Revision? {
        if case .revision(let revision) = moment { revision } else { nil }
    }

    /// As of when, as `--at` has it: a moment of the branch that is worked on (`66`, `10m`, `~3`), or a state by its name
    /// (`main@66`, `trial~3`, a tag, a branch).
    /// - Throws: ``InvalidName`` for what is none of these.
    public init(at text: String) throws(InvalidName) {
        if let moment = Moment(text) { self.init(nil, moment) } else { try self.init(text) }
    }

    /// - Throws: ``InvalidName`` for what is no name of a branch.
    public init(_ text: String) throws(InvalidName) {
        if let moment = Moment(text), case .revision = moment {
            self.init(nil, moment)
        } else if let (name, moment) = Self.parted(text) {
            self.init(name.isEmpty ? nil : try BranchName(name), moment)
        } else {
            self.init(try BranchName(text))
        }
    }

    /// At the last sign that a moment follows.
    private static func parted(_ text: String) -> (branch: String, moment: Moment)? {
        let signs: [Unicode.Scalar] = ["@", "~"]
        guard let sign = text.unicodeScalars.lastIndex(where: { signs.contains($0) }) else { return nil }
        let isTime = text.unicodeScalars[sign] == "@"
        let start = isTime ? text.unicodeScalars.index(after: sign) : sign
        let moment = Moment(String(text.unicodeScalars[start...]))
        return moment.map { (String(text.unicodeScalars[..<sign]), $0) }
    }

    /// For people: "now", too, and a branch by its name, whatever that looks like.
    public var description: String {
        switch (branch, moment) {
        case (nil, .now): "now"
        case (let branch?, .now): branch.text
        case (nil, .revision(let revision)): "\(revision)"
        case (_, .tag(let name)): name.text
        case (let branch, .back(let count)): "\(branch?.text ?? "")~\(count)"
        case (let branch, let moment): "\(branch?.text ?? "")@\(moment)"
        }
    }

    /// Of the branch that is worked on, where it names none.
    /// - Parameter now: by the asker's clock.
    package func on(_ working: BranchName, now: Timestamp) -> BranchState {
        let at: BranchState.Moment =
            switch moment {
            case .now: .head
            case .revision(let revision): .revision(revision)
            case .back(let count): .back(count)
            case .time(let time): .time(time)
            case .ago(let duration):
                .time(Timestamp(milliseconds: now.milliseconds &- duration.wholeMilliseconds))
            case .tag(let name): .tag(name)
            }
        return BranchState(branch ?? working, at)
    }
}

extension StateName.Moment: CustomStringConvertible {
    /// A revision, `~3`, a length of time with its unit (`2h`), a date, or date and time in UTC; `nil` for anything else.
    public init?(_ text: String) {
        if text.utf8.first == UInt8(ascii: "~") {
            guard let count = Self.number(text.dropFirst()), count <= Int32.max else { return nil }
            self = .back(Int(count))
        } else if let revision = Self.number(text[...]) {
            self = .revision(revision)
        } else if let duration = Duration(written: text) {
            self = .ago(duration)
        } else if let time = Timestamp(written: text) {
            self = .time(time)
        } else {
            return nil
        }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return Int64(text)
    }

    public var description: String {
        switch self {
        case .now: "now"
        case .revision(let revision): "\(revision)"
        case .back(let count): "~\(count)"
        case .time(let time): time.written
        case .ago(let duration): "\(duration.wholeMilliseconds)ms"
        case .tag(let name): name.text
        }
    }
}

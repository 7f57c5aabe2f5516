/// What one part of a record (its value, its attributes…) becomes where both sides may have changed it.
enum MergedPart<Content> {
    /// The sides say the same.
    case both
    case ours
    case theirs
    case made(Content)

    var isOurs: Bool {
        switch self {
        case .both, .ours: true
        case .theirs, .made: false
        }
    }
    var isTheirs: Bool {
        switch self {
        case .both, .theirs: true
        case .ours, .made: false
        }
    }

    /// The part itself. Where the sides say the same in different words, ours stay.
    func content(ours: Content, theirs: Content) -> Content {
        switch self {
        case .both, .ours: ours
        case .theirs: theirs
        case .made(let content): content
        }
    }

    /// What is new about it, in other words.
    func map<Other>(_ transform: (Content) -> Other) -> MergedPart<Other> {
        switch self {
        case .both: .both
        case .ours: .ours
        case .theirs: .theirs
        case .made(let content): .made(transform(content))
        }
    }
}

extension MergedPart where Content: Equatable {
    /// A part that was made: it may have come out as one of the sides.
    init(_ made: Content, ours: Content, theirs: Content) {
        self =
            switch (made == ours, made == theirs) {
            case (true, true): .both
            case (true, false): .ours
            case (false, true): .theirs
            case (false, false): .made(made)
            }
    }
}

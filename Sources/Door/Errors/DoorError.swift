/// What goes wrong at the door itself, beside what the client throws.
enum DoorError: Error, Sendable {
    case badHandle(UInt64, ObjectKind)
    /// The object is of the process that this one was forked from.
    case forked(ObjectKind)
    case badArgument(String, hint: String)
    /// The object has a call under way.
    case occupied(ObjectKind)
    case tooMany

    var message: String {
        switch self {
        case .badHandle(0, let kind): "no \(kind.words) was given"
        case .badHandle(let number, let kind): "0x\(String(number, radix: 16)) is no \(kind.words), or was freed"
        case .forked(let kind): "the \(kind.words) belongs to the process that this one was forked from"
        case .badArgument(let what, _): what
        case .occupied(let kind): "the \(kind.words) has a call under way"
        case .tooMany: "too many objects are in use"
        }
    }

    var hint: String {
        switch self {
        case .badHandle(_, let kind): "use the number that the \(kind.words) was given with, until it is freed"
        case .forked: "connect again in this process"
        case .badArgument(_, let hint): hint
        case .occupied: "wait for that call first"
        case .tooMany: "free what is no longer used"
        }
    }
}

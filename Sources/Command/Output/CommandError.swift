import Glibc
import Membus
import MembusBus
import MembusDocuments
import MembusStore

/// Why a command did not do what it was asked: what happened, to which thing, what to do next, and what the
/// shell is told.
struct CommandError: Error, Sendable {
    /// The protocol's name where it has one (`BELOW_FLOOR`), else one in its manner (`NOT_FOUND`).
    var code: String
    var message: String
    var hint: String
    var exitCode: CommandExit
    /// Replaces the usual object: a conflict tells every key that failed.
    var json: JSONValue?
    /// There is nothing more to say.
    var isSilent = false
    /// The object on standard output has said it all.
    var isToldInJSON = false

    init(_ code: String, _ message: String, hint: String, _ exitCode: CommandExit = .error, json: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.exitCode = exitCode
        self.json = json
    }

    init(_ error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as MembusError: self.init(error)
        case let refusal as Refusal: self.init(refusal)
        case let error as StoreError:
            self.init("STORE_\(Self.upper(error.kind.rawValue))", error.message, hint: error.hint)
        case let error as BusError:
            let place = error.endpoint.map { " \($0)" } ?? ""
            self.init("BUS", "cannot \(error.action)\(place): \(error.reason)", hint: error.hint)
        case let name as InvalidName: self.init("INVALID_NAME", name.description, hint: "correct the name", .usage)
        case is ReaderGone, is CancellationError:
            self.init("ENDED", "", hint: "", .done)
            isSilent = true
        default: self.init("ERROR", "\(error)", hint: "")
        }
    }

    private init(_ refusal: Refusal) {
        let exit: CommandExit =
            switch refusal.code {
            case .unknownBranch, .unknownTag: .notFound
            // What was given is wrong, whatever the memory holds.
            case .invalidName, .invalidArgument, .invalidValue: .usage
            default: .error
            }
        self.init(Self.upper("\(refusal.code)"), refusal.message, hint: refusal.hint, exit)
    }

    private init(_ error: MembusError) {
        switch error {
        case .refused(let refusal): self.init(refusal)
        case .conflict(let failed, let position):
            self.init(
                "CONFLICT", Human.conflict(failed), hint: "read what is there now, then try again", .conflict,
                json: .conflict(failed, at: position))
        case .unsettled(let conflicts, let unlisted, let position):
            self.init(
                "UNSETTLED", Human.unsettled(conflicts, unlisted),
                hint: conflicts.allSatisfy { $0.kind == .otherRead }
                    ? "pick what it had read first, or without --same-reads"
                    : "decide   "
                        + conflicts.prefix(3).map { "--resolve " + ShellWord("\($0.key)=ours").text }
                        .joined(separator: " "),
                .conflict,
                json: .unsettled(conflicts, unlisted: unlisted, at: position))
        default: self.init(Self.code(of: error), error.whatHappened, hint: error.hint)
        }
    }

    private static func code(of error: MembusError) -> String {
        switch error {
        case .refused(let refusal): upper("\(refusal.code)")
        case .conflict: "CONFLICT"
        case .unsettled: "UNSETTLED"
        // What every try was refused with says more than that they took too long.
        case .timeout(_, outcomeUnknown: false, let last): last.map { upper("\($0.code)") } ?? "TIMEOUT"
        case .timeout: "TIMEOUT"
        case .stale: "STALE"
        case .closed: "CLOSED"
        case .notHere: "NOT_HERE"
        case .notFollowed: "NOT_FOLLOWED"
        case .committedButNotSeen: "COMMITTED_BUT_NOT_SEEN"
        case .historyChanged: "HISTORY_DIFFERS"
        case .overCapacity: "OVER_CAPACITY"
        case .invalidName: "INVALID_NAME"
        case .warmFile: "WARM_FILE"
        case .file: "FILE"
        }
    }

    static func notFound(_ message: String, hint: String) -> CommandError {
        CommandError("NOT_FOUND", message, hint: hint, .notFound)
    }

    /// `belowFloor` to `BELOW_FLOOR`.
    static func upper(_ name: String) -> String {
        name.reduce(into: "") { text, letter in
            if letter.isUppercase { text += "_" }
            text += letter.uppercased()
        }
    }

    var object: JSONValue {
        if let json { return json }
        var error: JSONValue = ["code": .string(code), "message": .string(message)]
        if !hint.isEmpty { error = error + ["hint": .string(hint)] }
        return ["error": error]
    }

    func show(asJSON: Bool, on output: Output) {
        guard !isSilent else { return }
        if asJSON {
            if isToldInJSON { return }
            do {
                try output.line(object)
                try output.flush()
            } catch is CommandError {
                // It cannot be written there, and must be said somewhere.
                warn()
            } catch {}
        } else {
            warn()
        }
    }

    private func warn() {
        Output.warn(
            message.escapingControls(but: "\n") + (hint.isEmpty ? "" : "\n        " + hint.escapingControls(but: "\n")))
    }
}

extension String {
    /// Like `escapingControlCharacters`, line by line.
    func escapingControls(but separator: Character) -> String {
        split(separator: separator, omittingEmptySubsequences: false).map { String($0).escapingControlCharacters }
            .joined(separator: String(separator))
    }
}

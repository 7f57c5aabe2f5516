// The two text formats of Porcupine's published histories:
//
//   INFO  jepsen.util - 3  :invoke  :cas  [3 0]                              one register: Jepsen's test of etcd
//   {:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}      texts under keys
//
// A process calls, and its next line returns. A read that timed out is left out, any other operation without a
// return is open. Lines of another shape (the nemesis, comments) say nothing about operations.

package enum PorcupineLog {
    case register([Performed<SingleRegister.Operation, SingleRegister.Response>])
    case texts([Performed<TextMap.Operation, String>])

    /// - Returns: `nil` if no line is of either format.
    package init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        if let register = Self.read(lines, Self.registerLine) {
            self = .register(register)
        } else if let texts = Self.read(lines, Self.textLine) {
            self = .texts(texts)
        } else {
            return nil
        }
    }

    package var count: Int {
        switch self {
        case .register(let history): history.count
        case .texts(let history): history.count
        }
    }

    package func verdict(limit: Int = 50_000_000) -> LinearizabilityVerdict {
        switch self {
        case .register(let history): linearizability(of: history, by: SingleRegister(), limit: limit)
        case .texts(let history): linearizability(of: history, by: TextMap(), limit: limit)
        }
    }

    // MARK: Reading

    private struct Line<Operation, Response> {
        var process: Int
        var what: What
        enum What {
            case call(Operation)
            case answer(Response)
            /// It failed in a way that leaves no trace.
            case nothing
        }
    }

    private static func read<Operation, Response>(
        _ lines: [Substring], _ parse: (Substring) -> Line<Operation, Response>?
    ) -> [Performed<Operation, Response>]? {
        var history: [Performed<Operation, Response>] = []
        var pending: [Int: Int] = [:]
        var dropped: Set<Int> = []
        for (time, text) in lines.enumerated() {
            guard let line = parse(text) else { continue }
            switch line.what {
            case .call(let operation):
                pending[line.process] = history.count
                history.append(Performed(operation, called: time, outcome: nil))
            case .answer(let response):
                if let call = pending.removeValue(forKey: line.process) { history[call].outcome = (response, time) }
            case .nothing:
                if let call = pending.removeValue(forKey: line.process) { dropped.insert(call) }
            }
        }
        if history.isEmpty { return nil }
        return history.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
    }

    private static func registerLine(_ text: Substring) -> Line<SingleRegister.Operation, SingleRegister.Response>? {
        guard text.hasPrefix("INFO"), text.contains("jepsen.util") else { return nil }
        let words = text.split { " \t[]".contains($0) }.drop { $0 != "-" }.dropFirst().map(String.init)
        guard words.count >= 4, let process = Int(words[0]) else { return nil }
        let numbers = words[3...].map { Int($0) }
        let what: Line<SingleRegister.Operation, SingleRegister.Response>.What
        switch (words[1], words[2]) {
        case (":invoke", ":read"): what = .call(.read)
        case (":invoke", ":write"):
            guard let value = numbers[0] else { return nil }
            what = .call(.write(value))
        case (":invoke", ":cas"):
            guard numbers.count == 2, let from = numbers[0], let to = numbers[1] else { return nil }
            what = .call(.swap(from: from, to: to))
        case (":ok", ":read"): what = .answer(.value(numbers[0]))
        case (":ok", ":write"): what = .answer(.written)
        case (":ok", ":cas"): what = .answer(.swapped(true))
        case (":fail", ":cas"): what = .answer(.swapped(false))
        case (":fail", ":read"): what = .nothing
        default: return nil
        }
        return Line(process: process, what: what)
    }

    private static func textLine(_ text: Substring) -> Line<TextMap.Operation, String>? {
        let pattern = /\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (nil|"(.*)")\}/
        guard let match = text.wholeMatch(of: pattern), let process = Int(match.1) else { return nil }
        let value = match.6.map(String.init) ?? ""
        if match.2 == "ok" { return Line(process: process, what: .answer(match.3 == "get" ? value : "")) }
        let action: TextMap.Action
        switch match.3 {
        case "get": action = .get
        case "put": action = .put(value)
        default: action = .append(value)
        }
        return Line(process: process, what: .call(TextMap.Operation(String(match.4), action)))
    }
}

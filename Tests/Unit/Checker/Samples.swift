import MembusChecker
import MembusModel

/// Clients that run at the same time: each calls, has its effect at a moment drawn between call and return, and
/// returns. Such a history is linearizable by construction.
struct Concurrency {
    struct Span: Hashable {
        var client: Int
        var called: Int
        var effect: Int
        var returned: Int
        /// The outcome is lost: the effect, if there is one, comes at its moment all the same.
        var isOpen = false
    }

    /// In the order of effects.
    static func spans(clients: Int, each: Int, openPercent: Int = 0, rest: Int = 10, _ random: inout SeededRandom)
        -> [Span]
    {
        var spans: [Span] = []
        for client in 0..<clients {
            var time = Int.random(in: 0...50, using: &random)
            for _ in 0..<each {
                let length =
                    Int.random(in: 1...40, using: &random) * (Int.random(in: 0..<8, using: &random) == 0 ? 5 : 1)
                let isOpen = Int.random(in: 0..<100, using: &random) < openPercent
                let effect = time + Int.random(in: 0...length, using: &random)
                spans.append(
                    Span(client: client, called: time, effect: effect, returned: time + length, isOpen: isOpen))
                time += length + Int.random(in: 1...rest, using: &random)
            }
        }
        return spans.sorted { ($0.effect, $0.client, $0.called) < ($1.effect, $1.client, $1.called) }
    }
}

typealias RegisterHistory = [Performed<SingleRegister.Operation, SingleRegister.Response>]
typealias TextHistory = [Performed<TextMap.Operation, String>]

enum Samples {
    /// A register that works, used by several clients.
    static func register(clients: Int, each: Int, values: Int, openPercent: Int, _ random: inout SeededRandom)
        -> RegisterHistory
    {
        var state: Int?
        return Concurrency.spans(clients: clients, each: each, openPercent: openPercent, &random).map { span in
            let operation: SingleRegister.Operation =
                switch Int.random(in: 0..<3, using: &random) {
                case 0: .read
                case 1: .write(Int.random(in: 0..<values, using: &random))
                default:
                    .swap(
                        from: Int.random(in: 0..<values, using: &random), to: Int.random(in: 0..<values, using: &random)
                    )
                }
            if span.isOpen, Bool.random(using: &random) {
                return Performed(operation, called: span.called, outcome: nil)
            }
            let response = perform(operation, on: &state)
            return Performed(operation, called: span.called, outcome: span.isOpen ? nil : (response, span.returned))
        }
    }

    private static func perform(_ operation: SingleRegister.Operation, on state: inout Int?) -> SingleRegister.Response
    {
        switch operation {
        case .read: return .value(state)
        case .write(let value):
            state = value
            return .written
        case .swap(let from, let to):
            guard state == from else { return .swapped(false) }
            state = to
            return .swapped(true)
        }
    }

    /// Texts under keys that work. Appended texts are all different, so that a read tells all that came before.
    static func texts(clients: Int, each: Int, keys: Int, _ random: inout SeededRandom) -> TextHistory {
        var state: [String: String] = [:]
        var count = 0
        return Concurrency.spans(clients: clients, each: each, rest: 4 * clients, &random).map { span in
            let key = "\(Int.random(in: 0..<keys, using: &random))"
            count += 1
            let text = "x \(span.client) \(count) y"
            let action: TextMap.Action =
                switch Int.random(in: 0..<10, using: &random) {
                case 0: .put(text)
                case 1...5: .append(text)
                default: .get
                }
            var found = ""
            switch action {
            case .get: found = state[key] ?? ""
            case .put: state[key] = text
            case .append: state[key, default: ""] += text
            }
            return Performed(TextMap.Operation(key, action), called: span.called, outcome: (found, span.returned))
        }
    }
}

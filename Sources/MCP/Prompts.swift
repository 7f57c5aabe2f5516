import MembusDocuments
import MembusModel

/// What a person can hand a model, so that it uses shared memory well.
struct Prompt: Sendable {
    struct Argument: Sendable {
        let name: String
        let description: String
        var isRequired = false
        /// What completes it.
        let completion: Completion
    }
    enum Completion: Sendable { case topics, keys }

    let name: String
    let title: String
    let description: String
    let arguments: [Argument]
    let text: @Sendable ([String: String]) -> String

    /// How to use shared memory, for every client that shows it to its model.
    static let instructions = """
        Membus is memory that you share with other agents. Read before you write, and pass the revision that you read as \
        if_revision: if somebody was faster, the result says what is there now. Claim a task's key before you work on it, \
        and release it when you are done. Say why in message. Instead of asking again and again, wait for a topic to \
        change. Try something out on a branch (fork), compare it (diff), bring it back (merge); take back what was \
        wrong (undo). Keys are paths (plans/paris/day-1); what belongs together shares a prefix. Hand another agent \
        the token of what you saw or wrote, and it will see at least that.
        """

    static let graphInstructions = """
        A knowledge graph that you share with other agents: entities with observations, and relations between them. \
        What others add appears at once, and nothing that is added at the same time is lost.
        """

    static let all: [Prompt] = [
        Prompt(
            name: "share_memory", title: "Use shared memory",
            description: "How to work with memory that other agents read and write, too.",
            arguments: [
                Argument(
                    name: "topic", description: "What the work is about: a prefix such as plans/.", completion: .topics)
            ]
        ) { given in
            instructions
                + (given["topic"].map {
                    " Your work is about \($0): begin by listing it, and wait for its changes when you have nothing to do."
                } ?? "")
        },
        Prompt(
            name: "take_task", title: "Take a task",
            description: "Claim a task, do it, write down what came of it, release it.",
            arguments: [
                Argument(
                    name: "key", description: "The task's key, such as tasks/book-flight.", isRequired: true,
                    completion: .keys)
            ]
        ) { given in
            let key = given["key"] ?? ""
            return """
                Do the task \(key) from shared memory. First claim claims/\(key); if somebody else holds it, tell who, and \
                stop. Then read \(key) and whatever it names. Extend the claim while you work, with the revision that you were \
                given last. Write what came of it in one transaction: the result, and the task's new state, with if_revision \
                for each record that you read, and a change of the claim's key that has nothing but its if_revision; say why \
                in message. If there is a conflict, read what is there now, and decide again. Release the claim at the end.
                """
        },
    ]

    static var listed: JSONValue {
        .array(
            all.map { prompt in
                [
                    "name": .string(prompt.name), "title": .string(prompt.title),
                    "description": .string(prompt.description),
                    "arguments": .array(
                        prompt.arguments.map {
                            [
                                "name": .string($0.name), "description": .string($0.description),
                                "required": .bool($0.isRequired),
                            ]
                        }),
                ]
            })
    }

    static func named(_ name: String) throws(ProtocolError) -> Prompt {
        guard let prompt = all.first(where: { $0.name.hasSameBytes(as: name) }) else {
            throw .invalidParams("there is no prompt \"\(name.shown)\"")
        }
        return prompt
    }

    static func get(_ params: JSONNode?, _ era: Era) throws(ProtocolError) -> JSONValue {
        let prompt: Prompt
        var given: [String: String] = [:]
        do {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            prompt = try named(try fields.need("name").string())
            var arguments = try fields.take("arguments")?.fields()
            for argument in prompt.arguments {
                let text = try arguments?.take(argument.name)?.string()
                if text == nil, argument.isRequired {
                    throw JSONError(path: "arguments", reason: "\"\(argument.name)\" is missing")
                }
                given[argument.name] = text
            }
        } catch let error as JSONError {
            throw ProtocolError(error)
        } catch let error as ProtocolError {
            throw error
        } catch {
            throw .inside("\(error)")
        }
        return era.result([
            "description": .string(prompt.description),
            "messages": [["role": "user", "content": ["type": "text", "text": .string(prompt.text(given))]]],
        ])
    }
}

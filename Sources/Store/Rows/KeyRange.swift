import FoundationEssentials
import MembusModel

/// The keys of a topic as SQLite compares them: `from` ≤ key < `below`.
struct KeyRange {
    let from: String
    let below: SQLValue

    init(_ topic: Topic) {
        if topic.isEverything {
            from = ""
            below = KeyRange.afterAllText
        } else if topic.isPrefix {
            from = topic.text
            // '0' follows '/', so this follows every key that starts with the prefix.
            below = .text(String(Substring(topic.text.utf8.dropLast())) + "0")
        } else {
            from = topic.text
            // Keys hold no control characters: nothing lies between the two.
            below = .text(topic.text + "\u{1}")
        }
    }

    /// SQLite orders every text before every blob.
    private static let afterAllText = SQLValue.blob(Data([0]))
}

import FoundationEssentials
import MembusModel

/// What an endpoint says for itself when it refuses: one line, short, without control characters, and without the key,
/// which some repeat.
enum RefusalText {
    /// In bytes: no refusal in earnest is longer.
    private static let mostRead = 65_536
    private static let mostShown = 300

    static func words(in body: Data, hiding key: String?) -> String {
        let said = body.count <= mostRead ? message(in: body) : nil
        return shown(said ?? plain(body), hiding: key)
    }

    static func shown(_ text: String, hiding key: String?) -> String {
        let hidden = key.map { text.replacing($0, with: "[key]") } ?? text
        let line = hidden.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let short = line.count > mostShown ? line.prefix(mostShown) + "…" : line[...]
        return String(short).escapingControlCharacters
    }

    /// `{"error": {"message": …}}` of OpenAI, `{"error": …}`, `{"message": …}` and `{"detail": …}` of others.
    private static func message(in body: Data) -> String? {
        guard case .object(let members)? = try? JSON(parsing: body) else { return nil }
        for (name, value) in members where names.contains(where: name.plain.elementsEqual) {
            if let text = value.plainString { return String(decoding: text, as: UTF8.self) }
            guard case .object(let inner) = value else { continue }
            for (name, value) in inner where name.plain.elementsEqual("message".utf8) {
                if let text = value.plainString { return String(decoding: text, as: UTF8.self) }
            }
        }
        return nil
    }

    private static let names = ["error", "message", "detail"].map { Array($0.utf8) }

    private static func plain(_ body: Data) -> String {
        let text = String(decoding: body.prefix(4 * mostShown), as: UTF8.self)
        let isPage = text.drop(while: \.isWhitespace).first == "<"
        return isPage ? "a web page" : text
    }
}

import Foundation
import MembusModel
import MembusRecording

/// The lines of several processes' records, in the order of their times.
struct Recording {
    private(set) var lines: [RecordedLine] = []
    /// Lines that a kill cut short: at most one for each file.
    private(set) var cut = 0

    init(files: [String]) throws {
        for file in files { try read(file) }
        // What was told at one moment stays in the order of its file.
        lines = lines.enumerated().sorted { ($0.element.t, $0.offset) < ($1.element.t, $1.offset) }.map(\.element)
    }

    private mutating func read(_ file: String) throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw Unreadable("there is no file \(file)")
        }
        let decoder = JSONDecoder()
        let texts = data.split(separator: UInt8(ascii: "\n"))
        for (index, text) in texts.enumerated() {
            do { lines.append(try decoder.decode(RecordedLine.self, from: Data(text))) } catch {
                guard index == texts.count - 1 else { throw Unreadable("\(file), line \(index + 1): \(error)") }
                cut += 1
            }
        }
    }
}

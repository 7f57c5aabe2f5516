import Foundation
import MembusModel
import MembusRecording

/// What happened, in figures.
struct Summary: Encodable {
    var faults: [String: Int] = [:]
    var transactions: [String: Int] = [:]
    var reads: [String: Int] = [:]
    var failures: [String: Int] = [:]
    var views: [String: Int] = [:]
    var watches: [String: Int] = [:]
    var commits = 0
    var histories = 0
    /// Commits that are no longer in the store.
    var compacted = 0
    var lines = 0
    var cutLines = 0
    var seconds = 0.0
    var violations: [String] = []

    init(_ recording: Recording) {
        (lines, cutLines) = (recording.lines.count, recording.cut)
        if let first = recording.lines.first, let last = recording.lines.last {
            seconds = Double(last.t - first.t) / 1e9
        }
        var lineages: [String: Lineage] = [:]
        for line in recording.lines { count(line, &lineages) }
    }

    private mutating func count(_ line: RecordedLine, _ lineages: inout [String: Lineage]) {
        switch line.fact {
        case .fault(let kind, _): faults[kind, default: 0] += 1
        case .invoked: transactions["asked", default: 0] += 1
        case .finished(_, let ending): transactions[Self.name(ending), default: 0] += 1
        case .read(let read): reads[read.how, default: 0] += 1
        case .failed(let what, let why): failures["\(what): \(why)", default: 0] += 1
        case .following(_, _, _, _, let start):
            views[start == nil ? "followed" : "followed from a warm file", default: 0] += 1
        case .watched(let view, let told, let isLive, let isAwake, _):
            let seen = isLive ? isAwake ? "seen live" : "seen live, not judged" : "seen stale"
            views[seen, default: 0] += 1
            guard let token = told.flatMap({ Token($0) }) else { return }
            let name = "\(line.agent).\(line.life).\(view)"
            if let old = lineages.updateValue(token.lineage, forKey: name), old != token.lineage {
                views["reset", default: 0] += 1
            }
        case .changed(_, let key, _, _): views[key == nil ? "told of everything" : "told of a change", default: 0] += 1
        case .rested: views["at rest", default: 0] += 1
        case .watching(_, _, _, let after):
            watches[after == nil ? "started from now on" : "started after a token", default: 0] += 1
        case .delivered: watches["told of a change", default: 0] += 1
        case .watchEnded(_, let why): watches[why.map { "ended: \($0)" } ?? "left", default: 0] += 1
        case .watchRested: watches["at rest", default: 0] += 1
        case .left, .listening, .replaced, .calm, .recovered, .restedAt: break
        }
    }

    private static func name(_ ending: ToldEnding) -> String {
        switch ending {
        case .committed: "committed"
        case .held: "held"
        case .conflict: "conflict"
        case .committedUnseen: "committed, not seen in time"
        case .refused(let why): "refused: \(why)"
        case .unknown: "unknown"
        }
    }
}

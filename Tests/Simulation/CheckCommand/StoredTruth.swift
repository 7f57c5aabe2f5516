import Foundation
import MembusChecker
import MembusModel
import MembusStore

/// What a stopped broker's data directory holds: the history that it served last, and those that were replaced by
/// a backup before, which a restore keeps beside it.
enum StoredTruth {
    static func truths(in directory: String) throws -> [Lineage: Truth] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        var truths: [Lineage: Truth] = [:]
        for name in names where isStore(name) {
            let truth = try read(directory + "/" + name)
            guard truths.updateValue(truth, forKey: truth.lineage) == nil else {
                throw Unreadable("\(directory) holds two histories of lineage \(truth.lineage)")
            }
        }
        if truths.isEmpty { throw Unreadable("there is no store in \(directory)") }
        return truths
    }

    private static func isStore(_ name: String) -> Bool {
        name == "membus.db"
            || name.hasPrefix("membus.db.before-restore-") && !["-wal", "-shm"].contains { name.hasSuffix($0) }
    }

    private static func read(_ file: String) throws -> Truth {
        let reader = try Store.reader(ofFile: file)
        var truth = Truth(lineage: reader.lineage, branches: try reader.branches(visible: .max))
        var log = Request.Log(branch: nil, ascending: true, limit: 10_000, values: true)
        var cut: Commit?
        var more = true
        while more {
            let page = try reader.log(log, visible: .max)
            for commit in page.commits {
                if cut?.info.revision == commit.info.revision {
                    // A commit that a page's end cut in two.
                    cut?.records += commit.records
                    continue
                }
                try append(cut, to: &truth)
                cut = commit
            }
            (log.cursor, more) = (page.next, page.more)
        }
        try append(cut, to: &truth)
        return truth
    }

    private static func append(_ commit: Commit?, to truth: inout Truth) throws {
        guard let commit, !truth.append(commit) else { return }
        throw Unreadable("revision \(commit.info.revision) follows \(truth.head.revision) in the log")
    }
}

/// Something that was to be checked cannot be read.
struct Unreadable: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

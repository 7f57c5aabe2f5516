import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Tags, and the list of branches")
struct TagTests {
    private let trial = BranchName(unchecked: "trial")

    private func state(_ world: World, _ name: String) throws -> [String: String] {
        let page = try world.reader.diff(
            GetDiff(
                from: BranchState(.main, .tag(TagName(unchecked: name))),
                to: BranchState(.main, .tag(TagName(unchecked: name))), filter: .everything, isSummary: true),
            visible: world.head)
        return try world.state(on: try #require(page.fromBranch), at: page.from.revision)
    }

    @Test("a tag names its state for good, with who made it, why and when")
    func made() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        let name = TagName(unchecked: "first")
        let works = [
            Work.tag(TagChange(name, .create(branch: .main, at: 1), message: "as it was")),
            .tag(TagChange(TagName(unchecked: "now"), .create(branch: .main, at: nil))),
        ]
        for work in works { _ = try world.revision(world.write(work)) }
        let tags = try world.reader.names(GetBranches(.tags(after: nil)), visible: world.head).tags
        #expect(tags.map(\.name.text) == ["first", "now"] && tags.map(\.revision) == [1, 3])
        #expect(tags[0].agent == "ada" && tags[0].message == "as it was" && tags[0].time == world.now)
        #expect(tags[0].created == 3 && !tags[0].holdsHistory)
        #expect(try state(world, "first") == ["a": "1"])
        for name in ["first", "main"] {
            let refusal = try world.refusal(.tag(TagChange(TagName(unchecked: name), .create(branch: .main, at: 2))))
            #expect(refusal.code == (name == "main" ? .branchExists : .tagExists))
        }
        #expect(try world.refusal(.fork(Fork(name: BranchName(unchecked: "first")))).code == .tagExists)
        #expect(try world.refusal(.tag(TagChange(TagName(unchecked: "x"), .delete))).code == .unknownTag)
        #expect(
            try world.refusal(.tag(TagChange(TagName(unchecked: "x"), .create(branch: .main, at: 99)))).code
                == .beyondHead)
        try world.deleteTag("first")
        #expect(throws: Refusal.self) { try state(world, "first") }
        // Its name may be used again.
        try world.tag("first", at: 2)
        #expect(try state(world, "first") == ["a": "2"])
    }

    @Test("what a tag names is kept, whatever the floor passes, until it is taken away; then it goes")
    func pins() throws {
        let world = try World()
        for number in 1...3 { for key in ["a", "b", "c"] { try world.put(key, "\(number)") } }
        try world.delete("a")
        try world.tag("early", at: 4)
        try world.put("a", "9")
        try world.compact(to: world.head)
        #expect(try state(world, "early") == ["a": "2", "b": "1", "c": "1"])
        #expect(try world.reader.names(GetBranches(.tags(after: nil)), visible: world.head).tags[0].holdsHistory)
        #expect(throws: Refusal.self) { try world.state(at: 5) }
        // It can be forked, and gone back to.
        let fork = try world.fork("from-tag", at: 4)
        #expect(try world.state(on: fork) == ["a": "2", "b": "1", "c": "1"])
        _ = try world.revision(world.write(.rollback(Rollback(.main, to: 4, filter: .everything))))
        #expect(try world.state() == ["a": "2", "b": "1", "c": "1"])
        try world.deleteTag("early")
        #expect(throws: Refusal.self) { try world.state(at: 4) }
        #expect(try world.state(on: fork) == ["a": "2", "b": "1", "c": "1"])
        try world.change(fork, .delete)
        try world.compact(to: world.head)
        let left = try world.writer.connection.perform("counting") { try $0.integer("SELECT count(*) FROM changes") }
        #expect(left == 3)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("a diff with a tag below the floor tells what changed since")
    func diff() throws {
        let world = try World()
        for key in ["a", "b", "c"] { try world.put(key, "1") }
        try world.tag("then", at: 3)
        for number in 2...4 { try world.put("a", "\(number)") }
        try world.delete("b")
        try world.put("new", "1")
        try world.compact(to: world.head)
        let page = try world.reader.diff(
            GetDiff(
                from: BranchState(.main, .tag(TagName(unchecked: "then"))), to: BranchState(.main), filter: .everything),
            visible: world.head)
        let told = page.differences.map { "\($0.key) \($0.from?.text ?? "-") \($0.to?.text ?? "-")" }.sorted()
        #expect(told == ["a 1 4", "b 1 -", "new - 1"])
    }

    @Test(
        "whatever is written, forked, tagged, deleted and compacted, tags and branches show what they did",
        arguments: 0..<40)
    func random(seed: Int) throws {
        var dice = SeededRandom(seed: UInt64(seed))
        func roll(_ below: Int) -> Int { Int.random(in: 0..<below, using: &dice) }
        let world = try World()
        try world.put("k/0", "0")
        var branches = [BranchName.main]
        var truth: [BranchName: [String: String]] = [.main: ["k/0": "0"]]
        var tags: [String: (branch: BranchName, revision: Revision, state: [String: String])] = [:]
        var names = 0
        for step in 0..<160 {
            let branch = branches[roll(branches.count)]
            switch roll(20) {
            case 0..<9:
                try world.put("k/\(roll(6))", "\(step)", on: branch)
            case 9..<11: _ = try world.write(.change("k/\(roll(6))", .delete, on: branch))
            case 11..<13 where branches.count < 6:
                names += 1
                branches.append(try world.fork("b\(names)", from: branch))
            case 13:
                names += 1
                try world.tag("t\(names)", on: branch)
                tags["t\(names)"] = (branch, world.head - 1, try world.state(on: branch, at: world.head - 1))
            case 14:
                guard let name = tags.keys.sorted().randomElement(using: &dice) else { break }
                try world.deleteTag(name)
                tags[name] = nil
            case 15 where branch != .main:
                try world.change(branch, .delete)
                branches.removeAll { $0 == branch }
                truth[branch] = nil
            case 16: _ = try world.write(.merge(Merge(branch)))
            case 17...: try world.compact(to: world.head - Revision(roll(8)))
            default: break
            }
            for branch in branches { truth[branch] = try world.state(on: branch) }
        }
        try world.compact(to: world.head)
        for branch in branches { #expect(try world.state(on: branch) == truth[branch], "\(branch), seed \(seed)") }
        for (name, tag) in tags {
            #expect(try world.state(on: tag.branch, at: tag.revision) == tag.state, "\(name), seed \(seed)")
        }
        // Once nothing holds the past there is nothing of it.
        for name in tags.keys.sorted() { try world.deleteTag(name) }
        for branch in branches.reversed() where branch != .main { try world.change(branch, .delete) }
        try world.compact(to: world.head)
        let rows = try world.writer.connection.perform("counting") {
            try $0.integer("SELECT count(*) FROM changes WHERE branch = 1 AND kind IS NOT NULL")
        }
        #expect(rows == Int64(truth[.main]?.count ?? 0), "seed \(seed)")
        #expect(try world.reader.verify().problems == [])
    }

    // MARK: The list

    @Test("each branch tells how it stands to its parent; commits that change no record don't count")
    func figures() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        for number in 2...3 { try world.put("a", "\(number)", on: trial) }
        for number in 1...3 { try world.put("b", "\(number)") }
        try world.tag("t")
        try world.tag("u", on: trial)
        func figures(_ name: BranchName) throws -> BranchFigures {
            let page = try world.reader.names(GetBranches(withFigures: true), visible: world.head)
            return try #require(page.branches.first { $0.name == name }?.figures)
        }
        #expect(try figures(trial) == BranchFigures(head: 4, ahead: 2, behind: 3, merged: nil, openConflicts: 0))
        #expect(try figures(.main) == BranchFigures(head: 7, ahead: 0, behind: 0, merged: nil, openConflicts: 0))
        let merge = try world.revision(world.write(.merge(Merge(trial))))
        #expect(
            try figures(trial)
                == BranchFigures(
                    head: 4, ahead: 0, behind: 4, merged: .init(into: .main, revision: merge, source: 4),
                    openConflicts: 0))
        try world.change(trial, .close)
        #expect(try figures(trial).ahead == 0)
        try world.put(".membus/conflicts/9/1", "{}")
        #expect(try figures(.main).openConflicts == 1)
        #expect(try figures(trial).openConflicts == 0)
        let info = try world.reader.names(GetBranches(), visible: world.head).branches
        #expect(info.map(\.isClosed) == [false, true] && info.allSatisfy { $0.figures == nil })
    }

    @Test("the list comes in pages, and takes bounded pieces")
    func pages() throws {
        let world = try World()
        for number in 0..<300 { try world.put("k", "\(number)") }
        for number in 0..<50 { try world.fork("b\(number)", at: Revision(10 + number)) }
        var (after, found, pages) = (BranchName?.none, [BranchInfo](), 0)
        while true {
            let page = try world.reader.names(
                GetBranches(.branches(after: after), withFigures: true, limit: 20), visible: world.head)
            found += page.branches
            pages += 1
            guard page.more else { break }
            after = page.branches.last?.name
        }
        #expect(pages == 3 && found.count == 51)
        for (number, info) in found.dropFirst().enumerated() {
            #expect(info.figures?.behind == Int64(300 - 10 - number) && info.figures?.ahead == 0)
        }
        var read = NamesRead(GetBranches(withFigures: true))
        var pieces = 0
        while true {
            pieces += 1
            if let page = try world.reader.step(&read, looking: 5, visible: world.head) {
                #expect(page.branches == found)
                break
            }
        }
        #expect(pieces > 20)
    }

    @Test("commits tell what they follow")
    func parents() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        try world.fork("trial", at: 1)
        try world.put("b", "1", on: trial)
        try world.put("a", "3")
        _ = try world.write(.merge(Merge(trial)))
        let log = try world.reader.log(GetLog(branch: nil, withParents: true), visible: world.head)
        let told: [[Revision]] = log.commits.map { [$0.info.revision] + $0.parents }
        let expected: [[Revision]] = [[6, 5, 4], [5, 2], [4, 3], [3, 1], [2, 1], [1]]
        #expect(told == expected)
        #expect(try world.reader.log(GetLog(branch: nil), visible: 6).commits.allSatisfy { $0.parents.isEmpty })
    }
}

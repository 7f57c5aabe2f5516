import CMembus
import Foundation
import Membus
import MembusModel
import Testing

@testable import MembusDoor

@Suite("Codes of the C door") struct CodeTests {
    /// What membus.h numbers, by name.
    private static let header: [String: Int] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources/Door/C/include/membus.h")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [:] }
        let codes = text.matches(of: /MEMBUS_(\w+) = (\d+)/).compactMap { match in
            Int(match.output.2).map { (String(match.output.1), $0) }
        }
        return Dictionary(codes.filter { $0.1 >= 10 }, uniquingKeysWith: { first, _ in first })
    }()

    @Test("every refusal of the protocol has its number in the header, and the header none besides")
    func refusals() {
        let numbers = Set(Refusal.Code.allCases.map(\.rawValue))
        #expect(Set(Self.header.values.filter { $0 >= 100 }) == numbers)
        for code in Refusal.Code.allCases {
            let told = ToldError(Refusal(code, "m", subject: "s"))
            #expect(Int(told.code) == code.rawValue && Int(told.remedy) == code.remedy.rawValue)
            #expect(told.subject == "s" && told.message == "m" && !told.hint.isEmpty)
        }
    }

    @Test("every error of the client has a number of its own, and tells what to do")
    func errors() throws {
        let key = try Key("k/1")
        let filter = TopicFilter([try Topic("k/")])
        let token = Token(lineage: Lineage(1), position: Position(revision: 2, hash: 3))
        let errors: [MembusError] = [
            .conflict([], at: token.position), .unsettled([], unlisted: 0, at: token.position),
            .timeout(of: "it", outcomeUnknown: true, last: nil),
            .stale(filter, for: .seconds(1), .fail), .closed, .notHere(key, .evicted), .notFollowed(key, filter),
            .committedButNotSeen(Receipt(token: token, isCommitted: true)), .historyChanged(now: Lineage(2)),
            .overCapacity(filter, needed: 2, capacity: 1), .invalidName(InvalidName(.key, "", "is empty")),
            .warmFile(path: "f", problem: "p", hint: "h"), .file(path: "f", problem: "p"),
        ]
        let told = errors.map { ToldError($0) }
        #expect(Set(told.map(\.code)).count == errors.count)
        #expect(told.allSatisfy { !$0.message.isEmpty && !$0.hint.isEmpty && !$0.name.isEmpty })
        #expect(Set(told.map { Int($0.code) }).isSubset(of: Self.header.values))
        for error in errors { #expect(ToldError.code(of: error) == ToldError(error).code) }
    }

    @Test("what is to be decided is told with its sides, and who wrote them")
    func unsettled() throws {
        let key = try Key("k/1")
        let record = Record(key: key, revision: 3, content: .inline(Data("theirs".utf8)))
        let commit = CommitInfo(
            revision: 3, hash: 4, branch: try BranchName("trial"), agent: "ada", session: nil, number: 1,
            time: Timestamp(milliseconds: 5), context: "", message: "")
        let theirs = MergeVersion(record, by: commit)
        let conflicts = MergeConflictKind.allCases.map { MergeConflict(key: key, kind: $0, theirs: theirs) }
        let told = ToldError(MembusError.unsettled(conflicts, unlisted: 5, at: Position(revision: 7, hash: 8)))
        #expect(told.subject == "k/1" && told.token?.revision == 7)
        let arena = Arena()
        let error = arena.error(told)
        #expect(error.code == Int32(MEMBUS_UNSETTLED) && error.unsettled_count == conflicts.count)
        #expect(error.unlisted_count == 5 && error.conflict_count == 0)
        let first = try #require(error.unsettled).pointee
        #expect(first.base.record.state == Int32(MEMBUS_NONE) && first.ours.commit.revision == 0)
        let agent = try #require(first.theirs.commit.agent.data)
        #expect(first.theirs.record.revision == 3 && strcmp(agent, "ada") == 0)
        let numbers = UnsafeBufferPointer(start: error.unsettled, count: error.unsettled_count).map { Int($0.kind) }
        #expect(numbers == Array(1...conflicts.count))
    }
}

import Foundation
import MembusModel
import Testing

@Suite("Shape of transactions")
struct ShapeTests {
    /// A transaction that breaks exactly one rule of `limits`, what the refusal says, and its code.
    struct Offence: Sendable, CustomTestStringConvertible {
        let limit: String
        let figure: String
        let transaction: Transaction
        var testDescription: String { limit }
        init(_ limit: String, _ figure: String, _ transaction: Transaction) {
            (self.limit, self.figure, self.transaction) = (limit, figure, transaction)
        }
        init(_ limit: String, _ figure: String, put: Put) {
            self.init(limit, figure, Transaction(changes: [Change(key("k"), .put(put))]))
        }
    }

    static let limits: Limits = {
        var limits = Limits()
        limits.keyBytes = 20
        limits.valueBytes = 100
        limits.changesPerTransaction = 5
        limits.transactionBytes = 300
        limits.annotationBytes = 60
        limits.messageBytes = 30
        limits.nameBytes = 16
        limits.keysPerRequest = 4
        return limits
    }()
    static let long = String(repeating: "x", count: 31)
    static let big = Data(repeating: 120, count: 101)

    static let offences = [
        Offence("keyBytes", "31", Transaction(changes: [Change(key(long), .delete)])),
        Offence("keyBytes", "31", Transaction(preconditions: [.absent(key(long))])),
        Offence("keyBytes", "31", Transaction(preconditions: [.unchanged(Topic(unchecked: long), since: 0)])),
        Offence("keyBytes", "31", Transaction(reads: [ReadVersion(key: key(long), version: 1)])),
        Offence("keyBytes", "31", put: Put(Data(), links: [Link(relation: "of", target: key(long))])),
        Offence("valueBytes", "101", put: Put(big)),
        Offence("valueBytes", "101", Transaction(changes: [Change(key("k"), .append(big))])),
        Offence("valueBytes", "101", Transaction(changes: [Change(key("k"), .mergePatch(big))])),
        Offence("changesPerTransaction", "6", Transaction(changes: (0..<6).map { Change(key("\($0)"), .delete) })),
        Offence(
            "transactionBytes", "404",
            Transaction(changes: (0..<4).map { Change(key("\($0)"), .append(big.dropLast())) })),
        Offence("annotationBytes", "65", put: Put(Data(), attributes: ["a": long, "b": String(long.dropLast(3))])),
        Offence("messageBytes", "31", Transaction(message: long)),
        Offence("nameBytes", "31", Transaction(context: long)),
        Offence("nameBytes", "31", put: Put(Data(), kind: Kind(long))),
        Offence("nameBytes", "31", put: Put(Data(), attributes: [long: ""])),
        Offence("nameBytes", "31", put: Put(Data(), links: [Link(relation: long, target: key("t"))])),
        Offence("keysPerRequest", "5", Transaction(preconditions: (0..<5).map { .absent(key("\($0)")) })),
        Offence("keysPerRequest", "5", Transaction(reads: (0..<5).map { ReadVersion(key: key("\($0)"), version: 0) })),
    ]

    @Test("whatever exceeds a limit is refused, naming the limit and the figure", arguments: offences)
    func limits(offence: Offence) throws {
        let failure = try #require(offence.transaction.shapeRefusal(limits: Self.limits))
        #expect(failure.code == .limitExceeded)
        #expect(failure.message.contains(offence.limit) && failure.message.contains(offence.figure), "\(failure)")
    }

    @Test("what keeps to the limits exactly passes")
    func exactly() {
        let put = Put(
            Data(repeating: 120, count: 100), kind: .text, attributes: ["0123456789abcdef": ""],
            links: [Link(relation: "0123456789abcdef", target: key("0123456789abcdef"))],
            expiry: .after(.milliseconds(1)))
        let transaction = Transaction(
            context: "0123456789abcdef", message: String(Self.long.dropFirst()),
            changes: [Change(key("0123456789abcdefghij"), .put(put))])
        #expect(transaction.shapeRefusal(limits: Self.limits) == nil)
        #expect(Fork(name: BranchName(unchecked: "idea"), at: 0).shapeRefusal(limits: Self.limits) == nil)
    }

    @Test(
        "empty names, times that can't be and negative revisions are refused",
        arguments: [
            Offence("kind", "empty", put: Put(Data(), kind: Kind(""))),
            Offence("attribute", "empty", put: Put(Data(), attributes: ["": "x"])),
            Offence("relation", "empty", put: Put(Data(), links: [Link(relation: "", target: key("t"))])),
            Offence("expire", "after", put: Put(Data(), expiry: .after(.zero))),
            Offence("expire", "after", put: Put(Data(), expiry: .after(.seconds(-1)))),
            Offence("expire", "1970", put: Put(Data(), expiry: .at(Timestamp(milliseconds: 0)))),
            Offence("negative", "-1", Transaction(preconditions: [.at(key("k"), -1)])),
            Offence("negative", "-1", Transaction(preconditions: [.unchanged(.everything, since: -1)])),
            Offence("negative", "-1", Transaction(reads: [ReadVersion(key: key("k"), version: -1)])),
            Offence("twice", "k", Transaction(changes: [Change(key("k"), .delete), Change(key("k"), .increment(1))])),
        ])
    func arguments(offence: Offence) throws {
        let failure = try #require(offence.transaction.shapeRefusal(limits: Limits()))
        #expect(failure.code == .invalidArgument)
        #expect(failure.message.contains(offence.limit) && failure.message.contains(offence.figure), "\(failure)")
    }

    @Test("a fork keeps to the limits too")
    func forks() {
        let name = BranchName(unchecked: "idea")
        #expect(Fork(name: name, context: Self.long).shapeRefusal(limits: Self.limits)?.code == .limitExceeded)
        #expect(Fork(name: name, message: Self.long).shapeRefusal(limits: Self.limits)?.code == .limitExceeded)
        #expect(Fork(name: name, at: -1).shapeRefusal(limits: Self.limits)?.code == .invalidArgument)
    }
}

import Foundation
import MembusModel
import Testing

@Suite("Merge policies")
struct MergePoliciesTests {
    private func record(_ name: String, _ value: String, kind: Kind = .json) -> Record {
        Record(
            key: key(".membus/policies/" + name), revision: 1, kind: kind, content: .inline(Data(value.utf8)))
    }

    private func policies(_ values: String...) throws -> MergePolicies {
        try MergePolicies(records: values.enumerated().map { record("\($0)", $1) })
    }

    private func refused(_ records: Record...) -> Refusal? {
        do throws(Refusal) {
            _ = try MergePolicies(records: records)
            return nil
        } catch {
            return error
        }
    }

    @Test("none is set at first; then the kind says which is usual")
    func none() throws {
        #expect(try policies().policy(for: key("a"), kind: .text) == nil)
        #expect(MergePolicy.usual(for: .counter) == .counter && MergePolicy.usual(for: .json) == .json)
        #expect(MergePolicy.usual(for: .text) == .text && MergePolicy.usual(for: Kind("image")) == .ask)
        #expect(MergePolicies.topic.matches(key(".membus/policies/x")))
    }

    @Test("the longest topic counts, and there the one that names the kind")
    func order() throws {
        let policies = try policies(
            #"{"topic":"/","policy":"ask"}"#, #"{"topic":"plans/","policy":"newest"}"#,
            #"{"kind":"json","topic":"plans/","policy":"set"}"#, #"{"topic":"plans/paris","policy":"ours"}"#,
            #"{"topic":"plans/rome/","kind":"text","policy":"theirs"}"#)
        func policy(_ name: String, _ kind: Kind = .text) -> MergePolicy? {
            policies.policy(for: key(name), kind: kind)
        }
        #expect(policy("a") == .ask && policy("plansx") == .ask)
        #expect(policy("plans/a") == .newest && policy("plans/a/b") == .newest)
        #expect(policy("plans/a", .json) == .set)
        #expect(
            policy("plans/paris") == .ours && policy("plans/paris", .json) == .ours, "the longer topic, of any kind")
        #expect(policy("plans/paris/day") == .newest, "an exact key is no prefix")
        #expect(policy("plans/rome/a") == .theirs)
        #expect(policy("plans/rome/a", .json) == .set && policy("plans/rome/a", .counter) == .newest)
        #expect(policy("plans") == .ask)
        let one = try self.policies(#"{"topic":"a","policy":"ours"}"#, #"{"topic":"/","policy":"ask"}"#)
        #expect(one.policy(for: key("a"), kind: .text) == .ours && one.policy(for: key("b"), kind: .text) == .ask)
    }

    @Test("topics and kinds are compared by bytes")
    func bytes() throws {
        let policies = try policies(
            "{\"topic\":\"\u{e9}/\",\"policy\":\"ours\"}", "{\"topic\":\"e\u{301}/\",\"policy\":\"theirs\"}",
            "{\"topic\":\"k/\",\"kind\":\"\u{e9}\",\"policy\":\"ours\"}")
        #expect(policies.policy(for: key("\u{e9}/a"), kind: .text) == .ours)
        #expect(policies.policy(for: key("e\u{301}/a"), kind: .text) == .theirs)
        #expect(policies.policy(for: key("k/a"), kind: Kind("\u{e9}")) == .ours)
        #expect(policies.policy(for: key("k/a"), kind: Kind("e\u{301}")) == nil)
        // Escapes are a spelling.
        #expect(
            try self.policies(#"{"\u0074opic":"\u0061/","policy":"\u006furs"}"#).policy(for: key("a/b"), kind: .text)
                == .ours)
    }

    @Test("every policy can be set by its name", arguments: MergePolicy.allCases)
    func names(policy: MergePolicy) throws {
        #expect(
            try policies(#"{"topic":"a/","policy":"\#(policy.rawValue)"}"#).policy(for: key("a/b"), kind: .text)
                == policy)
    }

    @Test(
        "a record that can't be understood is refused, and named",
        arguments: [
            ("[]", "no object"), ("{", "ends too early"), (#"{"policy":"ours"}"#, "\"topic\" is missing"),
            (#"{"topic":"a/"}"#, "\"policy\" is missing"), (#"{"topic":1,"policy":"ours"}"#, "\"topic\" is no string"),
            (#"{"topic":"a//b","policy":"ours"}"#, "empty segment"), (#"{"topic":"","policy":"ours"}"#, "is empty"),
            (#"{"topic":"a/","policy":"Ours"}"#, "no policy \"Ours\""), (#"{"topic":"a/","policy":null}"#, "no string"),
            (#"{"topic":"a/","kind":null,"policy":"ours"}"#, "\"kind\" is no string"),
            (#"{"topic":"a/","kind":"","policy":"ours"}"#, "\"kind\" is empty"),
            (#"{"topic":"a/","policy":"ours","prio":1}"#, "\"prio\" is unknown"),
            (#"{"topic":"a/","policy":"ours","policy":"ask"}"#, "is there twice"),
            (#"{"topic":"\ud800/","policy":"ours"}"#, "\"topic\" is no string"),
            (#"{"topic":"a/","policy":"ours","\u0007":1}"#, #"\u{7}"#),
        ])
    func unclear(value: String, reason: String) throws {
        let refusal = try #require(refused(record("good", #"{"topic":"a/","policy":"ours"}"#), record("bad", value)))
        #expect(refusal.code == .invalidValue && refusal.subject == ".membus/policies/bad")
        #expect(refusal.message.contains("\".membus/policies/bad\""))
        #expect(refusal.message.contains(reason), "\(refusal.message)")
        #expect(refusal.hint.contains("newest"))
    }

    @Test("so is one of another kind")
    func kind() throws {
        let refusal = try #require(refused(record("a", #"{"topic":"a/","policy":"ours"}"#, kind: .text)))
        #expect(refusal.message.contains("kind text"))
    }

    @Test("two that say different things of the same are refused, in whatever order they come")
    func contradiction() throws {
        let (a, b) = (record("a", #"{"topic":"x/","policy":"ours"}"#), record("b", #"{"topic":"x/","policy":"ask"}"#))
        let refusal = try #require(refused(a, b))
        #expect(refusal == refused(b, a))
        #expect(
            refusal.message.contains("policies/a\" and \".membus/policies/b\"")
                && refusal.message.contains("ours and ask"))
        #expect(refused(a, record("b", #"{"topic":"x/","policy":"ours"}"#)) == nil, "they agree")
        #expect(
            refused(a, record("b", #"{"topic":"x/","kind":"text","policy":"ask"}"#)) == nil, "one is for texts")
    }
}

import MembusChecker
import Testing

/// The two text formats, written by the tests and read back.
@Suite struct LogTests {
    @Test("a register's log is read with its timeouts: a lost read says nothing, a lost write may come any time")
    func registerLog() throws {
        let text = """
            INFO  jepsen.util - 0\t:invoke\t:read\tnil
            INFO  jepsen.util - 0\t:ok\t:read\tnil
            INFO  jepsen.util - 1\t:invoke\t:write\t4
            INFO  jepsen.util - 1\t:info\t:write\t:timed-out
            INFO  jepsen.util - :nemesis\t:info\t:start\t"Cut off"
            INFO  jepsen.util - 2\t:invoke\t:read\tnil
            INFO  jepsen.util - 2\t:fail\t:read\t:timed-out
            INFO  jepsen.util - 2\t:invoke\t:cas\t[4 1]
            INFO  jepsen.util - 2\t:ok\t:cas\t[4 1]
            INFO  jepsen.util - 0\t:invoke\t:cas\t[4 2]
            INFO  jepsen.util - 0\t:fail\t:cas\t[4 2]
            INFO  jepsen.util - 2\t:invoke\t:read\tnil
            """
        let end = "\nINFO  jepsen.util - 2\t:ok\t:read\t"
        let good = try #require(PorcupineLog(text + end + "1"))
        #expect(good.count == 5)
        #expect(good.verdict() == .linearizable)
        let bad = try #require(PorcupineLog(text + end + "4"))
        #expect(bad.verdict() == .violated(longest: [0, 1, 2, 3], stuck: 4))
    }

    @Test("a log of texts is read")
    func textLog() throws {
        let text = """
            {:process 1, :type :invoke, :f :put, :key "a", :value "x"}
            {:process 2, :type :invoke, :f :append, :key "b", :value " 1 y"}
            {:process 1, :type :ok, :f :put, :key "a", :value "x"}
            {:process 2, :type :ok, :f :append, :key "b", :value " 1 y"}
            {:process 1, :type :invoke, :f :get, :key "b", :value nil}
            """
        let good = try #require(PorcupineLog(text + "\n{:process 1, :type :ok, :f :get, :key \"b\", :value \" 1 y\"}"))
        #expect(good.count == 3)
        #expect(good.verdict() == .linearizable)
        let bad = try #require(PorcupineLog(text + "\n{:process 1, :type :ok, :f :get, :key \"b\", :value \"\"}"))
        #expect(bad.verdict() == .violated(longest: [1], stuck: 2))
    }

    @Test("a file of another kind is no log")
    func noLog() {
        #expect(PorcupineLog("hello\nworld\n") == nil)
        #expect(PorcupineLog("") == nil)
    }
}

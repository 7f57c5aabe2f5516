"""Membus and its peers behind one face, for branch_benchmark.py: each runs in a process of its own, with the interpreter that
has it, and takes a request a line. What a request took is measured here, beside the peer, without the lines.

    branch_peers.py membus URL | doltlite FILE | memfork PROGRAM DIRECTORY | memfork-engine

The records of all: `k/0000000` and on, 200 bytes each. A change of some of them replaces the values of keys that lie evenly
spread over all. What each does for a commit, and how durable that is:

    membus          the Python package, over TCP to a broker: a round trip for each call. One fdatasync a commit
    doltlite        in the process: no socket. A table with the key as its primary key and a blob; a connection for each branch.
                    The SQL transaction ends with dolt_commit: one fdatasync, as for dolt_branch and dolt_merge
    memfork         its server, by `memfork mcp`, over standard input and output to its daemon, which flushes each write to the
                    disk (--fsync always, as it comes). It has no commit of several keys: each put is one
    memfork-engine  the same engine in the process, in memory: nothing of it is on any disk
"""

import json
import subprocess
import sys
import time

BYTES = 200
#: In a transaction of Membus at most, unless its broker is told otherwise.
MOST = 1000


def key(number):
    return f"k/{number:07}"


def value(text):
    return (text * BYTES)[:BYTES]


class Membus:
    def __init__(self, url):
        import membus

        self.memory = membus.connect(url, agent="bench")

    def fill(self, count):
        for start in range(0, count, MOST):
            self.commit("main", [key(number) for number in range(start, min(count, start + MOST))], value("first "))

    def fork(self, name):
        self.memory.fork(name)

    def commit(self, branch, keys, text):
        def body(tx):
            for one in keys:
                tx.put(one, text)

        self.memory.transact(body, branch=branch)

    def diff(self, branch):
        return len(list(self.memory.diff("main", branch, page_size=10_000)))

    def merge(self, branch):
        self.memory.merge(branch)

    def count(self, branch, text):
        return sum(record.text == text for record in self.memory.range("k/", branch=branch))


class DoltLite:
    def __init__(self, path):
        import doltlite  # noqa: F401  (has sqlite3 load its library)
        import sqlite3

        self.open = lambda name: sqlite3.connect(f"{path}@{name}" if name else path, isolation_level=None)
        self.branches = {"main": self.open("")}
        main = self.branches["main"]
        assert main.execute("SELECT doltlite_engine()").fetchone() == ("prolly",)
        # 2: FULL.
        assert main.execute("PRAGMA synchronous").fetchone() == (2,)
        main.execute("CREATE TABLE records(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def fill(self, count):
        main = self.branches["main"]
        main.execute("BEGIN")
        main.executemany("INSERT INTO records VALUES(?, ?)", ((key(number), value("first ")) for number in range(count)))
        main.execute("INSERT INTO records VALUES('aside', '')")
        self.end(main, "-A")

    @staticmethod
    def end(connection, which="-a"):
        connection.execute("SELECT dolt_commit(?, '-m', 'bench')", (which,)).fetchall()
        # Nothing is left to commit; but the SQL transaction stays open.
        if connection.in_transaction:
            connection.execute("COMMIT")

    def fork(self, name):
        self.branches["main"].execute("SELECT dolt_branch(?)", (name,)).fetchall()

    def forked(self, name):
        for old in set(self.branches) - {"main"}:
            self.branches.pop(old).close()
        self.branches[name] = self.open(name)

    def commit(self, branch, keys, text):
        connection = self.branches[branch]
        connection.execute("BEGIN")
        connection.executemany("UPDATE records SET value = ? WHERE key = ?", ((text, one) for one in keys))
        self.end(connection)

    def diff(self, branch):
        return len(self.branches["main"].execute(f"SELECT * FROM dolt_diff_records('main', '{branch}')").fetchall())

    def merge(self, branch):
        self.branches["main"].execute("SELECT dolt_merge(?)", (branch,)).fetchall()

    def count(self, branch, text):
        return self.branches[branch].execute(
            "SELECT count(*) FROM records WHERE key <> 'aside' AND value = ?", (text,)).fetchone()[0]


class MemFork:
    def __init__(self, program, directory):
        self.command = [program, "--data-dir", directory, "mcp"]
        self.lines = [self.line()]

    def line(self):
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ask(process, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "bench", "version": "1"})
        self.write(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        return process

    @staticmethod
    def write(process, message):
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()

    @classmethod
    def ask(cls, process, method, **params):
        cls.write(process, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return cls.answer(process)

    @staticmethod
    def answer(process):
        while True:
            line = process.stdout.readline()
            assert line, "MemFork ended"
            told = json.loads(line)
            if told.get("id") == 1:
                assert "result" in told and not told["result"].get("isError"), told
                return told["result"].get("structuredContent")

    def call(self, tool, **arguments):
        return self.ask(self.lines[0], "tools/call", name=f"memfork_{tool}", arguments=arguments)

    def fill(self, count):
        # Each waits some 40 ms for its put, whatever the machine: eight at once.
        lines = self.lines + [self.line() for _ in range(7)]
        for start in range(0, count, len(lines)):
            used = [(lines[number - start], number) for number in range(start, min(count, start + len(lines)))]
            for process, number in used:
                self.write(process, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                    "name": "memfork_put", "arguments": {"key": key(number), "value": value("first "), "branch": "main"}}})
            for process, _ in used:
                self.answer(process)
        for process in lines[1:]:
            process.kill()
            process.wait()

    def fork(self, name):
        self.call("fork", **{"name": name, "from": "main"})

    def commit(self, branch, keys, text):
        for one in keys:
            self.call("put", key=one, value=text, branch=branch)

    def diff(self, branch):
        return self.call("diff", a="main", b=branch)["count"]

    def merge(self, branch):
        told = self.call("merge", source=branch, target="main")
        assert told["result"] == "merged", told

    def count(self, branch, text):
        # One of them: there is no page of values.
        return None

    def close(self):
        self.lines[0].kill()
        subprocess.run([*self.command[:-1], "stop"], capture_output=True)


class MemForkEngine:
    def __init__(self):
        import memfork

        self.database = memfork.Database()

    def fill(self, count):
        self.commit("main", map(key, range(count)), value("first "))

    def fork(self, name):
        self.database.fork(name)

    def commit(self, branch, keys, text):
        text = text.encode()
        for one in keys:
            self.database.put(one, text, branch=branch)

    def diff(self, branch):
        return len(self.database.diff("main", branch))

    def merge(self, branch):
        told = self.database.merge(branch, "main")
        assert told.kind == "merged", told

    def count(self, branch, text):
        return None


PEERS = {"membus": Membus, "doltlite": DoltLite, "memfork": MemFork, "memfork-engine": MemForkEngine}


def perform(peer, asked):
    """-> seconds, and what was found"""
    words = dict(asked)
    name = words.pop("do")
    if "keys" in words:
        words["keys"] = [one if isinstance(one, str) else key(one) for one in words["keys"]]
    begun = time.perf_counter()
    found = getattr(peer, name)(**words)
    took = time.perf_counter() - begun
    if name == "fork" and hasattr(peer, "forked"):
        peer.forked(**words)
    return took, found


def main():
    peer = PEERS[sys.argv[1]](*sys.argv[2:])
    print("{}", flush=True)
    for line in sys.stdin:
        took, found = perform(peer, json.loads(line))
        print(json.dumps({"seconds": took, "found": found}), flush=True)
    if hasattr(peer, "close"):
        peer.close()


if __name__ == "__main__":
    main()

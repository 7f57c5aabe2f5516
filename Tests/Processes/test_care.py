"""Care of the memory: backup and restore, verify, compaction, warm files, export and import, watches that must
not miss anything."""

import contextlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from conversations import Follower
from membus_client import Connection, Refused, Session, request
from membus_protos import bus, memory
import processes
from processes import Broker, Lines, eventually, free_port, membus, run, run_json_lines
from test_cli import call, error_of, put


def put_all(broker, values):
    """Commits each (key, value), one after another."""
    connection = Connection(broker.url, timeout=5)
    session = Session(connection, "filler")
    for key, value in values:
        session.transact(memory.Change(key=key, put=memory.Put(value=value.encode())))
    connection.close()


def offline(*arguments, check=True):
    """Runs `membus` without a broker."""
    ended = subprocess.run([membus(), *arguments], capture_output=True, text=True, timeout=60)
    assert not check or ended.returncode == 0, ended.stderr
    return ended


class Pairs(threading.Thread):
    """Agents that write: each transaction sets two keys to the same number."""

    def __init__(self, broker, agents=3):
        super().__init__(daemon=True)
        self.broker, self.agents = broker, agents
        self.stopping = threading.Event()
        self.written = 0
        self.error = None

    def run(self):
        connections = [Connection(self.broker.url, timeout=2) for _ in range(self.agents)]
        try:
            sessions = [Session(connection, f"pairs-{n}") for n, connection in enumerate(connections)]
            while not self.stopping.is_set():
                for n, session in enumerate(sessions):
                    value = memory.Put(value=str(self.written).encode())
                    session.submit(memory.Transaction(branch="main", changes=[
                        memory.Change(key=f"pairs/{n}/left", put=value),
                        memory.Change(key=f"pairs/{n}/right", put=value),
                        memory.Change(key=f"count/{n}", increment=1)]), window=16)
                    session.step(0)
                self.written += 1
        except Exception as error:
            self.error = error
        finally:
            for connection in connections:
                connection.close()

    def __enter__(self):
        self.start()
        eventually(lambda: self.written > 20)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(30)
        if self.error:
            raise self.error


def assert_whole(broker):
    """No half of a transaction is there."""
    records = {record["key"]: record for record in run_json_lines(broker, "export")}
    lefts = [key for key in records if key.endswith("/left")]
    assert lefts
    for left in lefts:
        right = records[left.replace("/left", "/right")]
        assert records[left]["value"] == right["value"] and records[left]["revision"] == right["revision"]


# ---- Backup, restore, verify


def test_a_backup_made_while_agents_write_is_whole_and_restores_to_a_new_lineage(broker, tmp_path):
    put_all(broker, [("fixed", "x" * 300_000)])
    file = tmp_path / "copy.membus"
    with Pairs(broker):
        told = run_json_lines(broker, "backup", str(file))[0]
        assert told["file"] == str(file) and told["total_bytes"] == file.stat().st_size
        second = tmp_path / "second.membus"
        run(broker, "backup", str(second))
    revision = told["revision"]
    before = run_json_lines(broker, "status")[0]
    assert 0 < revision < before["head"]["revision"]
    checked = json.loads(offline("verify", str(file), "--json").stdout)
    assert checked["problems"] == [] and checked["revision"] == revision

    # It is not written over, and not restored over a store, unless that is asked for.
    assert call(broker, "backup", str(file))[0] == 1
    run(broker, "backup", str(second), "--force")
    other = tmp_path / "other"
    restored = json.loads(offline("restore", str(file), "--data", str(other), "--json").stdout)
    assert restored["revision"] == revision and restored["lineage"] != before["lineage"]
    refused = offline("restore", str(file), "--data", str(other), check=False)
    assert refused.returncode == 1 and "--replace" in refused.stderr
    refused = offline("restore", str(file), "--data", broker.data, "--replace", check=False)
    assert refused.returncode == 1 and "in use" in refused.stderr

    with Broker(other) as copy:
        status = run_json_lines(copy, "status")[0]
        assert status["head"]["revision"] == revision and status["lineage"] == restored["lineage"]
        assert_whole(copy)
        assert run_json_lines(copy, "verify")[0]["problems"] == []
        assert run(copy, "get", "fixed").stdout == "x" * 300_000
        # The same revisions as in the original's past.
        for number in range(3):
            then = run(broker, "get", f"count/{number}", "--at", str(revision)).stdout
            assert run(copy, "get", f"count/{number}").stdout == then
        put(copy, "goes", "on")


def test_views_reset_when_their_broker_comes_back_from_a_backup(broker, tmp_path):
    put_all(broker, [(f"conversations/{number}", "kept") for number in range(20)])
    file = tmp_path / "copy.membus"
    run(broker, "backup", str(file))
    put(broker, "conversations/late", "lost by the restore")
    old = run_json_lines(broker, "status")[0]
    followers = [Follower(broker, mode, "--mode", mode) for mode in ("update", "invalidate")]
    warm = tmp_path / "conversations.warm"
    run(broker, "warm", "conversations/", "--into", str(warm))
    with Lines(broker, "watch", "conversations/", "--from", "0", "--json") as watch:
        watch.until(lambda it: len(it.out) == 21)
        assert followers[0].report(token(old))["count"] == 21
        followers[1].report(token(old))
        broker.stop()
        told = offline("restore", str(file), "--data", broker.data, "--replace")
        assert "before-restore" in told.stdout
        broker.start()
        put(broker, "conversations/new", "of the new history")
        now = run_json_lines(broker, "status")[0]
        assert now["lineage"] != old["lineage"]
        truth = run_json_lines(broker, "debug", "digest", "conversations/")[0]
        for follower in followers:
            report = follower.report(token(now))
            assert (report["count"], report["digest"]) == (21, truth["digest"]), follower.name
            follower.close()
        # A watch cannot go on: what it has shown is not of this history.
        assert watch.wait(30) == 1
        assert "history" in watch.out[-1] and json.loads(watch.out[-1])["error"]["code"] == "HISTORY_DIFFERS"
        assert len(watch.out) == 22
    # The warm file of the old lineage is refused, and says what to do.
    code, error = error_of(broker, "warm", "conversations/", "--into", str(warm))
    assert code == 1 and str(warm) in error["message"] and "remove" in error["message"] + error["hint"]
    warm.unlink()
    assert run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]["records"] == 21


def token(status):
    return f"{status['lineage']}:{status['head']['revision']}:{status['head']['hash']}"


def test_a_restore_that_cannot_be_leaves_the_store_alone(broker, tmp_path):
    put(broker, "a", "b")
    file = tmp_path / "copy.membus"
    run(broker, "backup", str(file))
    broker.stop()
    damaged = tmp_path / "damaged.membus"
    content = bytearray(file.read_bytes())
    content[5000:9000] = random.Random(1).randbytes(4000)
    damaged.write_bytes(content)
    nothing = tmp_path / "nothing.membus"
    nothing.write_bytes(b"")
    for bad in (damaged, nothing, tmp_path / "missing", __file__):
        ended = offline("restore", str(bad), "--data", broker.data, "--replace", "--json", check=False)
        assert ended.returncode == 1 and str(bad) in json.loads(ended.stdout)["error"]["message"], ended.stdout
    broker.start()
    assert run(broker, "get", "a").stdout == "b"


def test_verify_finds_what_was_changed_behind_the_brokers_back(broker, tmp_path):
    put_all(broker, [(f"v/{number % 7}", f"value {number}") for number in range(50)])
    run(broker, "rm", "v/3")
    broker.stop()
    assert "sound" in offline("verify", "--data", broker.data).stdout

    def damaged(statement):
        copy = tmp_path / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(broker.data, copy)
        database = sqlite3.connect(copy / "membus.db")
        database.execute(statement)
        database.commit()
        database.close()
        ended = offline("verify", "--data", str(copy), "--json", check=False)
        assert ended.returncode == 1, statement
        lines = ended.stdout.splitlines()
        assert len(lines) == 1
        return json.loads(lines[0])["problems"]

    for statement, named in (
            ("UPDATE changes SET value = CAST('forged' AS BLOB) WHERE position >> 20 = 17", "17"),
            ("UPDATE changes SET key = 'v/9' WHERE position >> 20 = 18", "18"),
            ("UPDATE commits SET agent = 'somebody else' WHERE revision = 19", "19"),
            ("UPDATE commits SET hash = zeroblob(32) WHERE revision = 20", "20"),
            ("DELETE FROM commits WHERE revision = 21", "21"),
            ("DELETE FROM changes WHERE position >> 20 = 22", "22"),
            ("INSERT INTO changes(position, branch, key) VALUES(23 << 20 | 1, 1, 'x')", "23"),
            ("UPDATE changes SET branch = 77 WHERE position >> 20 = 24", "24")):
        problems = damaged(statement)
        assert any(named in problem for problem in problems), (statement, problems)

    # And by the file's own structure: a page overwritten.
    copy = tmp_path / "page"
    shutil.copytree(broker.data, copy)
    file = copy / "membus.db"
    content = bytearray(file.read_bytes())
    content[4096 * 3:4096 * 4] = random.Random(2).randbytes(4096)
    file.write_bytes(content)
    ended = offline("verify", "--data", str(copy), check=False)
    assert ended.returncode == 1 and (ended.stdout + ended.stderr).strip()
    broker.start()
    assert run_json_lines(broker, "verify")[0]["problems"] == []


# ---- Compaction


def test_below_the_floor_the_answer_is_clear_everywhere(broker):
    put_all(broker, [(f"c/{number % 3}", str(number)) for number in range(30)])
    run(broker, "fork", "keeps", "--at", "5")
    assert run_json_lines(broker, "compact", "--below", "20")[0]["floor"] == 20
    for arguments in (("get", "c/0", "--at", "19"), ("ls", "--at", "3"), ("export", "--at", "3"),
                      ("watch", "c/", "--from", "3"), ("fork", "x", "--at", "3")):
        code, error = error_of(broker, *arguments)
        assert (code, error["code"]) == (1, "BELOW_FLOOR"), arguments
        assert "20" in error["message"] + error["hint"], error
    code, out, err = call(broker, "watch", "c/", "--from", "3")
    assert (code, out) == (1, "") and "20" in err and "watching" not in err
    # At the floor and above all is as it was; so is what the branch starts from.
    assert [r["value"] for r in run_json_lines(broker, "export", "--at", "20")] == ["18", "19", "17"]
    assert run(broker, "get", "c/0", "--branch", "keeps").stdout == "3"
    assert [c["revision"] for c in run_json_lines(broker, "watch", "c/", "--from", "20", "--count", "10")] == list(
        range(21, 31))
    assert run_json_lines(broker, "verify")[0]["problems"] == []
    assert run_json_lines(broker, "status")[0]["floor"] == 20
    broker.restart()
    assert run_json_lines(broker, "status")[0]["floor"] == 20
    assert error_of(broker, "get", "c/0", "--at", "19")[1]["code"] == "BELOW_FLOOR"


def test_a_list_that_ends_at_the_floor_says_so(broker):
    put_all(broker, [(f"c/{number % 3}", str(number)) for number in range(30)])
    for ask in (("log",), ("log", "c/0", "--ascending", "-n", "1"), ("history", "c/0")):
        assert run(broker, *ask).stderr == ""
    assert error_of(broker, "compact", "--below", "999999") == (1, {
        "code": "BEYOND_HEAD", "message": "history below revision 999999 can't be dropped: the head is 30",
        "hint": "name a revision up to the head; nothing was dropped"})
    assert run_json_lines(broker, "status")[0]["floor"] == 0
    run(broker, "compact", "--below", "20")
    for ask in (("log",), ("log", "c/0", "--json"), ("log", "--ascending", "-n", "1"), ("history", "c/0"),
                ("log", "--by", "nobody"), ("log", "--since", "1h")):
        said = run(broker, *ask)
        assert "revision 20" in said.stderr and "no longer kept" in said.stderr, (ask, said)
    # What was asked for lies above it.
    for ask in (("log", "-n", "10"), ("log", "-n", "3"), ("history", "c/0", "-n", "1")):
        assert run(broker, *ask).stderr == "", ask
    after = run_json_lines(broker, "log", "-n", "1")[0]["time_ms"] + 1
    assert run(broker, "log", "--since", str(after)).stderr == ""
    code, error = error_of(broker, "history", "never")
    assert code == 4 and "20" in error["hint"], error


def test_views_go_on_while_history_is_dropped_under_them(broker):
    put_all(broker, [(f"conversations/{number % 10}", str(number)) for number in range(300)])
    follower = Follower(broker, "compacted", "--mode", "update")
    stopped = Follower(broker, "stopped", "--mode", "update")
    assert stopped.report(token(run_json_lines(broker, "status")[0]))["count"] == 10
    stopped.process.send_signal(signal.SIGSTOP)
    for number in range(5):
        run(broker, "rm", f"conversations/{number}")
    head = run_json_lines(broker, "status")[0]["head"]["revision"]
    run(broker, "compact", "--below", str(head))
    stopped.process.send_signal(signal.SIGCONT)
    put(broker, "conversations/5", "after")
    truth = run_json_lines(broker, "debug", "digest", "conversations/")[0]
    assert truth["equal"] and truth["count"] == 5
    for one in (follower, stopped):
        report = one.report(token(run_json_lines(broker, "status")[0]))
        assert (report["count"], report["digest"]) == (5, truth["digest"]), one.name
        one.close()


# ---- Warm files


@pytest.fixture
def warm(broker, tmp_path):
    put_all(broker, [(f"conversations/{number}", f"text {number}") for number in range(30)])
    file = tmp_path / "conversations.warm"
    told = run_json_lines(broker, "warm", "conversations/", "--into", str(file))[0]
    assert told["records"] == 30 and told["revision"] == 30 and told["total_bytes"] == file.stat().st_size
    return file


def test_a_warm_file_is_brought_up_to_date_by_what_changed(broker, warm):
    put(broker, "conversations/3", "changed")
    run(broker, "rm", "conversations/4")
    put(broker, "conversations/new", "x")
    told = run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]
    assert (told["records"], told["revision"]) == (30, 33)
    before = warm.read_bytes()
    assert run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]["revision"] == 33
    assert warm.read_bytes() == before
    # History below it is dropped: it is filled anew.
    put_all(broker, [("conversations/5", str(number)) for number in range(5)])
    run(broker, "rm", "conversations/6")
    run(broker, "compact", "--below", "39")
    told = run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]
    assert (told["records"], told["revision"]) == (29, 39)


def test_an_agent_reads_from_a_warm_file_at_once_and_catches_up(broker, warm):
    put(broker, "conversations/3", "changed")
    follower = Follower(broker, "warm", "--warm", str(warm))
    truth = run_json_lines(broker, "debug", "digest", "conversations/")[0]
    report = follower.report(token(run_json_lines(broker, "status")[0]))
    assert (report["count"], report["digest"]) == (30, truth["digest"])
    follower.close()


@pytest.mark.parametrize("damage", ["a changed byte", "a cut end", "nothing", "other content", "more at its end"])
def test_a_damaged_warm_file_is_refused_with_what_to_do(broker, warm, damage):
    content = bytearray(warm.read_bytes())
    if damage == "a changed byte":
        content[len(content) // 2] ^= 1
    elif damage == "a cut end":
        content = content[:-7]
    elif damage == "nothing":
        content = b""
    elif damage == "other content":
        content = b"what is this? " * 100
    else:
        content += b"x"
    warm.write_bytes(content)
    code, error = error_of(broker, "warm", "conversations/", "--into", str(warm))
    assert (code, error["code"]) == (1, "WARM_FILE")
    assert str(warm) in error["message"] and "remove" in error["hint"], error
    assert warm.read_bytes() == content


def test_a_warm_file_of_other_topics_is_refused_or_filled_for_the_new_ones(broker, warm):
    before = warm.read_bytes()
    code, out, err = call(broker, "warm", "others/", "--into", str(warm))
    if code == 0:
        assert "0 records" in out
    else:
        assert str(warm) in err and warm.read_bytes() == before


def test_warm_follow_keeps_the_file_fresh_and_ends_with_it_up_to_date(broker, warm, tmp_path):
    with Lines(broker, "warm", "conversations/", "--into", str(warm), "--follow", "--json") as work:
        work.until(lambda it: any("keeping" in line for line in it.err))
        first = warm.read_bytes()
        put(broker, "conversations/3", "one")
        second = eventually(lambda: (now := warm.read_bytes()) != first and now, 15, "writing the file again")
        broker.restart()
        put(broker, "conversations/4", "two")
        eventually(lambda: warm.read_bytes() != second, 15, "writing the file after a restart")
        put(broker, "conversations/5", "three")
        assert work.end() == 0
    told = run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]
    assert told["records"] == 30 and told["revision"] == 33


def stays(warm, *values):
    """Whether each value is in the file."""
    content = warm.read_bytes()
    return [value.encode() in content for value in values]


def test_a_large_value_that_changed_is_in_the_file_when_it_is_brought_up_to_date(broker, warm):
    """It does not travel to a view by itself."""
    first, second, third = ("".join(random.choices("abcdefgh", k=40_000)) for _ in range(3))
    run(broker, "put", "conversations/3", "-", input=first)
    run(broker, "warm", "conversations/", "--into", str(warm))
    assert stays(warm, first) == [True]
    for _ in range(2):
        run(broker, "put", "conversations/3", "-", input=second)
        run(broker, "put", "conversations/large", "-", input=third)
        told = run_json_lines(broker, "warm", "conversations/", "--into", str(warm))[0]
        assert told["records"] == 31 and stays(warm, first, second, third) == [False, True, True]
        first, second = second, first
    with Lines(broker, "warm", "conversations/", "--into", str(warm), "--follow") as work:
        work.until(lambda it: any("keeping" in line for line in it.err))
        run(broker, "put", "conversations/4", "-", input=second)
        eventually(lambda: all(stays(warm, first, second, third)), 15, "the new large value in the file")
        run(broker, "rm", "conversations/large")
        assert work.end() == 0
    assert stays(warm, first, second, third) == [True, True, False]


def test_a_warm_file_is_kept_over_a_full_disk(broker, mount):
    disk = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    file = disk / "warm"
    put(broker, "a/b", "one")
    with Lines(broker, "warm", "a/", "--into", str(file), "--follow") as work:
        work.until(lambda it: any("keeping" in line for line in it.err))
        put(broker, "a/b", "two")
        eventually(lambda: stays(file, "two") == [True], 15, "the change in the file")
        with open(disk / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass
        put(broker, "a/b", "three" * 2000)
        work.until(lambda it: any("No space left" in line and "stays at revision" in line for line in it.err))
        assert stays(file, "two") == [True] and work.process.poll() is None
        (disk / "ballast").unlink()
        work.until(lambda it: any("written again" in line for line in it.err))
        assert stays(file, "three" * 2000) == [True]
        assert sum("No space left" in line for line in work.err) == 1
        assert work.end() == 0


def test_warm_shows_plain_progress_when_nobody_looks_at_a_terminal(broker, tmp_path):
    for number in range(2):
        run(broker, "commit", "-", input=json.dumps({"changes": [
            {"key": f"w/{number}/{n}", "put": {"value": "x" * 1000}} for n in range(1000)]}))
    ended = run(broker, "warm", "w/", "--into", str(tmp_path / "w.warm"))
    assert "2000 records" in ended.stdout and "\r" not in ended.stderr and "\x1b" not in ended.stderr


# ---- Export into another broker


def test_what_is_exported_arrives_in_a_fresh_broker_however_often(broker, tmp_path):
    run(broker, "commit", "-", input=json.dumps({"changes": [
        {"key": f"notes/{n}", "put": {"value": f"☕ {n}", "attributes": {"n": str(n)},
                                      "links": [{"relation": "of", "target": "x"}]}} for n in range(500)]
        + [{"key": "bytes", "put": {"value_base64": "AP8=", "kind": "bin"}}, {"key": "count", "increment": 3},
           {"key": "large", "put": {"value": "y" * 300_000}},
           {"key": "lapses", "put": {"value": "z", "expires_after_ms": 3_600_000}}]}))
    file = tmp_path / "all.jsonl"
    with open(file, "w") as out:
        subprocess.run([membus(), "--broker", broker.url, "export"], stdout=out, check=True)
    with Broker(tmp_path / "fresh") as fresh:
        assert run_json_lines(fresh, "import", str(file))[0]["written"] == 504
        again = run_json_lines(fresh, "import", str(file))[0]
        assert (again["written"], again["unchanged"]) == (0, 504)

        def content(from_broker):
            drop = ("revision", "ordinal", "owner")
            return [{k: v for k, v in record.items() if k not in drop} for record in run_json_lines(from_broker, "export")]

        assert content(fresh) == content(broker)


# ---- Watches that miss nothing


def test_a_watch_over_kills_of_the_broker_loses_and_doubles_nothing(broker):
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    put(broker, "before", "x")
    with Lines(broker, "watch", "pairs/", "--from", "0", "--json") as early, Pairs(broker) as pairs:
        for _ in range(4):
            reached = pairs.written
            eventually(lambda: pairs.written > reached + rng.randint(5, 60), 30)
            broker.restart()
        # One that begins in the middle, after what it names.
        begin = run_json_lines(broker, "status")[0]["head"]["revision"] // 2
        with Lines(broker, "watch", "pairs/", "--from", str(begin), "--json") as late:
            broker.restart()
            reached = pairs.written
            eventually(lambda: pairs.written > reached + 20, 30)
            pairs.stopping.set()
            pairs.join(30)
            truth = [(commit["revision"], record["key"]) for commit in
                     run_json_lines(broker, "log", "pairs/", "--ascending") for record in commit["records"]]
            for watch, expected in ((early, truth), (late, [pair for pair in truth if pair[0] > begin])):
                watch.until(lambda it: len(it.out) >= len(expected), 60)
                seen = [(change["revision"], change["key"]) for change in watch.objects()]
                assert seen == expected, f"seed {seed}"
                assert watch.end() == 0 and len(watch.out) == len(expected)


def test_a_watch_that_falls_below_the_floor_fails_and_says_so(broker):
    put_all(broker, [("a", str(number)) for number in range(10)])
    with Lines(broker, "watch", "a", "--from", "0", "--json") as watch:
        watch.until(lambda it: len(it.out) == 10)
        watch.process.send_signal(signal.SIGSTOP)
        put_all(broker, [("a", f"more {number}") for number in range(10)])
        run(broker, "compact", "--below", "18")
        watch.process.send_signal(signal.SIGCONT)
        assert watch.wait(30) == 1
        assert json.loads(watch.out[-1])["error"]["code"] == "BELOW_FLOOR"
        assert [change["revision"] for change in watch.objects()[:-1]] == list(range(1, 11))


def test_a_watch_of_a_quiet_topic_outlives_compaction_and_restarts(broker):
    put(broker, "alarms/a", "old")
    with Lines(broker, "watch", "alarms/", "--json") as watch:
        watch.until(lambda it: it.err)
        put_all(broker, [("noise/x", str(number)) for number in range(3)])
        assert run_json_lines(broker, "compact", "--below", "4")[0]["floor"] == 4
        put(broker, "alarms/fire", "kitchen")
        watch.until(lambda it: len(it.out) == 1)
        # Stopped, it learns of nothing until the floor is far beyond what it has read.
        watch.process.send_signal(signal.SIGSTOP)
        put_all(broker, [("noise/x", str(number)) for number in range(10)])
        broker.restart()
        assert run_json_lines(broker, "compact", "--below", "15")[0]["floor"] == 15
        put(broker, "alarms/flood", "cellar")
        watch.process.send_signal(signal.SIGCONT)
        watch.until(lambda it: len(it.out) == 2)
        assert [(change["revision"], change["key"]) for change in watch.objects()] == [
            (5, "alarms/fire"), (16, "alarms/flood")]


def test_a_watch_from_below_the_floor_tells_what_is_kept_whole(broker):
    put(broker, "alarms/a", "old")
    put_all(broker, [("noise/x", str(number)) for number in range(5)])
    put_all(broker, [("alarms/b", "big" * 100_000)])
    run(broker, "compact", "--below", "7")
    changes = run_json_lines(broker, "watch", "alarms/", "--from", "0", "--count", "2")
    assert [change["revision"] for change in changes] == [1, 7]
    assert run_json_lines(broker, "watch", "alarms/", "--from", "3", "--count", "1")[0]["value"] == "big" * 100_000
    code, error = error_of(broker, "watch", "noise/", "--from", "3")
    assert (code, error["code"]) == (1, "BELOW_FLOOR")


# ---- Without events


@pytest.fixture
def eventless(tmp_path):
    """A broker whose requests alone get through, as from a container that publishes one port."""
    elsewhere = f"tcp://127.0.0.1:{free_port()}"
    config = tmp_path / "membus.json"
    config.write_text(json.dumps({"advertisedEvents": [elsewhere]}))
    with Broker(tmp_path / "data", "--config", str(config)) as broker:
        broker.elsewhere = elsewhere
        yield broker


def test_a_watch_without_events_tells_what_the_log_holds_at_once_and_then_reads_it_now_and_then(eventless):
    put(eventless, "a/1", "one")
    assert run_json_lines(eventless, "watch", "a/", "--from", "0", "--count", "1")[0]["value"] == "one"
    with Lines(eventless, "watch", "a/", "--from", "0", "--json") as watch:
        watch.until(lambda it: len(it.out) == 1)
        watch.until(lambda it: any(eventless.elsewhere in line and "log" in line for line in it.err))
        for number in (2, 3):
            put(eventless, f"a/{number}", "more")
            watch.until(lambda it: len(it.out) == number)
        assert sum(eventless.elsewhere in line for line in watch.err) == 1


def test_a_warm_file_is_kept_fresh_without_events(eventless, tmp_path):
    put(eventless, "w/1", "one")
    file = tmp_path / "w.warm"
    with Lines(eventless, "warm", "w/", "--into", str(file), "--follow", "--json") as warm:
        warm.until(lambda it: any(eventless.elsewhere in line for line in it.err))
        warm.until(lambda it: it.out)
        before = file.read_bytes()
        put(eventless, "w/2", "two")
        eventually(lambda: file.read_bytes() != before, 30)
        assert warm.end() == 0
    # Brought up to date without events, too: it does not wait for them for ever.
    assert run_json_lines(eventless, "warm", "w/", "--into", str(file))[0]["records"] == 2


# ---- Lists that compaction overtakes


def test_lists_that_compaction_overtakes_are_whole(broker):
    lines = "".join(json.dumps({"key": f"l/{number:05}", "value": "x" * 40}) + "\n" for number in range(12_000))
    run(broker, "import", "-", input=lines)
    head = run_json_lines(broker, "status")[0]["head"]["revision"]
    for command in (("export",), ("ls", "--json")):
        reader = processes.start([membus(), *command, "--broker", broker.url], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        first = reader.stdout.readline()
        # The pipe is full by now: the rest is asked for only after what comes here.
        for number in range(0, 12_000, 5_000):
            put(broker, f"l/{number:05}", "y")
        run(broker, "rm", "l/11999")
        put(broker, "l/11999", "z")
        newest = run_json_lines(broker, "status")[0]["head"]["revision"]
        assert run_json_lines(broker, "compact", "--below", str(newest))[0]["floor"] == newest
        out, err = reader.stdout.read(), reader.stderr.read()
        assert reader.wait(60) == 0 and "floor" not in err, err
        records = [json.loads(line) for line in (first + out).splitlines()]
        assert len(records) == 12_000 and max(record["revision"] for record in records) <= head
        head = newest


READER = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN")
store.execute("SELECT count(*) FROM commits").fetchall()
print("reading", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def a_stopped_reader(broker):
    """Of the store's file: the write-ahead log grows for as long as it is."""
    with processes.start([sys.executable, "-c", READER, broker.data + "/membus.db"], stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout.readline() == b"reading\n"
            yield reader
        finally:
            reader.kill()


def test_who_keeps_the_log_from_being_written_back_is_named(broker):
    put(broker, "a", "1")
    with a_stopped_reader(broker) as reader:
        assert run_json_lines(broker, "status")[0]["held_log"] is None
        put_all(broker, [(f"large/{number % 4}", "x" * 900_000) for number in range(45)])
        held = eventually(lambda: run_json_lines(broker, "status")[0]["held_log"], what="a log that is held")
        assert held["bytes"] > 32 << 20 and held["held_ms"] >= 1000
        assert reader.pid in [holder["pid"] for holder in held["holders"]]
        said = run(broker, "status").stdout
        assert f"(process {reader.pid})" in said and "log held" in said
        warned = eventually(lambda: [line for line in broker.log if "cannot be written back" in line])
        assert f"process {reader.pid}" in warned[0] and len(warned) <= 2
    eventually(lambda: run_json_lines(broker, "status")[0]["held_log"] is None, what="a log that is written back")
    eventually(lambda: any("is written back again" in line for line in broker.log), what="the end of it told")


def test_history_is_not_swept_into_a_log_that_somebody_holds(broker):
    put(broker, "a", "1")
    with a_stopped_reader(broker):
        put_all(broker, [(f"large/{number % 4}", "x" * 900_000) for number in range(100)])  # more than a sweep rests for
        eventually(lambda: run_json_lines(broker, "status")[0]["held_log"], what="a log that is held")
        compaction = processes.start([membus(), "--broker", broker.url, "compact", "--below", "40"],
                                     stdout=subprocess.DEVNULL)
        eventually(lambda: run_json_lines(broker, "status")[0]["floor"] == 40, what="the floor")
        time.sleep(2)
        assert compaction.poll() is None
    assert compaction.wait(20) == 0


def test_lists_of_what_was_deleted_hold_nobody_up(broker):
    """A work queue whose tasks are done: there is much to look at for few records."""
    connection = Connection(broker.url, timeout=10)
    session = Session(connection, "worker")
    tasks, batch = 30_000, 1000
    for change in ("put", "delete"):
        for part in range(tasks // batch):
            keys = [f"tasks/{part}/{number}" for number in range(batch)]
            session.transact(*(memory.Change(key=key, put=memory.Put(value=b"t")) if change == "put"
                               else memory.Change(key=key, delete=memory.Delete()) for key in keys))
    session.transact(memory.Change(key="tasks/last", put=memory.Put(value=b"t")))
    session.transact(memory.Change(key="other", put=memory.Put(value=b"t")))

    # A client that knows only of records gets them, however much there is to look at; one that repeats its request while
    # it is under way, as clients do, is answered once.
    answers = []
    listed = request(range=bus.Range(branch="main", topics=["tasks/"]))
    connection.send(listed, answers.append)
    for _ in range(20):
        connection.socket.send(listed.SerializeToString())
    begun = time.monotonic()
    assert connection.get("other")["other"].value == b"t"
    was_got, got = bool(answers), time.monotonic() - begun
    while not answers:
        connection.pump(1)
    took = time.monotonic() - begun
    assert [record.key for record in answers[0].range.records] == ["tasks/last"] and not answers[0].range.more
    # It passes the list, or the list was quicker than a get.
    assert not was_got or took < 0.5, (got, took)
    connection.pump(0.2)
    assert len(answers) == 1

    # One that goes on after the next key has pages that end.
    pages, after, found = 0, "", []
    while True:
        page = connection.call(request(range=bus.Range(
            branch="main", topics=["tasks/"], after=after, continues=True))).range
        pages, found = pages + 1, found + [record.key for record in page.records]
        if not page.more:
            break
        assert page.next > after
        after = page.next
    assert found == ["tasks/last"] and pages >= 2
    assert [json.loads(line)["key"] for line in run(broker, "ls", "tasks/", "--json").stdout.splitlines()] == ["tasks/last"]
    connection.close()


# ---- The broker's own look at its history, which it takes every minute. What it sees first is old at the second look,
# which comes while the tests above run


@pytest.fixture(scope="module", autouse=True)
def left_alone(tmp_path_factory):
    place = tmp_path_factory.mktemp("left-alone")
    config = place / "membus.json"
    config.write_text(json.dumps({"retention": {"age": "1s", "least": "1s"}}))
    with Broker(place / "data", "--config", str(config)) as broker:
        put_all(broker, [("a", str(number)) for number in range(20)])
        yield broker


def test_the_window_of_the_configuration_compacts_by_itself(left_alone):
    eventually(lambda: run_json_lines(left_alone, "status")[0]["floor"] >= 15, 150, "compaction by age")
    assert run(left_alone, "get", "a").stdout == "19"

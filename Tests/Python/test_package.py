"""What the package promises, against a real broker."""

import datetime
import gc
import json
import pathlib
import signal
import threading

import pytest
from processes import eventually
from processes import membus as executable

import membus


def test_a_transaction_is_read_back_locally_and_by_the_broker(memory):
    plans = memory.follow("plans/")

    @memory.transact(retries=5, message="book")
    def commit(tx):
        assert tx.get("plans/paris") is None
        tx.put("plans/paris", "night train")
        tx.increment("plans/paris/cost", 120)
        return "booked"

    assert commit.is_committed and commit.result == "booked"
    assert plans["plans/paris"].text == "night train"
    assert plans["plans/paris/cost"].count == 120
    assert memory.get("plans/paris") == plans["plans/paris"]
    assert plans.get("plans/paris", at_least=commit.token).revision == commit.revision
    train, cost, none = plans.read("plans/paris", "plans/paris/cost", "plans/rome")
    assert (train.text, cost.count, none) == ("night train", 120, None)


def test_a_view_reads_like_a_dict(memory):
    memory.transact(lambda tx: [tx.put(f"plans/{n}", str(n)) for n in range(3)])
    plans = memory.follow("plans/")
    assert len(plans) == 3 and "plans/1" in plans and "plans/9" not in plans and "people/ada" not in plans
    assert list(plans) == ["plans/0", "plans/1", "plans/2"] == list(plans.keys())
    assert {key: record.text for key, record in plans.items()} == {f"plans/{n}": str(n) for n in range(3)}
    assert plans.get("plans/9") is None and plans.get("plans/9", 7) == 7 and plans.peek("plans/9") is None
    with pytest.raises(KeyError, match="plans/9"):
        plans["plans/9"]
    with pytest.raises(membus.NotFollowed) as caught:
        plans["people/ada"]
    assert caught.value.subject == "people/ada" and caught.value.hint


def test_the_same_version_is_the_same_object_and_another_one_is_not(memory):
    memory.put("plans/a", "1")
    plans = memory.follow("plans/")
    first = plans["plans/a"]
    assert plans["plans/a"] is first
    handle = plans.handle("plans/a")
    assert handle.record == first and handle.record is handle.record
    memory.put("plans/a", "2")
    assert plans["plans/a"].text == "2" == handle.record.text and first.text == "1"
    memory.delete("plans/a")
    assert plans.peek("plans/a") is None and handle.record is None
    memory.put("plans/a", "3")
    assert plans["plans/a"].text == "3" == handle.record.text


def test_a_conflict_carries_what_is_there_now(memory):
    memory.put("plans/paris", "train")
    with pytest.raises(membus.Conflict) as caught:
        memory.put("plans/paris", "flight", if_revision=0)
    (failed,) = caught.value.failed
    assert failed.key == "plans/paris" and failed.current.text == "train" and failed.revision == failed.current.revision
    assert "plans/paris" in str(caught.value) and memory.get("plans/paris").text == "train"


def test_what_was_read_and_has_changed_runs_again(memory):
    memory.put("n", "0")
    runs = []

    @memory.transact(retries=3)
    def commit(tx):
        old = int(tx.get("n").text)
        if not runs:
            memory.put("n", "10")
        runs.append(old)
        tx.put("n", str(old + 1))

    assert runs == [0, 10] and memory.get("n").text == "11"
    with pytest.raises(membus.Conflict):
        memory.transact(lambda tx: (tx.get("n"), memory.put("n", "x"), tx.put("n", "y")))
    assert memory.get("n").text == "x"


def test_an_exception_in_a_transaction_passes_and_nothing_is_written(memory):
    def body(tx):
        tx.put("a", "1")
        raise ZeroDivisionError("as it was")

    with pytest.raises(ZeroDivisionError, match="as it was"):
        memory.transact(body, retries=5)
    assert memory.get("a") is None


def test_values_are_text_bytes_or_json_with_all_that_a_record_has(memory):
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)

    @memory.transact(message="all of it")
    def commit(tx):
        tx.put("r/json", {"city": "Paris", "nights": 2}, attributes={"by": "ada"}, links=[("of", "trips/42")])
        tx.put("r/bytes", b"\x00\xff", expires=until)
        tx.put("r/kind", "x", kind="note")
        tx.patch("r/json2", {"a": None, "b": 1})
        tx.append("r/text", "one ")

    memory.transact(lambda tx: tx.append("r/text", "two"))
    found = memory.get_all("r/json", "r/bytes", "r/kind", "r/json2", "r/text", "r/none")
    assert found["r/json"].json() == {"city": "Paris", "nights": 2} and found["r/json"].kind == "json"
    assert found["r/json"].attributes == {"by": "ada"} and found["r/json"].links == (("of", "trips/42"),)
    assert found["r/json"].owner == "planner" and found["r/bytes"].value == b"\x00\xff"
    assert found["r/bytes"].expires == until and found["r/kind"].kind == "note"
    assert found["r/json2"].json() == {"b": 1} and found["r/text"].text == "one two" and "r/none" not in found
    with pytest.raises(UnicodeDecodeError):
        found["r/bytes"].text
    with pytest.raises(ValueError, match="no counter"):
        found["r/text"].count


def test_preconditions(memory):
    first = memory.put("a/1", "x").revision
    for require in (
        lambda tx: tx.require("a/1", at=first + 1), lambda tx: tx.require_absent("a/1"),
        lambda tx: tx.require_unchanged("a/", since=first - 1),
    ):
        with pytest.raises(membus.Conflict):
            memory.transact(lambda tx: (require(tx), tx.put("b", "y")))
    held = memory.transact(
        lambda tx: (tx.require("a/1", at=first), tx.require_absent("b"), tx.require_unchanged("a/", since=first)))
    assert not held.is_committed and memory.get("b") is None


def test_a_watch_brings_every_change_once_in_order(memory):
    start = memory.put("k/0", "0").revision
    for n in range(1, 700):
        memory.transact(lambda tx: (tx.put(f"k/{n}", str(n)), n % 10 or tx.delete(f"k/{n - 1}")), message=f"m{n}")
    expected = [
        (key, deleted) for n in range(1, 700)
        for key, deleted in [(f"k/{n}", False)] + ([(f"k/{n - 1}", True)] if n % 10 == 0 else [])]
    with memory.watch("k/", after=start) as watch:
        seen = [next(watch) for _ in expected]
    assert [(change.key, change.record.is_deleted) for change in seen] == expected
    assert seen[0].commit.message == "m1" and seen[0].commit.agent == "planner"
    memory.put("k/last", "x")
    assert next(memory.watch("k/", after=seen[-1].token)).key == "k/last"
    with pytest.raises(membus.Closed):
        next(watch)


def test_lists_are_whole_and_of_one_state(memory):
    for n in range(25):
        memory.put(f"k/{n % 10}", str(n), message=f"m{n}")
    memory.delete("k/0")
    assert [record.key for record in memory.range("k/", page_size=4)] == [f"k/{n}" for n in range(1, 10)]
    assert [record.text for record in memory.range("k/", at=10, page_size=3)] == [str(n) for n in range(10)]
    assert all(record.value is None and record.size for record in memory.range("k/", keys_only=True))
    versions = list(memory.history("k/0", page_size=2))
    assert [version.record.is_deleted for version in versions] == [True, False, False, False]
    assert versions[-1].commit.message == "m0"
    log = list(memory.log("k/", page_size=7))
    assert len(log) == 26 and log[0].records[0].is_deleted
    assert [commit.message for commit in memory.log("k/3", ascending=True)] == ["m3", "m13", "m23"]
    assert list(memory.log(agent="nobody")) == []
    assert [c.records[0].text for c in memory.log("k/3", values=True)] == ["23", "13", "3"]


def test_the_past_and_other_branches_can_be_read(memory):
    first = memory.put("a", "old").revision
    memory.put("a", "new")
    assert memory.get("a", at=first).text == "old"
    fork = memory.fork("draft", at=first, message="try")
    assert fork.is_committed and memory.get("a", branch="draft").text == "old"
    memory.transact(lambda tx: tx.put("a", "draft"), branch="draft")
    assert memory.follow("/", branch="draft")["a"].text == "draft" and memory.get("a").text == "new"
    assert [branch["name"] for branch in memory.branches()] == ["main", "draft"]
    with pytest.raises(membus.BranchExists):
        memory.fork("draft")
    with pytest.raises(membus.UnknownBranch):
        memory.get("a", branch="none")


def test_two_states_can_be_compared(memory):
    for n in range(9):
        memory.put(f"k/{n}", "old")
    memory.fork("draft")
    memory.transact(lambda tx: [tx.put("k/1", "draft"), tx.delete("k/2"), tx.put("k/new", "x")], branch="draft")
    memory.put("k/8", "new")
    found = {difference.key: difference for difference in memory.diff("main", "draft", page_size=2)}
    assert {key: difference.change for key, difference in found.items()} == {
        "k/1": "changed", "k/2": "removed", "k/new": "added", "k/8": "changed"}
    assert (found["k/8"].before.text, found["k/8"].after.text) == ("new", "old") and found["k/2"].after is None
    assert [difference.key for difference in memory.diff("9")] == ["k/8"]
    assert [difference.after.value for difference in memory.diff("main@9", "draft", "k/1", keys_only=True)] == [None]
    standing = memory.compare("main", "draft")
    assert standing["common"] == [{"branch": "main", "revision": 9}]
    assert (standing["only_from"], standing["only_to"]) == (1, 2)
    with pytest.raises(membus.UnknownBranch):
        list(memory.diff("none"))
    with pytest.raises(membus.InvalidName):
        memory.diff("a/b@1")


def test_a_broker_tells_of_itself(memory, tmp_path):
    memory.put("a", "1")
    memory.put("a", "2")
    assert memory.status()["head"]["revision"] == 2 and memory.limits()["key_bytes"] == 1024
    assert memory.verify()["problems"] == []
    view = memory.follow("/")
    assert view.digest() == memory.digest("/", at=view.revision)
    assert memory.backup(tmp_path / "copy.membus") == 2 and (tmp_path / "copy.membus").stat().st_size > 0
    assert memory.compact(below=2) == 2
    with pytest.raises(membus.BelowFloor) as caught:
        memory.get("a", at=1)
    assert not caught.value.is_worth_retrying
    with pytest.raises(membus.FileError):
        memory.backup(tmp_path / "none" / "copy")
    for read in (memory.get, memory.range, memory.digest):
        with pytest.raises(ValueError, match="from revision 1 on"):
            read("a", at=0)


def test_a_view_starts_from_a_warm_file(memory, tmp_path):
    memory.put("plans/a", "old")
    memory.follow("plans/").save(tmp_path / "plans.warm")
    memory.put("plans/b", "new")
    plans = memory.follow("plans/", warm=tmp_path / "plans.warm")
    assert plans["plans/a"].text == "old"
    plans.wait(linearizable=True)
    assert plans["plans/b"].text == "new"
    (tmp_path / "bad.warm").write_bytes(b"nothing")
    with pytest.raises(membus.WarmFileError):
        memory.follow("plans/", warm=tmp_path / "bad.warm")


def test_large_values_are_fetched_when_they_are_asked_for(memory):
    plans = memory.follow("plans/")
    memory.put("plans/large", "x" * 300_000)
    assert "plans/large" in plans
    with pytest.raises(membus.NotHere, match="300000 bytes"):
        plans["plans/large"]
    assert plans.get("plans/large").size == 300_000
    assert len(plans["plans/large"].text) == 300_000
    assert plans.get_all("plans/large", "plans/none").keys() == {"plans/large"}


def test_an_invalidate_view_fetches_what_it_is_asked_for(memory):
    memory.put("plans/a", "1")
    plans = memory.follow("plans/", mode="invalidate")
    with pytest.raises(membus.NotHere):
        plans["plans/a"]
    assert plans.get("plans/a").text == "1" == plans["plans/a"].text
    memory.put("plans/a", "2")
    assert plans.get("plans/a").text == "2"


def test_several_keys_are_read_as_of_one_revision_and_unchanged_ones_are_the_same_objects(memory):
    view = memory.follow("plans/")
    memory.transact(lambda tx: (tx.put("plans/a", "1"), tx.put("plans/b", "1")))
    a, none, b = view.read("plans/a", "plans/none", "plans/b")
    assert (a.text, none, b.text) == ("1", None, "1") and a is view["plans/a"]
    memory.put("plans/b", "2")
    assert view.read("plans/b", "plans/a")[1] is a and view.read("plans/b")[0].text == "2"
    assert view.read() == ()
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            memory.transact(lambda tx: (tx.put("plans/a", str(number)), tx.put("plans/b", str(number))))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20_000):
            a, b = view.read("plans/a", "plans/b")
            assert a.revision == b.revision or a.revision < 3
    finally:
        stop.set()
        writer.join()
    with pytest.raises(membus.NotFollowed):
        view.read("plans/a", "notes/a")
    memory.put("plans/large", "x" * 300_000)
    with pytest.raises(membus.NotHere):
        view.read("plans/a", "plans/large")


def test_a_warm_file_has_the_values_that_did_not_travel(memory, tmp_path):
    plans = memory.follow("plans/")
    memory.put("plans/large", "x" * 300_000)
    with pytest.raises(membus.NotHere):
        plans["plans/large"]
    plans.save(tmp_path / "plans.warm")
    assert (tmp_path / "plans.warm").stat().st_size > 300_000
    assert len(memory.follow("plans/", warm=tmp_path / "plans.warm")["plans/large"].text) == 300_000


def test_a_view_tells_what_happens_to_its_records(memory):
    memory.put("plans/old", "1")
    view = memory.follow("plans/")
    changes = view.changes()
    memory.put("plans/a", "1")
    memory.put("notes/a", "1")
    memory.delete("plans/old")
    first, second = next(changes), next(changes)
    assert (first.key, first.revision, first.record.text) == ("plans/a", 2, "1")
    assert (second.key, second.revision, second.record, second.is_deleted) == ("plans/old", 4, None, True)
    found = []
    reader = threading.Thread(target=lambda: found.extend(changes))
    reader.start()
    memory.put("plans/b", "2")
    eventually(lambda: [change.key for change in found] == ["plans/b"])
    view.close()
    reader.join(10)
    assert not reader.is_alive()


def test_a_record_cannot_be_changed(memory):
    memory.put("plans/a", "1")
    record = memory.follow("plans/")["plans/a"]
    for name in ("value", "revision", "key", "owner", "other"):
        with pytest.raises(AttributeError):
            setattr(record, name, b"evil")
    with pytest.raises(TypeError):
        type(record)()


def test_what_a_view_keeps_for_python_is_bounded_by_bytes(memory):
    for start in range(0, 2400, 40):
        memory.transact(lambda tx, start=start: [tx.put(f"plans/{n}", "x" * 16_000) for n in range(start, start + 40)])
    plans = memory.follow("plans/")

    def resident():
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    for number in range(2400):
        assert plans[f"plans/{number}"].size == 16_000
    assert resident() - before < 28 << 20


def test_an_error_is_of_what_failed_though_something_else_fails_meanwhile(memory):
    view = memory.follow("plans/")
    others = []

    def disturb(phase, info):
        try:
            view["x" * 900 + "/nowhere"]
        except membus.NotFollowed as error:
            others.append(error)

    gc.callbacks.append(disturb)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            with pytest.raises(membus.NotFollowed) as caught:
                view[f"notes/{number}"]
            assert caught.value.subject == f"notes/{number}"
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(disturb)
    assert others


def test_ctrl_c_is_keyboard_interrupt_also_while_an_answer_is_made(memory):
    memory.transact(lambda tx: [tx.put(f"plans/{n}", "x" * 100, attributes={"a": "b"}) for n in range(900)])
    view = memory.follow("plans/")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    try:
        for round in range(100):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.0001 * (round % 20))
                for _ in range(5):
                    view.snapshot()
                    list(memory.range("plans/"))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 50


def test_threads_that_share_a_watch_take_turns(memory):
    watch, found = memory.watch("plans/", after=0), []

    def read():
        try:
            for change in watch:
                found.append(change.record.text)
        except membus.Closed:
            pass

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(50):
        memory.put("plans/a", str(number))
    eventually(lambda: len(found) == 50)
    assert sorted(found, key=int) == [str(number) for number in range(50)]
    watch.close()
    for reader in readers:
        reader.join(10)
        assert not reader.is_alive()


def test_a_call_that_is_dropped_when_it_is_done_has_taken_nothing(memory):
    memory.transact(lambda tx: [tx.put(f"plans/{n}", str(n)) for n in range(6)])
    core = membus._core
    pages = memory.range("plans/", page_size=2)
    for _ in range(3):
        call = core.list_next(pages._owner.number)
        eventually(call.is_done)
        del call
    assert [record.text for record in pages] == ["0", "1", "2", "3", "4", "5"]
    watch = memory.watch("plans/", after=0)
    for most in (2, 0, 1):
        call = core.watch_next(watch._owner.number, most)
        eventually(call.is_done)
        call.cancel()
        del call
    assert [next(watch).record.text for _ in range(6)] == ["0", "1", "2", "3", "4", "5"]


def test_a_function_that_is_async_is_refused_where_it_would_not_run(memory):
    async def body(tx):
        tx.put("a", "1")

    with pytest.raises(TypeError, match="aio"):
        memory.transact(body)
    assert memory.get("a") is None


def test_a_memory_tells_how_its_connection_stands(memory, broker):
    states = memory.states()
    assert next(states) == "connected"
    broker.kill()
    assert next(states) in ("disconnected", "without events")
    broker.start()
    for state in states:
        if state == "connected":
            break
    memory.close()
    assert list(states)[-1] == "closed" and list(memory.states()) == ["closed"]


def test_records_go_out_to_a_file_and_come_back(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMBUS_PROGRAM", executable())
    memory.put("notes/a", "1")
    memory.transact(lambda tx: [tx.put(f"plans/{n}", f"day {n}") for n in range(20)])
    file = tmp_path / "plans.jsonl"
    assert memory.export_file(file, "plans/") == 20 and oct(file.stat().st_mode)[-3:] == "600"
    before = file.read_text()
    # What was there keeps its mode, and a link leads to it still.
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    assert memory.export_file(tmp_path / "link", "plans/") == 20
    assert (tmp_path / "link").is_symlink() and oct(file.stat().st_mode)[-3:] == "640" and file.read_text() == before
    with pytest.raises(IsADirectoryError):
        memory.export_file(tmp_path)
    memory.fork("copy", at=1)
    assert memory.import_file(file, branch="copy", message="moved")["written"] == 20
    assert memory.import_file(file, branch="copy")["unchanged"] == 20
    assert [record.text for record in memory.range("plans/", branch="copy")][:2] == ["day 0", "day 1"]
    assert next(memory.log(branch="copy")).message == "moved"
    with pytest.raises(membus.CommandFailed) as caught:
        memory.export_file(file, "plans/", at=99)
    assert caught.value.code and caught.value.hint and file.read_text() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".plans")] == []
    (tmp_path / "bad.jsonl").write_text("{bad")
    with pytest.raises(membus.CommandFailed, match="bad.jsonl:1"):
        memory.import_file(tmp_path / "bad.jsonl")


def test_tokens_have_a_text_form(memory):
    token = memory.put("a", "1").token
    assert membus.Token.parse(str(token)) == token
    with pytest.raises(membus.BadArgument):
        membus.Token.parse("a:b:c")


def test_bad_names_and_arguments_say_what_to_do(memory, broker):
    for call in (
        lambda: memory.get("a//b"), lambda: memory.follow("../x"), lambda: memory.put("", "x"),
        lambda: memory.get("a", branch="a/b"), lambda: list(memory.range("a//")),
    ):
        with pytest.raises(membus.InvalidName) as caught:
            call()
        assert isinstance(caught.value, ValueError) and caught.value.hint
    with pytest.raises(ValueError, match="exclude each other"):
        memory.follow("a/").get("a/b", linearizable=True, within=1)
    with pytest.raises(ValueError, match="'update', 'invalidate'"):
        memory.follow("a/", mode="often")
    with pytest.raises(TypeError):
        memory.get_all("a", 3)
    with pytest.raises(membus.BadArgument, match="agent"):
        membus.connect(broker.url, agent="")
    with pytest.raises(membus.SystemFault):
        membus.connect("nonsense", agent="a")
    with pytest.raises(membus.Timeout):
        membus.connect("tcp://127.0.0.1:1", agent="a", timeout=0.3)


def test_what_is_shown_is_worth_reading(memory):
    record = memory.put("plans/paris", "night train") and memory.get("plans/paris")
    assert repr(record) == "<Record plans/paris at 1, text: 'night train'>"
    assert "planner" in repr(memory) and "connected" in repr(memory)
    assert "'plans/': 1 records at 1, live" in repr(memory.follow("plans/"))
    assert repr(next(iter(memory.log(values=True)))) == "<Commit 1 on main by planner>"
    assert json.dumps(record.attributes) == "{}"


def test_every_code_of_the_header_has_an_exception():
    import re

    from conftest import HEADERS  # noqa: PLC0415
    from membus import _errors

    header = (HEADERS / "membus.h").read_text()
    codes = {int(number) for name, number in re.findall(r"MEMBUS_(\w+) = (\d+)", header) if int(number) >= 10}
    assert codes == set(_errors.BY_CODE)

"""The command line: every command, with and without --json, its exit codes and its manners."""

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from membus_client import Connection
from membus_protos import memory
from processes import Broker, Lines, eventually, free_port, membus, run, run_json_lines, start

OK, ERROR, USAGE, CONFLICT, NOT_FOUND = 0, 1, 2, 3, 4


def call(broker, *arguments, input=None, timeout=60):
    """-> (exit code, standard output, standard error)"""
    ended = run(broker, *arguments, input=input, check=False, timeout=timeout)
    return ended.returncode, ended.stdout, ended.stderr


def put(broker, key, value, *options):
    """-> the revision"""
    return run_json_lines(broker, "put", key, value, *options)[0]["revision"]


def error_of(broker, *arguments, **options):
    """Runs with --json. -> (exit code, the error object)"""
    code, out, _ = call(broker, *arguments, "--json", **options)
    lines = out.splitlines()
    assert len(lines) == 1, out
    error = json.loads(lines[0])["error"]
    assert error["code"] and error["message"]
    return code, error


# ---- Each command


def test_put_and_get(broker):
    assert call(broker, "put", "plans/paris", "night train")[:2] == (OK, "revision 1\n")
    assert call(broker, "get", "plans/paris")[:2] == (OK, "night train")
    record = run_json_lines(broker, "get", "plans/paris")[0]
    assert (record["key"], record["value"], record["revision"], record["kind"]) == (
        "plans/paris", "night train", 1, "text")


def test_put_says_all_that_a_record_has(broker):
    told = run_json_lines(
        broker, "put", "people/ada", '{"city": "Paris"}', "--kind", "json", "--attribute", "source=mail",
        "--attribute", "x=a=b", "--link", "of=trips/42", "--expires", "1h", "--message", "why", "--agent", "me")
    assert told[0]["revision"] == 1 and told[0]["key"] == "people/ada" and told[0]["token"].count(":") == 2
    record = run_json_lines(broker, "get", "people/ada")[0]
    assert record["kind"] == "json" and json.loads(record["value"]) == {"city": "Paris"}
    assert record["attributes"] == {"source": "mail", "x": "a=b"}
    assert record["links"] == [{"relation": "of", "target": "trips/42"}]
    assert record["owner"] == "me"
    assert 3500 < record["expires_ms"] / 1000 - time.time() < 3700
    commit = run_json_lines(broker, "log")[0]
    assert commit["message"] == "why" and commit["agent"] == "me"


def test_put_reads_standard_input(broker):
    run(broker, "put", "from/dash", "-", input="line 1\nline 2\n")
    assert run(broker, "get", "from/dash").stdout == "line 1\nline 2\n"
    run(broker, "put", "from/nothing", input="piped")
    assert run(broker, "get", "from/nothing").stdout == "piped"
    run(broker, "put", "from/empty", "-", input="")
    assert run(broker, "get", "from/empty").stdout == ""


def test_binary_values_travel_as_base64_in_json_and_as_bytes_otherwise(broker):
    data = bytes(range(256))
    command = [membus(), "put", "images/logo", "-", "--kind", "image/png", "--broker", broker.url]
    assert subprocess.run(command, input=data, capture_output=True).returncode == OK
    plain = subprocess.run([membus(), "get", "images/logo", "--broker", broker.url], capture_output=True)
    assert plain.stdout == data
    record = run_json_lines(broker, "get", "images/logo")[0]
    assert base64.b64decode(record["value_base64"]) == data and "value" not in record
    # As a text it is refused.
    assert subprocess.run([*command[:4], *command[6:]], input=data, capture_output=True).returncode == USAGE


def test_text_is_plain_in_json(broker):
    for number, text in enumerate(('quotes " and \\', "tab\tnewline\n", "été ☕ 🚄", "\u0007bell \x1b[31m", "\u2028")):
        put(broker, f"texts/{number}", text)
        assert run_json_lines(broker, "get", f"texts/{number}")[0]["value"] == text


def test_a_counter_and_a_negative_value(broker):
    run(broker, "put", "counters/x", "--kind", "counter", "--", "-5")
    assert run(broker, "get", "counters/x").stdout == "-5"
    assert error_of(broker, "put", "counters/x", "many", "--kind", "counter")[1]["code"] == "INVALID_VALUE"


def test_get_at_a_past_revision(broker):
    first, second = put(broker, "a", "one"), put(broker, "a", "two")
    run(broker, "rm", "a")
    assert run(broker, "get", "a", "--at", str(first)).stdout == "one"
    assert run(broker, "get", "a", "--at", str(second)).stdout == "two"
    assert call(broker, "get", "a")[0] == NOT_FOUND
    assert call(broker, "get", "a", "--at", "0")[0] == NOT_FOUND
    assert error_of(broker, "get", "a", "--at", "99") == (ERROR, {**error_of(broker, "get", "a", "--at", "99")[1]})
    assert error_of(broker, "get", "a", "--at", "99")[1]["code"] == "BEYOND_HEAD"


def test_rm_then_get(broker):
    put(broker, "a", "one")
    assert call(broker, "rm", "a")[:2] == (OK, "revision 2\n")
    code, error = error_of(broker, "get", "a")
    assert (code, error["code"]) == (NOT_FOUND, "NOT_FOUND")
    code, out, err = call(broker, "get", "a")
    assert (code, out) == (NOT_FOUND, "") and "a" in err
    assert error_of(broker, "rm", "a")[0] == NOT_FOUND
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == 2


def test_rm_needs_no_quiet_moment(broker, clients):
    """It deletes whatever is there, however often others change it meanwhile: there is nothing to conflict with."""
    session, stop = clients.session(), threading.Event()

    def change():
        while not stop.is_set():
            session.submit(memory.Transaction(branch="main", changes=[memory.Change(key="hot", increment=1)]), window=32)

    put(broker, "hot", "0", "--kind", "counter")
    writer = threading.Thread(target=change)
    writer.start()
    try:
        codes = [call(broker, "rm", "hot")[0] for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    assert set(codes) <= {OK, NOT_FOUND}
    assert run_json_lines(broker, "status")[0]["conflicts"] == 0


def test_commands_leave_no_session_behind(broker):
    for number in range(5):
        put(broker, "a", str(number))
    assert call(broker, "put", "a", "x", "--if-absent")[0] == CONFLICT
    assert run_json_lines(broker, "status")[0]["sessions"] == 0


def test_what_expired_while_no_broker_ran_is_over_at_once(tmp_path):
    with Broker(tmp_path / "data") as broker:
        put(broker, "claims/1", "dead", "--expires", "1s")
        put(broker, "claims/2", "dead", "--expires", "1s")
    time.sleep(1.1)
    with Broker(tmp_path / "data") as broker:
        assert call(broker, "get", "claims/1")[0] == NOT_FOUND
        put(broker, "claims/2", "mine", "--if-absent")


def test_rm_if_revision(broker):
    put(broker, "a", "one")
    second = put(broker, "a", "two")
    assert call(broker, "rm", "a", "--if-revision", "1")[0] == CONFLICT
    assert run_json_lines(broker, "rm", "a", "--if-revision", str(second))[0]["revision"] == 3


def test_ls(broker):
    for key in ("plans/b", "plans/a", "people/ada", "plans"):
        put(broker, key, "x" * len(key))
    assert [line.split()[-1] for line in run(broker, "ls").stdout.splitlines()] == [
        "people/ada", "plans", "plans/a", "plans/b"]
    assert [record["key"] for record in run_json_lines(broker, "ls", "plans/")] == ["plans/a", "plans/b"]
    assert [record["key"] for record in run_json_lines(broker, "ls", "plans")] == ["plans"]
    assert [record["key"] for record in run_json_lines(broker, "ls", "--at", "1")] == ["plans/b"]
    assert call(broker, "ls", "nothing/")[:2] == (OK, "")
    assert run_json_lines(broker, "ls", "plans")[0]["size"] == 5


def test_log_and_its_filters(broker):
    put(broker, "plans/a", "1", "--agent", "ada", "--context", "trip-42", "--message", "first")
    put(broker, "people/x", "2", "--agent", "bob", "--context", "trip-43")
    time.sleep(0.01)
    between = int(time.time() * 1000)
    time.sleep(0.01)
    put(broker, "plans/b", "3", "--agent", "ada")
    run(broker, "rm", "plans/b", "--agent", "bob")

    def revisions(*filters):
        return [commit["revision"] for commit in run_json_lines(broker, "log", *filters)]

    assert revisions() == [4, 3, 2, 1]
    assert revisions("--ascending") == [1, 2, 3, 4]
    assert revisions("plans/") == [4, 3, 1]
    assert revisions("plans/a", "people/") == [2, 1]
    assert revisions("--by", "ada") == [3, 1]
    assert revisions("--context", "trip-42") == [1]
    assert revisions("-n", "2") == [4, 3]
    assert revisions("--since", str(between)) == [4, 3]
    assert revisions("--until", str(between)) == [2, 1]
    assert revisions("--since", "1h") == [4, 3, 2, 1]
    assert revisions("--until", "1h") == []
    first = run_json_lines(broker, "log", "--ascending", "-n", "1")[0]
    assert first["message"] == "first" and first["context"] == "trip-42" and first["branch"] == "main"
    assert [record["key"] for record in first["records"]] == ["plans/a"] and "value" not in first["records"][0]
    assert run_json_lines(broker, "log", "--values", "-n", "2")[1]["records"][0]["value"] == "3"
    assert run_json_lines(broker, "log", "-n", "1")[0]["records"][0]["deleted"] is True
    plain = run(broker, "log").stdout
    assert "revision 1" in plain and "first" in plain and "plans/a" in plain


def test_history(broker):
    put(broker, "a", "one", "--agent", "ada")
    put(broker, "b", "else")
    run(broker, "rm", "a")
    put(broker, "a", "two")
    versions = run_json_lines(broker, "history", "a")
    assert [version["revision"] for version in versions] == [4, 3, 1]
    assert versions[1]["deleted"] and versions[2]["value"] == "one" and versions[2]["commit"]["agent"] == "ada"
    assert len(run(broker, "history", "a").stdout.splitlines()) == 3
    assert [v["revision"] for v in run_json_lines(broker, "history", "a", "-n", "1")] == [4]
    assert [v["revision"] for v in run_json_lines(broker, "history", "a", "--before", "4")] == [3, 1]
    assert call(broker, "history", "never")[0] == NOT_FOUND


def test_branches(broker):
    put(broker, "a", "one")
    put(broker, "a", "two")
    assert run_json_lines(broker, "fork", "idea", "--at", "1")[0]["revision"] == 3
    assert run(broker, "get", "a", "--branch", "idea").stdout == "one"
    run(broker, "--branch", "idea", "put", "a", "mine")
    assert run(broker, "get", "a", "--branch", "idea").stdout == "mine"
    assert run(broker, "get", "a").stdout == "two"
    run(broker, "fork", "second", "--from", "idea")
    assert run(broker, "get", "a", "--branch", "second").stdout == "mine"
    branches = run_json_lines(broker, "branches")
    assert [branch["name"] for branch in branches] == ["main", "idea", "second"]
    assert branches[1]["parent"] == "main" and branches[1]["fork_revision"] == 1
    assert run(broker, "branches").stdout.splitlines()[0].startswith("main")
    assert [c["branch"] for c in run_json_lines(broker, "log", "--all-branches", "-n", "3")] == ["second", "idea", "idea"]
    code, error = error_of(broker, "fork", "idea")
    assert (code, error["code"]) == (ERROR, "BRANCH_EXISTS")


@pytest.mark.parametrize("arguments", [
    ("get", "a"), ("put", "a", "b"), ("ls",), ("rm", "a"), ("history", "a"), ("export",), ("log",),
    ("blame", "a"), ("bisect", "a", "--good", "0", "--run", "true"), ("watch", "a", "--from", "0"), ("watch", "a"),
    ("debug", "digest"), ("fork", "x", "--from", "nowhere")])
def test_an_unknown_branch_is_told(broker, arguments):
    put(broker, "a", "b")
    extra = () if arguments[0] == "fork" else ("--branch", "nowhere")
    code, error = error_of(broker, *arguments, *extra, "--timeout", "5s", timeout=20)
    assert (code, error["code"]) == (NOT_FOUND, "UNKNOWN_BRANCH")
    assert "nowhere" in error["message"]


def test_status(broker):
    put(broker, "a", "b")
    status = run_json_lines(broker, "status")[0]
    assert status["head"]["revision"] == 1 and len(status["head"]["hash"]) == 16 and len(status["lineage"]) == 16
    for name in ("floor", "instance", "transactions_waiting", "reads_waiting", "streams", "sessions", "commits",
                 "sync_median_us", "commit_p99_us", "wal_bytes", "store_bytes", "replies_dropped", "refused"):
        assert name in status
    plain = run(broker, "status").stdout
    assert "head" in plain and broker.url in plain


def test_status_tells_what_is_counted(broker):
    put(broker, "plans/a", "12345")
    put(broker, "plans/b", "1")
    put(broker, "note", "22")
    run(broker, "rm", "plans/b")
    deadline = time.monotonic() + 20
    while True:
        counts = run_json_lines(broker, "status")[0]["counts"]
        if counts and counts["at"]["revision"] == 4:
            break
        assert time.monotonic() < deadline, counts
        time.sleep(0.1)
    assert (counts["records"], counts["bytes"]) == (2, 7)
    assert counts["segments"]["largest"] == [
        {"name": "plans", "records": 1, "bytes": 5}, {"name": "note", "records": 1, "bytes": 2}]
    assert counts["segments"]["others"] == {"records": 0, "bytes": 0} and counts["segments"]["names"] == 2
    assert counts["owners"]["names"] == 1 and counts["owners"]["largest"][0]["records"] == 2
    plain = run(broker, "status").stdout
    assert "2 (7 B) on main, counted as of revision 4" in plain and "plans 1 (5 B), note 1 (2 B)" in plain
    # Counted anew after a start.
    broker.restart()
    while not (counts := run_json_lines(broker, "status")[0]["counts"]):
        assert time.monotonic() < deadline + 20
        time.sleep(0.1)
    assert counts["records"] == 2


def test_debug_digest(broker):
    run(broker, "commit", "-", input=json.dumps({"changes": [{"key": f"d/{n}", "increment": n} for n in range(20)]}))
    told = run_json_lines(broker, "debug", "digest", "d/")[0]
    assert told["equal"] and told["count"] == 20 and told["digest"] == told["view_digest"]
    assert "equal" in run(broker, "debug", "digest").stdout


def test_verify_and_compact(broker):
    for number in range(10):
        put(broker, "a", str(number))
    assert run_json_lines(broker, "verify")[0]["problems"] == []
    assert "sound" in run(broker, "verify").stdout
    assert run_json_lines(broker, "compact", "--below", "5") == [{"floor": 5}]
    assert run(broker, "compact", "--below", "7").stdout == "floor 7\n"
    assert run(broker, "get", "a").stdout == "9"
    code, error = error_of(broker, "get", "a", "--at", "3")
    assert (code, error["code"]) == (ERROR, "BELOW_FLOOR") and "7" in error["message"] + error["hint"]


# ---- Claims


def test_one_of_many_gets_a_claim_and_another_once_it_lapsed(broker):
    rivals = [
        start(
            [membus(), "put", "tasks/7", f"rival {n}", "--if-absent", "--expires", "3s", "--json", "--agent", f"r{n}",
             "--broker", broker.url], stdout=subprocess.PIPE, text=True) for n in range(5)]
    ended = [(rival.communicate(timeout=60)[0], rival.returncode) for rival in rivals]
    winners = [n for n, (_, code) in enumerate(ended) if code == OK]
    assert len(winners) == 1 and sorted(code for _, code in ended) == [OK] + [CONFLICT] * 4
    loser = json.loads(next(out for out, code in ended if code == CONFLICT))["conflict"][0]
    assert loser["key"] == "tasks/7" and loser["current"]["owner"] == f"r{winners[0]}" and loser["revision"] == 1

    def claimed():
        code, out, _ = call(broker, "put", "tasks/7", "late", "--if-absent", "--expires", "10m", "--json")
        assert code in (OK, CONFLICT), out
        return code == OK

    eventually(claimed, 15, "claiming a task whose claim lapsed")
    history = run_json_lines(broker, "history", "tasks/7")
    assert [version.get("deleted", False) for version in history] == [False, True, False]
    assert history[1]["commit"]["agent"] == "membus"
    revision = str(history[0]["revision"])
    renewed = run_json_lines(broker, "put", "tasks/7", "late", "--if-revision", revision, "--expires", "10m")
    assert call(broker, "put", "tasks/7", "x", "--if-revision", revision)[0] == CONFLICT
    assert call(broker, "rm", "tasks/7", "--if-revision", str(renewed[0]["revision"]))[0] == OK


def test_a_conflict_tells_people_what_is_there(broker):
    put(broker, "plans/paris", "night train", "--agent", "ada")
    code, out, err = call(broker, "put", "plans/paris", "by bike", "--if-absent")
    assert (code, out) == (CONFLICT, "")
    assert "plans/paris" in err and "night train" in err and "ada" in err
    assert run(broker, "get", "plans/paris").stdout == "night train"


# ---- Transactions


def test_commit_takes_every_kind_of_change(broker, tmp_path):
    put(broker, "old", "x")
    put(broker, "people/ada", '{"city": "Rome", "phone": 1}', "--kind", "json")
    transaction = {
        "message": "all kinds", "context": "trip-42",
        "preconditions": [{"at": {"key": "old", "revision": 1}}, {"absent": "tasks/7"},
                          {"unchanged": {"topic": "plans/", "since": 0}}],
        "changes": [
            {"key": "plans/paris", "put": {
                "value": "night train", "kind": "text", "attributes": {"by": "ada"},
                "links": [{"relation": "of", "target": "trips/42"}], "expires_after_ms": 3600000}},
            {"key": "plans/bytes", "put": {"value_base64": "AP8=", "kind": "bin"}},
            {"key": "plans/json", "put": {"value": {"a": [1, 2.50, "x"]}}},
            {"key": "old", "delete": True},
            {"key": "cost", "increment": 120},
            {"key": "notes", "append": "booked\n"},
            {"key": "people/ada", "merge_patch": {"city": "Paris", "phone": None}},
        ],
        "reads": [{"key": "people/ada", "version": 2}],
    }
    file = tmp_path / "transaction.json"
    file.write_text(json.dumps(transaction))
    told = run_json_lines(broker, "commit", str(file))[0]
    assert told["revision"] == 3 and told["committed"] is True
    records = {record["key"]: record for record in run_json_lines(broker, "export")}
    assert "old" not in records
    assert records["cost"]["kind"] == "counter" and records["cost"]["value"] == "120"
    assert records["notes"]["value"] == "booked\n"
    assert json.loads(records["people/ada"]["value"]) == {"city": "Paris"}
    assert records["plans/bytes"]["value_base64"] == "AP8="
    assert records["plans/json"]["kind"] == "json"
    assert records["plans/paris"]["links"] == [{"relation": "of", "target": "trips/42"}]
    assert {record["revision"] for record in records.values()} == {3}
    # Again: each precondition that fails is told, and nothing is written.
    code, out, _ = call(broker, "commit", "-", "--json", input=json.dumps(transaction))
    assert code == CONFLICT
    failed = json.loads(out)["conflict"]
    assert [f["key"] for f in failed] == ["old", failed[1]["key"]] and failed[1]["key"].startswith("plans/")
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == 3


def test_a_commit_without_changes_tells_whether_its_preconditions_hold(broker):
    put(broker, "a", "b")
    held = run_json_lines(broker, "commit", "-", input='{"preconditions": [{"at": {"key": "a", "revision": 1}}]}')[0]
    assert held["committed"] is False and held["revision"] == 1
    assert call(broker, "commit", "-", input='{"preconditions": [{"absent": "a"}]}')[0] == CONFLICT


MALFORMED = {
    "": "not JSON",
    "[]": "an object expected",
    "{": "not JSON",
    '{"change": []}': "change: unknown field",
    '{"changes": {}}': "changes: an array expected",
    '{"changes": [{"put": {}}]}': 'changes[0]: "key" is missing',
    '{"changes": [{"key": "a"}]}': "changes[0]: exactly one of put",
    '{"changes": [{"key": "a", "delete": true, "increment": 1}]}': "changes[0]: exactly one of put",
    '{"changes": [{"key": "/a", "delete": true}]}': "changes[0].key:",
    '{"changes": [{"key": "a", "delete": false}]}': "changes[0].delete:",
    '{"changes": [{"key": "a", "increment": 1.5}]}': "changes[0].increment:",
    '{"changes": [{"key": "a", "increment": "1"}]}': "changes[0].increment:",
    '{"changes": [{"key": "a", "increment": 9223372036854775808}]}': "changes[0].increment:",
    '{"changes": [{"key": "a", "append": 1}]}': "changes[0].append: a string expected",
    '{"changes": [{"key": "a", "put": {"valeu": 1}}]}': "changes[0].put.valeu: unknown field",
    '{"changes": [{"key": "a", "put": {"value": "x", "value_base64": "eA=="}}]}': "changes[0].put.value_base64:",
    '{"changes": [{"key": "a", "put": {"value_base64": "?"}}]}': "changes[0].put.value_base64: base64",
    '{"changes": [{"key": "a", "put": {"value": 1, "kind": "text"}}]}': "changes[0].put.value:",
    '{"changes": [{"key": "a", "put": {"value": "\\ud800"}}]}': "changes[0].put.value:",
    '{"changes": [{"key": "a", "put": {"attributes": {"x": 1}}}]}': "changes[0].put.attributes.x:",
    '{"changes": [{"key": "a", "put": {"links": [{"relation": "of"}]}}]}': "changes[0].put.links[0]:",
    '{"changes": [{"key": "a", "put": {"expires_after_ms": 0}}]}': "changes[0].put.expires_after_ms:",
    '{"changes": [{"key": "a", "put": {"expires_after_ms": 1, "expires_at_ms": 1}}]}':
        "changes[0].put.expires_after_ms:",
    '{"preconditions": [{"att": {}}]}': "preconditions[0].att: unknown field",
    '{"preconditions": [{}]}': "preconditions[0]: exactly one of at",
    '{"preconditions": [{"at": {"key": "a"}}]}': "preconditions[0].at:",
    '{"preconditions": [{"at": {"key": "a", "revision": -1}}]}': "preconditions[0].at.revision:",
    '{"preconditions": [{"unchanged": {"topic": "a//", "since": 0}}]}': "preconditions[0].unchanged.topic:",
    '{"reads": [{"key": "a", "version": "1"}]}': "reads[0].version:",
    '{"branch": "a/b"}': "branch:",
    '{"message": 1}': "message: a string expected",
    '{"changes": [{"key": "a", "delete": true}], "changes": []}': 'the member "changes" is there twice',
    '{"preconditions": [{"absent": "a", "absen\\u0074": "b"}]}': 'the member "absent" is there twice',
    '{"changes": [{"key": "a", "put": {"links": [{"relation": "of", "target": "x"}, {"relation": "of", "target": "x"}]}}]}':
        "changes[0].put.links: a link is there twice",
    '{"changes": [{"key": "a", "put": {"expires_at_ms": 1}}]}': "changes[0].put.expires_at_ms: 1 is over",
}


@pytest.mark.parametrize("document", MALFORMED)
def test_a_malformed_transaction_is_refused_with_the_place(dead, document):
    code, out, err = call(dead, "commit", "-", input=document)
    assert (code, out) == (USAGE, "")
    assert "standard input" in err and MALFORMED[document] in err
    code, error = error_of(dead, "commit", "-", input=document)
    assert (code, error["code"]) == (USAGE, "MALFORMED")


def test_a_wrong_transaction_is_refused_by_the_broker(broker):
    put(broker, "a", "text")
    for document, code in (
            ('{"changes": [{"key": "a", "increment": 1}]}', "WRONG_KIND"),
            ('{"changes": [{"key": "a", "merge_patch": {}}]}', "WRONG_KIND"),
            ('{"changes": [{"key": "b", "put": {"value": "{", "kind": "json"}}]}', "INVALID_VALUE"),
            ('{"changes": [{"key": "b", "increment": 1}, {"key": "b", "increment": 1}]}', "INVALID_ARGUMENT"),
            ('{"branch": "nowhere", "changes": [{"key": "b", "increment": 1}]}', "UNKNOWN_BRANCH")):
        ended, error = error_of(broker, "commit", "-", input=document)
        expected = {"WRONG_KIND": ERROR, "UNKNOWN_BRANCH": NOT_FOUND}.get(code, USAGE)
        assert (ended, error["code"]) == (expected, code), (document, error)
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == 1


@pytest.mark.parametrize("option, field", [("--branch", "branch"), ("--message", "message"), ("--context", "context")])
def test_a_transaction_and_the_options_must_agree(broker, option, field):
    document = json.dumps({field: "main", "changes": [{"key": "a", "increment": 1}]})
    code, out, err = call(broker, "commit", "-", option, "other", input=document)
    assert (code, out) == (USAGE, "") and field in err and "other" in err
    assert call(broker, "commit", "-", option, "main", input=document)[0] == OK


# ---- Options, exit codes, manners


@pytest.fixture
def dead(tmp_path):
    """A broker that is not there: for what needs none."""
    return Broker(tmp_path / "none")


def test_options_are_taken_before_and_after_the_command(broker):
    for arguments in (["--json", "--agent", "me", "put", "a", "b", "--broker", broker.url],
                      ["--broker", broker.url, "put", "--json", "a", "b", "--agent", "me"],
                      ["--broker", broker.url, "put", "a", "--agent", "me", "b", "--json"]):
        ended = subprocess.run([membus(), *arguments], capture_output=True, text=True)
        assert ended.returncode == OK, ended.stderr
        assert json.loads(ended.stdout)["revision"]
        assert run_json_lines(broker, "get", "a")[0]["owner"] == "me"


def test_the_environment_names_broker_and_agent(broker):
    environment = {**os.environ, "MEMBUS_BROKER": broker.url, "MEMBUS_AGENT": "from-environment"}
    subprocess.run([membus(), "put", "a", "b"], env=environment, check=True, capture_output=True)
    assert run_json_lines(broker, "get", "a")[0]["owner"] == "from-environment"
    environment["MEMBUS_BROKER"] = "tcp://127.0.0.1:1"
    ended = subprocess.run([membus(), "get", "a", "--broker", broker.url], env=environment, capture_output=True)
    assert ended.stdout == b"b"


@pytest.mark.parametrize("arguments", [
    ("nonsense",), ("put",), ("put", "/a", "b"), ("put", "a", "b", "--kindd", "x"), ("get", "a//b"), ("get",),
    ("get", "a", "--at", "-1"), ("get", "a", "--at", "x/y"), ("put", "a", "b", "--if-absent", "--if-revision", "1"),
    ("put", "a", "b", "--expires", "soon"), ("put", "a", "b", "--expires", "0s"), ("put", "a", "b", "--attribute", "x"),
    ("put", "a", "b", "--link", "of"), ("put", "a", "b", "--link", "of=/x"), ("log", "--since", "whenever"),
    ("watch",), ("watch", "a", "--from", "-2"), ("compact", "--below", "0"), ("ls", "a//"), ("warm", "a/"),
    ("get", "a", "--branch", "a/b"), ("get", "a", "--timeout", "never"), ("serve", "--listen", "127.0.0.1:1"),
    ("put", "a", "b", "--attribute", "x=1", "--attribute", "x=2"), ("import",),
    (), ("",), ("debug",), ("put", "a", "b", "--link", "of=x", "--link", "of=x"), ("get", "a", "--timeout", "0"),
    ("compact", "--below", "1", "--older-than", "1s"), ("warm", "/", "--into", ""), ("backup", ""), ("restore", ""),
    ("verify", ""), ("get", "a", "--agent", "a\x1bb"), ("serve", "--listen", "tcp://127.0.0.1:80000"),
    ("serve", "--events", "tcp://127.0.0.1:x"), ("get", "a", "--broker", "tcp://127.0.0.1:99999"),
    ("get", "a", "--broker", "http://x"), ("put", b"a\xff", "v"), ("put", "a", b"\xff\xfe")])
def test_wrong_usage_exits_with_2(dead, arguments):
    code, out, err = call(dead, *arguments)
    assert (code, out) == (USAGE, ""), err
    assert err
    assert error_of(dead, *arguments)[0] == USAGE


def test_no_broker_is_an_error_that_says_where(dead):
    code, out, err = call(dead, "get", "a", "--timeout", "500ms")
    assert (code, out) == (ERROR, "") and dead.url in err and "membus start" in err
    assert error_of(dead, "get", "a", "--timeout", "500ms") == (ERROR, {
        **error_of(dead, "get", "a", "--timeout", "500ms")[1], "code": "NO_BROKER"})


def test_help_and_version(dead):
    top = subprocess.run([membus(), "--help"], capture_output=True, text=True)
    assert top.returncode == OK
    commands = re.findall(r"^  (\w+) {2,}\S", top.stdout, re.MULTILINE)
    assert {"serve", "start", "stop", "mcp", "put", "get", "ls", "rm", "commit", "watch", "log", "history", "blame",
            "bisect", "status", "compact", "backup", "restore", "verify", "warm", "import", "export",
            "debug"} <= set(commands), commands
    for command in {"serve", "put", "commit", "watch", "warm", "import", "log", "blame", "bisect"}:
        told = subprocess.run([membus(), command, "--help"], capture_output=True, text=True)
        assert told.returncode == OK and f"membus {command}" in told.stdout and "--json" in told.stdout
    version = subprocess.run([membus(), "--version"], capture_output=True, text=True)
    assert version.returncode == OK and re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_generated(shell):
    script = subprocess.run([membus(), "--generate-completion-script", shell], capture_output=True, text=True)
    assert script.returncode == OK and "history" in script.stdout and "if-absent" in script.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script.stdout, text=True).returncode == 0


def test_there_are_no_colours_in_a_pipe(broker):
    put(broker, "a", "b")
    run(broker, "rm", "a")
    for command in (["log"], ["history", "a"], ["ls"], ["status"], ["verify"], ["debug", "digest"], ["branches"],
                    ["watch", "/", "--from", "0", "--count", "2"], ["get", "a"], ["--help"]):
        ended = subprocess.run([membus(), *command, "--broker", broker.url], capture_output=True, text=True)
        assert "\x1b" not in ended.stdout + ended.stderr, command


def test_a_terminal_gets_colours_unless_it_refuses_them(broker):
    put(broker, "a", "b")
    command = f"{membus()} log --broker {broker.url}"
    script = ["script", "-qec", command, "/dev/null"]
    plain = {**os.environ, "TERM": "xterm"}
    plain.pop("NO_COLOR", None)
    coloured = subprocess.run(script, capture_output=True, text=True, env=plain, stdin=subprocess.DEVNULL)
    assert "\x1b[" in coloured.stdout
    refused = subprocess.run(
        script, capture_output=True, text=True, env={**plain, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL)
    assert "\x1b[" not in refused.stdout and "revision 1" in refused.stdout


def test_control_characters_in_the_memory_do_not_reach_a_terminal(broker):
    put(broker, "a", "\x1b]0;gotcha\x07 text", "--message", "\x1b[2J")
    for command in (["log"], ["history", "a"], ["watch", "a", "--from", "0", "--count", "1"]):
        assert "\x1b" not in run(broker, *command).stdout


def test_a_text_does_not_turn_the_lines_around_that_show_it(broker):
    turning = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    put(broker, "plans/a", f"the invoice {turning}gpj.exe", "--message", f"why{turning}", "--agent", f"ada{turning}")
    for command in (
            ["log"], ["history", "plans/a"], ["watch", "plans/a", "--from", "0", "--count", "1"], ["search", "invoice"],
            ["sql", "SELECT value FROM records"], ["diff", "main@0", "main"], ["blame", "plans/a"]):
        shown = run(broker, *command).stdout
        assert not set(turning) & set(shown) and "\\u{202e}" in shown, command
    assert turning in run(broker, "get", "plans/a").stdout


def test_a_reader_that_goes_away_ends_the_command_quietly(broker):
    run(broker, "commit", "-", input=json.dumps({"changes": [
        {"key": f"many/{n}", "put": {"value": "x" * 3000}} for n in range(50)]}))
    run(broker, "commit", "-", input=json.dumps({"changes": [{"key": f"many/{n}", "append": "y"} for n in range(50)]}))
    for command in (f"watch many/ --from 0", "export", "ls", "log --values"):
        pipeline = f"{membus()} {command} --broker {broker.url} | head -n 1; exit ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, timeout=30)
        assert len(ended.stdout.splitlines()) == 1
        assert ended.returncode == OK, (command, ended.returncode, ended.stderr)
        assert all("watching" in line for line in ended.stderr.splitlines()), ended.stderr


@pytest.mark.parametrize("target", [">/dev/full", ">&-"])
def test_a_commit_that_cannot_be_told_of_is_told_of_all_the_same(broker, target):
    for number, option in enumerate(("", "--json"), 1):
        ended = subprocess.run(["bash", "-c", f"{membus()} put a b {option} --broker {broker.url} {target}"],
                               capture_output=True, text=True)
        assert ended.returncode == ERROR and f"committed as revision {number}; " not in ended.stdout
        assert f"it is committed as revision {number}" in ended.stderr and "do not repeat it" in ended.stderr


def test_a_watch_from_below_the_floor_only_fails(broker):
    for number in range(4):
        put(broker, "a", str(number))
    run(broker, "compact", "--below", "3")
    code, out, err = call(broker, "watch", "a", "--from", "1")
    assert (code, out) == (ERROR, "") and "watching" not in err and "3" in err


def test_keys_that_would_mislead_a_person_are_spelt_out_on_a_terminal(broker):
    put(broker, "a/\u202egpj.exe", "x")
    for command in ("ls", "log"):
        script = ["script", "-qec", f"{membus()} {command} --broker {broker.url}", "/dev/null"]
        shown = subprocess.run(script, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
        assert "\\u{202e}gpj" in shown and "\u202e" not in shown
        assert "\u202e" in run(broker, command).stdout


def test_what_is_no_store_and_no_file_is_told_plainly(broker, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for arguments, reason in ((("verify", "/dev/null"), "no Membus store"), (("verify", str(empty)), "no Membus store"),
                              (("commit", str(tmp_path)), "is a directory"),
                              (("warm", "/", "--into", str(tmp_path)), "is a directory")):
        code, out, err = call(broker, *arguments)
        assert (code, out) == (ERROR, "") and reason in err and "Error" not in err, err


def test_an_endpoint_that_is_taken_is_told_in_json(broker, tmp_path):
    ended = subprocess.run([membus(), "serve", "--json", "--data", str(tmp_path / "x"), "--listen", broker.url],
                           capture_output=True, text=True, timeout=30)
    error = json.loads(ended.stdout.splitlines()[-1])["error"]
    assert ended.returncode == ERROR and error["code"] == "BUS" and broker.url in error["message"] and error["hint"]


def test_an_idle_watch_notices_that_its_reader_went_away(broker):
    watch = start([membus(), "watch", "/", "--broker", broker.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                  text=True)
    watch.stderr.readline()
    watch.stdout.close()
    assert watch.wait(10) == OK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_ends_with_0_when_it_is_told_to(broker, number):
    with Lines(broker, "watch", "/") as watch:
        watch.until(lambda it: it.err)
        assert watch.end(number) == OK
        assert watch.out == []


def test_watch_prints_every_change_and_nothing_else(broker):
    put(broker, "plans/a", "before")
    with Lines(broker, "watch", "plans/", "people/ada", "--json") as watch:
        watch.until(lambda it: any("watching" in line for line in it.err))
        put(broker, "plans/a", "one")
        put(broker, "other", "no")
        put(broker, "people/ada", "two")
        run(broker, "rm", "plans/a")
        run(broker, "commit", "-", input='{"changes": [{"key": "plans/x", "increment": 1}, {"key": "plans/y", "increment": 2}]}')
        watch.until(lambda it: len(it.out) >= 5)
        assert [(change["key"], change.get("value")) for change in watch.objects()] == [
            ("plans/a", "one"), ("people/ada", "two"), ("plans/a", None), ("plans/x", "1"), ("plans/y", "2")]
        assert watch.objects()[2]["deleted"] is True
        assert [change["revision"] for change in watch.objects()] == [2, 4, 5, 6, 6]


# ---- Import and export


def test_what_is_exported_can_be_imported_twice(broker, tmp_path):
    run(broker, "commit", "-", input=json.dumps({"changes": [
        {"key": f"notes/{n}", "put": {"value": f"été {n}\n", "attributes": {"n": str(n)}}} for n in range(300)]
        + [{"key": "bytes", "put": {"value_base64": "AP8=", "kind": "bin"}}, {"key": "count", "increment": 3}]}))
    exported = run(broker, "export").stdout
    assert len(exported.splitlines()) == 302
    assert run(broker, "export", "notes/7").stdout.count("\n") == 1
    file = tmp_path / "all.jsonl"
    file.write_text(exported)
    head = run_json_lines(broker, "status")[0]["head"]["revision"]
    assert run_json_lines(broker, "import", str(file))[0]["unchanged"] == 302
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == head
    put(broker, "notes/5", "changed")
    run(broker, "rm", "notes/6")
    told = run_json_lines(broker, "import", str(file))[0]
    assert (told["records"], told["written"], told["unchanged"]) == (302, 2, 300)

    def content(text):
        drop = ("revision", "ordinal", "owner")
        return [{name: value for name, value in json.loads(line).items() if name not in drop} for line in text.splitlines()]

    assert content(run(broker, "export").stdout) == content(exported)


def test_transactions_are_imported_once(broker, tmp_path):
    file = tmp_path / "work.jsonl"
    file.write_text("".join(
        json.dumps({"message": f"line {n}", "changes": [{"key": "count", "increment": n}]}) + "\n" for n in range(1, 41)))
    assert run_json_lines(broker, "import", str(file))[0]["written"] == 40
    assert run_json_lines(broker, "import", str(file))[0] | {"revision": 0} == {
        "transactions": 40, "written": 0, "unchanged": 40, "superseded": 0, "expired": 0, "revision": 0}
    assert run(broker, "get", "count").stdout == str(sum(range(1, 41)))


def test_an_import_from_standard_input(broker):
    told = run(broker, "import", "-", input='{"key": "a", "value": "x"}\n')
    assert told.stdout == "1 record: 1 written, 0 there already; revision 1\n" and told.stderr == ""


def files_of(pid):
    """Where the process's descriptors lead."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def test_what_standard_input_holds_is_nowhere_once_an_import_is_ended(broker, tmp_path):
    """Neither by the signals that a command hears, nor by those that it does not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        work = start(
            [membus(), "import", "-", "--broker", broker.url], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)})
        work.stdin.write(b'{"key": "a", "value": "' + b"x" * 3_000_000)
        work.stdin.flush()
        eventually(lambda: any(str(tmp_path) in file for file in files_of(work.pid)), what="the copy")
        work.send_signal(number)
        assert work.wait(20) != 0
        work.stdin.close()
        assert [name for name in os.listdir(tmp_path) if name != "data"] == []


@pytest.mark.parametrize("command", [["import", "-"], ["commit", "-"], ["put", "a", "-"]])
def test_a_closed_standard_input_is_said_to_be_closed(broker, command):
    ended = subprocess.run(
        ["bash", "-c", 'exec "$@" <&-', "-", membus(), "--broker", broker.url, *command], capture_output=True, text=True)
    assert ended.returncode == ERROR and "standard input is closed" in ended.stderr, ended.stderr
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == 0


def test_a_byte_order_mark_at_the_start_of_a_file_is_passed_over(broker, tmp_path):
    for name, content in (("lines", '{"key": "a", "value": "x"}\n'), ("transaction", '{"changes": [{"key": "b", "increment": 1}]}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
    run(broker, "import", str(tmp_path / "lines"))
    run(broker, "commit", str(tmp_path / "transaction"))
    (tmp_path / "lines").write_bytes('{"key": "c", "value": "x"}\n'.encode("utf-16"))
    code, _, err = call(broker, "import", str(tmp_path / "lines"))
    assert code == USAGE and "UTF-16" in err
    (tmp_path / "config").write_bytes(b"\xef\xbb\xbf{}")
    with Broker(tmp_path / "other", "--config", str(tmp_path / "config")):
        pass


def test_an_import_fits_its_transactions_to_the_brokers_limits(tmp_path):
    config, records, work = tmp_path / "config", tmp_path / "records.jsonl", tmp_path / "work.jsonl"
    config.write_text(json.dumps({"limits": {
        "changesPerTransaction": 3, "keysPerRequest": 2, "transactionBytes": 400, "valueBytes": 100, "keyBytes": 40,
        "messageBytes": 10, "annotationBytes": 50}}))
    records.write_text("".join(json.dumps({"key": f"r/{n}", "value": "x" * (n * 3)}) + "\n" for n in range(30)))
    work.write_text("".join(json.dumps({"changes": [
        {"key": f"t/{n}/{part}", "increment": 1} for part in range(n % 3 + 1)]}) + "\n" for n in range(9)))
    with Broker(tmp_path / "data", "--config", str(config)) as broker:
        for _ in range(2):
            run(broker, "import", str(records))
        assert len(run_json_lines(broker, "ls", "r/")) == 30
        for _ in range(2):
            told = run_json_lines(broker, "import", str(work))[0]
        assert (told["written"], told["unchanged"]) == (0, 9)
        assert [record["value"] for record in run_json_lines(broker, "export", "t/")] == ["1"] * 18


def fingerprint(file):
    return "imports/" + hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_transaction_that_fills_the_limits_is_imported_once(broker, tmp_path):
    file = tmp_path / "full.jsonl"

    def line(n, changes):
        return json.dumps({"changes": [{"key": f"n/{part}", "increment": 1} for part in range(changes)]}) + "\n"

    file.write_text(line(1, 1000) + line(2, 10) + line(3, 1000))
    assert run_json_lines(broker, "import", str(file))[0]["written"] == 3
    told = run_json_lines(broker, "import", str(file))[0]
    assert (told["written"], told["unchanged"]) == (0, 3)
    assert run(broker, "get", "n/0").stdout == "3" and run(broker, "get", "n/999").stdout == "2"
    # One that no transaction holds is refused as it is, and its line is named.
    file.write_text(line(1, 1) + line(2, 1001))
    code, _, err = call(broker, "import", str(file))
    assert code == ERROR and f"{file}:2" in err and "changesPerTransaction of 1000" in err, err
    assert run(broker, "get", "n/0").stdout == "4"


@pytest.mark.parametrize("is_committed", [False, True])
def test_an_import_that_ended_in_the_middle_of_a_full_line_knows_whether_it_was_committed(broker, tmp_path, is_committed):
    """As a kill leaves it: the line is begun, and the commit is there, or is not."""
    file = tmp_path / "full.jsonl"
    full = json.dumps({"changes": [{"key": f"n/{part}", "increment": 1} for part in range(999)] + [{"key": "old", "delete": True}]})
    file.write_text(full + "\n" + full + "\n")
    put(broker, "old", "x")
    put(broker, fingerprint(file), '{"line":0,"begun":1}', "--kind", "json")
    # What others do meanwhile is not taken for it.
    run(broker, "commit", "-", "--message", "import full.jsonl", input='{"changes": [{"key": "n/0", "increment": 10}]}')
    run(broker, "commit", "-", "--message", "other", input=full)
    if is_committed:
        run(broker, "commit", "-", "--message", "import full.jsonl", input=full)
    told = run_json_lines(broker, "import", str(file))[0]
    assert (told["written"], told["unchanged"]) == ((1, 1) if is_committed else (2, 0))
    assert run(broker, "get", "n/1").stdout == "3" and run(broker, "get", "n/0").stdout == "13"
    assert run_json_lines(broker, "import", str(file))[0]["written"] == 0


def test_an_imports_conflict_names_the_line(broker, tmp_path):
    file = tmp_path / "work.jsonl"
    file.write_text('{"changes": [{"key": "a", "increment": 1}]}\n'
                    '{"preconditions": [{"absent": "a"}], "changes": [{"key": "b", "increment": 1}]}\n')
    code, out, _ = call(broker, "import", str(file), "--json")
    told = json.loads(out)
    assert code == CONFLICT and (told["file"], told["line"]) == (str(file), 2) and told["conflict"][0]["key"] == "a"
    code, _, err = call(broker, "import", str(file))
    assert code == CONFLICT and f"{file}:2" in err and "nothing of this line" in err and "are committed" in err


def test_an_import_that_was_killed_goes_on_where_it_ended(broker, tmp_path):
    file = tmp_path / "work.jsonl"
    lines = 700
    file.write_text("".join(
        json.dumps({"changes": [{"key": "count", "increment": 1}, {"key": f"l/{n}", "append": "x"}]}) + "\n"
        for n in range(lines)))
    for _ in range(2):
        reached = run_json_lines(broker, "status")[0]["head"]["revision"]
        with Lines(broker, "import", str(file)) as work:
            eventually(lambda: run_json_lines(broker, "status")[0]["head"]["revision"] > reached + 50)
            work.process.kill()
            work.wait()
    assert 100 < run_json_lines(broker, "status")[0]["head"]["revision"] < lines
    # This time the broker dies under it.
    with Lines(broker, "import", str(file)) as work:
        reached = run_json_lines(broker, "status")[0]["head"]["revision"]
        eventually(lambda: run_json_lines(broker, "status")[0]["head"]["revision"] > reached + 20)
        broker.restart()
        assert work.wait(120) == OK, work.err[-5:]
    assert run(broker, "get", "count").stdout == str(lines)
    values = [record["value"] for record in run_json_lines(broker, "export", "l/")]
    assert values == ["x"] * lines


def test_a_malformed_import_is_refused_with_the_line_and_writes_nothing(broker, tmp_path):
    file = tmp_path / "bad.jsonl"
    good = '{"key": "a", "value": "x"}\n'
    for bad, reason in (('{"key": "b"}', "value"), ("nonsense", "not JSON"), ('{"key": "//", "value": "x"}', "key"),
                        ('{"changes": []}', "the lines before hold records"), ('{"key": "b", "valeu": "x"}', "valeu")):
        file.write_text(good + good + bad + "\n" + good)
        code, out, err = call(broker, "import", str(file))
        assert code == USAGE and out == "" and f"{file}:3" in err and reason in err, err
    assert run_json_lines(broker, "status")[0]["head"]["revision"] == 0
    assert call(broker, "import", str(tmp_path / "missing.jsonl"))[0] == ERROR


# ---- Endpoints and configuration


def test_two_spellings_of_a_letter_are_two_names(broker, tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    both = [word for name, value in ((composed, "1"), (decomposed, "2")) for word in ("--attribute", f"{name}={value}")]
    run(broker, "put", "a", "b", *both, "--agent", composed)
    run(broker, "put", "b", "b", "--attribute", f"x=\u0338{composed}", "--agent", decomposed)
    exported = run(broker, "export").stdout
    first, second = map(json.loads, exported.splitlines())
    assert first["attributes"] == {composed: "1", decomposed: "2"} and second["attributes"] == {"x": f"\u0338{composed}"}
    assert [commit["revision"] for commit in run_json_lines(broker, "log", "--by", composed)] == [1]
    assert [commit["revision"] for commit in run_json_lines(broker, "log", "--by", decomposed)] == [2]
    # An import takes one for the other neither.
    file = tmp_path / "records.jsonl"
    file.write_text(exported)
    assert run_json_lines(broker, "import", str(file))[0]["unchanged"] == 2
    other = {**second, "attributes": {"x": f"\u0338{decomposed}"}}
    file.write_text(json.dumps({**other, "owner": "x"}, ensure_ascii=False))
    assert run_json_lines(broker, "import", str(file))[0]["written"] == 1
    assert run_json_lines(broker, "get", "b")[0]["attributes"] == other["attributes"]


def test_a_wildcard_bind_works_for_clients(tmp_path):
    port, events = free_port(), free_port()
    broker = Broker(tmp_path / "data", "--insecure", url=f"tcp://*:{port}", events=f"tcp://*:{events}")
    broker.start()
    try:
        broker.url = f"tcp://127.0.0.1:{port}"
        check_that_all_works(broker)
    finally:
        broker.stop()


def test_ipc_endpoints_work(tmp_path):
    broker = Broker(tmp_path / "data", url=f"ipc://{tmp_path}/requests", events=f"ipc://{tmp_path}/events")
    with broker:
        check_that_all_works(broker)
        broker.kill()
        broker.start()  # the sockets' files are still there
        check_that_all_works(broker)


def test_several_endpoints_work_each_with_its_events(tmp_path):
    port = free_port()
    broker = Broker(tmp_path / "data", "--listen", f"ipc://{tmp_path}/requests", "--events", f"ipc://{tmp_path}/events")
    with broker:
        check_that_all_works(broker)
        broker.url = f"ipc://{tmp_path}/requests"
        check_that_all_works(broker)


def test_clients_use_the_advertised_events_endpoint(tmp_path):
    """Where a proxy stands between, the broker's own endpoint is not theirs."""
    port, elsewhere = free_port(), f"ipc://{tmp_path}/elsewhere"
    config = tmp_path / "membus.json"
    config.write_text(json.dumps({"advertisedEvents": [elsewhere]}))
    with Broker(tmp_path / "data", "--config", str(config), url=f"tcp://127.0.0.1:{port}") as broker:
        connection = Connection(broker.url)
        assert list(connection.hello().events) == [elsewhere]
        connection.close()


def check_that_all_works(broker):
    run(broker, "rm", "works/a", check=False)
    with Lines(broker, "watch", "works/", "--json") as watch:
        watch.until(lambda it: it.err)
        put(broker, "works/a", "b")
        watch.until(lambda it: it.out)
    assert run_json_lines(broker, "debug", "digest", "works/")[0]["equal"]


def test_the_ready_line_says_where(tmp_path):
    with Broker(tmp_path / "data") as plain:
        plain.stop()
        line = plain.start()
        assert plain.url in line and plain.events in line and plain.data in line and line.count("\n") == 1
    broker = Broker(tmp_path / "other", "--json")
    told = json.loads(broker.start())
    assert told["requests"] == [broker.url] and told["events"] == [broker.events] and told["data"] == broker.data
    broker.stop()


def test_a_configuration_sets_and_options_override(tmp_path):
    config = tmp_path / "membus.json"
    config.write_text(json.dumps({
        "dataDirectory": "/nonexistent", "limits": {"valueBytes": 10, "changesPerTransaction": 2},
        "retention": {"age": "7d"}, "heartbeat": "100ms"}))
    with Broker(tmp_path / "data", "--config", str(config)) as broker:
        put(broker, "a", "0123456789")
        code, error = error_of(broker, "put", "a", "0123456789x")
        assert (code, error["code"]) == (ERROR, "LIMIT_EXCEEDED") and "10" in error["message"]


@pytest.mark.parametrize("content, reason", [
    ('{"limit": {}}', "limit: unknown field"), ('{"limits": {"valueByte": 1}}', "limits.valueByte: unknown field"),
    ('{"heartbeat": 5}', "heartbeat"), ('{"readers": 0}', "readers"), ("not json", "JSON"),
    ('{"requests": ["http://x"]}', "requests[0]"), ('{"advertisedEvents": ["x"]}', "advertisedEvents[0]"), ('{"retention": {"aeg": "1d"}}', "retention.aeg: unknown field")])
def test_a_wrong_configuration_is_refused_with_the_place(tmp_path, content, reason):
    config = tmp_path / "membus.json"
    config.write_text(content)
    code, said = Broker(tmp_path / "data", "--config", str(config)).refuses()
    assert code == USAGE and str(config) in said and reason in said, said
    assert not (tmp_path / "data").exists()

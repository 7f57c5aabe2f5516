"""Looking back, by the command: who wrote which line, and since when a check fails."""

import json
import os
import signal
import subprocess
import time

import pytest

from processes import eventually, membus, run, run_json_lines, start
from test_cli import ERROR, NOT_FOUND, OK, USAGE, call, error_of, put


def blamed(broker, key, *options):
    """-> (revision, agent, text) of each line"""
    return [(line["revision"], line["agent"], line.get("text", line.get("value")))
            for line in run_json_lines(broker, "blame", key, *options)]


def test_each_line_is_by_who_wrote_it(broker):
    put(broker, "plans/lisbon", "fly\nhotel by the river\n", "--agent", "planner", "--context", "trip-41")
    put(broker, "facts/visa", "none")
    put(broker, "plans/lisbon", "train; visa\nhotel by the river\n\tpack\n", "--agent", "scout", "--message", "why")
    assert run(broker, "blame", "plans/lisbon").stdout.splitlines() == [
        "3  scout              train; visa",
        "1  planner  trip-41   hotel by the river",
        "3  scout              \tpack"]
    first, second, _ = run_json_lines(broker, "blame", "plans/lisbon")
    assert (first["line"], first["text"], first["revision"], first["agent"], first["message"]) == (
        1, "train; visa", 3, "scout", "why")
    assert (second["line"], second["context"], second["branch"]) == (2, "trip-41", "main")
    assert abs(second["time_ms"] / 1000 - time.time()) < 600 and "at_or_before" not in second
    # As it was, and on a branch with what it inherited.
    assert blamed(broker, "plans/lisbon", "--at", "2") == [(1, "planner", "fly"), (1, "planner", "hotel by the river")]
    run(broker, "fork", "trial")
    put(broker, "plans/lisbon", "train; visa\nhostel\n", "--branch", "trial", "--agent", "critic")
    assert blamed(broker, "plans/lisbon", "--branch", "trial") == [(3, "scout", "train; visa"), (5, "critic", "hostel")]


def test_members_and_other_values_are_told_too(broker):
    put(broker, "people/ada", '{"home": {"city": "London"}, "age": 36}', "--kind", "json", "--agent", "one")
    put(broker, "people/ada", '{"age": 36, "home": {"city": "Paris"}}', "--kind", "json", "--agent", "two")
    assert run(broker, "blame", "people/ada").stdout == "1  one   /age: 36\n2  two   /home/city: \"Paris\"\n"
    told = run_json_lines(broker, "blame", "people/ada")
    assert [(line["path"], line["value"]) for line in told] == [("/age", "36"), ("/home/city", '"Paris"')]
    put(broker, "cost", "5", "--kind", "counter", "--agent", "one")
    put(broker, "cost", "5", "--kind", "counter", "--attribute", "a=b", "--agent", "two")
    assert blamed(broker, "cost") == [(3, "one", "5")]
    put(broker, "odd", "a\x1b[31m\nb")
    assert "\x1b" not in run(broker, "blame", "odd").stdout


def test_what_is_not_there_has_nobody_to_blame(broker):
    put(broker, "a", "old")
    run(broker, "rm", "a")
    assert error_of(broker, "blame", "a")[0] == error_of(broker, "blame", "never")[0] == NOT_FOUND
    assert blamed(broker, "a", "--at", "1") == [(1, run_json_lines(broker, "log")[0]["agent"], "old")]
    put(broker, "a", "old")
    assert blamed(broker, "a")[0][0] == 3, "a deletion ends what was before"
    put(broker, "empty", "")
    assert run(broker, "blame", "empty").stdout == ""
    assert error_of(broker, "blame", "a", "--at", "99")[1]["code"] == "BEYOND_HEAD"


def test_where_history_was_dropped_lines_are_from_there_or_from_before(broker):
    for text in ("one", "one\ntwo", "one\ntwo\nthree"):
        put(broker, "a", text)
    put(broker, "b", "1")
    run(broker, "compact", "--below", "2")
    ended = run(broker, "blame", "a")
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["≤2", "≤2", "3"]
    assert "at or before" in ended.stderr and "floor" in ended.stderr
    told = run_json_lines(broker, "blame", "a")
    assert [line.get("at_or_before", False) for line in told] == [True, True, False]
    # Nothing of it is from before the floor.
    assert run(broker, "blame", "b").stderr == ""
    assert error_of(broker, "blame", "a", "--at", "1")[1]["code"] == "BELOW_FLOOR"


# ---- bisect


@pytest.fixture
def spoilt(broker):
    """Nine values of `k` at the odd revisions 1 to 17, of another key between them. From 11 on it is bad."""
    for number in range(9):
        put(broker, "k", "good" if number < 5 else "bad", "--agent", "scout", "--context", f"trip-{number}",
            "--message", f"write {number}")
        put(broker, "other", str(number))
    return broker


#: `membus` of the same build, which asks whom the environment names.
CHECK = f'test "$({membus()} get k --at "$MEMBUS_AT")" = good'


def bisect(broker, *arguments, command=CHECK):
    """-> (exit code, the objects that it printed)"""
    code, out, err = call(broker, "bisect", "k", "--good", "2", "--run", command, *arguments, "--json")
    return code, [json.loads(line) for line in out.splitlines()]


def test_the_first_commit_since_which_a_check_fails_is_found(spoilt):
    ended = run(spoilt, "bisect", "k", "--good", "2", "--bad", "17", "--run", CHECK)
    first, *steps, last = ended.stdout.splitlines()
    assert first == "8 commits changed these keys: 3 steps"
    assert [(step.split()[0], step.split()[-1]) for step in steps] == [
        ("9", "passed"), ("13", "failed"), ("11", "failed")]
    assert last == '11 is the first for which it fails: scout, trip-5: "write 5"'
    code, told = bisect(spoilt)
    assert code == OK and told[0] == {"commits": 8, "steps": 3}
    assert told[1] == {"revision": 9, "branch": "main", "verdict": "good", "exit_code": 0}
    assert told[-1]["first_bad"]["revision"] == 11 and told[-1]["first_bad"]["message"] == "write 5"


def test_topics_are_looked_at_too_and_branches_with_what_they_inherited(spoilt):
    run(spoilt, "fork", "trial", "--at", "14")
    put(spoilt, "k", "bad too", "--branch", "trial")
    ended = run(spoilt, "--branch", "trial", "bisect", "/", "--good", "8", "--run", CHECK)
    assert ended.stdout.splitlines()[0].startswith("7 commits") and "\n11 is the first" in ended.stdout
    ended = run(spoilt, "bisect", "k", "other", "--good", "~10", "--run", CHECK)
    assert ended.stdout.splitlines()[0].startswith("10 commits") and "\n11 is the first" in ended.stdout


def test_one_commit_needs_no_try_and_none_is_an_error(spoilt):
    code, told = bisect(spoilt, "--bad", "3", command="exit 255")
    assert code == OK and told[0]["steps"] == 0 and told[-1]["first_bad"]["revision"] == 3
    assert error_of(spoilt, "bisect", "none", "--good", "2", "--run", "true")[1]["code"] == "NOTHING_CHANGED"
    for arguments in (("--good", "9", "--bad", "3"), ("--good", "9", "--bad", "9")):
        code, error = error_of(spoilt, "bisect", "k", *arguments, "--run", "true")
        assert code == USAGE and "not before" in error["message"]
    assert call(spoilt, "bisect", "k", "--good", "x/y", "--run", "true")[0] == USAGE
    assert call(spoilt, "bisect", "k", "--good", "2", "--run", "")[0] == USAGE
    assert error_of(spoilt, "bisect", "k", "--good", "999", "--run", "true")[1]["code"] == "BEYOND_HEAD"
    run(spoilt, "compact", "--below", "6")
    assert error_of(spoilt, "bisect", "k", "--good", "2", "--run", "true")[1]["code"] == "BELOW_FLOOR"


def test_what_cannot_be_told_is_skipped_and_what_it_leaves_is_listed(spoilt):
    code, told = bisect(spoilt, command='[ "$MEMBUS_AT" = 9 ] && exit 125; [ "$MEMBUS_AT" -lt 15 ]')
    assert code == OK and told[1]["verdict"] == "skipped" and told[-1]["first_bad"]["revision"] == 15
    skipping = f'case "$MEMBUS_AT" in 9|11) exit 125;; esac; {CHECK}'
    code, told = bisect(spoilt, command=skipping)
    assert code == ERROR and told[-1]["first_bad"] is None
    assert [commit["revision"] for commit in told[-1]["candidates"]] == [9, 11, 13]
    ended = run(spoilt, "bisect", "k", "--good", "2", "--run", skipping, check=False)
    assert ended.returncode == ERROR and ended.stderr == ""
    assert [line.split()[0] for line in ended.stdout.splitlines()[-3:]] == ["9", "11", "13"]


@pytest.mark.parametrize("command, how", [
    ("exit 128", "128"), ("exit 255", "255"), ("kill -KILL $$", "signal 9"), ("sh -c 'kill -TERM $$'; exit $?", "143")])
def test_a_command_that_fails_itself_ends_the_search(spoilt, command, how):
    code, out, err = call(spoilt, "bisect", "k", "--good", "2", "--run", command)
    assert code == ERROR and how in err and "is the first" not in out


def test_any_other_code_is_bad(spoilt):
    for code in (1, 2, 124, 126, 127):
        assert bisect(spoilt, command=f"exit {code}")[1][-1]["first_bad"]["revision"] == 3


def test_the_command_has_no_input_and_its_output_is_no_report(spoilt):
    ended = run(spoilt, "bisect", "k", "--good", "2", "--run", "echo out; cat; echo err >&2", "--json", input="x")
    assert all(json.loads(line) for line in ended.stdout.splitlines())
    assert ended.stderr.splitlines()[:2] == ["out", "err"] and "x\n" not in ended.stderr


def test_commands_that_write_get_a_branch_for_each_try(spoilt):
    writes = f'{membus()} put k-copy "$({membus()} get k --at "$MEMBUS_AT")" --json >&2 && {CHECK} && ' \
        f'[ "$({membus()} get k)" = "$({membus()} get k-copy)" ]'
    code, told = bisect(spoilt, "--fork", command=writes)
    assert code == OK and told[-1]["first_bad"]["revision"] == 11
    branches = [step["branch"] for step in told[1:-1]]
    assert len(set(branches)) == 3
    for step in told[1:-1]:
        assert step["branch"].startswith(f"bisect-{step['revision']}-")
        value = "good" if step["verdict"] == "good" else "bad"
        assert run(spoilt, "get", "k-copy", "--branch", step["branch"]).stdout == value
    assert call(spoilt, "get", "k-copy")[0] == NOT_FOUND
    assert {branch["name"] for branch in run_json_lines(spoilt, "branches")} == {"main", *branches}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_and_its_child(spoilt, tmp_path, number):
    told = tmp_path / "pid"
    process = start(
        [membus(), "--broker", spoilt.url, "bisect", "k", "--good", "2", "--run", f"echo $$ > {told}; sleep 300; true"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child = int(eventually(lambda: told.exists() and told.read_text().strip()))
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == -number and b"is the first" not in out
    eventually(lambda: not os.path.exists(f"/proc/{child}"), what="the child's end")


def test_a_child_that_will_not_end_is_killed(spoilt, tmp_path):
    told = tmp_path / "pid"
    command = f"trap '' TERM; echo $$ > {told}; while :; do sleep 1; done"
    process = start(
        [membus(), "--broker", spoilt.url, "bisect", "k", "--good", "2", "--run", command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child = int(eventually(lambda: told.exists() and told.read_text().strip()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    eventually(lambda: not os.path.exists(f"/proc/{child}"), what="the child's end")


def test_the_branch_to_work_on_may_stand_in_the_environment(spoilt):
    run(spoilt, "fork", "trial")
    put(spoilt, "k", "theirs", "--branch", "trial")

    def there(name, *arguments):
        return subprocess.run(
            [membus(), "--broker", spoilt.url, *arguments], env={**os.environ, "MEMBUS_BRANCH": name},
            capture_output=True, text=True)

    assert there("trial", "get", "k").stdout == "theirs"
    assert there("trial", "get", "k", "--branch", "main").stdout == "bad"
    assert there("", "get", "k").stdout == "bad"
    assert there("a/b", "get", "k").returncode == USAGE

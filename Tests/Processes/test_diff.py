"""What differs between two states, by the command."""

import datetime
import json
import time

from processes import run, run_json_lines
from test_cli import error_of, put


def test_a_person_sees_what_a_branch_changed(broker):
    put(broker, "plans/lisbon", "fly, no visa needed\nhotel by the river\n")
    put(broker, "facts/visa", "none")
    run(broker, "put", "cost/lisbon", "150", "--kind", "counter")
    run(broker, "put", "people/ada", '{"age": 36, "home": "London"}', "--kind", "json")
    run(broker, "fork", "trial")
    put(broker, "facts/insurance", "yes")
    for key, value in (("plans/lisbon", "train\nhotel by the river\n"), ("notes/new", "x")):
        run(broker, "--branch", "trial", "put", key, value)
    run(broker, "--branch", "trial", "commit", "-", input=json.dumps({"changes": [
        {"key": "cost/lisbon", "increment": -90}, {"key": "people/ada", "merge_patch": {"home": "Paris"}},
        {"key": "facts/visa", "delete": True}]}))

    told = run(broker, "diff", "main", "trial").stdout
    assert "- fly, no visa needed\n+ train\n  hotel by the river\n" in told
    assert "- /home: \"London\"\n+ /home: \"Paris\"\n" in told and "/age" not in told
    assert "- 150\n+ 60\n" in told
    keys = [line.split()[0] for line in told.splitlines() if line[0] not in "-+ "]
    assert keys == sorted(keys) == [
        "cost/lisbon", "facts/insurance", "facts/visa", "notes/new", "people/ada", "plans/lisbon"]

    stat = run(broker, "diff", "main", "trial", "--stat").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in stat[:-1]] == [
        ["cost/lisbon", "150 → 60"], ["facts/insurance", "only in main@9"], ["facts/visa", "only in main@9"],
        ["notes/new", "only in trial@9"], ["people/ada", "changed   1 member"], ["plans/lisbon", "changed   1 line"]]
    assert stat[-1] == "6 keys; main@9 is 1 commit ahead of the common past (main@4), trial@9 4"


def test_what_differs_in_form_alone_is_told_as_that_and_nothing_reaches_the_terminal_raw(broker):
    put(broker, "text", "a\n")
    run(broker, "put", "json", '{"a": 1, "b": 2}', "--kind", "json")
    run(broker, "put", "escape", "{}", "--kind", "json")
    head = 3
    put(broker, "text", "a")
    run(broker, "put", "json", '{"b": 2, "a": 1}', "--kind", "json")
    run(broker, "put", "escape", '{"\\u001b]0;pwned\\u0007": 1}', "--kind", "json")
    told = run(broker, "diff", str(head)).stdout
    assert told.count("changed in form only") == 2 and "\x1b" not in told and "\x07" not in told
    assert run(broker, "diff", str(head), "--stat").stdout.count("changed in form only") == 2
    code, error = error_of(broker, "diff", "1", "text")
    assert "behind both states" in error["hint"]


def test_programmes_get_both_records_and_the_summary(broker):
    put(broker, "a", "1")
    put(broker, "a", "2")
    put(broker, "b", "1")
    told = run_json_lines(broker, "diff", "1")
    assert [(line["key"], line["change"]) for line in told] == [("a", "changed"), ("b", "added")]
    assert told[0]["from"]["revision"] == 1 and told[0]["to"]["revision"] == 2 and "from" not in told[1]
    *_, summary = run_json_lines(broker, "diff", "main@1", "main@3", "b", "--stat")
    assert summary == {
        "from": {"branch": "main", "revision": 1}, "to": {"branch": "main", "revision": 3},
        "common": [{"branch": "main", "revision": 1}], "only_from": 0, "only_to": 2, "keys": 1}
    assert run(broker, "diff", "main", "main").stdout == ""
    # What has a slash is no state.
    put(broker, "t/a", "1")
    assert [line["key"] for line in run_json_lines(broker, "diff", "1", "t/")] == ["t/a"]


def test_the_past_is_named_by_time_and_by_commits(broker):
    put(broker, "a", "old")
    time.sleep(0.1)
    put(broker, "a", "new")
    put(broker, "b", "1")
    written = run_json_lines(broker, "log", "--ascending")[0]["time_ms"]
    then = datetime.datetime.fromtimestamp((written + 20) / 1000, datetime.UTC).isoformat(timespec="milliseconds")
    then = then.replace("+00:00", "Z")
    assert run(broker, "get", "a", "--at", "~2").stdout == "old"
    assert run(broker, "get", "a", "--at", then).stdout == "old"
    listed = run(broker, "ls", "--at", then)
    assert listed.stdout.split()[-1] == "a" and "as of revision 1\n" in listed.stderr
    assert [line["key"] for line in run_json_lines(broker, "diff", "main~1")] == ["b"]
    assert [line["key"] for line in run_json_lines(broker, "diff", f"main@{then}")] == ["a", "b"]
    # An hour ago there was nothing.
    assert run(broker, "ls", "--at", "1h").stdout == "" and len(run_json_lines(broker, "diff", "@1h")) == 2
    run(broker, "fork", "before", "--at", "~1")
    assert run(broker, "--branch", "before", "ls").stdout.split()[-1] == "a"
    code, error = error_of(broker, "get", "a", "--at", "yesterday")
    # It may be a tag's name.
    assert code == 4 and "yesterday" in error["message"] and "10m" in error["hint"]
    code, error = error_of(broker, "get", "a", "--at", "~9")
    assert code != 0 and "newest 9 commits" in error["message"]


def test_states_that_are_not_there_are_named(broker):
    for value in range(5):
        put(broker, "a", str(value))
    assert error_of(broker, "diff", "none")[1]["code"] == "UNKNOWN_BRANCH"
    assert error_of(broker, "diff", "9")[1]["code"] == "BEYOND_HEAD"
    run(broker, "compact", "--below", "3")
    assert error_of(broker, "diff", "2")[1]["code"] == "BELOW_FLOOR"
    code, error = error_of(broker, "diff", "a/b@2")
    assert code == 2, error


def test_a_diff_is_as_large_as_what_was_written(broker):
    run(broker, "import", "-", input="".join(
        json.dumps({"key": f"many/{number}", "value": "x"}) + "\n" for number in range(5000)))
    head = run_json_lines(broker, "status")[0]["head"]["revision"]
    run(broker, "fork", "trial", "--at", str(head))
    run(broker, "--branch", "trial", "import", "-", input="".join(
        json.dumps({"key": f"many/{number}", "value": "y" * 900}) + "\n" for number in range(0, 5000, 2)))
    told = run_json_lines(broker, "diff", "main", "trial")
    assert [line["key"] for line in told] == sorted(f"many/{number}" for number in range(0, 5000, 2))
    assert all(line["to"]["value"] == "y" * 900 for line in told)


def test_a_policy_that_a_merge_did_not_carry_is_told_of(broker):
    """The branch contains the commit that made it, and does not show it."""
    run(broker, "fork", "trial")
    policy = '{"topic": "s/", "policy": "set"}'
    run(broker, "put", ".membus/policies/sets", policy, "--kind", "json")
    run(broker, "put", "k", "1")
    run(broker, "--branch", "trial", "merge", "main")
    for states in (("trial", "main"), ("main", "trial")):
        told = run_json_lines(broker, "diff", *states)
        assert [difference["key"] for difference in told if "key" in difference] == [".membus/policies/sets"]

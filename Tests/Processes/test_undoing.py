"""What was wrong is marked, undone with all that followed, and stays undone; what a merge can't decide is left for later; by the
command, with the broker killed in between."""

import json
import random
import re
import threading

from processes import run, run_json_lines
from test_cli import CONFLICT, NOT_FOUND, USAGE, error_of, put


def commit(broker, agent, context, changes, reads=(), branch="main", **conditions):
    """-> its revision"""
    transaction = {
        "context": context, "changes": [{"key": key, "put": {"value": value}} for key, value in changes.items()],
        "reads": [{"key": key, "version": version} for key, version in reads], **conditions}
    told = run_json_lines(
        broker, "commit", "-", "--agent", agent, "--branch", branch, input=json.dumps(transaction))
    return told[-1]["revision"]


def lied_to(broker):
    """A lie, what was built on it on two branches, and something else. -> the lie's revision"""
    put(broker, "facts/visa", "not known")
    put(broker, "plans/lisbon", "first idea")
    lie = commit(broker, "scout", "trip-42", {"facts/visa": "no visa"})
    plan = commit(broker, "planner", "trip-42", {"plans/lisbon": "fly"}, reads=[("facts/visa", lie)])
    run(broker, "fork", "trial")
    commit(broker, "critic", "review", {"notes/lisbon": "cheap"}, reads=[("plans/lisbon", plan)], branch="trial")
    commit(broker, "clerk", "other", {"menu": "soup"})
    return lie


def attempt(broker, *arguments, **options):
    return run(broker, *arguments, check=False, **options)


def value(broker, key, *options):
    done = run(broker, "get", key, *options, check=False)
    return done.stdout if done.returncode == 0 else None


def test_readers_of_what_is_quarantined_are_warned_until_it_is_written_anew(broker):
    lie = lied_to(broker)
    done = run(broker, "quarantine", f"facts/visa@{lie}", "--cascade", "--reason", "the embassy says otherwise")
    assert re.fullmatch(r"main   revision \d+\ntrial   revision \d+\n", done.stdout)
    warned = run(broker, "get", "plans/lisbon")
    assert warned.stdout == "fly" and "quarantined at revision" in warned.stderr and "embassy" in warned.stderr
    assert run(broker, "get", "menu").stderr == ""
    assert "embassy" in run(broker, "get", "notes/lisbon", "--branch", "trial").stderr
    sound = {"preconditions": [{"sound": True}], "reads": [{"key": "plans/lisbon", "version": 4}],
             "changes": [{"key": "bookings", "put": {"value": "x"}}]}
    refused = attempt(broker, "commit", "-", input=json.dumps(sound))
    assert refused.returncode == CONFLICT and "quarantined" in refused.stderr and value(broker, "bookings") is None
    put(broker, "plans/lisbon", "train")
    assert run(broker, "get", "plans/lisbon").stderr == ""
    assert error_of(broker, "put", "a", "x", "--attribute", "membus.quarantine=no")[0] == USAGE
    assert error_of(broker, "quarantine", "facts/visa@99999", "--reason", "x")[0] != 0


def test_a_cascade_is_carried_out_as_planned_or_not_at_all_and_a_merge_does_not_bring_it_back(broker):
    lie = lied_to(broker)
    told = run(broker, "revert", "--cascade", f"facts/visa@{lie}", "--branch", "main", "--dry-run").stdout
    plan = re.search(r"^plan ([0-9a-f]{16}) as of revision \d+: one commit on main$", told, re.M)[1]
    assert "becomes what it was as of revision 1: not known" in told and "first idea" in told
    command = re.search(r"to do exactly this: membus (.*)$", told, re.M)[1].split()
    assert command[-2:] == ["--plan", plan]
    commit(broker, "booker", "trip-43", {"bookings": "x"}, reads=[("plans/lisbon", 4)])
    refused = attempt(broker, *command)
    assert refused.returncode == CONFLICT and "no longer write" in refused.stderr and value(broker, "bookings") == "x"
    again = run_json_lines(
        broker, "revert", "--cascade", f"facts/visa@{lie}", "--branch", "main", "--dry-run")[0]
    run(broker, *command[:-1], again["plan"])
    assert value(broker, "facts/visa") == "not known" and value(broker, "plans/lisbon") == "first idea"
    assert value(broker, "bookings") is None and value(broker, "menu") == "soup"
    refused = attempt(broker, "merge", "trial")
    assert refused.returncode == CONFLICT and "notes/lisbon   it would bring back what was undone here" in refused.stderr
    broker.kill()
    broker.start()
    assert attempt(broker, "merge", "trial").returncode == CONFLICT, "what a cascade undid outlives the process"
    run(broker, "merge", "trial", "--resolve", "notes/lisbon=ours")
    assert value(broker, "notes/lisbon") is None
    assert run(broker, "revert", "--cascade", f"facts/visa@{lie}").stdout.startswith("trial   revision")
    assert run(broker, "revert", "--cascade", f"facts/visa@{lie}").stdout == \
        "nothing to revert: none of it is there any more\n"


def parted(broker):
    put(broker, "plans/rome", "two days")
    run(broker, "fork", "trial")
    put(broker, "plans/rome", "two days, by bus", "--branch", "trial", "--agent", "critic")
    put(broker, "plans/oslo", "by ship", "--branch", "trial")
    put(broker, "plans/rome", "one day", "--agent", "planner")


def test_what_a_merge_parks_is_settled_once_by_one_of_many(broker):
    parted(broker)
    assert attempt(broker, "merge", "trial").returncode == CONFLICT and value(broker, "plans/oslo") is None
    told = run(broker, "merge", "trial", "--park").stdout
    assert told == "revision 6: trial@4 merged into main: 1 key written, 1 conflict parked: see membus conflicts\n"
    (conflict,) = run_json_lines(broker, "conflicts")
    assert (conflict["conflict"], conflict["key"], conflict["kind"]) == ("6/1", "plans/rome", "bothChanged")
    assert conflict["theirs"] == {"branch": "trial", "revision": 3} and conflict["claimed_by"] is None
    assert attempt(broker, "merge", "main", "--branch", "trial").returncode != 0, "no source while a conflict is open"
    claims = [attempt(broker, "conflicts", "claim", "6/1", "--agent", name).returncode for name in ("ada", "bob")]
    assert claims == [0, CONFLICT]
    assert "claimed by ada" in run(broker, "conflicts").stdout
    assert attempt(broker, "resolve", "6/1", "--theirs", "--agent", "bob").returncode == CONFLICT
    broker.kill()
    broker.start()
    done = run(broker, "resolve", "6/1", "--theirs", "--agent", "ada", "--message", "bus it is").stdout
    assert re.fullmatch(r"revision \d+: plans/rome is settled; merge 6 has no open conflicts\n", done)
    assert value(broker, "plans/rome") == "two days, by bus" and run(broker, "conflicts").stdout == "no open conflicts\n"
    assert error_of(broker, "resolve", "6/1", "--ours")[0] == NOT_FOUND
    run(broker, "merge", "main", "--branch", "trial")
    assert run(broker, "diff", "main", "trial", "--json").stdout.count('"key"') == 0


def test_a_conflict_whose_key_was_written_since_is_not_settled_over_that(broker):
    parted(broker)
    run(broker, "merge", "trial", "--park")
    put(broker, "plans/rome", "three days")
    assert attempt(broker, "resolve", "6/1", "--theirs").returncode == CONFLICT
    assert value(broker, "plans/rome") == "three days"


def test_a_commit_is_picked_and_a_rebase_stops_where_a_read_would_be_another(broker):
    put(broker, "fact", "old")
    run(broker, "fork", "trial")
    first = commit(broker, "a", "c", {"free": "x"}, branch="trial")
    commit(broker, "a", "c", {"plan": "built on it"}, reads=[("fact", 1)], branch="trial")
    run(broker, "fork", "other", "--at", "1")
    run(broker, "pick", str(first), "--branch", "other")
    assert value(broker, "free", "--branch", "other") == "x" and value(broker, "plan", "--branch", "other") is None
    assert run(broker, "pick", str(first), "--branch", "other", "--dry-run").stdout.endswith("nothing to write on other\n")
    put(broker, "fact", "new")
    stopped = attempt(broker, "rebase", "trial", "trial-2")
    assert stopped.returncode == CONFLICT and "stopped at revision 4 of trial" in stopped.stderr
    assert value(broker, "free", "--branch", "trial-2") == "x" and value(broker, "plan", "--branch", "trial-2") is None
    assert value(broker, "plan", "--branch", "trial") == "built on it"


def test_a_lie_among_fifty_agents_is_undone_whole_and_nothing_else_while_they_write(broker):
    """Who builds on what is drawn; what has to go follows from that."""
    dice = random.Random(7)
    put(broker, "start", "x")
    run(broker, "fork", "b1")
    run(broker, "fork", "b2")
    lie = commit(broker, "a0", "lie", {"k/lie": "wrong"})
    tainted, clean, versions = {("main", "k/lie"): lie}, {}, {"main": {"k/lie": lie}, "b1": {}, "b2": {}}
    knows = set()
    for number in range(150):
        branch, who = dice.choice(["main", "b1", "b2"]), f"a{dice.randrange(50)}"
        context = f"task-{dice.randrange(60)}"
        read = dice.choice([*versions[branch].items(), None])
        key = f"k/{number}"
        revision = commit(broker, who, context, {key: "v"}, reads=[read] if read else [], branch=branch)
        is_bad = (who, context) in knows or (read and (branch, read[0]) in tainted)
        versions[branch][key] = revision
        if is_bad:
            knows.add((who, context))
            tainted[branch, key] = revision
        else:
            clean[branch, key] = revision
    # Somebody goes on writing meanwhile.
    ended = threading.Event()
    writer = threading.Thread(target=lambda: [put(broker, "noise", str(n)) for n in range(1000) if not ended.is_set()])
    writer.start()
    try:
        run(broker, "revert", "--cascade", f"k/lie@{lie}")
    finally:
        ended.set()
        writer.join()
    for (branch, key) in tainted:
        assert value(broker, key, "--branch", branch) is None, f"{key} on {branch} was missed"
    for (branch, key) in clean:
        assert value(broker, key, "--branch", branch) == "v", f"{key} on {branch} had nothing to do with it"
    for source in ("b1", "b2"):
        run(broker, "merge", source)
    assert all(value(broker, key) is None for _, key in tainted), "a merge brought some of it back"
    assert all(value(broker, key) == "v" for _, key in clean)
    assert run(broker, "verify").stdout.startswith("sound")

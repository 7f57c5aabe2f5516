"""Merges and undoing under faults: the broker killed in the middle of them, targets that move while they are planned, and wrong
arguments. Each happens once or not at all, and says which."""

import json
import os
import random
import threading
import time

import pytest

from membus_protos import bus, errors, memory
from processes import Broker, eventually, run, run_json_lines
from test_cli import CONFLICT, ERROR, NOT_FOUND, USAGE
from undoing import Hand, Refused, Unsettled, increment, put, reading

KEYS = 120


def seeded():
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    print(f"to replay: MEMBUS_SEED={seed}")
    return random.Random(seed)


# ---- Killed in the middle


class Turn:
    """A topic and a branch of its own: what one kind of work does to them, and what they were before."""

    def __init__(self, hand, number, kind):
        self.hand, self.kind, self.branch, self.name = hand, kind, f"branch-{number}", f"turn {number}: {kind}"
        self.topic = f"turn/{number}/"
        self.keys = [f"{self.topic}{n:03}" for n in range(KEYS)]
        self.work = getattr(self, kind)()
        self.before = self.look()

    def all(self, value, keys=None, branch="main", **fields):
        return self.hand.write(*(put(key, value) for key in keys or self.keys), branch=branch, **fields)

    def forked(self):
        """-> the revision of a commit on the branch that changes every key"""
        self.start = self.all("base")
        self.hand.fork(self.branch)
        return self.all("theirs", branch=self.branch, context="elsewhere")

    # Each prepares, says what the work is, and what is there once it is done: on main, and on the branch.

    def merge(self):
        self.forked()
        self.done = {key: "theirs" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.Merge(source=self.branch, target="main", message=self.name)

    def park(self):
        self.forked()
        self.all("ours", self.keys[:20])
        self.done = ({key: "ours" if key in self.keys[:20] else "theirs" for key in self.keys},
                     {key: "theirs" for key in self.keys})
        return bus.Merge(source=self.branch, target="main", park=True, message=self.name)

    def pick(self):
        revision = self.forked()
        self.done = {key: "theirs" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.Pick(branch="main", revisions=[revision], message=self.name)

    def revert(self):
        revision = self.forked()
        self.done = {key: "base" for key in self.keys}, {key: "base" for key in self.keys}
        return bus.Revert(branch=self.branch, revisions=[revision], message=self.name)

    def cascade(self):
        self.forked()
        lie = self.hand.put(f"{self.topic}lie", "lie", context=self.name)
        with Hand(self.hand.broker, f"liar of {self.name}") as other:
            other.write(*(put(key, "derived") for key in self.keys), reads=reading((f"{self.topic}lie", lie)))
        self.done = {key: "base" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.Revert(branch="main", versions=[bus.VersionName(key=f"{self.topic}lie", revision=lie)], cascade=True,
                          message=self.name)

    def rollback(self):
        self.forked()
        self.all("changed")
        self.done = {key: "base" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.Rollback(branch="main", to=self.start, topics=[self.topic], message=self.name)

    def quarantine(self):
        revision = self.forked()
        self.done = {key: "base" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.Quarantine(branch=self.branch, revisions=[revision], reason="doubtful", message=self.name)

    def close(self):
        self.forked()
        self.done = {key: "base" for key in self.keys}, {key: "theirs" for key in self.keys}
        return bus.BranchChange(name=self.branch, action=bus.BranchChange.CLOSE, message=self.name)

    def delete(self):
        self.forked()
        self.done = {key: "base" for key in self.keys}, None
        return bus.BranchChange(name=self.branch, action=bus.BranchChange.DELETE, message=self.name)

    # ---- What is there

    def look(self):
        """All that the work may change: values, marks, parked conflicts, what the branch is, and how often it is on record."""
        def records(branch):
            try:
                found = self.hand.connection.range(self.topic, branch=branch)
            except Refused as refused:
                assert "deleted by revision" in refused.error.message
                return None
            return {key: record.value.decode() for key, record in found.items()}, sum(
                attribute.name == "membus.quarantine" for record in found.values() for attribute in record.attributes)

        commits = []
        for commit in self.hand.ask(log=bus.Log(limit=1000)).log.commits:
            if commit.info.message == self.name:
                commits.append(commit.info.revision)
        parked = [record for record in self.hand.connection.range(".membus/conflicts/").values()
                  if json.loads(record.value)["key"].startswith(self.topic)]
        closed = [branch.closed for branch in self.hand.ask(branches=bus.Branches()).branches.branches
                  if branch.name == self.branch]
        return records("main"), records(self.branch), len(parked), closed, len(commits)

    def after(self):
        main, theirs = self.done
        marked = KEYS if self.kind == "quarantine" else 0
        return ((main, 0), None if theirs is None else (theirs, marked), 20 if self.kind == "park" else 0,
                [] if self.kind == "delete" else [self.kind == "close"], 1)


KINDS = ["merge", "park", "pick", "revert", "cascade", "rollback", "quarantine", "close", "delete"]


@pytest.mark.parametrize("who", ["a client that asks until it knows", "a client that is gone"])
def test_what_is_killed_in_the_middle_has_happened_once_or_not_at_all(broker, who):
    dice, happened = seeded(), []
    hand = Hand(broker)
    hand.broker = broker
    kinds = [*KINDS, dice.choice(KINDS)]
    dice.shuffle(kinds)
    for number, kind in enumerate(kinds):
        turn = Turn(hand, number, kind)
        assert turn.before != turn.after(), turn.name
        asking = Hand(broker, "client", timeout=.5)
        sent = asking.session.submit(turn.work)
        asking.session.step(0)
        time.sleep(dice.uniform(0, dice.choice([.001, .003, .01])))
        broker.restart()
        if who == "a client that asks until it knows":
            outcome = asking.session.wait(sent, 60)
            assert outcome.WhichOneof("result") in ("committed", "merged"), (turn.name, outcome)
            assert outcome.position.revision <= hand.head()
            assert turn.look() == turn.after(), turn.name
        else:
            there = turn.look()
            assert there in (turn.before, turn.after()), turn.name
            happened.append(there == turn.after())
            # The next one who asks gets it done, or is told that it is.
            if not happened[-1]:
                hand.do(turn.work)
                assert turn.look() == turn.after(), turn.name
        asking.close()
        assert hand.problems() == []
    print(f"{sum(happened)} of {len(happened)} had happened" if happened else "all happened once")
    hand.close()


def test_a_rebase_goes_on_over_kills_and_makes_each_commit_once(broker):
    dice = seeded()
    with Hand(broker) as hand:
        hand.put("fact", "1")
        hand.fork("trial")
        for number in range(40):
            hand.write(put(f"own/{number}", "x"), increment("n"), branch="trial")
        hand.put("moved", "on")
        ended = []
        rebase = threading.Thread(target=lambda: ended.append(
            run(broker, "rebase", "trial", "trial-2", "--timeout", "60s", "--json", check=False)))
        rebase.start()
        kills = 0
        while rebase.is_alive() and kills < 5:
            time.sleep(dice.uniform(0, .06))
            broker.restart()
            kills += 1
        rebase.join()
        assert ended[0].returncode == 0, ended[0].stdout
        told = json.loads(ended[0].stdout)
        assert len(told["picked"]) == 40 and told["passed_over"] == []
        assert hand.state("trial-2") == {
            "fact": "1", "moved": "on", "n": "40", **{f"own/{number}": "x" for number in range(40)}}
        assert [branch["name"] for branch in run_json_lines(broker, "branches")] == ["main", "trial", "trial-2"]
        log = run_json_lines(broker, "log", "--branch", "trial-2", "-n", "100")
        assert len({one["revision"] for one in told["picked"]} & {commit["revision"] for commit in log}) == 40
        assert hand.problems() == []


def test_one_of_many_settles_a_parked_conflict_whatever_is_killed_meanwhile(broker):
    with Hand(broker) as hand:
        for turn in range(3):
            key, branch = f"k/{turn}", f"trial-{turn}"
            hand.write(put(key, "base", "note"))
            hand.fork(branch)
            hand.write(put(key, "theirs", "note"), branch=branch)
            hand.write(put(key, "ours", "note"))
            merged = hand.do(bus.Merge(source=branch, target="main", park=True))
            ended = {}

            def settle(name, conflict=f"{merged}/1", ended=ended):
                ended[name] = run(broker, "resolve", conflict, "--value", name, "--agent", name, "--timeout", "30s", check=False)

            settling = [threading.Thread(target=settle, args=(f"agent-{number}",)) for number in range(6)]
            for one in settling:
                one.start()
            time.sleep(.02 * turn)
            broker.restart()
            for one in settling:
                one.join()
            codes = sorted(one.returncode for one in ended.values())
            assert codes[0] == 0 and set(codes[1:]) <= {CONFLICT, NOT_FOUND}, [
                (name, one.returncode, one.stderr) for name, one in ended.items()]
            (winner,) = (name for name, one in ended.items() if one.returncode == 0)
            assert hand.value(key) == winner
            assert run(broker, "conflicts").stdout == "no open conflicts\n"
        assert hand.problems() == []


# ---- A target that moves


class Hammer:
    """Writes the same keys of a branch again and again, as fast as it can."""

    def __init__(self, broker, *changes, branch="main"):
        self.broker, self.changes, self.branch = broker, changes, branch
        self.count, self.ended, self.failed = 0, threading.Event(), []
        self.thread = threading.Thread(target=self.write, daemon=True)

    def write(self):
        try:
            with Hand(self.broker, "hammer") as hand:
                numbers = []
                while not self.ended.is_set():
                    numbers.append(hand.session.submit(
                        memory.Transaction(branch=self.branch, changes=self.changes), window=4))
                    self.count += 1
                for number in numbers:
                    hand.session.wait(number)
        except Exception as error:  # told where it is joined
            self.failed.append(error)

    def moves(self, times=100):
        at = self.count
        eventually(lambda: self.failed or self.count > at + times, what="the target's moving")

    def __enter__(self):
        self.thread.start()
        self.moves(20)
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(60)
        assert not self.failed, self.failed


def large(hand, count=2000):
    """A branch with much to merge, and a counter that both sides move."""
    hand.write(put("hot", "0", "counter"), put("text", "base", "note"))
    hand.fork("trial")
    for page in range(count // 500):
        hand.write(*(put(f"many/{page}/{n}", "x" * 100) for n in range(500)), branch="trial")
    hand.write(increment("hot", 1_000_000), branch="trial")


def test_a_merge_into_a_target_that_never_rests_is_one_commit_however_many_ask_for_it(broker):
    with Hand(broker) as hand:
        large(hand)
        outcomes = []

        def merge():
            with Hand(broker, "merger", timeout=10) as merger:
                outcomes.append(merger.merge("trial"))

        mergers = [threading.Thread(target=merge) for _ in range(4)]
        with Hammer(broker, increment("hot"), put("noise", "x")) as hammer:
            for merger in mergers:
                merger.start()
            hammer.moves()
            for merger in mergers:
                merger.join(60)
            hammer.moves()
        assert len(outcomes) == 4 and len([revision for revision in outcomes if revision]) == 1, outcomes
        assert hand.value("hot") == str(1_000_000 + hammer.count), "each increment counts once"
        assert len(hand.state("main", None, "many/")) == 2000
        assert hand.problems() == []


def test_a_plan_of_a_target_that_has_moved_is_refused_and_writes_nothing(broker):
    with Hand(broker) as hand:
        large(hand)
        with Hammer(broker, increment("hot")) as hammer:
            for _ in range(3):
                planned = hand.plan(bus.Merge(source="trial", target="main"))
                assert len(planned.changes) == 2001 and not planned.conflicts
                hammer.moves()
                ended = run(broker, "merge", "trial", "--plan", f"{planned.id:016x}", "--json", check=False)
                error = json.loads(ended.stdout.splitlines()[-1])["error"]
                assert (ended.returncode, error["code"]) == (CONFLICT, "PLAN_CHANGED"), error
                assert error["hint"]
            assert hand.state("main", None, "many/") == {}
        # Once it rests the same plan is carried out.
        planned = hand.plan(bus.Merge(source="trial", target="main"))
        assert hand.merge("trial", plan=planned.id)
        assert hand.value("hot") == str(1_000_000 + hammer.count)


def test_a_decision_about_what_has_moved_since_settles_nothing(broker):
    with Hand(broker) as hand:
        large(hand)
        hand.write(put("text", "theirs", "note"), branch="trial")
        hand.write(put("text", "ours", "note"))
        with Hammer(broker, put("text", "again", "note")) as hammer:
            for _ in range(5):
                work = bus.Merge(source="trial", target="main")
                with pytest.raises(Unsettled) as unsettled:
                    hand.do(work)
                (conflict,) = unsettled.value.conflicts
                hammer.moves()
                work.resolutions.append(bus.Resolution(
                    key="text", ours=conflict.ours.record.revision, theirs=conflict.theirs.record.revision,
                    take_theirs=True))
                with pytest.raises(Unsettled) as unsettled:
                    hand.do(work)
                # It tells what is there now, to decide about.
                assert unsettled.value.conflicts[0].ours.record.revision > conflict.ours.record.revision
            assert hand.state("main", None, "many/") == {}
        assert hand.merge("trial", sides={"text": "theirs"})
        assert hand.value("text") == "theirs"


def test_a_cascade_among_writers_undoes_what_was_there_when_it_was_decided(broker):
    """Each derived commit is before it, and undone, or after it, and there."""
    with Hand(broker) as hand:
        lie = hand.put("lie", "x", context="lie")
        written, ended = [], threading.Event()

        def derive(number):
            with Hand(broker, f"builder-{number}") as builder:
                for turn in range(100_000):
                    if ended.is_set():
                        return
                    key = f"built/{number}/{turn}"
                    revision = builder.put(key, "x", context=f"c{turn}", reads=reading(("lie", lie)))
                    written.append((revision, key))

        builders = [threading.Thread(target=derive, args=(number,)) for number in range(3)]
        for builder in builders:
            builder.start()
        eventually(lambda: len(written) > 200)
        version = bus.VersionName(key="lie", revision=lie)
        revert = hand.do(bus.Revert(branch="main", versions=[version], cascade=True))
        eventually(lambda: max(revision for revision, _ in list(written)) > revert + 20)
        ended.set()
        for builder in builders:
            builder.join(60)
        shown = set(hand.state("main", None, "built/"))
        assert shown == {key for revision, key in written if revision > revert}
        assert hand.do(bus.Revert(branch="main", versions=[version], cascade=True)) > revert
        assert hand.state() == {}
        assert hand.do(bus.Revert(branch="main", versions=[version], cascade=True)) is None


# ---- Arguments that are wrong


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """One of each: a branch that is open, closed, protected, deleted, or has an open conflict; a tag; a floor; low limits."""
    directory = tmp_path_factory.mktemp("crowd")
    config = directory / "config.json"
    config.write_text(json.dumps({"limits": {"messageBytes": 500, "nameBytes": 100, "keyBytes": 200}}))
    broker = Broker(directory / "data", "--config", str(config))
    broker.start()
    with Hand(broker) as hand:
        for value in "123":
            hand.put("a", value)                                            # 1 to 3
        hand.tag("kept", at=2)                                              # 4
        hand.put("b", "1")                                                  # 5
        hand.ask(compact=bus.Compact(below=5))
        branches = ("gone", "open", "closed", "protected", "parked")
        for branch in branches:
            hand.fork(branch)                                               # 6 to 10
        for branch in branches:
            hand.put("a", branch, branch=branch)                            # 11 to 15
        hand.put("a", "main")                                               # 16
        hand.change("gone", "DELETE")                                       # 17
        hand.change("closed", "CLOSE")                                      # 18
        hand.change("protected", "PROTECT")                                 # 19
        hand.do(bus.Merge(source="main", target="parked", park=True))       # 20
        hand.merge("open", sides={"a": "ours"})                             # 21
        hand.put("c", "1")                                                  # 22
        assert hand.rollback(21) == 23
        (conflict,) = run_json_lines(broker, "conflicts", "--branch", "parked")
        assert conflict["conflict"] == "20/1"
        run(broker, "conflicts", "claim", "20/1", "--branch", "parked", "--agent", "ada")
    yield broker
    broker.stop()


MESSAGE, NAME, KEY = "m" * 501, "n" * 101, "k" * 201

#: What is asked for in the wrong way, by exit code and by the error's name.
WRONG = {
    (NOT_FOUND, "UNKNOWN_BRANCH"): f"""
        merge nowhere
        merge open --branch nowhere
        merge nowhere --plan 0123456789abcdef
        merge gone
        merge main --branch gone
        rebase nowhere new
        rebase gone new
        rebase open new --onto nowhere
        rebase open new --onto gone
        pick 12 --branch nowhere
        pick 12 --branch gone
        revert 12 --branch nowhere
        revert 12 --branch gone
        revert --cascade a@12 --branch gone
        rollback --to 12 --branch nowhere
        rollback --to 12 --branch gone
        quarantine 12 --reason x --branch nowhere
        quarantine 12 --reason x --branch gone
        tag new --branch nowhere
        tag new --at gone
        fork new --from nowhere
        fork new --from gone
        conflicts --branch nowhere
        conflicts claim 20/1 --branch gone
        branches close nowhere
        branches reopen gone
        branches delete gone
        """,
    (NOT_FOUND, "UNKNOWN_TAG"): """
        tags delete nothing
        tags show nothing
        """,
    (NOT_FOUND, None): """
        rollback --to nothing
        tag new --at nothing
        fork new --at nothing
        """,
    (NOT_FOUND, "NOT_FOUND"): """
        resolve 99/1 --ours
        resolve 20/1 --ours
        resolve 20/2 --ours --branch parked
        conflicts claim 99/1
        """,
    (ERROR, "BRANCH_EXISTS"): """
        rebase open open
        rebase open gone
        fork open
        fork main
        fork gone
        tag open
        tag gone
        """,
    (ERROR, "TAG_EXISTS"): """
        fork kept
        tag kept
        """,
    (ERROR, "NOT_WRITABLE"): """
        merge main --branch closed
        pick 12 --branch closed
        pick 12 --branch protected
        rollback --to 6 --branch closed
        rollback --to 6 --branch protected
        revert 13 --branch closed
        revert 14 --branch protected
        quarantine 13 --reason x --branch closed
        quarantine 14 --reason x --branch protected
        branches delete protected
        """,
    (ERROR, "OPEN_CONFLICTS"): """
        merge parked
        merge parked --branch open
        """,
    (ERROR, "BELOW_FLOOR"): """
        merge open@3
        pick 2 --branch open
        pick 0 --branch open
        revert 0
        revert 2
        revert a@2
        revert --cascade a@2
        revert --by scout --since 2
        rollback --to 3
        quarantine 2 --reason x
        quarantine --cascade a@2 --reason x
        impact a@2
        tag new --at 3
        fork new --at 3
        """,
    (ERROR, "BEYOND_HEAD"): """
        merge open@999
        pick 999
        revert 999
        revert a@999
        revert --cascade a@999
        revert --by scout --since 999
        rollback --to 999
        quarantine 999 --reason x
        impact 999
        tag new --at 999
        fork new --at 999
        """,
    (ERROR, "LIMIT_EXCEEDED"): f"""
        merge open --message {MESSAGE}
        merge open --context {NAME}
        pick 12 --message {MESSAGE}
        revert 12 --message {MESSAGE}
        revert {KEY}@12
        rollback --to 12 --message {MESSAGE}
        rollback {KEY}/ --to 12
        quarantine 12 --reason {MESSAGE}
        tag new --message {MESSAGE}
        fork new --message {MESSAGE}
        branches close open --message {MESSAGE}
        resolve 20/1 --ours --branch parked --agent ada --message {MESSAGE}
        """,
    (CONFLICT, None): """
        conflicts claim 20/1 --branch parked --agent bob
        resolve 20/1 --theirs --branch parked --agent bob
        merge open --branch protected
        rollback --to 16 --plan 0123456789abcdef
        """,
    (USAGE, "INVALID_ARGUMENT"): """
        merge main
        merge open --branch open
        rebase main new
        revert b@12
        revert --cascade b@12
        quarantine b@12 --reason x
        pick 21 --branch open
        pick 23 --branch open
        branches delete main
        branches close main
        """,
    (USAGE, None): f"""
        merge
        merge a/b
        merge {NAME * 3}
        merge open --resolve a
        merge open --resolve a=mine
        merge open --resolve a=ours --resolve a=theirs
        merge open --plan zz
        pick
        pick x
        rebase open
        rebase open a/b
        revert
        revert x
        revert a@x
        revert /a@12
        rollback
        rollback //x --to 12
        quarantine 12
        quarantine --reason x
        tag
        tag 12
        tag a/b
        fork
        fork a/b
        resolve 20/1 --branch parked
        resolve 20/1 --ours --theirs --branch parked
        resolve --ours
        conflicts claim
        conflicts claim 20/1 --expires never --branch parked
        branches close
        branches burn open
        """,
}


def figures(hand):
    listed = hand.ask(branches=bus.Branches()).branches.branches
    tags = hand.ask(branches=bus.Branches(tags=True)).branches.tags
    return hand.head(), hand.state("open"), [branch.name for branch in listed], [tag.name for tag in tags]


@pytest.mark.parametrize("expected", WRONG, ids=lambda expected: expected[1] or f"exit code {expected[0]}")
def test_wrong_arguments_are_told_and_change_nothing(crowd, expected):
    wrong = []
    with Hand(crowd) as hand:
        before = figures(hand)
        for line in map(str.strip, WRONG[expected].strip().splitlines()):
            ended = run(crowd, *line.split(), "--json", check=False)
            last = json.loads((ended.stdout.splitlines() or ["{}"])[-1])
            error = last.get("error", last if "conflict" in last else {"message": "", "code": "none"})
            code, name = expected
            if ended.returncode != code or name not in (None, error.get("code")) or "Traceback" in ended.stderr:
                wrong.append(f"{line[:60]}: exit code {ended.returncode}, {last}")
            after = figures(hand)
            if after != before:
                wrong.append(f"{line[:60]}: changed {before} into {after}")
                before = after
    assert not wrong, "\n".join(wrong)


def test_lists_that_are_too_long_twice_or_out_of_order_are_refused(broker):
    with Hand(broker) as hand:
        hand.put("a", "1")
        hand.fork("trial")
        hand.put("a", "2", branch="trial")
        hand.put("a", "3")
        head = hand.head()
        decision = bus.Resolution(key="a", ours=4, theirs=3, take_ours=True)
        many = [bus.Resolution(key=f"k/{n}", ours=1, theirs=1, take_ours=True) for n in range(10_001)]
        version = bus.VersionName(key="a", revision=4)
        for work, code in (
                (bus.Merge(source="trial", resolutions=many), errors.LIMIT_EXCEEDED),
                (bus.Merge(source="trial", resolutions=[decision, decision]), errors.INVALID_ARGUMENT),
                (bus.Merge(source="trial", at=-1), errors.INVALID_ARGUMENT),
                (bus.Merge(), None),
                (bus.Pick(branch="trial", revisions=range(1, 10_002)), errors.LIMIT_EXCEEDED),
                (bus.Pick(branch="trial", revisions=[4, 4]), errors.INVALID_ARGUMENT),
                (bus.Pick(branch="trial", revisions=[4, 1]), errors.INVALID_ARGUMENT),
                (bus.Pick(branch="trial"), errors.INVALID_ARGUMENT),
                (bus.Revert(revisions=range(1, 10_002)), errors.LIMIT_EXCEEDED),
                (bus.Revert(versions=[version] * 10_001), errors.LIMIT_EXCEEDED),
                (bus.Revert(versions=[version], cascade=True, excluded=range(1, 10_002)), errors.LIMIT_EXCEEDED),
                (bus.Revert(author=bus.Authorship(since=1)), errors.INVALID_ARGUMENT),
                (bus.Revert(), errors.INVALID_ARGUMENT),
                (bus.Quarantine(versions=[version] * 10_001, reason="x"), errors.LIMIT_EXCEEDED),
                (bus.Quarantine(versions=[version]), errors.INVALID_ARGUMENT),
                (bus.Rollback(to=-1), errors.INVALID_ARGUMENT),
                (bus.Rollback(to=1, topics=["//"]), errors.INVALID_NAME),
                (bus.BranchChange(name="trial"), None),
                (bus.TagChange(name="t"), None)):
            with pytest.raises(Refused) as refused:
                hand.do(work)
            told = (str(work)[:60], refused.value.error)
            assert 100 <= refused.value.code < 200 and refused.value.error.message, told
            assert code in (None, refused.value.code), told
            assert hand.head() == head, told


def test_what_would_write_too_much_says_so_and_can_be_done_in_steps(broker):
    with Hand(broker, timeout=10) as hand:
        start = hand.put("a", "1")
        hand.fork("trial")
        steps = [hand.write(*(put(f"many/{page}/{n}", "x") for n in range(1000)), branch="trial") for page in range(11)]
        head = hand.head()
        for work in (bus.Merge(source="trial", target="main"), bus.Rollback(branch="trial", to=start),
                     bus.Revert(branch="trial", revisions=steps), bus.Pick(branch="main", revisions=steps),
                     bus.Quarantine(branch="trial", revisions=steps, reason="x")):
            with pytest.raises(Refused) as refused:
                hand.do(work)
            error = refused.value.error
            assert error.code == errors.LIMIT_EXCEEDED and "10000" in error.message and error.hint, error
            assert hand.head() == head
        assert hand.merge("trial", at=steps[5]) and hand.merge("trial")
        assert len(hand.state("main", None, "many/")) == 11_000
        assert hand.rollback(start, "trial", topics=["many/0/"])
        assert hand.rollback(start, "trial") and hand.state("trial") == {"a": "1"}
        assert hand.problems() == []

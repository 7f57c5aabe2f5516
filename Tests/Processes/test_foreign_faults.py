"""Faults that other versioned stores have had, as facts about this one: merges that lose what both sides hold, branches that come
back from the dead, counters that count twice."""

import os
import random
import threading

import pytest

from membus_client import View
from membus_protos import bus, errors
from processes import eventually, memory_kib, run_json_lines
from undoing import Hand, Refused, Unsettled, append, delete, increment, put, work_done_by


@pytest.fixture
def hand(broker):
    with Hand(broker) as hand:
        yield hand


# ---- What both sides hold


@pytest.mark.parametrize("kind, before, after", [
    ("text", "original\n", "modified\n"), ("note", "original", "modified"), ("text", "a\nc\n", "a\nb\nc\n"),
    ("json", '{"state": "original"}', '{"state": "modified"}'), ("text", None, "made on both\n"), ("text", "kept\n", None)])
def test_the_same_change_on_both_sides_survives_a_merge_of_their_merges(hand, kind, before, after):
    """jj's criss-cross merge: two commits make the same change, two merges of both hold it, and the merge of those two had what was
    there before, with no conflict and nothing in a diff that told of it."""
    change = delete("k") if after is None else put("k", after, kind)
    hand.write(*([put("k", before, kind)] if before else []), put("other", "x"))
    for branch in ("a", "b"):
        hand.fork(branch)
        hand.write(change, put(f"own/{branch}", branch), branch=branch)
    hand.fork("c", parent="a")
    hand.fork("d", parent="b")
    hand.merge("b", "c")
    hand.merge("a", "d")
    for branch in ("c", "d"):
        assert hand.value("k", branch) == after
    hand.put("own/c", "c", branch="c")
    hand.merge("d", "c")
    assert hand.value("k", "c") == after
    hand.merge("c", "d")
    assert hand.value("k", "d") == after and hand.differing("c", "d") == set()
    hand.merge("d")
    assert hand.state() == {**({"k": after} if after else {}), "other": "x", "own/a": "a", "own/b": "b", "own/c": "c"}
    assert hand.problems() == []


def test_a_sibling_that_writes_the_same_again_does_not_bring_back_what_another_deleted(hand):
    """Omnigraph's edge: one fork inserted it once more as it was, the other deleted it, and merging the first brought it back."""
    hand.write(put("edges/alice/bob", "knows"), put("edges/alice/eve", "knows"))
    hand.fork("same")
    hand.fork("gone")
    hand.put("edges/alice/bob", "knows", branch="same")
    hand.write(delete("edges/alice/bob"), branch="gone")
    for order in (("gone", "same"), ("same", "gone")):
        target = "-".join(order)
        hand.fork(target, at=1)
        for source in order:
            hand.merge(source, target)
        assert hand.state(target) == {"edges/alice/eve": "knows"}, order
    # An edge that was really changed is somebody's to decide about, whichever comes first.
    hand.put("edges/alice/bob", "knew", branch="same")
    for first, second in (("gone", "same"), ("same", "gone")):
        target = f"changed-{first}"
        hand.fork(target, at=1)
        hand.merge(first, target)
        with pytest.raises(Unsettled) as unsettled:
            hand.merge(second, target)
        assert unsettled.value.keys == {"edges/alice/bob"}


@pytest.mark.parametrize("third", ["open", "closed", "deleted", "forgotten"])
def test_what_two_branches_have_merged_from_a_third_is_no_conflict_between_them(hand, third):
    """Omnigraph's false conflict: the merge of the third was not found when the common past was looked for, so that an older one
    was taken, against which both sides had changed the same."""
    hand.write(put("a", "0"), put("x", "0"))
    for branch in ("third", "s", "t"):
        hand.fork(branch)
    hand.put("a", "1", branch="third")
    hand.put("a", "2", branch="third")
    hand.merge("third", "s")
    hand.merge("third", "t")
    if third == "closed":
        hand.change("third", "CLOSE")
    elif third in ("deleted", "forgotten"):
        hand.change("third", "DELETE")
    if third == "forgotten":
        hand.ask(compact=bus.Compact(below=hand.head()))
    hand.put("a", "3", branch="s")
    hand.put("x", "1", branch="t")
    hand.merge("s", "t")
    assert hand.state("t") == {"a": "3", "x": "1"}
    hand.merge("t", "s")
    assert hand.differing("s", "t") == set()


def test_branches_that_are_merged_into_one_at_the_same_time_all_arrive(broker, hand):
    """DoltLite's concurrent mergers: each was told that it had merged its branch, and the rows of one were not there."""
    hand.write(put("n", "0", "counter"))
    failed = []

    def work(number):
        try:
            with Hand(broker, f"worker-{number}") as worker:
                for turn in range(8):
                    branch = f"w{number}-{turn}"
                    worker.fork(branch)
                    worker.write(put(f"rows/{number}/{turn}", "x"), increment("n"), branch=branch)
                    assert worker.merge(branch)
                    worker.change(branch, "DELETE")
        except Exception as error:  # told below
            failed.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed, failed
    assert hand.state() == {"n": "40", **{f"rows/{number}/{turn}": "x" for number in range(5) for turn in range(8)}}
    assert hand.problems() == []


def test_a_branch_whose_changes_cancel_out_is_merged_and_then_contained(hand):
    """Omnigraph's net-zero branch: it could never be merged, as there was nothing to write."""
    hand.write(put("a", "1"), put("n", "5", "counter"))
    hand.fork("trial")
    hand.write(put("a", "2"), put("b", "1"), increment("n", 3), branch="trial")
    hand.write(put("a", "1"), delete("b"), increment("n", -3), branch="trial")
    before = hand.state()
    assert hand.merge("trial") and hand.state() == before
    assert hand.merge("trial") is None
    # From here on both have the same past.
    hand.put("a", "3", branch="trial")
    assert hand.merge("trial") and hand.value("a") == "3"


@pytest.mark.parametrize("forgets", [False, True], ids=["all kept", "compacted"])
def test_a_child_stays_as_it_is_whatever_its_parent_takes_in(hand, forgets):
    """Omnigraph's child: once its parent had been brought up to date by a merge and was written to, it could not be read."""
    hand.put("people/a", "1")
    hand.fork("parent")
    hand.put("people/n1", "1", branch="parent")
    hand.fork("child", parent="parent")
    there = hand.state("child")
    hand.merge("parent")
    hand.put("people/n0", "1")
    hand.merge("main", "parent")
    hand.write(put("people/n2", "1"), put("people/a", "2"), delete("people/n1"), branch="parent")
    if forgets:
        hand.ask(compact=bus.Compact(below=hand.head()))
    assert hand.state("child") == there == {"people/a": "1", "people/n1": "1"}
    hand.put("people/own", "1", branch="child")
    hand.merge("parent", "child")
    assert hand.state("child") == {"people/a": "2", "people/n0": "1", "people/n2": "1", "people/own": "1"}
    hand.change("parent", "DELETE")
    hand.ask(compact=bus.Compact(below=hand.head()))
    hand.merge("child")
    assert hand.state() == hand.state("child")
    assert hand.problems() == []


# ---- One past, and not another


def criss_crossed(hand):
    """Two branches, c and d, with two newest common states, and changes on both since."""
    hand.write(put("lines", "1\n2\n3\n4\n5\n"), put("n", "0", "counter"), put("choice", "0", "note"), put("rest", "0"))
    for branch, line in (("a", 0), ("b", 4)):
        hand.fork(branch)
        lines = ["1", "2", "3", "4", "5"]
        lines[line] += branch
        hand.write(put("lines", "\n".join(lines) + "\n"), increment("n", line + 1), put("choice", branch, "note"),
                   branch=branch)
    hand.fork("c", parent="a")
    hand.fork("d", parent="b")
    hand.merge("b", "c", {"choice": "ours"})
    hand.merge("a", "d", {"choice": "ours"})
    hand.write(put("lines", "1a\n2\n3c\n4\n5b\n"), increment("n", 10), branch="c")
    hand.write(increment("n", 100), put("rest", "d"), branch="d")


def told(hand, source, target):
    """All that is told of a merge, without times."""
    planned = hand.plan(bus.Merge(source=source, target=target))
    return (planned.id, [(change.to.key, change.to.value) for change in planned.changes],
            [(conflict.key, conflict.kind, conflict.base.record.revision) for conflict in planned.conflicts])


def test_two_common_pasts_give_the_same_merge_each_time_and_in_every_process(broker, hand):
    """Dolt's merge base: of two newest common commits it took now this one, now that. What is in neither side's past alone counts
    from both here."""
    criss_crossed(hand)
    first = {pair: told(hand, *pair) for pair in (("d", "c"), ("c", "d"))}
    commons = []
    for _ in range(4):
        for pair, was in first.items():
            assert all(told(hand, *pair) == was for _ in range(5)), pair
        commons.append(run_json_lines(broker, "diff", "c", "d", "--stat")[-1]["common"])
        broker.restart()
    assert all(common == commons[0] for common in commons)
    # What was decided both ways is in conflict, whichever way one goes; nothing else is.
    assert {key for key, *_ in first["d", "c"][2]} == {key for key, *_ in first["c", "d"][2]} == {"choice"}
    assert dict(first["d", "c"][1]) == {"n": b"116", "rest": b"d"}
    hand.merge("d", "c", {"choice": "theirs"})
    assert hand.state("c") == {"lines": "1a\n2\n3c\n4\n5b\n", "n": "116", "choice": "b", "rest": "d"}
    hand.merge("c", "d")
    assert hand.differing("c", "d") == set()


def test_increments_count_once_on_every_branch_however_they_went_round(broker, hand):
    """DefraDB's counter: when changes came that were older than what was there, what had been added up already looked new, and was
    added again; the peers disagreed, and a restart kept it so. Here branches are the peers."""
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    print(f"to replay: MEMBUS_SEED={seed}")
    dice = random.Random(seed)
    branches = ["main", *(f"peer-{number}" for number in range(5))]
    hand.write(put("n", "0", "counter"))
    for branch in branches[1:]:
        hand.fork(branch, parent=dice.choice(branches[:branches.index(branch)]))
    total, pieces = 0, []
    for number in range(150):
        one, other = dice.sample(branches, 2)
        if dice.random() < .55:
            by = dice.choice([1, 1, 1, 7, -3])
            total += by
            pieces.append(f"p{number};")
            hand.write(increment("n", by), append("log", pieces[-1]), branch=one)
        else:
            # Now and then of an older state, which the other may contain by then.
            head = hand.head()
            at = None if dice.random() < .7 else dice.randrange(len(branches), head + 1)
            try:
                hand.merge(one, other, at=at)
            except Unsettled as unsettled:
                # Both have the same pieces in another order: whose order stands is a matter of taste.
                assert unsettled.keys == {"log"}
                hand.merge(one, other, {"log": "theirs"}, at=at)
    for target in branches * 2:
        for source in branches:
            if source != target:
                hand.merge(source, target, {"log": "ours"})
    broker.restart()
    for branch in branches:
        assert hand.value("n", branch) == str(total), f"on {branch}, of {total}"
        told = hand.value("log", branch)
        assert all(told.count(piece) <= 1 for piece in pieces), f"twice on {branch}: {told}"
    assert hand.problems() == []


# ---- What is undone


@pytest.mark.parametrize("how", ["rolled back", "reverted", "written again"])
@pytest.mark.parametrize("moved", [False, True], ids=["the target stands", "the target moved elsewhere"])
def test_a_deletion_is_merged_into_a_target_that_had_changed_the_record_and_is_as_it_was(hand, how, moved):
    """MatrixOne's merge: the target changed a row for a while and was restored, the branch deleted it; the merge said that it was
    done, brought in the branch's other changes, and left the row there."""
    seed = hand.write(*(put(f"rows/{n}", f"seed-{n}") for n in range(1, 4)))
    hand.fork("leaf")
    changed = hand.put("rows/1", "for a while")
    hand.write(delete("rows/1"), put("rows/2", "leaf"), put("rows/4", "leaf"), branch="leaf")
    if how == "rolled back":
        hand.rollback(seed, topics=["rows/"])
    elif how == "reverted":
        hand.revert(changed)
    else:
        hand.put("rows/1", "seed-1")
    assert hand.state() == {"rows/1": "seed-1", "rows/2": "seed-2", "rows/3": "seed-3"}
    if moved:
        hand.put("rows/3", "moved")
    hand.merge("leaf")
    expected = {"rows/2": "leaf", "rows/3": "moved" if moved else "seed-3", "rows/4": "leaf"}
    assert hand.state() == expected
    assert hand.differing("main", "leaf") == ({"rows/3"} if moved else set())
    assert hand.merge("leaf") is None


def test_a_deletion_that_is_chosen_in_a_conflict_is_carried_out(hand):
    hand.write(*(put(f"rows/{n}", f"seed-{n}") for n in range(1, 4)))
    hand.fork("leaf")
    hand.put("rows/1", "changed")
    hand.write(delete("rows/1"), put("rows/2", "leaf"), branch="leaf")
    before = hand.state()
    with pytest.raises(Unsettled):
        hand.merge("leaf")
    assert hand.state() == before
    hand.merge("leaf", sides={"rows/1": "theirs"})
    assert hand.state() == {"rows/2": "leaf", "rows/3": "seed-3"} and hand.differing("main", "leaf") == set()


def test_nothing_is_lost_for_good_by_a_merge_that_was_undone(hand):
    """nixpkgs: a merge of staging into the release was reverted there, the release was merged into staging later, and weeks of work
    were gone from both, as what had been merged once was not looked at again."""
    hand.put("base", "0")
    hand.fork("release")
    hand.fork("staging")
    for number in range(5):
        hand.put(f"work/{number}", "done", branch="staging")
    hand.put("base", "1", branch="staging")
    worked = hand.state("staging")
    merged = hand.merge("staging", "release")
    hand.put("fixes/1", "release", branch="release")
    undone = hand.revert(merged, branch="release")
    assert hand.state("release") == {"base": "0", "fixes/1": "release"}
    assert hand.state("staging") == worked, "what is undone on one branch is there on the other"
    # What comes after it comes along, and what was undone does not.
    hand.put("later", "x", branch="staging")
    hand.merge("staging", "release")
    assert hand.state("release") == {"base": "0", "fixes/1": "release", "later": "x"}
    # The undo is a change like others: whoever merges it is told what will go before it does, and gets it.
    planned = hand.plan(bus.Merge(source="release", target="staging"))
    gone = {getattr(change, "from").key for change in planned.changes if not change.HasField("to")}
    assert gone == {f"work/{number}" for number in range(5)} and not planned.conflicts
    hand.merge("release", "staging")
    assert hand.state("staging") == hand.state("release")
    # And it is undone by one commit, on the branch where it was made or on the other.
    hand.fork("elsewhere", parent="staging")
    everything = {**worked, "fixes/1": "release", "later": "x"}
    hand.revert(undone, branch="elsewhere")
    assert hand.state("elsewhere") == everything
    hand.revert(undone, branch="release")
    assert hand.state("release") == everything
    hand.merge("release", "staging")
    assert hand.state("staging") == everything
    assert hand.merge("staging", "release") is None or hand.state("release") == everything


# ---- A branch's second life


def test_a_deleted_branch_has_no_second_life(broker, hand, clients):
    """Omnigraph's reborn branch: made anew under its old name, it was read and written through what caches still held of its first
    life. A name is used once here, and what lived on it is told so."""
    hand.put("base", "0")
    hand.fork("trial")
    hand.put("people/ann", "first life", branch="trial")
    view = View(clients.connection(), "/", branch="trial")
    assert view.run_until(lambda: view.live and "people/ann" in view.records)
    old_stream = view.stream
    writer = Hand(broker, "writer")
    writer.put("people/bob", "first life", branch="trial")
    hand.change("trial", "DELETE")
    hand.fork("trial-2")
    hand.put("people/eve", "second life", branch="trial-2")
    with pytest.raises(Refused) as refused:
        eventually(lambda: view.step())
    assert refused.value.code == errors.UNKNOWN_BRANCH
    fresh = View(clients.connection(), "/", branch="trial-2")
    assert fresh.run_until(lambda: fresh.live and "people/eve" in fresh.records)
    assert set(fresh.records) == {"base", "people/eve"} and fresh.stream != old_stream
    for doing in (lambda: writer.put("people/bob", "2", branch="trial"), lambda: hand.fork("again", parent="trial"),
                  lambda: hand.merge("trial"), lambda: hand.merge("main", "trial"), lambda: hand.state("trial"),
                  lambda: hand.revert(3, branch="trial"), lambda: hand.change("trial", "REOPEN")):
        with pytest.raises(Refused) as refused:
            doing()
        assert refused.value.code == errors.UNKNOWN_BRANCH and "deleted by revision" in refused.value.error.message
    # The writer's session goes on elsewhere.
    writer.put("people/bob", "second life", branch="trial-2")
    for _ in range(2):
        # Not even once nothing of it is left.
        hand.ask(compact=bus.Compact(below=hand.head()))
        head = hand.head()
        for name in ("trial", "trial-2"):
            with pytest.raises(Refused) as refused:
                hand.fork(name)
            assert refused.value.code == errors.BRANCH_EXISTS
        with pytest.raises(Refused) as refused:
            hand.tag("trial")
        assert refused.value.code in (errors.BRANCH_EXISTS, errors.TAG_EXISTS)
        assert hand.head() == head
        assert hand.state("trial-2") == {"base": "0", "people/bob": "second life", "people/eve": "second life"}
        broker.restart()
    assert fresh.run_until(lambda: fresh.live and "people/bob" in fresh.records)
    assert hand.problems() == []
    view.close()
    fresh.close()
    writer.close()


# ---- What it costs


def test_a_branch_costs_the_same_however_many_there_are(broker, hand):
    """Dolt's branches: with thousands of them each new one cost more, and so did every query."""

    def forks(start, count):
        begun = work_done_by(broker.pid)
        numbers = [hand.session.submit(bus.Fork(name=f"draft-{n}", parent="main")) for n in range(start, start + count)]
        for number in numbers:
            hand.session.wait(number)
        return (work_done_by(broker.pid) - begun) / count

    def reads(branch):
        """At the best of six: what many forks leave to be done is not the reads'."""
        costs = []
        for _ in range(6):
            begun = work_done_by(broker.pid)
            for number in range(50):
                hand.put("noise", str(number), branch=branch)
                assert hand.value("base", branch) == "0"
            costs.append((work_done_by(broker.pid) - begun) / 50)
        return min(costs)

    hand.put("base", "0")
    forks(0, 200)  # whatever the first ones warm up
    few, read_few = forks(200, 400), reads("draft-7")
    forks(600, 10_000)
    many, read_many = forks(10_600, 400), reads("draft-10123")
    print(f"a fork of 600: {few * 1e6:.0f} µs, of 11,000: {many * 1e6:.0f} µs; "
          f"a write and a read: {read_few * 1e6:.0f} µs and {read_many * 1e6:.0f} µs")
    assert many < few * 3 + 50e-6 and read_many < read_few * 3


def test_a_merge_costs_as_much_as_the_branch_has_changed_whatever_the_target_holds(broker, hand):
    """Omnigraph's merge read the whole target: fifty new rows were too much for a server with hundreds of thousands there."""

    def merges(branch):
        hand.fork(branch)
        hand.write(*(put(f"new/{branch}/{n}", "x" * 1000) for n in range(50)), branch=branch)
        hand.write(put("base", branch), delete("gone"), branch=branch)
        hand.put("moved", branch)
        begun, held = work_done_by(broker.pid), memory_kib(broker.pid, peak=True)
        hand.merge(branch, sides={"base": "theirs"})
        return work_done_by(broker.pid) - begun, memory_kib(broker.pid, peak=True) - held

    hand.write(put("base", "0"), put("gone", "0"), put("moved", "0"))
    merges("warm")
    small = min(merges(f"small-{n}")[0] for n in range(3))
    for page in range(40):
        hand.write(*(put(f"large/{page}/{n}", "y" * 1500) for n in range(500)))
    broker.restart()
    costs = [merges(f"large-{n}") for n in range(4)]
    large, grown = min(cost for cost, _ in costs), max(grown for _, grown in costs)
    print(f"of 50 keys into 150: {small * 1e3:.1f} ms, into 20,000: {large * 1e3:.1f} ms; grown by {grown} KiB")
    assert large < small * 3 + .005
    assert grown < 16 << 10, "it does not hold the target's 30 MB"

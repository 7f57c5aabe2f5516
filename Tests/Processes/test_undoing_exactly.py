"""Undoing and merging to the last increment: what was taken off counts once, what came back is told from what is new, and nobody who read
it is missed."""

import json

import pytest

from membus_protos import bus, memory
from processes import run, run_json_lines
from undoing import Hand, Unsettled, delete, increment, put, reading


@pytest.fixture
def hands(broker):
    """hands(name) writes as somebody else."""
    opened = {}

    def hand(name="hand"):
        if name not in opened:
            opened[name] = Hand(broker, name)
        return opened[name]

    yield hand
    for one in opened.values():
        one.close()


def cascade(hand, lie, branch):
    return hand.do(bus.Revert(branch=branch, versions=[bus.VersionName(key="lie", revision=lie)], cascade=True))


def test_an_increment_that_two_branches_have_undone_is_taken_off_once_though_a_third_that_never_had_it_names_it(hands):
    """main shows the lie, and none of the increment that was built on it. Its revert names both."""
    hand = hands()
    lie = hands("liar").put("lie", "x")
    hand.fork("one")
    hand.write(increment("n", 5), branch="one")
    hands("builder").write(increment("n", 1), branch="one", reads=reading(("lie", lie)))
    hand.fork("two", parent="one")
    for branch in ("main", "one", "two"):
        assert cascade(hand, lie, branch)
    assert [hand.value("n", branch) for branch in ("main", "one", "two")] == [None, "5", "5"]
    hand.merge("main", "one")
    hand.merge("main", "two")
    assert [hand.value("n", branch) for branch in ("one", "two")] == ["5", "5"]
    hand.merge("two", "one")
    hand.merge("one", "two")
    hand.merge("one")
    assert [hand.value("n", branch) for branch in ("main", "one", "two")] == ["5", "5", "5"]


def test_a_text_whose_deletion_was_undone_is_no_piece_to_append_to_another(hands):
    """On main it was written, deleted, and written anew; on the branch the deletion alone came in, and was undone."""
    hand = hands()
    hand.put("other", "x")
    hand.fork("trial")
    hand.put("k", "first")
    deleted = hand.write(delete("k"))
    hand.merge("main", "trial")
    hand.put("k", "second")
    hand.revert(deleted, branch="trial")
    assert hand.value("k", "trial") == "first"
    for source, target in (("main", "trial"), ("trial", "main")):
        with pytest.raises(Unsettled) as unsettled:
            hand.merge(source, target)
        assert unsettled.value.keys == {"k"}
    assert (hand.value("k"), hand.value("k", "trial")) == ("second", "first")


def test_who_has_read_what_an_undo_brought_back_has_read_it(broker, hands):
    """The undo of a deletion is made of what was deleted, though its branch had never shown that."""
    hand = hands()
    hand.put("other", "x")
    hand.fork("trial")
    lie = hands("liar").put("lie", "no visa")
    deleted = hands("cleaner").write(delete("lie"))
    hand.merge("main", "trial")
    undone = hand.revert(deleted, branch="trial")
    assert hand.value("lie", "trial") == "no visa"
    built = hands("reader").put("plan", "fly", branch="trial", reads=reading(("lie", undone)))
    impact = hand.ask(impact=bus.GetImpact(versions=[bus.VersionName(key="lie", revision=lie)])).impact
    assert built in {commit.commit.revision for commit in impact.commits}
    run(broker, "revert", "--cascade", f"lie@{lie}")
    assert hand.state("trial") == {"other": "x"}


@pytest.mark.parametrize("merged_before", [False, True], ids=["never shown there", "shown there before"])
def test_who_has_read_what_came_back_in_place_of_what_a_merge_had_brought_has_read_it(hands, merged_before):
    """What was there before the lie turns out to be wrong as well, after somebody has built on its return."""
    hand = hands()
    hand.put("other", "x")
    lie = hands("liar").put("lie", "x")
    hand.fork("trial")
    first = hands("first").put("k", "first", branch="trial")
    if merged_before:
        hand.merge("trial")
    hands("builder").put("k", "second", branch="trial", reads=reading(("lie", lie)))
    hand.merge("trial")
    back = cascade(hand, lie, "main")
    assert hand.value("k") == "first"
    built = hands("reader").put("plan", "on k", reads=reading(("k", back)))
    impact = hand.ask(impact=bus.GetImpact(versions=[bus.VersionName(key="k", revision=first)])).impact
    assert built in {commit.commit.revision for commit in impact.commits}
    hand.do(bus.Revert(branch="main", versions=[bus.VersionName(key="k", revision=first)], cascade=True))
    assert hand.state() == {"other": "x"}


def test_increments_that_cancel_out_do_not_bring_in_what_was_undone(hands):
    """The branch took one off, and added one because of the lie: it stands where it stood, and the lie is in it."""
    hand = hands()
    lie = hands("liar").put("lie", "x")
    hand.write(increment("n", 3))
    hand.fork("trial")
    hand.write(increment("n", -1), branch="trial")
    hands("builder").write(increment("n", 1), branch="trial", reads=reading(("lie", lie)))
    assert hand.value("n") == hand.value("n", "trial") == "3"
    cascade(hand, lie, "main")
    with pytest.raises(Unsettled) as unsettled:
        hand.merge("trial")
    assert [(conflict.key, conflict.kind) for conflict in unsettled.value.conflicts] == [("n", bus.MergeConflict.UNDONE)]
    # Undone there as well, the rest comes.
    cascade(hand, lie, "trial")
    hand.merge("trial")
    assert hand.value("n") == hand.value("n", "trial") == "2"


@pytest.mark.parametrize("side", ["base", "theirs"])
def test_what_a_merge_could_take_a_parked_conflict_can_be_settled_for_whatever_is_compacted(broker, hands, side):
    hand = hands()
    hand.write(put("k", "base", "note"))
    hand.fork("trial")
    hand.write(put("k", "theirs", "note"), branch="trial")
    hand.write(put("k", "ours", "note"))
    hand.put("other", "x")
    if side == "base":
        # The merge knows it still: somebody could have taken it at once.
        hand.ask(compact=bus.Compact(below=hand.head()))
        told = run_json_lines(broker, "merge", "trial", "--resolve", "k=base", "--dry-run")
        assert told[0]["conflicts"] == []
    merged = hand.do(bus.Merge(source="trial", target="main", park=True))
    # The branch moves on, and history goes.
    hand.write(put("k", "theirs, later", "note"), branch="trial")
    hand.put("other", "y")
    hand.ask(compact=bus.Compact(below=hand.head()))
    ended = run(broker, "resolve", f"{merged}/1", f"--{side}", check=False)
    assert ended.returncode == 0, ended.stderr
    assert hand.value("k") == side


def test_the_common_past_of_two_states_is_told_whole_and_the_same_from_either_side(broker, hands):
    hand = hands()
    hand.put("a", "1")
    hand.fork("trial")
    brought = hand.put("b", "1", branch="trial")
    hand.merge("trial")
    hand.put("c", "1")
    hand.put("d", "1", branch="trial")

    def common(one, other):
        told = run_json_lines(broker, "diff", one, other, "--stat")[-1]
        return [(state["branch"], state["revision"]) for state in told["common"]], told["only_from"], told["only_to"]

    assert common("trial", "main") == ([("trial", brought)], 1, 2)
    assert common("main", "trial") == ([("trial", brought)], 2, 1)
    # A criss-cross has two.
    hand.fork("cross", parent="trial", at=brought)
    there = hand.put("e", "1", branch="cross")
    ours = hand.put("f", "1")
    hand.merge("cross", "main")
    hand.merge("main", "cross", at=ours)
    for pair in (("main", "cross"), ("cross", "main")):
        assert sorted(common(*pair)[0]) == [("cross", there), ("main", ours)], pair


def came_to_nothing(hand):
    """`k` was written, undone, written anew, and that was undone: the first undo hides the first text, though the last one is not
    made of it. -> the first text, its undo"""
    first = hand.put("k", "first\n")
    undone = hand.revert(first)
    hand.revert(hand.put("k", "z\n"))
    return first, undone


def test_what_comes_back_behind_another_undo_is_a_whole_text(hands):
    hand = hands()
    _, undone = came_to_nothing(hand)
    hand.fork("b")
    hand.put("k", "second\n", branch="b")
    hand.revert(undone)
    assert hand.value("k") == "first\n"
    with pytest.raises(Unsettled) as unsettled:
        hand.merge("main", "b")
    assert unsettled.value.keys == {"k"}


def test_who_has_read_what_came_back_behind_another_undo_is_not_missed(hands):
    hand = hands()
    first, undone = came_to_nothing(hand)
    back = hand.revert(undone)
    built = hands("reader").put("plan", "fly", reads=reading(("k", back)))
    impact = hand.ask(impact=bus.GetImpact(versions=[bus.VersionName(key="k", revision=first)])).impact
    assert built in {commit.commit.revision for commit in impact.commits}
    assert hand.do(bus.Revert(branch="main", versions=[bus.VersionName(key="k", revision=first)], cascade=True))
    assert (hand.value("k"), hand.value("plan")) == (None, None)


def test_a_text_that_somebody_settled_is_no_piece_to_append_to_another(hands):
    hand = hands()
    hand.put("other", "x")
    hand.fork("far")
    hand.put("k", "o\n", branch="far")
    hand.put("k", "1\n2\n3\n4\n5\n")
    hand.fork("trial")
    hand.put("k", "1\n2\n3\n4\nq\n")
    last = hand.put("k", "p\n2\n3\n4\n5\n")
    hand.put("k", "1\n2\n3\n4\nr\n", branch="trial")
    hand.merge("trial")
    revert = bus.Revert(branch="main", versions=[bus.VersionName(key="k", revision=last)])
    with pytest.raises(Unsettled) as unsettled:
        hand.do(revert)
    conflict, = unsettled.value.conflicts
    revert.resolutions.append(bus.Resolution(
        key="k", ours=conflict.ours.record.revision, theirs=conflict.theirs.record.revision,
        put=memory.Put(value=b"whole\n", kind="text")))
    hand.do(revert)
    assert hand.value("k") == "whole\n"
    with pytest.raises(Unsettled) as unsettled:
        hand.merge("main", "far")
    assert unsettled.value.keys == {"k"}


def sets(hand):
    hand.write(put(".membus/policies/sets", '{"topic": "s/", "policy": "set"}', kind="json"))


def test_a_merge_that_a_revert_makes_again_goes_by_the_policy_that_it_was_made_by(hands):
    hand = hands()
    sets(hand)
    hand.fork("b")
    hand.write(put("s/1", "[2]", kind="json"))
    deleted = hand.write(delete("s/1"))
    hand.write(put("s/1", "[1]", kind="json"), branch="b")
    hand.merge("b")
    assert hand.value("s/1") == "[1]"
    # Whatever it is by now.
    hand.write(put(".membus/policies/sets", '{"topic": "s/", "policy": "ask"}', kind="json"))
    hand.revert(deleted)
    assert sorted(json.loads(hand.value("s/1"))) == [1, 2]


def test_several_common_pasts_are_merged_by_the_policy(hands):
    hand = hands()
    sets(hand)
    hand.write(put("s/1", "[0]", kind="json"))
    hand.fork("b")
    ours = hand.write(put("s/1", "[0,1]", kind="json"))
    theirs = hand.write(put("s/1", "[0,2]", kind="json"), branch="b")
    hand.merge("b", at=theirs)
    hand.merge("main", "b", at=ours)
    hand.write(put("s/1", "[0,1,2,3]", kind="json"))
    hand.write(put("s/1", "[0,2]", kind="json"), branch="b")
    hand.merge("b")
    assert sorted(json.loads(hand.value("s/1"))) == [0, 2, 3]

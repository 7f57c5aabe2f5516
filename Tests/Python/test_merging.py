"""Merge, rollback and revert through the package, against a real broker."""

import pytest

import membus


def on(branch, memory, **values):
    """One commit on a branch. -> its revision"""
    return memory.transact(
        lambda tx: [tx.put(f"plans/{name}", value) for name, value in values.items()], branch=branch).revision


@pytest.fixture
def parted(memory):
    """main and trial have both changed plans/paris."""
    on("main", memory, paris="train", rome="ferry")
    memory.fork("trial")
    theirs = on("trial", memory, paris="flight")
    ours = on("main", memory, paris="car")
    return memory, ours, theirs


def test_a_merge_brings_in_what_the_other_changed_and_adds_counters_and_members_up(memory):
    memory.transact(lambda tx: [
        tx.increment("n", 10), tx.put("doc", {"a": 1, "b": 1}), tx.put("text", "one\ntwo\nthree\n"),
        tx.put("old", "x")])
    memory.fork("trial")
    memory.transact(lambda tx: [
        tx.increment("n", 5), tx.patch("doc", {"a": 2}), tx.put("text", "ONE\ntwo\nthree\n"), tx.put("new", "x"),
        tx.delete("old")], branch="trial")
    memory.transact(lambda tx: [tx.increment("n", 7), tx.patch("doc", {"c": 3}), tx.put("text", "one\ntwo\nTHREE\n")])
    view = memory.follow("/")
    merged = memory.merge("trial", message="bring it home")
    assert merged.is_committed and merged.result == membus.MergeReport(source=3, written=5, agreed=0, settled=0)
    assert view["n"].count == 22 and view["doc"].json() == {"a": 2, "b": 1, "c": 3}
    assert view["text"].text == "ONE\ntwo\nTHREE\n" and view["new"].text == "x" and "old" not in view
    commit = next(memory.log(branch="main"))
    assert (commit.revision, commit.message) == (merged.revision, "bring it home")
    again = memory.merge("trial")
    assert not again.is_committed and again.result is None and again.revision == merged.revision
    back = memory.merge("main", into="trial")
    assert back.is_committed and memory.get("n", branch="trial").count == 22
    assert list(memory.diff("main", "trial")) == []


def test_what_is_to_be_decided_is_told_with_both_sides_and_nothing_is_written(parted):
    memory, ours, theirs = parted
    with pytest.raises(membus.Unsettled) as caught:
        memory.merge("trial")
    error = caught.value
    assert error.code == "unsettled" and error.hint and error.subject == "plans/paris" and error.revision == ours
    assert error.unlisted == 0 and not error.outcome_unknown and "plans/paris" in str(error)
    (conflict,) = error.conflicts
    assert (conflict.key, conflict.kind) == ("plans/paris", "bothChanged")
    assert [side.record.text for side in (conflict.base, conflict.ours, conflict.theirs)] == ["train", "car", "flight"]
    assert [side.record.revision for side in (conflict.base, conflict.ours, conflict.theirs)] == [1, ours, theirs]
    assert [(side.commit.agent, side.commit.branch) for side in (conflict.ours, conflict.theirs)] == [
        ("planner", "main"), ("planner", "trial")]
    assert memory.get("plans/paris").text == "car" and memory.status()["head"]["revision"] == ours


@pytest.mark.parametrize("choice, expected", [
    ("ours", "car"), ("theirs", "flight"), ("base", "train"), ("delete", None),
    (membus.Put("bus", attributes={"by": "ada"}, links=[("of", "trips/1")], expires=3600), "bus"),
])
def test_each_choice_settles(parted, choice, expected):
    memory, *_ = parted
    asked = []

    def settle(conflict):
        asked.append(conflict.key)
        return choice

    merged = memory.merge("trial", settle=settle)
    assert asked == ["plans/paris"] and merged.is_committed and merged.result.settled == 1
    record = memory.get("plans/paris")
    assert (record and record.text) == expected
    if expected == "bus":
        assert record.attributes == {"by": "ada"} and record.links == (("of", "trips/1"),) and record.expires
    assert not memory.merge("trial").is_committed


def test_a_resolution_settles_the_versions_that_it_was_made_of_and_no_others(parted):
    memory, *_ = parted
    with pytest.raises(membus.Unsettled) as caught:
        memory.merge("trial")
    (conflict,) = caught.value.conflicts
    resolution = conflict.resolved("theirs")
    ours, theirs = conflict.ours.record.revision, conflict.theirs.record.revision
    assert resolution == membus.Resolution("plans/paris", ours, theirs, "theirs")
    on("main", memory, paris="bus")
    with pytest.raises(membus.Unsettled) as caught:
        memory.merge("trial", resolutions=[resolution])
    (conflict,) = caught.value.conflicts
    assert conflict.ours.record.text == "bus"
    assert memory.merge("trial", resolutions=[conflict.resolved("theirs")]).is_committed
    assert memory.get("plans/paris").text == "flight"


def test_who_is_asked_while_others_write_is_asked_again(parted):
    memory, *_ = parted
    seen = []

    def settle(conflict):
        seen.append(conflict.ours.record.text)
        if len(seen) == 1:
            on("main", memory, paris="bus")
        return "ours"

    assert memory.merge("trial", settle=settle).is_committed
    assert seen == ["car", "bus"] and memory.get("plans/paris").text == "bus"


def test_what_is_left_open_or_cannot_be_decided_so_is_raised(parted):
    memory, *_ = parted
    with pytest.raises(membus.Unsettled):
        memory.merge("trial", settle=lambda conflict: None)
    with pytest.raises(ZeroDivisionError):
        memory.merge("trial", settle=lambda conflict: 1 / 0)
    with pytest.raises(ValueError, match="decides nothing"):
        memory.merge("trial", settle=lambda conflict: "mine")

    async def settle(conflict):
        return "ours"

    with pytest.raises(TypeError, match="async"):
        memory.merge("trial", settle=settle)
    assert memory.get("plans/paris").text == "car"


def test_a_deletion_is_a_side_and_what_was_never_there_is_none(memory):
    on("main", memory, paris="train")
    memory.fork("trial")
    on("trial", memory, paris="flight", oslo="bike")
    on("main", memory, oslo="ski")
    memory.delete("plans/paris")
    with pytest.raises(membus.Unsettled) as caught:
        memory.merge("trial")
    oslo, paris = sorted(caught.value.conflicts)
    assert (paris.kind, oslo.kind) == ("deletedAndChanged", "bothCreated")
    assert paris.ours.record.is_deleted and paris.theirs.record.text == "flight" and oslo.base is None
    merged = memory.merge("trial", settle=lambda conflict: "theirs")
    assert merged.result.settled == 2 and memory.get("plans/oslo").text == "bike"


def test_a_merge_of_a_past_state_and_the_rules_of_a_branch(memory):
    on("main", memory, paris="train")
    memory.fork("trial")
    first = on("trial", memory, rome="ferry")
    on("trial", memory, oslo="bike")
    memory.put(".membus/policies/plans", {"topic": "plans/", "policy": "theirs"}, branch="trial")
    assert memory.merge("trial", at=first).result.source == first
    assert memory.get("plans/rome") and memory.get("plans/oslo") is None
    memory.merge("trial")
    assert memory.get("plans/oslo") and memory.get(".membus/policies/plans") is None
    memory.fork("strict", parent="trial")
    memory.put(".membus/policies/notes", {"topic": "notes/", "policy": "ours"}, branch="strict")
    memory.merge("strict", carries_rules=True)
    assert memory.get(".membus/policies/notes") is not None


def test_a_merge_is_refused_in_words(memory):
    on("main", memory, paris="train")
    memory.fork("trial")
    with pytest.raises(membus.UnknownBranch):
        memory.merge("none")
    with pytest.raises(membus.UnknownBranch):
        memory.merge("trial", into="none")
    with pytest.raises(membus.InvalidArgument, match="itself"):
        memory.merge("main")
    with pytest.raises(membus.BeyondHead):
        memory.merge("trial", at=99)
    with pytest.raises(membus.InvalidName):
        memory.merge("a//b")
    with pytest.raises(membus.BadArgument, match="no name"):
        memory.merge("")
    twice = [membus.Resolution("plans/paris", 1, 1, "ours")] * 2
    with pytest.raises(membus.InvalidArgument, match="twice"):
        memory.merge("trial", resolutions=twice)


def test_a_rollback_has_topics_be_again_as_they_were(memory):
    first = on("main", memory, paris="train", rome="ferry")
    memory.put("notes/a", "1")
    on("main", memory, paris="flight", oslo="bike")
    memory.put("notes/a", "2")
    memory.delete("plans/rome")
    back = memory.rollback(first, topics=["plans/"], message="the good plans")
    assert back.is_committed and memory.get("notes/a").text == "2"
    assert {record.key: record.text for record in memory.range("plans/")} == {
        "plans/paris": "train", "plans/rome": "ferry"}
    assert next(memory.history("plans/paris")).commit.message == "the good plans"
    again = memory.rollback(first, topics=["plans/"])
    assert not again.is_committed
    memory.rollback(first)
    assert memory.get("notes/a") is None
    memory.fork("trial", at=3)
    memory.rollback(first, branch="trial")
    assert memory.get("plans/oslo", branch="trial") is None
    with pytest.raises(membus.BeyondHead):
        memory.rollback(99)
    with pytest.raises(membus.InvalidName):
        memory.rollback(first, topics=["a//b"])
    with pytest.raises(membus.UnknownBranch):
        memory.rollback(first, branch="none")


def test_a_revert_leaves_out_commits_versions_and_all_of_an_agent(memory, broker):
    start = memory.transact(lambda tx: [tx.put("plans/paris", "train"), tx.increment("n", 10)]).revision
    with membus.connect(broker.url, agent="scout", context="trip-42") as scout:
        bad = scout.transact(lambda tx: [tx.put("plans/paris", "flight"), tx.increment("n", 5)]).revision
        later = scout.put("notes/a", "kept by nobody").revision
    memory.transact(lambda tx: tx.increment("n", 1))
    undone = memory.revert(versions=[("plans/paris", bad)])
    assert undone.is_committed and memory.get("plans/paris").text == "train" and memory.get("n").count == 16
    memory.revert(revisions=[bad])
    assert memory.get("n").count == 11
    memory.revert(agent="scout", in_context="trip-42", since=start, message="scout was wrong")
    assert memory.get("notes/a") is None and next(memory.history("notes/a")).commit.message == "scout was wrong"
    assert not memory.revert(revisions=[later]).is_committed
    memory.revert(revisions=[memory.status()["head"]["revision"]])
    assert memory.get("notes/a").text == "kept by nobody"
    with pytest.raises(membus.InvalidArgument, match="did not write"):
        memory.revert(versions=[("plans/rome", bad)])
    with pytest.raises(membus.InvalidArgument, match="nothing is named"):
        memory.revert()
    for half in ({"agent": "scout"}, {"in_context": "trip-42"}, {"since": 1, "revisions": [bad]}):
        with pytest.raises(ValueError, match="go together"):
            memory.revert(**half)


def test_a_revert_that_cannot_be_told_is_decided(memory):
    memory.put("doc", "a text")
    whole = memory.put("doc", {"a": 1}).revision
    memory.transact(lambda tx: tx.patch("doc", {"b": 2}))
    with pytest.raises(membus.Unsettled) as caught:
        memory.revert(revisions=[whole])
    (conflict,) = caught.value.conflicts
    assert conflict.key == "doc" and conflict.ours.record.json() == {"a": 1, "b": 2} and conflict.theirs is None
    memory.revert(revisions=[whole], resolutions=[conflict.resolved(membus.Put({"b": 2}))])
    assert memory.get("doc").json() == {"b": 2}


def test_large_values_of_a_conflict_are_announced_beyond_a_bound(memory):
    names = [f"large{number}" for number in range(4)]
    memory.fork("trial")
    for number, name in enumerate(names):
        on("trial", memory, **{name: "t" * (1 << 20)})
        on("main", memory, **{name: "m" * (1 << 20)})
    with pytest.raises(membus.Unsettled) as caught:
        memory.merge("trial")
    sides = [side.record for conflict in caught.value.conflicts for side in (conflict.ours, conflict.theirs)]
    assert len(sides) == 8 and all(record.size == 1 << 20 for record in sides)
    assert 0 < sum(record.value is None for record in sides) < 8
    assert memory.merge("trial", settle=lambda conflict: "theirs").result.settled == 4
    assert all(memory.get(f"plans/{name}").text[0] == "t" for name in names)


def lied_to(memory):
    """A lie, a plan that was built on it, and something else. -> the lie's revision"""
    memory.transact(lambda tx: [tx.put("facts/visa", "not known"), tx.put("plans/lisbon", "first idea")])
    lie = memory.transact(lambda tx: tx.put("facts/visa", "no visa")).revision
    memory.transact(lambda tx: [tx.get("facts/visa"), tx.put("plans/lisbon", "fly")])
    return lie


def test_a_cascade_undoes_what_followed_and_a_plan_of_it_is_carried_out_exactly_or_not_at_all(memory):
    lie = lied_to(memory)
    told = memory.impact(versions=[("facts/visa", lie)])
    assert [commit["revision"] for commit in told["commits"]] == [lie, lie + 1]
    rewrite = membus.Rewrite.revert(versions=[("facts/visa", lie)], cascade=True)
    plan = memory.plan(rewrite)
    assert {change["key"]: change["to"]["value"] for change in plan["changes"]} == {
        "facts/visa": "not known", "plans/lisbon": "first idea"}
    memory.transact(lambda tx: [tx.get("plans/lisbon"), tx.put("bookings/lisbon", "x")])
    with pytest.raises(membus.PlanChanged):
        memory.carry_out(rewrite, plan=plan["plan"])
    assert memory.get("plans/lisbon").text == "fly"
    memory.carry_out(rewrite, plan=memory.plan(rewrite)["plan"], message="the embassy says otherwise")
    assert memory.get("plans/lisbon").text == "first idea" and memory.get("bookings/lisbon") is None
    assert not memory.revert(versions=[("facts/visa", lie)], cascade={"own_only": False}).is_committed


def test_a_quarantine_warns_readers_and_fails_what_requires_to_be_sound(memory):
    lie = lied_to(memory)
    memory.quarantine(versions=[("facts/visa", lie)], cascade=True, reason="the embassy says otherwise")
    assert memory.get("plans/lisbon").attributes == {"membus.quarantine": "the embassy says otherwise"}

    def book(tx):
        tx.get("plans/lisbon")
        tx.require_sound()
        tx.put("bookings/lisbon", "x")

    with pytest.raises(membus.Conflict) as caught:
        memory.transact(book)
    assert caught.value.failed[0].key == "plans/lisbon"
    with pytest.raises(membus.InvalidArgument):
        memory.transact(lambda tx: tx.put("a", "x", attributes={"membus.quarantine": "no"}))


def test_what_a_merge_parks_is_claimed_by_one_and_settled(parted):
    memory, ours, theirs = parted
    merged = memory.merge("trial", parks=True)
    assert merged.result.parked == 1 and memory.get("plans/paris").text == "car"
    (conflict,) = memory.conflicts()
    assert (conflict["key"], conflict["ours"]["revision"], conflict["theirs"]["revision"]) == (
        "plans/paris", ours, theirs)
    memory.claim_conflict(conflict["conflict"], expires=60)
    with pytest.raises(membus.Conflict):
        memory.claim_conflict(conflict["conflict"])
    assert memory.conflicts()[0]["claimed_by"] == "planner"
    with pytest.raises(membus.OpenConflicts):
        memory.merge("main", into="trial")
    memory.resolve(conflict["conflict"], "theirs", message="fly")
    assert memory.get("plans/paris").text == "flight" and memory.conflicts() == []
    assert memory.merge("main", into="trial").is_committed


def test_a_commit_is_picked_and_a_branch_is_rebased(parted):
    memory, ours, theirs = parted
    memory.fork("other", at=1)
    picked = memory.pick(theirs, branch="other")
    assert picked.is_committed and memory.get("plans/paris", branch="other").text == "flight"
    rebased = memory.rebase("trial", "trial-2")
    assert rebased["stopped_at"] == theirs and rebased["picked"] == []
    assert [line["revision"] for line in memory.blame("plans/paris")] == [ours]

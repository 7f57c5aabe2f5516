"""Who read what: what goes on record, and when."""

import time

import membus
import pytest


def derived(memory, lie):
    told = memory.impact(versions=[("facts/visa", lie)])
    return [commit["revision"] for commit in told["commits"] if any(e["reason"] != "seed" for e in commit["edges"])]


def eventually(fact, seconds=20):
    end = time.monotonic() + seconds
    while not (found := fact()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_a_commit_carries_what_was_read_before_it_in_its_context(memory, broker):
    lie = memory.put("facts/visa", "none").revision
    with membus.connect(broker.url, agent="planner", context="trip", timeout=10) as planner:
        view = planner.follow("facts/")
        for number in range(5):
            # Read, listed, absent: each time right before the commit.
            assert view["facts/visa"].text == "none"
            assert view.get("facts/none") is None
            plan = planner.put(f"plans/{number}", "fly").revision
            assert plan in derived(memory, lie)
        known = memory.knowledge("planner", context="trip")["known"]
        ways = [(one["way"], one.get("key"), one["version"]) for one in known]
        assert ways.count(("read", "facts/visa", lie)) == 1 and ("wrote", "plans/0", lie + 1) in ways
        absent = [one for one in known if one.get("key") == "facts/none"]
        assert absent and absent[0]["version"] == 0 and absent[0]["cut"] >= lie
        assert [one["revision"] for one in known] == sorted(one["revision"] for one in known)


def test_what_no_commit_follows_is_noted_and_tells_who_is_to_be_told(memory, broker):
    lie = memory.put("facts/visa", "none").revision
    with membus.connect(broker.url, agent="writer", context="draft-3", timeout=10) as writer:
        assert writer.get("facts/visa").text == "none"
        assert [record.key for record in writer.range("facts/")] == ["facts/visa"]
        readers = eventually(lambda: memory.impact(versions=[("facts/visa", lie)])["readers"])
        assert [(reader["agent"], reader["context"]) for reader in readers] == [("writer", "draft-3")]
        known = eventually(lambda: len(memory.knowledge("writer")["known"]) == 2 and memory.knowledge("writer")["known"])
        assert {(one["way"], one.get("key"), one.get("topic")) for one in known} == {
            ("read", "facts/visa", None), ("listed", None, "facts/")}
    assert memory.knowledge("writer", at=lie)["known"] == known
    assert memory.knowledge("nobody")["known"] == []


def test_what_one_context_read_is_nothing_to_another_on_the_same_connection(memory):
    lie = memory.put("facts/visa", "none").revision
    with memory.in_context("trip") as trip, memory.in_context("other") as other:
        assert trip.get("facts/visa").text == "none"
        free = other.put("plans/free", "x").revision
        bound = trip.put("plans/bound", "x").revision
        assert derived(memory, lie) == [bound] and free != bound
    # Closing one of them closes nothing else.
    assert memory.get("plans/bound").text == "x"


def test_what_an_agent_wrote_is_asked_about_by_his_name_and_what_is_no_longer_kept_is_left_out_on_request(memory, broker):
    with membus.connect(broker.url, agent="scout", context="scouting", timeout=10) as scout:
        lie = scout.put("facts/visa", "none").revision
    with membus.connect(broker.url, agent="planner", context="trip", timeout=10) as planner:
        assert planner.get("facts/visa").text == "none"
        plan = planner.put("plans/rome", "fly").revision
    told = memory.impact(agent="scout", since=0)
    assert [commit["revision"] for commit in told["commits"]] == [lie, plan] and told["since"] == 0
    assert memory.impact(agent="scout", in_context="other", since=0)["commits"] == []
    memory.compact(below=plan)
    with pytest.raises(membus.BelowFloor):
        memory.impact(versions=[("facts/visa", lie)])
    late = memory.impact(versions=[("facts/visa", lie)], below_floor=True)
    assert late["since"] == plan and late["commits"] == []

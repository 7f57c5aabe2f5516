"""The life of branches, and tags, through the package, against a real broker."""

import asyncio
import time

import pytest

import membus
from membus import aio


def test_a_branch_is_closed_protected_and_deleted(memory):
    memory.put("a", "1")
    memory.fork("trial")
    assert memory.close_branch("trial", message="done").is_committed
    assert not memory.close_branch("trial").is_committed
    with pytest.raises(membus.NotWritable) as caught:
        memory.put("a", "2", branch="trial")
    assert "closed by revision 3" in str(caught.value) and caught.value.subject == "trial"
    memory.reopen_branch("trial")
    memory.put("a", "2", branch="trial")
    memory.protect_branch("main")
    with pytest.raises(membus.NotWritable):
        memory.put("a", "3")
    memory.merge("trial")
    memory.unprotect_branch("main")
    told = memory.branches()
    assert [branch["name"] for branch in told] == ["main", "trial"]
    assert told[1]["figures"]["merged_into"] == "main" and told[1]["figures"]["ahead"] == 0
    deleted = memory.delete_branch("trial").revision
    with pytest.raises(membus.UnknownBranch) as caught:
        memory.get("a", branch="trial")
    assert f"deleted by revision {deleted}" in str(caught.value)
    with pytest.raises(membus.BranchExists):
        memory.fork("trial")
    with pytest.raises(membus.InvalidArgument):
        memory.delete_branch("main")


def test_a_view_of_a_deleted_branch_fails_and_says_so(memory):
    memory.put("a/1", "1")
    memory.fork("trial")
    view = memory.follow("a/", branch="trial")
    other = memory.follow("a/")
    assert view["a/1"].text == "1"
    deleted = memory.delete_branch("trial").revision
    deadline = time.monotonic() + 10
    while True:
        try:
            view.get("a/1", linearizable=True, timeout=1)
        except membus.MembusError as error:
            if f"deleted by revision {deleted}" in str(error):
                break
        assert time.monotonic() < deadline, "the view does not say that its branch is gone"
    memory.put("a/1", "2")
    assert other["a/1"].text == "2"


def test_what_a_fork_of_the_past_inherited_is_frozen(memory):
    memory.transact(lambda tx: [tx.put("claim", "mine", expires=0.3), tx.put("a", "1")])
    memory.put("a", "2")
    assert memory.fork("past", at=1).result == 1
    assert memory.fork("thawed", at=1, expire=True).result == 0
    deadline = time.monotonic() + 10
    while memory.get("claim", branch="thawed") or memory.get("claim"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert memory.get("claim", branch="past").text == "mine"


def test_a_tag_names_a_state_for_every_read(memory):
    memory.put("a", "1")
    memory.put("a", "2")
    memory.fork("trial")
    memory.put("a", "3", branch="trial")
    assert memory.tag("before", at=1, message="as it was").is_committed
    memory.tag("theirs", branch="trial")
    assert memory.find_state("before") == membus.State("main", 1)
    assert memory.find_state("~1", branch="trial").branch == "trial"
    assert memory.get("a", at="before").text == "1" and memory.get("a", at="theirs").text == "3"
    assert memory.get_all("a", at="before")["a"].text == "1"
    assert [record.text for record in memory.range("/", at="before")] == ["1"]
    assert memory.digest("/", at="before").digest == memory.digest("/", at=1).digest
    assert memory.fork("again", at="before").revision and memory.get("a", branch="again").text == "1"
    told = memory.tags()
    assert [(tag["name"], tag["branch"], tag["revision"]) for tag in told] == [("before", "main", 1), ("theirs", "trial", 5)]
    assert told[0]["agent"] == "planner" and told[0]["message"] == "as it was"
    memory.compact(below=memory.status()["head"]["revision"])
    assert memory.get("a", at="before").text == "1"
    with pytest.raises(membus.BelowFloor):
        memory.get("a", at=2)
    for name, error in (("before", membus.TagExists), ("main", membus.BranchExists), ("10m", membus.InvalidName)):
        with pytest.raises(error):
            memory.tag(name)
    with pytest.raises(ValueError):
        memory.get("a", at="before", branch="trial")
    memory.delete_tag("before")
    for use in (lambda: memory.delete_tag("before"), lambda: memory.get("a", at="before")):
        with pytest.raises((membus.UnknownTag, membus.UnknownBranch)):
            use()


def test_tasks_do_the_same(broker):
    async def work():
        async with aio.connect(broker.url, agent="planner") as memory:
            await memory.put("a", "1")
            await memory.put("a", "2")
            await memory.fork("trial", at=1)
            await memory.close_branch("trial")
            with pytest.raises(membus.NotWritable):
                await memory.put("a", "3", branch="trial")
            await memory.reopen_branch("trial")
            await memory.protect_branch("trial")
            await memory.unprotect_branch("trial")
            await memory.tag("before", at=1)
            assert (await memory.get("a", at="before")).text == "1"
            assert (await memory.get_all("a", at="trial"))["a"].text == "1"
            assert [tag["name"] for tag in await memory.tags()] == ["before"]
            await memory.delete_tag("before")
            await memory.delete_branch("trial")
            assert [branch["name"] for branch in await memory.branches()] == ["main"]

    asyncio.run(work())

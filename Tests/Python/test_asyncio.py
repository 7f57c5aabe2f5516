"""membus.aio, under asyncio's loop and uvloop's."""

import asyncio
import contextlib

import pytest
import uvloop
from processes import membus as executable

import membus
from membus import aio


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on a loop of its own."""
    def run(coroutine):
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        loop = factory()
        try:
            return loop.run_until_complete(asyncio.wait_for(coroutine, 60))
        finally:
            loop.close()

    return run


def test_a_team_of_tasks(broker, run):
    async def team():
        async with aio.connect(broker.url, agent="planner") as memory:
            plans = await memory.follow("plans/")

            async def book(tx):
                if await tx.get("plans/paris") is None:
                    tx.put("plans/paris", "night train")
                tx.increment("plans/cost", 120)
                return "booked"

            receipts = await asyncio.gather(*(memory.transact(book, retries=20, message="book") for _ in range(10)))
            assert {receipt.result for receipt in receipts} == {"booked"}
            assert plans["plans/paris"].text == "night train" and plans["plans/cost"].count == 1200
            assert (await plans.get("plans/cost", linearizable=True)).count == 1200
            assert (await plans.get_all("plans/paris", "plans/none")).keys() == {"plans/paris"}
            seen = []
            async for change in memory.watch("plans/", after=0):
                seen.append(change.key)
                if len(seen) == 11:
                    break
            assert seen.count("plans/cost") == 10
            assert [record.key async for record in memory.range("/")] == ["plans/cost", "plans/paris"]
            assert len([commit async for commit in memory.log()]) == 10
            assert (await memory.status())["head"]["revision"] == 10
            with pytest.raises(membus.Conflict):
                await memory.put("plans/paris", "x", if_revision=0)

    run(team())


def test_the_loop_goes_on_while_something_is_waited_for(broker, run):
    async def both():
        memory = await aio.connect(broker.url, agent="a")
        watch = memory.watch("k/")
        waiting = asyncio.ensure_future(anext(watch))
        turns = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            turns += 1
        assert turns == 20 and not waiting.done()
        await memory.put("k/1", "1")
        assert (await waiting).key == "k/1"
        await memory.close()

    run(both())


WAITS = {
    "connect": lambda memory, view: aio.connect("tcp://127.0.0.1:1", agent="a", timeout=600).__aenter__(),
    "get": lambda memory, view: memory.get("k/1", timeout=600),
    "transact": lambda memory, view: memory.put("k/1", "1"),
    "follow": lambda memory, view: memory.follow("o/", timeout=600),
    "view.get": lambda memory, view: view.get("k/1", linearizable=True, timeout=600),
    "view.wait": lambda memory, view: view.wait(linearizable=True, timeout=600),
    "watch": lambda memory, view: anext(memory.watch("k/")),
    "range": lambda memory, view: anext(aiter(memory.range("k/", timeout=600))),
    "changes": lambda memory, view: anext(view.changes()),
    "history": lambda memory, view: anext(memory.history("k/1", timeout=600)),
    "log": lambda memory, view: anext(memory.log(timeout=600)),
    "diff": lambda memory, view: anext(memory.diff("1", timeout=600)),
    "compare": lambda memory, view: memory.compare("1", timeout=600),
    "digest": lambda memory, view: memory.digest("k/", timeout=600),
    "verify": lambda memory, view: memory.verify(timeout=600),
    "compact": lambda memory, view: memory.compact(below=1, timeout=600),
    "backup": lambda memory, view: memory.backup("/tmp/never", timeout=600),
    "limits": lambda memory, view: memory.limits(timeout=600),
    "branches": lambda memory, view: memory.branches(timeout=600),
    "get in a transaction": lambda memory, view: memory.transact(lambda tx: tx.get("k/1"), timeout=600),
    "status": lambda memory, view: memory.status(timeout=600),
    "fork": lambda memory, view: memory.fork("b", timeout=600),
    "close_branch": lambda memory, view: memory.close_branch("b", timeout=600),
    "tag": lambda memory, view: memory.tag("t", timeout=600),
    "tags": lambda memory, view: memory.tags(timeout=600),
    "find_state": lambda memory, view: memory.find_state("t", timeout=600),
    "merge": lambda memory, view: memory.merge("b", timeout=600),
    "rollback": lambda memory, view: memory.rollback(1, timeout=600),
    "revert": lambda memory, view: memory.revert(revisions=[1], timeout=600),
    "search": lambda memory, view: memory.search("night train", timeout=600),
    "recall": lambda memory, view: memory.recall("night train", timeout=600),
    "links": lambda memory, view: memory.links("k/1", timeout=600),
    "query": lambda memory, view: memory.query("SELECT 1", timeout=600),
}


def test_a_cancelled_task_ends_its_call_at_once_wherever_it_waits(broker, run):
    async def cancel_all():
        memory = await aio.connect(broker.url, agent="a", timeout=600)
        await memory.put("k/1", "1")
        view = await memory.follow("k/")
        broker.kill()
        for name, wait in WAITS.items():
            task = asyncio.ensure_future(wait(memory, view))
            await asyncio.sleep(0.05)
            assert not task.done(), (name, task)
            begun = asyncio.get_running_loop().time()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.get_running_loop().time() - begun < 0.5, name
        broker.start()
        await memory.put("k/2", "2")
        assert view["k/2"].text == "2"
        await memory.close()

    run(cancel_all())


@pytest.mark.parametrize("is_async", [False, True])
def test_tasks_merge_decide_and_take_back(broker, run, is_async):
    async def team():
        async with aio.connect(broker.url, agent="planner") as memory:
            async def begin(tx):
                tx.put("plans/paris", "train")
                tx.increment("n", 10)

            async def count(tx):
                tx.increment("n", 5)

            start = await memory.transact(begin)
            await memory.fork("trial")
            await memory.put("plans/paris", "flight", branch="trial")
            await memory.transact(count, branch="trial")
            await memory.transact(count)
            await memory.put("plans/paris", "car")
            with pytest.raises(membus.Unsettled) as caught:
                await memory.merge("trial")
            (conflict,) = caught.value.conflicts
            assert (conflict.base.record.text, conflict.theirs.commit.agent) == ("train", "planner")

            async def ask(conflict):
                await asyncio.sleep(0)
                return "theirs"

            merged = await memory.merge("trial", settle=ask if is_async else lambda conflict: "theirs")
            assert merged.is_committed and (merged.result.written, merged.result.settled) == (2, 1)
            assert (await memory.get("n")).count == 20 and (await memory.get("plans/paris")).text == "flight"
            assert (await memory.merge("trial")).result is None
            assert (await memory.revert(revisions=[merged.revision])).is_committed
            assert (await memory.get("n")).count == 15 and (await memory.get("plans/paris")).text == "car"
            assert (await memory.rollback(start.revision, topics=["plans/"])).is_committed
            assert (await memory.get("n")).count == 15 and (await memory.get("plans/paris")).text == "train"
            with pytest.raises(membus.UnknownBranch):
                await memory.merge("none")

    run(team())


def test_a_cancelled_watch_goes_on_where_it_was(broker, run):
    async def watch():
        async with aio.connect(broker.url, agent="a") as memory:
            watch = memory.watch("k/", after=0)
            for _ in range(5):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(watch), 0.05)
            for n in range(30):
                await memory.put(f"k/{n}", "x")
            assert [(await anext(watch)).key for _ in range(30)] == [f"k/{n}" for n in range(30)]

    run(watch())


def test_an_exception_in_an_async_transaction_passes(broker, run):
    async def fail():
        async with aio.connect(broker.url, agent="a") as memory:
            async def body(tx):
                tx.put("a", "1")
                await asyncio.sleep(0)
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await memory.transact(body, retries=3)
            assert await memory.get("a") is None

    run(fail())


def test_changes_states_and_files_are_for_async_for_too(broker, run, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMBUS_PROGRAM", executable())

    async def team():
        async with aio.connect(broker.url, agent="a") as memory:
            view = await memory.follow("plans/")
            changes = view.changes()
            await memory.put("plans/a", "1")
            change = await anext(changes)
            assert (change.key, change.record.text) == ("plans/a", "1")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(changes), 0.1)
            await memory.put("plans/a", "2")
            assert (await anext(changes)).record.text == "2"
            assert await anext(memory.states()) == "connected"
            assert await memory.export_file(tmp_path / "all.jsonl") == 1
            assert (await memory.import_file(tmp_path / "all.jsonl"))["unchanged"] == 1
            with pytest.raises(membus.CommandFailed):
                await memory.import_file(tmp_path / "none.jsonl")

    run(team())


def test_a_task_that_is_cancelled_when_its_call_is_done_loses_nothing(broker, run):
    async def team():
        async with aio.connect(broker.url, agent="a") as memory:
            view = await memory.follow("plans/")
            changes = view.changes()
            await memory.transact(puts)
            for source, expected in (
                (changes, {"plans/0", "plans/1", "plans/2"}), (memory.range("plans/", page_size=2), None),
                (memory.watch("plans/", after=0), None),
            ):
                for _ in range(20):
                    task = asyncio.ensure_future(anext(source))
                    await asyncio.sleep(0)
                    await asyncio.sleep(0.002)
                    if task.done():
                        # It was quick: the element counts.
                        first = task.result()
                        break
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                else:
                    first = await anext(source)
                rest = [await anext(source), await anext(source)]
                assert {element.key for element in [first, *rest]} == {"plans/0", "plans/1", "plans/2"}

    async def puts(tx):
        for number in range(3):
            tx.put(f"plans/{number}", str(number))

    run(team())


def test_tasks_that_share_a_watch_take_turns(broker, run):
    async def team():
        async with aio.connect(broker.url, agent="a") as memory:
            watch, found = memory.watch("plans/", after=0), []

            async def read():
                with contextlib.suppress(membus.Closed):
                    async for change in watch:
                        found.append(change.record.text)

            readers = [asyncio.ensure_future(read()) for _ in range(3)]
            for number in range(30):
                await memory.put("plans/a", str(number))
            while len(found) < 30:
                await asyncio.sleep(0.01)
            assert sorted(found, key=int) == [str(number) for number in range(30)]
            watch.close()
            await asyncio.wait_for(asyncio.gather(*readers), 10)

    run(team())

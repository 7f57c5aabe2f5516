"""LangChain's byte store and cache of answers in Membus: what its standard tests do not ask (those run in deploy/judges), against a
real broker."""

import asyncio

import membus
import membus.aio
import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from writers import KILLED, LEFT, hammered, nothing_lost_or_doubled

from membus.integrations.langchain import MembusByteStore, MembusCache


def test_keys_are_paths_where_people_find_them(memory):
    store = MembusByteStore(memory)
    keys = ["v1/ada", "v1//x", "v1", "/", "", "a b", "a%2Fb", "v1/.", "v10/b"]
    store.mset([(key, key.encode()) for key in keys])
    assert store.mget([*keys, "none"]) == [*(key.encode() for key in keys), None]
    assert sorted(store.yield_keys()) == sorted(keys)
    assert sorted(store.yield_keys(prefix="v1/")) == ["v1/.", "v1//x", "v1/ada"]
    assert sorted(store.yield_keys(prefix="v1")) == ["v1", "v1/.", "v1//x", "v1/ada", "v10/b"]
    assert memory.get("langchain/store/v1/ada").value == b"v1/ada" and store.path("v1//x") == "langchain/store/v1/-/x"
    store.mset([("same", b"1"), ("same", b"2")])
    assert store.mget(["same", "same"]) == [b"2", b"2"] and store.mget([]) == []
    store.mset([(str(number), b"x") for number in range(2500)])
    store.mdelete([str(number) for number in range(2500)])
    assert sorted(store.yield_keys()) == sorted([*keys, "same"])


def test_an_answer_is_kept_with_its_prompt_and_ends_with_its_time(memory):
    cache = MembusCache(memory)
    answers = [ChatGeneration(message=AIMessage("yes", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}))]
    cache.update("p\ud800", "model", answers)
    assert cache.lookup("p\ud800", "model") == answers and cache.lookup("p", "model") is None
    cache.update("p", "model", [Generation(text="no")])
    (record,) = [record for record in memory.range("langchain/cache/") if record.json()["prompt"] == "p"]
    assert record.key == cache.path("p", "model") and record.json()["model"] == "model"
    short = MembusCache(memory, ttl=0.2)
    short.update("short", "model", answers)
    assert memory.get(short.path("short", "model")).expires is not None
    cache.clear()
    assert list(memory.range("langchain/cache/")) == []


def test_an_answer_that_is_more_than_an_answer_is_not_brought_to_life(memory):
    cache = MembusCache(memory)
    cache.update("p", "model", [Generation(text="x")])
    evil = {"prompt": "p", "model": "model", "answers": [
        {"lc": 1, "type": "constructor", "id": ["langchain_core", "prompts", "prompt", "PromptTemplate"], "kwargs": {"template": "x"}}]}
    memory.put(cache.path("p", "model"), evil)
    with pytest.raises(ValueError, match="not allowed"):
        cache.lookup("p", "model")


BYTES = """
from membus.integrations.langchain import MembusByteStore
store = MembusByteStore(memory)
def add(name):
    store.mset([(f"all/{name}", name.encode()), ("last", name.encode()), (f"{NAME}/last", name.encode())])
"""


def test_two_processes_on_one_byte_store_lose_nothing(broker):
    acknowledged = hammered(broker, BYTES)
    with membus.connect(broker.url, agent="reader") as memory:
        store = MembusByteStore(memory)
        nothing_lost_or_doubled(acknowledged, [key.removeprefix("all/") for key in store.yield_keys(prefix="all/")])
        last = store.mget(["last", f"{KILLED}/last", f"{LEFT}/last"])
        assert last[0] in last[1:] and last[2].decode() == acknowledged[LEFT][-1]


def test_a_byte_store_has_a_history_is_forked_and_undone(memory, broker):
    store = MembusByteStore(memory)
    store.mset([("k", b"1")])
    memory.fork("trial")
    with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
        MembusByteStore(elsewhere).mset([("k", b"2")])
    assert store.mget(["k"]) == [b"1"]
    memory.merge("trial")
    assert store.mget(["k"]) == [b"2"]
    memory.revert(revisions=[memory.status()["head"]["revision"]])
    assert store.mget(["k"]) == [b"1"]
    assert [version.record.value for version in memory.history(store.path("k"))] == [b"1", b"2", b"1"]


def test_byte_store_and_cache_are_the_same_with_asyncio(broker):
    async def run():
        async with membus.aio.connect(broker.url, agent="a") as memory:
            store, cache = MembusByteStore(memory), MembusCache(memory)
            await store.amset([("a", b"1"), ("b", b"2")])
            await store.amdelete(["a"])
            assert await store.amget(["a", "b"]) == [None, b"2"] and [key async for key in store.ayield_keys()] == ["b"]
            await cache.aupdate("p", "m", [Generation(text="x")])
            assert await cache.alookup("p", "m") == [Generation(text="x")]
            await cache.aclear()
            assert await cache.alookup("p", "m") is None
            with pytest.raises(TypeError, match="awaited"):
                store.mget(["a"])

    asyncio.run(run())

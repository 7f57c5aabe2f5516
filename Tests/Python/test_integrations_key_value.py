"""py-key-value's store in Membus: what its own tests do not ask (those run in deploy/judges), against a real broker."""

import asyncio

import membus
import pytest
from key_value.aio.errors import SerializationError
from writers import KILLED, hammered, nothing_lost_or_doubled

from membus.integrations.key_value import MembusKeyValueStore


def test_entries_are_records_and_names_that_are_too_long_are_cut_off(memory):
    async def run():
        store = MembusKeyValueStore(memory)
        long, same_start = "é/" * 400, "é/" * 399 + "é-"
        await store.put("ada", {"theme": "dark"}, collection="users")
        await store.put(long, {"n": 1}, collection=long)
        await store.put(same_start, {"n": 2}, collection=long)
        await store.put("a/b", {"n": 3})
        assert memory.get("key-value/users/ada").json() == {"theme": "dark"}
        assert await store.get(long, collection=long) == {"n": 1} and await store.get(same_start, collection=long) == {"n": 2}
        assert sorted(await store.keys(collection=long)) == sorted([long, same_start])
        assert sorted(await store.collections()) == sorted(["users", long, "default_collection"])
        assert await store.keys() == ["a/b"] and len(store.path(long, long)) < 1024
        with pytest.raises(SerializationError):
            await store.put("x", {"set": {1}})
        assert await store.destroy_collection(long) and await store.keys(collection=long) == []
        assert await store.destroy() and list(memory.range("key-value/")) == []

    asyncio.run(run())


def test_an_entry_ends_with_its_time(memory):
    async def run():
        store = MembusKeyValueStore(memory)
        await store.put("a", {"n": 1}, ttl=1)
        assert (await store.ttl("a"))[1] == pytest.approx(1, abs=0.5)
        await asyncio.sleep(1.5)
        assert await store.get("a") is None and await store.keys() == [] and memory.get(store.path("a")) is None

    asyncio.run(run())


def test_of_two_who_delete_one_entry_one_is_told_that_it_did(memory, broker):
    async def run():
        with membus.connect(broker.url, agent="other") as elsewhere:
            one, other = MembusKeyValueStore(memory), MembusKeyValueStore(elsewhere)
            for number in range(20):
                await one.put_many([f"{number}-{part}" for part in range(5)], [{}] * 5)
                keys = [f"{number}-{part}" for part in range(5)]
                assert sum(await asyncio.gather(one.delete_many(keys), other.delete_many(keys), one.delete_many(keys[:2]))) == 5

    asyncio.run(run())


VALUES = """
from membus.integrations.key_value import MembusKeyValueStore
store = MembusKeyValueStore(memory)
def add(name):
    asyncio.run(store.put_many([name, NAME + " last"], [{"name": name}, {"name": name}], collection="c"))
"""


def test_two_processes_on_one_collection_lose_nothing(broker):
    acknowledged = hammered(broker, VALUES)
    with membus.connect(broker.url, agent="reader") as memory:
        store = MembusKeyValueStore(memory)
        keys = [key for key in asyncio.run(store.keys(collection="c")) if " " not in key]
        nothing_lost_or_doubled(acknowledged, keys)
        # Both of one put_many, or neither.
        last = asyncio.run(store.get(f"{KILLED} last", collection="c"))["name"]
        assert last == max((key for key in keys if key.startswith(KILLED)), key=lambda key: int(key.split("-")[1]))


def test_entries_have_a_history_are_forked_and_undone(memory, broker):
    async def run():
        store = MembusKeyValueStore(memory)
        await store.put("k", {"a": 1, "b": 1})
        memory.fork("trial")
        with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
            await MembusKeyValueStore(elsewhere).put("k", {"a": 2, "b": 1})
        assert await store.get("k") == {"a": 1, "b": 1}
        memory.merge("trial")
        assert await store.get("k") == {"a": 2, "b": 1}
        await store.delete("k")
        memory.revert(revisions=[memory.status()["head"]["revision"]])
        assert await store.get("k") == {"a": 2, "b": 1}

    asyncio.run(run())

"""LangChain's byte store and cache, py-key-value's store and Pydantic AI's conversations in Membus: what their own tests do not ask
(those run in deploy/judges), against a real broker."""

import asyncio

import membus
import membus.aio
import pytest
from key_value.aio.errors import SerializationError
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic_ai import BinaryContent, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelMessagesTypeAdapter
from writers import KILLED, LEFT, hammered, in_order, nothing_lost_or_doubled

from membus.integrations.key_value import MembusKeyValueStore
from membus.integrations.langchain import MembusByteStore, MembusCache
from membus.integrations.pydantic_ai import MembusConversationStore

# ---- LangChain


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


# ---- py-key-value


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


# ---- Pydantic AI


def said(*texts):
    return [
        ModelRequest(parts=[UserPromptPart(text)]) if number % 2 == 0 else ModelResponse(parts=[TextPart(text)])
        for number, text in enumerate(texts)]


def texts(conversation):
    return [message.parts[0].content for message in conversation.messages]


def new(id, *words):
    return Conversation(messages=said(*words), conversation_id=id)


@pytest.fixture
def conversations(memory):
    return MembusConversationStore(memory)


def test_messages_are_records_and_come_back_as_they_were(conversations, memory):
    async def run():
        messages = [
            ModelRequest(parts=[UserPromptPart(["look", BinaryContent(b"\x89PNG\x00", media_type="image/png")])]),
            ModelResponse(parts=[ToolCallPart("book", {"train": 1}, tool_call_id="c1"), TextPart("é")], model_name="m")]
        saved = await conversations.save(Conversation(messages=messages, conversation_id="trip/42"), scope="ada")
        loaded = await conversations.load("trip/42", scope="ada")
        written = ModelMessagesTypeAdapter.dump_json(messages)
        assert ModelMessagesTypeAdapter.dump_json(loaded.messages) == written and loaded.messages[1] == messages[1]
        assert loaded.messages[0].parts[0].content[1].data == b"\x89PNG\x00"
        assert await conversations.load("trip/42", scope="bob") is None
        assert conversations.path("trip/42") == "pydantic-ai/conversations/trip%2F42"
        assert [record.key for record in memory.range("pydantic-ai/entries/")] == [f"pydantic-ai/entries/{entry.id}" for entry in saved]
        assert await conversations.read_entry(saved[1].id) == saved[1]
        assert memory.status()["head"]["revision"] == 1

    asyncio.run(run())


def test_a_long_history_is_read_whole_or_its_end(conversations):
    async def run():
        conversation = new("c", *map(str, range(100)))
        await conversations.save(conversation)
        conversation.messages += said(*map(str, range(100, 137)))
        await conversations.save(conversation)
        assert texts(await conversations.load("c")) == list(map(str, range(137)))
        assert texts(await conversations.load("c", limit=21)) == list(map(str, range(116, 137)))
        assert texts(await conversations.load("c", limit=0)) == [] and await conversations.load("none") is None

    asyncio.run(run())


def test_who_saves_behind_anothers_back_is_told_and_nothing_is_written(conversations, memory, broker):
    async def run():
        with membus.connect(broker.url, agent="other") as elsewhere:
            await conversations.save(new("c", "a"))
            one, other = await conversations.load("c"), await MembusConversationStore(elsewhere).load("c")
            one.messages += said("mine")
            other.messages += said("theirs")
            await MembusConversationStore(elsewhere).save(other)
            head = memory.status()["head"]["revision"]
            with pytest.raises(ConversationConflict):
                await conversations.save(one)
            with pytest.raises(ConversationConflict):
                await conversations.save(new("c", "anew"))
            assert memory.status()["head"]["revision"] == head
            assert texts(await conversations.load("c")) == ["a", "theirs"]
            again = await conversations.load("c")
            await conversations.delete("c")
            with pytest.raises(ConversationConflict):
                await conversations.save(again)

    asyncio.run(run())


def test_a_conflict_between_the_look_and_the_commit_is_told_too(conversations, memory):
    asyncio.run(conversations.save(new("c", "a")))
    record = asyncio.run(conversations.read_record("c"))
    steps = conversations._write(record, [], record.revision)
    write = steps.send(memory.get_all(*next(steps).keys))
    asyncio.run(conversations.save(asyncio.run(conversations.load("c"))))
    with pytest.raises(membus.Conflict) as conflict:
        memory.transact(write.body)
    with pytest.raises(ConversationConflict):
        steps.throw(conflict.value)


def test_branches_forks_and_lists(conversations):
    async def run():
        conversation = new("c", "a", "b", "c", "d")
        await conversations.save(conversation, scope="ada")
        branched = await conversations.branch("c", at=2, expected_revision=conversation.revision)
        branched.messages += said("x")
        await conversations.save(branched)
        assert texts(await conversations.load("c")) == ["a", "b", "x"]
        left = (await conversations.read_record("c")).branches[0]
        back = await conversations.branch("c", from_entry=left, expected_revision=branched.revision)
        assert texts(back) == ["a", "b", "c", "d"]
        await conversations.fork("c", at=3, new_conversation_id="f")
        assert texts(await conversations.load("f")) == ["a", "b", "c"]
        await conversations.save(new("other", "z"))
        assert [record.conversation_id for record in await conversations.list_conversations()] == ["other", "f", "c"]
        assert [record.conversation_id for record in await conversations.list_conversations(scope="ada", limit=1)] == ["f"]
        with pytest.raises(UserError):
            await conversations.fork("none")

    asyncio.run(run())


def test_deleting_leaves_what_another_history_reaches(conversations, memory):
    async def run():
        await conversations.save(new("c", *map(str, range(30))))
        await conversations.fork("c", at=20, new_conversation_id="f")
        forked = await conversations.load("f")
        forked.messages += said("own")
        await conversations.save(forked)
        await conversations.save(new("other", "z"))
        assert len(list(memory.range("pydantic-ai/entries/"))) == 32
        await conversations.delete("c")
        assert texts(await conversations.load("f")) == [*map(str, range(20)), "own"]
        assert len(list(memory.range("pydantic-ai/entries/"))) == 22
        await conversations.delete("f")
        assert [record.key for record in memory.range("pydantic-ai/conversations/")] == ["pydantic-ai/conversations/other"]
        assert len(list(memory.range("pydantic-ai/entries/"))) == 1
        await conversations.delete("none")

    asyncio.run(run())


def test_a_fork_made_while_its_origin_is_deleted_is_whole_or_told(conversations, memory):
    from membus.integrations._layout import Write

    def answer(step):
        return memory.get_all(*step.keys, at=step.at) if hasattr(step, "keys") else list(memory.range(*step.topics, at=step.at))

    asyncio.run(conversations.save(new("c", "a", "b")))
    revision = asyncio.run(conversations.read_record("c")).revision
    steps = conversations._delete("c", revision)
    step = next(steps)
    while not isinstance(step, Write):
        step = steps.send(answer(step))
    asyncio.run(conversations.fork("c", new_conversation_id="f"))
    with pytest.raises(membus.Conflict) as conflict:
        memory.transact(step.body)
    step = steps.throw(conflict.value)
    while not isinstance(step, Write):
        step = steps.send(answer(step))
    memory.transact(step.body)
    assert texts(asyncio.run(conversations.load("f"))) == ["a", "b"] and asyncio.run(conversations.load("c")) is None


SAVING = """
from pydantic_ai import ModelRequest, UserPromptPart
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from membus.integrations.pydantic_ai import MembusConversationStore
store = MembusConversationStore(memory)
async def save(name):
    while True:
        conversation = await store.load("c") or Conversation(conversation_id="c")
        conversation.messages.append(ModelRequest(parts=[UserPromptPart(name)]))
        try:
            return await store.save(conversation)
        except ConversationConflict:
            continue
def add(name):
    asyncio.run(save(name))
"""


def test_two_processes_on_one_conversation_lose_nothing(broker):
    acknowledged = hammered(broker, SAVING, 30)
    with membus.connect(broker.url, agent="reader") as memory:
        found = texts(asyncio.run(MembusConversationStore(memory).load("c")))
        nothing_lost_or_doubled(acknowledged, found)
        in_order(found)
        assert len(list(memory.range("pydantic-ai/entries/"))) == len(found)


def test_a_conversation_has_a_history_is_forked_and_undone(conversations, memory, broker):
    async def run():
        conversation = new("c", "a")
        await conversations.save(conversation)
        memory.fork("trial")
        with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
            trial = MembusConversationStore(elsewhere)
            tried = await trial.load("c")
            tried.messages += said("tried")
            await trial.save(tried)
            assert texts(await trial.load("c")) == ["a", "tried"]
        conversation.messages += said("b")
        await conversations.save(conversation)
        assert texts(await conversations.load("c")) == ["a", "b"]
        memory.revert(revisions=[memory.status()["head"]["revision"]])
        assert texts(await conversations.load("c")) == ["a"]
        memory.merge("trial")
        assert texts(await conversations.load("c")) == ["a", "tried"]

    asyncio.run(run())

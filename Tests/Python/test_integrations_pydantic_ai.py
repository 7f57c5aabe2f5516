"""Pydantic AI's conversations in Membus, against a real broker."""

import asyncio

import membus
import pytest
from pydantic_ai import BinaryContent, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelMessagesTypeAdapter
from writers import hammered, in_order, nothing_lost_or_doubled

from membus.integrations.pydantic_ai import MembusConversationStore


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

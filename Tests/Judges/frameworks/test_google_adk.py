"""Sessions and memory of Google's Agent Development Kit in Membus, against a real broker; and beside its own service on SQLite."""

import asyncio

import membus
import membus.aio
import pytest
from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.memory.in_memory_memory_service import InMemoryMemoryService
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types
from membus.integrations._layout import Write
from membus.integrations.google_adk import MembusMemoryService, MembusSessionService
from writers import hammered, in_order, nothing_lost_or_doubled

PLACE = {"app_name": "trips", "user_id": "ada/1"}


@pytest.fixture
def service(memory):
    return MembusSessionService(memory)


def event(text, timestamp=None, **state):
    about = {} if timestamp is None else {"timestamp": timestamp}
    return Event(
        author="user", invocation_id="i", content=types.Content(role="user", parts=[types.Part(text=text)]),
        actions=EventActions(state_delta=state), **about)


def texts(session):
    return [event.content.parts[0].text for event in session.events]


def scenario(service):
    """What a service does with sessions and states. -> all that it told"""
    async def run():
        told = []
        session = await service.create_session(
            **PLACE, session_id=" s1 ", state={"own": 1, "user:name": "Ada", "app:mode": "dark", "temp:x": 1})
        told.append((session.id, dict(session.state), len(session.events)))
        for number in range(6):
            delta = {"own": number, f"n{number}": [number], "user:count": number, "app:last": {"n": number}, "temp:t": number}
            await service.append_event(session, event(str(number), 1e9 + number, **delta))
        told.append((dict(session.state), texts(session), session.last_update_time))
        partial = event("partial", 1e9 + 9)
        partial.partial = True
        await service.append_event(session, partial)
        for config in (
            None, GetSessionConfig(num_recent_events=2), GetSessionConfig(num_recent_events=0), GetSessionConfig(num_recent_events=99),
            GetSessionConfig(after_timestamp=1e9 + 4), GetSessionConfig(num_recent_events=3, after_timestamp=1e9 + 5),
            GetSessionConfig(after_timestamp=2e9)):
            found = await service.get_session(**PLACE, session_id="s1", config=config)
            told.append((found.state, texts(found), found.last_update_time))
        other = await service.create_session(app_name="trips", user_id="bob", session_id="s1")
        told.append(other.state)
        told.append(await service.get_session(**PLACE, session_id="none"))
        for user in ("ada/1", "bob", "nobody", None):
            listed = await service.list_sessions(app_name="trips", user_id=user)
            told.append([(found.user_id, found.id, found.state, found.events) for found in listed.sessions])
        told.append(await service.get_user_state(**PLACE))
        told.append(await service.get_user_state(app_name="trips", user_id="nobody"))
        with pytest.raises(AlreadyExistsError):
            await service.create_session(**PLACE, session_id="s1")
        await service.delete_session(**PLACE, session_id="s1")
        await service.delete_session(**PLACE, session_id="s1")
        told.append(await service.get_session(**PLACE, session_id="s1"))
        with pytest.raises(SessionNotFoundError):
            await service.append_event(session, event("late"))
        made = await service.create_session(**PLACE)
        told.append((len(made.id) > 20, made.state))
        return told

    return asyncio.run(run())


def test_it_does_what_adks_own_service_on_sqlite_does(service, tmp_path):
    assert scenario(service) == scenario(SqliteSessionService(str(tmp_path / "sessions.db")))


def test_sessions_are_records_where_people_find_them(service, memory):
    async def run():
        session = await service.create_session(**PLACE, session_id="s1", state={"user:a": 1, "app:b": 2})
        await service.append_event(session, event("hello", when=object()))

    asyncio.run(run())
    assert [record.key for record in memory.range("adk/")] == [
        "adk/apps/trips/events/ada%2F1/s1/00000000", "adk/apps/trips/sessions/ada%2F1/s1", "adk/apps/trips/state",
        "adk/apps/trips/users/ada%2F1"]
    assert memory.get(service.path("trips", "ada/1", "s1")).json()["events"] == 1
    state = asyncio.run(service.get_session(**PLACE, session_id="s1")).state
    assert state["when"].startswith("<object")


def test_who_appends_behind_anothers_back_is_told_and_nothing_is_written(service, memory, broker):
    async def run():
        with membus.connect(broker.url, agent="other") as elsewhere:
            await service.create_session(**PLACE, session_id="s1")
            one = await service.get_session(**PLACE, session_id="s1")
            other = await MembusSessionService(elsewhere).get_session(**PLACE, session_id="s1")
            await MembusSessionService(elsewhere).append_event(other, event("theirs", own="theirs"))
            head = memory.status()["head"]["revision"]
            with pytest.raises(StaleSessionError):
                await service.append_event(one, event("mine", own="mine"))
            assert memory.status()["head"]["revision"] == head and one.events == []
            again = await service.get_session(**PLACE, session_id="s1")
            await service.append_event(again, event("mine"))
            await service.append_event(again, event("and mine"))
            assert texts(await service.get_session(**PLACE, session_id="s1")) == ["theirs", "mine", "and mine"]

    asyncio.run(run())


def test_who_is_overtaken_between_the_look_and_the_commit_is_told_too(service, memory):
    session = asyncio.run(service.create_session(**PLACE, session_id="s1"))
    late = asyncio.run(service.get_session(**PLACE, session_id="s1"))
    steps = service._append(late, event("late"))
    write = steps.send(memory.get_all(*next(steps).keys))
    asyncio.run(service.append_event(session, event("first")))
    with pytest.raises(membus.Conflict) as conflict:
        memory.transact(write.body)
    step = steps.throw(conflict.value)
    with pytest.raises(StaleSessionError):
        steps.send(memory.get_all(*step.keys))


def test_states_that_sessions_share_add_up(service, memory):
    """One session's event, between whose look and commit another session has changed what they share."""
    one = asyncio.run(service.create_session(**PLACE, session_id="one"))
    other = asyncio.run(service.create_session(**PLACE, session_id="other"))
    steps = service._append(one, event("x", **{"user:one": 1, "app:both": "one"}))
    write = steps.send(memory.get_all(*next(steps).keys))
    asyncio.run(service.append_event(other, event("y", **{"user:other": 2, "app:both": "other"})))
    with pytest.raises(membus.Conflict) as conflict:
        memory.transact(write.body)
    step = steps.throw(conflict.value)
    write = steps.send(memory.get_all(*step.keys))
    assert isinstance(write, Write)
    memory.transact(write.body)
    assert asyncio.run(service.get_user_state(**PLACE)) == {"one": 1, "other": 2}
    assert asyncio.run(service.get_session(**PLACE, session_id="one")).state["app:both"] == "one"


APPENDING = """
from google.adk.errors import StaleSessionError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.genai import types
from membus.integrations.google_adk import MembusSessionService
from google.adk.errors.already_exists_error import AlreadyExistsError
service = MembusSessionService(memory)
async def append(name):
    place = dict(app_name="a", user_id="u")
    try:
        await service.create_session(**place, session_id="s")
    except AlreadyExistsError:
        pass
    while True:
        session = await service.get_session(**place, session_id="s")
        try:
            content = types.Content(role="user", parts=[types.Part(text=name)])
            return await service.append_event(
                session, Event(author=NAME, content=content, actions=EventActions(state_delta={name: 1, "user:" + name: 1})))
        except StaleSessionError:
            continue
def add(name):
    asyncio.run(append(name))
"""


def test_two_processes_on_one_session_lose_nothing(broker):
    acknowledged = hammered(broker, APPENDING, 30)
    with membus.connect(broker.url, agent="reader") as memory:
        service = MembusSessionService(memory)
        session = asyncio.run(service.get_session(app_name="a", user_id="u", session_id="s"))
        nothing_lost_or_doubled(acknowledged, texts(session))
        in_order(texts(session))
        assert set(session.state) == {prefix + name for name in texts(session) for prefix in ("", "user:")}


def test_a_session_has_a_history_is_forked_and_undone(service, memory, broker):
    async def run():
        session = await service.create_session(**PLACE, session_id="s1")
        await service.append_event(session, event("a", n=1))
        memory.fork("trial")
        with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
            trial = MembusSessionService(elsewhere)
            await trial.append_event(await trial.get_session(**PLACE, session_id="s1"), event("tried"))
            assert texts(await trial.get_session(**PLACE, session_id="s1")) == ["a", "tried"]
        await service.append_event(session, event("wrong", n=2))
        memory.revert(revisions=[memory.status()["head"]["revision"]])
        session = await service.get_session(**PLACE, session_id="s1")
        assert (texts(session), session.state) == (["a"], {"n": 1})
        await service.append_event(session, event("b"))
        assert texts(await service.get_session(**PLACE, session_id="s1")) == ["a", "b"]

    asyncio.run(run())


def test_memories_are_found_as_adks_own_service_finds_them(memory):
    async def run(service):
        sessions = MembusSessionService(memory, prefix=f"{type(service).__name__}/")
        session = await sessions.create_session(**PLACE, session_id="s1")
        for text in ("night train to Paris", "a hotel by the river", "私はPythonを使う", "Train, train and again TRAIN", "…"):
            await sessions.append_event(session, event(text, 1e9))
        await service.add_session_to_memory(session)
        await service.add_session_to_memory(session)
        await service.add_events_to_memory(
            **PLACE, events=[event("the paris train", 1e9), Event(author="user"), session.events[0]], session_id="s2")
        told = []
        for query in ("paris train", "Train", "python", "使う", "river hotel by", "nothing here?", ""):
            found = (await service.search_memory(**PLACE, query=query)).memories
            told.append((query, sorted((entry.content.parts[0].text, entry.author, entry.timestamp) for entry in found)))
        told.append((await service.search_memory(app_name="trips", user_id="bob", query="train")).memories)
        await service.delete_memory(**PLACE, memory_id=session.events[0].id)
        await service.delete_memory(**PLACE, memory_id="none")
        await service.add_session_to_memory(session)
        found = (await service.search_memory(**PLACE, query="night")).memories
        return told, found

    ours, theirs = asyncio.run(run(MembusMemoryService(memory))), asyncio.run(run(InMemoryMemoryService()))
    # ADK's own keeps what is in two sessions twice; here an event is remembered once.
    assert [(query, sorted(set(found))) for query, found in ours[0][:-1]] == [(q, sorted(set(f))) for q, f in theirs[0][:-1]]
    assert all(len(set(found)) == len(found) for _, found in ours[0][:-1])
    assert ours[0][-1] == theirs[0][-1] == [] and ours[1] == [] and theirs[1] == []


REMEMBERING = """
from google.adk.events.event import Event
from google.genai import types
from membus.integrations.google_adk import MembusMemoryService
service = MembusMemoryService(memory)
def add(name):
    # Each remembers what both have: the same event, by its id, and one of its own.
    number = name.split("-")[1]
    events = [Event(id=id, author=NAME, content=types.Content(parts=[types.Part(text=id)])) for id in (f"both-{number}", name)]
    asyncio.run(service.add_events_to_memory(app_name="a", user_id="u", events=events))
"""


def test_two_processes_remember_each_event_once(broker):
    acknowledged = hammered(broker, REMEMBERING, 30)
    with membus.connect(broker.url, agent="reader") as memory:
        records = list(memory.range("adk/apps/a/memories/u/"))
        found = [record.key.rsplit("/", 1)[1] for record in records]
        nothing_lost_or_doubled(acknowledged, [name for name in found if not name.startswith("both")])
        assert {name for name in found if name.startswith("both")} == {f"both-{number}" for number in range(30)}
        # Whoever came first wrote it; nobody wrote it again.
        assert all(len(list(memory.history(record.key))) == 1 for record in records)
        first = min(record.revision for record in records)
        memory.rollback(first, topics=["adk/apps/a/memories/"])
        assert [record.revision for record in memory.range("adk/apps/a/memories/")][:1] == [first]


def test_a_memory_that_is_put_directly_is_found(memory):
    async def run():
        service = MembusMemoryService(memory)
        entry = MemoryEntry(content=types.Content(parts=[types.Part(text="likes trains")]), custom_metadata={"a": 1})
        await service.add_memory(**PLACE, memories=[entry], custom_metadata={"b": 2})
        (found,) = (await service.search_memory(**PLACE, query="trains")).memories
        assert found.custom_metadata == {"a": 1, "b": 2} and found.id
        assert memory.get(f"adk/apps/trips/memories/ada%2F1/{found.id}") is not None
        for number in range(20):
            await service.add_memory(**PLACE, memories=[MemoryEntry(content=types.Content(parts=[types.Part(text=f"trains {number}")]))])
        assert len((await service.search_memory(**PLACE, query="trains")).memories) == 10

    asyncio.run(run())


def test_services_are_the_same_with_asyncio(broker):
    async def run():
        async with membus.aio.connect(broker.url, agent="a") as memory:
            service = MembusSessionService(memory)
            session = await service.create_session(**PLACE)
            await service.append_event(session, event("a"))
            found = await service.get_session(**PLACE, session_id=session.id)
            assert texts(found) == ["a"]
            await MembusMemoryService(memory).add_session_to_memory(found)
            assert len((await MembusMemoryService(memory).search_memory(**PLACE, query="a")).memories) == 1

    asyncio.run(run())

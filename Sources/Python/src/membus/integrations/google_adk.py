"""Sessions and memory of Google's Agent Development Kit in Membus.

    import membus
    from membus.integrations.google_adk import MembusMemoryService, MembusSessionService

    memory = membus.connect(agent="concierge")
    runner = Runner(
        app_name="trips", agent=agent,
        session_service=MembusSessionService(memory),             # was: DatabaseSessionService("sqlite:///trips.db")
        memory_service=MembusMemoryService(memory))               # was: InMemoryMemoryService()

| Key, below `adk/apps/APP/` | What it is |
|---|---|
| `state`, `users/USER` | the state of the app (`app:…`) and of a user (`user:…`), as JSON |
| `sessions/USER/SESSION` | a session's own state, when it was updated, and how many events it had, as JSON |
| `events/USER/SESSION/00000000` and on | an event, as JSON |
| `memories/USER/ID`, `forgotten/USER/ID` | what is remembered, and what is not to be remembered again |

An event and the state that it changes are one commit. Who appends to a session that another has changed since it was
read is told by ADK's `StaleSessionError`, and nothing is written: get the session again. The states of app and user are
shared by sessions: an event's changes to them are made to what is there at its commit, so that those of sessions at
work side by side add up.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.sessions.base_session_service import BaseSessionService, GetSessionConfig, ListSessionsResponse
from google.adk.sessions.session import Session
from google.adk.sessions.state import State
from pydantic_core import to_jsonable_python

from .. import Conflict, Memory, Record, Snapshot, aio
from ._layout import Changes, Get, Range, Steps, Write, as_json, carry, gone, name_of, path, pieces, segment, tail

__all__ = ["MembusMemoryService", "MembusSessionService"]

PREFIX = "adk/apps/"

#: Memories that a search finds at most, as ADK's own do.
_FOUND = 10

Delta = dict[str, Any]


class MembusSessionService(BaseSessionService):
    """A service of sessions.

    Args:
        memory: what they are kept in, of `membus.connect` or `membus.aio.connect`. It stays the caller's to close.
        prefix: the topic of the apps.

    Raises, beside ADK's AlreadyExistsError, SessionNotFoundError and StaleSessionError:
        membus.MembusError: what did not go through: Timeout, Refused (LimitExceeded: an event or a state above 4 MiB,
            by default).
    """

    def __init__(self, memory: Memory | aio.Memory, *, prefix: str = PREFIX) -> None:
        self._memory = memory
        self._prefix = prefix

    async def create_session(
        self, *, app_name: str, user_id: str, state: Delta | None = None, session_id: str | None = None
    ) -> Session:
        id = (session_id or "").strip() or str(uuid.uuid4())
        return await carry(self._memory, self._create(app_name, user_id, id, state or {}))

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: GetSessionConfig | None = None
    ) -> Session | None:
        return await carry(self._memory, self._get(app_name, user_id, session_id.strip(), config or GetSessionConfig()))

    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        return await carry(self._memory, self._list(app_name, user_id))

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        await carry(self._memory, self._delete(app_name, user_id, session_id.strip()))

    async def get_user_state(self, *, app_name: str, user_id: str) -> Delta:
        place = self._states(app_name, user_id)[1]
        return await carry(self._memory, _document(place))

    async def append_event(self, session: Session, event: Event) -> Event:
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        session._storage_update_marker = await carry(self._memory, self._append(session, event))
        session.last_update_time = event.timestamp
        return self._commit_event_to_session(session, event)

    def path(self, app_name: str, user_id: str, session_id: str) -> str:
        """The key of a session's record: for `memory.history(…)`, `memory.revert(…)` and the command line."""
        return f"{self._app(app_name)}sessions/{path(user_id, session_id)}"

    # ---- Names

    def _app(self, app: str) -> str:
        return f"{self._prefix}{segment(app)}/"

    def _states(self, app: str, user: str) -> tuple[str, str]:
        return self._app(app) + "state", f"{self._app(app)}users/{segment(user)}"

    def _events(self, app: str, user: str, session: str) -> str:
        return f"{self._app(app)}events/{path(user, session)}/"

    # ---- Steps

    def _create(self, app: str, user: str, id: str, state: Delta) -> Steps[Session]:
        head, shared = self.path(app, user, id), self._states(app, user)
        deltas = _parted(state)
        while True:
            found: Snapshot = yield Get([head, *shared])
            if head in found:
                raise AlreadyExistsError(f"Session with id {id} already exists.")
            now = datetime.now(timezone.utc).timestamp()
            about = {"state": deltas[2], "updated": now, "events": 0}

            def body(tx: Changes, found: Snapshot = found, about: Delta = about) -> None:
                tx.require_absent(head)
                tx.put(head, as_json(about), kind="json")
                _add_up(tx, found, shared, deltas)

            try:
                receipt = yield Write(body, f"begin {id}"[:200])
            except Conflict:
                continue  # Somebody has begun it, or changed what is shared.
            states = [{**_json(found.get(place)), **delta} for place, delta in zip(shared, deltas, strict=False)]
            return _session(app, user, id, about, states, [], receipt.revision)

    def _append(self, session: Session, event: Event) -> Steps[str]:
        """-> what tells this version of the session from others"""
        app, user, id = session.app_name, session.user_id, session.id
        head, shared, events = self.path(app, user, id), self._states(app, user), self._events(app, user, id)
        deltas = _parted(event.actions.state_delta if event.actions else {})
        written = event.model_dump_json(exclude_none=True)
        while True:
            found: Snapshot = yield Get([head, *shared])
            if head not in found:
                raise SessionNotFoundError(f"Session {id} not found.")
            about, at = found[head].json(), found[head].revision
            marker = session._storage_update_marker
            if marker != str(at) if marker is not None else about["updated"] > session.last_update_time:
                raise StaleSessionError(
                    f"Session {id} was changed since it was read: get it again, and append to that.")

            def body(tx: Changes, found: Snapshot = found, about: Delta = about, at: int = at) -> None:
                tx.require(head, at=at)
                changed = {
                    "state": {**about["state"], **deltas[2]}, "updated": event.timestamp, "events": about["events"] + 1}
                tx.put(head, as_json(changed), kind="json")
                tx.put(f"{events}{about['events']:08}", written.encode(errors="replace"), kind="json")
                _add_up(tx, found, shared, deltas)

            try:
                receipt = yield Write(body, f"append to {id}"[:200])
                return str(receipt.revision)
            except Conflict:
                continue  # If it is the session that was changed, the next look says so; else what is shared adds up.

    def _get(self, app: str, user: str, id: str, config: GetSessionConfig) -> Steps[Session | None]:
        head, shared, topic = self.path(app, user, id), self._states(app, user), self._events(app, user, id)
        found: Snapshot = yield Get([head, *shared])
        if head not in found:
            return None
        about, recent = found[head].json(), config.num_recent_events
        if recent is None:
            records = yield Range((topic,), False, found.revision)
        else:
            records = yield from tail(lambda number: f"{topic}{number:08}", about["events"], recent, found.revision)
        events = [Event.model_validate_json(record.value or b"") for record in records]
        if config.after_timestamp is not None:
            # Up to the last one that is older.
            older = [number for number, event in enumerate(events) if event.timestamp < config.after_timestamp]
            events = events[older[-1] + 1 :] if older else events
        states = [_json(found.get(place)) for place in shared]
        return _session(app, user, id, about, states, events, found[head].revision)

    def _list(self, app: str, user: str | None) -> Steps[ListSessionsResponse]:
        topic = f"{self._app(app)}sessions/" + (f"{segment(user)}/" if user is not None else "")
        states = self._app(app) + "state", f"{self._app(app)}users/" + (segment(user) if user is not None else "")
        records: Sequence[Record] = yield Range((topic, *states))
        found = {record.key: record for record in records}
        sessions = []
        for record in records:
            if record.key.startswith(topic):
                owner, id = (name_of(part) for part in record.key.removeprefix(f"{self._app(app)}sessions/").split("/"))
                shared = [_json(found.get(place)) for place in self._states(app, owner)]
                sessions.append(_session(app, owner, id, record.json(), shared, [], record.revision))
        sessions.sort(key=lambda one: (one.last_update_time, one.user_id, one.id))
        return ListSessionsResponse(sessions=sessions)

    def _delete(self, app: str, user: str, id: str) -> Steps[None]:
        head, topic = self.path(app, user, id), self._events(app, user, id)
        keys = [record.key for record in (yield Range((head, topic), True))]
        # The session first, so that nobody finds one without its events.
        yield from gone(sorted(keys, key=lambda key: key != head), f"delete {id}")


class MembusMemoryService(BaseMemoryService):
    """A service of memories, which are found by their words: what shares the most of them with the query first, ten at
    most.

    An event is remembered once, however often a session is added; what was deleted is not remembered again.

    Args:
        memory: as above.
        prefix: the topic of the apps.
    """

    def __init__(self, memory: Memory | aio.Memory, *, prefix: str = PREFIX) -> None:
        self._memory = memory
        self._prefix = prefix

    async def add_session_to_memory(self, session: Session) -> None:
        await self.add_events_to_memory(
            app_name=session.app_name, user_id=session.user_id, events=session.events, session_id=session.id)

    async def add_events_to_memory(
        self, *, app_name: str, user_id: str, events: Sequence[Event], session_id: str | None = None,
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        entries = [
            MemoryEntry(
                id=event.id, content=event.content, author=event.author, custom_metadata=dict(custom_metadata or {}),
                timestamp=datetime.fromtimestamp(event.timestamp).isoformat())
            for event in events if event.content and event.content.parts]
        await carry(self._memory, self._add(app_name, user_id, entries, session_id))

    async def add_memory(
        self, *, app_name: str, user_id: str, memories: Sequence[MemoryEntry],
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        entries = [
            entry.model_copy(update={
                "id": entry.id or str(uuid.uuid4()),
                "custom_metadata": {**entry.custom_metadata, **(custom_metadata or {})}})
            for entry in memories]
        await carry(self._memory, self._add(app_name, user_id, entries, None))

    async def search_memory(self, *, app_name: str, user_id: str, query: str) -> SearchMemoryResponse:
        return await carry(self._memory, self._search(app_name, user_id, query))

    async def delete_memory(self, *, app_name: str, user_id: str, memory_id: str | None = None) -> None:
        if memory_id:
            await carry(self._memory, self._forget(app_name, user_id, memory_id))

    # ---- Steps

    def _topic(self, app: str, what: str, user: str) -> str:
        return f"{self._prefix}{segment(app)}/{what}/{segment(user)}/"

    def _add(self, app: str, user: str, entries: Sequence[MemoryEntry], session: str | None) -> Steps[None]:
        memories, forgotten = self._topic(app, "memories", user), self._topic(app, "forgotten", user)
        puts = {segment(entry.id or ""): entry.model_dump_json(exclude_none=True) for entry in entries}
        about = {"session": session} if session else {}
        for piece in pieces(puts.items(), lambda put: len(put[1])):
            left = dict(piece)
            while left:
                # One that is there already, or is to be forgotten, by another process too, is left out.
                found: Snapshot = yield Get([topic + id for id in left for topic in (memories, forgotten)])
                left = {
                    id: entry for id, entry in left.items()
                    if memories + id not in found and forgotten + id not in found}

                def body(tx: Changes, left: Mapping[str, str] = left) -> None:
                    for id, entry in left.items():
                        tx.require_absent(memories + id)
                        tx.require_absent(forgotten + id)
                        tx.put(memories + id, entry.encode(errors="replace"), kind="json", attributes=about)

                if not left:
                    break
                try:
                    yield Write(body, f"remember {len(left)}")
                    break
                except Conflict:
                    continue

    def _search(self, app: str, user: str, query: str) -> Steps[SearchMemoryResponse]:
        wanted = _words(query)
        scored: list[tuple[int, int, int, MemoryEntry]] = []
        for record in (yield Range((self._topic(app, "memories", user),))):
            entry = MemoryEntry.model_validate_json(record.value or b"")
            text = " ".join(part.text for part in entry.content.parts or () if part.text)
            words, plain = _words(text), unicodedata.normalize("NFC", text).lower()
            # Where words are written without spaces, a part of the text counts, too.
            score = sum(word in words or (not word.isascii() and word in plain) for word in wanted)
            if score:
                scored.append((-score, record.revision, record.ordinal, entry))
        scored.sort(key=lambda found: found[:3])
        return SearchMemoryResponse(memories=[entry for *_, entry in scored[:_FOUND]])

    def _forget(self, app: str, user: str, id: str) -> Steps[None]:
        place, mark = (self._topic(app, what, user) + segment(id) for what in ("memories", "forgotten"))
        if place in (yield Get((place,))):
            yield Write(lambda tx: (tx.delete(place), tx.put(mark, "")), f"forget {id}"[:200])


# ---- States


def _parted(state: Mapping[str, Any]) -> tuple[Delta, Delta, Delta]:
    """-> what of it is the app's, the user's and the session's"""
    app: Delta = {}
    user: Delta = {}
    own: Delta = {}
    for name, value in state.items():
        if name.startswith(State.APP_PREFIX):
            app[name.removeprefix(State.APP_PREFIX)] = value
        elif name.startswith(State.USER_PREFIX):
            user[name.removeprefix(State.USER_PREFIX)] = value
        elif not name.startswith(State.TEMP_PREFIX):
            own[name] = value
    # What JSON can't say is kept as the text that stands for it.
    def said(part: Delta) -> Delta:
        found: Delta = to_jsonable_python(part, fallback=str)
        return found

    return said(app), said(user), said(own)


def _add_up(tx: Changes, found: Snapshot, places: Sequence[str], deltas: Sequence[Delta]) -> None:
    for place, delta in zip(places, deltas, strict=False):
        if delta:
            before = found.get(place)
            tx.require(place, at=0 if before is None else before.revision)
            tx.put(place, as_json({**_json(before), **delta}), kind="json")


def _document(place: str) -> Steps[Delta]:
    return _json((yield Get((place,))).get(place))


def _json(record: Record | None) -> Delta:
    document: Delta = {} if record is None else record.json()
    return document


def _session(
    app: str, user: str, id: str, about: Delta, shared: Sequence[Delta], events: list[Event], revision: int
) -> Session:
    state = dict(about["state"])
    for prefix, part in zip((State.APP_PREFIX, State.USER_PREFIX), shared, strict=True):
        state |= {prefix + name: value for name, value in part.items()}
    session = Session(app_name=app, user_id=user, id=id, state=state, events=events, last_update_time=about["updated"])
    session._storage_update_marker = str(revision)
    return session


def _words(text: str) -> set[str]:
    """In lower case; of those that mix scripts, each one's part, too."""
    words = {word.lower() for word in re.findall(r"\w+", unicodedata.normalize("NFC", text))}
    mixed = " ".join(word for word in words if not word.isascii())
    return words | set(re.findall(r"[a-z0-9_]+|[^a-z0-9_ ]+", mixed))

"""Transcripts of the Claude Agent SDK in Membus: sessions that go on in another process, or on another machine.

    import membus
    from membus.integrations.claude_sessions import MembusSessionStore

    store = MembusSessionStore(membus.connect(agent="coder"))               # was: InMemorySessionStore()
    options = ClaudeAgentOptions(session_store=store, resume=session_id)

| Key, below `claude/projects/PROJECT/` | What it is |
|---|---|
| `sessions/SESSION` | how many entries a session has, when it was last written, and the SDK's summary, as JSON |
| `transcripts/SESSION/UUID` | an entry, as JSON; its attribute `number` is its place. One without a uuid is `-NUMBER` |
| `subsessions/SESSION/SUBPATH`, `subtranscripts/SESSION/SUBPATH/UUID` | the same of subagents |

Entries of one `append`, and the summary, are one commit. An entry whose uuid is there already is left out, so that a
batch which the SDK sends again takes effect once. Where two processes append at once, one of them goes behind the
other, by commit: this is what the SDK asks for, and it has no word for a conflict.
"""

from __future__ import annotations

import time
from typing import Any, cast

from claude_agent_sdk import (
    SessionKey, SessionListSubkeysKey, SessionStore, SessionStoreEntry, SessionStoreListEntry, SessionSummaryEntry,
    fold_session_summary,
)  # fmt: skip

from .. import Conflict, Memory, Record, aio
from ._layout import Changes, Get, Range, Steps, Write, as_json, carry, gone, name_of, path, revision

__all__ = ["MembusSessionStore"]

PREFIX = "claude/projects/"


class MembusSessionStore(SessionStore):
    """A session store with all that is optional.

    Args:
        memory: what it is kept in, of `membus.connect` or `membus.aio.connect`. It stays the caller's to close.
        prefix: the topic of the projects.

    Raises, from every call:
        membus.MembusError: what did not go through: Timeout, Refused (LimitExceeded: an entry above 4 MiB, by default).
            The SDK tries an append three times, then says so by a MirrorErrorMessage.
    """

    def __init__(self, memory: Memory | aio.Memory, *, prefix: str = PREFIX) -> None:
        self._memory = memory
        self._prefix = prefix

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        if entries:
            await carry(self._memory, self._append(key, entries))

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        return await carry(self._memory, self._load(key))

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        return await carry(self._memory, self._sessions(project_key))

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        return await carry(self._memory, self._summaries(project_key))

    async def delete(self, key: SessionKey) -> None:
        await carry(self._memory, self._delete(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        return await carry(self._memory, self._subkeys(key))

    def topic(self, key: SessionKey) -> str:
        """Where a session's entries are: for `memory.log(…)`, `memory.rollback(…)` and the command line."""
        return self._places(key)[1]

    # ---- Names

    def _places(self, key: SessionKey) -> tuple[str, str]:
        """-> the session's own record, and the topic of its entries"""
        project, session = self._prefix + path(key["project_key"]), path(key["session_id"])
        if subpath := key.get("subpath"):
            within = f"{session}/{path(*subpath.split('/'))}"
            return f"{project}/subsessions/{within}", f"{project}/subtranscripts/{within}/"
        return f"{project}/sessions/{session}", f"{project}/transcripts/{session}/"

    # ---- Steps

    def _append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> Steps[None]:
        head, topic = self._places(key)
        # Within a batch, too, a uuid counts once.
        first: dict[str, SessionStoreEntry] = {}
        for number, entry in enumerate(entries):
            first.setdefault(entry.get("uuid") or f"-{number}", entry)
        named = list(first.items())
        while named:
            where = [topic + path(name) for name, entry in named if entry.get("uuid")]
            found = yield Get([head, *where])
            named = [(name, entry) for name, entry in named if not entry.get("uuid") or topic + path(name) not in found]
            if not named:
                return
            about: dict[str, Any] = found[head].json() if head in found else {"count": 0, "mtime": 0, "summary": None}
            written = self._about(key, about, [entry for _, entry in named])

            def body(tx: Changes, at: int = revision(found, head), first: int = about["count"]) -> None:
                tx.require(head, at=at)
                tx.put(head, as_json(written), kind="json")
                for number, (name, entry) in enumerate(named, first):
                    place = topic + (path(name) if entry.get("uuid") else f"-{number:08}")
                    tx.put(place, as_json(entry), kind="json", attributes={"number": str(number)})

            try:
                yield Write(body, f"append to {key['session_id']}")
                return
            except Conflict:
                continue  # Somebody else has appended: what is new goes behind it.

    def _about(self, key: SessionKey, about: dict[str, Any], entries: list[SessionStoreEntry]) -> dict[str, Any]:
        """What a session's own record becomes."""
        mtime = max(int(time.time() * 1000), about["mtime"] + 1)
        summary = about["summary"]
        if not key.get("subpath"):
            before: SessionSummaryEntry | None = None
            if summary is not None:
                before = {"session_id": key["session_id"], "mtime": about["mtime"], "data": summary}
            summary = fold_session_summary(before, key, entries)["data"]
        return {"count": about["count"] + len(entries), "mtime": mtime, "summary": summary}

    def _load(self, key: SessionKey) -> Steps[list[SessionStoreEntry] | None]:
        head, topic = self._places(key)
        records = yield Range((head, topic))
        # A subagent's subpath may lie within another's.
        entries = [record for record in records if record.key.startswith(topic) and "/" not in record.key[len(topic) :]]
        if all(record.key != head for record in records):
            return None
        return [cast(SessionStoreEntry, record.json()) for record in sorted(entries, key=_number)]

    def _heads(self, project: str) -> Steps[dict[str, dict[str, Any]]]:
        topic = f"{self._prefix}{path(project)}/sessions/"
        return {name_of(record.key.removeprefix(topic)): record.json() for record in (yield Range((topic,)))}

    def _sessions(self, project: str) -> Steps[list[SessionStoreListEntry]]:
        heads = yield from self._heads(project)
        return [{"session_id": session, "mtime": about["mtime"]} for session, about in heads.items()]

    def _summaries(self, project: str) -> Steps[list[SessionSummaryEntry]]:
        heads = yield from self._heads(project)
        return [
            {"session_id": session, "mtime": about["mtime"], "data": about["summary"]}
            for session, about in heads.items() if about["summary"] is not None]

    def _subkeys(self, key: SessionListSubkeysKey) -> Steps[list[str]]:
        topic = f"{self._prefix}{path(key['project_key'])}/subsessions/{path(key['session_id'])}/"
        records = yield Range((topic,), True)
        return ["/".join(map(name_of, record.key.removeprefix(topic).split("/"))) for record in records]

    def _delete(self, key: SessionKey) -> Steps[None]:
        head, topic = self._places(key)
        topics = [head, topic]
        if not key.get("subpath"):
            under = f"{self._prefix}{path(key['project_key'])}/", path(key["session_id"])
            topics += [f"{under[0]}subsessions/{under[1]}/", f"{under[0]}subtranscripts/{under[1]}/"]
        found = [record.key for record in (yield Range(topics, True))]
        if key.get("subpath"):
            # Another subagent's may lie within it.
            found = [place for place in found if place == head or "/" not in place.removeprefix(topic)]
        # Heads first, so that nobody finds a session of which a part is gone. What somebody appends meanwhile begins a
        # new one.
        of_entries = ("transcripts", "subtranscripts")
        ordered = sorted(found, key=lambda place: place.removeprefix(self._prefix).split("/")[1] in of_entries)
        yield from gone(ordered, f"delete {key['session_id']}")


def _number(record: Record) -> int:
    return int(record.attributes["number"])

"""Conversations of Pydantic AI in Membus: each message stored once, saved by one writer at a time.

    import membus
    from membus.integrations.pydantic_ai import MembusConversationStore

    store = MembusConversationStore(membus.connect(agent="support"))        # was: InMemoryConversationStore()
    conversation = await store.load("trip-42") or Conversation(conversation_id="trip-42")
    result = await agent.run("Book the night train", conversation=conversation)
    await store.save(result)

| Key, below `pydantic-ai/` | What it is |
|---|---|
| `conversations/ID` | a conversation's record, as JSON: its head, usage, scope and so on |
| `entries/ID` | a message, as JSON, with the id before it |

A record and its new entries are one commit. `expected_revision` is a precondition of it: a conversation that was saved
or deleted since it was loaded raises Pydantic AI's `ConversationConflict`, and nothing is written; whoever catches it
loads the conversation again, and retries. Nothing is retried here.

`delete` deletes the entries, too, that no other conversation's history reaches. (If others save conversations all the
time while it looks for these, it leaves them.) All of it stays in the history until that is compacted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry, ConversationRecord, ConversationStore
from pydantic_ai.messages import ModelMessagesTypeAdapter

from .. import Conflict, Memory, Record, Snapshot, aio
from ._layout import CHANGES, Changes, Get, Range, Steps, Write, as_json, carry, gone, segment

__all__ = ["MembusConversationStore"]

PREFIX = "pydantic-ai/"

#: How many entries before it an entry names, so that a history is read in so many times fewer look-ups.
_NAMED = 8

#: How often a deletion looks for what nobody else needs, while others save.
_LOOKS = 10

_RECORD = TypeAdapter(ConversationRecord)


class MembusConversationStore(ConversationStore):
    """A store of conversations.

    Args:
        memory: what it is kept in, of `membus.connect` or `membus.aio.connect`. It stays the caller's to close.
        prefix: the topic of conversations and entries.

    Raises, beside what `ConversationStore` says:
        membus.MembusError: what did not go through: Timeout, Refused (LimitExceeded: more than 990 new messages in one
            save, or one above 4 MiB, by default).
    """

    def __init__(self, memory: Memory | aio.Memory, *, prefix: str = PREFIX) -> None:
        self._memory = memory
        self._conversations, self._entries = prefix + "conversations/", prefix + "entries/"

    def path(self, conversation_id: str) -> str:
        """The key of a conversation's record: for `memory.history(…)` and the command line."""
        return self._conversations + segment(conversation_id)

    # ---- Pydantic AI's interface

    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        return await carry(self._memory, self._record(conversation_id))

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        return await carry(self._memory, self._records(scope, limit))

    async def write_record(
        self, record: ConversationRecord, *, new_entries: Sequence[ConversationEntry] = (), expected_revision: str | None
    ) -> None:
        await carry(self._memory, self._write(record, new_entries, expected_revision))

    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        await carry(self._memory, self._delete(conversation_id, expected_revision))

    async def read_entry(self, entry_id: str) -> ConversationEntry:
        return (await carry(self._memory, self._history(entry_id, 1)))[0]

    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        return [] if head_id is None or limit == 0 else await carry(self._memory, self._history(head_id, limit))

    # ---- Steps

    def _entry(self, id: str) -> str:
        return self._entries + segment(id)

    def _record(self, conversation_id: str) -> Steps[ConversationRecord | None]:
        place = self.path(conversation_id)
        record = (yield Get((place,))).get(place)
        return None if record is None else _RECORD.validate_json(record.value or b"")

    def _records(self, scope: str | None, limit: int | None) -> Steps[list[ConversationRecord]]:
        all_of_them = [_RECORD.validate_json(record.value or b"") for record in (yield Range((self._conversations,)))]
        wanted = [record for record in all_of_them if scope is None or record.scope == scope]
        return sorted(wanted, key=lambda record: record.updated_at, reverse=True)[:limit]

    def _write(
        self, record: ConversationRecord, new_entries: Sequence[ConversationEntry], expected_revision: str | None
    ) -> Steps[None]:
        place, id = self.path(record.conversation_id), record.conversation_id
        new = {entry.id for entry in new_entries}
        # What the new entries follow, or the head: it has to be there, and to stay.
        before = new_entries[0].parent_id if new_entries else record.head_id
        if new_entries and record.head_id is not None and record.head_id not in new:
            before = record.head_id
        needed = [] if before is None else [self._entry(before)]
        found: Snapshot = yield Get([place, *needed])
        stored = _RECORD.validate_json(found[place].value or b"") if place in found else None
        is_as_expected = (None if stored is None else stored.revision) == expected_revision
        if not is_as_expected or any(key not in found for key in needed):
            raise ConversationConflict(id)
        line = [*found[needed[0]].json()["before"], before][-_NAMED:] if needed and new_entries and before else []

        def body(tx: Changes) -> None:
            tx.require(place, at=found[place].revision if stored else 0)
            tx.put(place, _RECORD.dump_json(record), kind="json")
            for key in needed:
                tx.require(key, at=found[key].revision)
            named = list(line)
            for entry in new_entries:
                tx.put(self._entry(entry.id), _written(entry, named), kind="json", attributes={"conversation": id})
                named = [*named, entry.id][-_NAMED:]

        try:
            yield Write(body, f"save {id}"[:200])
        except Conflict:
            raise ConversationConflict(id) from None

    def _history(self, head_id: str, limit: int | None) -> Steps[list[ConversationEntry]]:
        """Back from the newest one.

        Raises:
            LookupError: one of them is not there.
        """
        newest_first: list[ConversationEntry] = []
        known: dict[str, Any] = {}
        id: str | None = head_id
        while id is not None and (limit is None or len(newest_first) < limit):
            if id not in known:
                wanted = known[newest_first[-1].id]["before"] if newest_first else [id]
                found = yield Get([self._entry(one) for one in dict.fromkeys([id, *wanted])])
                known |= {record.json()["id"]: record.json() for record in found.values()}
            if id not in known:
                raise LookupError(f"there is no entry {id!r}")
            newest_first.append(_read(known[id]))
            id = newest_first[-1].parent_id
        return newest_first[::-1]

    def _delete(self, conversation_id: str, expected_revision: str) -> Steps[None]:
        place = self.path(conversation_id)
        for look in range(_LOOKS):
            found: Snapshot = yield Get((place,))
            record = _RECORD.validate_json(found[place].value or b"") if place in found else None
            if record is None or record.revision != expected_revision:
                raise ConversationConflict(conversation_id)
            free = [] if look == _LOOKS - 1 else (yield from self._unreachable(record, found.revision))

            def body(tx: Changes, free: Sequence[str] = free[:CHANGES], found: Snapshot = found) -> None:
                tx.require(place, at=found[place].revision)
                if free:  # A fork that was made meanwhile may need them.
                    tx.require_unchanged(self._conversations, since=found.revision)
                tx.delete(place)
                for key in free:
                    tx.delete(key)

            try:
                yield Write(body, f"delete {conversation_id}"[:200])
            except Conflict:
                continue
            yield from gone(free[CHANGES:], f"delete {conversation_id}")
            return
        raise ConversationConflict(conversation_id)

    def _unreachable(self, record: ConversationRecord, at: int) -> Steps[list[str]]:
        """The entries that only this conversation reaches."""
        records = [_RECORD.validate_json(found.value or b"") for found in (yield Range((self._conversations,), False, at))]
        others = [other for other in records if other.conversation_id != record.conversation_id]
        # Only a fork shares entries: this one with what it was made from, or with what was made from it.
        related = [other for other in others if record.forked_from or other.forked_from]
        mine = yield from self._reached([record], at)
        theirs = (yield from self._reached(related, at)) if mine and related else set()
        return [self._entry(id) for id in sorted(mine - theirs)]

    def _reached(self, records: Iterable[ConversationRecord], at: int) -> Steps[set[str]]:
        reached: set[str] = set()
        next_ones = {id for record in records for id in (record.head_id, *record.branches) if id}
        while next_ones:
            found: Mapping[str, Record] = yield Get([self._entry(id) for id in sorted(next_ones)], at)
            reached |= next_ones
            entries = [record.json() for record in found.values()]
            next_ones = {id for entry in entries for id in (*entry["before"], entry["parent_id"]) if id} - reached
        return reached


def _written(entry: ConversationEntry, named: Sequence[str]) -> bytes:
    (message,) = json.loads(ModelMessagesTypeAdapter.dump_json([entry.message]))
    return as_json(
        {"id": entry.id, "parent_id": entry.parent_id, "kind": entry.kind, "before": list(named), "message": message})


def _read(entry: dict[str, Any]) -> ConversationEntry:
    (message,) = ModelMessagesTypeAdapter.validate_json(json.dumps([entry["message"]]))
    return ConversationEntry(id=entry["id"], parent_id=entry["parent_id"], message=message, kind=entry["kind"])

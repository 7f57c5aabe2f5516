"""Sessions of the OpenAI Agents SDK in Membus: conversations that several agents and processes go on with.

    import membus
    from membus.integrations.openai_agents import MembusSession

    memory = membus.connect(agent="booker")
    session = MembusSession("trip-42", memory)              # was: SQLiteSession("trip-42", "conversations.db")
    result = await Runner.run(agent, "Book the night train", session=session)

| Key, below `openai/sessions/SESSION/` | What it is |
|---|---|
| `items/00000000` and on | an item, as JSON, in the order of the conversation |
| `count` | the number that the next item gets, as JSON |

All items of one `add_items` are one commit: nobody sees half of them. Where two processes add at once, one of them adds
behind what the other added: so nothing is lost, and the SDK, which has no word for a conflict, need not hear of it.
`pop_item` takes an item that nobody else has taken. What was popped or cleared stays in the history: `memory.revert(…)`
brings it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agents.memory.session import SessionABC
from agents.memory.session_settings import SessionSettings, coerce_session_settings, resolve_session_limit

from .. import Conflict, Memory, Record, Snapshot, aio
from ._layout import Changes, Get, Range, Steps, Write, as_json, carry, deleted, segment, tail

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

__all__ = ["MembusSession"]

T = TypeVar("T")

PREFIX = "openai/sessions/"


class MembusSession(SessionABC):
    """A conversation.

    Args:
        session_id: its name: whoever gives the same one takes part in it.
        memory: what it is kept in, of `membus.connect` or `membus.aio.connect`. It stays the caller's to close.
        session_settings: the SDK's: how many items `get_items` returns unless it is told.
        prefix: the topic of the sessions.

    Raises, from every call:
        membus.MembusError: what did not go through: Timeout, Refused (LimitExceeded: an item above 4 MiB, by default).
    """

    def __init__(
        self, session_id: str, memory: Memory | aio.Memory, *,
        session_settings: SessionSettings | dict[str, Any] | None = None, prefix: str = PREFIX,
    ) -> None:
        self.session_id = session_id
        self.session_settings = (
            SessionSettings() if session_settings is None else coerce_session_settings(session_settings))
        self._memory = memory
        #: Where it is: for `memory.history(…)`, `memory.rollback(…)` and the command line.
        self.topic = f"{prefix}{segment(session_id)}/"
        self._count = self.topic + "count"
        #: The number of the next item when it was last seen, and at which revision.
        self._seen = (0, 0)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        return await carry(self._memory, self._get(resolve_session_limit(limit, self.session_settings)))

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        if items:
            await _settled(carry(self._memory, self._add([as_json(item) for item in items])))

    async def pop_item(self) -> TResponseInputItem | None:
        return await _settled(carry(self._memory, self._pop()))

    async def clear_session(self) -> None:
        await _settled(carry(self._memory, deleted(self.topic)))

    # ---- Steps

    def _item(self, number: int) -> str:
        return f"{self.topic}items/{number:08}"

    def _get(self, limit: int | None) -> Steps[list[TResponseInputItem]]:
        # A negative limit is none, as in SQLite.
        if limit is None or limit < 0:
            return [_item(record) for record in (yield Range((self.topic + "items/",)))]
        start = yield Get((self._count,))
        records = yield from tail(self._item, _count(start.get(self._count)), limit, start.revision)
        return [_item(record) for record in records]

    def _add(self, items: list[bytes]) -> Steps[None]:
        while True:
            number, at = self._seen

            def body(tx: Changes, number: int = number, at: int = at) -> None:
                tx.require(self._count, at=at)
                for place, item in enumerate(items, number):
                    tx.put(self._item(place), item, kind="json")
                tx.put(self._count, number + len(items))

            try:
                receipt = yield Write(body, f"add to {self.session_id}")
            except Conflict as conflict:
                # Somebody else has added or taken: what is new goes behind it.
                failed = conflict.failed[0]
                self._seen = (_count(failed.current), failed.revision)
                continue
            self._seen = (number + len(items), receipt.revision)
            return

    def _pop(self) -> Steps[TResponseInputItem | None]:
        while True:
            found: Snapshot = yield Get((self._count,))
            records = yield from tail(self._item, _count(found.get(self._count)), 1, found.revision)
            if not records:
                return None
            newest = records[-1]
            number = int(newest.key.rsplit("/", 1)[1])

            def body(tx: Changes, found: Snapshot = found, newest: Record = newest, number: int = number) -> None:
                tx.require(self._count, at=found[self._count].revision)
                tx.require(newest.key, at=newest.revision)
                tx.delete(newest.key)
                tx.put(self._count, number)

            try:
                receipt = yield Write(body, f"pop from {self.session_id}")
            except Conflict:
                continue
            self._seen = (number, receipt.revision)
            return _item(newest)


async def _settled(change: Coroutine[Any, Any, T]) -> T:
    """Waits for a change also where the task is cancelled meanwhile, as the SDK's own sessions do: whoever is told of the
    cancellation then knows that the change is made, or not."""
    task = asyncio.ensure_future(change)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is not None:
        task.exception()  # Asked for, so that nobody is warned of it.
        raise cancelled
    return task.result()


def _count(record: Record | None) -> int:
    return 0 if record is None else cast(int, record.json())


def _item(record: Record) -> TResponseInputItem:
    return cast("TResponseInputItem", record.json())

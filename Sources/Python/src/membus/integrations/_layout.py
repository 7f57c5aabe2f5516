"""What the adapters share: names as segments of keys, and steps, which say once what is read and written, for those who
wait and those who await.

    def add(key, text) -> Steps[int]:
        while True:
            found = yield Get((key,))                   # -> Snapshot
            try:
                receipt = yield Write(lambda tx: (tx.require(key, at=revision(found, key)), tx.put(key, text)))
                return receipt.revision
            except Conflict:                            # somebody else was faster: build on what is there now
                continue

    carry_out(memory, add("plans/paris", "night train"))
    await carry_out_async(memory, add("plans/paris", "night train"))
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from .. import Memory, Record, Snapshot, Transaction, aio

T = TypeVar("T")

#: Changes in one transaction: a broker takes 1,000 by default, and some may come beside these.
CHANGES = 990

#: Bytes of values in one transaction, as a broker takes 16 MiB by default, with keys and all.
BYTES = 12 << 20

_SPECIAL = re.compile("[%/\x00-\x1f\x7f-\x9f]")


def segment(name: str) -> str:
    """One segment of a key that stands for any text: the text itself, wherever that can be.

    A key has no empty segment, none of dots alone, no control characters and no slash within a segment. These are
    written as in a URL: `a/b` is `a%2Fb`. Nothing at all is `-`.
    """
    if _SPECIAL.search(name):
        return _SPECIAL.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)
    match name:
        case "":
            return "-"
        case "-" | "." | "..":
            return "".join(f"%{ord(character):02X}" for character in name)
        case _:
            return name


def name_of(segment: str) -> str:
    """The text that a segment stands for."""
    if segment == "-":
        return ""
    return unquote(segment, errors="strict") if "%" in segment else segment


def path(*names: str) -> str:
    """A key of these names."""
    return "/".join(map(segment, names))


def as_json(value: Any) -> bytes:
    """As people read it; what of it is half a surrogate pair, as models write it at times, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def pieces(changes: Iterable[T], size: Callable[[T], int] = lambda change: 0) -> Iterator[list[T]]:
    """Changes in the order given, as many at a time as one transaction may hold."""
    piece: list[T] = []
    bytes = 0
    for change in changes:
        if piece and (len(piece) == CHANGES or bytes + size(change) > BYTES):
            yield piece
            piece, bytes = [], 0
        piece.append(change)
        bytes += size(change)
    if piece:
        yield piece


def covering(topics: Iterable[str]) -> Sequence[str]:
    """The topics without those that lie within another one."""
    kept: list[str] = []
    for topic in sorted(set(topics)):
        if not kept or not (topic.startswith(kept[-1]) and kept[-1].endswith("/")):
            kept.append(topic)
    return kept


# ---- Steps


#: What a step changes: as far as it goes, the transactions of both kinds are one.
Changes = Transaction | aio.Transaction


class Get(NamedTuple):
    """-> Snapshot: several records of one revision, asked of the broker; any number of them."""

    keys: Sequence[str]
    at: int | None = None


class Range(NamedTuple):
    """-> list[Record]: all of some topics, of one revision, in the order of their keys."""

    topics: Sequence[str]
    keys_only: bool = False
    at: int | None = None


class Find(NamedTuple):
    """-> SearchPage: the best records of a topic for a question, best first. Who cannot be answered, as by a broker
    without an index, gets Refused raised where the step stands."""

    question: str
    topic: str
    limit: int
    offset: int = 0
    at: int | None = None
    vector: Sequence[float] | None = None
    space: str | None = None


class Write(NamedTuple):
    """-> Receipt; or Conflict is raised where the step stands."""

    body: Callable[[Changes], object]
    message: str = ""


class Call(NamedTuple):
    """-> what an application's function returns: the one for those who wait, or the other for those who await."""

    now: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]]


Step = Get | Range | Find | Write | Call
Steps = Generator[Step, Any, T]

#: Keys of one request.
_KEYS = 5000


def carry_out(memory: Memory, steps: Steps[T]) -> T:
    """Takes the steps, waiting for each."""
    answer: Any = None
    failure: Exception | None = None
    while True:
        try:
            step = steps.send(answer) if failure is None else steps.throw(failure)
        except StopIteration as end:
            found: T = end.value
            return found
        answer, failure = None, None
        try:
            answer = _take(memory, step)
        except Exception as error:
            failure = error


async def carry_out_async(memory: Memory | aio.Memory, steps: Steps[T]) -> T:
    """Takes the steps, awaiting each; what a memory that waits is asked for, in a thread."""
    answer: Any = None
    failure: Exception | None = None
    while True:
        try:
            step = steps.send(answer) if failure is None else steps.throw(failure)
        except StopIteration as end:
            found: T = end.value
            return found
        answer, failure = None, None
        try:
            if isinstance(step, Call):
                answer = await step.awaited()
            elif isinstance(memory, aio.Memory):
                answer = await _take_async(memory, step)
            else:
                answer = await asyncio.to_thread(_take, memory, step)
        except Exception as error:
            failure = error


def _take(memory: Memory, step: Step) -> Any:
    match step:
        case Get(keys, at):
            answer = memory.get_all(*keys[:_KEYS], at=at)
            for more in _rest(keys):
                answer = _joined(answer, memory.get_all(*more, at=answer.revision))
            return answer
        case Range(topics, keys_only, at):
            return list(memory.range(*topics, at=at, keys_only=keys_only))
        case Find(question, topic, limit, offset, at, vector, space):
            return memory.search(question, topic, limit=limit, offset=offset, at=at, vector=vector, space=space)
        case Write(body, message):
            return memory.transact(body, message=message)
        case Call(now, _):
            return now()


async def _take_async(memory: aio.Memory, step: Step) -> Any:
    match step:
        case Get(keys, at):
            answer = await memory.get_all(*keys[:_KEYS], at=at)
            for more in _rest(keys):
                answer = _joined(answer, await memory.get_all(*more, at=answer.revision))
            return answer
        case Range(topics, keys_only, at):
            return [record async for record in memory.range(*topics, at=at, keys_only=keys_only)]
        case Find(question, topic, limit, offset, at, vector, space):
            return await memory.search(question, topic, limit=limit, offset=offset, at=at, vector=vector, space=space)
        case Write(body, message):
            return await memory.transact(_awaited(body), message=message)


async def carry(memory: Memory | aio.Memory, steps: Steps[T]) -> T:
    """Takes the steps for a framework that is async, whichever kind of memory there is; one that waits does so in a
    thread."""
    if isinstance(memory, aio.Memory):
        return await carry_out_async(memory, steps)
    return await asyncio.to_thread(carry_out, memory, steps)


def _rest(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _KEYS] for start in range(_KEYS, len(keys), _KEYS))


def _joined(one: Snapshot, other: Snapshot) -> Snapshot:
    return Snapshot(one.token, [*one.values(), *other.values()])


def _awaited(body: Callable[[Changes], object]) -> Callable[[aio.Transaction], Any]:
    async def run(tx: aio.Transaction) -> None:
        body(tx)

    return run


def revision(found: Snapshot, key: str) -> int:
    """Of what was found, for `tx.require(key, at=…)`; 0: no record."""
    record = found.get(key)
    return 0 if record is None else record.revision


def gone(keys: Iterable[str], message: str) -> Steps[None]:
    """Deletes these, in the order given, in as many commits as it takes."""
    for piece in pieces(keys):

        def body(tx: Changes, piece: Sequence[str] = piece) -> None:
            for key in piece:
                tx.delete(key)

        yield Write(body, message[:200])


def deleted(topic: str, kept: Callable[[Record], bool] = lambda record: False) -> Steps[int]:
    """Deletes what a topic holds, but for what is kept, in as many commits as it takes; what others add meanwhile, too.

    Returns:
        how many records that were.
    """
    count = 0
    while True:
        found = yield Range((topic,), keys_only=True)
        going = [record.key for record in found if not kept(record)]
        if not going:
            return count
        yield from gone(going, f"delete {topic}")
        count += len(going)


def tail(key: Callable[[int], str], end: int, limit: int, at: int) -> Steps[list[Record]]:
    """The last records of a numbered row, as of a revision, in their order. Some numbers may have none: they were
    reverted."""
    window = limit
    while True:
        numbers = range(max(0, end - window), end)
        found: Snapshot | dict[str, Record] = (yield Get([key(number) for number in numbers], at)) if numbers else {}
        if len(found) >= limit or len(numbers) == end:
            records = sorted(found.values(), key=lambda record: record.key)
            return records[max(0, len(records) - limit) :]
        window *= 2

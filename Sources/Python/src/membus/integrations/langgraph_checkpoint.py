"""LangGraph's checkpoints in Membus: threads that several processes go on with, each value stored once.

    import membus
    from membus.integrations.langgraph_checkpoint import MembusSaver

    saver = MembusSaver(membus.connect(agent="planner"))                 # was: SqliteSaver.from_conn_string("threads.db")
    graph = builder.compile(checkpointer=saver)
    graph.invoke(inputs, {"configurable": {"thread_id": "trip-42"}})

With `membus.aio` it is the same for `ainvoke`: `MembusSaver(await membus.aio.connect(agent="planner"))`.

| Key, below `langgraph/threads/THREAD/NAMESPACE/` | What it is |
|---|---|
| `checkpoints/TIME/ID` | a checkpoint, as JSON: `checkpoint`, `metadata`, `parent`; small values stand in it |
| `latest` | the time of the newest checkpoint: the first 8 letters of its id |
| `values/CHANNEL/VERSION` | a channel's value, as LangGraph's serializer writes it, compressed |
| `writes/ID/TASK/NUMBER` | a pending write of a task |

The namespace of the graph itself is empty, and written `-`. A checkpoint with its new values is one commit, so nobody
sees half of one. Two processes that go on with one thread lose nothing: each checkpoint names its parent, so both lines
stay, and the newest id is the one that `get_tuple` finds, as LangGraph orders them. Writes of a task that were there
already stay, as LangGraph defines it. These conflicts are all retried by merge; none is raised. A value is stored once,
however many checkpoints have it.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP, BaseCheckpointSaver, ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple,
    get_checkpoint_id, get_serializable_checkpoint_metadata, writes_sort_key,
)  # fmt: skip
from langgraph.checkpoint.serde.base import SerializerProtocol

from .. import Conflict, Memory, Record, Snapshot, aio
from ._layout import (
    Changes, Get, Range, Steps, Write, carry, carry_out, deleted, name_of, path, pieces, segment,
)  # fmt: skip

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["MembusSaver"]

T = TypeVar("T")

PREFIX = "langgraph/threads/"

#: Of a text that stands in the checkpoint itself, not in a record of its own.
_SMALL = 64

#: Checkpoints that a list fetches at a time: as many topics as a broker takes in one request.
_PAGE = 200

#: Letters that the checkpoints of some time have in common: 27 seconds, as LangGraph makes ids. A list only goes
#: forward, so the newest checkpoint is looked for among these; and `latest`, which says them, is written only when they
#: change.
_TIME = 8

#: What says how LangGraph's serializer wrote a value: `langgraph.msgpack`; and that it is compressed:
#: `langgraph.msgpack.zlib`.
_KIND, _COMPRESSED = "langgraph.", ".zlib"

#: Bytes of a value that is worth compressing. What agents keep is text, mostly; as it is, it would take 1.2 to 1.8
#: times its size in the store's pages.
_LARGE = 512


class _Place(NamedTuple):
    """A namespace of a thread."""

    prefix: str
    thread: str
    namespace: str

    @property
    def topic(self) -> str:
        return f"{self.prefix}{path(self.thread, self.namespace)}/"

    @property
    def latest(self) -> str:
        return self.topic + "latest"

    def checkpoint(self, id: str) -> str:
        return f"{self.of_time(id[:_TIME])}{segment(id)}"

    def of_time(self, time: str) -> str:
        return f"{self.topic}checkpoints/{segment(time)}/"

    def value(self, channel: str, version: object) -> str:
        return f"{self.topic}values/{path(channel, str(version))}"

    def writes(self, id: str) -> str:
        return f"{self.topic}writes/{segment(id)}/"

    def write(self, id: str, task: str, number: int) -> str:
        return self.writes(id) + path(task, f"{number:04}" if number >= 0 else str(number))

    def config(self, id: str) -> RunnableConfig:
        return {"configurable": {"thread_id": self.thread, "checkpoint_ns": self.namespace, "checkpoint_id": id}}


class _Stored(NamedTuple):
    """A checkpoint's own record."""

    place: _Place
    id: str
    parent: str | None
    checkpoint: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def values(self) -> dict[str, str]:
        """Where the values are that do not stand in it; there is none where a channel is empty."""
        return {
            channel: self.place.value(channel, version)
            for channel, version in self.checkpoint["channel_versions"].items()
            if channel not in self.checkpoint["channel_values"]}


# The class below has a method `list`.
_Names = list[tuple[_Place, str]]
_Tuples = list[CheckpointTuple]
_AllStored = list[_Stored]


class MembusSaver(BaseCheckpointSaver[str]):
    """A checkpointer for graphs, async or not.

    Args:
        memory: what it is kept in: of `membus.connect` for graphs that are not async (async ones use it through
            threads), of `membus.aio.connect` for async ones. It stays the caller's to close.
        serde: LangGraph's serializer of values.
        prefix: the topic of the threads.

    Raises, from every call:
        membus.MembusError: what did not go through: Timeout, Refused (LimitExceeded: a value above 4 MiB, or new ones
            above 16 MiB together, by default).
    """

    def __init__(
        self, memory: Memory | aio.Memory, *, serde: SerializerProtocol | None = None, prefix: str = PREFIX
    ) -> None:
        super().__init__(serde=serde)
        self._memory = memory
        self._prefix = prefix
        #: What `latest` was when it was last seen, and at which revision.
        self._latest: dict[_Place, tuple[str, int]] = {}

    # ---- LangGraph's interface

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._wait(self._found(config))

    def list(
        self, config: RunnableConfig | None, *, filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None, limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        at, names = self._wait(self._names(config, before))
        for start in range(0, len(names), _PAGE):
            page = self._wait(self._tuples(names[start : start + _PAGE], at, filter, limit))
            yield from page
            if limit is not None and (limit := limit - len(page)) <= 0:
                return

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self._wait(self._put(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._wait(self._put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        self._wait(deleted(self._topic(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._wait(self._delete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._wait(self._copy(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._wait(self._prune(thread_ids, strategy))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._await(self._found(config))

    async def alist(
        self, config: RunnableConfig | None, *, filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None, limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        at, names = await self._await(self._names(config, before))
        for start in range(0, len(names), _PAGE):
            page = await self._await(self._tuples(names[start : start + _PAGE], at, filter, limit))
            for found in page:
                yield found
            if limit is not None and (limit := limit - len(page)) <= 0:
                return

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await self._await(self._put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._await(self._put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._await(deleted(self._topic(thread_id)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._await(self._delete_for_runs(run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._await(self._copy(source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await self._await(self._prune(thread_ids, strategy))

    def get_next_version(self, current: str | int | None, channel: None) -> str:
        """As LangGraph's own savers do: a number that rises, and chance, so that two lines of one thread never share a
        version."""
        number = 0 if current is None else current if isinstance(current, int) else int(current.split(".")[0])
        return f"{number + 1:010}.{random.getrandbits(32):08x}"

    def topic(self, thread_id: str) -> str:
        """Where a thread is: for `memory.log(…)`, `memory.rollback(…)` and the command line."""
        return self._topic(thread_id)

    # ---- Reading

    def _found(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        place, id = self._place(config), get_checkpoint_id(config)
        start = yield Get((place.checkpoint(id) if id else place.latest,))
        if not start.revision or (not id and (id := (yield from self._newest(place, start))) is None):
            return None
        tuples = yield from self._tuples([(place, id or "")], start.revision, None, None)
        return tuples[0] if tuples else None

    def _newest(self, place: _Place, start: Snapshot) -> Steps[str | None]:
        latest = start.get(place.latest)
        if latest is None:
            return None
        self._latest[place] = (latest.text, latest.revision)
        # Of its time there may be none any more: they were reverted, say.
        for topic in (place.of_time(latest.text), f"{place.topic}checkpoints/"):
            records = yield Range((topic,), True, start.revision)
            names = [name[1] for record in records if (name := self._name(record.key))]
            if names:
                return max(names)
        return None

    def _names(
        self, config: RunnableConfig | None, before: RunnableConfig | None
    ) -> Steps[tuple[int, _Names]]:
        """-> a revision, and the checkpoints that are meant as of it, newest first"""
        wanted = config["configurable"] if config else {}
        topic = self._topic(wanted["thread_id"]) if config else self._prefix
        if wanted.get("checkpoint_ns") is not None:
            topic += segment(wanted["checkpoint_ns"]) + "/checkpoints/"
        # Of no key: what is wanted is a revision, for all that follows to be of.
        start = yield Get((self._prefix + "-",))
        keys = [record.key for record in (yield Range((topic,), True, start.revision))] if start.revision else []
        id, end = wanted.get("checkpoint_id"), get_checkpoint_id(before) if before else None
        names = [name for key in keys if (name := self._name(key))]
        meant = [(place, found) for place, found in names if (not id or found == id) and (not end or found < end)]
        return start.revision, sorted(meant, key=lambda name: name[1], reverse=True)

    def _tuples(
        self, names: Iterable[tuple[_Place, str]], at: int, filter: Mapping[str, Any] | None, limit: int | None
    ) -> Steps[_Tuples]:
        """Of these checkpoints those that pass the filter, as of one revision."""
        stored = [
            one for one in (yield from self._stored(names, at))
            if all(one.metadata.get(name) == wanted for name, wanted in (filter or {}).items())][:limit]
        if not stored:
            return []
        values = yield Get(list(dict.fromkeys(key for one in stored for key in one.values.values())), at)
        writes = yield Range([one.place.writes(one.id) for one in stored], False, at)
        return [self._tuple(one, values, writes) for one in stored]

    def _stored(self, names: Iterable[tuple[_Place, str]], at: int | None = None) -> Steps[_AllStored]:
        keys = {place.checkpoint(id): (place, id) for place, id in names}
        found = yield Get(list(keys), at)
        return [self._read(*keys[key], found[key]) for key in keys if key in found]

    def _read(self, place: _Place, id: str, record: Record) -> _Stored:
        document = self._load(record) if record.kind.startswith(_KIND) else record.json()
        return _Stored(place, id, document["parent"], document["checkpoint"], document["metadata"])

    def _tuple(self, one: _Stored, values: Mapping[str, Record], writes: Iterable[Record]) -> CheckpointTuple:
        checkpoint = dict(one.checkpoint)
        checkpoint["channel_values"] = {
            **one.checkpoint["channel_values"],
            **{channel: self._load(values[key]) for channel, key in one.values.items() if key in values}}
        topic, pending = one.place.writes(one.id), []
        for record in writes:
            if record.key.startswith(topic):
                task, number = map(name_of, record.key.removeprefix(topic).split("/"))
                attributes = record.attributes
                order = writes_sort_key(attributes.get("path", ""), task, int(number))
                pending.append((order, (task, attributes["channel"], self._load(record))))
        return CheckpointTuple(
            one.place.config(one.id), cast(Checkpoint, checkpoint), cast(CheckpointMetadata, one.metadata),
            one.place.config(one.parent) if one.parent else None,
            [write for _, write in sorted(pending, key=lambda found: found[0])])

    # ---- Writing

    def _put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> Steps[RunnableConfig]:
        place, id = self._place(config), checkpoint["id"]
        inline = {channel: value for channel, value in checkpoint["channel_values"].items() if _is_small(value)}
        values = {
            place.value(channel, version): self._dump(checkpoint["channel_values"][channel])
            for channel, version in new_versions.items()
            if channel in checkpoint["channel_values"] and channel not in inline}
        document = self._document({
            "parent": get_checkpoint_id(config), "checkpoint": {**checkpoint, "channel_values": inline},
            "metadata": get_serializable_checkpoint_metadata(config, metadata)})

        def body(tx: Changes) -> None:
            tx.put(place.checkpoint(id), document[0], kind=document[1])
            for key, (value, kind) in values.items():
                tx.put(key, value, kind=kind)

        yield from self._write(place, id, body)
        return place.config(id)

    def _write(self, place: _Place, id: str, body: Callable[[Changes], None]) -> Steps[None]:
        """Writes a checkpoint, and that it is of the latest time if it is."""
        time = id[:_TIME]
        while True:
            latest, at = self._latest.get(place, ("", 0))

            def whole(tx: Changes, is_newer: bool = time > latest, at: int = at) -> None:
                body(tx)
                if is_newer:
                    tx.require(place.latest, at=at)
                    tx.put(place.latest, time)

            try:
                receipt = yield Write(whole)
            except Conflict as conflict:
                # Another process has gone on with the thread, or it was not seen yet: the newest time is to stay.
                failed = conflict.failed[0]
                self._latest[place] = (failed.current.text if failed.current else "", failed.revision)
                continue
            if time > latest:
                if len(self._latest) > 10_000:
                    self._latest.clear()
                self._latest[place] = (time, receipt.revision)
            return

    def _put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> Steps[None]:
        place, id = self._place(config), config["configurable"]["checkpoint_id"]
        puts: dict[str, tuple[str, tuple[bytes, str], bool]] = {}
        for number, (channel, value) in enumerate(writes):
            number = WRITES_IDX_MAP.get(channel, number)
            puts[place.write(id, task_id, number)] = (channel, self._dump(value), number >= 0)
        path = {"path": task_path} if task_path else {}

        def body(tx: Changes) -> None:
            for key, (channel, (value, kind), is_first) in puts.items():
                if is_first:
                    tx.require_absent(key)
                tx.put(key, value, kind=kind, attributes={"channel": channel, **path})

        while puts:
            try:
                yield Write(body, f"writes of {place.thread}")
                return
            except Conflict as conflict:
                # What is there was written by this task before, or by another process that does the same task: it
                # stays.
                for failed in conflict.failed:
                    puts.pop(failed.key, None)

    def _copy(self, source: str, target: str) -> Steps[None]:
        start, end = self._topic(source), self._topic(target)
        records = yield Range((start,))
        # Checkpoints come last, as they are what makes the rest to be seen.
        last = [record for record in records if _part(record.key, start) in ("checkpoints", "latest")]
        ordered = [record for record in records if _part(record.key, start) in ("values", "writes")] + last
        for piece in pieces(ordered, lambda record: record.size):

            def body(tx: Changes, piece: Sequence[Record] = piece) -> None:
                for record in piece:
                    key = end + record.key.removeprefix(start)
                    tx.put(key, record.value or b"", kind=record.kind, attributes=record.attributes)

            yield Write(body, f"copy {source} to {target}"[:200])

    # ---- Deleting

    def _delete_for_runs(self, run_ids: Sequence[str]) -> Steps[None]:
        wanted = set(run_ids)
        if not wanted:
            return
        keys = [record.key for record in (yield Range((self._prefix,), True))]
        for place in dict.fromkeys(name[0] for key in keys if (name := self._name(key))):
            yield from self._keep(place, lambda all: [one for one in all if one.metadata.get("run_id") not in wanted])

    def _prune(self, thread_ids: Sequence[str], strategy: str) -> Steps[None]:
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"strategy={strategy!r}: it is 'keep_latest' or 'delete'")
        for thread in thread_ids:
            if strategy == "delete":
                yield from deleted(self._topic(thread))
                continue
            keys = [record.key for record in (yield Range((self._topic(thread),), True))]
            for place in dict.fromkeys(name[0] for key in keys if (name := self._name(key))):
                yield from self._keep(place, _needed)

    def _keep(self, place: _Place, choose: Callable[[_AllStored], _AllStored]) -> Steps[None]:
        """Deletes the other checkpoints of a namespace, their writes, and the values that none has any more."""
        while True:
            found = yield Get((place.latest,))
            keys = [record.key for record in (yield Range((place.topic,), True, found.revision))]
            names = [name for key in keys if (name := self._name(key))]
            all_of_them = yield from self._stored(names, found.revision)
            kept = choose(sorted(all_of_them, key=lambda one: one.id))
            stays = {place.checkpoint(one.id) for one in kept} | {key for one in kept for key in one.values.values()}
            topics = tuple(place.writes(one.id) for one in kept)
            latest = max((one.id[:_TIME] for one in kept), default=None)
            going = [
                key for key in keys if key not in stays and not key.startswith(topics or "/") and key != place.latest]
            if not going:
                return

            def body(
                tx: Changes, found: Snapshot = found, going: Sequence[str] = going, latest: str | None = latest
            ) -> None:
                # A checkpoint that came meanwhile may need what goes.
                tx.require_unchanged(f"{place.topic}checkpoints/", since=found.revision)
                for key in next(pieces(going)):
                    tx.delete(key)
                if latest is None:
                    tx.delete(place.latest)
                elif place.latest not in found or latest != found[place.latest].text:
                    tx.put(place.latest, latest)

            try:
                yield Write(body, f"prune {place.thread}"[:200])
            except Conflict:
                pass
            # What is left, because it came meanwhile or was too much for one commit, is looked at again.

    # ---- Names and values

    def _topic(self, thread: str) -> str:
        return f"{self._prefix}{segment(str(thread))}/"

    def _place(self, config: RunnableConfig) -> _Place:
        wanted = config["configurable"]
        return _Place(self._prefix, str(wanted["thread_id"]), wanted.get("checkpoint_ns", ""))

    def _name(self, key: str) -> tuple[_Place, str] | None:
        """The checkpoint whose own record the key is of."""
        thread, namespace, *rest = key.removeprefix(self._prefix).split("/")
        if len(rest) != 3 or rest[0] != "checkpoints":
            return None
        return _Place(self._prefix, name_of(thread), name_of(namespace)), name_of(rest[2])

    def _dump(self, value: Any) -> tuple[bytes, str]:
        kind, written = self.serde.dumps_typed(value)
        if len(written) >= _LARGE and len(small := zlib.compress(written, 1)) < 0.9 * len(written):
            return small, _KIND + kind + _COMPRESSED
        return written, _KIND + kind

    def _load(self, record: Record) -> Any:
        kind, written = record.kind.removeprefix(_KIND), record.value or b""
        if kind.endswith(_COMPRESSED):
            kind, written = kind.removesuffix(_COMPRESSED), zlib.decompress(written)
        return self.serde.loads_typed((kind, written))

    def _document(self, document: dict[str, Any]) -> tuple[bytes, str]:
        try:
            return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(), "json"
        except (TypeError, ValueError):  # Something in the metadata that JSON can't say.
            return self._dump(document)

    # ---- Waiting and awaiting

    def _wait(self, steps: Steps[T]) -> T:
        if isinstance(self._memory, aio.Memory):
            raise TypeError("the memory is of membus.aio: use ainvoke, astream and the like; or membus.connect")
        return carry_out(self._memory, steps)

    async def _await(self, steps: Steps[T]) -> T:
        return await carry(self._memory, steps)


def _part(key: str, topic: str) -> str:
    return key.removeprefix(topic).split("/")[1]


def _is_small(value: object) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            return type(value) is int and value.bit_length() <= 256
        case float():
            return type(value) is float and math.isfinite(value)
        case str():
            return type(value) is str and len(value) <= _SMALL and value.isprintable()
    return False


def _needed(all_of_them: list[_Stored]) -> list[_Stored]:
    """The newest checkpoint, and those before it that its delta channels are made from."""
    by_id = {one.id: one for one in all_of_them}
    newest = all_of_them[-1]
    kept = [newest]
    deltas = newest.metadata.get("counters_since_delta_snapshot")
    # How far back each channel's snapshot is, only the values tell: so all of the line is kept.
    while deltas and (parent := kept[-1].parent) in by_id and parent is not None:
        kept.append(by_id[parent])
    return kept

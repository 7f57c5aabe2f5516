"""LangGraph's long-term memory in Membus: shared between processes, coherent, versioned.

    import membus
    from membus.integrations.langgraph_store import MembusStore

    store = MembusStore(membus.connect(agent="planner"))          # was: InMemoryStore()
    store.put(("users", "ada"), "prefs", {"theme": "dark"})
    graph = builder.compile(store=store)

An item is a record of kind json at `langgraph/store/NAMESPACE…/KEY`: `membus ls langgraph/store/users/` lists them, and
`store.path(namespace, key)` says where one is. Gets are served from a followed view, so they cost about a microsecond
and go on while the broker is away; what this process has put shows at once, what others have put within milliseconds.

A `put` replaces the item, as LangGraph defines it, so the last one stands; what it replaced stays in the history.
LangGraph has no word for a conflict. `update` is for changes that build on what is there: it runs again if another one
was faster, so that nothing is lost. All puts of one batch are one commit, as far as one may go: 990 puts.

A search with a `query` is ranked by the broker's index, by words and, where the broker has a model, by meaning: what it finds
comes first, with its score, then the rest as without a query. A broker that keeps no index passes the query over, as
SqliteStore does.

With an `index` the application embeds, as LangGraph defines it: a put sends the vectors of its texts along, and a search with
a `query` ranks by their cosine, which is the score. Items without vectors come last.

    store = MembusStore(memory, index={"dims": 1536, "embed": "openai:text-embedding-3-small", "fields": ["text"]})

Vectors belong to the version of the item: forks, merges, reverts and rollbacks bring them along, and what writes the item
otherwise drops them. Stores that share items are given the same `index`.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

import orjson
from langgraph.store.base import (
    BaseStore, GetOp, IndexConfig, Item, ListNamespacesOp, MatchCondition, Op, PutOp, Result, SearchItem, SearchOp,
    TTLConfig, validate_op_namespace,
)  # fmt: skip
from langgraph.store.base.batch import AsyncBatchedBaseStore

from .. import Conflict, Memory, NotHere, Record, Refused, SearchPage, View, aio
from ._langgraph_index import Index, Vector, paths_of, paths_said
from ._layout import (
    Changes, Find, Get, Range, Steps, Write, as_json, carry_out, carry_out_async, covering, name_of, path, pieces,
    segment,
)  # fmt: skip

__all__ = ["AsyncMembusStore", "MembusStore"]

PREFIX = "langgraph/store/"

#: Where vectors are, beside those of other applications.
SPACE = "langgraph"

#: Items whose parsed parts are kept for the next get.
_KEPT = 10_000

Namespace = tuple[str, ...]
Value = dict[str, Any]


class _Known:
    """A version of an item, and what of it was made out already."""

    __slots__ = ("record", "path", "namespace", "key", "text", "parse", "created", "updated", "ttl")

    def __init__(self, record: Record, namespace: Namespace, key: str) -> None:
        attributes = record.attributes
        moments = [name.removeprefix("updated ") for name in attributes if name.startswith("updated ")]
        created, ttl = attributes.get("created"), attributes.get("ttl")
        self.record, self.path, self.namespace, self.key = record, record.key, namespace, key
        self.text = record.text
        #: orjson takes half the time, but makes floats of integers that are large, and refuses half a character.
        self.parse: Callable[[str], Value] = json.loads if _ODD.search(self.text) else orjson.loads
        self.updated = datetime.fromisoformat(max(moments)) if moments else datetime.fromtimestamp(0, timezone.utc)
        self.created = datetime.fromisoformat(created) if created else self.updated
        #: Minutes; None: it does not expire.
        self.ttl = float(ttl) if ttl else None

    @property
    def value(self) -> Value:
        """A new one each time: it is its reader's, who may change it."""
        return self.parse(self.text)

    @property
    def item(self) -> Item:
        # Item's own way in converts what may come as text, which takes as long as all the rest of a get.
        item = _new(Item)
        item.value = self.parse(self.text)
        item.key = self.key
        item.namespace = self.namespace
        item.created_at = self.created
        item.updated_at = self.updated
        return item

    @property
    def is_over(self) -> bool:
        return self.ttl is not None and self.record.expires is not None and self.record.expires <= _now()

    @property
    def is_to_live_on(self) -> bool:
        """Whether a read has to put its end off. It was given a twentieth more time than was asked for."""
        expires = self.record.expires
        return self.ttl is not None and expires is not None and expires - _now() < timedelta(minutes=self.ttl)


_new = Item.__new__

#: Hits that a broker gives at a time.
_MOST_HITS = 1000

#: Hits beyond those that are wanted: a broker's order is that of rounded scores, so what is as good as the last of them counts.
_SPARE = 20

_SIGNS = re.compile(r'[":*]')

_ODD = re.compile(r"\d{17}|\\u[dD][89a-fA-F]")


class _Sorted(NamedTuple):
    """A batch, taken apart."""

    size: int
    #: By their numbers in the batch.
    gets: dict[int, tuple[str, GetOp]]
    scans: dict[int, SearchOp | ListNamespacesOp]
    #: By path; of several puts of one item the last one.
    puts: dict[str, PutOp]

    @property
    def keys(self) -> list[str]:
        """Of the items that the batch reads or replaces."""
        return list(dict.fromkeys([*(path for path, _ in self.gets.values()), *self.puts]))

    def seen(self, view: View | aio.View, linearizable: bool) -> Mapping[str, Record]:
        """What a view shows of them, all of one revision.

        Raises:
            NotHere: it has to be asked of the broker.
        """
        if self.gets and linearizable:
            raise NotHere("a read that is linearizable asks the broker")
        keys = self.keys
        return {key: record for key, record in zip(keys, view.read(*keys), strict=True) if record is not None}


class _Sent(NamedTuple):
    """What is sent along with an item: vectors by space, and what of its value they are of."""

    vectors: dict[str, list[Vector[float]]]
    paths: Sequence[str]

    @property
    def size(self) -> int:
        return sum(4 * len(vector) for vectors in self.vectors.values() for vector in vectors)


class _Shape:
    """What of a store does not wait: where items are, what is read and written, what is meant."""

    def __init__(self, prefix: str, ttl: TTLConfig | None, linearizable: bool, index: Index | None = None) -> None:
        if not prefix.endswith("/"):
            raise ValueError(f"prefix={prefix!r}: it ends in '/'")
        self.prefix = prefix
        self.linearizable = linearizable
        self.index = index
        self.refreshes = bool(ttl and ttl.get("refresh_on_read", True))
        #: What was read lately. Nothing, where each read asks the broker.
        self.kept: dict[tuple[Namespace, str], _Known] = {}

    # ---- Names

    def path(self, namespace: Namespace, key: str) -> str:
        return self.prefix + path(*namespace, key)

    def topic(self, namespace: Namespace) -> str:
        return self.prefix + "".join(segment(label) + "/" for label in namespace)

    def names(self, path: str) -> tuple[Namespace, str]:
        *namespace, key = map(name_of, path.removeprefix(self.prefix).split("/"))
        return tuple(namespace), key

    # ---- Items

    def known(self, record: Record) -> _Known:
        return _Known(record, *self.names(record.key))

    def keep(self, record: Record, namespace: Namespace, key: str) -> _Known:
        known = _Known(record, namespace, key)
        if not self.linearizable:
            if len(self.kept) >= _KEPT:
                self.kept.clear()
            self.kept[namespace, key] = known
        return known

    def sent(self, ops: Mapping[str, PutOp]) -> Steps[dict[str, _Sent]]:
        """Embeds what is put, by path. Before any transaction: it costs time, and money."""
        index = self.index
        if index is None:
            return {}
        meant = {
            path: index.fields if op.index is None else tuple(op.index) for path, op in ops.items()
            if op.value is not None and op.index is not False}
        texts = {path: index.texts(ops[path].value, paths) for path, paths in meant.items()}
        vectors = yield from index.embedded(text for own in texts.values() for text in own)
        found = {path: index.sent(own, vectors) for path, own in texts.items()}
        return {path: _Sent(own, meant[path]) for path, own in found.items() if own is not None}

    def written(
        self, tx: Changes, path: str, op: PutOp, before: Record | None, sent: _Sent | None = None
    ) -> None:
        """Adds what the operation asks for to a transaction."""
        if op.value is None:
            tx.delete(path)
            return
        now = _now().isoformat()
        # The moment is a name, not a value: so two branches that have changed other members of one item still merge.
        attributes = {"created": before.attributes.get("created", now) if before else now, f"updated {now}": ""}
        if op.ttl is not None:
            attributes["ttl"] = repr(float(op.ttl))
        if sent is not None:
            attributes["index"] = paths_said(sent.paths)
        tx.put(
            path, as_json(dict(op.value)), kind="json", attributes=attributes,
            expires=None if op.ttl is None else _lifetime(op.ttl), vectors=sent and sent.vectors)

    # ---- Operations

    def sorted(self, ops: Iterable[Op]) -> _Sorted:
        """Takes a batch apart.

        Raises:
            InvalidNamespaceError, ValueError: of one operation; then nothing is done.
        """
        listed = list(ops)
        todo = _Sorted(len(listed), {}, {}, {})
        for number, op in enumerate(listed):
            validate_op_namespace(op)
            match op:
                case GetOp():
                    todo.gets[number] = (self.path(tuple(op.namespace), op.key), op)
                case PutOp():
                    todo.puts[self.path(tuple(op.namespace), op.key)] = op
                case SearchOp():
                    for name in op.filter or ():
                        _check_name(name)
                    todo.scans[number] = op
                case ListNamespacesOp():
                    todo.scans[number] = op
                case _:
                    raise ValueError(f"no operation of a store: {op!r}")
        return todo

    def steps(self, todo: _Sorted, found: Mapping[str, Record]) -> Steps[list[Result]]:
        """What a batch asks for beside what a view has: what is read, then what is written, as SqliteStore does."""
        results: list[Result] = [None] * todo.size
        read: list[_Known] = []
        for number, (path, op) in todo.gets.items():
            if (record := found.get(path)) is not None:
                known = self.keep(record, tuple(op.namespace), op.key)
                if not known.is_over:
                    results[number] = known.item
                    if op.refresh_ttl:
                        read.append(known)
        if todo.scans:
            scopes = {number: _scope(op) for number, op in todo.scans.items()}
            keys_only = not any(isinstance(op, SearchOp) for op in todo.scans.values())
            near = yield from self.near(todo)
            records = yield Range(covering(map(self.topic, scopes.values())), keys_only)
            for number, scan in todo.scans.items():
                topic = self.topic(scopes[number])
                under = [record for record in records if record.key.startswith(topic)]
                if isinstance(scan, SearchOp):
                    if number in near:
                        scores = yield from self.cosines(scan, under, *near[number])
                    elif self.index is None:
                        scores = yield from self.scores(scan, topic)
                    else:
                        scores = {}
                    hits = self.hits(scan, under, scores)
                    results[number] = [
                        SearchItem(
                            hit.namespace, hit.key, hit.value, hit.created, hit.updated, scores.get(hit.path))
                        for hit in hits]
                    read += hits if scan.refresh_ttl else []
                else:
                    results[number] = self.namespaces(scan, under)
        yield from self.live_on(read)
        sent = yield from self.sent(todo.puts)
        for piece in pieces(todo.puts.items(), lambda put: sent[put[0]].size if put[0] in sent else 0):

            def body(tx: Changes, piece: Sequence[tuple[str, PutOp]] = piece) -> None:
                for path, op in piece:
                    self.written(tx, path, op, found.get(path), sent.get(path))

            yield Write(body, _message(piece))
        return results

    def live_on(self, read: Iterable[_Known]) -> Steps[None]:
        """Has items live on that were read. Who changed one meanwhile has given it a time of its own."""
        due = [known for known in read if self.refreshes and known.is_to_live_on]
        vectors = yield from self.vectors_again(due)
        for known in due:
            if known.path in vectors:
                try:
                    yield Write(functools.partial(_live_on, known, vectors[known.path]), "read, so it lives on")
                except Conflict:
                    pass

    def vectors_again(self, items: Sequence[_Known]) -> Steps[dict[str, Any]]:
        """Those of items that are written again as they are, by path; None: it has none."""
        index = self.index
        if index is None:
            return {known.path: None for known in items}
        texts = {known.path: index.texts(known.value, paths_of(known.record.attributes.get("index"))) for known in items}
        try:
            vectors = yield from index.embedded_again(text for own in texts.values() for text in own)
        except Exception:
            # What was asked for is read all the same. Those with vectors live on by a later read.
            return {path: None for path, own in texts.items() if not own}
        return {path: index.sent(own, vectors) for path, own in texts.items()}

    def scores(self, op: SearchOp, topic: str) -> Steps[dict[str, float]]:
        """What the broker finds for a search's query, by path, best first."""
        # It is prose: what the broker would take for a phrase, a prefix or a field is none.
        question = _SIGNS.sub(" ", op.query or "").strip()
        if not question:
            return {}
        # What a filter leaves out is made up for by what comes after it.
        most = _MOST_HITS if op.filter else min(op.offset + op.limit, _MOST_HITS)
        try:
            found = yield Find(question, topic, max(1, most))
        except Refused:
            return {}  # It keeps no index, or the query is none for it.
        return {hit.key: hit.score for hit in found.hits}

    def near(self, todo: _Sorted) -> Steps[dict[int, tuple[Find, SearchPage]]]:
        """The first page of each search that has a vector, by its number, and how it was asked for."""
        if self.index is None:
            return {}
        asked = {number: op for number, op in todo.scans.items() if isinstance(op, SearchOp) and op.query}
        vectors = yield from self.index.questions(op.query or "" for op in asked.values())
        pages: dict[int, tuple[Find, SearchPage]] = {}
        for number, op in asked.items():
            if (vector := vectors.get(op.query or "")) is not None:
                # What a filter leaves out is made up for by what comes after it.
                most = _MOST_HITS if op.filter else min(op.offset + op.limit + _SPARE, _MOST_HITS)
                find = Find("", self.topic(_scope(op)), most, vector=vector, space=self.index.space)
                pages[number] = find, (yield find)
        return pages

    def cosines(
        self, op: SearchOp, records: Sequence[Record], find: Find, page: SearchPage
    ) -> Steps[dict[str, float]]:
        """Those of the best that a search may show, by path, best first."""
        listed = {record.key: record for record in records}
        newest = max((record.revision for record in records), default=0)
        if newest > page.revision:
            # Somebody was faster than the index: what is listed is looked for as it is listed.
            page = yield find._replace(at=newest)
        tests = _tests(op)

        @functools.cache
        def counts(path: str) -> bool:
            return path in listed and self.shown(listed[path], tests) is not None

        hits = list(page.hits)
        while len(page.hits) == find.limit:
            # Those that are told from the last one by their scores are in their places.
            if sum(hit.score > hits[-1].score and counts(hit.key) for hit in hits) >= op.offset + op.limit:
                break
            page = yield find._replace(at=page.revision, offset=len(hits))
            hits += page.hits
        hits.sort(key=lambda hit: -hit.cosine)
        return {hit.key: hit.cosine for hit in hits}

    def shown(self, record: Record, tests: Sequence[_Test]) -> _Known | None:
        """The item, if a search may show it."""
        known = self.known(record)
        return None if known.is_over or tests and not _passes(known.value, tests) else known

    def hits(self, op: SearchOp, records: Iterable[Record], scores: Mapping[str, float]) -> list[_Known]:
        """What a search finds, in the order of the scores, then what was put last first."""
        places = {path: place for place, path in enumerate(scores)}
        newest = sorted(records, key=lambda record: (record.revision, record.ordinal), reverse=True)
        newest.sort(key=lambda record: places.get(record.key, len(places)))
        tests = _tests(op)
        kept = (known for record in newest if (known := self.shown(record, tests)) is not None)
        return list(itertools.islice(kept, op.offset, op.offset + op.limit))

    def namespaces(self, op: ListNamespacesOp, records: Iterable[Record]) -> list[Namespace]:
        all_of_them = dict.fromkeys(self.names(record.key)[0] for record in records)
        meant = (
            namespace[: op.max_depth] for namespace in all_of_them
            if all(_is_match(namespace, condition) for condition in op.match_conditions or ()))
        return sorted(set(meant))[op.offset : op.offset + op.limit]

    def update(
        self, namespace: Namespace, key: str, change: Callable[[Value | None], Value | None], ttl: float | None,
        index: Literal[False] | list[str] | None,
    ) -> Steps[Value | None]:
        validate_op_namespace(GetOp(namespace, key))
        path = self.path(namespace, key)
        while True:
            found = yield Get((path,))
            before = found.get(path)
            value = change(None if before is None else before.json())
            if value is None and before is None:
                return None
            op = PutOp(namespace, key, value, index, ttl)
            sent = yield from self.sent({path: op})

            def body(
                tx: Changes, op: PutOp = op, before: Record | None = before, sent: _Sent | None = sent.get(path)
            ) -> None:
                tx.require(path, at=0 if before is None else before.revision)
                self.written(tx, path, op, before, sent)

            try:
                yield Write(body, f"update {key}")
                return value
            except Conflict:
                continue  # Somebody else was faster.


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _lifetime(ttl: float) -> timedelta:
    """How long the broker keeps it: a twentieth longer than was asked for. So not every read has to write, and no item
    goes before its time."""
    return timedelta(minutes=max(float(ttl) * 1.05, 1e-4))


def _live_on(known: _Known, vectors: Any, tx: Changes) -> None:
    record = known.record
    tx.require(record.key, at=record.revision)
    tx.put(
        record.key, record.value or b"", kind=record.kind, attributes=record.attributes, links=record.links,
        expires=_lifetime(known.ttl or 0), vectors=vectors)


def _message(puts: Sequence[tuple[str, PutOp]]) -> str:
    op = puts[0][1]
    said = f"{'delete' if op.value is None else 'put'} {op.key}"
    return said if len(puts) == 1 else f"{said} and {len(puts) - 1} more"


def _scope(op: SearchOp | ListNamespacesOp) -> Namespace:
    """The namespace that all that is meant lies in."""
    if isinstance(op, SearchOp):
        return tuple(op.namespace_prefix)
    for condition in op.match_conditions or ():
        if condition.match_type == "prefix":
            plain = list(condition.path)
            return tuple(plain[: plain.index("*")] if "*" in plain else plain)
    return ()


def _is_match(namespace: Namespace, condition: MatchCondition) -> bool:
    wanted = tuple(condition.path)
    if len(namespace) < len(wanted):
        return False
    part = namespace[: len(wanted)] if condition.match_type == "prefix" else namespace[len(namespace) - len(wanted) :]
    return all(want in (label, "*") for label, want in zip(part, wanted, strict=True))


# ---- Filters


_NAME = re.compile(r"[a-zA-Z0-9_.-]+")

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, wanted: value == wanted,
    "$ne": lambda value, wanted: value != wanted,
    "$gt": lambda value, wanted: value > wanted,
    "$gte": lambda value, wanted: value >= wanted,
    "$lt": lambda value, wanted: value < wanted,
    "$lte": lambda value, wanted: value <= wanted,
}

_Test = Callable[[Value], bool]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"Invalid filter key: {name!r}. It has letters, digits, underscores, dots and hyphens only.")


def _test(name: str, wanted: Any) -> _Test:
    if not isinstance(wanted, dict):
        wanted = {"$eq": wanted}
    tests = []
    for sort, bound in wanted.items():
        if sort not in _TESTS:
            raise ValueError(f"Unsupported operator: {sort}")
        tests.append((_TESTS[sort], bound))

    def test(value: Value) -> bool:
        found = _member(value, name)
        return all(_holds(compare, found, bound) for compare, bound in tests)

    return test


def _tests(op: SearchOp) -> list[_Test]:
    return [_test(name, wanted) for name, wanted in (op.filter or {}).items()]


def _holds(compare: Callable[[Any, Any], bool], value: Any, bound: Any) -> bool:
    try:
        return compare(value, bound)
    except TypeError:
        return False  # A text is neither more nor less than a number.


def _passes(value: Value, tests: Sequence[_Test]) -> bool:
    return all(test(value) for test in tests)


def _member(value: Any, name: str) -> Any:
    """The member of that name; else what a dotted path leads to; else None."""
    if isinstance(value, dict) and name in value:
        return value[name]
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


# ---- For those who wait


class MembusStore(BaseStore):
    """A `BaseStore` for graphs that are not async; async ones may use it, too, through threads.

    Args:
        memory: what it is kept in; it stays the caller's to close.
        index: LangGraph's configuration: how texts are embedded, and which. Without it a query is the broker's to rank.
        ttl: LangGraph's configuration: minutes, refreshed by reads unless it says otherwise. The broker deletes what is
            over. An item goes at most a twentieth of its time later than asked for.
        prefix: the topic of the items.
        linearizable: each get asks the broker, and shows all that was acknowledged to anybody before.
        space: the vectors', by which they are told from those of other models.

    Raises, from every call:
        InvalidNamespaceError: a label is empty, is no text, or has a period.
        membus.MembusError: what did not go through: InvalidName (the names are longer than a key, 1,024 bytes),
            Timeout, Refused (by a broker without an index, too, where vectors are to be compared).
    """

    supports_ttl = True
    index_config: IndexConfig | None
    embeddings: Any

    def __init__(
        self, memory: Memory, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None, prefix: str = PREFIX,
        linearizable: bool = False, space: str = SPACE,
    ) -> None:
        super().__init__()
        own = Index(index, space) if index else None
        self._shape = _Shape(prefix, ttl, linearizable, own)
        self.index_config, self.embeddings = (own.config, own.embeddings) if own else (None, None)
        self._memory = memory
        self._view = memory.follow(prefix)
        self._peek, self._kept = self._view.peek, self._shape.kept
        self.ttl_config = ttl

    def path(self, namespace: Namespace, key: str) -> str:
        """The key of an item's record: for `memory.history(…)`, `memory.revert(…)` and the command line."""
        return self._shape.path(tuple(namespace), key)

    def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        # What was read before, and is the same still, is found by its names at once; all else is the general way's.
        known = self._kept.get((tuple(namespace), key))
        if known is not None and known.ttl is None:
            try:
                if self._peek(known.path) is known.record:
                    return known.item
            except NotHere:
                pass
        return super().get(namespace, key, refresh_ttl=refresh_ttl)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return carry_out(self._memory, self._steps(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        if self._shape.index is None:
            return await asyncio.to_thread(self.batch, ops)
        # What embeds may be async.
        return await carry_out_async(self._memory, await asyncio.to_thread(self._steps, ops))

    def _steps(self, ops: Iterable[Op]) -> Steps[list[Result]]:
        todo = self._shape.sorted(ops)
        try:
            found = todo.seen(self._view, self._shape.linearizable)
        except NotHere:
            found = self._view.get_all(*todo.keys, linearizable=self._shape.linearizable)
        return self._shape.steps(todo, found)

    def update(
        self, namespace: Namespace, key: str, change: Callable[[Value | None], Value | None], *,
        ttl: float | None = None, index: Literal[False] | list[str] | None = None,
    ) -> Value | None:
        """Changes an item by what is there now.

            store.update(("plans",), "paris", lambda plan: {**(plan or {}), "hotel": "by the river"})

        Args:
            namespace: the item's.
            key: the item's.
            change: gets the value, or None, and returns the new one, or None to delete it. It may run several times.
            ttl: minutes until it expires.
            index: as of a put: which of its paths are embedded; None: the store's.
        """
        return carry_out(self._memory, self._shape.update(tuple(namespace), key, change, ttl, index))


# ---- For those who await


class AsyncMembusStore(AsyncBatchedBaseStore):
    """The same for async graphs: what tasks ask for in one turn of the event loop is one batch.

        store = AsyncMembusStore(await membus.aio.connect(agent="planner"))

    It is made, and used, in one event loop; other threads may call its methods that are not async.
    """

    supports_ttl = True
    index_config: IndexConfig | None
    embeddings: Any

    def __init__(
        self, memory: aio.Memory, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None,
        prefix: str = PREFIX, linearizable: bool = False, space: str = SPACE,
    ) -> None:
        super().__init__()
        own = Index(index, space) if index else None
        self._shape = _Shape(prefix, ttl, linearizable, own)
        self.index_config, self.embeddings = (own.config, own.embeddings) if own else (None, None)
        self._memory = memory
        self._view: aio.View | None = None
        self._following = asyncio.Lock()
        self.ttl_config = ttl

    def path(self, namespace: Namespace, key: str) -> str:
        """The key of an item's record."""
        return self._shape.path(tuple(namespace), key)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        todo = self._shape.sorted(ops)
        found: Mapping[str, Record] = {}
        if todo.keys:
            async with self._following:
                if self._view is None:
                    self._view = await self._memory.follow(self._shape.prefix)
            try:
                found = todo.seen(self._view, self._shape.linearizable)
            except NotHere:
                found = await self._view.get_all(*todo.keys, linearizable=self._shape.linearizable)
        return await carry_out_async(self._memory, self._shape.steps(todo, found))

    async def aupdate(
        self, namespace: Namespace, key: str, change: Callable[[Value | None], Value | None], *,
        ttl: float | None = None, index: Literal[False] | list[str] | None = None,
    ) -> Value | None:
        """Changes an item by what is there now; see `MembusStore.update`."""
        return await carry_out_async(self._memory, self._shape.update(tuple(namespace), key, change, ttl, index))

"""What retrieval answers: pages of hits, recollections, graphs of links, rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from ._asking import ask
from ._requests import Pending
from ._values import Seconds, Token
from ._vectors import Vector, numbers

#: Whether vectors take part: once each visible passage has one; with those that there are; not at all.
Meaning = Literal["where_complete", "always", "never"]

#: Which way links are followed: from source to target, from target to source, both.
Direction = Literal["out", "in", "both"]


class Passage(NamedTuple):
    """A part of a record's value: the `number`th, from 0, of `total`."""

    text: str
    number: int
    total: int


class SearchHit(NamedTuple):
    """A record that a search found.

    Attributes:
        score: words / best words + cosine / best cosine / 2, to four digits.
        words: BM25, before it is divided by the best.
        cosine: of the nearest passage, or of the nearest vector of the space that was asked in; 0: none.
        passage: the best one, if passages were asked for.
        shares: of each term, in the order of the page's `terms`, if they were asked for.
        author: of the commit that wrote the version.
        settings: records under `.membus/search/` set how this one is searched; if terms were asked for.
    """

    key: str
    revision: int
    score: float
    words: float
    cosine: float
    kind: str
    author: str
    passage: Passage | None = None
    shares: tuple[float, ...] = ()
    settings: bool = False


class SearchTerm(NamedTuple):
    """A term of a question, as it stands in the index: how many visible passages hold it, and what it is worth."""

    term: str
    passages: int
    weight: float


class SearchPage(NamedTuple):
    """What a search found, best first.

    Attributes:
        hits: at most as many as were asked for.
        found: records that match, in the topics.
        revision: the state that was searched: name it in `at` for later pages.
        indexed: how far the index was.
        embedded: the share of visible passages that have a vector, between 0 and 1; 0 also if there is no model. Where a
            vector was brought: of visible records, by vectors in its space.
        meaning: whether vectors took part.
        passages: visible ones, of which the worth of a word is counted.
        terms: if they were asked for.
        settings: records under `.membus/search/` have some of what the state shows searched in another way, or not at all; if
            terms were asked for.
    """

    hits: list[SearchHit]
    found: int
    revision: int
    indexed: int
    embedded: float
    meaning: bool
    passages: int
    terms: list[SearchTerm]
    settings: bool = False


class Citation(NamedTuple):
    """Where a part of a recollection comes from: `passage` is its number. `linked_from` and `relation` name the link that
    brought it; None: it was found."""

    key: str
    revision: int
    score: float
    passage: int
    linked_from: str | None = None
    relation: str | None = None


class Recollection(NamedTuple):
    """What is known of something. `str()` gives the block.

    Attributes:
        block: a text for a prompt: the best passages, each cited as key@revision.
        citations: in the order of the block.
        size: of the block, in the unit that was asked for.
        left_out: passages that matched and did not fit.
        revision: the state that it is of: name it in `since` to have only what is new.
        indexed, embedded, meaning: as of a `SearchPage`.
    """

    block: str
    citations: list[Citation]
    size: int
    left_out: int
    revision: int
    indexed: int
    embedded: float
    meaning: bool

    def __str__(self) -> str:
        return self.block


class LinkNode(NamedTuple):
    """A key, so many steps from the nearest start. Without a revision there is no record: what links to it dangles."""

    key: str
    depth: int
    revision: int | None = None
    kind: str | None = None


class LinkEdge(NamedTuple):
    """A link; `revision` is that of the version of the source that has it."""

    source: str
    relation: str
    target: str
    revision: int


class LinkGraph(NamedTuple):
    """Records and the links between them, as of one revision: `nodes` each once, nearest first. `is_cut`: there are more
    edges than the limit."""

    nodes: list[LinkNode]
    edges: list[LinkEdge]
    revision: int
    indexed: int
    is_cut: bool


class QueryResult(NamedTuple):
    """The rows of a query, as of one revision: values of `columns`, as SQLite has them. `is_cut`: there are more than the
    limit, or more than 16 MiB of them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    revision: int
    is_cut: bool


def _made(pending: Pending[dict[str, Any]], make: Any) -> Pending[Any]:
    return Pending(pending.call, lambda answer: make(pending.finish(answer)))


def _moment(at: int | None, at_least: Token | None, branch: str | None) -> dict[str, Any]:
    return {"at": at, "at_least": None if at_least is None else str(at_least), "branch": branch}


def _brought(vector: Vector | None, space: str | None) -> dict[str, Any]:
    if (vector is None) != (space is None):
        raise ValueError("vector and space go together: a vector is compared with those of its space")
    return {} if vector is None else {"space": space, "vector": numbers(vector)}


def search(
    memory: int, question: str, topics: Iterable[str], limit: int, offset: int, meaning: Meaning, vector: Vector | None,
    space: str | None, explain: bool, passages: bool, at: int | None, at_least: Token | None, branch: str | None, timeout: Seconds | None,
) -> Pending[SearchPage]:
    said: dict[str, Any] = {
        "question": question, "topics": list(topics), "limit": limit, "offset": offset, "meaning": meaning,
        "explain": explain, "passages": passages, **_brought(vector, space), **_moment(at, at_least, branch)}

    def make(told: dict[str, Any]) -> SearchPage:
        return SearchPage(
            [_hit(hit) for hit in told["hits"]], told["found"], told["at"]["revision"], told["indexed"],
            told["embedded"], told["meaning"], told["records"],
            [SearchTerm(term["term"], term["passages"], term["weight"]) for term in told.get("terms", ())],
            told.get("settings", False))

    return _made(ask(memory, "search", said, timeout), make)


def _hit(told: dict[str, Any]) -> SearchHit:
    passage = told.get("passage")
    return SearchHit(
        told["key"], told["revision"], told["score"], told["words"], told["cosine"], told["kind"], told["author"],
        None if passage is None else Passage(passage["text"], passage["number"], passage["count"]),
        tuple(told.get("shares", ())), told.get("settings", False))


def recall(
    memory: int, question: str, topics: Iterable[str], budget: int | None, tokens: bool, since: int | None,
    meaning: Meaning, vector: Vector | None, space: str | None, at: int | None, at_least: Token | None,
    branch: str | None, timeout: Seconds | None,
) -> Pending[Recollection]:
    said: dict[str, Any] = {
        "question": question, "topics": list(topics), "budget": budget, "unit": "tokens" if tokens else "characters",
        "since": since, "meaning": meaning, **_brought(vector, space), **_moment(at, at_least, branch)}

    def make(told: dict[str, Any]) -> Recollection:
        citations = [
            Citation(
                one["key"], one["revision"], one["score"], one["passage"], one.get("linked_from"), one.get("relation"))
            for one in told["citations"]]
        return Recollection(
            told["block"], citations, told["size"], told["left_out"], told["at"]["revision"], told["indexed"],
            told["embedded"], told["meaning"])

    return _made(ask(memory, "recall", said, timeout), make)


def links(
    memory: int, keys: Iterable[str], depth: int | None, direction: Direction, relations: Iterable[str],
    to: str | None, limit: int, at: int | None, at_least: Token | None, branch: str | None, timeout: Seconds | None,
) -> Pending[LinkGraph]:
    said: dict[str, Any] = {
        "depth": depth, "direction": direction, "relations": list(relations), "to": to, "limit": limit,
        **_moment(at, at_least, branch)}
    # Of no keys, too, it is the broker that says what is wrong.
    said["keys"] = tuple(keys)

    def make(told: dict[str, Any]) -> LinkGraph:
        return LinkGraph(
            [LinkNode(one["key"], one["depth"], one.get("revision"), one.get("kind")) for one in told["nodes"]],
            [LinkEdge(one["source"], one["relation"], one["target"], one["revision"]) for one in told["edges"]],
            told["at"]["revision"], told["indexed"], told["cut"])

    return _made(ask(memory, "links", said, timeout), make)


def query(
    memory: int, sql: str, limit: int, at: int | None, at_least: Token | None, branch: str | None,
    timeout: Seconds | None,
) -> Pending[QueryResult]:
    said: dict[str, Any] = {"sql": sql, "limit": limit, **_moment(at, at_least, branch)}

    def make(told: dict[str, Any]) -> QueryResult:
        rows = [tuple(_cell(cell) if isinstance(cell, dict) else cell for cell in row) for row in told["rows"]]
        return QueryResult(told["columns"], rows, told["at"]["revision"], told["cut"])

    return _made(ask(memory, "query", said, timeout), make)


def _cell(told: dict[str, str]) -> bytes:
    import base64

    return base64.b64decode(told["base64"])


def reindex(memory: int, timeout: Seconds | None) -> Pending[int]:
    return _made(ask(memory, "reindex", {}, timeout), lambda told: told["versions"])


__all__ = [
    "Citation", "Direction", "LinkEdge", "LinkGraph", "LinkNode", "Meaning", "Passage", "QueryResult", "Recollection",
    "SearchHit", "SearchPage", "SearchTerm",
]  # fmt: skip

"""Merges and reverts: what somebody has to decide, what is decided, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Union

from . import _core
from ._values import Commit, RawCommit, Record, Seconds, milliseconds, moment

#: What can be put: text, bytes, or anything that JSON can say.
Value = str | bytes | bytearray | memoryview | dict[str, Any] | list[Any] | int | float | bool | None


def encoded(value: Value, kind: str | None) -> tuple[bytes, str]:
    """The value's bytes and its kind, where the caller names none."""
    if isinstance(value, str):
        return value.encode(), kind or "text"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), kind or "bytes"
    if kind == "counter" and isinstance(value, int):
        return str(value).encode(), kind
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), kind or "json"


class Put:
    """A whole new record, as what is decided of a key. Its arguments are those of `Transaction.put`, but for vectors."""

    __slots__ = ("_parts",)

    def __init__(
        self, value: Value, *, kind: str | None = None, attributes: Mapping[str, str] | None = None,
        links: Iterable[tuple[str, str]] = (), expires: Seconds | datetime | None = None,
    ) -> None:
        data, named = encoded(value, kind)
        after = milliseconds(expires) if isinstance(expires, (int, float, timedelta)) else 0
        at = moment(expires) if isinstance(expires, datetime) else 0
        self._parts: _core.Put = (data, named, tuple((attributes or {}).items()), tuple(links), after, at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Put) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"<Put of {self._parts[1]}, {len(self._parts[0])} bytes>"


#: What is decided of a key: our version, theirs, what both had in common, that it goes, or something else.
Choice = Union[Literal["ours", "theirs", "base", "delete"], Put]

_CHOICES = {"ours": _core.OURS, "theirs": _core.THEIRS, "base": _core.BASE, "delete": _core.REMOVE}


class Resolution(NamedTuple):
    """A decision of one conflict. It names the versions that it settles: where one of them is another by now, it
    settles nothing. `MergeConflict.resolved` makes it.

    Attributes:
        key: the conflict's.
        ours: the revision of our version, a deletion's included; 0: there never was one.
        theirs: the same of theirs.
        choice: "ours", "theirs", "base" (what both had in common), "delete", or a `Put`.
    """

    key: str
    ours: int
    theirs: int
    choice: Choice

    def _given(self) -> _core.Resolution:
        """As the core takes it."""
        if isinstance(self.choice, Put):
            return (self.key, self.ours, self.theirs, _core.REPLACE, self.choice._parts)
        if self.choice not in _CHOICES:
            raise ValueError(
                f"{self.choice!r} decides nothing: give {', '.join(map(repr, _CHOICES))}, or a membus.Put")
        return (self.key, self.ours, self.theirs, _CHOICES[self.choice], None)


class MergeVersion(NamedTuple):
    """One side of a conflict, and who wrote it.

    Attributes:
        record: the version; it may be a deletion. Beyond 4 MiB of values in all it comes without its value.
        commit: the commit that wrote it; None: it is no longer kept.
    """

    record: Record
    commit: Commit | None


#: By the numbers of membus.h.
_KINDS = (
    "", "bothChanged", "bothCreated", "deletedAndChanged", "changedAndDeleted", "differentKinds", "undone", "noBase",
    "otherRead",
)  # fmt: skip


class MergeConflict(NamedTuple):
    """A key that somebody has to decide about.

    Attributes:
        key: its name.
        kind: "bothChanged", "bothCreated", "deletedAndChanged" (ours deleted it, theirs changed it),
            "changedAndDeleted", "differentKinds", "undone" (it would bring back what was undone), "noBase" (what both
            had in common can't be told), or "otherRead" (of a pick: the commit had read base, and there is ours).
        base: what both had in common; None: nothing, or it is not known.
        ours: what is there, in the branch that is merged into; None: there never was a record.
        theirs: what the branch that is merged has.
    """

    key: str
    kind: str
    base: MergeVersion | None
    ours: MergeVersion | None
    theirs: MergeVersion | None

    def resolved(self, choice: Choice) -> Resolution:
        """A resolution of it."""
        ours, theirs = (side.record.revision if side else 0 for side in (self.ours, self.theirs))
        return Resolution(self.key, ours, theirs, choice)


class MergeReport(NamedTuple):
    """What a merge wrote.

    Attributes:
        source: the source's newest commit that was brought in.
        written: keys that were written.
        agreed: keys that both sides had changed in the same way.
        settled: conflicts that a resolution or a policy settled.
        parked: conflicts that were left for later.
    """

    source: int
    written: int
    agreed: int
    settled: int
    parked: int = 0


def conflict(
    key: str, kind: int, base: Record, base_commit: RawCommit, ours: Record, ours_commit: RawCommit, theirs: Record,
    theirs_commit: RawCommit,
) -> MergeConflict:
    """A conflict as libmembus tells it."""
    named = _KINDS[kind] if kind < len(_KINDS) else str(kind)
    return MergeConflict(
        key, named, _version(base, base_commit), _version(ours, ours_commit), _version(theirs, theirs_commit))


def _version(record: Record, commit: RawCommit) -> MergeVersion | None:
    if not (record.exists or record.is_deleted):
        return None
    told = commit.commit()
    return MergeVersion(record, told if told.revision else None)

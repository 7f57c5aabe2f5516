"""What can be asked of a memory, begun: the same for those who wait and those who await."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from . import _core
from ._errors import Unsettled
from ._merging import Choice, MergeConflict, MergeReport, Resolution
from ._values import Commit, Difference, Digest, Receipt, Record, Seconds, Snapshot, State, Token, Version, ViewChange, milliseconds, moment

T = TypeVar("T")

#: As paths are given.
Path = str | os.PathLike[str]

MODES = {"update": 0, "invalidate": 1}
POLICIES = {"serve": 0, "wait": 1, "fail": 2}


class Pending(Generic[T]):
    """A call under way, and what its answer means."""

    __slots__ = ("call", "finish")

    def __init__(self, call: _core.Call, finish: Callable[[_core.Answer], T]) -> None:
        self.call = call
        self.finish = finish

    def wait(self) -> T:
        """Waits for it, with the interpreter's lock let go of."""
        return self.finish(self.call.wait())


def choice(name: str, value: str, of: dict[str, int]) -> int:
    if value not in of:
        raise ValueError(f"{name}={value!r}: it is one of {', '.join(map(repr, of))}")
    return of[value]


def revision(at: int | None) -> int:
    """As libmembus takes it: 0 is the newest."""
    if at is not None and at < 1:
        raise ValueError(f"at={at}: states can be read from revision 1 on; None is the newest")
    return at or 0


def connect(
    address: str | None, agent: str, context: str, branch: str | None, timeout: Seconds
) -> Pending[_core.Owner]:
    call = _core.connect(address, agent, context, branch, milliseconds(timeout))
    return Pending(call, lambda answer: _core.own(answer[0]))


def close(memory: int) -> Pending[None]:
    return Pending(_core.close(memory), nothing)


def nothing(answer: _core.Answer) -> None:
    return None


def follow(
    memory: int, topics: Sequence[str], mode: str, capacity: int | None, when_stale: str, branch: str | None,
    context: str | None, warm: Path | None, timeout: Seconds | None,
) -> Pending[int]:
    """-> the view's number, which whoever takes it has to free."""
    if capacity is not None and capacity < 1:
        raise ValueError(f"capacity={capacity}: give bytes, or None for 256 MiB")
    call = _core.follow(
        memory, topics, choice("mode", mode, MODES), choice("when_stale", when_stale, POLICIES), capacity or 0, branch,
        context, None if warm is None else os.fspath(warm), milliseconds(timeout))
    return Pending(call, lambda answer: answer[0])


# ---- Records


def snapshot(answer: _core.Answer) -> Snapshot:
    return Snapshot(answer[1], answer[2])


def first(answer: _core.Answer) -> Record | None:
    record = answer[2][0]
    return record if record.exists else None


def get(memory: int, keys: Sequence[str], at: int | None, branch: str | None, timeout: Seconds | None) -> _core.Call:
    return _core.get(memory, keys, revision(at), branch, milliseconds(timeout))


def freshness(
    at_least: Token | None, within: Seconds | None, linearizable: bool
) -> tuple[int, tuple[int, int, int] | None, int]:
    if (at_least is not None) + (within is not None) + linearizable > 1:
        raise ValueError("at_least, within and linearizable exclude each other: give the strongest that is needed")
    if at_least is not None:
        return (_core.AT_LEAST, at_least, 0)
    if within is not None:
        return (_core.WITHIN, None, milliseconds(within))
    return (_core.LINEARIZABLE if linearizable else _core.CACHED, None, 0)


def view_get(
    view: int, keys: Sequence[str], at_least: Token | None, within: Seconds | None, linearizable: bool,
    timeout: Seconds | None,
) -> _core.Call:
    return _core.view_get(view, keys, *freshness(at_least, within, linearizable), milliseconds(timeout))


def view_await(
    view: int, at_least: Token | None, within: Seconds | None, linearizable: bool, timeout: Seconds | None
) -> Pending[Token]:
    sort, token, age = freshness(at_least, within, linearizable)
    if sort == _core.CACHED:
        sort = _core.LIVE
    return Pending(_core.view_await(view, sort, token, age, milliseconds(timeout)), lambda answer: answer[1])


# ---- Lists


Page = tuple[list[T], bool]


def records(answer: _core.Answer) -> Page[Record]:
    return answer[2], bool(answer[5])


def versions(answer: _core.Answer) -> Page[Version]:
    pairs = zip(answer[2], answer[3], strict=True)
    return [Version(record, raw.commit()) for record, raw in pairs], bool(answer[5])


def differences(answer: _core.Answer) -> Page[Difference]:
    pairs = zip(answer[2][::2], answer[2][1::2], strict=True)
    found = [
        Difference(before.key, before if before.exists else None, after if after.exists else None)
        for before, after in pairs
    ]
    return found, bool(answer[5])


def commits(answer: _core.Answer) -> Page[Commit]:
    found = [raw.commit(tuple(answer[2][raw.first : raw.first + raw.count])) for raw in answer[3]]
    return found, bool(answer[5])


def log(
    memory: int, topics: Sequence[str], agent: str | None, context: str | None, since: datetime | float | None,
    until: datetime | float | None, ascending: bool, branch: str | None, values: bool, page_size: int,
    timeout: Seconds | None,
) -> _core.Owner:
    return _core.log(
        memory, topics, agent, context, moment(since), moment(until), branch, ascending, values, page_size,
        milliseconds(timeout))


def watch(memory: int, topics: Sequence[str], after: int | Token | None, branch: str | None) -> _core.Owner:
    if isinstance(after, Token):
        return _core.watch(memory, topics, branch, 0, after)
    return _core.watch(memory, topics, branch, after is None, (0, after or 0, 0))


def view_changes(answer: _core.Answer) -> Page[ViewChange]:
    """-> the changes, and that more may follow"""
    if answer[4] == _core.EVERYTHING:
        return [ViewChange(None, 0, None, False)], False
    return [
        ViewChange(record.key, record.revision, record if record.exists else None, record.is_deleted)
        for record in answer[2]
    ], False


CLOSED = 4
STATES = ("connecting", "connected", "disconnected", "without events", "closed")


def state_next(memory: int, known: int) -> Pending[int]:
    return Pending(_core.state_next(memory, known), lambda answer: answer[6])


# ---- The rest


def fork(
    memory: int, name: str, parent: str | None, at: int | None, expire: bool, message: str, timeout: Seconds | None
) -> Pending[Receipt[int]]:
    call = _core.fork(memory, name, parent, revision(at), expire, message, milliseconds(timeout))
    return Pending(call, lambda answer: Receipt(answer[1], True, answer[6]))


def change_branch(
    memory: int, name: str, action: int, message: str, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    return Pending(_core.change_branch(memory, name, action, message, milliseconds(timeout)), received)


def tag(
    memory: int, name: str, branch: str | None, at: int | None, message: str, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    return Pending(_core.tag(memory, name, branch, revision(at), False, message, milliseconds(timeout)), received)


def delete_tag(memory: int, name: str, message: str, timeout: Seconds | None) -> Pending[Receipt[None]]:
    return Pending(_core.tag(memory, name, None, 0, True, message, milliseconds(timeout)), received)


def find_state(memory: int, name: str, branch: str | None, timeout: Seconds | None) -> Pending[State]:
    call = _core.find_state(memory, name, branch, milliseconds(timeout))
    return Pending(call, lambda answer: State(answer[7], answer[6]))


class Merging:
    """A merge, from one try to the next. Others write on meanwhile: what was decided may be about older versions."""

    #: Tries.
    MOST = 8

    def __init__(
        self, memory: int, source: str, into: str | None, at: int | None, resolutions: Iterable[Resolution],
        carries_rules: bool, parks: bool, message: str, timeout: Seconds | None,
    ) -> None:
        self._about = memory, source, into, revision(at), carries_rules, message, milliseconds(timeout)
        self._parks = parks
        self._decided = list(resolutions)
        self._tries = 0

    def begin(self) -> Pending[Receipt[MergeReport | None]]:
        memory, source, into, at, carries_rules, message, timeout = self._about
        self._tries += 1
        decided = tuple(resolution._given() for resolution in self._decided)
        return Pending(
            _core.merge(memory, source, into, at, decided, carries_rules, self._parks, message, timeout), merged)

    def take(self, error: Unsettled, choices: list[tuple[MergeConflict, Choice | None]], parks: bool = False) -> None:
        """What was decided of what it was unsettled by.

        Raises:
            the error itself: nothing was decided that was not decided before, or it was tried often enough.
        """
        asked = {conflict.key for conflict, _ in choices}
        decided = [resolution for resolution in self._decided if resolution.key not in asked]
        decided += [conflict.resolved(choice) for conflict, choice in choices if choice is not None]
        if set(decided) == set(self._decided) or self._tries >= self.MOST:
            if not parks or self._parks:
                raise error
            # Whoever is asked is asked before anything is left for later.
            self._parks = True
        self._decided = decided


def merged(answer: _core.Answer) -> Receipt[MergeReport | None]:
    report = answer[8]
    return Receipt(answer[1], report is not None, None if report is None else MergeReport(*report))


def received(answer: _core.Answer) -> Receipt[None]:
    return Receipt(answer[1], answer[4] == _core.COMMITTED, None)


def rollback(
    memory: int, to: int, topics: Sequence[str], branch: str | None, message: str, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    return Pending(_core.rollback(memory, to, topics, branch, message, milliseconds(timeout)), received)


def revert(
    memory: int, versions: Iterable[tuple[str, int]], revisions: Iterable[int], agent: str | None,
    in_context: str | None, since: int | None, resolutions: Iterable[Resolution], branch: str | None, message: str,
    timeout: Seconds | None,
) -> Pending[Receipt[None]]:
    if (since is None) != (agent is None and in_context is None):
        raise ValueError("agent or in_context, and since, go together: whose commits are reverted, and since when")
    call = _core.revert(
        memory, tuple(versions), tuple(revisions), agent, in_context, since or 0,
        tuple(resolution._given() for resolution in resolutions), branch, message, milliseconds(timeout))
    return Pending(call, received)


def as_digest(answer: _core.Answer) -> Digest:
    return Digest(answer[7], answer[6], answer[1])


def digest(
    memory: int, topics: Sequence[str], at: int | None, branch: str | None, timeout: Seconds | None
) -> Pending[Digest]:
    return Pending(_core.digest(memory, topics, revision(at), branch, milliseconds(timeout)), as_digest)


def report(memory: int, sort: int, timeout: Seconds | None) -> Pending[Any]:
    import json

    return Pending(_core.report(memory, sort, milliseconds(timeout)), lambda answer: json.loads(answer[7]))


def compare(memory: int, start: str | None, end: str | None, timeout: Seconds | None) -> Pending[Any]:
    import json

    return Pending(_core.compare(memory, start, end, milliseconds(timeout)), lambda answer: json.loads(answer[7]))


def compact(
    memory: int, older_than: Seconds | None, below: int | None, timeout: Seconds | None
) -> Pending[int]:
    if below is not None and below < 1:
        raise ValueError(f"below={below}: revisions begin at 1; None is by the broker's window")
    call = _core.compact(memory, milliseconds(older_than), below or 0, milliseconds(timeout))
    return Pending(call, lambda answer: answer[6])


def backup(memory: int, path: Path, timeout: Seconds | None) -> Pending[int]:
    return Pending(_core.backup(memory, os.fspath(path), milliseconds(timeout)), lambda answer: answer[6])

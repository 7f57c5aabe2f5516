"""Views: local, coherent caches."""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _core
from ._errors import Closed
from ._reading import Reader
from ._requests import Path, Pending, as_digest, first, nothing, snapshot, view_await, view_changes, view_get
from ._values import Digest, Record, Seconds, Snapshot, Token, ViewChange

if TYPE_CHECKING:
    from typing_extensions import Self

D = TypeVar("D")

_PHASES = ("live", "stale", "failed", "closed")


class LocalView(_core.View):
    """The records of some topics, in a local cache that always shows one whole state, and never goes back.

    It reads like a dict of :class:`Record` by key: `view[key]`, `key in view`, `len(view)`, `view.items()`. These reads
    are local; each sees the newest state that the view has reached. :meth:`read` gives several records of one state, and
    :meth:`items` all of them: `dict(view)` would read key by key, while others write.
    """

    def __init__(self, number: int, memory: Any, topics: tuple[str, ...]) -> None:
        self._memory = memory
        self.topics = topics

    # ---- Local reads

    def snapshot(self) -> Snapshot:
        """All that the view holds, as of one revision, in the order of the keys."""
        return snapshot(_core.view_all(self._number).wait())

    def __iter__(self) -> Iterator[str]:
        return iter(self.snapshot())

    def keys(self) -> KeysView[str]:
        """The keys, as of one revision."""
        return self.snapshot().keys()

    def values(self) -> ValuesView[Record]:
        """The records, as of one revision."""
        return self.snapshot().values()

    def items(self) -> ItemsView[str, Record]:
        """Keys and records, as of one revision."""
        return self.snapshot().items()

    # ---- Where it stands

    @property
    def state(self) -> str:
        """"live", "stale" (its state is a whole, older one), "failed" or "closed"."""
        return _PHASES[_core.view_status(self._number)[0]]

    @property
    def stale_for(self) -> float:
        """Seconds for which the state has not been vouched for; 0 while the view is live."""
        return _core.view_status(self._number)[1] / 1000

    @property
    def token(self) -> Token:
        """Carries "at least what this view shows" to another agent."""
        return _core.view_status(self._number)[2]

    @property
    def revision(self) -> int:
        """What the view is at."""
        return self.token.revision

    def digest(self) -> Digest:
        """The fingerprint of the view's state, to be compared with `memory.digest`; of views in mode "update"."""
        return as_digest(_core.view_digest(self._number).wait())

    def close(self) -> None:
        """Stops following. Reads raise `Closed` from then on."""
        self._free()

    def __repr__(self) -> str:
        topics = ", ".join(map(repr, self.topics)) or "a warm file"
        try:
            phase, stale, token, count = _core.view_status(self._number)
        except Exception:
            return f"<View of {topics}, closed>"
        since = f" for {stale / 1000:.1f} s" if _PHASES[phase] == "stale" else ""
        return f"<View of {topics}: {count} records at {token.revision}, {_PHASES[phase]}{since}>"

    def _get(
        self, keys: tuple[str, ...], at_least: Token | None, within: Seconds | None, linearizable: bool,
        timeout: Seconds | None,
    ) -> _core.Call:
        return view_get(self._number, keys, at_least, within, linearizable, timeout)

    def _wait(
        self, at_least: Token | None, within: Seconds | None, linearizable: bool, timeout: Seconds | None
    ) -> Pending[Token]:
        return view_await(self._number, at_least, within, linearizable, timeout)

    def _save(self, path: Path) -> Pending[None]:
        return Pending(_core.view_save(self._number, os.fspath(path)), nothing)


Mapping.register(LocalView)


class ViewChanges(Reader[ViewChange]):
    """What happens to a view's records; ends when the view is closed. Ctrl-C ends the waiting; going on misses nothing."""

    def __init__(self, owner: _core.Owner) -> None:
        super().__init__(owner, _core.changes_next, view_changes)

    def __next__(self) -> ViewChange:
        try:
            return super().__next__()
        except Closed:
            raise StopIteration from None


class View(LocalView):
    __doc__ = LocalView.__doc__

    @overload
    def get(
        self, key: str, default: None = None, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | None: ...
    @overload
    def get(
        self, key: str, default: D, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | D: ...
    def get(
        self, key: str, default: D | None = None, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | D | None:
        """The record under a key, as fresh as asked for, fetched if it is not in the cache.

        Args:
            key: the record's.
            default: what to give where there is none.
            at_least: a state that contains what this token stands for.
            within: a state that contains everything that was visible this long ago.
            linearizable: a state that contains everything acknowledged to anybody before the call.
            timeout: of the whole call; None: the connection's.

        Raises:
            Timeout: the view does not get there in time.
            HistoryChanged: the token's history was replaced.
            NotFollowed, Stale, Refused, Closed.
        """
        record = first(self._get((key,), at_least, within, linearizable, timeout).wait())
        return default if record is None else record

    def get_all(
        self, *keys: str, at_least: Token | None = None, within: Seconds | None = None, linearizable: bool = False,
        timeout: Seconds | None = None,
    ) -> Snapshot:
        """Several records, all of one revision, as fresh as asked for; see :meth:`get`."""
        return snapshot(self._get(keys, at_least, within, linearizable, timeout).wait())

    def wait(
        self, *, at_least: Token | None = None, within: Seconds | None = None, linearizable: bool = False,
        timeout: Seconds | None = None,
    ) -> Token:
        """Waits until the view is as fresh as asked for; until it is live, if nothing is.

        Returns:
            what it is at then.
        """
        return self._wait(at_least, within, linearizable, timeout).wait()

    def changes(self) -> ViewChanges:
        """What happens to the view's records, from now on, for as long as it is open.

        Joined by key: who is slow gets the newest version of each record that changed, once. Each waits for the next one;
        Ctrl-C ends the waiting. :meth:`Memory.watch` brings every change instead, each once.
        """
        return ViewChanges(_core.view_changes(self._number))

    def save(self, path: Path) -> None:
        """Writes the state as a warm file, which `follow(warm=…)` starts from, with the value of every record: those that
        did not travel are fetched. The file appears whole or not at all.
        """
        self._save(path).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

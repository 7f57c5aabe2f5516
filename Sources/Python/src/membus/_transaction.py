"""Transactions: all of it happens in one commit, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from . import _core
from ._errors import MembusError
from ._merging import Put, Value, encoded
from ._requests import first, snapshot
from ._values import Record, Seconds, Snapshot
from ._vectors import Vectors, packed


class LocalTransaction:
    """What a transaction requires and changes, while its function runs. It may run several times."""

    def __init__(self, number: int) -> None:
        self._number = number
        #: What the last read of this attempt failed with.
        self._failure: MembusError | None = None

    # ---- Preconditions

    def require(self, key: str, *, at: int) -> None:
        """The key's newest version, a deletion's too, must be that of this revision; 0: the key must have no record."""
        _core.transaction_require(self._number, _core.AT, key, at)

    def require_absent(self, key: str) -> None:
        """The key must have no record."""
        _core.transaction_require(self._number, _core.IS_ABSENT, key, 0)

    def require_unchanged(self, topic: str, *, since: int) -> None:
        """No key of the topic may have changed after the revision."""
        _core.transaction_require(self._number, _core.UNCHANGED, topic, since)

    def require_sound(self) -> None:
        """Nothing that this transaction has read, or that was read in its context before, may have been undone or
        quarantined since."""
        _core.transaction_require(self._number, _core.SOUND, "", 0)

    # ---- Changes

    def put(
        self, key: str, value: Value, *, kind: str | None = None, attributes: Mapping[str, str] | None = None,
        links: Iterable[tuple[str, str]] = (), expires: Seconds | datetime | None = None, vectors: Vectors | None = None,
    ) -> None:
        """A whole new record.

        Args:
            key: its name.
            value: text (kind "text"), bytes (kind "bytes"), or what JSON can say (kind "json").
            kind: what the value is, if not that.
            attributes: texts by name.
            links: to other keys: (relation, key).
            expires: when the broker deletes it: seconds (or a timedelta) after the commit, or a datetime.
            vectors: of the value, by models of your own: by the name of a space, one vector or several of one length. A
                search that brings a vector in that space compares it with them. They are of this version: what changes
                the value drops them. They stay with the broker, and no record that is read has them.

        Raises:
            ValueError: vectors are empty, of different lengths, or no finite numbers.
        """
        spaces = packed(vectors) if vectors else []
        put = Put(value, kind=kind, attributes=attributes, links=links, expires=expires)
        _core.transaction_put(self._number, key, put._parts)
        for space in spaces:
            _core.transaction_vectors(self._number, key, *space)

    def delete(self, key: str) -> None:
        self._change(_core.DELETE, key)

    def increment(self, key: str, amount: int = 1) -> None:
        """Adds to a counter; an absent one starts from 0. Never conflicts."""
        self._change(_core.INCREMENT, key, b"", amount)

    def append(self, key: str, text: str) -> None:
        """Appends to a text; an absent one starts empty. Never conflicts."""
        self._change(_core.APPEND, key, text.encode())

    def patch(self, key: str, patch: dict[str, Any]) -> None:
        """Merges a JSON merge patch (RFC 7396); an absent document starts as {}. Never conflicts."""
        self._change(_core.PATCH, key, encoded(patch, "json")[0])

    def _change(self, action: int, key: str, value: bytes = b"", amount: int = 0) -> None:
        _core.transaction_change(self._number, action, key, value, amount)

    def _look(self, keys: tuple[str, ...], required: bool) -> _core.Call:
        return _core.transaction_get(self._number, keys, required)

    def _mends(self, error: BaseException) -> bool:
        """Whether the error is of this attempt's read, and running all of it again mends it. It is empty again then."""
        if error is not self._failure:
            return False
        try:
            _core.transaction_rerun(self._number)
        except MembusError:
            return False
        return True


class Transaction(LocalTransaction):
    __doc__ = LocalTransaction.__doc__

    def get(self, key: str) -> Record | None:
        """The record, or None; and the precondition that it is still so at the commit.

        All reads of one attempt are of one revision. What the transaction changes does not show.

        Raises:
            Timeout, Refused: let them pass: what a rerun mends has the function run again.
        """
        return first(self._answer((key,), True))

    def get_all(self, *keys: str) -> Snapshot:
        """Several records of one revision, each a precondition."""
        return snapshot(self._answer(keys, True))

    def read(self, key: str) -> Record | None:
        """Like :meth:`get`, but only noted as what the transaction builds upon: it may change meanwhile."""
        return first(self._answer((key,), False))

    def _answer(self, keys: tuple[str, ...], required: bool) -> _core.Answer:
        try:
            return self._look(keys, required).wait()
        except MembusError as error:
            self._failure = error
            raise

"""What the memory holds and tells: records, commits, places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, NamedTuple, TypeVar

from . import _core

T = TypeVar("T")

#: A time to wait: seconds, or a timedelta.
Seconds = float | timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def milliseconds(time: Seconds | None) -> int:
    """As libmembus takes it; None is 0, which is "what the connection gives"."""
    if time is None:
        return 0
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if not seconds > 0:
        raise ValueError(f"a time of {seconds} s cannot be waited for: give more than 0")
    # For ever is some thousand years.
    return max(1, round(min(seconds, 1e11) * 1000))


def moment(time: datetime | float | None) -> int:
    """Milliseconds since 1970, of a datetime (without a zone: local time) or of seconds since 1970."""
    if time is None:
        return 0
    return round((time.timestamp() if isinstance(time, datetime) else time) * 1000)


# Tuples with names, and plain classes: dataclasses would take as long to import as all the rest.


class Token(NamedTuple):
    """A place in one history: carries "at least this" from one agent to another. `str()` gives its text form."""

    lineage: int
    revision: int
    hash: int

    @classmethod
    def parse(cls, text: str) -> Token:
        """A token from its text form, `lineage:revision:hash`, as the command line prints it.

        Raises:
            BadArgument: it is none.
        """
        token: Token = _core.token_read(text)
        return token

    def __str__(self) -> str:
        return _core.token_write(self)

    def __repr__(self) -> str:
        return f"<Token {self}>"


class Record(_core.Record):
    """One version of a key: what a commit put there, or that it deleted what was there. It cannot be changed: a view gives
    the same object to all who read it.

    Attributes:
        key: its name.
        revision: of the commit that wrote it.
        ordinal: the change's place within its commit, from 0.
        value: the value; None if it did not travel (`view.get` fetches it), or if the record was deleted.
        size: the value's size in bytes, also when it did not travel.
        kind: what the value is: "text", "json", "counter", or one of the user's own.
        owner: the agent that put it.
        is_deleted: whether the commit deleted the record; the other fields are empty then.
    """

    __slots__ = ()

    @property
    def exists(self) -> bool:
        """Whether there is a record, with its value here or not."""
        return self._state in (1, 2)

    @property
    def is_deleted(self) -> bool:
        return self._state == 3

    @property
    def text(self) -> str:
        """The value as text.

        Raises:
            UnicodeDecodeError: it is none.
            ValueError: it did not travel.
        """
        return self._here().decode()

    def json(self) -> Any:
        """The value, a JSON document, as Python has it.

        Raises:
            ValueError: it is none, or did not travel.
        """
        import json

        return json.loads(self._here())

    @property
    def count(self) -> int:
        """A counter's value.

        Raises:
            ValueError: the record is no counter.
        """
        if self.kind != "counter":
            raise ValueError(f"{self.key} is of kind {self.kind}, no counter")
        return int(self._here())

    @property
    def attributes(self) -> dict[str, str]:
        """Texts by name."""
        return dict(self._attributes or ())

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Named links to other keys: (relation, key)."""
        return tuple(self._links or ())

    @property
    def expires(self) -> datetime | None:
        """When the broker will delete it."""
        return _EPOCH + timedelta(milliseconds=self._expires) if self._expires else None

    def _here(self) -> bytes:
        if self.value is None:
            raise ValueError(f"the value of {self.key} ({self.size} bytes) is not here: use view.get({self.key!r})")
        return self.value

    def _fields(self) -> tuple[object, ...]:
        return (
            self.key, self.revision, self.ordinal, self._state, self.value, self.size, self.kind, self.owner,
            self._expires, self._attributes, self._links,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Record) and self._fields() == other._fields())

    def __hash__(self) -> int:
        return hash((self.key, self.revision, self.ordinal))

    def __repr__(self) -> str:
        if self.is_deleted:
            return f"<Record {self.key} deleted at {self.revision}>"
        shown: object = f"{self.size} bytes" if self.value is None else self.value[:60]
        if isinstance(shown, bytes):
            shown = repr(shown.decode(errors="backslashreplace")) + ("…" if self.size > 60 else "")
        return f"<Record {self.key} at {self.revision}, {self.kind}: {shown}>"


class Commit(NamedTuple):
    """What a transaction became.

    Attributes:
        revision: its number in the history.
        hash: chains it to all before.
        branch: the branch that it is on.
        agent: its author; the broker's own commits are by "membus".
        context: the run, task or conversation that the agent acted in.
        message: why it was made.
        time: when, by the broker's clock.
        session: the author's session; 0: none.
        number: the transaction's number within it.
        records: what it wrote, as far as that was asked for.
    """

    revision: int
    hash: int
    branch: str
    agent: str
    context: str
    message: str
    time: datetime
    session: int
    number: int
    records: tuple[Record, ...] = ()

    def __repr__(self) -> str:
        said = f": {self.message}" if self.message else ""
        return f"<Commit {self.revision} on {self.branch} by {self.agent}{said}>"


class RawCommit:
    """A commit as an answer has it: its records are elsewhere in the answer."""

    __slots__ = ("fields", "first", "count")

    def __init__(
        self, revision: int, hash: int, branch: str, agent: str, context: str, message: str, time: int, session: int,
        number: int, first: int, count: int,
    ) -> None:
        self.fields = (revision, hash, branch, agent, context, message, time, session, number)
        self.first = first
        self.count = count

    def commit(self, records: tuple[Record, ...] = ()) -> Commit:
        revision, hash, branch, agent, context, message, time, session, number = self.fields
        when = _EPOCH + timedelta(milliseconds=time)
        return Commit(revision, hash, branch, agent, context, message, when, session, number, records)


class Version(NamedTuple):
    """One version of a key, with the commit that made it."""

    record: Record
    commit: Commit


class Difference(NamedTuple):
    """What a key has in two states, which is not the same.

    Attributes:
        key: its name.
        before: what it has in the first state; None: no record.
        after: what it has in the second.
    """

    key: str
    before: Record | None
    after: Record | None

    @property
    def change(self) -> str:
        """What happened: "added", "removed" or "changed"."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


class Change:
    """One change, as a watch delivers it.

    Attributes:
        record: what it left under the key.
        commit: the commit that it is part of.
        lineage: the history that this is part of.
    """

    __slots__ = ("record", "_commit", "lineage")

    def __init__(self, record: Record, commit: RawCommit, lineage: int) -> None:
        self.record = record
        self._commit = commit
        self.lineage = lineage

    @property
    def commit(self) -> Commit:
        return self._commit.commit()

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def revision(self) -> int:
        return self.record.revision

    @property
    def token(self) -> Token:
        """The commit's place: `memory.watch(…, after=change.token)` goes on behind it."""
        return Token(self.lineage, self._commit.fields[0], self._commit.fields[1])

    def __repr__(self) -> str:
        return f"<Change {self.record!r} by {self._commit.fields[3]}>"


class ViewChange(NamedTuple):
    """What happened to one of a view's records.

    Attributes:
        key: its name; None: more changed than could be listed, or the history is another one: read again what you need.
        revision: of the version; of the deletion.
        record: the record as the view held it when the change was taken; None: it is deleted, or not held.
        is_deleted: whether the key has no record any more.
    """

    key: str | None
    revision: int
    record: Record | None
    is_deleted: bool


class State(NamedTuple):
    """What a state's name means: a branch as of a revision."""

    branch: str
    revision: int


class Receipt(Generic[T]):
    """What a transaction became.

    Attributes:
        token: the commit; or, if nothing was to be written, a state in which the preconditions held.
        is_committed: whether there is a commit.
        result: what the function returned.
    """

    __slots__ = ("token", "is_committed", "result")

    def __init__(self, token: Token, is_committed: bool, result: T) -> None:
        self.token = token
        self.is_committed = is_committed
        self.result = result

    @property
    def revision(self) -> int:
        return self.token.revision

    def __repr__(self) -> str:
        return f"<Receipt: {'committed as' if self.is_committed else 'held at'} revision {self.revision}>"


class Snapshot(Mapping[str, Record]):
    """Some records as of one revision, by key. Keys without a record are not in it.

    Attributes:
        token: the state that they are of.
    """

    def __init__(self, token: Token, records: list[Record]) -> None:
        self.token = token
        self._records = {record.key: record for record in records if record.exists}

    @property
    def revision(self) -> int:
        return self.token.revision

    def __getitem__(self, key: str) -> Record:
        return self._records[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self)} records at {self.revision}>"


class Digest(NamedTuple):
    """A fingerprint of some topics' records: equal ones are of equal states.

    Attributes:
        digest: 64 hexadecimal digits.
        records: of how many.
        token: as of which state.
    """

    digest: str
    records: int
    token: Token

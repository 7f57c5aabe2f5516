"""A team's memory, as one agent reaches it."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _asking, _core, _finding, _requests
from ._asking import Cascading, Rewrite
from ._command import WholeFile, count_lines, exporting, importing, last_line, program
from ._errors import Closed, Forked, MembusError, Unsettled
from ._finding import Direction, LinkGraph, Meaning, QueryResult, Recollection, SearchPage
from ._merging import Choice, MergeConflict, MergeReport, Resolution, Value
from ._reading import Reader
from ._requests import Page, Path
from ._transaction import Transaction
from ._values import Change, Commit, Difference, Digest, Receipt, Record, Seconds, Snapshot, State, Token, Version, milliseconds
from ._vectors import Vector
from ._view import View

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

def connect(
    address: str | None = None, *, agent: str, context: str = "", branch: str = "main", timeout: Seconds = 30.0,
    embedded: bool = True,
) -> Memory:
    """Connects to a broker. Use it as a context manager, or close it.

    Args:
        address: where the broker takes requests: `tcp://HOST:PORT` or `ipc://PATH`. None: what the environment's
            MEMBUS_BROKER says, else the broker of the data directory (MEMBUS_DATA, else ~/.membus), else
            tcp://127.0.0.1:7401.
        agent: who the agent is: the author of its commits.
        context: the run, task or conversation that it acts in: recorded with its commits and reads.
        branch: what calls mean unless they name one.
        timeout: how long this call, and every other that does not say, waits for an answer, in seconds.
        embedded: where no broker is found, start one in the background on the data directory. It outlives this process,
            and ends an hour after its last client has gone.

    Raises:
        Timeout: no broker answers.
        UnsupportedVersion: it speaks another major version.
        SystemFault: the address cannot be used.
    """
    where = _core.find_broker(address, program() if embedded else None)
    return Memory(_requests.connect(where, agent, context, branch, timeout).wait(), where, agent, context, branch)


#: Closed when the interpreter ends, so that what was read is on record.
_OPEN: weakref.WeakSet[LocalMemory] = weakref.WeakSet()


class LocalMemory:
    """What of a memory does not wait."""

    def __init__(
        self, owner: _core.Owner, address: str, agent: str, context: str, branch: str, *, is_shared: bool = False
    ) -> None:
        self._owner = owner
        self._is_shared = is_shared
        self._number = owner.number
        #: Where the broker takes requests.
        self.address = address
        #: Who the agent is.
        self.agent = agent
        #: The run, task or conversation that it acts in.
        self.context = context
        #: What calls mean unless they name one.
        self.branch = branch
        if not is_shared:
            _OPEN.add(self)

    @property
    def state(self) -> str:
        """"connecting", "connected", "disconnected" (it is being tried), "without events" or "closed"."""
        try:
            return _requests.STATES[_core.memory_state(self._number)[0]]
        except Closed:
            return "closed"

    def __repr__(self) -> str:
        try:
            state = self.state
        except MembusError as error:
            state = error.code
        return f"<{type(self).__name__} of {self.agent} at {self.address}, {state}>"


@atexit.register
def _close_all() -> None:
    _core.ending()
    closing = []
    for memory in list(_OPEN):
        try:
            closing.append(_requests.close(memory._number))
        except MembusError:
            pass  # It was closed before, or is another process's.
    # All at once: a broker that does not answer is waited for half a second.
    for pending in closing:
        try:
            pending.wait()
        except (MembusError, KeyboardInterrupt):
            pass


class Listing(Reader[T]):
    """A list that is asked of the broker page by page, as it is iterated. Once: it goes on where it stands.

    Raises, as it is iterated:
        HistoryChanged: the broker's history is replaced meanwhile.
        BelowFloor: the pages were asked for so slowly that the broker dropped the state that they are of.
        Timeout, Refused, Closed.
    """

    def __init__(self, owner: _core.Owner, page: Callable[[_core.Answer], Page[T]]) -> None:
        super().__init__(owner, _core.list_next, page)


class Watch(Reader[Change]):
    """Every change to some topics, in order, each once, over reconnects and restarts of the broker too.

    Iterating waits for the next one, and for a broker that is away. Ctrl-C ends the waiting; going on afterwards misses
    nothing. `close()` ends it.

    Raises, as it is iterated:
        BelowFloor: changes of the topics after the place are no longer kept.
        HistoryChanged: the broker holds another history now.
        Closed.
    """

    def __init__(self, owner: _core.Owner) -> None:
        super().__init__(owner, watch_next, watched, ahead=True)

    def close(self) -> None:
        """Ends it: whoever waits for a change is told `Closed`."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def watch_next(watch: int) -> _core.Call:
    return _core.watch_next(watch, 0)


def watched(answer: _core.Answer) -> tuple[list[Change], bool]:
    return changes(answer), False


def refuse_coroutine(result: object) -> None:
    """
    Raises:
        TypeError: it is one: nothing of the function has run.
    """
    if hasattr(result, "__await__"):
        if hasattr(result, "close"):
            result.close()
        raise TypeError("the function is async: nothing of it was run; use membus.aio, or a function that is not")


def changes(answer: _core.Answer) -> list[Change]:
    lineage, records = answer[1].lineage, answer[2]
    return [
        Change(record, raw, lineage) for raw in answer[3] for record in records[raw.first : raw.first + raw.count]
    ]


class States:
    """How a connection stands, now and each time that it changes."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._known = -1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self._known == _requests.CLOSED:
            raise StopIteration
        try:
            self._known = _requests.state_next(self._memory, self._known).wait()
        except Closed:
            self._known = _requests.CLOSED
        return _requests.STATES[self._known]


class Memory(LocalMemory):
    """A team's memory, as one agent reaches it: one connection, shared by as many threads as like.

    It reconnects by itself. A child that `os.fork` made cannot use it (`Forked`), and connects anew.
    """

    # ---- Following

    def follow(
        self, *topics: str, mode: str = "update", capacity: int | None = None, when_stale: str = "serve",
        branch: str | None = None, context: str | None = None, warm: Path | None = None,
        timeout: Seconds | None = None,
    ) -> View:
        """Follows topics: a local, coherent cache of their records. Returns once it is complete.

        Args:
            topics: prefixes ending in `/`, exact keys, or `/` for everything.
            mode: "update": values travel along; "invalidate": only the news of changes does.
            capacity: bytes that the cache may use; None: 256 MiB.
            when_stale: what reads do while the view cannot vouch for its state: "serve" it, "wait", or "fail".
            branch: None: the connection's.
            context: what its reads are recorded with; None: the connection's.
            warm: a file that `view.save` wrote: the view reads at once from it, and catches up.
            timeout: until the view is complete, in seconds; None: the connection's.

        Raises:
            OverCapacity: the keys alone exceed `capacity`.
            WarmFileError, InvalidName, Timeout, Refused, Closed.
        """
        number = _requests.follow(
            self._number, topics, mode, capacity, when_stale, branch, context, warm, timeout).wait()
        return View(number, self, topics)

    # ---- Transactions

    @overload
    def transact(
        self, body: Callable[[Transaction], T], /, *, message: str = "", branch: str | None = None, retries: int = 0,
        timeout: Seconds | None = None,
    ) -> Receipt[T]: ...
    @overload
    def transact(
        self, /, *, message: str = "", branch: str | None = None, retries: int = 0, timeout: Seconds | None = None
    ) -> Callable[[Callable[[Transaction], T]], Receipt[T]]: ...
    def transact(
        self, body: Callable[[Transaction], T] | None = None, /, *, message: str = "", branch: str | None = None,
        retries: int = 0, timeout: Seconds | None = None,
    ) -> Receipt[T] | Callable[[Callable[[Transaction], T]], Receipt[T]]:
        """Runs a function that reads and changes, and commits what it asks for: all of it, or nothing.

        What it reads with `tx.get` must still be so at the commit. If not, it runs again on the new state, at most
        `retries` times. Returns once this agent's own views of the branch show the commit. As a decorator it runs the
        function at once, and the name is that of the receipt:

            @memory.transact(retries=5, message="book")
            def commit(tx):
                tx.increment("plans/paris/cost", 120)

        Args:
            body: reads and changes; it may run several times.
            message: what the commit is recorded with.
            branch: None: the connection's.
            retries: how often the function may run again.
            timeout: of the whole call, reruns included, in seconds; None: the connection's.

        Raises:
            Conflict: after the last try; it carries what is there now.
            Timeout: its `outcome_unknown` tells whether it may have taken effect.
            CommittedButNotSeen.
            Whatever the function raises: nothing is written then.
        """
        if body is None:
            return lambda body: self._transact(body, message, branch, retries, timeout)
        return self._transact(body, message, branch, retries, timeout)

    def _transact(
        self, body: Callable[[Transaction], T], message: str, branch: str | None, retries: int,
        timeout: Seconds | None,
    ) -> Receipt[T]:
        owner = _core.transaction_begin(self._number, message, branch, retries, milliseconds(timeout))
        while True:
            transaction = Transaction(owner.number)
            try:
                result = body(transaction)
                refuse_coroutine(result)
            except MembusError as error:
                if transaction._mends(error):
                    continue
                raise
            answer = _core.transaction_commit(owner.number).wait()
            if answer[4] != _core.RUN_AGAIN:
                return Receipt(answer[1], answer[4] == _core.COMMITTED, result)

    def put(
        self, key: str, value: Value, *, message: str = "", if_revision: int | None = None, branch: str | None = None,
        timeout: Seconds | None = None, **options: Any,
    ) -> Receipt[None]:
        """Puts one record, in a transaction of its own.

        Args:
            key: its name.
            value: text, bytes, or what JSON can say.
            message: what the commit is recorded with.
            if_revision: only if the key's newest version is that of this revision; 0: only if there is no record.
            branch: None: the connection's.
            timeout: of the whole call, in seconds; None: the connection's.
            options: those of `Transaction.put`.

        Raises:
            Conflict: it is not; the exception carries what is there now.
        """
        def body(tx: Transaction) -> None:
            if if_revision is not None:
                tx.require(key, at=if_revision)
            tx.put(key, value, **options)

        return self._transact(body, message, branch, 0, timeout)

    def delete(
        self, key: str, *, message: str = "", if_revision: int | None = None, branch: str | None = None,
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Deletes one record, in a transaction of its own; see :meth:`put`."""
        def body(tx: Transaction) -> None:
            if if_revision is not None:
                tx.require(key, at=if_revision)
            tx.delete(key)

        return self._transact(body, message, branch, 0, timeout)

    # ---- Looking things up

    def get(
        self, key: str, *, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Record | None:
        """The record under a key, asked of the broker; None: there is none.

        Args:
            key: the record's.
            at: as of which revision; or a state by its name, as :meth:`state` takes it, a tag's say; None: the newest.
            branch: None: the connection's, or the state's.
            timeout: in seconds; None: the connection's.

        Raises:
            BelowFloor: the revision is no longer kept.
            InvalidName, UnknownTag, Timeout, Refused, Closed.
        """
        at, branch = self._place(at, branch, timeout)
        return _requests.first(_requests.get(self._number, (key,), at, branch, timeout).wait())

    def get_all(
        self, *keys: str, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Snapshot:
        """Several records, all of one revision; see :meth:`get`."""
        at, branch = self._place(at, branch, timeout)
        return _requests.snapshot(_requests.get(self._number, keys, at, branch, timeout).wait())

    def range(
        self, *topics: str, at: int | str | None = None, keys_only: bool = False, branch: str | None = None,
        page_size: int = 1000, timeout: Seconds | None = None,
    ) -> Listing[Record]:
        """The records of some topics in the order of their keys, all of one revision, page by page.

        Args:
            topics: prefixes ending in `/`, exact keys, or `/` for everything.
            at: as of which revision, or a state by its name; None: the newest, when the first page is read.
            keys_only: values do not travel.
            branch: None: the connection's, or the state's.
            page_size: records in a page, at most.
            timeout: of each page, in seconds; None: the connection's.
        """
        at, branch = self._place(at, branch, timeout)
        owner = _core.range(self._number, topics, _requests.revision(at), branch, milliseconds(timeout), keys_only, page_size)
        return Listing(owner, _requests.records)

    def history(
        self, key: str, *, before: int | None = None, branch: str | None = None, page_size: int = 100,
        timeout: Seconds | None = None,
    ) -> Listing[Version]:
        """The versions of a key, newest first, deletions and those of parent branches included."""
        owner = _core.history(self._number, key, _requests.revision(before), branch, milliseconds(timeout), page_size)
        return Listing(owner, _requests.versions)

    def diff(
        self, start: str, end: str | None = None, *topics: str, keys_only: bool = False, page_size: int = 1000,
        timeout: Seconds | None = None,
    ) -> Listing[Difference]:
        """What differs between two states: each key that has other records in them, once, in no order that means anything.

        It costs as much as was written between them, whatever they hold.

        Args:
            start: the one state: a branch ("main"), a branch as of a revision ("main@60"), as it was a while ago
                ("main@2h") or at a time ("main@2026-03-01T12:00:00Z"), or before its newest commits ("main~3");
                without the branch, of the connection's ("60", "@2h", "~3").
            end: the other; None: the connection's branch as it is now.
            topics: prefixes ending in `/`, or exact keys; none: everything.
            keys_only: values do not travel.
            page_size: differences in a page, at most.
            timeout: of each page, in seconds; None: the connection's.
        """
        owner = _core.diff(self._number, start, end, topics, keys_only, page_size, milliseconds(timeout))
        return Listing(owner, _requests.differences)

    def compare(self, start: str, end: str | None = None, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """How two states stand to each other, and which revisions they are of, as `membus diff --stat --json` tells it: `common`, the newest states that both
        contain, and how many commits only one of them has, `only_from` and `only_to`."""
        found: dict[str, Any] = _requests.compare(self._number, start, end, timeout).wait()
        return found

    def log(
        self, *topics: str, agent: str | None = None, context: str | None = None,
        since: datetime | float | None = None, until: datetime | float | None = None, ascending: bool = False,
        branch: str | None = None, values: bool = False, page_size: int = 100, timeout: Seconds | None = None,
    ) -> Listing[Commit]:
        """The log of some topics (none: of everything), newest first unless `ascending`.

        A large commit may come in pieces, each with some of its records.

        Args:
            topics: prefixes ending in `/`, or exact keys.
            agent: only commits by this one.
            context: only commits in this one.
            since: only commits of this time or later, by the broker's clock.
            until: only commits of this time or earlier.
            ascending: oldest first.
            branch: None: of every branch.
            values: whether records come with their values.
            page_size: commits in a page, at most.
            timeout: of each page, in seconds; None: the connection's.
        """
        owner = _requests.log(
            self._number, topics, agent, context, since, until, ascending, branch, values, page_size, timeout)
        return Listing(owner, _requests.commits)

    def watch(self, *topics: str, after: int | Token | None = None, branch: str | None = None) -> Watch:
        """Every change to some topics, in order, each once.

        Args:
            topics: prefixes ending in `/`, exact keys, or `/` for everything.
            after: a revision; a token, of which it is checked that it is of the broker's history; None: from now on.
            branch: None: the connection's.
        """
        return Watch(_requests.watch(self._number, topics, after, branch))

    # ---- Branches and upkeep

    def find_state(self, name: str, *, branch: str | None = None, timeout: Seconds | None = None) -> State:
        """The branch and revision that a state's name means: a tag, "trial", "trial@61", "trial~3"; and of `branch`, or else the
        connection's, "66", "10m" (ago), "2026-03-01", "~3".

        Raises:
            UnknownTag, UnknownBranch, BelowFloor, BeyondHead, InvalidName.
        """
        return _requests.find_state(self._number, name, branch, timeout).wait()

    def _place(
        self, at: int | str | None, branch: str | None, timeout: Seconds | None
    ) -> tuple[int | None, str | None]:
        if not isinstance(at, str):
            return at, branch
        found = self.find_state(at, branch=branch, timeout=timeout)
        if branch is not None and branch != found.branch:
            raise ValueError(f"at={at!r} is a state of branch {found.branch!r}, not of {branch!r}")
        return found.revision, found.branch

    def fork(
        self, name: str, *, parent: str | None = None, at: int | str | None = None, expire: bool = False,
        message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[int]:
        """Makes a branch: a line of memory that starts as the parent was at a revision. Copies nothing.

        One that starts below the head stays as that was: records that it inherited do not expire on it, unless `expire`. The
        receipt's `result` is how many those are.

        Raises:
            BranchExists: there is such a branch, or was: no name is used again. TagExists.
            UnknownBranch, BelowFloor, BeyondHead.
        """
        at, parent = self._place(at, parent, timeout)
        return _requests.fork(self._number, name, parent, at, expire, message, timeout).wait()

    def close_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Nothing is written to the branch from now on, and nothing on it expires. It can be read, forked, and merged into
        others.

        Raises:
            UnknownBranch; InvalidArgument: `main` can't be closed.
        """
        return _requests.change_branch(self._number, name, _core.CLOSE_BRANCH, message, timeout).wait()

    def reopen_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Takes :meth:`close_branch` back."""
        return _requests.change_branch(self._number, name, _core.REOPEN_BRANCH, message, timeout).wait()

    def protect_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Only merges write to the branch from now on, and it can't be deleted."""
        return _requests.change_branch(self._number, name, _core.PROTECT_BRANCH, message, timeout).wait()

    def unprotect_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Takes :meth:`protect_branch` back."""
        return _requests.change_branch(self._number, name, _core.UNPROTECT_BRANCH, message, timeout).wait()

    def delete_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """The branch is gone for good: its views and watches fail, saying so, and its name is never used again. What its
        forks show of it, and what tags name, stays.

        Raises:
            UnknownBranch; InvalidArgument: `main` can't be deleted; NotWritable: it is protected.
        """
        return _requests.change_branch(self._number, name, _core.DELETE_BRANCH, message, timeout).wait()

    def tag(
        self, name: str, *, at: int | str | None = None, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Gives a state a name. What it shows is kept for as long as the tag is there, whatever is compacted, and though its
        branch is deleted.

        Raises:
            TagExists, BranchExists, InvalidName, UnknownBranch, BelowFloor, BeyondHead.
        """
        at, branch = self._place(at, branch, timeout)
        return _requests.tag(self._number, name, branch, at, message, timeout).wait()

    def delete_tag(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """What only the tag has kept is compacted.

        Raises:
            UnknownTag.
        """
        return _requests.delete_tag(self._number, name, message, timeout).wait()

    def tags(self, *, timeout: Seconds | None = None) -> list[dict[str, Any]]:
        """All tags, in the order of their names, as `membus tags --json` tells them."""
        found: list[dict[str, Any]] = _requests.report(self._number, _core.TAGS, timeout).wait()
        return found

    def merge(
        self, source: str, *, into: str | None = None, at: int | None = None, resolutions: Iterable[Resolution] = (),
        settle: Callable[[MergeConflict], Choice | None] | None = None, carries_rules: bool = False,
        parks: bool = False, message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[MergeReport | None]:
        """Brings what another branch has into a branch: one commit, or none. From then on the branch contains all that
        the source contained.

        Of a key that only one side has changed that side stands; counters add up; JSON objects are merged by member,
        texts by line. Else somebody decides: `settle`, a policy, or `resolutions`.

            memory.merge("trial", settle=lambda conflict: "theirs" if conflict.key.startswith("plans/") else None)

        Args:
            source: the branch to bring in.
            into: where to; None: the connection's branch.
            at: a revision of the source; None: the newest.
            resolutions: what is decided already.
            settle: is asked about each conflict: "ours", "theirs", "base" (what both had in common), "delete", or a
                `Put`; None leaves it, and then nothing is written.
            carries_rules: records under `.membus/policies/` and `.membus/rights/` come along.
            parks: what nobody decides is left for later: see `conflicts`.
            message: what the commit is recorded with.
            timeout: of each try, in seconds; None: the connection's.

        Returns:
            a receipt whose `result` says what was written; without a commit, and with None, if the branch contains all
            of the source already.

        Raises:
            Unsettled: somebody has to decide; its `conflicts` say about what. Nothing was written.
            UnknownBranch, BelowFloor, BeyondHead.
            Timeout: its `outcome_unknown` tells whether it may have taken effect.
            Whatever `settle` raises: nothing is written then.
        """
        merging = _requests.Merging(self._number, source, into, at, resolutions, carries_rules, parks and settle is None, message, timeout)
        while True:
            try:
                return merging.begin().wait()
            except Unsettled as error:
                if settle is None:
                    raise
                choices = []
                for conflict in error.conflicts:
                    choice = settle(conflict)
                    refuse_coroutine(choice)
                    choices.append((conflict, choice))
                merging.take(error, choices, parks)

    def rollback(
        self, to: int, *, topics: Sequence[str] = (), branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Has a branch, or some topics of it, be again as they were at a revision: one commit, whoever changed what
        since. What has expired does not return.

        Args:
            to: the revision to go back to; 0: when there was nothing.
            topics: prefixes ending in `/`, or exact keys; none: everything.
            branch: None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.

        Returns:
            a receipt, without a commit if nothing has changed since.

        Raises:
            BelowFloor: the revision is no longer kept.
            BeyondHead, UnknownBranch, Timeout.
        """
        return _requests.rollback(self._number, to, topics, branch, message, timeout).wait()

    def revert(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), agent: str | None = None,
        in_context: str | None = None, since: int | None = None, cascade: Cascading = False,
        resolutions: Iterable[Resolution] = (), branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Leaves versions out of the history of their keys: one commit. Each key gets what its history gives without
        them: the newest remaining whole write, with the increments, appends and patches on it made again. Later whole
        writes stay. Reverting a revert restores.

        Args:
            versions: single ones: (key, revision).
            revisions: all that these commits wrote.
            agent: all that this agent committed on the branch after `since`.
            in_context: all that was committed in this context after `since`.
            since: a revision; goes with `agent` and `in_context`.
            cascade: what derives from them goes, too, whatever commits it is of; a merge does not bring it back unasked.
            resolutions: of keys whose history can't be told without what is reverted: "ours" leaves what is there.
            branch: None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.

        Returns:
            a receipt, without a commit if nothing of it is there any more.

        Raises:
            Unsettled: the keys whose history can't be told without what is reverted. Nothing was written.
            BelowFloor: what was before is no longer kept.
            BeyondHead, UnknownBranch, Timeout.
        """
        if cascade:
            author = _asking.author(agent, in_context, since)
            rewrite = Rewrite.revert(
                versions=versions, revisions=revisions, cascade=cascade, resolutions=resolutions)._by(author)
            return _asking.carry_out(self._number, rewrite, None, branch, message, timeout).wait()
        return _requests.revert(
            self._number, versions, revisions, agent, in_context, since, resolutions, branch, message, timeout).wait()

    def plan(
        self, rewrite: Rewrite, *, branch: str | None = None, timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """What a merge, rollback, revert, pick or quarantine would write if it were carried out now. Nothing is written.

            plan = memory.plan(membus.Rewrite.revert(revisions=[41], cascade=True))
            for change in plan["changes"]: print(change["key"], change.get("to"))
            memory.carry_out(membus.Rewrite.revert(revisions=[41], cascade=True), plan=plan["plan"])

        Returns:
            as `--dry-run --json` of the commands tells it: `plan` (its name), `changes`, `conflicts`.

        Raises:
            what carrying it out would.
        """
        return _asking.plan(self._number, rewrite, branch, timeout).wait()

    def carry_out(
        self, rewrite: Rewrite, *, plan: str | None = None, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Carries a rewrite out: one commit.

        Args:
            rewrite: what is to be done.
            plan: it is to write exactly what this plan says, over the versions that it was made from; None: whatever it
                writes by now.
            branch: None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.

        Raises:
            PlanChanged: it would write something else by now. Nothing was written.
            Unsettled: somebody has to decide.
        """
        return _asking.carry_out(self._number, rewrite, plan, branch, message, timeout).wait()

    def pick(
        self, *revisions: int, same_reads: bool = False, resolutions: Iterable[Resolution] = (),
        branch: str | None = None, message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Makes the changes of some commits again on a branch: one commit, with nothing else of theirs. A later merge finds
        what was picked on both sides; but an increment that was picked counts again.

        Args:
            revisions: the commits; no merges, rollbacks, reverts or forks.
            same_reads: only if what they are on record to have read is there in the same versions.
            resolutions: what is decided already.
            branch: where to; None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.

        Raises:
            Unsettled: somebody has to decide, or (with `same_reads`) something is not as it was read.
        """
        rewrite = Rewrite.pick(revisions, same_reads=same_reads, resolutions=resolutions)
        return _asking.carry_out(self._number, rewrite, None, branch, message, timeout).wait()

    def quarantine(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), reason: str,
        cascade: Cascading = False, branch: str | None = None, message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Marks what a branch shows of some versions, and of what was made of them: with an attribute `membus.quarantine`,
        which says why. Transactions that require to be sound fail (`Transaction.require_sound`). A whole new write of a
        key ends it there, and so does reverting the quarantine.

        Args:
            versions: single ones: (key, revision).
            revisions: all that these commits wrote.
            reason: for people.
            cascade: and what derives from them.
            branch: None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.
        """
        rewrite = Rewrite.quarantine(versions=versions, revisions=revisions, reason=reason, cascade=cascade)
        return _asking.carry_out(self._number, rewrite, None, branch, message, timeout).wait()

    def search(
        self, question: str = "", *topics: str, limit: int = 10, offset: int = 0, at: int | None = None,
        branch: str | None = None, meaning: Meaning = "where_complete", vector: Vector | None = None,
        space: str | None = None, explain: bool = False, passages: bool = False, at_least: Token | None = None,
        timeout: Seconds | None = None,
    ) -> SearchPage:
        """The best records for a question, best first, as of one state.

            for hit in memory.search("train tickets", "plans/", passages=True).hits:
                print(hit.score, hit.key, hit.passage.text)

        The broker's index follows the commits beside them. What is asked without a revision is answered as of the newest
        state that it holds, which contains all that this memory was told is committed. Passages count as read, keys alone
        do not.

        Args:
            question: words; "a phrase"; a prefix*; field:word, where a field is key, author, kind, message, an attribute
                or the path of a JSON member.
            topics: hits are of these: prefixes ending in "/", or keys; none: of all.
            limit: hits, at most 1,000.
            offset: so many of the best are passed over. Later pages of one answer: at the first page's revision.
            at: as of which revision; None: the newest that the index holds.
            branch: None: the connection's.
            meaning: whether vectors take part: "where_complete", "always" or "never".
            vector: of the question, by a model of your own: records count by the vectors that came with them in that space,
                in place of the broker's. With an empty question they alone rank.
            space: of the vector, as it was named with the puts.
            explain: tells what each term gave.
            passages: the text of each hit's best passage comes along.
            at_least: waits until the index has come so far.
            timeout: in seconds; None: the connection's.

        Raises:
            ValueError: the vector is empty, holds no finite numbers, or comes without a space.
            InvalidArgument: the question cannot be read, or the vector is of other dimensions than the space's.
            LimitExceeded: it is too long, or a prefix of it too broad.
            BelowFloor: the revision is no longer kept.
        """
        return _finding.search(
            self._number, question, topics, limit, offset, meaning, vector, space, explain, passages, at, at_least,
            branch, timeout).wait()

    def recall(
        self, question: str = "", *topics: str, budget: int | None = None, tokens: bool = False, since: int | None = None,
        at: int | None = None, branch: str | None = None, meaning: Meaning = "where_complete",
        vector: Vector | None = None, space: str | None = None, at_least: Token | None = None,
        timeout: Seconds | None = None,
    ) -> Recollection:
        """What is known of something, as a block of text for a prompt: the best passages, each once, and what they link
        to, each cited as key@revision.

            known = memory.recall("When does the night train leave?", budget=2000)
            prompt += known.block
            news = memory.recall("When does the night train leave?", since=known.revision)  # an hour later

        What is cited counts as read.

        Args:
            question: as of `search`.
            topics: where it is looked for; none: everywhere.
            budget: of the block; None: 4,000 characters or 1,000 tokens.
            tokens: the budget is in tokens of the broker's model.
            since: only versions that are newer than this revision.
            at: as of which revision; None: the newest that the index holds.
            branch: None: the connection's.
            meaning: whether vectors take part.
            vector: as of `search`.
            space: of the vector.
            at_least: waits until the index has come so far.
            timeout: in seconds; None: the connection's.
        """
        return _finding.recall(
            self._number, question, topics, budget, tokens, since, meaning, vector, space, at, at_least, branch,
            timeout).wait()

    def links(
        self, *keys: str, depth: int | None = None, direction: Direction = "both", relations: Iterable[str] = (),
        to: str | None = None, limit: int = 1000, at: int | None = None, branch: str | None = None,
        at_least: Token | None = None, timeout: Seconds | None = None,
    ) -> LinkGraph:
        """Records and the links between them, some steps away from where one starts.

            for edge in memory.links("plans/lisbon", depth=2).edges:
                print(edge.source, edge.relation, edge.target)

        Args:
            keys: the starts.
            depth: steps, at most 16; None: one, or with `to` as many as it takes.
            direction: "out" follows links from source to target, "in" from target to source, "both" both.
            relations: only these; none: all.
            to: only what lies on shortest paths from a start to this key.
            limit: edges, at most 10,000.
            at: as of which revision; None: the newest that the index holds.
            branch: None: the connection's.
            at_least: waits until the index has come so far.
            timeout: in seconds; None: the connection's.
        """
        return _finding.links(
            self._number, keys, depth, direction, relations, to, limit, at, at_least, branch, timeout).wait()

    def query(
        self, sql: str, *, limit: int = 10_000, at: int | None = None, branch: str | None = None,
        at_least: Token | None = None, timeout: Seconds | None = None,
    ) -> QueryResult:
        """The rows of one SELECT over a state. Its tables: records, links, commits, changes, reads, branches, tags,
        search(question, k).

            for kind, count in memory.query("SELECT kind, count(*) FROM records GROUP BY kind").rows:
                print(kind, count)

        Args:
            sql: at most 1 MiB.
            limit: rows, at most 100,000.
            at: as of which revision; None: the newest.
            branch: None: the connection's.
            at_least: waits until the index has come so far.
            timeout: in seconds; None: the connection's.

        Raises:
            InvalidArgument: it cannot be read, or would do anything but select.
        """
        return _finding.query(self._number, sql, limit, at, at_least, branch, timeout).wait()

    def reindex(self, *, timeout: Seconds | None = None) -> int:
        """Has the broker make its index anew, beside everything else; `status()["index"]` tells how far it is.

        Returns:
            how many versions the old one held.
        """
        return _finding.reindex(self._number, timeout).wait()

    def impact(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), agent: str | None = None,
        in_context: str | None = None, since: int | None = None, excluded: Iterable[int] = (), own_only: bool = False,
        below_floor: bool = False, timeout: Seconds | None = None,
    ) -> dict[str, Any]:
        """What followed from some versions, or from all that some commits wrote, on any branch: `commits`, each with the
        `edges` that made it count; `readers`, who know of it and have written nothing since; `unjudged` commits.

        Args:
            versions: single ones: (key, revision).
            revisions: all that these commits wrote.
            agent: all that this agent committed after `since`, on any branch.
            in_context: all that was committed in this context after `since`.
            since: a revision; goes with `agent` and `in_context`.
            excluded: commits that are good, whatever they read.
            own_only: leaves out what is only known in a context.
            below_floor: leaves out what is no longer kept, instead of refusing; `since` tells from where on it was looked for.
            timeout: in seconds; None: the connection's.
        """
        by = _asking.author(agent, in_context, since)
        return _asking.impact(self._number, versions, revisions, by, excluded, own_only, below_floor, timeout).wait()

    def knowledge(
        self, agent: str, *, context: str | None = None, at: int | None = None, timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """What an agent had read, required and written by some revision: `known`, in the order in which it came to know it,
        each version once; `lost_reads`, which its client could not keep until they were noted.

        Args:
            agent: by its name.
            context: the run, task or conversation; None: all that the agent acted in.
            at: up to which revision; None: the newest.
            timeout: in seconds; None: the connection's.
        """
        return _asking.knowledge(self._number, agent, context, at, timeout).wait()

    def blame(
        self, key: str, *, at: int | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> list[dict[str, Any]] | None:
        """Who last changed each line of a text, each member of a JSON object, or the value as a whole; None: there is no
        record. As `membus blame --json` tells it."""
        return _asking.blame(self._number, key, at, branch, timeout).wait()

    def conflicts(
        self, *, branch: str | None = None, timeout: Seconds | None = None
    ) -> list[dict[str, Any]]:
        """The conflicts that merges with `parks` have left for later, and nobody has settled yet, the oldest first: each
        with its name as `conflict`, its `key`, and the versions `base`, `ours` and `theirs`."""
        return _asking.conflicts(self._number, branch, timeout).wait()

    def claim_conflict(
        self, conflict: str, *, expires: Seconds = 600, branch: str | None = None, timeout: Seconds | None = None
    ) -> Receipt[None]:
        """Says that this agent settles a conflict, for a while: others can't claim it meanwhile.

        Raises:
            Conflict: somebody has claimed it.
        """
        return _asking.claim(self._number, conflict, expires, branch, timeout).wait()

    def resolve(
        self, conflict: str, choice: Choice, *, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Settles a conflict that a merge has left for later: puts what is to be there, if ours is still as it was.

        Args:
            conflict: its name, such as "74/1".
            choice: "ours", "theirs", "base", "delete", or a `Put`.
            branch: None: the connection's.
            message: what the commit is recorded with.
            timeout: in seconds; None: the connection's.

        Raises:
            Conflict: somebody has written the key since, or settles it.
        """
        return _asking.resolve(self._number, conflict, choice, branch, message, timeout).wait()

    def rebase(
        self, branch: str, new: str, *, onto: str | None = None, message: str = "", timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """Forks a branch anew, from its parent's head, and makes its own commits again there, one by one, as long as what
        each had read is the same there; else it stops: `stopped_at` and `reason` say where and why. The old branch stays
        as it is."""
        return _asking.rebase(self._number, branch, new, onto, message, timeout).wait()

    def branches(self, *, timeout: Seconds | None = None) -> list[dict[str, Any]]:
        """All branches, `main` among them, as `membus branches --json` tells them."""
        found: list[dict[str, Any]] = _requests.report(self._number, _core.BRANCHES, timeout).wait()
        return found

    def status(self, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """How the broker fares, as `membus status --json` tells it."""
        found: dict[str, Any] = _requests.report(self._number, _core.STATUS, timeout).wait()
        return found

    def limits(self, *, timeout: Seconds | None = None) -> dict[str, int]:
        """What one request may hold, by the broker's configuration."""
        found: dict[str, int] = _requests.report(self._number, _core.LIMITS, timeout).wait()
        return found

    def verify(self, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """Checks the store. What is wrong with it is in `problems`, not raised. May take long."""
        found: dict[str, Any] = _requests.report(self._number, _core.VERIFICATION, timeout).wait()
        return found

    def digest(
        self, *topics: str, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Digest:
        """The fingerprint of some topics' records as of a revision; equal to that of a view of the same topics there."""
        at, branch = self._place(at, branch, timeout)
        return _requests.digest(self._number, topics, at, branch, timeout).wait()

    def compact(
        self, *, older_than: Seconds | None = None, below: int | None = None, timeout: Seconds | None = None
    ) -> int:
        """Drops history: what is older than this, or below this revision, or (neither) by the broker's window.

        Returns:
            the oldest revision that is still kept.
        """
        return _requests.compact(self._number, older_than, below, timeout).wait()

    def backup(self, path: Path, *, timeout: Seconds | None = None) -> int:
        """Writes a consistent copy of the store, made while agents go on writing. The file appears whole or not at all.

        Returns:
            the revision that the copy holds.
        """
        return _requests.backup(self._number, path, timeout).wait()

    def export_file(
        self, path: Path, topic: str = "/", *, at: int | str | None = None, branch: str | None = None
    ) -> int:
        """Writes the records of a topic into a file as JSON Lines, all of one revision, as `membus export` does, which it
        runs. The file appears whole or not at all.

        Args:
            path: where to.
            topic: a prefix ending in `/`, one key, or `/` for everything.
            at: as of which revision, or a state by its name; None: the newest.
            branch: None: the connection's, or the state's.

        Returns:
            how many records there are.

        Raises:
            CommandFailed: `code` says why, as the command line does.
        """
        import subprocess

        at, branch = self._place(at, branch, None)
        command = exporting(self.address, self.agent, branch or self.branch, topic, at)
        with WholeFile(path) as file:
            ended = subprocess.run(command.words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE)
            command.check(ended.returncode, last_line(file), ended.stderr)
            return count_lines(file)

    def import_file(
        self, path: Path, *, message: str = "", batch: int = 500, mcp_memory: bool = False, branch: str | None = None
    ) -> dict[str, int]:
        """Writes the records or transactions of a JSON Lines file, as `membus import` does, which it runs.

        The whole file is checked before anything is written. What is there already is left alone, so that an import that
        was interrupted is resumed by running it again.

        Args:
            path: of the file.
            message: what the commits are recorded with; empty: the file's name.
            batch: at most so many records a commit.
            mcp_memory: the file is one that the reference memory server of MCP has written.
            branch: None: the connection's.

        Returns:
            what came of it: `records` or `transactions` read, `written`, `unchanged`, `superseded`, `expired`, and the
            `revision` that it came to.

        Raises:
            CommandFailed: `code` says why, as the command line does.
        """
        import json
        import subprocess

        command = importing(
            self.address, self.agent, self.context, branch or self.branch, os.fspath(path), message, batch, mcp_memory)
        ended = subprocess.run(command.words, stdin=subprocess.DEVNULL, capture_output=True)
        command.check(ended.returncode, ended.stdout, ended.stderr)
        found: dict[str, int] = json.loads(ended.stdout)
        return found

    def states(self) -> States:
        """How the connection stands, now and each time that it changes; ends after "closed". See :attr:`state`."""
        return States(self._number)

    # ---- Contexts

    def in_context(self, context: str) -> Memory:
        """The same memory in another run, task or conversation, with which its reads and commits are recorded. It shares the
        connection, and ends with it; closing it closes nothing else.
        """
        owner = _core.memory_context(self._number, context)
        return Memory(owner, self.address, self.agent, context, self.branch, is_shared=True)

    # ---- The end

    def close(self) -> None:
        """Ends the connection and its views. Calls under way raise `Closed`. Takes half a second at most."""
        if self._is_shared:
            self._owner.free()
            return
        try:
            _requests.close(self._number).wait()
        except Closed:
            return
        finally:
            self._owner.free()
            _OPEN.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Forked:
            pass  # A child leaves what its parent opened.

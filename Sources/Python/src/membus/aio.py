"""The same memory for asyncio: `async with membus.aio.connect(agent="planner") as memory: …`.

Local reads of a view are as they are without asyncio: they never wait. Everything that may wait is awaited, by the
event loop itself (`add_reader`), and any loop will do, uvloop too; a thread is there only while a broker is looked for or
started, and a warm file is read. A cancelled task ends its call at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _asking, _core, _finding, _requests
from ._asking import Cascading, Rewrite
from ._command import Command, WholeFile, count_lines, exporting, importing, last_line, program
from ._errors import Closed, Forked, MembusError, Unsettled
from ._finding import Direction, LinkGraph, Meaning, QueryResult, Recollection, SearchPage
from ._memory import _OPEN, LocalMemory, watch_next, watched
from ._merging import Choice, MergeConflict, MergeReport, Resolution, Value
from ._reading import Pieces, Taken
from ._requests import Page, Path, Pending, first, snapshot, view_changes
from ._transaction import LocalTransaction
from ._values import (
    Change, Commit, Difference, Digest, Receipt, Record, Seconds, Snapshot, State, Token, Version, ViewChange,
    milliseconds,
)  # fmt: skip
from ._vectors import Vector
from ._view import LocalView

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Listing", "Memory", "Transaction", "View", "ViewChanges", "Watch", "connect"]

T = TypeVar("T")
D = TypeVar("D")

#: What is asked about each conflict of a merge.
Settle = Callable[[MergeConflict], Choice | None | Awaitable[Choice | None]]


async def _done(call: _core.Call) -> None:
    """Waits until it is done, and leaves it under way if the task is cancelled."""
    if call.is_done():
        return
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    descriptor = call.fileno()
    loop.add_reader(descriptor, _tell, told)
    try:
        await told
    finally:
        loop.remove_reader(descriptor)


def _tell(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


async def _answer(call: _core.Call) -> _core.Answer:
    try:
        await _done(call)
    except BaseException:
        call.cancel()
        raise
    return call.wait()


async def _wait(pending: Pending[T]) -> T:
    return pending.finish(await _answer(pending.call))


async def _run(command: Command, file: int | None = None) -> bytes:
    """-> what the executable printed, unless it goes into a file. A cancelled task ends it."""
    process = await asyncio.create_subprocess_exec(
        *command.words, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if file is None else file, stderr=asyncio.subprocess.PIPE)
    try:
        printed, said = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if file is not None and process.returncode:
        printed = last_line(file)
    command.check(process.returncode or 0, printed or b"", said)
    return printed or b""


class _Connecting:
    def __init__(
        self, address: str | None, agent: str, context: str, branch: str, timeout: Seconds, program: str | None
    ) -> None:
        self._about = address, agent, context, branch, timeout, program
        self._memory: Memory | None = None

    def __await__(self) -> Generator[Any, None, Memory]:
        return self._connect().__await__()

    async def _connect(self) -> Memory:
        address, agent, context, branch, timeout, program = self._about
        # A broker that is started takes its time.
        loop = asyncio.get_running_loop()
        where: str = address if address else await loop.run_in_executor(None, _core.find_broker, address, program)
        owner = await _wait(_requests.connect(where, agent, context, branch, timeout))
        return Memory(owner, where, agent, context, branch)

    async def __aenter__(self) -> Memory:
        self._memory = await self._connect()
        return self._memory

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._memory is not None:
            await self._memory.__aexit__(kind, error, trace)


def connect(
    address: str | None = None, *, agent: str, context: str = "", branch: str = "main", timeout: Seconds = 30.0,
    embedded: bool = True,
) -> _Connecting:
    """Connects to a broker: `memory = await connect(…)`, or `async with connect(…) as memory`. See `membus.connect`."""
    return _Connecting(address, agent, context, branch, timeout, program() if embedded else None)


class Reader(Pieces[T]):
    """Iterates over what comes piece by piece. Tasks that share it take turns, and get each element once; a cancelled one
    misses none if it goes on."""

    def __init__(
        self, owner: _core.Owner, begin: Callable[[int], _core.Call], take: Callable[[_core.Answer], Taken[T]],
        ahead: bool = False,
    ) -> None:
        super().__init__(owner, begin, take, ahead)
        self._turn = asyncio.Lock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        element = self._next()
        if element is not None:
            return element
        async with self._turn:
            while True:
                element = self._next()
                if element is not None:
                    return element
                call = self._call()
                if call is None:
                    raise StopAsyncIteration
                await _done(call)
                self._took(call)


class ViewChanges(Reader[ViewChange]):
    """What happens to a view's records; ends when the view is closed. See `membus.View.changes`."""

    def __init__(self, owner: _core.Owner) -> None:
        super().__init__(owner, _core.changes_next, view_changes)

    async def __anext__(self) -> ViewChange:
        try:
            return await super().__anext__()
        except Closed:
            raise StopAsyncIteration from None


class View(LocalView):
    __doc__ = LocalView.__doc__

    @overload
    async def get(
        self, key: str, default: None = None, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | None: ...
    @overload
    async def get(
        self, key: str, default: D, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | D: ...
    async def get(
        self, key: str, default: D | None = None, *, at_least: Token | None = None, within: Seconds | None = None,
        linearizable: bool = False, timeout: Seconds | None = None,
    ) -> Record | D | None:
        """The record under a key, as fresh as asked for, fetched if it is not in the cache; see `membus.View.get`."""
        record = first(await _answer(self._get((key,), at_least, within, linearizable, timeout)))
        return default if record is None else record

    async def get_all(
        self, *keys: str, at_least: Token | None = None, within: Seconds | None = None, linearizable: bool = False,
        timeout: Seconds | None = None,
    ) -> Snapshot:
        """Several records, all of one revision, as fresh as asked for."""
        return snapshot(await _answer(self._get(keys, at_least, within, linearizable, timeout)))

    async def wait(
        self, *, at_least: Token | None = None, within: Seconds | None = None, linearizable: bool = False,
        timeout: Seconds | None = None,
    ) -> Token:
        """Waits until the view is as fresh as asked for; until it is live, if nothing is."""
        return await _wait(self._wait(at_least, within, linearizable, timeout))

    def changes(self) -> ViewChanges:
        """What happens to the view's records, from now on, for `async for`; see `membus.View.changes`."""
        return ViewChanges(_core.view_changes(self._number))

    async def save(self, path: Path) -> None:
        """Writes the state as a warm file, with the value of every record, which `follow(warm=…)` starts from."""
        await _wait(self._save(path))


class Transaction(LocalTransaction):
    __doc__ = LocalTransaction.__doc__

    async def get(self, key: str) -> Record | None:
        """The record, or None; and the precondition that it is still so at the commit."""
        return first(await self._answer((key,), True))

    async def get_all(self, *keys: str) -> Snapshot:
        """Several records of one revision, each a precondition."""
        return snapshot(await self._answer(keys, True))

    async def read(self, key: str) -> Record | None:
        """Like :meth:`get`, but only noted as what the transaction builds upon: it may change meanwhile."""
        return first(await self._answer((key,), False))

    async def _answer(self, keys: tuple[str, ...], required: bool) -> _core.Answer:
        try:
            return await _answer(self._look(keys, required))
        except MembusError as error:
            self._failure = error
            raise


class Listing(Reader[T]):
    """A list that is asked of the broker page by page, as it is iterated; see `membus.Listing`."""

    def __init__(self, owner: _core.Owner, page: Callable[[_core.Answer], Page[T]]) -> None:
        super().__init__(owner, _core.list_next, page)


class Watch(Reader[Change]):
    """Every change to some topics, in order, each once; see `membus.Watch`."""

    def __init__(self, owner: _core.Owner) -> None:
        super().__init__(owner, watch_next, watched, ahead=True)

    def close(self) -> None:
        """Ends it: whoever waits for a change is told `Closed`."""
        self._end()


class States:
    """How a connection stands, now and each time that it changes; see `membus.Memory.states`."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._known = -1

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._known == _requests.CLOSED:
            raise StopAsyncIteration
        try:
            self._known = await _wait(_requests.state_next(self._memory, self._known))
        except Closed:
            self._known = _requests.CLOSED
        return _requests.STATES[self._known]


class Memory(LocalMemory):
    """A team's memory, as one agent reaches it: one connection, shared by as many tasks as like.

    Parameters and errors of its methods are those of `membus.Memory`.
    """

    async def follow(
        self, *topics: str, mode: str = "update", capacity: int | None = None, when_stale: str = "serve",
        branch: str | None = None, context: str | None = None, warm: Path | None = None,
        timeout: Seconds | None = None,
    ) -> View:
        """Follows topics: a local, coherent cache of their records. Returns once it is complete."""
        arguments = (self._number, topics, mode, capacity, when_stale, branch, context, warm, timeout)
        if warm is None:
            pending = _requests.follow(*arguments)
        else:
            # The file is read first, which takes as long as it is large.
            pending = await asyncio.get_running_loop().run_in_executor(None, _requests.follow, *arguments)
        return View(await _wait(pending), self, topics)

    async def transact(
        self, body: Callable[[Transaction], Awaitable[T]], /, *, message: str = "", branch: str | None = None,
        retries: int = 0, timeout: Seconds | None = None,
    ) -> Receipt[T]:
        """Runs an async function that reads and changes, and commits what it asks for: all of it, or nothing."""
        owner = _core.transaction_begin(self._number, message, branch, retries, milliseconds(timeout))
        while True:
            transaction = Transaction(owner.number)
            try:
                result = await body(transaction)
            except MembusError as error:
                if transaction._mends(error):
                    continue
                raise
            answer = await _answer(_core.transaction_commit(owner.number))
            if answer[4] != _core.RUN_AGAIN:
                return Receipt(answer[1], answer[4] == _core.COMMITTED, result)

    async def put(
        self, key: str, value: Value, *, message: str = "", if_revision: int | None = None, branch: str | None = None,
        timeout: Seconds | None = None, **options: Any,
    ) -> Receipt[None]:
        """Puts one record, in a transaction of its own."""
        async def body(tx: Transaction) -> None:
            if if_revision is not None:
                tx.require(key, at=if_revision)
            tx.put(key, value, **options)

        return await self.transact(body, message=message, branch=branch, timeout=timeout)

    async def delete(
        self, key: str, *, message: str = "", if_revision: int | None = None, branch: str | None = None,
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Deletes one record, in a transaction of its own."""
        async def body(tx: Transaction) -> None:
            if if_revision is not None:
                tx.require(key, at=if_revision)
            tx.delete(key)

        return await self.transact(body, message=message, branch=branch, timeout=timeout)

    async def get(
        self, key: str, *, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Record | None:
        """The record under a key, asked of the broker; None: there is none."""
        at, branch = await self._place(at, branch, timeout)
        return first(await _answer(_requests.get(self._number, (key,), at, branch, timeout)))

    async def get_all(
        self, *keys: str, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Snapshot:
        """Several records, all of one revision."""
        at, branch = await self._place(at, branch, timeout)
        return snapshot(await _answer(_requests.get(self._number, keys, at, branch, timeout)))

    def range(
        self, *topics: str, at: int | None = None, keys_only: bool = False, branch: str | None = None,
        page_size: int = 1000, timeout: Seconds | None = None,
    ) -> Listing[Record]:
        """The records of some topics in the order of their keys, all of one revision: for `async for`."""
        owner = _core.range(self._number, topics, _requests.revision(at), branch, milliseconds(timeout), keys_only, page_size)
        return Listing(owner, _requests.records)

    def history(
        self, key: str, *, before: int | None = None, branch: str | None = None, page_size: int = 100,
        timeout: Seconds | None = None,
    ) -> Listing[Version]:
        """The versions of a key, newest first: for `async for`."""
        owner = _core.history(self._number, key, _requests.revision(before), branch, milliseconds(timeout), page_size)
        return Listing(owner, _requests.versions)

    def diff(
        self, start: str, end: str | None = None, *topics: str, keys_only: bool = False, page_size: int = 1000,
        timeout: Seconds | None = None,
    ) -> Listing[Difference]:
        """What differs between two states, each key once: for `async for`. States are named as in `membus.Memory.diff`."""
        owner = _core.diff(self._number, start, end, topics, keys_only, page_size, milliseconds(timeout))
        return Listing(owner, _requests.differences)

    async def compare(self, start: str, end: str | None = None, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """How two states stand to each other; see `membus.Memory.compare`."""
        found: dict[str, Any] = await _wait(_requests.compare(self._number, start, end, timeout))
        return found

    def log(
        self, *topics: str, agent: str | None = None, context: str | None = None,
        since: datetime | float | None = None, until: datetime | float | None = None, ascending: bool = False,
        branch: str | None = None, values: bool = False, page_size: int = 100, timeout: Seconds | None = None,
    ) -> Listing[Commit]:
        """The log of some topics (none: of everything), newest first unless `ascending`: for `async for`."""
        owner = _requests.log(
            self._number, topics, agent, context, since, until, ascending, branch, values, page_size, timeout)
        return Listing(owner, _requests.commits)

    def watch(self, *topics: str, after: int | Token | None = None, branch: str | None = None) -> Watch:
        """Every change to some topics, in order, each once: for `async for`."""
        return Watch(_requests.watch(self._number, topics, after, branch))

    async def find_state(self, name: str, *, branch: str | None = None, timeout: Seconds | None = None) -> State:
        """The branch and revision that a state's name means: a tag, "trial", "trial@61", "10m", …"""
        return await _wait(_requests.find_state(self._number, name, branch, timeout))

    async def _place(
        self, at: int | str | None, branch: str | None, timeout: Seconds | None
    ) -> tuple[int | None, str | None]:
        if not isinstance(at, str):
            return at, branch
        found = await self.find_state(at, branch=branch, timeout=timeout)
        if branch is not None and branch != found.branch:
            raise ValueError(f"at={at!r} is a state of branch {found.branch!r}, not of {branch!r}")
        return found.revision, found.branch

    async def fork(
        self, name: str, *, parent: str | None = None, at: int | str | None = None, expire: bool = False,
        message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[int]:
        """Makes a branch: a line of memory that starts as the parent was at a revision."""
        at, parent = await self._place(at, parent, timeout)
        return await _wait(_requests.fork(self._number, name, parent, at, expire, message, timeout))

    async def close_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Nothing is written to the branch from now on, and nothing on it expires."""
        return await _wait(_requests.change_branch(self._number, name, _core.CLOSE_BRANCH, message, timeout))

    async def reopen_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Takes :meth:`close_branch` back."""
        return await _wait(_requests.change_branch(self._number, name, _core.REOPEN_BRANCH, message, timeout))

    async def protect_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Only merges write to the branch from now on, and it can't be deleted."""
        return await _wait(_requests.change_branch(self._number, name, _core.PROTECT_BRANCH, message, timeout))

    async def unprotect_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """Takes :meth:`protect_branch` back."""
        return await _wait(_requests.change_branch(self._number, name, _core.UNPROTECT_BRANCH, message, timeout))

    async def delete_branch(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """The branch is gone for good: its views and watches fail, saying so, and its name is never used again."""
        return await _wait(_requests.change_branch(self._number, name, _core.DELETE_BRANCH, message, timeout))

    async def tag(
        self, name: str, *, at: int | str | None = None, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Gives a state a name, which keeps it."""
        at, branch = await self._place(at, branch, timeout)
        return await _wait(_requests.tag(self._number, name, branch, at, message, timeout))

    async def delete_tag(self, name: str, *, message: str = "", timeout: Seconds | None = None) -> Receipt[None]:
        """What only the tag has kept is compacted."""
        return await _wait(_requests.delete_tag(self._number, name, message, timeout))

    async def tags(self, *, timeout: Seconds | None = None) -> list[dict[str, Any]]:
        """All tags."""
        found: list[dict[str, Any]] = await _wait(_requests.report(self._number, _core.TAGS, timeout))
        return found

    async def merge(
        self, source: str, *, into: str | None = None, at: int | None = None, resolutions: Iterable[Resolution] = (),
        settle: Settle | None = None, carries_rules: bool = False, parks: bool = False, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[MergeReport | None]:
        """Brings what another branch has into a branch: one commit, or none. `settle` may be an async function."""
        merging = _requests.Merging(
            self._number, source, into, at, resolutions, carries_rules, parks and settle is None, message, timeout)
        while True:
            try:
                return await _wait(merging.begin())
            except Unsettled as error:
                if settle is None:
                    raise
                choices: list[tuple[MergeConflict, Choice | None]] = []
                for conflict in error.conflicts:
                    choice = settle(conflict)
                    choices.append((conflict, await choice if isinstance(choice, Awaitable) else choice))
                merging.take(error, choices, parks)

    async def rollback(
        self, to: int, *, topics: Sequence[str] = (), branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Has a branch, or some topics of it, be again as they were at a revision: one commit."""
        return await _wait(_requests.rollback(self._number, to, topics, branch, message, timeout))

    async def revert(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), agent: str | None = None,
        in_context: str | None = None, since: int | None = None, cascade: Cascading = False,
        resolutions: Iterable[Resolution] = (), branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Leaves versions out of the history of their keys: one commit. With `cascade` goes what derives from them."""
        if cascade:
            author = _asking.author(agent, in_context, since)
            rewrite = Rewrite.revert(
                versions=versions, revisions=revisions, cascade=cascade, resolutions=resolutions)._by(author)
            return await _wait(_asking.carry_out(self._number, rewrite, None, branch, message, timeout))
        return await _wait(_requests.revert(
            self._number, versions, revisions, agent, in_context, since, resolutions, branch, message, timeout))

    async def plan(
        self, rewrite: Rewrite, *, branch: str | None = None, timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """What a merge, rollback, revert, pick or quarantine would write. Nothing is written."""
        return await _wait(_asking.plan(self._number, rewrite, branch, timeout))

    async def carry_out(
        self, rewrite: Rewrite, *, plan: str | None = None, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Carries a rewrite out: one commit; with `plan`, exactly that or nothing."""
        return await _wait(_asking.carry_out(self._number, rewrite, plan, branch, message, timeout))

    async def pick(
        self, *revisions: int, same_reads: bool = False, resolutions: Iterable[Resolution] = (),
        branch: str | None = None, message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Makes the changes of some commits again on a branch: one commit, with nothing else of theirs."""
        rewrite = Rewrite.pick(revisions, same_reads=same_reads, resolutions=resolutions)
        return await _wait(_asking.carry_out(self._number, rewrite, None, branch, message, timeout))

    async def quarantine(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), reason: str,
        cascade: Cascading = False, branch: str | None = None, message: str = "", timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Marks what a branch shows of some versions, and of what was made of them."""
        rewrite = Rewrite.quarantine(versions=versions, revisions=revisions, reason=reason, cascade=cascade)
        return await _wait(_asking.carry_out(self._number, rewrite, None, branch, message, timeout))

    async def search(
        self, question: str = "", *topics: str, limit: int = 10, offset: int = 0, at: int | None = None,
        branch: str | None = None, meaning: Meaning = "where_complete", vector: Vector | None = None,
        space: str | None = None, explain: bool = False, passages: bool = False, at_least: Token | None = None,
        timeout: Seconds | None = None,
    ) -> SearchPage:
        """The best records for a question, best first, as of one state. Passages count as read."""
        return await _wait(_finding.search(
            self._number, question, topics, limit, offset, meaning, vector, space, explain, passages, at, at_least,
            branch, timeout))

    async def recall(
        self, question: str = "", *topics: str, budget: int | None = None, tokens: bool = False, since: int | None = None,
        at: int | None = None, branch: str | None = None, meaning: Meaning = "where_complete",
        vector: Vector | None = None, space: str | None = None, at_least: Token | None = None,
        timeout: Seconds | None = None,
    ) -> Recollection:
        """What is known of something, as a block of text for a prompt. What is cited counts as read."""
        return await _wait(_finding.recall(
            self._number, question, topics, budget, tokens, since, meaning, vector, space, at, at_least, branch,
            timeout))

    async def links(
        self, *keys: str, depth: int | None = None, direction: Direction = "both", relations: Iterable[str] = (),
        to: str | None = None, limit: int = 1000, at: int | None = None, branch: str | None = None,
        at_least: Token | None = None, timeout: Seconds | None = None,
    ) -> LinkGraph:
        """Records and the links between them, some steps away from where one starts."""
        return await _wait(_finding.links(
            self._number, keys, depth, direction, relations, to, limit, at, at_least, branch, timeout))

    async def query(
        self, sql: str, *, limit: int = 10_000, at: int | None = None, branch: str | None = None,
        at_least: Token | None = None, timeout: Seconds | None = None,
    ) -> QueryResult:
        """The rows of one SELECT over a state."""
        return await _wait(_finding.query(self._number, sql, limit, at, at_least, branch, timeout))

    async def reindex(self, *, timeout: Seconds | None = None) -> int:
        """Has the broker make its index anew, beside everything else; how many versions the old one held."""
        return await _wait(_finding.reindex(self._number, timeout))

    async def impact(
        self, *, versions: Iterable[tuple[str, int]] = (), revisions: Iterable[int] = (), agent: str | None = None,
        in_context: str | None = None, since: int | None = None, excluded: Iterable[int] = (), own_only: bool = False,
        below_floor: bool = False, timeout: Seconds | None = None,
    ) -> dict[str, Any]:
        """What followed from some versions, or from all that some commits wrote, on any branch."""
        by = _asking.author(agent, in_context, since)
        return await _wait(
            _asking.impact(self._number, versions, revisions, by, excluded, own_only, below_floor, timeout))

    async def knowledge(
        self, agent: str, *, context: str | None = None, at: int | None = None, timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """What an agent had read, required and written by some revision."""
        return await _wait(_asking.knowledge(self._number, agent, context, at, timeout))

    async def blame(
        self, key: str, *, at: int | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> list[dict[str, Any]] | None:
        """Who last changed each part of a record."""
        return await _wait(_asking.blame(self._number, key, at, branch, timeout))

    async def conflicts(
        self, *, branch: str | None = None, timeout: Seconds | None = None
    ) -> list[dict[str, Any]]:
        """The conflicts that merges have left for later, the oldest first."""
        return await _wait(_asking.conflicts(self._number, branch, timeout))

    async def claim_conflict(
        self, conflict: str, *, expires: Seconds = 600, branch: str | None = None, timeout: Seconds | None = None
    ) -> Receipt[None]:
        """Says that this agent settles a conflict, for a while."""
        return await _wait(_asking.claim(self._number, conflict, expires, branch, timeout))

    async def resolve(
        self, conflict: str, choice: Choice, *, branch: str | None = None, message: str = "",
        timeout: Seconds | None = None,
    ) -> Receipt[None]:
        """Settles a conflict that a merge has left for later."""
        return await _wait(_asking.resolve(self._number, conflict, choice, branch, message, timeout))

    async def rebase(
        self, branch: str, new: str, *, onto: str | None = None, message: str = "", timeout: Seconds | None = None
    ) -> dict[str, Any]:
        """Forks a branch anew, and makes its own commits again there."""
        return await _wait(_asking.rebase(self._number, branch, new, onto, message, timeout))

    async def branches(self, *, timeout: Seconds | None = None) -> list[dict[str, Any]]:
        """All branches, `main` among them."""
        found: list[dict[str, Any]] = await _wait(_requests.report(self._number, _core.BRANCHES, timeout))
        return found

    async def status(self, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """How the broker fares."""
        found: dict[str, Any] = await _wait(_requests.report(self._number, _core.STATUS, timeout))
        return found

    async def limits(self, *, timeout: Seconds | None = None) -> dict[str, int]:
        """What one request may hold, by the broker's configuration."""
        found: dict[str, int] = await _wait(_requests.report(self._number, _core.LIMITS, timeout))
        return found

    async def verify(self, *, timeout: Seconds | None = None) -> dict[str, Any]:
        """Checks the store. What is wrong with it is in `problems`, not raised."""
        found: dict[str, Any] = await _wait(_requests.report(self._number, _core.VERIFICATION, timeout))
        return found

    async def digest(
        self, *topics: str, at: int | str | None = None, branch: str | None = None, timeout: Seconds | None = None
    ) -> Digest:
        """The fingerprint of some topics' records as of a revision."""
        at, branch = await self._place(at, branch, timeout)
        return await _wait(_requests.digest(self._number, topics, at, branch, timeout))

    async def compact(
        self, *, older_than: Seconds | None = None, below: int | None = None, timeout: Seconds | None = None
    ) -> int:
        """Drops history. Returns the oldest revision that is still kept."""
        return await _wait(_requests.compact(self._number, older_than, below, timeout))

    async def backup(self, path: Path, *, timeout: Seconds | None = None) -> int:
        """Writes a consistent copy of the store. Returns the revision that it holds."""
        return await _wait(_requests.backup(self._number, path, timeout))

    async def export_file(
        self, path: Path, topic: str = "/", *, at: int | str | None = None, branch: str | None = None
    ) -> int:
        """Writes the records of a topic into a file as JSON Lines. Returns how many there are."""
        at, branch = await self._place(at, branch, None)
        with WholeFile(path) as file:
            await _run(exporting(self.address, self.agent, branch or self.branch, topic, at), file)
            return count_lines(file)

    async def import_file(
        self, path: Path, *, message: str = "", batch: int = 500, mcp_memory: bool = False, branch: str | None = None
    ) -> dict[str, int]:
        """Writes the records or transactions of a JSON Lines file. Returns what came of it."""
        found: dict[str, int] = json.loads(await _run(importing(
            self.address, self.agent, self.context, branch or self.branch, os.fspath(path), message, batch, mcp_memory)))
        return found

    def states(self) -> States:
        """How the connection stands, now and each time that it changes; ends after "closed". For `async for`."""
        return States(self._number)

    def in_context(self, context: str) -> Memory:
        """The same memory in another run, task or conversation; see `membus.Memory.in_context`."""
        owner = _core.memory_context(self._number, context)
        return Memory(owner, self.address, self.agent, context, self.branch, is_shared=True)

    async def close(self) -> None:
        """Ends the connection and its views. Calls under way raise `Closed`. Takes half a second at most."""
        if self._is_shared:
            self._owner.free()
            return
        try:
            await _wait(_requests.close(self._number))
        except Closed:
            return
        finally:
            self._owner.free()
            _OPEN.discard(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except Forked:
            pass  # A child leaves what its parent opened.

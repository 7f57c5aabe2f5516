"""What can go wrong: one exception for each code of membus.h. Each tells what happened, and what to do next."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ._merging import MergeConflict, conflict
from ._values import RawCommit, Record, Token

__all__ = [
    "MembusError",
    "Refused",
    "FailedPrecondition",
    "Conflict",
    "Unsettled",
    "Timeout",
    "Stale",
    "Closed",
    "NotHere",
    "NotFollowed",
    "CommittedButNotSeen",
    "HistoryChanged",
    "OverCapacity",
    "InvalidName",
    "WarmFileError",
    "FileError",
    "Cancelled",
    "SystemFault",
    "Forked",
    "BadArgument",
    "Occupied",
    "CommandFailed",
    "Malformed",
    "UnknownRequest",
    "UnsupportedVersion",
    "RefusedName",
    "InvalidArgument",
    "LimitExceeded",
    "UnknownBranch",
    "BranchExists",
    "WrongKind",
    "InvalidValue",
    "BelowFloor",
    "BeyondHead",
    "NumberReused",
    "NumberForgotten",
    "UnknownBackup",
    "OpenConflicts",
    "PlanChanged",
    "NotWritable",
    "UnknownTag",
    "TagExists",
    "Busy",
    "OutOfOrder",
    "DiskFull",
    "StoreFailed",
    "DeadlineExceeded",
    "ShuttingDown",
    "NotYetVisible",
    "InstanceChanged",
    "HistoryDiffers",
    "UnknownStream",
    "UnknownSession",
    "PullBroken",
]


class MembusError(Exception):
    """What happened between an agent and the memory.

    Attributes:
        code: the code's name, such as "conflict" or "belowFloor".
        message: what happened, to which thing.
        hint: what to do next.
        subject: the key, limit, branch, topics or path that it is about; may be empty.
        outcome_unknown: whether a transaction may have taken effect, or may yet: it timed out, was cancelled, or the
            memory was closed meanwhile.
    """

    outcome_unknown: bool = False
    code: str = ""
    message: str = ""
    hint: str = ""
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class Refused(MembusError):
    """The broker refused the request. Its subclasses say why."""

    #: 1: the request is wrong; 2: it may succeed later; 3: the client's picture of the broker is out of date.
    remedy: ClassVar[int] = 1

    @property
    def is_worth_retrying(self) -> bool:
        """Whether the same request may succeed later."""
        return self.remedy == 2


class FailedPrecondition(NamedTuple):
    """A precondition that failed, with what is there instead.

    Attributes:
        precondition: in words: "at 3", "absent", "plans/ unchanged since 3".
        key: the key that failed it.
        revision: of its newest version, a deletion's too; 0: the key never had a record.
        current: the record that is there now; None: there is none, or it is no longer kept.
    """

    precondition: str
    key: str
    revision: int
    current: Record | None


class Conflict(MembusError):
    """Preconditions failed; nothing was written.

    Attributes:
        failed: each of them, with what is there now.
        revision: of the state in which they failed.
    """

    failed: tuple[FailedPrecondition, ...] = ()
    revision: int = 0


class Unsettled(MembusError):
    """Of a merge or revert: somebody has to decide about these keys; nothing was written. Decide, and call again with
    `resolutions=[conflict.resolved("theirs"), …]`, or give a merge `settle`.

    Attributes:
        conflicts: each of them, with both sides and what they had in common.
        unlisted: so many more, which are not listed.
        revision: of the state in which they are to be decided.
    """

    conflicts: tuple[MergeConflict, ...] = ()
    unlisted: int = 0
    revision: int = 0


class Timeout(MembusError, TimeoutError):
    """No answer in time."""


class Stale(MembusError):
    """The view cannot vouch for its state, and its policy is not to serve it."""


class Closed(MembusError):
    """The memory, view, watch or list was closed."""


class NotHere(MembusError):
    """The record exists, but its value is not in the cache: `view.get(…)` fetches it."""


class NotFollowed(MembusError):
    """No topic of the view covers the key."""


class CommittedButNotSeen(MembusError):
    """The transaction is committed, but an own view did not reach it in time.

    Attributes:
        token: the commit.
    """

    token: Token | None = None


class HistoryChanged(MembusError):
    """The broker holds another history than the one that was read: it was restored from a backup."""


class OverCapacity(MembusError):
    """The topics' keys alone need more memory than the view may use."""


class InvalidName(MembusError, ValueError):
    """A key, topic or branch has no valid name."""


class WarmFileError(MembusError):
    """A warm file cannot be used."""


class FileError(MembusError):
    """A local file could not be read or written."""


class Cancelled(MembusError):
    """The call was cancelled."""


class SystemFault(MembusError):
    """The broker's address cannot be used, or the system gave no socket or thread."""


class Forked(MembusError):
    """The object belongs to the process that this one was forked from: connect again."""


class BadArgument(MembusError, ValueError):
    """An argument is none that can be used."""


class Occupied(MembusError):
    """The watch, list or transaction has a call under way already."""


class CommandFailed(MembusError):
    """The executable, which carries a call out, ended with an error: `code` is that of the command line."""


# ---- What the broker refuses


class Malformed(Refused): ...
class UnknownRequest(Refused): ...
class UnsupportedVersion(Refused): ...
class RefusedName(Refused, ValueError): ...
class InvalidArgument(Refused, ValueError): ...
class LimitExceeded(Refused): ...
class UnknownBranch(Refused, LookupError): ...
class BranchExists(Refused): ...
class WrongKind(Refused, TypeError): ...
class InvalidValue(Refused, ValueError): ...
class BelowFloor(Refused, LookupError): ...
class BeyondHead(Refused, LookupError): ...
class NumberReused(Refused): ...
class NumberForgotten(Refused): ...
class UnknownBackup(Refused): ...


class PlanChanged(Refused):
    """It would no longer write what the plan says: look at a new one."""


class OpenConflicts(Refused):
    """The branch to be merged has conflicts that were left for later: settle them first."""


class NotWritable(Refused):
    """The branch is closed, or takes only merges."""


class UnknownTag(Refused): ...


class TagExists(Refused): ...


class _Passing(Refused):
    remedy = 2


class Busy(_Passing): ...
class OutOfOrder(_Passing): ...
class DiskFull(_Passing): ...
class StoreFailed(_Passing): ...
class DeadlineExceeded(_Passing): ...
class ShuttingDown(_Passing): ...
class NotYetVisible(_Passing): ...


class _Outdated(Refused):
    remedy = 3


class InstanceChanged(_Outdated): ...
class HistoryDiffers(_Outdated): ...
class UnknownStream(_Outdated): ...
class UnknownSession(_Outdated): ...
class PullBroken(_Outdated): ...


#: By the numbers of membus.h.
BY_CODE: dict[int, type[MembusError]] = {
    10: Conflict, 11: Timeout, 12: Stale, 13: Closed, 14: NotHere, 15: NotFollowed, 16: CommittedButNotSeen,
    17: HistoryChanged, 18: OverCapacity, 19: InvalidName, 20: WarmFileError, 21: FileError, 22: Cancelled,
    23: SystemFault, 24: Unsettled, 40: Closed, 41: Forked, 42: BadArgument, 43: Occupied,
    100: Malformed, 101: UnknownRequest, 102: UnsupportedVersion, 103: RefusedName, 104: InvalidArgument,
    105: LimitExceeded, 106: UnknownBranch, 107: BranchExists, 108: WrongKind, 109: InvalidValue, 110: BelowFloor,
    111: BeyondHead, 112: NumberReused, 113: NumberForgotten, 114: UnknownBackup, 115: NotWritable,
    116: UnknownTag, 117: TagExists, 120: PlanChanged, 121: OpenConflicts,
    200: Busy, 201: OutOfOrder, 202: DiskFull, 203: StoreFailed, 204: DeadlineExceeded, 205: ShuttingDown,
    206: NotYetVisible,
    300: InstanceChanged, 301: HistoryDiffers, 302: UnknownStream, 303: UnknownSession, 304: PullBroken,
}  # fmt: skip


def make_error(
    number: int, remedy: int, name: str, message: str, hint: str, subject: str, outcome_unknown: int, token: Token,
    conflicts: list[tuple[int, str, int, str, int, Record]],
    unsettled: list[tuple[str, int, Record, RawCommit, Record, RawCommit, Record, RawCommit]], unlisted: int,
) -> MembusError:
    """The exception of what libmembus tells."""
    by_remedy: dict[int, type[MembusError]] = {1: Refused, 2: _Passing, 3: _Outdated}
    kind = BY_CODE.get(number, by_remedy.get(remedy, MembusError))
    if number == 40:
        message, hint = "it is closed, and cannot be used any more", "follow or connect again"
    error = kind(message)
    error.code, error.message, error.hint, error.subject = name, message, hint, subject
    error.outcome_unknown = bool(outcome_unknown)
    if isinstance(error, CommittedButNotSeen):
        error.token = token
    elif isinstance(error, Conflict):
        error.revision = token.revision
        error.failed = tuple(_failed(*failed) for failed in conflicts)
    elif isinstance(error, Unsettled):
        error.revision, error.unlisted = token.revision, unlisted
        error.conflicts = tuple(conflict(*told) for told in unsettled)
    return error


def _failed(sort: int, name: str, since: int, key: str, revision: int, current: Record) -> FailedPrecondition:
    words = {0: f"at {since}", 1: "absent", 2: f"{name} unchanged since {since}", 3: "sound"}
    return FailedPrecondition(words[sort], key, revision, current if current.exists else None)

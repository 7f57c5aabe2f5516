"""What is asked for rarely, and answered in JSON: impact, blame, plans, picks, quarantine, conflicts that were left for later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, Union

from . import _core
from ._merging import Choice, Put, Resolution
from ._requests import Pending
from ._values import Receipt, Seconds, Token, milliseconds

Versions = Iterable[tuple[str, int]]


class Cascade(TypedDict, total=False):
    """With what is named goes what derives from it, on whatever branch.

    own_only: only what commits themselves are on record to have read or required counts, not what their context knew.
    excluded: commits that are good, whatever they read.
    """

    own_only: bool
    excluded: list[int]


#: Of a revert or a quarantine: with all that derives from it, and how that is told.
Cascading = Union[bool, Cascade]


def ask(memory: int, name: str, question: dict[str, Any], timeout: Seconds | None) -> Pending[Any]:
    import json

    said = {key: value for key, value in question.items() if value is not None and value != []}
    text = json.dumps({name: said}, ensure_ascii=False)
    return Pending(_core.ask(memory, text, milliseconds(timeout)), lambda answer: json.loads(answer[7]))


def receipt(pending: Pending[Any]) -> Pending[Receipt[None]]:
    def finish(answer: _core.Answer) -> Receipt[None]:
        told = pending.finish(answer)
        return Receipt(Token.parse(told["token"]), told["committed"], None)

    return Pending(pending.call, finish)


def named(versions: Versions) -> list[dict[str, Any]]:
    return [{"key": key, "revision": revision} for key, revision in versions]


def author(agent: str | None, in_context: str | None, since: int | None) -> dict[str, Any] | None:
    if (since is None) != (agent is None and in_context is None):
        raise ValueError("agent or in_context, and since, go together: whose commits are meant, and since when")
    if since is None:
        return None
    said = {"agent": agent, "context": in_context, "since": since}
    return {key: value for key, value in said.items() if value is not None}


def decided(resolutions: Iterable[Resolution]) -> list[dict[str, Any]]:
    return [
        {"key": one.key, "ours": one.ours, "theirs": one.theirs, **chosen(one.choice)} for one in resolutions]


def chosen(choice: Choice) -> dict[str, Any]:
    if not isinstance(choice, Put):
        return {"choice": choice}
    import base64

    data, kind, attributes, links, after, at = choice._parts
    put: dict[str, Any] = {"kind": kind}
    try:
        put["value"] = data.decode()
    except UnicodeDecodeError:
        put["value_base64"] = base64.b64encode(data).decode()
    if attributes:
        put["attributes"] = dict(attributes)
    if links:
        put["links"] = [{"relation": relation, "target": target} for relation, target in links]
    if after:
        put["expires_after_ms"] = after
    if at:
        put["expires_at_ms"] = at
    return {"put": put}


class Rewrite:
    """What rewrites memory as a whole: `membus.Rewrite.revert(revisions=[41], cascade=True)`. `memory.plan` tells what it
    would write, `memory.carry_out` does it. The arguments are those of the methods of `Memory`."""

    __slots__ = ("_said",)

    def __init__(self, name: str, said: dict[str, Any]) -> None:
        self._said = {name: {key: value for key, value in said.items() if value is not None and value != []}}

    def __repr__(self) -> str:
        return f"<Rewrite {self._said}>"

    def _by(self, author: dict[str, Any] | None) -> Rewrite:
        if author is not None:
            for said in self._said.values():
                said["author"] = author
        return self

    @classmethod
    def merge(
        cls, source: str, *, at: int | None = None, resolutions: Iterable[Resolution] = (), carries_rules: bool = False,
        parks: bool = False,
    ) -> Rewrite:
        return cls("merge", {
            "source": source, "at": at, "resolutions": decided(resolutions), "carries_rules": carries_rules,
            "park": parks})

    @classmethod
    def rollback(cls, to: int, *, topics: Iterable[str] = ()) -> Rewrite:
        return cls("rollback", {"to": to, "topics": list(topics)})

    @classmethod
    def revert(
        cls, *, versions: Versions = (), revisions: Iterable[int] = (), cascade: Cascading = False,
        resolutions: Iterable[Resolution] = (),
    ) -> Rewrite:
        return cls("revert", {
            "versions": named(versions), "revisions": list(revisions), "cascade": cascade,
            "resolutions": decided(resolutions)})

    @classmethod
    def pick(
        cls, revisions: Iterable[int], *, same_reads: bool = False, resolutions: Iterable[Resolution] = ()
    ) -> Rewrite:
        return cls("pick", {
            "revisions": sorted(revisions), "same_reads": same_reads, "resolutions": decided(resolutions)})

    @classmethod
    def quarantine(
        cls, *, versions: Versions = (), revisions: Iterable[int] = (), reason: str, cascade: Cascading = False
    ) -> Rewrite:
        return cls("quarantine", {
            "versions": named(versions), "revisions": list(revisions), "cascade": cascade, "reason": reason})


def plan(memory: int, rewrite: Rewrite, branch: str | None, timeout: Seconds | None) -> Pending[dict[str, Any]]:
    return ask(memory, "plan", {**rewrite._said, "branch": branch}, timeout)


def carry_out(
    memory: int, rewrite: Rewrite, plan: str | None, branch: str | None, message: str, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    said = {**rewrite._said, "branch": branch, "plan": plan, "message": message}
    return receipt(ask(memory, "carry_out", said, timeout))


def impact(
    memory: int, versions: Versions, revisions: Iterable[int], by: dict[str, Any] | None, excluded: Iterable[int],
    own_only: bool, below_floor: bool, timeout: Seconds | None,
) -> Pending[dict[str, Any]]:
    said = {
        "versions": named(versions), "revisions": list(revisions), "excluded": list(excluded), "own_only": own_only,
        "below_floor": below_floor}
    if by is not None:
        said["author"] = by
    return ask(memory, "impact", said, timeout)


def knowledge(
    memory: int, agent: str, context: str | None, at: int | None, timeout: Seconds | None
) -> Pending[dict[str, Any]]:
    return ask(memory, "knowledge", {"agent": agent, "context": context, "at": at}, timeout)


def blame(
    memory: int, key: str, at: int | None, branch: str | None, timeout: Seconds | None
) -> Pending[list[dict[str, Any]] | None]:
    return ask(memory, "blame", {"key": key, "at": at, "branch": branch}, timeout)


def conflicts(memory: int, branch: str | None, timeout: Seconds | None) -> Pending[list[dict[str, Any]]]:
    return ask(memory, "conflicts", {"branch": branch}, timeout)


def claim(
    memory: int, conflict: str, expires: Seconds, branch: str | None, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    said = {"conflict": conflict, "expires_after_ms": milliseconds(expires), "branch": branch}
    return receipt(ask(memory, "claim", said, timeout))


def resolve(
    memory: int, conflict: str, choice: Choice, branch: str | None, message: str, timeout: Seconds | None
) -> Pending[Receipt[None]]:
    said = {"conflict": conflict, **chosen(choice), "branch": branch, "message": message}
    return receipt(ask(memory, "resolve", said, timeout))


def rebase(
    memory: int, branch: str, new: str, onto: str | None, message: str, timeout: Seconds | None
) -> Pending[dict[str, Any]]:
    return ask(memory, "rebase", {"branch": branch, "as": new, "onto": onto, "message": message}, timeout)


__all__ = ["Cascade", "Cascading", "Rewrite"]

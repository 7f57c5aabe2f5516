"""Membus: shared memory for teams of AI agents.

    import membus

    with membus.connect(agent="planner", context="trip-42") as memory:
        plans = memory.follow("plans/")
        print(plans["plans/paris"].text)

        @memory.transact(retries=5, message="book")
        def commit(tx):
            if tx.get("plans/paris") is not None:
                tx.increment("plans/paris/cost", 120)

        for change in memory.watch("plans/", after=commit.revision):
            print(change)

For asyncio there is :mod:`membus.aio`.
"""

from . import _core, _errors
from ._asking import Cascade, Rewrite
from ._errors import *  # noqa: F403
from ._errors import MembusError, make_error
from ._finding import (
    Citation, LinkEdge, LinkGraph, LinkNode, Passage, QueryResult, Recollection, SearchHit, SearchPage, SearchTerm,
)  # fmt: skip
from ._memory import Listing, Memory, Watch, connect
from ._merging import Choice, MergeConflict, MergeReport, MergeVersion, Put, Resolution
from ._transaction import Transaction
from ._values import (
    Change, Commit, Difference, Digest, RawCommit, Receipt, Record, Snapshot, State, Token, Version, ViewChange,
)  # fmt: skip
from ._view import View

_core.setup(Record, RawCommit, Token, make_error)

Handle = _core.Handle

__all__ = [
    "Cascade", "Change", "Choice", "Citation", "Commit", "Difference", "Digest", "Handle", "LinkEdge", "LinkGraph",
    "LinkNode", "Listing", "Memory", "MembusError", "MergeConflict", "MergeReport", "MergeVersion", "Passage", "Put",
    "QueryResult", "Receipt", "Recollection", "Record", "Resolution", "Rewrite", "SearchHit", "SearchPage",
    "SearchTerm", "Snapshot", "State", "Token", "Transaction", "Version", "View", "ViewChange", "Watch", "connect",
]  # fmt: skip
__all__ += _errors.__all__
__version__ = "0.1.0"

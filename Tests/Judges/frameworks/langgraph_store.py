"""For LangGraph's own tests of its SQLite store: has them test Membus's. A pytest plugin (-p langgraph_store).

`index` is dropped, since there are no vectors yet: cases that only happen to make such a store pass, those that need it fail.
"""

import contextlib
import os
import uuid

import langgraph.store.sqlite
import membus
import membus.aio
from membus.integrations.langgraph_store import AsyncMembusStore, MembusStore


def prefix(conn_string):
    """A store of its own for each database that a case names."""
    return f"judged/{uuid.uuid4().hex if conn_string == ':memory:' else os.path.basename(conn_string)}/"


class SqliteStore(MembusStore):
    @classmethod
    @contextlib.contextmanager
    def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        with membus.connect(agent="judge") as memory:
            yield cls(memory, ttl=ttl, prefix=prefix(conn_string))

    def setup(self):
        pass


class AsyncSqliteStore(AsyncMembusStore):
    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        async with membus.aio.connect(agent="judge") as memory:
            yield cls(memory, ttl=ttl, prefix=prefix(conn_string))

    async def setup(self):
        pass


langgraph.store.sqlite.SqliteStore = SqliteStore
langgraph.store.sqlite.AsyncSqliteStore = AsyncSqliteStore

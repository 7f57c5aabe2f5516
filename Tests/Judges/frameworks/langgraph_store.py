"""For LangGraph's own tests of its stores in SQLite and in memory: has them test Membus's. A pytest plugin (-p langgraph_store)."""

import contextlib
import os
import uuid

import langgraph.store.memory
import langgraph.store.sqlite
import membus
import membus.aio
from membus.integrations.langgraph_store import AsyncMembusStore, MembusStore


def prefix(conn_string):
    """A store of its own for each database that a case names."""
    return f"judged/{uuid.uuid4().hex if conn_string == ':memory:' else os.path.basename(conn_string)}/"


def config(index):
    """SqliteStore calls `text_fields` what LangGraph calls `fields`."""
    return index and {**index, "fields": index.get("text_fields")}


class SqliteStore(MembusStore):
    @classmethod
    @contextlib.contextmanager
    def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        with membus.connect(agent="judge") as memory:
            yield cls(memory, index=config(index), ttl=ttl, prefix=prefix(conn_string))

    def setup(self):
        pass


class AsyncSqliteStore(AsyncMembusStore):
    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        async with membus.aio.connect(agent="judge") as memory:
            yield cls(memory, index=config(index), ttl=ttl, prefix=prefix(conn_string))

    async def setup(self):
        pass


class InMemoryStore(MembusStore):
    def __init__(self, *, index=None):
        super().__init__(membus.connect(agent="judge"), index=index, prefix=prefix(":memory:"))


langgraph.store.memory.InMemoryStore = InMemoryStore
langgraph.store.sqlite.SqliteStore = SqliteStore
langgraph.store.sqlite.AsyncSqliteStore = AsyncSqliteStore

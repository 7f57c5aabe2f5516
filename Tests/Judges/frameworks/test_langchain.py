"""LangChain's standard tests of stores and caches, on Membus's."""

import uuid

import pytest
from langchain_tests.integration_tests import AsyncCacheTestSuite, BaseStoreAsyncTests, BaseStoreSyncTests, SyncCacheTestSuite
from membus.integrations.langchain import MembusByteStore, MembusCache


def place():
    return f"judged/{uuid.uuid4().hex}/"


class TestStore(BaseStoreSyncTests[bytes]):
    @pytest.fixture
    def kv_store(self, memory):
        return MembusByteStore(memory, prefix=place())

    @pytest.fixture
    def three_values(self):
        return b"foo", b"\x00\xff", b""


class TestAsyncStore(BaseStoreAsyncTests[bytes]):
    @pytest.fixture
    async def kv_store(self, memory):
        return MembusByteStore(memory, prefix=place())

    @pytest.fixture
    def three_values(self):
        return b"foo", b"\x00\xff", b""


class TestCache(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, memory):
        return MembusCache(memory, prefix=place())


class TestAsyncCache(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, memory):
        return MembusCache(memory, prefix=place())

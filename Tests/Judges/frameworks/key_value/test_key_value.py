"""py-key-value's own tests of stores, on Membus's."""

import uuid

import membus
import pytest
from membus.integrations.key_value import MembusKeyValueStore
from tests.stores.base import BaseStoreTests


@pytest.fixture(scope="module")
def memory():
    with membus.connect(agent="judge") as memory:
        yield memory


class TestMembusKeyValueStore(BaseStoreTests):
    @pytest.fixture
    async def store(self, memory):
        return MembusKeyValueStore(memory, prefix=f"judged/{uuid.uuid4().hex}/")

"""A broker of its own for each test that asks for one; others use the judge's, which MEMBUS_BROKER names."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "Tests/Processes"), str(ROOT / "Tests/Python")]

import membus  # noqa: E402
import pytest  # noqa: E402
from processes import Broker  # noqa: E402


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "data") as broker:
        yield broker


@pytest.fixture
def memory(broker):
    with membus.connect(broker.url, agent="planner", context="test", timeout=10) as memory:
        yield memory

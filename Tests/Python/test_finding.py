"""How `membus.connect()` finds a broker, and starts one."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

import membus
import membus.aio
from processes import PATIENCE, Broker, membus as executable
from test_background import Home

CONNECT = """
import sys, membus
with membus.connect(agent=sys.argv[1]) as memory:
    memory.transact(lambda tx: tx.increment("count", 1))
    print(memory.address)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    with Home(tmp_path) as home:
        home.environment["MEMBUS_PROGRAM"] = executable()
        for name in ("MEMBUS_BROKER", "MEMBUS_DATA"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(home.path))
        monkeypatch.setenv("MEMBUS_PROGRAM", executable())
        yield home


def start(home, name):
    return subprocess.Popen([sys.executable, "-c", CONNECT, name], env=home.environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_that_connect_at_once_start_one_broker_which_outlives_them(home):
    for attempt in range(10):
        processes = [start(home, f"agent-{number}") for number in range(3)]
        told = [process.communicate(timeout=60 * PATIENCE) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], told
        assert len({out for out, _ in told}) == 1 and len(home.processes()) == 1
        assert sum("in the background" in err for _, err in told) == 1
        with membus.connect(agent="later") as memory:
            assert memory.get("count").text == str(3 * (attempt + 1))
        home.run("stop")


def test_what_is_said_and_the_environment_come_first(home, tmp_path, monkeypatch):
    with Broker(tmp_path / "other") as other:
        with membus.connect(other.url, agent="planner") as memory:
            assert memory.address == other.url
        monkeypatch.setenv("MEMBUS_BROKER", other.url)
        with membus.connect(agent="planner") as memory:
            assert memory.address == other.url
    assert home.processes() == []


def test_nothing_is_started_where_nobody_wants_it_and_a_failure_says_why(home, monkeypatch):
    with pytest.raises(membus.Timeout):
        membus.connect(agent="planner", embedded=False, timeout=0.5)
    assert home.processes() == []
    monkeypatch.setenv("MEMBUS_PROGRAM", "/nowhere/membus")
    with pytest.raises(membus.MembusError, match="/nowhere/membus"):
        membus.connect(agent="planner")


def test_asyncio_starts_one_too(home):
    async def body():
        async with membus.aio.connect(agent="planner") as memory:
            return memory.address
    assert asyncio.run(body()) == f"ipc://{home.data}/requests.sock"
    [process] = home.processes()
    os.kill(process, signal.SIGKILL)

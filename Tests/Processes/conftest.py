"""What the system tests share: a broker of its own for each test, and clients that end with it."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "python"))

from membus_client import Connection, Session  # noqa: E402
from processes import Broker  # noqa: E402


class Clients:
    """Raw protocol clients of one broker."""

    def __init__(self, broker):
        self.broker = broker
        self.opened = []

    def connection(self, **options):
        self.opened.append(Connection(self.broker.url, **options))
        return self.opened[-1]

    def session(self, agent="writer", **options):
        return Session(self.connection(**options), agent)


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "data")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def clients(broker):
    clients = Clients(broker)
    yield clients
    for connection in clients.opened:
        connection.close()


@pytest.fixture
def mount(tmp_path):
    """mount(arguments…) mounts at a new directory, and returns it; it is unmounted after the test. Needs root."""
    mounted = []

    def mount(*arguments):
        directory = tmp_path / f"mount-{len(mounted)}"
        directory.mkdir()
        subprocess.run(["mount", *map(str, arguments), str(directory)], check=True)
        mounted.append(directory)
        return directory

    yield mount
    for directory in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(directory)], check=True)

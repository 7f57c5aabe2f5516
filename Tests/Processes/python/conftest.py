"""Starts the real broker, whose path is in MEMBUS_BINARY:

    python3 -m venv venv
    venv/bin/pip install -r Tests/Processes/python/requirements.txt
    MEMBUS_BINARY=.build/debug/membus venv/bin/pytest Tests/Processes/python
"""
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from membus_client import Connection, Session, View  # noqa: E402


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Broker:
    """A broker process, which can be killed and started again over the same data and ports."""

    def __init__(self, binary, directory):
        self.binary, self.data, self.log = os.path.abspath(binary), directory / "data", directory / "broker.log"
        self.data.mkdir()
        self.requests, self.events = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
        self._opened = []
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            # Signals end it as they do by default, whatever the tests were started with.
            self.process = subprocess.Popen(
                ["/usr/bin/env", "--default-signal=INT,QUIT,TERM", self.binary, "serve", "--data", str(self.data), "--listen", self.requests, "--events", self.events],
                stdout=subprocess.PIPE, stderr=log)
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if ready else b""
        if not line.strip():
            self.process.kill()
            pytest.fail(f"the broker did not get ready:\n{self.log.read_text(errors='replace')}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def restart(self, pause=0.0):
        self.kill()
        time.sleep(pause)
        self.start()

    def assert_running(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")

    # Clients that are closed with the broker.

    def connection(self, **options):
        return self._keep(Connection(self.requests, **options))

    def session(self, agent="writer"):
        return Session(self.connection(), agent)

    def view(self, *topics, live=True, **options):
        view = self._keep(View(self.connection(), *topics, **options))
        if live:
            assert view.run_until(lambda: view.live), view.story
        return view

    def _keep(self, client):
        self._opened.append(client)
        return client

    def close(self):
        for client in self._opened:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def broker(tmp_path):
    binary = os.environ.get("MEMBUS_BINARY")
    if not binary or not os.access(binary, os.X_OK):
        pytest.fail("MEMBUS_BINARY must name the broker's executable")
    broker = Broker(binary, tmp_path)
    yield broker
    broker.close()

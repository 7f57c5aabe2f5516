"""What earlier releases left behind: their stores and warm files are read, and go on; and what their brokers would lose is not
sent to them. (That their clients are served is what the client in Python shows, which is written from the protocol alone.)"""

import json
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import zmq

from membus_protos import bus
from processes import Broker, run, run_json_lines

FIXTURES = Path(__file__).parent / "Fixtures"
# Of all records on a branch, as the release that wrote the store told them.
DIGESTS = {
    "main": "051a7dbd5731766c7ce1e72380534eb0478968b4a2c610f25ae1647629cc79ac",
    "trial": "d1e8ff31e6ffde5f118bb77c6b7415ae9a4e7e3ce754587ae4b54b0f456a11ba",
}


def store(path):
    """Builds the first release's store. Its text is kept, rather than its file."""
    path.mkdir()
    with sqlite3.connect(path / "membus.db") as db:
        db.executescript((FIXTURES / "store-1.sql").read_text())
    return path


def test_a_store_of_the_first_release_is_sound_and_goes_on(tmp_path):
    with Broker(store(tmp_path / "memory")) as broker:
        assert run(broker, "verify").stdout.startswith("sound: ")
        for branch, digest in DIGESTS.items():
            [told] = run_json_lines(broker, "debug", "digest", "--branch", branch)
            assert told["digest"] == digest and told["equal"]
        assert run(broker, "get", "plans/paris").stdout == "morning flight"
        assert run(broker, "get", "n").stdout == "3"
        head = run_json_lines(broker, "status")[0]["head"]["revision"]
        run(broker, "put", "plans/oslo", "by ship")
        assert run_json_lines(broker, "log", "-n", "1")[0]["revision"] == head + 1
        broker.restart()
        assert run(broker, "get", "plans/oslo").stdout == "by ship"
        assert run(broker, "verify").stdout.startswith("sound: ")


def test_a_warm_file_of_the_first_release_is_caught_up_with(tmp_path):
    file = tmp_path / "plans.warm"
    file.write_bytes(bytes.fromhex((FIXTURES / "plans-1.warm.hex").read_text()))
    with Broker(store(tmp_path / "memory")) as broker:
        caught = run(broker, "warm", "plans/", "--into", str(file))
        assert "catching up" in caught.stderr
        records = [json.loads(line) for line in run(broker, "export", "plans/").stdout.splitlines()]
        assert {record["key"] for record in records} == {"plans/paris", "plans/budget", "plans/rome"}
        assert f"holds {len(records)} records" in caught.stdout + caught.stderr


class EarlierBroker:
    """Greets as a broker of the release before vectors does, and answers nothing else. `asked` is what came."""

    def __init__(self):
        self.asked = []
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.url, self._ends = f"tcp://127.0.0.1:{port}", threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        while not self._ends.is_set():
            if not self._socket.poll(50):
                continue
            *address, body = self._socket.recv_multipart()
            request = bus.Request.FromString(body)
            self.asked.append(request.WhichOneof("body"))
            if self.asked[-1] == "hello":
                welcome = bus.Welcome(major=1, minor=0, events=["tcp://*:1"], heartbeat_ms=250, software="membus 0.1.0")
                reply = bus.Reply(id=request.id, lineage=1, instance=1, welcome=welcome)
                self._socket.send_multipart([*address, reply.SerializeToString()])


@pytest.mark.parametrize("asked", [
    ["put", "plans/paris", "night train", "--vectors"],
    ["search", "--space", "mine", "--vector"],
    ["recall", "trains", "--space", "mine", "--vector"],
])
def test_a_broker_that_would_drop_vectors_is_sent_none(tmp_path, asked):
    (tmp_path / "vectors.json").write_text('{"mine": [[1, 0]]}')
    vectors = str(tmp_path / "vectors.json") if asked[0] == "put" else "[1, 0]"
    with EarlierBroker() as broker:
        told = run(SimpleNamespace(url=broker.url), *asked, vectors, check=False)
        assert told.returncode != 0 and "membus 0.1.0, protocol 1.0" in told.stderr and "leave the vectors out" in told.stderr
        assert set(broker.asked) <= {"hello", "ping"}

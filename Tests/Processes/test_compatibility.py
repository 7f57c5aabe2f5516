"""What earlier releases left behind: their stores and warm files are read, and go on. (That their clients are served is
what the client in Python shows, which is written from the protocol alone.)"""

import json
import sqlite3
from pathlib import Path

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

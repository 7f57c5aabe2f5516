"""What is left behind, and what is told, when something ends before its time: a command by a signal, the room on the
disk by a quota, the data directory by somebody's hand."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from membus_client import request
from membus_protos import bus, errors
from processes import PATIENCE, Broker, Lines, eventually, membus, run, run_json_lines


def fill(broker, tmp_path, mebibytes):
    records = tmp_path / "records.jsonl"
    records.write_text("".join(f'{{"key": "big/{n}", "value": "{"x" * (1 << 20)}"}}\n' for n in range(mebibytes)))
    run(broker, "import", str(records))
    records.unlink()


def under_way(broker):
    """Copies that the broker holds for those who make backups."""
    place = os.path.join(broker.data, "backups-under-way")
    return os.listdir(place) if os.path.isdir(place) else []


@pytest.fixture(scope="module")
def large_store(tmp_path_factory):
    place = tmp_path_factory.mktemp("large")
    with Broker(place / "data") as broker:
        fill(broker, place, 60)
    return place / "data"


@pytest.fixture
def large(large_store, tmp_path):
    """A broker on a store that takes a while to copy."""
    shutil.copytree(large_store, tmp_path / "data")
    with Broker(tmp_path / "data") as broker:
        yield broker


def test_a_broker_whose_log_is_removed_ends_too(tmp_path):
    broker = Broker(tmp_path / "data")
    broker.start()
    run(broker, "put", "k", "v")
    os.unlink(os.path.join(broker.data, "membus.db-wal"))
    assert broker.process.wait(20) == 70


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_ended_leaves_nothing_here_nor_at_the_broker(large, tmp_path, number):
    place = tmp_path / "place"
    place.mkdir()
    ended = 0
    for _ in range(6):  # more than may be under way at a time
        with Lines(large, "backup", str(place / "copy")) as backup:
            # The draft has no name: the broker's copy tells that it is under way.
            eventually(lambda: under_way(large) or backup.process.poll() is not None, what="the copy")
            code = backup.end(number)
        ended += code == -number
        assert code in (0, -number), (code, backup.err)
        assert code != 0 or os.listdir(place) == ["copy"]
        (place / "copy").unlink(missing_ok=True)
        assert os.listdir(place) == []
        eventually(lambda: not under_way(large), timeout=10, what="the end of the broker's copy")
    assert ended > 0, "each backup was done before it could be ended"
    told = run_json_lines(large, "backup", str(place / "copy"))[0]
    assert told["revision"] > 0 and os.listdir(place) == ["copy"]


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_broker_that_ends_waits_for_no_sql(broker, clients):
    connection, told = clients.connection(), []
    for _ in range(3):  # more than are run at a time
        connection.send(request(query=bus.Query(sql=ENDLESS), deadline_ms=30_000), told.append)
    connection.exchange(request(status=bus.GetStatus()))
    began = time.monotonic()
    assert broker.stop() == 0
    assert time.monotonic() - began < 5 * PATIENCE
    connection.pump(5)
    assert [reply.error.code for reply in told] == [errors.SHUTTING_DOWN] * 3
    assert {reply.error.message for reply in told} == {"the broker stops, and has ended the query"}


def test_a_broker_that_ends_leaves_no_copies_behind(large, tmp_path):
    with Lines(large, "backup", str(tmp_path / "copy")) as backup:
        eventually(lambda: under_way(large), what="the copy")
        backup.process.send_signal(signal.SIGSTOP)
        assert large.stop() == 0
        backup.process.kill()
    assert under_way(large) == []


def test_a_warm_that_is_ended_leaves_no_draft(large, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with Lines(large, "warm", "big/", "--into", str(place / "warm")) as warm:
        time.sleep(0.3)
        warm.end(signal.SIGTERM)
    assert os.listdir(place) in ([], ["warm"])


def test_a_backup_replaces_no_device_and_keeps_a_link(large, tmp_path):
    device = tmp_path / "device"
    os.mkfifo(device)
    refused = run(large, "backup", "--force", str(device), check=False)
    assert refused.returncode == 1 and "no regular file" in refused.stderr
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    run(large, "backup", "--force", str(link))
    assert link.is_symlink() and target.stat().st_size > 1 << 20
    assert run(large, "backup", "-", check=False).returncode == 2


def test_a_limit_on_file_sizes_refuses_writes_as_a_full_disk_does(tmp_path):
    # In KiB: the store's files may have 4 MiB each.
    broker = Broker(tmp_path / "data", under=["bash", "-c", 'ulimit -f 4096; exec "$@"', "--"])
    with broker:
        taken = 0
        for number in range(40):
            written = run(broker, "--timeout", "3s", "put", f"k/{number}", "-", input="x" * 500_000, check=False)
            if written.returncode != 0:
                break
            taken += 1
        assert written.returncode == 1 and "as large as this process may make it" in written.stderr, (written.stderr, broker.log)
        assert broker.is_running()
        assert len(run_json_lines(broker, "ls", "k/")) == taken > 0
        assert run_json_lines(broker, "verify")[0]["problems"] == []


def test_a_backup_that_meets_such_a_limit_says_so_and_leaves_nothing(large, tmp_path):
    subprocess.run(["prlimit", "--pid", str(large.process.pid), f"--fsize={8 << 20}"], check=True)
    refused = run(large, "backup", str(tmp_path / "copy"), check=False)
    assert refused.returncode == 1 and "as large as this process may make it" in refused.stderr, refused.stderr
    assert "free space on the broker's disk" in refused.stderr, refused.stderr
    assert not (tmp_path / "copy").exists() and under_way(large) == []
    assert large.is_running()


def test_what_the_process_was_started_to_ignore_ends_no_backup(large, tmp_path):
    """As under nohup."""
    with Lines(large, "backup", str(tmp_path / "copy"), under=["nohup"]) as backup:
        eventually(lambda: under_way(large) or backup.process.poll() is not None, what="the copy")
        assert backup.end(signal.SIGHUP) == 0
    assert (tmp_path / "copy").stat().st_size > 1 << 20


def test_a_warm_that_is_to_follow_ends_by_a_signal_at_any_moment(large, tmp_path):
    """Also between its first fill and the following of changes."""
    for number in range(12):
        file = tmp_path / f"warm-{number}"
        with Lines(large, "warm", "big/1", "--into", str(file), "--follow") as warm:
            eventually(lambda: file.exists() or warm.process.poll() is not None, what="the file")
            time.sleep(number * 0.01)
            assert warm.end(signal.SIGTERM, timeout=20) in (0, -signal.SIGTERM), warm.err


def test_a_broker_whose_directory_is_removed_ends_rather_than_write_into_the_void(tmp_path):
    broker = Broker(tmp_path / "data")
    broker.start()
    run(broker, "put", "k", "v")
    shutil.rmtree(broker.data)
    assert broker.process.wait(20) == 70
    eventually(lambda: any("was removed or replaced" in line for line in broker.log), what="the reason")


def test_verify_says_that_an_empty_file_is_no_store(tmp_path):
    (tmp_path / "membus.db").touch()
    told = subprocess.run([membus(), "verify", "--data", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 1 and "no Membus store" in told.stderr

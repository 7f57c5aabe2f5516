"""Brokers in the background, and how everybody finds theirs."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from processes import DEFAULT_SIGNALS, PATIENCE, Broker, eventually, free_port, membus, start


class Home:
    """A user's home directory, and commands that are told nothing else."""

    def __init__(self, path):
        self.path, self.data = path, path / ".membus"
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("MEMBUS_")} | {"HOME": str(path)}

    def command(self, *arguments):
        return [*DEFAULT_SIGNALS, membus(), *arguments]

    def run(self, *arguments, check=True, **environment):
        ended = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60 * PATIENCE,
            env=self.environment | environment)
        assert not check or ended.returncode == 0, ended.stderr
        return ended

    def start(self, *options):
        return json.loads(self.run("start", "--json", *options).stdout)

    def processes(self):
        """Of brokers that serve the directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0] if words else "Z"
            except OSError:
                continue
            if b"serve" in words and str(self.data).encode() in words and state != "Z":
                found.append(int(entry.name))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes():
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def home(tmp_path):
    with Home(tmp_path) as home:
        yield home


def test_a_background_broker_is_nobody_elses_whatever_the_directory_and_the_mask_are(home):
    home.data.mkdir(mode=0o755)
    home.data.chmod(0o755)
    before = os.umask(0)
    try:
        home.start()
    finally:
        os.umask(before)
    for file in home.data.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_broker_in_the_background_outlives_who_started_it_and_everybody_finds_it(home):
    told = home.start()
    assert told["started"] and told["data"] == str(home.data)
    assert home.run("put", "plan", "night train").stdout == "revision 1\n"
    assert home.run("get", "plan").stdout == "night train"
    assert home.start() == told | {"started": False}
    assert home.processes() == [told["process"]]
    # Nobody else gets in, and its own session is where nobody's Ctrl-C or lost terminal ends it.
    assert {path.stat().st_mode & 0o077 for path in home.data.iterdir() if not path.is_socket()} == {0}
    assert home.data.stat().st_mode & 0o777 == 0o700
    assert os.getsid(told["process"]) != os.getsid(0)
    assert "serving" in Path(told["log"]).read_text()

    assert "has stopped" in home.run("stop").stdout
    assert home.processes() == [] and not (home.data / "address").exists()
    ended = home.run("stop", check=False)
    assert ended.returncode == 4 and "no broker has" in ended.stderr
    assert home.run("get", "plan", "--timeout", "1s", check=False).returncode == 1


@pytest.mark.parametrize("tries", [100])
def test_however_many_start_one_at_once_one_is_started(home, tries):
    for attempt in range(tries):
        starts = [start(
            [membus(), "start", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=home.environment) for _ in range(2)]
        told = [json.loads(one.communicate(timeout=60 * PATIENCE)[0]) for one in starts]
        assert sorted(one["started"] for one in told) == [False, True], f"try {attempt}: {told}"
        assert {one["process"] for one in told} == set(home.processes()), f"try {attempt}"
        home.run("stop")


def test_what_the_caller_says_comes_first_then_the_environment_then_the_directory(home, tmp_path):
    home.start()
    home.run("put", "who", "background")
    with Broker(tmp_path / "other") as other, Broker(tmp_path / "third") as third:
        home.run("put", "who", "other", "--broker", other.url)
        home.run("put", "who", "third", "--broker", third.url)
        assert home.run("get", "who").stdout == "background"
        assert home.run("get", "who", MEMBUS_BROKER=other.url).stdout == "other"
        assert home.run("get", "who", "--broker", third.url, MEMBUS_BROKER=other.url).stdout == "third"
        # A broker in a terminal is found by its directory just so, wherever it listens.
        assert home.run("get", "who", MEMBUS_DATA=str(tmp_path / "third")).stdout == "third"


def test_the_address_of_a_broker_that_was_killed_is_not_believed(home):
    killed = home.start()["process"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: home.processes() == [], 10, "its end")
    assert (home.data / "address").exists()
    ended = home.run("get", "a", "--timeout", "1s", check=False)
    assert ended.returncode == 1 and "tcp://127.0.0.1:7401" in ended.stderr
    told = home.start()
    assert told["started"] and told["process"] != killed
    home.run("put", "a", "x")


def test_a_broker_ends_once_nobody_has_used_it_for_so_long_and_not_while_somebody_waits(home):
    process = home.start("--idle", "3s")["process"]
    watch = start([membus(), "watch", "alarms/"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                  stderr=subprocess.DEVNULL, text=True, env=home.environment)
    time.sleep(7)
    assert home.processes() == [process], "a watcher is a client"
    home.run("put", "alarms/fire", "kitchen")
    assert "kitchen" in watch.stdout.readline()
    watch.kill()
    watch.wait()
    eventually(lambda: home.processes() == [], 30, "the end of a broker without clients")
    assert "no client" in (home.data / "broker.log").read_text()
    assert not (home.data / "address").exists()
    assert home.start()["started"] and home.run("get", "alarms/fire").stdout == "kitchen"


def test_a_start_that_fails_says_why_and_leaves_nothing(home):
    home.data.mkdir(mode=0o700)
    (home.data / "membus.db").write_bytes(b"somebody's notes, and no store" * 200)
    ended = home.run("start", check=False)
    assert ended.returncode == 1 and "the broker ended as it started" in ended.stderr and "membus.db" in ended.stderr
    assert home.processes() == [] and not (home.data / "address").exists()


def test_a_directory_whose_sockets_would_have_too_long_a_name_is_refused(home):
    ended = home.run("start", "--data", str(home.path / ("long" * 30)), check=False)
    assert ended.returncode == 2 and "too long for a socket" in ended.stderr and "--data" in ended.stderr


def test_a_lock_that_names_another_process_stops_nobody(home):
    """One of another container, say, which shares the directory."""
    process = home.start()["process"]
    bystander = start(["sleep", "60"])
    try:
        (home.data / "lock").write_text(f"{bystander.pid}\n")
        ended = home.run("stop", check=False)
        assert ended.returncode == 1 and f"process {bystander.pid}" in ended.stderr
        assert bystander.poll() is None and home.processes() == [process]
    finally:
        bystander.kill()
        bystander.wait()

"""What the tests stand on: the processes that they start."""

import re
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from processes import Broker, Lines, eventually, start

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


@contextmanager
def ignoring(*numbers):
    """As a process that a shell starts in the background ignores some signals, and all that it starts with it."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_the_tests_ignore_ends_what_they_start(number):
    with ignoring(*ENDING):
        process = start(["sleep", "60"])
        # Until `env` has become it, the signal would be ignored still.
        eventually(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
    process.send_signal(number)
    assert process.wait(10) == -number


def test_ctrl_c_ends_broker_and_watch_also_if_the_tests_run_in_the_background(tmp_path):
    with ignoring(signal.SIGINT):
        broker = Broker(tmp_path / "data")
        broker.start()
        watch = Lines(broker, "watch", "/")
    watch.until(lambda it: it.err)
    assert watch.end(signal.SIGINT) == 0
    broker.process.send_signal(signal.SIGINT)
    assert broker.process.wait(20) == 0


def test_every_process_that_lives_for_a_while_is_started_so():
    started_otherwise = [
        f"{file.name}: {line.strip()}" for file in sorted(Path(__file__).parent.glob("*.py"))
        for line in file.read_text().splitlines() if re.search(r"subprocess\.Popen\(|\bPopen\(", line)]
    assert [line for line in started_otherwise if "*DEFAULT_SIGNALS" not in line and "re.search" not in line] == []

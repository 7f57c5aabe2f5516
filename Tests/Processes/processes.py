"""Real processes for the system tests: the broker, which can be killed and restarted, and the command line."""

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

# How many times as long as usual processes may take: under a sanitizer, say.
# Who has fetched a sentence model gets the same tests as who has not; those of meaning name one.
os.environ.setdefault("MEMBUS_MODEL", "")
PATIENCE = float(os.environ.get("MEMBUS_PATIENCE") or 1)

#: What every process is started under. A shell has what it starts in the background ignore SIGINT and SIGQUIT, and what
#: is ignored stays ignored in all that is started from there: under `deploy/test &` nothing would end by Ctrl-C.
DEFAULT_SIGNALS = ("/usr/bin/env", "--default-signal=HUP,INT,QUIT,PIPE,TERM")


def start(command, **options):
    """A process to which signals do what they do by default, whatever this one ignores. -> Popen"""
    return subprocess.Popen([*DEFAULT_SIGNALS, *map(str, command)], **options)


def _binary(variable, name):
    path = os.environ.get(variable) or str(ROOT / ".build/debug" / name)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{variable}: no program at {path}; build first, with `swift build`")
    return path


def membus():
    return _binary("MEMBUS_BINARY", "membus")


def agent():
    return _binary("MEMBUS_AGENT_BINARY", "membus-test-agent")


def chaos_agent():
    return _binary("MEMBUS_CHAOS_AGENT_BINARY", "membus-chaos-agent")


def check():
    return _binary("MEMBUS_CHECK_BINARY", "membus-check")


def free_port():
    """Below the ports that the kernel gives to outgoing connections: a client that keeps connecting to a broker
    that is down could else connect to itself, and hold the port when the broker comes back."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, max(lowest, 20_000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def eventually(fact, timeout=20, what="it"):
    """Waits until `fact()` is true. -> what it returned."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        found = fact()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come true in {timeout} s"
        time.sleep(0.02)


def memory_kib(pid, peak=False):
    """What the process holds in memory, or the most that it ever held."""
    field = "VmHWM" if peak else "VmRSS"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} tells no {field}")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Lines:
    """A running `membus` command, whose lines of standard output (and of standard error) are collected."""

    def __init__(self, broker, *arguments, program=None, under=()):
        """under: the program, and its options, that runs it."""
        self.process = start(
            [*under, program or membus(), "--broker", broker.url, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.out, self.err = [], []
        self._readers = [threading.Thread(target=self._collect, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def objects(self):
        return [json.loads(line) for line in list(self.out)]

    def until(self, fact, timeout=30):
        """Waits until `fact(self)` is true."""
        try:
            return eventually(lambda: fact(self), timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.out[-5:]} {self.err[-5:]}") from None

    def wait(self, timeout=30):
        """-> the exit code, once all output is read."""
        code = self.process.wait(timeout * PATIENCE)
        for reader in self._readers:
            reader.join(timeout)
        return code

    def end(self, number=signal.SIGTERM, timeout=30):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Broker:
    """`membus serve` on ports of its own. After kill() or stop(), start() takes the same data and ports."""

    def __init__(self, data, *options, url=None, events=None, under=()):
        """under: the program, and its options, that runs `membus serve`."""
        self.data = str(data)
        self.options = options
        self.under = list(under)
        self.url = url or f"tcp://127.0.0.1:{free_port()}"
        self.events = events or f"tcp://127.0.0.1:{free_port()}"
        self.restore_signals = True
        self.process = None
        self.log = []

    @property
    def command(self):
        return [*self.under, membus(), "serve", "--data", self.data, "--listen", self.url, "--events", self.events,
                *self.options]

    @property
    def pid(self):
        return self.process.pid

    def start(self, timeout=30):
        self.process = start(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            restore_signals=self.restore_signals)
        threading.Thread(target=self._drain, args=(self.process,), daemon=True).start()
        ready = []
        reader = threading.Thread(target=lambda: ready.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(timeout * PATIENCE)
        if not ready or not ready[0]:
            self.process.kill()
            time.sleep(0.1)
            raise AssertionError(f"the broker did not start:\n{''.join(self.log)}")
        return ready[0]

    def _drain(self, process):
        for line in process.stderr:
            self.log.append(line)

    def refuses(self, timeout=30):
        """Starts a broker that should not start. -> (exit code, what it said)"""
        ended = subprocess.run(
            [*DEFAULT_SIGNALS, *self.command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout * PATIENCE)
        assert ended.stdout == "", f"it said that it was ready: {ended.stdout}"
        return ended.returncode, ended.stderr

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def stop(self, timeout=30):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the broker did not stop within its time")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def run(broker, *arguments, input=None, check=True, timeout=60):
    """Runs `membus` against the broker. -> CompletedProcess with text."""
    result = subprocess.run(
        [membus(), "--broker", broker.url, *arguments], input=input, capture_output=True, text=True,
        timeout=timeout * PATIENCE)
    if check and result.returncode != 0:
        raise AssertionError(
            f"membus {' '.join(arguments)} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


def run_json_lines(broker, *arguments, **options):
    """Runs `membus … --json`. -> the objects that it printed, one for each line."""
    return [json.loads(line) for line in run(broker, *arguments, "--json", **options).stdout.splitlines()]

"""Who lives with the broker for the length of a soak: workers, watchers, views. Each can be put to sleep."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from membus_client import Connection, Session, request
from membus_protos import bus, memory
from processes import PATIENCE, agent as agent_binary, membus, start
from soak_records import Numbered, Seen

HERE = Path(__file__).parent


class Process:
    """A process of the soak, whose standard output and standard error are read line by line."""

    def __init__(self, name):
        self.name, self.process, self.is_asleep = name, None, False
        self.findings = []
        self.errors = []

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def launch(self, command):
        self.process = start(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._readers = [threading.Thread(target=self._read, args=(self.process, *pair), daemon=True) for pair in (
            (self.process.stdout, self.line), (self.process.stderr, self.error))]
        for reader in self._readers:
            reader.start()

    def _read(self, process, stream, take):
        for line in stream:
            try:
                take(line.rstrip("\n"))
            except Exception as error:  # a thread's death would look like silence
                self.findings.append(f"{self.name} said what the soak does not understand: {line!r}: {error!r}")

    def line(self, text):
        pass

    def error(self, text):
        self.errors = [*self.errors[-20:], text]

    def order(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def sleep(self):
        self.is_asleep = True
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        self.is_asleep = False
        if self.is_running:
            self.process.send_signal(signal.SIGCONT)

    def wait(self, timeout):
        code = self.process.wait(timeout * PATIENCE)
        for reader in self._readers:
            reader.join(timeout)
        return code

    def end(self):
        if self.is_running:
            self.wake()
            self.process.kill()
        if self.process is not None:
            self.process.wait()


class WorkerProcess(Process):
    """soak_worker.py in a role."""

    def __init__(self, role, seed, broker, rate):
        super().__init__(role)
        self.command = [sys.executable, HERE / "soak_worker.py", role, "--broker", broker.url, "--seed", seed,
                        "--rate", rate]
        self.told, self.done, self.told_at = {}, Counter(), 0.0
        self.launch(self.command)

    def line(self, text):
        self.told = json.loads(text)
        self.told_at = time.monotonic()
        self.done = Counter(self.told["done"])
        self.findings += [f"{self.name}: {finding}" for finding in self.told["findings"]]

    @property
    def is_resting(self):
        return bool(self.told.get("resting"))

    def look(self):
        """-> what is wrong with it by now."""
        found, self.findings = self.findings, []
        if not self.is_running:
            found.append(f"{self.name} ended by itself with {self.process.returncode}: {self.errors[-5:]}")
        return found


class Watcher(Process):
    """`membus watch` of a topic. It may be put to sleep; its reader may pause. Where it says that something is no longer
    kept, it is started again from the floor."""

    def __init__(self, name, broker, events, floor):
        """floor: a function that asks for it."""
        super().__init__(name)
        self.broker, self.floor = broker, floor
        self.seen = Seen(name, events)
        self.is_reading = threading.Event()
        self.is_reading.set()
        self.refused = None
        self.starts = 0
        self.begin()

    def begin(self, after=None):
        self.starts += 1
        self.refused = None
        command = [membus(), "watch", self.seen.events.topic, "--json", "--broker", self.broker.url]
        self.launch([*command, *(["--from", after] if after is not None else [])])

    def line(self, text):
        self.is_reading.wait()
        told = json.loads(text)
        if "error" in told:
            self.refused = told["error"]
        else:
            self.seen.see(int(told["value"].split()[0]), told["revision"], self.floor)

    def look(self):
        """Starts it again if it was refused. -> what is wrong with it by now."""
        found, self.findings = self.findings, []
        self.seen.compare()
        if self.is_running:
            return found
        code = self.wait(30)
        if code == 1 and self.refused and self.refused["code"] == "BELOW_FLOOR":
            floor = self.floor()
            self.seen.refused(floor)
            self.begin(floor)
        else:
            found.append(f"{self.name} ended by itself with {code}: {self.refused} {self.errors[-5:]}")
            self.begin(self.floor())
        return found

    @property
    def is_up_to_date(self):
        return self.seen.last >= self.seen.events.last


class Writer:
    """Writes the events that watchers have to see, each topic at its own pace. Lives in the conductor, which has to know
    the revision of each."""

    KEYS = 3

    def __init__(self, broker):
        self.session = Session(Connection(broker.url), "events")
        self.topics = {}  # Numbered: (seconds between events, bytes)
        self._due = {}
        self._sent = {}  # transaction: (Numbered, number)
        self._next = Counter()
        self.findings = []
        self.is_resting, self.is_over = False, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def topic(self, name, every, size):
        events = Numbered(name)
        self.topics[events] = every, size
        self._due[events] = time.monotonic() + every / 2
        return events

    def write(self, events):
        self._next[events] += 1
        number = self._next[events]
        key = f"{events.topic}{number % self.KEYS}"
        value = f"{number} ".ljust(self.topics[events][1], "x")
        change = memory.Change(key=key, put=memory.Put(value=value.encode()))
        sent = self.session.submit(memory.Transaction(branch="main", changes=[change]))
        self._sent[sent] = events, number

    def _run(self):
        while not self.is_over:
            for events, (every, _) in self.topics.items():
                if not self.is_resting and time.monotonic() >= self._due[events]:
                    self._due[events] = time.monotonic() + every
                    self.write(events)
            self.session.step(0.01)
            for number, answer in list(self.session.answers.items()):
                events, event = self._sent.pop(number)
                if isinstance(answer, Exception) or answer.WhichOneof("result") != "committed":
                    self.findings.append(f"event {event} of {events.topic} was not written: {answer}")
                else:
                    events.acknowledged(event, answer.position.revision)
            self.session.answers.clear()

    @property
    def is_idle(self):
        return self.is_resting and not self._sent

    def end(self):
        self.is_over = True
        self.thread.join()


class Follower(Process):
    """`membus-test-agent follow`: a view, which tells the digest of what it shows."""

    def __init__(self, name, broker, topic, mode):
        super().__init__(name)
        self.topic, self.mode = topic, mode
        self._report, self._has_reported = None, threading.Event()
        self.reports = 0
        self.launch([agent_binary(), "follow", "--broker", broker.url, "--as", name, "--mode", mode, topic])

    def line(self, text):
        self._report = json.loads(text)
        self._has_reported.set()

    def holds(self, connection, timeout=30):
        """Has it reach the head, and holds its digest against the broker's. -> what is wrong, or None"""
        self._has_reported.clear()
        welcome = connection.call(request(status=bus.GetStatus()))
        head = welcome.status.head
        try:
            self.order(f"{welcome.lineage:016x}:{head.revision}:{head.hash:016x}")
        except OSError:
            return f"{self.name} ended by itself with {self.process.poll()}: {self.errors[-5:]}"
        if not self._has_reported.wait(timeout * PATIENCE):
            return f"{self.name} did not reach revision {head.revision} in {timeout} s ({self.errors[-5:]})"
        asked = bus.GetDigest(branch="main", topics=[self.topic], at=self._report["revision"])
        digest = connection.call(request(digest=asked)).digest
        self.reports += 1
        if digest.digest.hex() != self._report["digest"]:
            return f"{self.name} shows {self._report}, where the broker has {digest.count} records of another digest"
        return None

    def look(self):
        found, self.findings = self.findings, []
        if not self.is_running:
            found.append(f"{self.name} ended by itself with {self.process.returncode}: {self.errors[-5:]}")
        return found

#!/usr/bin/env python3
"""An agent of the soak, on the client in Python: works at its rate until its standard input ends, and tells once a second
what it did, one JSON object a line. It reads words: "rest", "go".

    soak_worker.py ROLE --broker URL --seed S --rate N"""

import argparse
import json
import random
import select
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "python"))
from membus_client import Connection, Refused, Session, View  # noqa: E402
from membus_protos import memory  # noqa: E402

now = time.monotonic


def put(key, value, **fields):
    return memory.Change(key=key, put=memory.Put(value=value if isinstance(value, bytes) else value.encode(), **fields))


def delete(key):
    return memory.Change(key=key, delete=memory.Delete())


class Worker:
    """What all roles share: a session, orders, what is told. A role is work(due), called some 50 times a second."""

    def __init__(self, options):
        self.rng = random.Random(options.seed)
        self.rate = options.rate
        self.session = Session(Connection(options.broker), options.role)
        self.reads = Connection(options.broker)
        self.done = Counter()
        self.findings = []
        self.is_resting = False
        self._begin()

    def _begin(self):
        pass

    def tell(self):
        told = {"resting": self.is_resting, "done": self.done, "findings": self.findings, **self.told()}
        print(json.dumps(told), flush=True)
        self.findings = []

    def told(self):
        return {}

    def run(self):
        next_tell, owed, last = now(), 0.0, now()
        while self._orders():
            moment = now()
            owed = 0.0 if self.is_resting else min(owed + (moment - last) * self.rate, self.rate)
            last = moment
            if owed >= 1:
                self.work(int(owed))
                owed -= int(owed)
            if moment >= next_tell:
                self.tell()
                next_tell = moment + 1
            self.rest()
            self._take_answers()

    def rest(self):
        if self.is_resting:
            time.sleep(0.2)
        self.session.step(0.02)

    def _orders(self):
        while select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                return False
            self.is_resting = line.strip() == "rest"
        return True

    def _take_answers(self):
        for answer in self.session.answers.values():
            if isinstance(answer, Refused):
                self.findings.append(f"a transaction was refused: {answer}")
            else:
                self.done[answer.WhichOneof("result")] += 1
        self.session.answers.clear()

    def submit(self, *changes, **fields):
        return self.session.submit(memory.Transaction(branch="main", changes=changes, **fields))

    def transact(self, *changes, **fields):
        """-> the outcome. Repeated until it has one."""
        outcome = self.session.wait(self.submit(*changes, **fields), timeout=60)
        self.done[outcome.WhichOneof("result")] += 1
        del self.session.answers[self.session.last]
        return outcome


class Load(Worker):
    """Writes of many kinds, and now and then a read."""

    KEYS = 2000

    def work(self, due):
        for _ in range(due):
            self.submit(*self._changes())
        if self.rng.random() < 0.2:
            keys = [self._key() for _ in range(20)]
            self.done["read"] += len(self.reads.get(*keys))
        if self.rng.random() < 0.01:
            self.done["listed"] += len(self.reads.range("load/counts/"))

    def _key(self):
        return f"load/{self.rng.randrange(16)}/{self.rng.randrange(self.KEYS // 16)}"

    def _text(self, size):
        return self.rng.randbytes(size // 2).hex()

    def _changes(self):
        pick = self.rng.random()
        if pick < 0.82:
            return [put(self._key(), self._text(512))]
        if pick < 0.92:
            return [memory.Change(key=f"load/counts/{self.rng.randrange(50)}", increment=1)]
        if pick < 0.96:
            return [put(self._key(), self._text(4096), attributes=[
                memory.Attribute(name="n", value=str(self.rng.random()))])]
        if pick < 0.995:
            return [put(key, self._text(300)) for key in {self._key() for _ in range(5)}]
        return [put(self._key(), self._text(40_000))]


class Queue(Worker):
    """A queue that is filled and emptied, over and over: each task is taken once."""

    SIZE = 200

    def _begin(self):
        self.round = self.filled = 0
        self.left = {}

    def work(self, due):
        for _ in range(due):
            if self.filled < self.SIZE:
                self.submit(put(f"queue/tasks/{self.round:08}-{self.filled:05}", f"task {self.filled}" * 10))
                self.filled += 1
            elif not self.left:
                self._look()
                return
            else:
                key = next(iter(self.left))
                at = memory.Precondition(at=memory.Precondition.At(key=key, revision=self.left.pop(key)))
                if self.transact(delete(key), preconditions=[at]).WhichOneof("result") != "committed":
                    self.findings.append(f"{key} was taken by somebody else")
                if not self.left:
                    self.round, self.filled = self.round + 1, 0
                    self.done["rounds"] += 1

    def _look(self):
        while self.session._unanswered:
            self.session.step()
        found = self.reads.range("queue/tasks/")
        if len(found) != self.SIZE:
            self.findings.append(f"a queue of {self.SIZE} tasks shows {len(found)}")
        self.left = {key: record.revision for key, record in found.items()}
        if not found:
            self.filled = 0


class Claims(Worker):
    """Claims that expire: each can be claimed again once it is over, and is over soon after its time."""

    #: A broker that is told a wrong time for a moment, or is busy, is late by this at most.
    LATE = 20.0

    def _begin(self):
        self.held = {}  # key: when it is over

    def work(self, due):
        for _ in range(due):
            key, span = f"claims/{self.rng.randrange(400)}", self.rng.uniform(1, 4)
            absent = memory.Precondition(absent=key)
            result = self.transact(
                put(key, "mine", expires_after_ms=int(span * 1000)), preconditions=[absent]).WhichOneof("result")
            until = self.held.get(key)
            if result == "committed":
                if until is not None and until - now() > 0.5:
                    self.findings.append(f"{key} was claimed {until - now():.1f} s before it is over")
                self.held[key] = now() + span
            elif until is not None and now() > until + self.LATE:
                self.findings.append(f"{key} is not over {now() - until:.0f} s after its time")
                del self.held[key]


class Appends(Worker):
    """Texts that grow by small appends, each taken away when it is large."""

    SIZE = 1500

    def _begin(self):
        self.appended = 0

    def work(self, due):
        for _ in range(due):
            key = f"appends/{self.rng.randrange(2)}"
            self.appended += 1
            if self.appended % self.SIZE == 0:
                self.submit(put(key, ""))
            else:
                self.submit(memory.Change(key=key, append=b"a line of a hundred bytes or so that somebody adds ".ljust(99) + b"\n"))


class Probe(Worker):
    """How long things take: a put until its reply, a get, and a put until a view shows it. Milliseconds."""

    def _begin(self):
        self.view = View(Connection(self.session.connection.endpoint), "probe/")
        self.view.run_until(lambda: self.view.live)
        self.taken = {"put": [], "get": [], "watch": []}
        self.number = 0

    def told(self):
        medians = {f"{name}_ms": round(statistics.median(all), 3) for name, all in self.taken.items() if all}
        self.taken = {name: [] for name in self.taken}
        return medians

    def rest(self):
        end = now() + (0.2 if self.is_resting else 0.05)
        while now() < end:
            self.view.step(0.05)

    def work(self, due):
        begun = now()
        revision = self.transact(put("probe/value", str(self.number))).position.revision
        acknowledged = now()
        if not self.view.run_until(lambda: self.view.revision >= revision, timeout=30):
            self.findings.append(f"a view did not reach revision {revision} in 30 s: {self.view.story[-5:]}")
        shown = now()
        value = self.reads.get("probe/value")["probe/value"].value
        read = now()
        if value.decode() != str(self.number):
            self.findings.append(f"a get shows {value} after {self.number} was acknowledged")
        del self.view.story[:-20]
        self.number += 1
        self.taken["put"].append((acknowledged - begun) * 1000)
        self.taken["watch"].append((shown - begun) * 1000)
        self.taken["get"].append((read - shown) * 1000)


ROLES = {"load": Load, "queue": Queue, "claims": Claims, "appends": Appends, "probe": Probe}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    ROLES[options.role](options).run()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A soak: a broker that is left alone with mixed agents for hours, at about a tenth of what it can do, and has to stay as it
is. Workers write, fill and empty a queue, claim and append; watchers wait for topics of which little comes, sleep over what
comes, or are read slowly; views are stopped and go on; commands come and go; history is dropped by age and by size;
backups are made; the wall clock leaps. Then all of them stay, and nobody does anything.

It fails when a figure that is sampled rises (memory, descriptors, files, sessions, latencies), when a watcher misses or
doubles an event or is refused one that is kept, when history is dropped that is too young for it, when a view shows
something else than the broker has, when a command fails, and when broker or clients use more than 1 % of a core while
nobody does anything.

    Tests/Processes/soak.py [--hours N | --seconds N] [--seed S] [--rate N] [--samples FILE]

Below half an hour everything happens in quick succession, and only steep growth is found. Binaries are taken from
MEMBUS_BINARY and MEMBUS_AGENT_BINARY, or from .build/debug. Exit code 1: something was found."""

import argparse
import contextlib
import heapq
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "python"))
from chaos_places import WallClock  # noqa: E402
from membus_client import Connection, Refused, Session, request  # noqa: E402
from membus_protos import bus, errors, memory  # noqa: E402
import processes
from processes import DEFAULT_SIGNALS, PATIENCE, Broker, membus, run  # noqa: E402
from soak_agents import Follower, Watcher, WorkerProcess, Writer  # noqa: E402
from soak_measures import Process as Measured, directory_sizes  # noqa: E402
from soak_records import Heads  # noqa: E402
from soak_trends import Allowance, judge  # noqa: E402

MIB, KIB = 1 << 20, 1024
IDLE_SHARE = 0.01


@dataclass(frozen=True)
class Plan:
    """How long things take, in seconds, and how much there is of them."""

    seconds: float  # of work
    cycle: float  # in which everything happens once
    warm_up: float  # not judged
    sample: float  # between samples
    age: int  # of history, by the configuration
    least: int  # that stays
    bytes: int  # of history
    bulk: int  # bytes that are written at once, and deleted
    quiet: float  # between the events of a quiet topic
    settle: float  # between the work and the idle time: what is young then has to grow old, be looked at, and be swept
    idle: float
    rate: float  # of the load's transactions a second
    slack: float  # growth that is allowed, times this: caches fill in a short one

    @classmethod
    def short(cls, seconds, rate):
        return cls(seconds=seconds, cycle=seconds, warm_up=seconds / 4, sample=0.5, age=8, least=4, bytes=24 * MIB,
                   bulk=16 * MIB, quiet=5, settle=10, idle=20, rate=rate or 200, slack=4)

    @classmethod
    def long(cls, seconds, rate):
        return cls(seconds=seconds, cycle=300, warm_up=max(300, seconds / 10), sample=5, age=90, least=30,
                   bytes=448 * MIB, bulk=128 * MIB, quiet=55, settle=240, idle=60, rate=rate or 2000, slack=1)


#: What is sampled, and how much each may grow over what is judged.
ALLOWANCES = {
    "broker private KiB": Allowance(4 * KIB, 0.05, most=400 * KIB),
    "broker resident KiB": Allowance(4 * KIB, 0.05),
    "broker descriptors": Allowance(4, most=300),
    "broker threads": Allowance(2, most=60),
    "membus.db bytes": Allowance(16 * MIB, 0.1, most=2 << 30),
    # Whoever reads all of the store, for a backup say, has the log keep what is written meanwhile: of each bulk 128 MiB that
    # are put, deleted, swept and given back, pages of all of them each time. It has to be given back soon after.
    "membus.db-wal bytes": Allowance(8 * MIB, 0.25, most=768 * MIB, usual=512 * MIB, seconds_above=30),
    "other bytes": Allowance(8 * MIB, 0.25),
    "other files": Allowance(4),
    "store bytes": Allowance(16 * MIB, 0.1),
    "sessions": Allowance(40, 0.1),
    "streams": Allowance(4),
    "history revisions": Allowance(5000, 0.25),
    "put ms": Allowance(2, 0.5),
    "get ms": Allowance(2, 0.5),
    "watch ms": Allowance(2, 0.5),
    "backup bytes": Allowance(16 * MIB, 0.1),
}
#: Of each client that lives as long as the soak.
CLIENT_ALLOWANCES = {"private KiB": Allowance(4 * KIB, 0.1), "descriptors": Allowance(4)}


class Soak:
    """From an empty store to the verdict. Files are in `place`; samples go to a file of their own."""

    def __init__(self, plan, seed, place, samples, idle_share, say):
        self.plan, self.seed, self.place, self.idle_share, self.say = plan, seed, Path(place), idle_share, say
        self.rng = random.Random(seed)
        self.findings = []
        self.happened = Counter()
        self._samples_file = open(samples, "w", buffering=1)
        self.samples = []
        self._due, self._order = [], 0
        self._doers = ThreadPoolExecutor(8)
        self._under_way = deque()
        self._floor_lock = threading.Lock()
        self.is_over = threading.Event()
        self.is_resting = threading.Event()
        self.heads = Heads(plan.least)
        self.backup_bytes = None
        self.processes = []
        self._commands = threading.Thread(target=self._run_commands, daemon=True)

    # ---- Beginning

    def begin(self):
        plan = self.plan
        config = self.place / "membus.json"
        config.write_text(json.dumps({"retention": {
            "age": f"{plan.age}s", "bytes": plan.bytes, "least": f"{plan.least}s"}}))
        self.clock = WallClock(self.place / "clock")
        self.broker = Broker(self.place / "data", "--config", str(config), under=self.clock.under)
        self.broker.start()
        self.connection = Connection(self.broker.url)
        self._floors = Connection(self.broker.url)
        self.claimer = Session(Connection(self.broker.url), "claimer")
        self._claim()

        self.writer = Writer(self.broker)
        quiet = self.writer.topic("quiet/", plan.quiet, 50)
        steady = self.writer.topic("steady/", 0.2, 200)
        large = self.writer.topic("large/", 2, 30_000)
        slow = self.writer.topic("slow/", 0.1, 3000)

        def watcher(name, events):
            self.processes.append(Watcher(name, self.broker, events, self._floor))
            return self.processes[-1]

        self.quiet = watcher("a quiet watcher", quiet)
        watcher("a steady watcher", steady)
        watcher("a watcher of large values", large)
        self.napper, self.sleeper = watcher("one who naps", steady), watcher("one who sleeps", steady)
        self.quiet_sleeper = watcher("a quiet one who sleeps", quiet)
        self.slow = watcher("a slow reader", slow)
        self.followers = [
            Follower("a view", self.broker, "load/", "update"),
            # Of few keys: the agent lists by itself what it was told of, and never forgets one.
            Follower("an invalidate view", self.broker, "claims/", "invalidate"),
            Follower("a stopped view", self.broker, "load/", "update"),
            Follower("another stopped view", self.broker, "queue/", "update"),
        ]
        self.processes += self.followers
        self.watchers = [process for process in self.processes if isinstance(process, Watcher)]
        for process in self.watchers:
            self._wait(lambda: process.errors, 20, f"{process.name} to begin")
        self.workers = [
            WorkerProcess("load", self.rng.randrange(1 << 30), self.broker, plan.rate),
            WorkerProcess("queue", self.rng.randrange(1 << 30), self.broker, 100),
            WorkerProcess("claims", self.rng.randrange(1 << 30), self.broker, 10),
            WorkerProcess("appends", self.rng.randrange(1 << 30), self.broker, 10),
            WorkerProcess("probe", self.rng.randrange(1 << 30), self.broker, 5),
        ]
        self.probe = self.workers[-1]
        self.processes += self.workers
        self.measured = {"broker": Measured(self.broker.pid)}
        # Python's workers are none of the product's clients.
        self.measured.update(
            {process.name: Measured(process.pid) for process in [*self.watchers, *self.followers]})
        self.writer.thread.start()
        self._commands.start()
        self.began = time.monotonic()

    # ---- What happens in each cycle

    def events(self):
        """-> (when, as a share of the cycle, what)"""
        return [
            (0.04, self.nap), (0.10, self.back_up), (0.16, self.stop_views), (0.20, self.bulk), (0.30, self.leap),
            (0.34, self.oversleep), (0.40, self.compact), (0.46, self.verify), (0.50, self.read_slowly),
            (0.56, self.compact), (0.62, self.leap), (0.68, self.bulk), (0.72, self.back_up), (0.78, self.compact),
            (0.84, self.compare_views), (0.90, self.nap), (0.94, self.compact),
        ]

    def after(self, seconds, do):
        self._order += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._order, do))

    def _do(self, event):
        """In a thread of its own: samples go on."""
        def done():
            try:
                event()
                self.happened[event.__name__] += 1
            except Exception as error:
                self.findings.append(f"{event.__name__}: {error}")
        self._under_way.append(self._doers.submit(done))

    def nap(self):
        """Shorter than what is kept: nothing may be missed."""
        self.napper.sleep()
        time.sleep(self.plan.least * 0.7)
        self.napper.wake()

    def oversleep(self):
        """Longer than what is kept. Of a topic of which nothing was dropped, nothing may be refused."""
        for one in (self.sleeper, self.quiet_sleeper):
            one.sleep()
        time.sleep(self.plan.age * 1.6)
        self._compact()
        for one in (self.sleeper, self.quiet_sleeper):
            one.wake()

    def read_slowly(self):
        """The pipe to a reader fills, and so does what is before it."""
        self.slow.is_reading.clear()
        time.sleep(self.plan.age * 1.2)
        self.slow.is_reading.set()

    def stop_views(self):
        stopped = self.followers[2:]
        for view in stopped:
            view.sleep()
        time.sleep(self.plan.cycle * 0.3)
        for view in stopped:
            view.wake()

    def compare_views(self):
        """Those that know their keys by themselves; at rest, all."""
        self._compare(view for view in self.followers if view.mode == "update")

    def _compare(self, views):
        connection = Connection(self.broker.url)
        try:
            for view in views:
                try:
                    wrong = view.holds(connection)
                except Refused as refused:
                    if refused.code != errors.BELOW_FLOOR:
                        raise
                    continue  # it was overtaken by a compaction
                if wrong:
                    self.findings.append(wrong)
        finally:
            connection.close()

    def back_up(self):
        file = self.place / f"backup-{time.monotonic_ns()}"
        run(self.broker, "backup", str(file), timeout=300)
        self.backup_bytes = file.stat().st_size
        file.unlink()

    def verify(self):
        run(self.broker, "verify", timeout=300)

    def bulk(self):
        """Much at once, that is not needed any more: the store is larger than its retention."""
        session = Session(Connection(self.broker.url), "bulk")
        size, value = 512 * KIB, self.rng.randbytes(256 * KIB).hex().encode()
        keys = [f"bulk/{number}" for number in range(self.plan.bulk // size)]
        for key in keys:
            session.submit(memory.Transaction(branch="main", changes=[
                memory.Change(key=key, put=memory.Put(value=value))]), window=8)
            time.sleep(0.01)
        for key in keys:
            session.submit(memory.Transaction(branch="main", changes=[
                memory.Change(key=key, delete=memory.Delete())]), window=8)
        session.wait(session.last, timeout=60)
        session.connection.close()

    def compact(self):
        self._compact()

    def _compact(self):
        """By the configured window, or by age."""
        options = self.rng.choice(((), (), ("--older-than", f"{self.plan.age}s")))
        run(self.broker, "compact", *options, timeout=120)

    def leap(self):
        """The wall clock is wrong for a moment, and just then somebody has history dropped by the configured window."""
        seconds = self.rng.choice((40 * 86_400, 40 * 86_400, 3600, -3600, -40 * 86_400))
        self.clock.set(seconds)
        compaction = processes.start(
            [*DEFAULT_SIGNALS, membus(), "--broker", self.broker.url, "compact"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(1)
        self.clock.set(0)
        compaction.wait(120 * PATIENCE)
        self._claim_is_held(f"the clock was {seconds:+d} s off for a second")

    def _claim(self):
        self.claimer.transact(memory.Change(
            key="claim", put=memory.Put(value=b"mine", expires_after_ms=3600_000 * 10)))

    def _claim_is_held(self, when):
        connection = Connection(self.broker.url)
        try:
            if "claim" not in connection.get("claim"):
                self.findings.append(f"a claim of ten hours is over after {when}")
                self._claim()
        finally:
            connection.close()

    # ---- Commands, each a process and a session

    def _run_commands(self):
        rng, number = random.Random(self.seed + 1), 0
        file = self.place / "warm"
        commands = [
            lambda: ("put", f"notes/{rng.randrange(100)}", f"note {number}"), lambda: ("put", "notes/last", str(number)),
            lambda: ("get", f"notes/{rng.randrange(100)}"), lambda: ("ls", "queue/"), lambda: ("ls", "notes/"),
            lambda: ("history", "notes/last"), lambda: ("log", "quiet/"), lambda: ("export", "notes/"),
            lambda: ("warm", "notes/", "--into", str(file)), lambda: ("status",), lambda: ("branches",),
            lambda: ("put", "notes/claim", "x", "--expires", "2s"), lambda: ("debug", "digest", "notes/"),
        ]
        while not self.is_over.is_set():
            if self.is_resting.is_set():
                time.sleep(0.1)
                continue
            number += 1
            words = rng.choice(commands)()
            try:
                ended = run(self.broker, *words, check=False, timeout=60)
            except subprocess.TimeoutExpired:
                self.findings.append(f"membus {' '.join(words)} took more than 60 s")
                continue
            # What these do not find they say by 4.
            if ended.returncode not in ((0, 4) if words[0] in ("get", "history") else (0,)):
                self.findings.append(f"membus {' '.join(words)} ended with {ended.returncode}: {ended.stderr[-300:]}")
            self.happened["command"] += 1
            time.sleep(0.5)

    # ---- Samples

    def _status(self, connection):
        return connection.call(request(status=bus.GetStatus())).status

    def _floor(self):
        with self._floor_lock:
            return self._status(self._floors).floor

    def sample(self):
        status = self._status(self.connection)
        moment = time.monotonic()
        wrong = self.heads.note(moment, status.head.revision, status.floor)
        if wrong:
            self.findings.append(wrong)
        found = {"seconds": round(moment - self.began, 2)}
        broker = self.measured["broker"]
        found.update({
            "broker private KiB": broker.private_kib(), "broker resident KiB": broker.resident_kib(),
            "broker descriptors": broker.descriptors(), "broker threads": broker.threads(),
            "store bytes": status.store_bytes, "sessions": status.sessions, "streams": status.streams,
            "history revisions": status.head.revision - status.floor, **directory_sizes(self.broker.data)})
        # They stay what they were while nobody does anything.
        if moment < self.probe.told_at + 3:
            found.update({f"{name} ms": self.probe.told[f"{name}_ms"] for name in ("put", "get", "watch")
                          if f"{name}_ms" in self.probe.told})
        if self.backup_bytes is not None:
            found["backup bytes"] = self.backup_bytes
        for name, process in self.measured.items():
            if name == "broker":
                continue
            with contextlib.suppress(OSError):  # it has just ended, which is looked for elsewhere
                memory, descriptors = process.private_kib(), process.descriptors()
                found.update({f"{name}: private KiB": memory, f"{name}: descriptors": descriptors})
        self._samples_file.write(json.dumps({
            **found, "head": status.head.revision, "floor": status.floor, "commits": status.commits,
            "busy": status.busy, "broker cpu s": broker.cpu_seconds()}) + "\n")
        self.samples.append(found)
        self.commits = status.commits

    # ---- The course of it

    def run(self):
        """-> what was found"""
        plan = self.plan
        self.say(f"seed {self.seed}: {plan.seconds:.0f} s of work at {plan.rate:.0f} transactions a second, then "
                 f"{plan.idle:.0f} s of rest")
        self.begin()
        self.say(f"broker {self.broker.pid} at {self.broker.url}; samples in {self._samples_file.name}")
        end = self.began + plan.seconds
        cycle, next_sample = 0, time.monotonic()
        while time.monotonic() < end:
            if time.monotonic() >= self.began + cycle * plan.cycle:
                # A cycle that would not end is not begun, but for the first.
                if cycle == 0 or self.began + (cycle + 1) * plan.cycle <= end + 1:
                    for share, event in self.events():
                        self.after(share * plan.cycle, lambda event=event: self._do(event))
                cycle += 1
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()
            if time.monotonic() >= next_sample:
                next_sample = time.monotonic() + plan.sample
                self.sample()
                self._look()
            time.sleep(0.05)
        self._come_to_rest()
        self._judge_idleness()
        self._wake_up()
        self._judge()
        return self.findings

    def _look(self):
        """Nobody may end by himself."""
        for process in self.processes:
            self.findings += process.look()
            if isinstance(process, Watcher) and process.starts > 1:
                # One that was started anew is not measured.
                self.measured.pop(process.name, None)
        self.findings += self.writer.findings
        self.writer.findings.clear()
        if not self.broker.is_running():
            raise SystemExit(f"the broker ended by itself with {self.broker.process.returncode}: {self.broker.log[-20:]}")

    def _wait(self, fact, seconds, what, finding=True):
        """Waits until `fact()` is true. -> whether it is"""
        deadline = time.monotonic() + seconds * PATIENCE
        while not fact():
            if time.monotonic() > deadline:
                if finding:
                    self.findings.append(f"{what} took more than {seconds} s")
                return False
            if hasattr(self, "workers"):
                self._look()
            time.sleep(0.1)
        return True

    def _come_to_rest(self):
        self._wait(lambda: all(doing.done() for doing in self._under_way), 300, "what is done in each cycle")
        self.is_resting.set()
        self.writer.is_resting = True
        for worker in self.workers:
            worker.order("rest")
        self._wait(lambda: all(worker.is_resting for worker in self.workers) and self.writer.is_idle, 60, "coming to rest")
        self._wait(lambda: all(watcher.is_up_to_date for watcher in self.watchers), 30, "showing watchers the last events")
        self._compare(self.followers)
        self.say(f"{self.commits} commits; at rest")
        time.sleep(self.plan.settle)

    def _judge_idleness(self):
        """What broker and clients use while all are connected and nobody does anything. What happens once a minute falls
        into one of two short spans at most."""
        for _ in range(1 if self.plan.idle >= 60 else 2):
            busy = self._measure_idleness()
            if not busy:
                break
        self.findings += busy

    def _measure_idleness(self):
        """-> who used too much"""
        there = {name: one for name, one in self.measured.items() if one.is_there}
        before, begun = {name: one.cpu_seconds() for name, one in there.items()}, time.monotonic()
        by_thread = Counter(self.measured["broker"].cpu_by_thread())
        time.sleep(self.plan.idle)
        by_thread = Counter(self.measured["broker"].cpu_by_thread()) - by_thread
        span = time.monotonic() - begun
        self.idle = {name: (one.cpu_seconds() - before[name]) / span for name, one in there.items() if one.is_there}
        self.idle_threads = ", ".join(f"{name} {used / span:.2%}" for name, used in by_thread.most_common())
        return [f"{name} uses {share:.2%} of a core while nobody does anything, in {span:.0f} s"
                for name, share in self.idle.items() if share > self.idle_share]

    def _wake_up(self):
        """Who waited through all of it still sees what comes."""
        for events in self.writer.topics:
            self.writer._due[events] = time.monotonic()
        before = {watcher: watcher.seen.last for watcher in self.watchers}
        self.writer.is_resting = False
        self._wait(lambda: all(events.last > 0 for events in self.writer.topics), 30, "an event after the rest")
        self._wait(lambda: all(watcher.seen.last > last for watcher, last in before.items()), 30,
                   "showing watchers an event after the rest")
        self.writer.is_resting = True
        self._wait(lambda: self.writer.is_idle, 30, "coming to rest again")
        self._wait(lambda: all(watcher.is_up_to_date for watcher in self.watchers), 30, "showing watchers the last event")

    # ---- The verdict

    def _judge(self):
        self._look()
        for watcher in self.watchers:
            self.findings += watcher.seen.judge()
        verified = run(self.broker, "verify", check=False, timeout=600)
        if verified.returncode != 0:
            self.findings.append(f"membus verify: {verified.stdout}{verified.stderr}")
        self._judge_what_happened()
        self._judge_trends()

    def _judge_what_happened(self):
        """What never happens is a fault of the soak."""
        for name in {event.__name__ for _, event in self.events()} | {"command"}:
            if not self.happened[name]:
                self.findings.append(f"{name} never happened, or never well")
        for worker in self.workers:
            self.happened[f"{worker.name} committed"] += worker.done["committed"]
            if not worker.done["committed"]:
                self.findings.append(f"{worker.name} never committed anything")
        if not self.workers[1].done["rounds"]:
            self.findings.append("no queue was emptied")
        # A list holds up the sweep for half a minute, so that in a short run nothing need be dropped in time.
        if self.plan.seconds >= 300 and not self.sleeper.seen.refusals:
            self.findings.append("nobody overslept: what a watch says of what was dropped was not tried")
        if min(follower.reports for follower in self.followers) == 0:
            self.findings.append("a view was never held against the broker")
        for watcher in self.watchers:
            self.happened[f"{watcher.name} events"] = watcher.seen.count

    def _judge_trends(self):
        start = self.plan.warm_up
        names = dict.fromkeys(name for sample in self.samples for name in sample if name != "seconds")
        self.trends = {}
        for name in names:
            allowance = ALLOWANCES.get(name) or CLIENT_ALLOWANCES[name.rpartition(": ")[2]]
            points = [(sample["seconds"], sample[name]) for sample in self.samples
                      if name in sample and sample["seconds"] >= start]
            trend = judge(points, allowance, self.plan.slack)
            if trend is None:
                if name in ALLOWANCES and name != "backup bytes":
                    self.findings.append(f"there are too few samples of {name} to say anything")
                continue
            self.trends[name] = trend
            if trend.rises:
                self.findings.append(
                    f"{name} rises: by {show(trend.growth)} in {trend.hours * 60:.1f} min, where {show(trend.allowed)} is "
                    f"allowed (median {show(trend.middle)})")
            if trend.lingers:
                self.findings.append(
                    f"{name} was above {show(allowance.usual)} for {trend.seconds_above:.0f} s, where "
                    f"{allowance.seconds_above:.0f} are allowed")
            if trend.exceeds:
                self.findings.append(f"{name} was {show(trend.highest)}, above {show(allowance.most)}")

    def table(self):
        rows = [("figure", "start", "median", "end", "highest", "growth", "allowed", "")]
        for name, trend in self.trends.items():
            rows.append((name, *(show(value) for value in (
                trend.start, trend.middle, trend.end, trend.highest, trend.growth, trend.allowed)),
                "RISES" if trend.rises else "EXCEEDS" if trend.exceeds else "LINGERS" if trend.lingers else "steady"))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
                 for row in rows]
        lines.append("")
        lines += [f"idle: {name} {share:.2%} of a core" for name, share in self.idle.items()]
        lines.append(f"idle, the broker's threads: {self.idle_threads}")
        lines.append("happened: " + ", ".join(f"{name} {count}" for name, count in sorted(self.happened.items())))
        return "\n".join(lines)

    def close(self):
        self.is_over.set()
        self.is_resting.set()
        for process in self.processes:
            process.end()
        if hasattr(self, "writer") and self.writer.thread.is_alive():
            self.writer.end()
        self._doers.shutdown(wait=True)
        if self._commands.is_alive():
            self._commands.join(60)
        if hasattr(self, "broker") and self.broker.process is not None:
            pid = self.broker.pid
            if self.broker.is_running() and self.broker.stop() != 0:
                self.findings.append(f"the broker stopped with {self.broker.process.returncode}")
            self.clock.forget(pid)
        self._samples_file.close()


def show(value):
    if value == float("inf"):
        return "no bound"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


def run_soak(plan, seed, samples, idle_share=IDLE_SHARE, say=lambda line: print(line, flush=True)):
    """-> the soak, with what it found; the table is printed."""
    place = Path(tempfile.mkdtemp(prefix="membus-soak-"))
    soak = Soak(plan, seed, place, samples, idle_share, say)
    try:
        soak.run()
    except BaseException:
        for finding in soak.findings:
            say(f"FOUND  {finding}")
        raise
    finally:
        soak.close()
        if soak.findings:
            (Path(samples).with_suffix(".log")).write_text("".join(soak.broker.log))
        shutil.rmtree(place, ignore_errors=True)
    say(soak.table())
    said = Counter(soak.findings)
    for finding, times in said.items():
        say(f"FOUND  {finding}" + (f" ({times} times)" if times > 1 else ""))
    say(f"found: {len(said)} things" if said else "found: nothing")
    return soak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    parser.add_argument("--rate", type=float, help="transactions a second of the load")
    parser.add_argument("--samples", help="where the samples go, as JSON lines")
    options = parser.parse_args()
    seconds = options.seconds or (options.hours or 1.5) * 3600
    plan = Plan.long(seconds, options.rate) if seconds >= 1800 else Plan.short(seconds, options.rate)
    samples = options.samples or os.path.join(tempfile.gettempdir(), f"membus-soak-{options.seed}.jsonl")
    soak = run_soak(plan, options.seed, samples)
    if soak.findings:
        print(f"again: deploy/soak --seconds {seconds:.0f} --seed {options.seed}; samples: {samples}")
    sys.exit(1 if soak.findings else 0)


if __name__ == "__main__":
    main()

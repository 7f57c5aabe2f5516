#!/usr/bin/env python3
"""Chaos on real processes: a broker, agents that work, and everything that goes wrong between and under them.

Agents put on record what they ask for and see. When the faults have ceased, each view must be live and at the
head within ten seconds, with the store's digest; then the checker holds all that was recorded against what is in
the store. See chaos_faults.py for what goes wrong. A round of 45 seconds or more in which a kind of fault did not
happen fails, and one of 30 or more in which little of what views said of themselves could be judged.

    Tests/Processes/chaos.py [--minutes N | --seconds N] [--seed S] [--keep DIR]

A run is made of rounds of at most five minutes, each on new data, from seeds S, S+1, … The binaries are taken from
MEMBUS_BINARY, MEMBUS_CHAOS_AGENT_BINARY and MEMBUS_CHECK_BINARY, or from .build/debug. Exit code 1: a violation; the
records of that round are kept."""

import argparse
import heapq
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from chaos_agents import AgentProcess  # noqa: E402
from chaos_faults import WEIGHTS, Faults  # noqa: E402
from chaos_places import SmallDisk, WallClock  # noqa: E402
from chaos_proxy import Proxy  # noqa: E402
from processes import Broker, check, free_port, membus, run, run_json_lines  # noqa: E402

ROUND_SECONDS = 300
#: Each view live and at the head, once the faults have ended; the rest of the time shows how late the others are.
RECOVERY_SECONDS, WATCHED_SECONDS = 10, 60
#: From this length on a round must have every kind of fault, and must have judged enough of what views say.
SECONDS_FOR_EVERY_KIND, SECONDS_FOR_JUDGING = 45, 30
#: Records expire for a while after the last write.
EXPIRY_SECONDS = 6


class Round:
    """One seed's chaos, from an empty store to the checker's verdict."""

    def __init__(self, seed, seconds, place):
        self.seed, self.seconds, self.place = seed, seconds, Path(place)
        self.rng = random.Random(seed)
        self.is_long = seconds >= 180
        self.long_pauses = 1 if seconds >= 240 else 0
        self.findings = []
        self._due, self._order = [], 0
        self._backup, self._pids = None, []
        self.copies = []
        self.is_calm = False
        self._conductor = open(self.place / "conductor.jsonl", "a", buffering=1)
        self._build()

    def _build(self):
        rng = self.rng
        self.disk = SmallDisk(self.place / "disk")
        self.clock = WallClock(self.place / "clock")
        ports = [free_port() for _ in range(4)]
        self.proxies = [Proxy("requests", ports[0], ports[2]), Proxy("events", ports[1], ports[3])]
        settings = {
            "advertisedEvents": [f"tcp://127.0.0.1:{ports[1]}"],
            "eventMark": rng.choice((4000, 50, 2)), "replyMark": rng.choice((4000, 20, 2)),
            "inlineValueBytes": rng.choice((16384, 200)), "eventBytes": rng.choice((65536, 4000)),
            "retention": {"age": "36500d", "bytes": 1 << 40},
        }
        config = self.place / "membus.json"
        config.write_text(json.dumps(settings))
        self.broker = Broker(
            self.disk.data, "--config", str(config), url=f"tcp://127.0.0.1:{ports[2]}",
            events=f"tcp://127.0.0.1:{ports[3]}", under=self.clock.under)
        self.broker.restore_signals = False
        self.broker_is_up = self.broker_is_stopped = False
        self.agents = [AgentProcess(number, self.seed, f"tcp://127.0.0.1:{ports[0]}", self.place)
                       for number in range(1, rng.choice((3, 3, 4)) + 1)]
        self.faults = Faults(self)
        # Without a restore, the checker also looks for an order of all that was done.
        self.faults.weights["restore"] = 2 if self.seed % 2 else 0
        self.faults.weights["compact"] = 3 if self.seed % 4 in (2, 3) else 0
        self.settings = settings

    # Records

    def note(self, fact, **told):
        line = {"t": time.monotonic_ns(), "agent": 0, "life": 0, "fact": {fact: told}}
        self._conductor.write(json.dumps(line) + "\n")

    def _fault(self, kind, text):
        self.note("fault", _0=kind, text=text)

    # Time

    def after(self, seconds, do):
        self._order += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._order, do))

    def _run_due(self, everything=False):
        while self._due and (everything or self._due[0][0] <= time.monotonic()):
            heapq.heappop(self._due)[2]()

    # The broker

    def start_broker(self):
        if self.broker_is_up:
            return
        try:
            self.broker.start()
        except AssertionError as error:
            if not self.disk.is_full:
                self.findings.append(f"the broker does not start: {error}")
            self.free_disk()
            self.broker.start()
        self.broker_is_up, self.broker_is_stopped = True, False
        self._pids.append(self.broker.pid)

    def kill_broker(self):
        self.broker_is_up = self.broker_is_stopped = False
        self.broker.kill()

    def stop_broker(self):
        self.broker_is_stopped = True
        self.broker.process.send_signal(signal.SIGSTOP)

    def broker_goes_on(self):
        # A new one, which was never stopped, does not mind.
        self.broker_is_stopped = False
        if self.broker.is_running():
            self.broker.process.send_signal(signal.SIGCONT)

    def free_disk(self):
        self.disk.free(self.broker.pid)

    def back_up(self):
        file = self.place / f"backup-{time.monotonic_ns()}"
        try:
            run(self.broker, "backup", str(file), timeout=10)
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        self._backup = file
        return True

    def compact(self, keeping):
        """Has a copy made, then all dropped but the newest revisions. -> the floor, if that raised it"""
        file = self.place / f"before-compaction-{len(self.copies)}.db"
        try:
            below = run_json_lines(self.broker, "status", timeout=10)[0]["head"]["revision"] - keeping
            if below < 2:
                return None
            run(self.broker, "backup", str(file), timeout=10)
            self.copies.append(file)
            return run_json_lines(self.broker, "compact", "--below", str(below), timeout=10)[0]["floor"]
        except (AssertionError, subprocess.TimeoutExpired):
            return None

    @property
    def is_restore_due(self):
        return self._backup is not None

    def restore(self):
        if self._backup is None or self.disk.is_full or self.is_calm:
            self._backup = None
            return
        if self.broker_is_up:
            self.kill_broker()
        told = subprocess.run(
            [membus(), "verify", "--data", str(self.disk.data), "--json"], capture_output=True, text=True, timeout=60)
        if told.returncode != 0:
            self.findings.append(f"the store is damaged before a restore: {told.stdout}{told.stderr}")
        lineage = self._lineage()
        restored = subprocess.run(
            [membus(), "restore", str(self._backup), "--data", str(self.disk.data), "--replace", "--json"],
            capture_output=True, text=True, timeout=60)
        self._backup = None
        if restored.returncode == 0:
            self.note("replaced", lineage=lineage)
            self.faults.happened("restore")
            self._fault("restored", f"the backup is the history {json.loads(restored.stdout)['lineage']} now")
        else:
            self.findings.append(f"the backup was not restored: {restored.stderr}")
        self.start_broker()

    def _lineage(self):
        """Of the store that a stopped broker leaves."""
        self.start_broker()
        lineage = run_json_lines(self.broker, "status")[0]["lineage"]
        self.kill_broker()
        return lineage

    # The course of a round

    def run(self):
        """-> the checker's summary, with what else was found."""
        print(f"seed {self.seed}: {len(self.agents)} agents for {self.seconds} s on {self.disk.kind}, {self.settings}",
              flush=True)
        self.start_broker()
        for agent in self.agents:
            agent.start()
        self._rage(time.monotonic() + self.seconds)
        self._calm_down()
        self._recover()
        self._rest()
        return self._judge()

    def _rage(self, until):
        # So that each kind has its turn.
        pace = min(self.rng.choice((0.3, 0.8, 2)), self.seconds / (2 * len(self.faults.kinds)))
        next_fault, half = time.monotonic() + 2, until - self.seconds / 2
        while time.monotonic() < until:
            self._run_due()
            self._look_for_dead()
            if time.monotonic() >= next_fault:
                kind, text = self.faults.one(is_late=time.monotonic() > half)
                if text:
                    self._fault(kind, text)
                next_fault = time.monotonic() + self.rng.expovariate(1 / pace)
            time.sleep(0.02)
        if self.seconds >= SECONDS_FOR_EVERY_KIND and self.faults.missing():
            self.findings.append(f"these faults never happened: {', '.join(self.faults.missing())}")

    def _look_for_dead(self):
        """Nobody may end by himself."""
        if self.broker_is_up and not self.broker.is_running():
            self.findings.append(f"the broker ended by itself with {self.broker.process.returncode}: {self.broker.log[-5:]}")
            self.broker_is_up = False
            self.start_broker()
        for agent in self.agents:
            # One that was killed is started again by its own appointment.
            if agent.process.returncode is None and agent.process.poll() is not None:
                told = (self.place / f"agent-{agent.index}.log").read_text()[-500:]
                self.findings.append(f"agent {agent.index} ended by itself with {agent.process.returncode}: {told}")
                agent.start()

    def _calm_down(self):
        """All faults cease, whatever was planned."""
        self.is_calm = True
        self.free_disk()
        self.clock.set(0)
        self.broker_goes_on()
        self._run_due(everything=True)
        self.start_broker()
        for agent in self.agents:
            agent.go_on()
            if not agent.is_running:
                agent.start()
        for proxy in self.proxies:
            proxy.calm()
        self._calm_since = time.monotonic()
        self.note("calm")
        for agent in self.agents:
            agent.order("rest")

    def _head(self):
        told = run_json_lines(self.broker, "status")[0]
        return f"{told['lineage']}:{told['head']['revision']}:{told['head']['hash']}"

    def _is_at_head(self):
        head = self._head()
        return all(agent.is_at(head) for agent in self.agents)

    def _recover(self):
        """Times each view, from the end of the faults until it is live and at what was the head then."""
        lineage, revision, _ = self._head().split(":")
        for agent in self.agents:
            agent.goal = lineage, int(revision)
        while time.monotonic() < self._calm_since + WATCHED_SECONDS:
            self._look_for_dead()
            if all(agent.is_idle and self._has_recovered(agent) for agent in self.agents):
                break
            time.sleep(0.1)
        views = {}
        for agent in self.agents:
            found = agent.recovery(self._calm_since)
            views.update(found)
            if not found:
                self.findings.append(f"agent {agent.index}.{agent.life} has no view after the faults")
        for view, seconds in views.items():
            self.note("recovered", view=view, seconds=seconds)
        late = {view: seconds for view, seconds in views.items() if seconds is None or seconds > RECOVERY_SECONDS}
        if late:
            self.findings.append(f"late or lost views, with the seconds that they took to recover: {late}")
        self.recovered = None if not views or None in views.values() else max(views.values())
        time.sleep(max(0, self._calm_since + EXPIRY_SECONDS - time.monotonic()))

    def _has_recovered(self, agent):
        found = agent.recovery(self._calm_since)
        return found and None not in found.values()

    def _rest(self):
        """Waits until expiry has had its turn everywhere, then has the agents report."""
        deadline, calm = time.monotonic() + 20, 0
        while calm < 3 and time.monotonic() < deadline:
            calm = calm + 1 if all(agent.is_idle for agent in self.agents) and self._is_at_head() else 0
            time.sleep(0.15)
        for agent in self.agents:
            agent.order("report")
        for agent in self.agents:
            try:
                code = agent.process.wait(30)
            except subprocess.TimeoutExpired:
                agent.process.kill()
                code = "no end"
            if code != 0:
                self.findings.append(f"agent {agent.index}.{agent.life} ended with {code}")
        self.note("restedAt", token=self._head())
        verified = run(self.broker, "verify", "--json", check=False, timeout=300)
        if verified.returncode != 0:
            self.findings.append(f"membus verify: {verified.stdout}{verified.stderr}")
        if self.broker.stop() != 0:
            self.findings.append(f"the broker stopped with {self.broker.process.returncode}")
        self.broker_is_up = False

    def _judge(self):
        command = [check(), "history", *self.records, "--data", str(self.disk.data), "--json"]
        command += [word for file in self.copies for word in ("--copy", str(file))]
        judged = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        if judged.returncode not in (0, 1):
            raise SystemExit(f"membus-check ended with {judged.returncode}: {judged.stderr}")
        (self.place / "verdict.txt").write_text(judged.stdout + judged.stderr + "\n".join(self.findings))
        summary = json.loads(judged.stdout.splitlines()[0])
        self.findings += too_few_judged(summary["views"], self.seconds)
        if "compact" in self.faults.kinds and self.seconds >= SECONDS_FOR_EVERY_KIND and not summary["compacted"]:
            self.findings.append("no store was compacted")
        summary["findings"] = self.findings
        summary["kinds"] = self.faults.kinds
        summary["recovered"] = self.recovered
        summary["story"] = judged.stderr
        return summary

    @property
    def records(self):
        return [str(self.place / "conductor.jsonl"), *(str(file) for agent in self.agents for file in agent.records)]

    def keep(self, place):
        """Copies what shows a failure: records, store, logs."""
        shutil.copytree(self.disk.data, self.place / "data", dirs_exist_ok=True)
        (self.place / "broker.log").write_text("".join(self.broker.log))
        shutil.copytree(self.place, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("disk", "backup-*"))

    def close(self):
        for agent in self.agents:
            if agent.is_running:
                agent.kill()
        if self.broker.process is not None and self.broker.is_running():
            self.broker.kill()
        for proxy in self.proxies:
            proxy.close()
        for pid in self._pids:
            self.clock.forget(pid)
        self._conductor.close()
        self.disk.remove()


def too_few_judged(views, seconds):
    """-> what is wrong, if a round's views could hardly be caught claiming to be live: agents that do not run for a
    moment are not held to what their views say just afterwards."""
    judged, unjudged = views.get("seen live", 0), views.get("seen live, not judged", 0)
    if seconds < SECONDS_FOR_JUDGING or judged >= max(unjudged, seconds):
        return []
    return [f"of {judged + unjudged} times that views said they were live only {judged} could be judged in {seconds} s"]


def run_round(seed, seconds, keep):
    """-> (the summary, where the records of a failure are or None)"""
    with tempfile.TemporaryDirectory(prefix="membus-chaos-") as place:
        round = Round(seed, seconds, place)
        kept = Path(keep or tempfile.gettempdir()) / f"membus-chaos-seed-{seed}"
        try:
            summary = round.run()
            if not summary["violations"] and not summary["findings"]:
                return summary, None
            round.keep(kept)
            return summary, kept
        except BaseException:
            round.keep(kept)
            print(f"the conductor failed; records: {kept}", flush=True)
            raise
        finally:
            round.close()


class Total:
    PARTS = ("faults", "transactions", "reads", "failures", "views", "watches")

    def __init__(self):
        self.parts = {part: Counter() for part in self.PARTS}
        self.commits = self.compacted = self.lines = self.rounds = 0
        self.slowest = 0.0
        # A kind that never happens is shown, too.
        self.parts["faults"].update(dict.fromkeys(WEIGHTS, 0))

    def add(self, summary):
        for part in self.PARTS:
            self.parts[part].update(summary[part])
        self.commits += summary["commits"]
        self.compacted += summary["compacted"]
        self.lines += summary["lines"]
        self.rounds += 1
        self.slowest = max(self.slowest, summary["recovered"] or float("inf"))

    def show(self):
        print(f"\n{self.rounds} rounds, {self.commits} commits ({self.compacted} of them compacted away), {self.lines} "
              f"lines of record, each view live and at the head {self.slowest} s after the faults at the latest")
        for part in self.PARTS:
            told = ", ".join(f"{name} {count or 'NEVER'}" for name, count in sorted(self.parts[part].items()))
            print(f"{part}: {told}")

    def never(self):
        """The kinds of fault that did not happen."""
        return [kind for kind in WEIGHTS if not self.parts["faults"][kind]]


def show_failure(summary, seed, seconds, kept):
    for text in summary["findings"] + summary["violations"]:
        print(f"  FOUND  {text}")
    print(summary["story"])
    print(f"  again: deploy/chaos --seconds {seconds} --seed {seed}\n  records: {kept}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="where the records of a failing round go")
    parser.add_argument("--keep-going", action="store_true", help="go on after a violation")
    options = parser.parse_args()
    left = options.seconds or (options.minutes or 1) * 60
    seed, total, failed = options.seed, Total(), 0
    while left >= 1 and (options.keep_going or not failed):
        seconds = round(min(left, ROUND_SECONDS), 1)
        summary, kept = run_round(seed, seconds, options.keep)
        total.add(summary)
        if kept:
            failed += 1
            show_failure(summary, seed, seconds, kept)
        else:
            print(f"seed {seed}: {summary['commits']} commits, nothing found", flush=True)
        left, seed = left - seconds, seed + 1
    total.show()
    print(f"violations: in {failed} rounds" if failed else "violations: none")
    # A round has restores and compaction or has none, by its seed; among four are two of each.
    is_poor = total.rounds >= 4 and not failed and bool(total.never())
    if is_poor:
        print(f"too little went wrong: no {', no '.join(total.never())}")
    sys.exit(1 if failed or is_poor else 0)


if __name__ == "__main__":
    main()

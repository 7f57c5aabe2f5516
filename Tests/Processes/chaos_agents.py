"""Agent processes under chaos: each with its record, killed and started again as often as it comes."""

import json
import signal
import subprocess
import threading
import time

from processes import chaos_agent, start


class AgentProcess:
    def __init__(self, index, round_seed, broker_url, place):
        self.index, self.round_seed, self.broker_url, self.place = index, round_seed, broker_url, place
        self.life = -1
        self.records = []
        self.is_stopped = False
        self.process = None
        self.standing = None
        self.goal = None  # (lineage, revision)
        self.recovered = {}  # by view, when it was first live and at the goal
        self.warm = place / f"warm-{index}"
        self.warm.mkdir()

    def start(self):
        self.life += 1
        record = self.place / f"agent-{self.index}.{self.life}.jsonl"
        record.touch()
        self.records.append(record)
        seed = (self.round_seed * 1000 + self.index) * 1000 + self.life
        with open(self.place / f"agent-{self.index}.log", "ab") as log:
            self.process = start(
                [chaos_agent(), "--broker", self.broker_url, "--agent", str(self.index), "--life", str(self.life),
                 "--seed", str(seed), "--round", str(self.round_seed), "--record", str(record),
                 "--tokens", str(self.place / "tokens"), "--warm", str(self.warm)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.standing = None
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process):
        for line in process.stdout:
            if process is self.process:
                self.standing = json.loads(line)
                self._look_for_recovered(time.monotonic())

    def _look_for_recovered(self, now):
        if self.goal is None:
            return
        for view in self.standing["views"]:
            lineage, revision, _ = view["token"].split(":")
            if view["live"] and lineage == self.goal[0] and int(revision) >= self.goal[1]:
                self.recovered.setdefault(view["view"], now)

    def recovery(self, since):
        """-> for each view that it shows, how long after that moment it was live and at the goal; None: not yet."""
        shown = [view["view"] for view in (self.standing or {"views": []})["views"]]
        return {f"{self.index}.{self.life} {view}": self._after(since, view) for view in shown}

    def _after(self, since, view):
        at = self.recovered.get(view)
        return None if at is None else round(at - since, 2)

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.is_stopped = False

    def stop(self):
        self.is_stopped = True
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.is_stopped = False
        if self.is_running:
            self.process.send_signal(signal.SIGCONT)

    def order(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended, which the conductor sees

    @property
    def is_idle(self):
        return bool(self.standing and self.standing["idle"])

    def is_at(self, token):
        """Whether all of its views are live and there."""
        standing = self.standing
        return bool(standing and standing["views"]) and all(
            view["live"] and view["token"] == token for view in standing["views"])

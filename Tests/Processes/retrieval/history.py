"""A random history of a real broker: records that are written, edited and deleted, branches of branches, merges, undoing,
expiry, compaction, kills, and an index that is made anew; and questions at many (branch, R) in between.

The states that questions are held against are those that the broker's own Range reads: what is judged is retrieval alone."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from asking import Asker, made_anew  # noqa: E402
from membus_client import Connection, Refused, Session, request  # noqa: E402
from membus_protos import bus, errors, memory  # noqa: E402
from processes import eventually  # noqa: E402
from settings import TOPIC, setting  # noqa: E402
from vocabulary import prose, question, topics, value  # noqa: E402

#: kind by the first segment of a key
KINDS = {"talk": "text", "notes": "text", "facts": "json", "count": "counter", "odd": "note", "src": "text"}
DEEPEST = 4
WHOLE_COMMIT = 0xFFFF_FFFF


@dataclass
class Branch:
    name: str
    created: int
    depth: int


class History:
    def __init__(self, broker, dice):
        self.broker, self.dice = broker, dice
        self.connection = Connection(broker.url, timeout=60)
        self.sessions = [Session(Connection(broker.url), agent) for agent in ("ada", "Grace Hopper", "train_bot")]
        self.branches = [Branch("main", 0, 0)]
        self.floor = self.head = 0
        self.commits = {}
        self.trail = []
        self.asker = Asker(self.connection, self.commits)
        self.moves = [
            (55, self.edit), (8, self.set), (5, self.fork), (6, self.merge), (3, self.rollback), (3, self.revert), (2, self.quarantine),
            (2, self.expire), (3, self.compact), (2, self.kill), (1, self.restart), (1, self.reindex)]

    def close(self):
        for each in [self.connection, *(session.connection for session in self.sessions)]:
            each.close()

    def step(self):
        _, move = self.dice.choices(self.moves, [weight for weight, _ in self.moves])[0]
        move()

    def told(self, what):
        self.trail.append(f"r{self.head}: {what}")

    # ---- what happens

    def do(self, work):
        session = self.dice.choice(self.sessions)
        outcome = session.wait(session.submit(work), 60)
        self.head = max(self.head, outcome.position.revision)
        return outcome

    def branch(self):
        return self.dice.choice(self.branches)

    def key(self):
        first, dice = self.dice.choice([*KINDS, "talk", "talk", "notes"]), self.dice
        if first == "talk":
            number = dice.randint(1, 12)
            return f"talk/s{dice.randint(1, 2)}/D1:" + (f"{number:02}" if dice.random() < .1 else f"{number}")
        last = {"notes": ["train plan", "visa", "7", "8", "Café", "snake_case"], "facts": ["ada", "grace", "n1", "n2"],
                "count": ["visits", "c1", "c2"], "odd": ["a", "b", "x1"], "src": ["main.swift", "Store/parseHTTP_test.swift"]}
        return f"{first}/{dice.choice(last[first])}"

    def change(self, branch, key):
        dice, kind = self.dice, KINDS[key.partition("/")[0]]
        chance = dice.random()
        if chance < .12:
            return memory.Change(key=key, delete=memory.Delete())
        if kind == "counter" and chance < .8:
            return memory.Change(key=key, increment=dice.randint(1, 9))
        if kind == "text" and chance < .25:
            return memory.Change(key=key, append=(" " + prose(dice, 6)).encode())
        if kind == "json" and chance < .4:
            patch = {dice.choice(["name", "job"]): dice.choice([None, prose(dice, 3)]), "address": {"city": prose(dice, 1)}}
            return memory.Change(key=key, merge_patch=json.dumps(patch).encode())
        return memory.Change(key=key, put=self.put(kind))

    def put(self, kind, **expiry):
        dice = self.dice
        attributes = [memory.Attribute(name=name, value=prose(dice, dice.randint(0, 4)))
                      for name in ("mood", "place", "first_name") if dice.random() < .15]
        return memory.Put(value=value(dice, kind), kind=kind, attributes=attributes, **expiry)

    def edit(self):
        branch, keys = self.branch(), {self.key() for _ in range(self.dice.choice([1, 1, 2, 3, 6]))}
        changes = [self.change(branch, key) for key in sorted(keys)]
        if self.dice.random() < .03:
            rules = json.dumps({"topic": "facts/", "kind": "json", "policy": "newest"}).encode()
            changes.append(memory.Change(key=".membus/policies/facts", put=memory.Put(value=rules, kind="json")))
        message = prose(self.dice, 4) if self.dice.random() < .3 else ""
        self.do(memory.Transaction(branch=branch.name, changes=changes, message=message))
        self.told(f"{branch.name}: " + ", ".join(f"{change.WhichOneof('action')} {change.key}" for change in changes))

    def set(self):
        """How a branch has itself searched."""
        branch, (key, said) = self.branch(), setting(self.dice)
        known = sorted(key for key in self.connection.range(TOPIC, branch=branch.name))
        unclear = TOPIC + "unclear"
        if known and (unclear in known or self.dice.random() < .3):
            key = unclear if unclear in known else self.dice.choice(known)
            change = memory.Change(key=key, delete=memory.Delete())
        else:
            change = memory.Change(key=key, put=memory.Put(value=said.encode(), kind="json"))
        self.do(memory.Transaction(branch=branch.name, changes=[change]))
        self.told(f"{branch.name}: {change.WhichOneof('action')} {key} {said}")

    def fork(self):
        parents = [branch for branch in self.branches if branch.depth < DEEPEST]
        if len(self.branches) > 7 or not parents:
            return
        parent, name = max(self.dice.choices(parents, k=2), key=lambda branch: branch.depth), f"b{len(self.branches)}"
        at = None if self.dice.random() < .6 else self.dice.randint(max(parent.created, self.floor), self.head)
        created = self.do(bus.Fork(name=name, parent=parent.name, at=at, expire=True)).position.revision
        self.branches.append(Branch(name, created, parent.depth + 1))
        self.told(f"fork {name} of {parent.name} at {at}")

    def settled(self, work):
        """Does it, and decides where somebody has to."""
        outcome = self.do(work)
        if outcome.WhichOneof("result") == "unsettled":
            side = self.dice.choice(["take_ours", "take_theirs"])
            work.resolutions.extend(
                bus.Resolution(key=conflict.key, ours=conflict.ours.record.revision, theirs=conflict.theirs.record.revision,
                               **{side: True}) for conflict in outcome.unsettled.conflicts)
            outcome = self.do(work)
        return outcome.WhichOneof("result")

    def merge(self):
        source, target = self.branch(), self.branch()
        if source is not target:
            result = self.settled(bus.Merge(source=source.name, target=target.name, carries_rules=self.dice.random() < .3))
            self.told(f"merge {source.name} into {target.name}: {result}")

    def rollback(self):
        branch = self.branch()
        to = self.dice.randint(max(branch.created, self.floor), self.head)
        if to > 0:
            self.do(bus.Rollback(branch=branch.name, to=to))
            self.told(f"roll {branch.name} back to {to}")

    def recent(self):
        """A commit that wrote something, above the floor."""
        known = [revision for revision, commit in self.commits.items() if revision > self.floor and commit.session]
        return self.dice.choice(known) if known else None

    def revert(self):
        if revision := self.recent():
            branch = self.branch()
            work = bus.Revert(branch=branch.name, revisions=[revision])
            try:
                self.told(f"revert {revision} on {branch.name}: {self.settled(work)}")
            except Refused as refused:
                assert refused.code == errors.INVALID_ARGUMENT, refused

    def quarantine(self):
        if revision := self.recent():
            branch = self.branch()
            try:
                self.do(bus.Quarantine(branch=branch.name, revisions=[revision], reason=prose(self.dice, 3)))
                self.told(f"quarantine {revision} on {branch.name}")
            except Refused as refused:
                assert refused.code == errors.INVALID_ARGUMENT, refused

    def expire(self):
        branch, key = self.branch(), "notes/visa"
        self.do(memory.Transaction(branch=branch.name, changes=[
            memory.Change(key=key, put=self.put("text", expires_after_ms=1))]))
        eventually(lambda: key not in self.connection.get(key, branch=branch.name), what="expiry")
        self.told(f"{branch.name}: {key} expires")

    def compact(self):
        below = self.dice.randint(self.floor, max(self.floor, self.head - self.dice.choice([0, 5, 20])))
        if below > 0:
            self.look()
            self.floor = self.connection.call(request(compact=bus.Compact(below=below))).compacted.floor
            self.told(f"compact below {self.floor}")

    def kill(self):
        self.look()
        self.broker.restart()
        self.told("kill")

    def restart(self):
        self.look()
        assert self.broker.stop() == 0
        self.broker.start()
        self.told("restart")

    def reindex(self):
        made_anew(self.broker, self.connection)
        self.told("reindex")

    # ---- what is asked

    def look(self):
        """Learns of all commits since it looked last."""
        cursor = bus.LogCursor(revision=max(self.commits, default=0), ordinal=WHOLE_COMMIT)
        while True:
            asked = bus.Log(ascending=True, cursor=cursor, limit=1000)
            page = self.connection.call(request(log=asked)).log
            for commit in page.commits:
                self.commits[commit.info.revision] = commit.info
                self.head = max(self.head, commit.info.revision)
            if not page.more:
                return
            cursor = page.next

    def states(self, count):
        """(branch, R): heads, and what was before."""
        for branch in self.dice.choices(self.branches, k=count):
            lowest = max(branch.created, self.floor, 1)
            if lowest <= self.head:
                yield branch.name, self.head if self.dice.random() < .4 else self.dice.randint(lowest, self.head)

    def ask(self, states=4, questions=8):
        self.look()
        for branch, at in self.states(states):
            state, records = self.asker.state(branch, at)
            for _ in range(questions):
                dice = self.dice
                self.asker.same(
                    state, records, branch, at, question(dice, records), topics=topics(dice, records),
                    limit=dice.choice([1, 3, 10, 1000]), offset=dice.choice([0, 0, 0, 2, 40]), explain=dice.random() < .3,
                    is_head=at == self.head and dice.random() < .7)

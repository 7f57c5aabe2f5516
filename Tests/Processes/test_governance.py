"""Branches, diffs, merges, rollbacks and reverts of a real broker, held against an executable model of their rules, operation by
operation, in random histories. By hand, for longer:

    MEMBUS_HISTORIES=1000 MEMBUS_SEED=1 python -m pytest -q Tests/Processes/test_governance.py
"""

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "governance"))
import model  # noqa: E402
from mirror import KINDS, Mirror, Parted  # noqa: E402
from processes import Broker  # noqa: E402

SEED = int(os.environ.get("MEMBUS_SEED", "1"))
HISTORIES = int(os.environ.get("MEMBUS_HISTORIES", "25"))


def edit(mirror, dice, branch):
    """Somebody changes something."""
    key = dice.choice(sorted(KINDS)) + dice.choice("12")
    kind, now = KINDS[key[0]], model.content(mirror.model.read(branch, key))
    value = now[1] if now is not model.ABSENT else None
    who = {"context": f"c{dice.randrange(6)}"}
    if dice.random() < .25:
        read = mirror.model.read(branch, dice.choice(sorted(KINDS)) + dice.choice("12"))
        who["reads"] = [read.id] if read is not None else []
    if dice.random() < .12:
        if now is not model.ABSENT:
            mirror.delete(branch, key, **who)
    elif kind == "text":
        mirror.put(branch, key, dice.randrange(4), **who)
    elif kind == "counter":
        if dice.random() < .15:
            mirror.put(branch, key, dice.randrange(3), **who)
        else:
            mirror.increment(branch, key, dice.choice([1, 2, 4, 8, -1]), **who)
    elif kind == "json":
        members = dict(value or {})
        member = dice.choice("xyz")
        if dice.random() < .2:
            members.pop(member, None)
        else:
            members[member] = dice.randrange(3)
        mirror.put(branch, key, members, **who)
    elif kind == "set":
        mirror.put(branch, key, tuple(sorted(set(value or ()) ^ {dice.randrange(4)})), **who)
    elif kind == "log":
        mirror.append(branch, key, **who)
    else:
        lines = list(value or ())
        place = dice.randrange(len(lines) + 1)
        if lines and dice.random() < .3:
            lines[min(place, len(lines) - 1)] = f"L{mirror.model.rev}"
        else:
            lines.insert(place, f"L{mirror.model.rev}")
        mirror.put(branch, key, tuple(lines), **who)


def merge(mirror, dice, target, source):
    store = mirror.model
    at = None if dice.random() < .8 else dice.randrange(mirror.floor, store.rev + 1)
    if at is not None and at < store.branches[source]["created"]:
        return
    planned = store.plan(target, source, at)
    sides = {key: dice.choice(["ours", "theirs"]) for key in planned.conflicts} if dice.random() < .5 else {}
    if mirror.merge(target, source, at, sides) == "merged" and dice.random() < .5:
        assert mirror.merge(target, source, at, sides) == "held", "merged again, and there was something to merge"


def revert(mirror, dice, branch):
    store = mirror.model
    known = [version for version in store.byid.values() if version.rev > max(mirror.floor, 1)]
    if not known:
        return
    if dice.random() < .3:
        reverts = [rev for rev in store.byb[branch] if store.commits[rev]["undid"] and rev > mirror.floor]
        if reverts:
            mirror.revert(branch, revisions=[dice.choice(reverts)])
            return
    chosen = dice.sample(known, min(len(known), dice.choice([1, 1, 2, 3])))
    if dice.random() < .5:
        mirror.revert(branch, versions=sorted({version.id for version in chosen}))
    else:
        mirror.revert(branch, revisions=sorted({version.rev for version in chosen}))


def cascade(mirror, dice, branch):
    store = mirror.model
    known = [rev for rev, commit in store.commits.items() if rev > 1 and commit["vers"] and not commit["merge"]
             and not commit["undid"] and commit["agent"] == "a"]
    if known:
        # Most of what was written would else be undone.
        mirror.cascade(branch, [dice.choice(known[-12:])])


def step(mirror, dice, compacts):
    store = mirror.model
    branch = dice.randrange(len(store.branches))
    chance = dice.random()
    if chance < .12 and len(store.branches) < 5:
        mirror.fork(branch, None if dice.random() < .7 else dice.randrange(max(1, mirror.floor), store.rev + 1))
    elif chance < .34 and len(store.branches) > 1:
        target = dice.randrange(len(store.branches))
        if target != branch:
            merge(mirror, dice, target, branch)
    elif chance < .42:
        revert(mirror, dice, branch)
    elif chance < .46:
        mirror.rollback(branch, dice.randrange(max(1, mirror.floor), store.rev + 1))
    elif compacts and chance < .49:
        mirror.compact(dice.randrange(mirror.floor, store.rev + 1))
    elif not compacts and chance < .50:
        cascade(mirror, dice, branch)
    elif chance < .54:
        mirror.note(branch, dice.choice(sorted(KINDS)) + dice.choice("12"), f"c{dice.randrange(6)}")
    else:
        edit(mirror, dice, branch)


@pytest.mark.parametrize("compacts", [False, True], ids=["all kept", "compacted now and then"])
@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_a_broker_does_what_the_model_does(tmp_path, seed, compacts):
    dice = random.Random(seed)
    broker = Broker(tmp_path / "data")
    broker.start()
    mirror = Mirror(broker)
    try:
        for _ in range(40):
            try:
                step(mirror, dice, compacts)
                mirror.same_states()
            except Parted:
                break
            if dice.random() < .1 and not compacts:
                states = [(branch, dice.randrange(mirror.model.branches[branch]["created"], mirror.model.rev + 1))
                          for branch in dice.choices(range(len(mirror.model.branches)), k=2)
                          if mirror.model.branches[branch]["created"] <= mirror.model.rev]
                if len(states) == 2:
                    mirror.same_diff(*states)
    finally:
        mirror.close()
        broker.stop()

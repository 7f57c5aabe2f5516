"""Looser readings of the rules of branches, merges and undoing, planted into the model: held against a real broker, random histories
have to tell each of them from the rules. Else the comparison of the two would prove nothing of that rule."""

import random

import pytest
from processes import Broker
from test_governance import KINDS, Mirror, Parted, cascade, edit, merge, model, revert

CONFLICT, Store = model.CONFLICT, model.Store

HISTORIES = 120
# Not those whose elements have an order, which compaction and undoing may change.
ALL = sorted(letter for letter, kind in KINDS.items() if kind not in ("set", "log"))
TEXT, COUNTER = (next(letter for letter, kind in KINDS.items() if kind == wanted) for wanted in ("text", "counter"))


def one_base(heads):
    """Of several bases the newest alone counts."""
    return {"heads": lambda store, common: heads(store, common)[-1:]}


def decisions_for_ours_are_no_versions(merge_key):
    def without(store, *arguments, **named):
        result = merge_key(store, *arguments, **named)
        kept = result is not None and result[0] is not CONFLICT and result[2] == "keep"
        return None if kept else result
    return {"merge_key": without}


def nothing_is_undone_on_both_sides(undone_twice):
    return {"undone_twice": lambda *arguments: 0, "undone_of": lambda *arguments: set()}


def equal_counters_agree(merge3):
    def equal(base, ours, theirs, *rest):
        return ours if ours == theirs else merge3(base, ours, theirs, *rest)
    return equal


class Dice(random.Random):
    """Draws few keys, of the kinds that a rule is about: what happens to one of them soon happens to it again."""

    def __init__(self, seed, kinds):
        super().__init__(seed)
        self.kinds = kinds

    def choice(self, options):
        if options == sorted(KINDS):
            return super().choice(self.kinds)
        return "1" if options == "12" else super().choice(options)


PLANTS = {
    "one of several bases": ("heads", one_base, ALL),
    "a decision for ours is not written": ("merge_key", decisions_for_ours_are_no_versions, [TEXT]),
    "what both undid comes off twice": ("undone_twice", nothing_is_undone_on_both_sides, [COUNTER]),
}


def step(mirror, dice, much):
    """More of what the rule is about than other histories have."""
    store = mirror.model
    branch = dice.randrange(len(store.branches))
    chance = dice.random()
    if chance < .1 and len(store.branches) < 3:
        mirror.fork(branch, None)
    elif chance < (.45 if much == "merges" else .2) and len(store.branches) > 1:
        target = dice.randrange(len(store.branches))
        if target != branch:
            merge(mirror, dice, target, branch)
    elif chance < (.6 if much == "merges" else .25):
        revert(mirror, dice, branch)
    elif much == "reads" and chance < .4:
        mirror.note(branch, dice.choice(sorted(KINDS)) + dice.choice("12"), f"c{dice.randrange(6)}")
    elif much == "reads" and chance < .47:
        cascade(mirror, dice, branch)
    else:
        edit(mirror, dice, branch)


def differs(tmp_path, seed, much, kinds):
    dice = Dice(seed, kinds)
    broker = Broker(tmp_path / f"data-{seed}")
    broker.start()
    mirror = Mirror(broker)
    try:
        for _ in range(40):
            try:
                step(mirror, dice, much)
                mirror.same_states()
            except Parted:
                return False
            except (AssertionError, KeyError, IndexError, TypeError, AttributeError):
                return True
    finally:
        mirror.close()
        broker.stop()
    return False


def found(tmp_path, much, kinds, histories=HISTORIES):
    for seed in range(1, histories + 1):
        if differs(tmp_path, seed, much, kinds):
            return seed
    return None


@pytest.mark.parametrize("kinds", [ALL, [TEXT], [COUNTER]], ids=["all kinds", "texts", "counters"])
@pytest.mark.parametrize("much", ["merges", "reads"])
def test_the_rules_as_they_stand_are_told_from_no_broker(tmp_path, much, kinds):
    assert not found(tmp_path, much, kinds, 12)


@pytest.mark.parametrize("name", PLANTS)
def test_random_histories_tell_a_looser_reading_of_the_rules(tmp_path, monkeypatch, name):
    method, plant, kinds = PLANTS[name]
    for changed, body in plant(getattr(Store, method)).items():
        monkeypatch.setattr(Store, changed, body)
    assert found(tmp_path, "merges", kinds), f"no history of {HISTORIES} tells that {name}"


def test_random_histories_tell_that_equal_counters_are_taken_for_agreement(tmp_path, monkeypatch):
    monkeypatch.setattr(model, "merge3", equal_counters_agree(model.merge3))
    assert found(tmp_path, "merges", [COUNTER])


@pytest.mark.parametrize("lost", ["notes", "reads", "made of increments", "made of merges"])
def test_random_histories_tell_that_what_was_read_or_made_is_lost(tmp_path, monkeypatch, lost):
    taint = Store.taint

    def blind(store, *arguments, **named):
        notes, commits = store.notes, store.commits
        made = {}
        if lost == "notes":
            store.notes = []
        elif lost == "reads":
            store.commits = {revision: {**commit, "reads": ()} for revision, commit in commits.items()}
        else:
            acts = ("inc",) if lost == "made of increments" else ("copy", "comb")
            made = {version: version.made for version in store.byid.values() if version.act in acts}
            for version in made:
                version.made = ()
        try:
            return taint(store, *arguments, **named)
        finally:
            store.notes, store.commits = notes, commits
            for version, was in made.items():
                version.made = was
    monkeypatch.setattr(Store, "taint", blind)
    assert found(tmp_path, "reads", [COUNTER] if lost == "made of increments" else ALL)

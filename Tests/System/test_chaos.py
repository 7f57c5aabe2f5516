"""Chaos, briefly; and that its checker bites: what was recorded is falsified, and each falsehood is found.

`deploy/chaos` runs longer, with other seeds."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from chaos import Round
from processes import check

SEED, SECONDS = 3, 50


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A short chaos, and what is left of it: (its summary, its records, the broker's data)."""
    place = tmp_path_factory.mktemp("chaos")
    print(f"again: deploy/chaos --seconds {SECONDS} --seed {SEED}")
    round = Round(SEED, SECONDS, place)
    try:
        summary = round.run()
        round.keep(place / "kept")
    finally:
        round.close()
    return summary, sorted((place / "kept").glob("*.jsonl")), place / "kept" / "data"


def test_nothing_is_violated_while_everything_goes_wrong(story):
    summary, records, _ = story
    assert summary["violations"] == [] and summary["findings"] == [], (summary["story"], records[0].parent)
    assert sum(summary["faults"].values()) > 10
    assert summary["transactions"]["committed"] > 100
    for how in ("cached", "atLeast", "within", "linearizable", "direct"):
        assert summary["reads"][how] > 5, how
    assert summary["views"]["at rest"] >= 3


def test_the_record_as_it_is_passes(story, tmp_path):
    assert judge(story, tmp_path, lambda lines: None) == []


# ---- Falsehoods


class Lines:
    """All recorded lines, in the order of their times."""

    def __init__(self, files):
        self.all = sorted(
            (json.loads(text) for file in files for text in file.read_text().splitlines() if is_whole(text)),
            key=lambda line: line["t"])
        self.rng = random.Random(SEED)

    def of(self, kind):
        return [(line, line["fact"][kind]) for line in self.all if kind in line["fact"]]

    def reads(self, how=None):
        return [(line, told["_0"]) for line, told in self.of("read") if how in (None, told["_0"]["how"])]

    def committed(self):
        return [(line, told) for line, told in self.of("finished") if "committed" in told["ending"]]


def is_whole(text):
    try:
        return bool(json.loads(text))
    except ValueError:
        return False


def revision(token):
    return int(token.split(":")[1])


def judge(story, place, falsify):
    """-> the invariants that the checker finds violated once the record is falsified."""
    _, files, data = story
    lines = Lines(files)
    falsify(lines)
    record = place / "record.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines.all))
    # A copy: looking at a store may leave files beside it.
    copy = shutil.copytree(data, place / "data")
    ended = subprocess.run(
        [check(), "history", str(record), "--data", str(copy), "--json"], capture_output=True, text=True, timeout=300)
    assert ended.returncode in (0, 1), ended.stderr
    violations = json.loads(ended.stdout.splitlines()[0])["violations"]
    assert bool(violations) == (ended.returncode == 1)
    if violations:
        assert "violates invariant" in ended.stderr and ">>" in ended.stderr
    return violations


def a_record_is_lost_from_a_view(lines):
    told = next(told for _, told in reversed(lines.of("watched")) if told.get("state"))
    told["state"].pop()


def a_change_is_not_told(lines):
    """The newest version of a key that a view holds at rest."""
    at_rest = {(line["agent"], line["life"], told["view"]) for line, told in lines.of("rested")}
    last = {}
    for line, told in lines.of("changed"):
        if not told.get("key"):
            last = {name: place for name, place in last.items() if name[:3] != (line["agent"], line["life"], told["view"])}
        elif (line["agent"], line["life"], told["view"]) in at_rest:
            last[line["agent"], line["life"], told["view"], told["key"]] = line, told["isDeleted"]
    lines.all.remove(next(line for line, is_deleted in last.values() if not is_deleted))


def a_value_is_another(lines):
    told = next(told for _, told in lines.reads() if len(told["found"]) > 1)
    first, second = told["found"][:2]
    first["hash"], second["hash"] = second["hash"], first["hash"]


def half_a_commit_is_read(lines):
    """One of several keys as of an older read."""
    older = {}
    for _, told in lines.reads():
        for index, found in enumerate(told["found"]):
            before = older.get((told["branch"], found["key"]))
            if len(told["found"]) > 1 and before and before["revision"] < found["revision"]:
                told["found"][index] = before
                return
            older[told["branch"], found["key"]] = found
    raise AssertionError("nothing was read twice")


def a_cut_is_lowered(lines):
    """After it moved, a view shows once more what it showed before."""
    seen = {}
    for line, told in lines.of("watched"):
        if not told.get("token") or told.get("state") is None:
            continue
        before = seen.setdefault((line["agent"], line["life"], told["view"]), told)
        if revision(before["token"]) < revision(told["token"]):
            lines.all.append({**line, "t": line["t"] + 1, "fact": {"watched": before}})
            return
    raise AssertionError("no view moved")


def a_commit_is_acknowledged_twice(lines):
    (_, first), (_, second) = lines.committed()[:2]
    second["ending"] = first["ending"]


def an_acknowledged_commit_is_lost(lines):
    _, told = lines.committed()[-1]
    lineage, at, digest = told["ending"]["committed"]["token"].split(":")
    told["ending"]["committed"]["token"] = f"{lineage}:{int(at) + 100_000}:{digest}"


def a_committed_one_was_refused(lines):
    _, told = lines.committed()[0]
    told["ending"] = {"refused": {"why": "invalidArgument"}}


def an_order_is_turned(lines):
    """What was acknowledged first is asked for only now."""
    late = lines.committed()[-1][0]
    op = lines.committed()[0][1]["op"]
    for line, told in lines.of("invoked") + lines.of("finished"):
        if told["op"] == op:
            line["t"] = late["t"] + (1 if "invoked" in line["fact"] else 2)
    lines.all.sort(key=lambda line: line["t"])


def stale_read(lines):
    """A cached read that missed what had been acknowledged before it was asked for."""
    acknowledged = [(line["t"], told["ending"]["committed"]["token"]) for line, told in lines.committed()]
    for _, told in lines.reads("cached"):
        lineage = told["token"].split(":")[0]
        # A second before: an age can be claimed too.
        known = [revision(token) for at, token in acknowledged
                 if at < told["asked"] - 1_000_000_000 and token.startswith(lineage)]
        if known and max(known) > revision(told["token"]):
            return told
    raise AssertionError("no cached read was old")


def an_old_read_is_taken_for_linearizable(lines):
    stale_read(lines)["how"] = "linearizable"


def an_old_read_is_taken_for_fresh(lines):
    stale_read(lines).update(how="within", within=1_000_000)


def a_digest_is_another(lines):
    told = next(told for _, told in lines.of("rested") if told.get("digest"))
    count, digest = told["digest"].split(":")
    told["digest"] = f"{count}:{'0' * len(digest)}"


def a_view_rests_stale(lines):
    lines.of("rested")[0][1]["isLive"] = False


def views_recover_late(lines):
    lines.of("recovered")[0][1]["seconds"] = 30


@pytest.mark.parametrize("falsify, invariant", [
    (a_record_is_lost_from_a_view, 4), (a_change_is_not_told, 4), (a_value_is_another, 5), (half_a_commit_is_read, 5),
    (a_cut_is_lowered, 6), (a_commit_is_acknowledged_twice, 1), (an_acknowledged_commit_is_lost, 3),
    (a_committed_one_was_refused, 1), (an_order_is_turned, 2), (an_old_read_is_taken_for_linearizable, 11),
    (an_old_read_is_taken_for_fresh, 12), (a_digest_is_another, 18), (a_view_rests_stale, 20), (views_recover_late, 20),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_falsehood_in_the_record_is_found(story, tmp_path, falsify, invariant):
    violations = judge(story, tmp_path, falsify)
    assert any(text.startswith(f"invariant {invariant}:") for text in violations), violations


def test_a_record_that_cannot_be_read_is_no_verdict(story, tmp_path):
    _, files, data = story
    record = tmp_path / "record.jsonl"
    record.write_text("{}\n" + Path(files[0]).read_text())
    ended = subprocess.run([check(), "history", str(record), "--data", str(data)], capture_output=True, text=True)
    assert ended.returncode == 65 and "line 1" in ended.stderr

"""Chaos, briefly; and that its checker bites: what was recorded is falsified, and each falsehood is found.

`deploy/chaos` runs longer, with other seeds."""

import json
import random
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from chaos import Round, too_few_judged
from chaos_faults import WEIGHTS
from processes import check

SEED, SECONDS = 3, 55


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A short chaos, and what is left of it: (its summary, its records, what else was kept)."""
    place = tmp_path_factory.mktemp("chaos")
    print(f"again: deploy/chaos --seconds {SECONDS} --seed {SEED}")
    round = Round(SEED, SECONDS, place)
    try:
        summary = round.run()
        round.keep(place / "kept")
    finally:
        round.close()
    return summary, sorted((place / "kept").glob("*.jsonl")), place / "kept"


def test_nothing_is_violated_while_everything_goes_wrong(story):
    summary, records, *_ = story
    assert summary["violations"] == [] and summary["findings"] == [], (summary["story"], records[0].parent)
    assert summary["kinds"] == list(WEIGHTS), "a round without restores, say, leaves something out"
    assert [kind for kind in [*WEIGHTS, "restored"] if not summary["faults"].get(kind)] == [], "these never happened"
    assert summary["transactions"]["committed"] > 100
    assert summary["compacted"] > 0
    for how in ("cached", "atLeast", "within", "linearizable", "direct", "listed"):
        assert summary["reads"][how] > 5, how
    assert summary["views"]["at rest"] >= 3
    assert summary["watches"]["at rest"] >= 3 and summary["watches"]["told of a change"] > 100


def test_a_round_that_could_judge_little_fails():
    assert too_few_judged({"seen live": 1000, "seen live, not judged": 900}, 50) == []
    assert "only 90 could be judged" in too_few_judged({"seen live": 90, "seen live, not judged": 91}, 50)[0]
    assert "only 40 could be judged" in too_few_judged({"seen live": 40}, 50)[0]
    assert too_few_judged({"seen live": 40}, 20) == []


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


def before_compaction(kept):
    """The judge's options for the copies that were made before each compaction."""
    return [word for file in sorted(kept.glob("before-compaction-*.db")) for word in ("--copy", str(file))]


def judge(story, place, falsify, damage=lambda data: None):
    """-> the invariants that the checker finds violated once the record is falsified, or the store damaged."""
    _, files, kept = story
    lines = Lines(files)
    falsify(lines)
    record = place / "record.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines.all))
    # A copy: looking at a store may leave files beside it.
    copy = shutil.copytree(kept / "data", place / "data")
    damage(copy)
    ended = subprocess.run(
        [check(), "history", str(record), "--data", str(copy), *before_compaction(kept), "--json"],
        capture_output=True, text=True, timeout=300)
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
    pairs = (told["found"][:2] for _, told in lines.reads() if len(told["found"]) > 1)
    first, second = next((first, second) for first, second in pairs if first["hash"] != second["hash"])
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
    """A cached read that missed what had been acknowledged before it was asked for: one that came shortly before such an
    acknowledgement is told as if it had come after. Whether a view ever was that late is chance."""
    acknowledged = [(line["t"], told["ending"]["committed"]["token"]) for line, told in lines.committed()]
    newest = acknowledged[-1][1].split(":")[0]
    late = []
    for line, told in lines.reads("cached"):
        lineage = told["token"].split(":")[0]
        missed = [at for at, token in acknowledged
                  if at > line["t"] and token.startswith(lineage) and revision(token) > revision(told["token"])]
        if lineage == newest and missed:
            late.append((missed[0] - line["t"], missed[0], line, told))
    _, at, line, told = min(late, key=lambda read: read[0])
    # A second after: an age can be claimed too.
    told["asked"] = at + 1_100_000_000
    line["t"] = told["asked"] + 1
    lines.all.sort(key=lambda line: line["t"])
    return told


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


def a_view_recovers_late(lines):
    lines.of("recovered")[0][1]["seconds"] = 10.1


def a_view_never_recovers(lines):
    lines.of("recovered")[-1][1]["seconds"] = None


def deliveries(lines):
    """Of each watch, in the order of their starts: its lines of delivery, longest first."""
    found = {}
    for line, told in lines.of("delivered"):
        found.setdefault((line["agent"], line["life"], told["watch"]), []).append(line)
    return sorted(found.values(), key=len, reverse=True)


def a_delivery_is_lost(lines):
    lines.all.remove(deliveries(lines)[0][3])


def a_change_is_delivered_twice(lines):
    line = deliveries(lines)[0][3]
    lines.all.insert(lines.all.index(line), line)


def deliveries_are_out_of_order(lines):
    first, second = deliveries(lines)[0][3:5]
    first["fact"], second["fact"] = second["fact"], first["fact"]


def a_delivery_has_another_value(lines):
    deliveries(lines)[0][3]["fact"]["delivered"]["record"]["hash"] = "0"


def the_last_delivery_never_comes(lines):
    resting = {(line["agent"], line["life"], told["watch"]) for line, told in lines.of("watchRested")}
    for told in deliveries(lines):
        last = told[-1]
        if (last["agent"], last["life"], last["fact"]["delivered"]["watch"]) in resting and len(told) > 1:
            lines.all.remove(last)
            return
    raise AssertionError("no watch at rest told of anything")


def a_list_is_of_two_states(lines):
    """A record on its second page is an older one."""
    older = {}
    for _, told in lines.reads():
        for index, found in enumerate(told["found"]):
            before = older.get((told["branch"], found["key"]))
            is_older = before and before["revision"] < found["revision"]
            if told["how"] == "listed" and index > 0 and is_older and not found.get("isAnnounced"):
                told["found"][index] = before
                return
            if not found.get("isAnnounced"):
                older[told["branch"], found["key"]] = found
    raise AssertionError("no list had what was older before")


def a_lists_pages_say_so_themselves(lines):
    told = next(told for _, told in lines.reads("listed"))
    told["pages"].append(lines.committed()[0][1]["ending"]["committed"]["token"])


@pytest.mark.parametrize("falsify, invariant", [
    (a_record_is_lost_from_a_view, 4), (a_change_is_not_told, 4), (a_value_is_another, 5), (half_a_commit_is_read, 5),
    (a_cut_is_lowered, 6), (a_commit_is_acknowledged_twice, 1), (an_acknowledged_commit_is_lost, 3),
    (a_committed_one_was_refused, 1), (an_order_is_turned, 2), (an_old_read_is_taken_for_linearizable, 11),
    (an_old_read_is_taken_for_fresh, 12), (a_digest_is_another, 18), (a_view_rests_stale, 20),
    (a_view_recovers_late, 20), (a_view_never_recovers, 20), (a_delivery_is_lost, 4), (a_change_is_delivered_twice, 4),
    (deliveries_are_out_of_order, 4), (a_delivery_has_another_value, 4), (the_last_delivery_never_comes, 4),
    (a_list_is_of_two_states, 5), (a_lists_pages_say_so_themselves, 5),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_falsehood_in_the_record_is_found(story, tmp_path, falsify, invariant):
    violations = judge(story, tmp_path, falsify)
    assert any(text.startswith(f"invariant {invariant}:") for text in violations), violations


def test_a_record_that_cannot_be_read_is_no_verdict(story, tmp_path):
    _, files, kept = story
    record = tmp_path / "record.jsonl"
    record.write_text("{}\n" + Path(files[0]).read_text())
    command = [check(), "history", str(record), "--data", str(kept / "data"), *before_compaction(kept)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 65 and "line 1" in ended.stderr


def test_what_compaction_took_too_much_is_found(story, tmp_path):
    """What was written last up to the floor is seen there, and is taken from the store."""
    def take_away(data):
        taken = 0
        for file in data.glob("membus.db*"):
            if file.name.endswith(("-wal", "-shm")):
                continue
            store = sqlite3.connect(file)
            floor = "SELECT value FROM meta WHERE key = 'floor'"
            # Of those that no later version is made of: without such a one the store can't be read at all.
            newest = (f"SELECT max(position) FROM changes AS one WHERE branch = 1 AND kind IS NOT NULL "
                      f"AND position < (({floor}) + 1) << 20 AND position NOT IN (SELECT base FROM spliced) "
                      f"AND NOT EXISTS (SELECT 1 FROM changes WHERE branch = 1 AND key = one.key "
                      f"AND position > one.position AND position < (({floor}) + 1) << 20)")
            if store.execute(floor).fetchone()[0] > 0:
                taken += store.execute(f"DELETE FROM changes WHERE position = ({newest})").rowcount
            store.commit()
            store.close()
        assert taken > 0

    violations = judge(story, tmp_path, lambda lines: None, damage=take_away)
    assert any(text.startswith("invariant 9:") and "shows another" in text for text in violations), violations


def test_a_compacted_history_without_its_copies_is_no_verdict(story, tmp_path):
    _, files, kept = story
    data = shutil.copytree(kept / "data", tmp_path / "data")
    ended = subprocess.run([check(), "history", *files, "--data", str(data)], capture_output=True, text=True)
    assert ended.returncode == 65 and "no copy has what was compacted" in ended.stderr

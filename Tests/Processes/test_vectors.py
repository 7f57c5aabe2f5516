"""Vectors that agents send along with puts, and searches that bring one: held against plain arithmetic. By hand, for longer:

    MEMBUS_HISTORIES=1000 MEMBUS_SEED=1 python -m pytest -q Tests/Processes/test_vectors.py -k histories
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import index, made_anew, recall, search  # noqa: E402
from membus_client import Connection, Refused, request  # noqa: E402
from membus_protos import bus, errors, memory  # noqa: E402
from processes import Broker, eventually, membus, run, run_json_lines  # noqa: E402
from undoing import Hand, delete  # noqa: E402
from vectors import SPACE, VectorHistory, cosine, cosines, drawn, faults, near, put, sent, told, twin  # noqa: E402

SEED = int(os.environ.get("MEMBUS_SEED", "1"))
HISTORIES = int(os.environ.get("MEMBUS_HISTORIES", "6"))
EAST, NORTH, WEST = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


@pytest.fixture
def hand(broker):
    with Hand(broker, timeout=60) as hand:
        yield hand


@pytest.fixture
def connection(hand):
    return hand.connection


def refusal(work):
    with pytest.raises(Refused) as refused:
        work()
    assert refused.value.error.message, refused.value.error
    return refused.value


# ---- What is found


def test_all_that_has_vectors_is_a_hit_and_what_points_away_comes_last(hand, connection):
    head = hand.write(put("a", "", WEST), put("b", "", EAST), put("c", "", NORTH, [.6, .8]), put("d", "none"))
    page = near(connection, EAST, at_least=head)
    assert told(page) == [("b", 1), ("c", pytest.approx(.6, abs=1e-7)), ("a", -1)]
    assert page.found == 3 and page.meaning and page.embedded == .75 and page.at.revision == head
    assert [hit.score for hit in page.hits] == [.5, .3, -.5]


def test_with_words_both_count(hand, connection):
    head = hand.write(put("a", "night train", NORTH), put("b", "train", EAST), put("c", "boat", [.5, 0]), put("d", "boat", WEST))
    page = near(connection, EAST, "night train", at_least=head)
    assert {hit.key for hit in page.hits} == {"a", "b", "c"}, "what points away is no hit by that alone"
    words = max(hit.words for hit in page.hits)
    for hit in page.hits:
        assert hit.score == pytest.approx(hit.words / words + max(hit.cosine, 0) / 2, abs=1.01e-4)
    alone = {hit.key: hit.words for hit in search(connection, "night train").hits}
    assert alone == {hit.key: hit.words for hit in page.hits if hit.words}


def test_a_scope_limits_hits(hand, connection):
    head = hand.write(put("plans/a", "", EAST), put("plans/b", "", NORTH), put("people/a", "", EAST))
    assert told(near(connection, EAST, topics=["plans/"], at_least=head)) == [("plans/a", 1), ("plans/b", 0)]
    assert told(near(connection, EAST, topics=["people/", "plans/b"])) == [("people/a", 1), ("plans/b", 0)]
    assert told(near(connection, EAST, topics=["nowhere/"])) == []


def test_a_cosine_is_exact_even_where_bytes_tell_nothing(hand, connection):
    dice = random.Random(4)
    known = {f"v/{number:03}": [drawn(dice, 384)] for number in range(300)}
    known |= {f"{key}/twin": [twin(vectors[0])] for key, vectors in list(known.items())[:100]}
    known |= {f"many/{number}": [drawn(dice, 384) for _ in range(5)] for number in range(20)}
    known |= {f"large/{number}": [[entry * 1e30 for entry in drawn(dice, 384)]] for number in range(5)}
    known |= {f"small/{number}": [[entry * 1e-30 for entry in drawn(dice, 384)]] for number in range(5)}
    head = hand.write(*[put(key, "", *vectors) for key, vectors in known.items()])
    for question in (drawn(dice, 384), known["v/007"][0], [-entry for entry in known["v/008"][0]], [1.0] + [0.0] * 383):
        page = near(connection, question, limit=1000, at_least=head)
        assert list(faults(page, cosines(known, question), 1000)) == []


def test_the_best_are_those_that_arithmetic_says_whatever_became_of_the_index(broker, hand, connection):
    dice = random.Random(9)
    known = {f"v/{number:04}": [drawn(dice, 48)] for number in range(2000)}
    keys = list(known)
    for start in range(0, 2000, 500):
        old = hand.write(*[put(key, "", *known[key]) for key in keys[start:start + 500]])
    then = dict(known)
    changed = {key: [drawn(dice, 48)] for key in dice.sample(keys, 200)}
    known |= changed
    hand.write(*[put(key, "new", *vectors) for key, vectors in changed.items()])
    hand.fork("trial")
    trial = known | {key: [drawn(dice, 48)] for key in dice.sample(keys, 100)}
    hand.write(*[put(key, "trial", *trial[key]) for key in keys if trial[key] is not known[key]], branch="trial")
    gone = dice.sample(keys, 100)
    head = hand.write(*[delete(key) for key in gone])
    known = {key: vectors for key, vectors in known.items() if key not in gone}
    questions = [drawn(dice, 48) for _ in range(3)] + [then["v/0003"][0], twin(trial["v/0004"][0])]

    def wrong(connection, what):
        for question in questions:
            for state, due in ({"at": head}, known), ({"at": old}, then), ({"branch": "trial", "at": head}, trial):
                for limit, offset in ((10, 0), (1, 0), (7, 20), (1000, 1000)):
                    page = near(connection, question, limit=limit, offset=offset, **state)
                    found = list(faults(page, cosines(due, question), limit, offset))
                    assert not found, (what, state, limit, offset, found[:5])

    wrong(connection, "as it was written")
    broker.restart()
    wrong(connection, "after a kill")
    made_anew(broker, connection)
    wrong(connection, "after it was made anew")
    spaces = sorted(Path(broker.data).glob("space-*"))
    assert {file.suffix for file in spaces} >= {".rows", ".db"}

    def each(do):
        def damage():
            for file in Path(broker.data).glob("space-*"):
                do(file)
        return damage

    def garble_rows():
        for file in Path(broker.data).glob("space-*.rows"):
            with open(file, "r+b") as opened:
                opened.seek(1000)
                opened.write(dice.randbytes(5000))

    def cut_rows():
        for file in Path(broker.data).glob("space-*.rows"):
            os.truncate(file, 4000)

    def other_scales():
        for file in Path(broker.data).glob("space-*.db"):
            with sqlite3.connect(file) as db:
                db.execute("UPDATE vectors SET scale = scale + 1, slack = 0 WHERE row % 3 = 0")
            db.close()

    def less_than_it_says():
        with sqlite3.connect(Path(broker.data) / "search.db") as db:
            db.execute("UPDATE sent SET contents = zeroblob(16) WHERE version = 5")
        db.close()

    damages = {
        "deleted": each(Path.unlink), "emptied": each(lambda file: file.write_bytes(b"")), "overwritten": each(lambda file: file.write_bytes(b"no" * 9000)),
        "rows garbled": garble_rows, "rows cut": cut_rows, "scales changed": other_scales, "index changed": less_than_it_says,
        "index deleted": lambda: [file.unlink() for file in Path(broker.data).glob("search.db*")]}
    for what, damage in damages.items():
        broker.kill()
        damage()
        broker.start()
        wrong(connection, what)


def test_what_is_under_a_page_is_on_the_next_one_at_its_revision(hand, connection):
    dice = random.Random(2)
    known = {f"v/{number}": [drawn(dice, 3)] for number in range(25)}
    head = hand.write(*[put(key, "", *vectors) for key, vectors in known.items()])
    question = drawn(dice, 3)
    whole = told(near(connection, question, limit=1000, at_least=head))
    hand.write(put("v/new", "", question))
    assert [hit for start in range(0, 30, 4) for hit in told(near(connection, question, limit=4, offset=start, at=head))] == whole
    assert told(near(connection, question))[0] == ("v/new", 1)


@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_in_random_histories_every_answer_is_as_arithmetic_says(tmp_path, seed):
    broker = Broker(tmp_path / "data")
    broker.start()
    history = VectorHistory(broker, random.Random(seed))
    try:
        for number in range(120):
            history.step()
            if number % 12 == 11:
                history.ask()
        history.reindex()
        history.ask(states=12)
        assert run_json_lines(broker, "verify")[0]["problems"] == []
    except BaseException:
        print(f"replay: MEMBUS_SEED={seed} MEMBUS_HISTORIES=1 python -m pytest -q Tests/Processes/test_vectors.py -k histories")
        print("what happened:", *history.trail[-60:], sep="\n  ")
        raise
    finally:
        history.close()
        broker.stop()


def test_a_recollection_takes_the_nearest(hand, connection):
    head = hand.write(put("a", "The night train.", EAST), put("b", "A hotel.", NORTH))
    found = recall(connection, "", meaning=bus.Search.WHERE_COMPLETE, space=SPACE, vector=NORTH, at_least=head, budget=20)
    assert [one.key for one in found.citations] == ["b"] and "A hotel." in found.block


# ---- Where vectors go


def test_a_change_of_the_value_without_vectors_drops_them(hand, connection):
    hand.write(put("text", "a", EAST), put("json", "{}", EAST, kind="json"), put("count", "1", EAST, kind="counter"), put("put", "a", EAST))
    whole = told(near(connection, EAST, at_least=hand.head()))
    assert whole == [(key, 1) for key in ("count", "json", "put", "text")]
    hand.write(memory.Change(key="text", append=b"b"))
    hand.write(memory.Change(key="json", merge_patch=b'{"a": 1}'))
    hand.write(memory.Change(key="count", increment=1))
    hand.write(put("put", "a"))
    assert told(near(connection, EAST, at_least=hand.head())) == []
    assert told(near(connection, EAST, at=1)) == whole


def test_a_put_has_the_vectors_that_came_with_it_alone(hand, connection):
    hand.write(put("a", "a", EAST), put("b", "b", NORTH, space="other"))
    head = hand.write(put("a", "a", NORTH))
    assert told(near(connection, EAST, at_least=head)) == [("a", 0)]
    head = hand.write(put("a", "a", EAST, space="other"))
    assert told(near(connection, EAST, at_least=head)) == []
    assert told(near(connection, EAST, space="other")) == [("a", 1), ("b", 0)]


def test_a_vector_comes_back_by_a_rollback_and_by_a_revert(hand, connection):
    first = hand.write(put("a", "a", EAST), put("b", "b", EAST))
    edit = hand.write(put("a", "other"), delete("b"))
    assert told(near(connection, EAST, at_least=edit)) == []
    back = hand.revert(edit)
    assert told(near(connection, EAST, at_least=back)) == [("a", 1), ("b", 1)]
    hand.write(put("a", "third", NORTH))
    back = hand.rollback(first)
    assert told(near(connection, EAST, at_least=back)) == [("a", 1), ("b", 1)]


def test_a_fork_shows_its_parents_vectors_as_of_the_fork(hand, connection):
    hand.write(put("a", "a", EAST), put("b", "b", EAST))
    fork = hand.fork("trial")
    hand.write(put("a", "later", NORTH), put("c", "c", EAST))
    head = hand.write(put("b", "own", NORTH), branch="trial")
    assert told(near(connection, EAST, branch="trial", at_least=head)) == [("a", 1), ("b", 0)]
    assert told(near(connection, EAST, branch="trial", at=fork)) == [("a", 1), ("b", 1)]
    assert told(near(connection, EAST)) == [("b", 1), ("c", 1), ("a", 0)]


def test_a_merge_and_a_pick_bring_them_with_the_value(hand, connection):
    hand.write(put("a", "a", EAST), put("b", "b", EAST), put("c", "c", EAST))
    hand.fork("trial")
    hand.fork("other")
    changed = hand.write(put("a", "theirs", NORTH), put("new", "new", WEST), branch="trial")
    hand.write(put("b", "ours", NORTH))
    head = hand.merge("trial")
    assert told(near(connection, NORTH, at_least=head)) == [("a", 1), ("b", 1), ("c", 0), ("new", 0)]
    head = hand.do(bus.Pick(branch="other", revisions=[changed]))
    assert told(near(connection, WEST, branch="other", at_least=head))[0] == ("new", 1)
    assert dict(told(near(connection, NORTH, branch="other")))["a"] == 1


def test_vectors_are_never_a_conflict(hand, connection):
    hand.write(put("a", "a", EAST), put("b", "b", EAST), put("c", "c"), put("d", "d", EAST))
    hand.fork("trial")
    # The same value on both sides: with other vectors, with none, with some on one side.
    hand.write(put("a", "same", NORTH), put("b", "same"), put("c", "c", NORTH), branch="trial")
    hand.write(put("a", "same", WEST), put("b", "same", NORTH), put("c", "c"))
    head = hand.merge("trial")
    hits = dict(told(near(connection, NORTH, at_least=head)))
    assert hits["b"] == 1 and hits["c"] == 1 and hits["a"] in (0, 1) and hits["d"] == 0
    assert hand.problems() == []


def test_what_is_settled_by_hand_keeps_those_of_the_side_that_was_taken(hand, connection):
    for side, vector in ("theirs", NORTH), ("ours", WEST):
        hand.write(put("a", "a", EAST))
        hand.fork(side)
        hand.write(put("a", f"theirs {side}", NORTH), branch=side)
        hand.write(put("a", f"ours {side}", WEST))
        hand.merge(side, sides={"a": side})
        assert told(near(connection, vector, at_least=hand.head())) == [("a", 1)]


def test_a_mark_of_quarantine_leaves_them(hand, connection):
    written = hand.write(put("a", "a", EAST))
    head = hand.do(bus.Quarantine(revisions=[written], reason="odd"))
    assert told(near(connection, EAST, at_least=head)) == [("a", 1)]


def test_what_expires_is_found_no_more(hand, connection):
    hand.write(put("a", "a", EAST, expires_after_ms=1), put("b", "b", EAST))
    eventually(lambda: "a" not in connection.get("a"), what="expiry")
    assert told(near(connection, EAST, at_least=hand.head())) == [("b", 1)]


# ---- What is refused


WRONG = {
    "no name": [sent([EAST], "")], "zeroes": [sent([EAST, [0, 0]])], "no number": [sent([[float("nan"), 1]])],
    "no end": [sent([[1, float("-inf")]])], "nothing": [memory.SpaceVectors(space=SPACE, dimensions=2)],
    "ragged": [memory.SpaceVectors(space=SPACE, dimensions=2, values=[1, 2, 3])], "no dimensions": [memory.SpaceVectors(space=SPACE, values=[1])],
    "too long": [sent([[1.0] * 8193])], "too many": [sent([[1.0]] * 1001)], "doubled": [sent([EAST]), sent([NORTH])],
    "too many spaces": [sent([EAST], f"s{number}") for number in range(17)],
    "a long name": [sent([EAST], "x" * 257)], "too many in all": [sent([[1.0]] * 501, "one"), sent([[1.0]] * 500, "two")]}


@pytest.mark.parametrize("vectors", WRONG.values(), ids=WRONG)
def test_bad_vectors_are_refused_and_nothing_is_written(hand, connection, vectors):
    wrong = memory.Change(key="b", put=memory.Put(value=b"b", kind="text", vectors=vectors))
    refused = refusal(lambda: hand.write(put("a", "a", EAST), wrong))
    assert refused.code in (errors.INVALID_ARGUMENT, errors.LIMIT_EXCEEDED)
    assert hand.head() == 0 and connection.get("a", "b") == {}
    assert told(near(connection, EAST, at_least=hand.write(put("c", "c", EAST)))) == [("c", 1)]


def test_a_question_is_of_the_dimensions_that_are_there(hand, connection):
    head = hand.write(put("a", "a", EAST), put("b", "b", [1, 2, 3], space="other"))
    for wrong in ([1.0], [1, 2, 3], [0, 0], [], [float("inf"), 1], [1.0] * 8193):
        assert refusal(lambda: near(connection, wrong, at_least=head)).code == errors.INVALID_ARGUMENT
    assert refusal(lambda: near(connection, EAST, space="")).code == errors.INVALID_ARGUMENT
    assert refusal(lambda: near(connection, EAST, meaning=bus.Search.NEVER)).code == errors.INVALID_ARGUMENT
    assert told(near(connection, [9.0], space="nobody's")) == []
    # Where the old ones are gone, others may come.
    head = hand.write(put("a", "a", [1, 0, 0]))
    assert told(near(connection, [1, 0, 0], at_least=head)) == [("a", 1)] and told(near(connection, EAST, at=1)) == [("a", 1)]
    assert refusal(lambda: near(connection, EAST, at=head)).code == errors.INVALID_ARGUMENT


def test_the_same_vector_stands_in_each_space_that_it_was_sent_in(hand, connection, broker):
    changes = [put(key, key) for key in "ab"]
    for change in changes:
        change.put.vectors.extend([sent([EAST], "one"), sent([EAST], "two")])
    head = hand.write(*changes)
    for space in ("one", "two"):
        assert told(near(connection, EAST, space=space, at_least=head)) == [("a", 1), ("b", 1)]
    broker.restart()
    assert told(near(connection, EAST, space="two", at_least=head)) == [("a", 1), ("b", 1)]


def test_names_of_spaces_that_are_made_up_take_no_room_without_end(hand, connection, broker):
    for start in range(0, 100, 10):
        change = put(f"v/{start}", "")
        change.put.vectors.extend(sent([[1.0] * 384], f"space {number}") for number in range(start, start + 10))
        head = hand.write(change)
    assert told(near(connection, [1.0] * 384, space="space 7", at_least=head)) == [("v/0", pytest.approx(1))]
    refused = refusal(lambda: near(connection, [1.0] * 384, space="space 99"))
    assert refused.code == errors.LIMIT_EXCEEDED and "64" in refused.error.message
    files = list(Path(broker.data).glob("space-*.rows"))
    assert len(files) == 64 and sum(file.stat().st_size for file in files) < 16 << 20


def test_what_only_rounding_holds_near_ends_no_broker(hand, connection, broker):
    head = hand.write(put("a", "", [1e-20, 1.0]), put("b", "", WEST))
    assert [(hit.key, round(hit.score, 4)) for hit in near(connection, EAST, at_least=head).hits] == [("a", 0), ("b", -.5)]
    assert broker.is_running()


def test_a_merge_leaves_what_one_side_has_dropped(hand, connection):
    hand.write(put("k", "x", EAST))
    hand.fork("trial")
    hand.write(put("k", "x"))
    hand.write(put("k", "x", EAST, attributes=[memory.Attribute(name="a", value="b")]), branch="trial")
    hand.merge("trial")
    assert told(near(connection, EAST, at_least=hand.head())) == []


def test_a_patch_that_leaves_the_value_leaves_its_vectors(hand, connection):
    hand.write(put("k", '{"a":1}', EAST, kind="json"))
    head = hand.write(memory.Change(key="k", merge_patch=b"{}"))
    assert told(near(connection, EAST, at_least=head)) == [("k", 1)]


def test_a_retried_put_with_other_vectors_is_another_payload(clients, connection):
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session

    def transact(vector):
        work = memory.Transaction(branch="main", changes=[put("a", "a", vector)])
        return connection.exchange(request(instance=connection.instance, transact=bus.Transact(
            session=session, number=1, transaction=work)))

    first = transact(EAST)
    assert first.outcome.committed
    assert transact(NORTH).error.code == errors.NUMBER_REUSED
    assert transact(EAST).outcome == first.outcome
    assert told(near(connection, EAST, at_least=first.outcome.position.revision)) == [("a", 1)]


# ---- Keeping them


def offline(*arguments, check=True):
    ended = subprocess.run([membus(), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert not check or ended.returncode == 0, ended.stderr
    return ended


def test_a_backup_has_them_and_a_restored_store_answers_the_same(hand, connection, broker, tmp_path):
    dice = random.Random(3)
    known = {f"v/{number}": [drawn(dice, 16)] for number in range(200)}
    head = hand.write(*[put(key, "", *vectors) for key, vectors in known.items()])
    question = drawn(dice, 16)
    before = told(near(connection, question, limit=300, at_least=head))
    run(broker, "backup", str(tmp_path / "backup.db"))
    offline("restore", tmp_path / "backup.db", "--data", tmp_path / "other")
    with Broker(tmp_path / "other") as other:
        again = Connection(other.url, timeout=60)
        assert told(near(again, question, limit=300, at_least=head)) == before
        again.close()
        assert run_json_lines(other, "verify")[0]["problems"] == []


def test_what_compaction_drops_gives_its_room_back(hand, connection, broker):
    def rows():
        (file,) = Path(broker.data).glob("space-*.db")
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM vectors").fetchone()[0]

    dice = random.Random(6)
    for _ in range(4):
        keep = {f"v/{number}": [drawn(dice, 64)] for number in range(900)}
        head = hand.write(*[put(key, "", *vectors) for key, vectors in keep.items()])
    question = drawn(dice, 64)
    before = told(near(connection, question, limit=900, at_least=head))
    assert rows() == 3600
    connection.call(request(compact=bus.Compact(below=head)), patience=60)
    eventually(lambda: index(connection).versions <= 900 or made_anew(broker, connection), what="an index without them")
    made_anew(broker, connection)
    assert told(near(connection, question, limit=900, at_least=head)) == before
    assert rows() == 900
    broker.restart()
    assert told(near(connection, question, limit=900, at_least=head)) == before


def test_verify_notices_a_vector_that_was_changed_behind_the_brokers_back(hand, broker):
    hand.write(put("a", "a", EAST), put("b", "b", NORTH))
    assert hand.problems() == []
    assert broker.stop() == 0
    with sqlite3.connect(Path(broker.data) / "membus.db") as db:
        (whole,) = db.execute("SELECT vectors FROM changes WHERE key = 'a'").fetchone()
        changed = db.execute("UPDATE changes SET vectors = ? WHERE key = 'a'", [whole[:-4] + b"\0\0\x80\x3f"]).rowcount
    db.close()
    assert changed == 1
    assert json.loads(offline("verify", "--data", broker.data, "--json", check=False).stdout)["problems"]
    with sqlite3.connect(Path(broker.data) / "membus.db") as db:
        db.execute("UPDATE changes SET vectors = NULL WHERE key = 'a'")
    db.close()
    assert json.loads(offline("verify", "--data", broker.data, "--json", check=False).stdout)["problems"]
    with sqlite3.connect(Path(broker.data) / "membus.db") as db:
        db.execute("UPDATE changes SET vectors = ? WHERE key = 'a'", [whole])
    db.close()
    assert json.loads(offline("verify", "--data", broker.data, "--json").stdout)["problems"] == []


# ---- The command line


def test_the_command_line_sends_and_asks(broker, tmp_path):
    file, asked = tmp_path / "vectors.json", tmp_path / "question.json"
    file.write_text(json.dumps({"mine": [EAST, NORTH], "other": [[1, 2, 3]]}))
    asked.write_text(json.dumps(NORTH))
    run(broker, "put", "plans/paris", "night train", "--vectors", str(file))
    hits = run_json_lines(broker, "search", "--space", "mine", "--vector", str(asked))
    assert hits[0]["key"] == "plans/paris" and hits[0]["cosine"] == 1
    written = run_json_lines(broker, "search", "train", "--space", "other", "--vector", "[3, 2, 1]")
    assert written[0]["cosine"] == pytest.approx(cosine([1, 2, 3], [3, 2, 1]), abs=1e-9)
    explained = run(broker, "search", "--space", "mine", "--vector", str(asked), "--explain").stdout
    assert explained.splitlines()[-1] == "        cosine 1.0000"
    assert "plans/paris@1" in run(broker, "recall", "--space", "mine", "--vector", "[1, 1]").stdout
    for wrong in (["search"], ["search", "--space", "mine"], ["search", "--space", "mine", "--vector", "[1, 2, 3]"], ["recall", "--vector", "[1]"]):
        assert run(broker, *wrong, check=False).returncode != 0
    file.write_text(json.dumps({"mine": [[1, 2], [1]]}))
    assert run(broker, "put", "plans/rome", "x", "--vectors", str(file), check=False).returncode != 0
    assert run(broker, "get", "plans/rome", check=False).returncode == 4

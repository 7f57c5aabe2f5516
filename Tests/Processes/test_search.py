"""Search of a real broker: held against an oracle (retrieval/oracle.py) at many (branch, R) of random histories, and by facts. By
hand, for longer:

    MEMBUS_HISTORIES=1000 MEMBUS_SEED=1 python -m pytest -q Tests/Processes/test_search.py -k histories
"""

import os
import random
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import Asker, answer, index, indexed, keys, made_anew, search  # noqa: E402
from history import History  # noqa: E402
from membus_client import Refused, request  # noqa: E402
from membus_protos import bus, errors  # noqa: E402
from processes import PATIENCE, ROOT, Broker, eventually  # noqa: E402
from vocabulary import prose  # noqa: E402
from writing import delete, head, on, put  # noqa: E402

SEED = int(os.environ.get("MEMBUS_SEED", "1"))
HISTORIES = int(os.environ.get("MEMBUS_HISTORIES", "12"))


@pytest.fixture
def session(clients):
    return clients.session("ada", timeout=60)


@pytest.fixture
def connection(session):
    return session.connection


def refusal(connection, question, **fields):
    with pytest.raises(Refused) as refused:
        search(connection, question, **fields)
    assert refused.value.error.message and refused.value.error.hint, refused.value.error
    return refused.value


# ---- Against the oracle


@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_in_random_histories_every_answer_is_the_oracles(tmp_path, seed):
    broker = Broker(tmp_path / "data")
    broker.start()
    history = History(broker, random.Random(seed))
    try:
        for number in range(120):
            history.step()
            if number % 12 == 11:
                history.ask()
        history.reindex()
        history.ask(states=12)
    except BaseException:
        print(f"replay: MEMBUS_SEED={seed} MEMBUS_HISTORIES=1 python -m pytest -q Tests/Processes/test_search.py -k histories")
        print("what happened:", *history.trail[-60:], sep="\n  ")
        raise
    finally:
        history.close()
        broker.stop()


def paragraphs():
    """English that people wrote, among commands and names: the README's."""
    text = (ROOT / "README.md").read_text()
    return [part for part in re.split(r"\n\s*\n", text) if part.strip()]


def test_of_plain_english_every_answer_is_the_oracles(session, connection):
    said = paragraphs()
    for start in range(0, len(said), 50):
        part = list(enumerate(said))[start:start + 50]
        revision = head(session, *[put(f"readme/p{number}", text) for number, text in part])
    history = bus.Log(ascending=True, limit=10_000)
    commits = {commit.info.revision: commit.info for commit in connection.call(request(log=history)).log.commits}
    asker, dice = Asker(connection, commits), random.Random(5)
    state, records = asker.state("main", revision)
    for _ in range(100):
        taken = re.findall(r"\w+", dice.choice(said)) or ["commit"]
        start = dice.randrange(len(taken))
        asker.same(state, records, "main", revision, " ".join(taken[start:start + dice.randint(3, 8)]), explain=True)


# ---- Facts: states


def test_what_is_written_is_found_by_its_words_and_its_names(session, connection):
    revision = head(
        session, put("plans/lisbon", "Night trains leave at nine"), put("visits", "5", kind="counter"),
        put("facts/ada", '{"likes": "mathematics"}', kind="json"), message="why it matters")
    asked = {
        "train": "plans/lisbon", "lisbon": "plans/lisbon", "mathematics": "facts/ada", "likes": "facts/ada", "visits": "visits",
        "likes:mathematics": "facts/ada", '"night trains"': "plans/lisbon", "mathem*": "facts/ada", "key:visits": "visits"}
    assert {question: keys(connection, question, at_least=revision) for question in asked} == {
        question: [key] for question, key in asked.items()}
    assert sorted(keys(connection, "message:matters")) == ["facts/ada", "plans/lisbon", "visits"]
    assert keys(connection, "5") == [] == keys(connection, "matters")


def test_the_same_is_answered_for_the_same_revision_a_thousand_commits_later(session, connection):
    dice = random.Random(3)
    for number in range(30):
        revision = head(session, put(f"talk/D1:{number}", prose(dice, 12)), put(f"notes/{number}", prose(dice, 30)))
    questions = ["train tickets", '"the train"', "plan* lisbon", "talk", "key:notes river", "of and"]
    before = [answer(search(connection, question, at=revision, limit=100, passages=True)) for question in questions]
    numbers = [session.submit(on("main", *[
        put(f"talk/D1:{dice.randrange(60)}", prose(dice, 12)), delete(f"notes/{dice.randrange(30)}")])) for _ in range(1000)]
    session.wait(numbers[-1], 60)
    again = [answer(search(connection, question, at=revision, limit=100, passages=True)) for question in questions]
    assert again == before
    assert [answer(search(connection, question, limit=100, passages=True)) for question in questions] != before


def test_a_fork_shows_what_its_parent_had_and_its_own_alone(session, connection):
    old = head(session, put("a", "red train"), put("b", "red bus"))
    session.wait(session.submit(bus.Fork(name="trial")))
    session.transact(put("a", "green train"), put("c", "red boat"))
    session.wait(session.submit(on("trial", delete("b"), put("d", "red kite"))))
    newest = session.wait(session.submit(bus.Fork(name="deeper", parent="trial"))).position.revision
    for branch in ("trial", "deeper"):
        assert sorted(keys(connection, "red", branch=branch, at_least=newest)) == ["a", "d"]
    assert sorted(keys(connection, "red")) == ["b", "c"]
    assert sorted(keys(connection, "red", at=old)) == ["a", "b"]
    assert keys(connection, "green", branch="trial") == []


def test_a_branch_that_is_not_there_and_a_revision_that_is_none_are_refused(session, connection):
    for number in range(4):
        revision = head(session, put("a", f"train {number}"))
    assert refusal(connection, "train", branch="never").code == errors.UNKNOWN_BRANCH
    assert refusal(connection, "train", at=revision + 1000).code == errors.BEYOND_HEAD
    connection.call(request(compact=bus.Compact(below=3)))
    assert refusal(connection, "train", at=1).code == errors.BELOW_FLOOR
    assert keys(connection, "train", at=3) == ["a"]


def test_versions_that_compaction_drops_are_in_no_index_that_is_made_anew(broker, session, connection):
    for number in range(50):
        revision = head(session, put("a", f"train word{number}"))
    assert indexed(connection, revision).versions == 50
    connection.call(request(compact=bus.Compact(below=revision)))

    def is_one():
        made_anew(broker, connection)
        return index(connection).versions == 1
    eventually(is_one, what="an index of one version")
    assert keys(connection, "train") == ["a"] and keys(connection, "word7") == []


def test_what_has_expired_is_no_hit_and_counts_for_nothing(session, connection):
    session.transact(put("stays", "train"), put("goes", "train", expires_after_ms=1))
    eventually(lambda: "goes" not in connection.get("goes"), what="expiry")
    revision = head(session, put("other", "boat"))
    page = search(connection, "train", at_least=revision)
    assert [hit.key for hit in page.hits] == ["stays"] and page.records == 2


def test_records_of_the_broker_are_no_hits(session, connection):
    rule = '{"topic": "plans/", "kind": "json", "policy": "newest"}'
    revision = head(session, put(".membus/policies/plans", rule, kind="json"), put("a", "newest plans"))
    page = search(connection, "newest policies", at_least=revision)
    assert [hit.key for hit in page.hits] == ["a"] and page.records == 1


def test_a_long_value_is_found_by_its_best_passage(session, connection):
    filler = "This sentence says nothing of any interest to anybody at all. " * 40
    revision = head(session, put("long", filler + "The heron nests at the river. " + filler))
    hit, = search(connection, "heron", at_least=revision, passages=True).hits
    assert "heron" in hit.passage.text and hit.passage.count > 5
    assert 0 < hit.passage.number < hit.passage.count - 1
    assert len(hit.passage.text.split()) <= 150


def test_no_phrase_reaches_from_one_string_of_a_json_into_the_next(session, connection):
    revision = head(session, put("a", '{"from": "night train", "to": ["river boat", "old bridge"]}', kind="json"))
    assert keys(connection, '"night train"', at=revision) == keys(connection, '"old bridge"', at=revision) == ["a"]
    assert keys(connection, '"train river"', at=revision) == keys(connection, '"boat old"', at=revision) == []


def test_pages_of_an_answer_follow_each_other(session, connection):
    revision = head(session, *[put(f"n/{number:03}x", "train " * (number % 7 + 1)) for number in range(100)])
    whole = keys(connection, "train", at=revision, limit=1000)
    assert len(whole) == 100
    pages = [keys(connection, "train", at=revision, limit=7, offset=offset) for offset in range(0, 105, 7)]
    assert sum(pages, []) == whole
    assert keys(connection, "train", at=revision, offset=100) == []
    assert len(keys(connection, "train", at=revision)) == 10
    assert refusal(connection, "train", limit=1001).code in (errors.LIMIT_EXCEEDED, errors.INVALID_ARGUMENT)


def test_topics_limit_hits_and_not_what_a_word_is_worth(session, connection):
    revision = head(session, *[put(f"a/{name}", "train") for name in "xyz"], put("b/x", "train river"), put("b/y", "boat"))
    whole = search(connection, "train river", at=revision, explain=True)
    part = search(connection, "train river", at=revision, topics=["b/"], explain=True)
    assert [hit.key for hit in part.hits] == ["b/x"] and part.found == 1
    assert list(part.terms) == list(whole.terms) and part.records == whole.records == 5


# ---- Facts: bad questions


BROKEN = {
    "nothing": "", "spaces": "   ", "an open quote": '"unbalanced train', "a quote": 'train "', "a lone star": "*",
    "a lone star later": "train *", "a word of 1 MB": "a" * (1 << 20), "1 MB of words": "train " * 200_000,
    "1 MB of no words": "\ufffd" * 400_000}


@pytest.mark.parametrize("question", BROKEN.values(), ids=BROKEN)
def test_a_broken_question_is_refused_with_what_to_do(session, connection, question):
    revision = head(session, put("a", "train"))
    assert refusal(connection, question).code in (errors.INVALID_ARGUMENT, errors.LIMIT_EXCEEDED, errors.MALFORMED)
    assert keys(connection, "train", at_least=revision) == ["a"]


ODD = [
    "nothing:train", "train\0boat", "\0", "?!", "🚂", "((((", "train OR NOT NEAR(", "a:b:c", ":", ":train", "'; DROP TABLE x; --",
    "^train", "-", '""', "x" * 60_000, "train " * 5_000, "é" * 1000, "\u202etrain", "%s%n", "train~2", "field:*", "a/" * 30_000,
    " ".join(f"w{number}" for number in range(8000)), " ".join(f'"a w{number}"' for number in range(5000)),
    " ".join(f"w{number}*" for number in range(8000))]


@pytest.mark.parametrize("question", ODD, ids=lambda question: ascii(question[:12]))
def test_an_odd_question_is_answered_or_refused_and_harms_nothing(session, connection, question):
    revision = head(session, put("a", "train"))
    begun = time.monotonic()
    try:
        search(connection, question, at_least=revision)
    except Refused as refused:
        assert refused.code in (errors.INVALID_ARGUMENT, errors.LIMIT_EXCEEDED) and refused.error.hint, refused
    assert time.monotonic() - begun < 3 * PATIENCE, "others wait meanwhile"
    assert keys(connection, "train") == ["a"]


def test_an_unknown_field_has_no_hits(session, connection):
    revision = head(session, put("a", "train"))
    page = search(connection, "colour:train", at_least=revision)
    assert not page.hits and page.found == 0


def test_vectors_are_not_asked_of_a_broker_without_a_model(session, connection):
    revision = head(session, put("a", "train"))
    if index(connection).model:
        pytest.skip("this broker has a model")
    assert refusal(connection, "train", meaning=bus.Search.ALWAYS).code == errors.INVALID_ARGUMENT
    page = search(connection, "train", meaning=bus.Search.WHERE_COMPLETE, at_least=revision)
    assert [hit.key for hit in page.hits] == ["a"] and not page.meaning

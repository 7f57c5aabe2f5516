"""The index of a real broker: how far it is, who waits for it, and that kills and damage change no answer."""

import random
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import answer, index, indexed, keys, made_anew, search  # noqa: E402
from history import History  # noqa: E402
from membus_client import Connection, request  # noqa: E402
from membus_protos import bus, errors  # noqa: E402
from processes import PATIENCE, eventually  # noqa: E402
from vocabulary import prose  # noqa: E402
from writing import delete, head, on, put  # noqa: E402


@pytest.fixture
def session(clients):
    return clients.session("ada", timeout=60)


@pytest.fixture
def connection(session):
    return session.connection


# ---- Facts: how far the index is


def test_a_search_waits_for_the_revision_that_it_is_to_know(session, connection):
    for number in range(20):
        numbers = [session.submit(on("main", *[put(f"many/{number}/{each}", "filler text " * 20)]))
                   for each in range(50)]
        session.wait(numbers[-1])
        revision = head(session, put("newest", f"token{number}"))
        page = search(connection, f"token{number}", at_least=revision)
        assert [hit.key for hit in page.hits] == ["newest"] and page.at.revision >= revision and page.indexed >= revision


def test_a_revision_that_never_comes_is_waited_for_until_the_deadline_alone(session, connection):
    revision = head(session, put("a", "train"))
    begun = time.monotonic()
    asked = bus.Search(branch="main", question="train", at_least=revision + 1_000_000)
    reply = connection.exchange(request(deadline_ms=700, search=asked), timeout=20)
    assert reply.error.code in (errors.NOT_YET_VISIBLE, errors.DEADLINE_EXCEEDED, errors.BEYOND_HEAD), reply
    assert time.monotonic() - begun < 5
    assert keys(connection, "train") == ["a"]


def test_status_tells_how_far_the_index_is(session, connection):
    revision = head(session, put("a", "train"), put("b", "x " * 400))
    figures = indexed(connection, revision)
    assert figures.versions == 2 and figures.passages == 4 and figures.bytes > 0 and figures.fault == "", figures


def test_nothing_is_said_again_while_nothing_of_it_changes(session, connection):
    revision = head(session, put("a", "train"), put("b", "boat"))
    assert search(connection, "train", at_least=revision).unchanged is False
    page = search(connection, "train", since=revision)
    assert page.unchanged and not page.hits
    other = head(session, put("b", "another boat"))
    assert search(connection, "train", since=revision, at_least=other).unchanged
    newer = head(session, put("c", "night train"))
    page = search(connection, "train", since=revision, at_least=newer)
    assert not page.unchanged and {hit.key for hit in page.hits} == {"a", "c"}
    gone = head(session, delete("a"))
    page = search(connection, "train", since=newer, at_least=gone)
    assert not page.unchanged and [hit.key for hit in page.hits] == ["c"]


# ---- Facts: damage, kills


QUESTIONS = ["train tickets", '"the train" ada', "plan* lisbon", "talk", "key:notes river", "camelCase snake_case",
             "author:ada paris"]


def filled(broker, seed=7, commits=150):
    """-> (Connection, Session, newest revision): some history, on two branches."""
    history = History(broker, random.Random(seed))
    for _ in range(commits):
        history.edit()
        if len(history.branches) < 4:
            history.fork()
    history.look()
    return history


def answers(history, connection):
    return [answer(search(connection, question, branch=branch.name, at=at, limit=100, passages=True))
            for question in QUESTIONS for branch in history.branches
            for at in (history.head, max(branch.created, history.head // 2)) if at >= 1]


def test_a_killed_broker_answers_as_an_index_that_is_made_anew(broker):
    dice, history = random.Random(11), filled(broker)
    for _ in range(5):
        session = history.sessions[0]
        for _ in range(200):
            session.submit(on("main", *[put(f"talk/s1/D1:{dice.randrange(40)}", prose(dice, 20))]))
        history.connection.pump(dice.random() * .3)
        broker.restart()
        session.wait(session.last, 60)
    history.look()
    before = answers(history, history.connection)
    assert made_anew(broker, history.connection) > 0
    assert answers(history, history.connection) == before
    history.close()


def test_a_broker_that_ended_well_goes_on_with_its_index(broker):
    history = filled(broker)
    before = answers(history, history.connection)
    assert broker.stop() == 0
    broker.start()
    assert answers(history, history.connection) == before
    history.close()


def index_files(broker):
    """The files beside the store that are the index's: by their names."""
    found = [path for path in Path(broker.data).rglob("*") if path.is_file() and re.search(r"index|search", path.name)]
    assert found, f"no index among {sorted(path.name for path in Path(broker.data).iterdir())}"
    return found


def remove(path, dice):
    path.unlink()


def cut_short(path, dice):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path, dice):
    path.write_bytes(b"")


def garble(path, dice):
    path.write_bytes(dice.randbytes(max(path.stat().st_size, 5000)))


def garble_a_part(path, dice):
    """A page in the middle, so that all looks well at first."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for start in range(4096, size, 4096):
            if dice.random() < .5:
                file.seek(start)
                file.write(dice.randbytes(min(4096, size - start)))


@pytest.mark.parametrize("damage", [remove, cut_short, empty, garble, garble_a_part])
def test_an_index_that_is_damaged_is_made_anew(broker, damage):
    history, dice = filled(broker), random.Random(2)
    before = answers(history, history.connection)
    assert broker.stop() == 0
    for path in index_files(broker):
        damage(path, dice)
    broker.start()
    assert answers(history, history.connection) == before
    assert index(history.connection).fault == ""
    history.close()


def test_what_was_deleted_is_no_hit_though_compaction_was_there_before_the_index(broker, session, connection):
    dice = random.Random(6)
    session.transact(put("gone", "heron"))
    for batch in range(200):
        session.submit(on("main", *[put(f"n/{batch}/{each}x", prose(dice, 45)) for each in range(100)]))
    revision = head(session, delete("gone"), timeout=120)
    assert keys(connection, "heron", at_least=revision) == []
    # While a new one is on its way from the put to the deletion.
    connection.call(request(deadline_ms=60_000, reindex=bus.Reindex()))
    connection.call(request(compact=bus.Compact(below=revision)))
    eventually(lambda: not list(Path(broker.data).glob("*.new")), 120, "the new index in the place of the old one")
    for _ in range(2):
        page = search(connection, "heron", at=revision)
        assert not page.hits and page.records == 20_000
        broker.restart()


def test_commits_go_on_while_the_index_is_made_anew(broker, session, connection):
    dice = random.Random(4)
    for batch in range(100):
        session.submit(on("main", *[put(f"n/{batch}/{each}x", prose(dice, 45)) for each in range(100)]))
    session.wait(session.last, 120)
    asker = Connection(broker.url, timeout=60)
    asker.send(request(deadline_ms=60_000, reindex=bus.Reindex()), lambda reply: None)
    slowest = 0.0
    for number in range(100):
        begun = time.monotonic()
        session.transact(put("busy", str(number)))
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 2
    revision = head(session, put("last", "heron"))
    assert keys(connection, "heron", at_least=revision) == ["last"]
    asker.close()


def test_a_question_of_thousands_of_phrases_holds_up_nobody(broker, session, connection):
    for batch in range(20):
        session.submit(on("main", *[put(f"n/{batch}/{each}x", "train " * 40 + f"w{each}") for each in range(250)]))
    session.wait(session.last, 120)
    revision = head(session, put("other", "heron"))
    assert keys(connection, "heron", at_least=revision) == ["other"]
    heavy = bus.Search(branch="main", question=" ".join(f'"train train w{number}"' for number in range(2500)))
    answers = []
    connection.send(request(deadline_ms=1000, search=heavy), answers.append)
    begun = time.monotonic()
    other = Connection(broker.url, timeout=60)
    assert keys(other, "heron") == ["other"]
    assert time.monotonic() - begun < 5 * PATIENCE, "others wait meanwhile"
    other.close()
    assert broker.stop() == 0

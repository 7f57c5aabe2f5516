"""Search by words and meaning, of a real broker with a model: what vectors add, and that nothing else changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import embedded, index, made_anew, recall, search  # noqa: E402
from membus_client import Connection, Session  # noqa: E402
from membus_protos import bus  # noqa: E402
from processes import Broker, eventually, membus  # noqa: E402
from writing import delete, head, put  # noqa: E402

MODEL = Path(__file__).parents[2] / ".build/model"
MEANT = {"meaning": bus.Search.ALWAYS}
TEXTS = {
    "plans/train": "We take the night train to Paris",
    "plans/flight": "The plane to Rome leaves on Friday morning",
    "pets/dog": "The dog sleeps all day long",
    "pets/cat": "A kitten plays with a ball of wool",
    "food/soup": "Boil the carrots and the onions for an hour",
    "work/bug": "The server crashes when the disk is full",
    "count": "",
}
QUESTIONS = ["railway journey", "puppy", "cooking vegetables", "the night", "a computer fails", "kitten", "aircraft to Italy"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    assert (MODEL / "model.safetensors").exists(), f"no model in {MODEL}: run ./deploy/packages --tests"
    packed = tmp_path_factory.mktemp("model") / "packed.membus"
    subprocess.run([membus(), "model", "fetch", "--from", MODEL, "--to", packed], check=True, capture_output=True)
    return packed


@pytest.fixture
def broker(tmp_path, model, monkeypatch):
    monkeypatch.setenv("MEMBUS_MODEL", str(model))
    broker = Broker(tmp_path / "data")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def session(clients):
    return clients.session("ada", timeout=60)


@pytest.fixture
def connection(session):
    return session.connection


@pytest.fixture
def library(session, connection):
    revision = head(session, *[put(key, text) for key, text in TEXTS.items()])
    embedded(connection, at_least=revision)
    return revision


def best(connection, question, **fields):
    return search(connection, question, **{**MEANT, **fields}).hits[0].key


@pytest.mark.parametrize("question, key", [
    ("railway journey to France", "plans/train"), ("puppy", "pets/dog"), ("cooking vegetables", "food/soup"),
    ("a computer fails", "work/bug"), ("aircraft to Italy", "plans/flight")])
def test_what_means_the_same_in_other_words_is_found(connection, library, question, key):
    assert best(connection, question) == key
    assert key not in [hit.key for hit in search(connection, question).hits], "words alone find it, too"


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_score_is_of_words_over_the_best_and_half_of_the_cosine_over_the_best(connection, library, question):
    page = search(connection, question, limit=100, **MEANT)
    assert page.meaning and page.found == len(page.hits)
    words = max((hit.words for hit in page.hits), default=0) or 1
    cosine = max(hit.cosine for hit in page.hits)
    for hit in page.hits:
        assert hit.score == pytest.approx(hit.words / words + .5 * max(hit.cosine, 0) / cosine, abs=1.01e-4)
    assert [(-hit.score, hit.key) for hit in page.hits] == sorted((-hit.score, hit.key) for hit in page.hits)
    alone = {hit.key: hit.words for hit in search(connection, question, limit=100).hits}
    assert alone == {hit.key: hit.words for hit in page.hits if hit.words}, "meaning changes what words give"


def test_meaning_takes_part_by_itself_once_every_passage_has_a_vector(connection, library):
    page = search(connection, "puppy", meaning=bus.Search.WHERE_COMPLETE)
    assert page.meaning and page.hits[0].key == "pets/dog"
    assert not search(connection, "puppy", meaning=bus.Search.NEVER).meaning


def test_a_vector_is_of_what_a_state_shows(session, connection, library):
    changed = head(session, put("pets/dog", "The lawyer reads the contract"))
    embedded(connection, at_least=changed)
    assert best(connection, "attorney") == "pets/dog"
    assert best(connection, "attorney", at=library) != "pets/dog", "a later text counts in an earlier state"
    assert best(connection, "puppy", at=library) == "pets/dog"
    cosines = {hit.key: hit.cosine for hit in search(connection, "puppy", limit=100, **MEANT).hits}
    assert cosines.get("pets/dog", 0) < .3, "the vector is of the text that was there before"


def test_what_is_deleted_counts_for_nothing(session, connection, library):
    gone = head(session, delete("pets/dog"))
    hits = search(connection, "puppy", limit=100, at_least=gone, **MEANT).hits
    assert "pets/dog" not in [hit.key for hit in hits]
    assert search(connection, "puppy", limit=100, at=library, **MEANT).hits[0].key == "pets/dog"


def test_a_scope_holds_for_meaning_too(connection, library):
    hits = search(connection, "railway journey", topics=["pets/"], limit=100, **MEANT).hits
    assert hits and all(hit.key.startswith("pets/") for hit in hits)


def test_pages_go_on_where_the_one_before_ended(connection, library):
    whole = [hit.key for hit in search(connection, "the night", limit=100, **MEANT).hits]
    paged = [hit.key for start in range(0, len(whole), 2)
             for hit in search(connection, "the night", limit=2, offset=start, at=library, **MEANT).hits]
    assert paged == whole


def test_kills_and_an_index_made_anew_change_no_answer(broker, clients, session, connection, library):
    def answers(connection):
        return [[(hit.key, hit.score) for hit in search(connection, question, limit=100, at=library, **MEANT).hits]
                for question in QUESTIONS]
    before = answers(connection)
    made_anew(broker, connection)
    assert answers(connection) == before
    broker.kill()
    broker.start()
    again = clients.connection(timeout=60)
    embedded(again)
    assert answers(again) == before


@pytest.mark.parametrize("damage", ["deleted", "rows cut", "rows flipped", "names overwritten"])
def test_damaged_vectors_are_made_again(broker, clients, connection, library, damage):
    before = [(hit.key, hit.score) for hit in search(connection, "puppy", limit=100, **MEANT).hits]
    broker.kill()
    data = Path(broker.data)
    if damage == "deleted":
        for file in data.glob("vectors.*"):
            file.unlink()
    elif damage == "rows cut":
        os.truncate(data / "vectors.rows", 500)
    elif damage == "rows flipped":
        with open(data / "vectors.rows", "r+b") as file:
            file.seek(100)
            file.write(bytes(200))
    else:
        (data / "vectors.db").write_bytes(b"no database at all" * 500)
    broker.start()
    again = clients.connection(timeout=60)
    embedded(again)
    assert [(hit.key, hit.score) for hit in search(again, "puppy", limit=100, **MEANT).hits] == before


def test_a_model_that_comes_later_is_found(tmp_path, model, monkeypatch):
    place = tmp_path / "later.membus"
    monkeypatch.setenv("MEMBUS_MODEL", str(place))
    broker = Broker(tmp_path / "data")
    broker.start()
    connection = Connection(broker.url, timeout=60)
    try:
        session = Session(connection, "ada")
        head(session, put("pets/dog", TEXTS["pets/dog"]))
        assert not search(session.connection, "puppy", meaning=bus.Search.WHERE_COMPLETE).meaning
        draft = tmp_path / "draft"
        draft.write_bytes(model.read_bytes())
        draft.rename(place)
        eventually(lambda: index(session.connection).embedded == 1, timeout=30, what="a vector of the passage")
        assert best(session.connection, "puppy") == "pets/dog"
    finally:
        connection.close()
        broker.stop()


def test_a_damaged_model_is_told_and_words_go_on(tmp_path, model, monkeypatch):
    place = tmp_path / "damaged.membus"
    place.write_bytes(model.read_bytes()[:1_000_000])
    monkeypatch.setenv("MEMBUS_MODEL", str(place))
    broker = Broker(tmp_path / "data")
    broker.start()
    connection = Connection(broker.url, timeout=60)
    try:
        session = Session(connection, "ada")
        head(session, put("pets/dog", TEXTS["pets/dog"]))
        eventually(lambda: str(place) in index(session.connection).fault, what="the fault")
        assert [hit.key for hit in search(session.connection, "dog").hits] == ["pets/dog"]
    finally:
        connection.close()
        broker.stop()


def test_recall_counts_tokens_as_the_model_does(connection, library):
    told = recall(connection, "night train", unit=bus.Recall.TOKENS, budget=40)
    assert 0 < told.size <= 40 and "plans/train@" in told.block
    assert recall(connection, "night train", unit=bus.Recall.TOKENS, budget=1).block == ""

"""Search by meaning of a real broker whose vectors an endpoint makes: a good one, and those that are busy, hang or lie."""

import math
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import embedded, index, made_anew, search  # noqa: E402
from endpoint import FakeEndpoint  # noqa: E402
from membus_client import Refused, request  # noqa: E402
from membus_protos import bus  # noqa: E402
from processes import Broker, eventually, membus  # noqa: E402
from writing import head, put  # noqa: E402

ALWAYS = {"meaning": bus.Search.ALWAYS}
TOPICS = ["train rail", "dog puppy", "soup carrot", "server crash"]


def by_topic(text, dimensions):
    """What of four topics a text is about; what it is of none of, its last number tells."""
    vector = [float(any(word in text for word in words.split())) for words in TOPICS] + [0.01] * (dimensions - 4)
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector]


TEXTS = {
    "plans/train": "We take the night train", "pets/dog": "The dog sleeps", "food/soup": "Boil the soup",
    "work/bug": "The server is down", "none": "Nothing in particular",
}


@pytest.fixture
def endpoint():
    with FakeEndpoint(vector=by_topic) as endpoint:
        yield endpoint


@pytest.fixture
def broker(tmp_path, endpoint, monkeypatch):
    monkeypatch.setenv("MEMBUS_EMBEDDING_URL", endpoint.url)
    monkeypatch.setenv("MEMBUS_EMBEDDING_MODEL", "topical")
    monkeypatch.setenv("MEMBUS_EMBEDDING_KEY", "sk-secret")
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


@pytest.mark.parametrize("mode", ["normal", "shuffled", "base64", "large"])
def test_vectors_are_of_the_texts_that_they_belong_to_however_they_come(endpoint, session, connection, mode):
    endpoint.mode = mode
    revision = head(session, *[put(key, text) for key, text in TEXTS.items()])
    revision = head(session, *[put(f"more/{number}", f"train {number}") for number in range(70)])
    embedded(connection, at_least=revision)
    for question, key in [("puppy", "pets/dog"), ("carrot", "food/soup"), ("crash", "work/bug")]:
        page = search(connection, question, limit=5, **ALWAYS)
        assert page.meaning and page.hits[0].key == key, question
        assert page.hits[0].cosine == pytest.approx(1, abs=.01)
    assert "ada: The dog sleeps" in endpoint.texts, "what is embedded is who said it, and what"


def test_the_key_goes_to_the_endpoint_and_nowhere_else(endpoint, broker, connection, library):
    assert endpoint.requests[-1].headers["Authorization"] == "Bearer sk-secret"
    assert endpoint.requests[-1].body["model"] == "topical"
    assert "topical" in index(connection).model
    assert "sk-secret" not in index(connection).model
    endpoint.mode = "key"
    with pytest.raises(Refused, match="refused|401") as refused:
        search(connection, "rail", **ALWAYS)
    assert "sk-secret" not in str(refused.value)
    broker.stop()
    assert "sk-secret" not in "".join(broker.log)


def test_the_same_text_is_asked_for_once(endpoint, session, connection, library):
    before = len(endpoint.texts)
    revision = head(session, put("again", "The dog sleeps"))
    embedded(connection, at_least=revision)
    assert "ada: The dog sleeps" not in endpoint.texts[before:]
    for _ in range(3):
        search(connection, "puppy", **ALWAYS)
    assert endpoint.texts.count("puppy") == 1


@pytest.mark.parametrize("mode", [
    "busy", "unavailable", "hang", "dimensions", "mixed", "nan", "strings", "infinite", "zeros", "short", "twice", "beyond", "key",
    "model", "request", "failing", "midway", "closed", "html", "redirect", "flood"])
def test_an_endpoint_that_fails_leaves_words_and_is_told_of(endpoint, session, connection, library, mode):
    endpoint.mode = mode
    began = time.monotonic()
    page = search(connection, "dog", meaning=bus.Search.WHERE_COMPLETE)
    assert [hit.key for hit in page.hits] == ["pets/dog"] and not page.meaning
    assert time.monotonic() - began < 9, "a question waits for the endpoint for long"
    with pytest.raises(Refused, match="meaning: ") as refused:
        search(connection, "dog", **ALWAYS)
    assert "127.0.0.1" in str(refused.value), "it does not say which endpoint"
    assert "127.0.0.1" in index(connection).fault
    assert search(connection, "dog", meaning=bus.Search.NEVER).hits, "words are lost"
    # What is written meanwhile is found by its words at once.
    revision = head(session, put("new", "A parrot talks"))
    assert search(connection, "parrot", at_least=revision).hits[0].key == "new"


def test_a_busy_endpoint_is_left_alone_for_as_long_as_it_says_and_then_goes_on(endpoint, session, connection, library):
    endpoint.mode, endpoint.retry_after = "busy", "2"
    revision = head(session, put("new", "Another dog, a puppy still"))
    eventually(lambda: len([request for request in endpoint.requests if "puppy still" in str(request.body)]), what="a try")
    first = endpoint.requests[-1].time
    eventually(lambda: endpoint.requests[-1].time > first and endpoint.requests[-1].time, timeout=20, what="another try")
    assert endpoint.requests[-1].time - first >= 1.9
    endpoint.mode = "normal"
    embedded(connection, at_least=revision)
    eventually(lambda: not index(connection).fault, timeout=10, what="no fault any more")


def test_one_text_that_an_endpoint_refuses_holds_up_no_other(endpoint, session, connection, library):
    endpoint.mode, endpoint.poison = "text", "unspeakable"
    changes = [put(f"more/{number}", f"train {number}") for number in range(20)]
    revision = head(session, *changes, put("odd", "An unspeakable dog"), put("last", "a puppy"))
    page = embedded(connection, at_least=revision)
    assert page.embedded == 1
    hits = {hit.key: hit.cosine for hit in search(connection, "puppy", limit=50, **ALWAYS).hits}
    assert hits["last"] > .9 and not hits.get("odd")


def test_what_was_answered_is_not_asked_for_again_nor_what_was_refused(endpoint, broker, session, connection, library):
    endpoint.mode, endpoint.poison = "text", "unspeakable"
    before = len(endpoint.requests)
    texts = [f"train {number}" for number in range(64)]
    texts[20], texts[50] = "unspeakable dog", "an unspeakable puppy"
    embedded(connection, at_least=head(session, *[put(f"more/{number:02}", text) for number, text in enumerate(texts)]))
    answered = [
        text for request in endpoint.requests[before:] if not any("unspeakable" in text for text in request.texts)
        for text in request.texts if text != "hello"]
    assert len(answered) == 62 == len(set(answered))
    asked = len(endpoint.texts)
    made_anew(broker, connection)
    embedded(connection, at_least=head(session, put("again", "An unspeakable thing"), put("more/99", "unspeakable dog")))
    assert [text for text in endpoint.texts[asked:] if text not in ("hello", "ada: An unspeakable thing")] == []


def test_a_question_that_waits_for_its_endpoint_costs_nothing_meanwhile(endpoint, broker, connection, library):
    tasks = Path(f"/proc/{broker.process.pid}/task")
    searching = next(task for task in tasks.iterdir() if (task / "comm").read_text() == "membus-search\n")

    def turns():
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (searching / "status").read_text(), re.M)[1])

    endpoint.mode, told = "hang", []
    connection.send(request(search=bus.Search(question="dog", limit=3, **ALWAYS)), told.append)
    time.sleep(1)
    before = turns()
    time.sleep(2)
    assert not told and turns() - before < 60
    # It is told at once when the endpoint has failed.
    eventually(lambda: connection.pump(.1) or told, timeout=10, what="an answer")
    assert "meaning: " in told[0].error.message


def test_the_broker_stops_while_an_endpoint_hangs(endpoint, broker, session, connection, library):
    endpoint.mode = "hang"
    head(session, put("new", "A parrot talks"))
    eventually(lambda: "parrot" in str(endpoint.requests[-1].body), what="the request that hangs")
    began = time.monotonic()
    broker.stop()
    assert time.monotonic() - began < 3


def test_vectors_outlive_the_broker_but_not_a_change_of_model(endpoint, broker, connection, clients, library, monkeypatch):
    broker.kill()
    endpoint.requests.clear()
    broker.start()
    again = clients.session("bob", timeout=60).connection
    embedded(again, at_least=library)
    assert not [text for text in endpoint.texts if text.startswith("ada: ")], "they were made again"
    assert search(again, "puppy", **ALWAYS).hits[0].key == "pets/dog"
    broker.kill()
    monkeypatch.setenv("MEMBUS_EMBEDDING_MODEL", "another")
    endpoint.requests.clear()
    broker.start()
    embedded(clients.session("cy", timeout=60).connection, at_least=library)
    assert "ada: The dog sleeps" in endpoint.texts, "vectors of two models are mixed"


def test_an_endpoint_that_is_away_at_the_start_is_waited_for(tmp_path, endpoint, broker, session, connection):
    broker.kill()
    endpoint.mode = "closed"
    broker.start()
    revision = head(session, put("pets/dog", "The dog sleeps"))
    assert search(connection, "dog", at_least=revision).hits[0].key == "pets/dog"
    eventually(lambda: index(connection).fault, timeout=20, what="the fault")
    assert not index(connection).model
    endpoint.mode = "normal"
    embedded(connection, at_least=revision)


@pytest.mark.parametrize("variables, said", [
    ({"MEMBUS_EMBEDDING_URL": "ftp://x/v1", "MEMBUS_EMBEDDING_MODEL": "m"}, "MEMBUS_EMBEDDING_URL"),
    ({"MEMBUS_EMBEDDING_URL": "http://x/v1"}, "MEMBUS_EMBEDDING_MODEL is not"),
    ({"MEMBUS_EMBEDDING_URL": "http://x/v1", "MEMBUS_EMBEDDING_MODEL": "m", "MEMBUS_EMBEDDING_DIMENSIONS": "many"}, "no number"),
])
def test_settings_that_can_not_be_are_refused_at_the_start(tmp_path, monkeypatch, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [membus(), "serve", "--data", tmp_path / "data", "--listen", "tcp://127.0.0.1:*"], capture_output=True, text=True,
        timeout=20)
    assert done.returncode == 64 or done.returncode == 2, done.stderr
    assert re.search(said, done.stderr) and not (tmp_path / "data").exists()


def test_a_configuration_file_names_the_endpoint_and_the_file_of_its_key(tmp_path, endpoint, monkeypatch):
    endpoint.key = "sk-of-a-file"
    (tmp_path / "key").write_text("sk-of-a-file\n")
    (tmp_path / "config.json").write_text(
        '{"embedding": {"url": "%s", "model": "topical", "dimensions": 6, "keyFile": "%s"}}'
        % (endpoint.url, tmp_path / "key"))
    broker = Broker(tmp_path / "data", "--config", str(tmp_path / "config.json"))
    broker.start()
    try:
        eventually(lambda: endpoint.requests, timeout=20, what="a request")
        assert endpoint.requests[0].body["dimensions"] == 6
        assert endpoint.requests[0].headers["Authorization"] == "Bearer sk-of-a-file"
    finally:
        broker.stop()

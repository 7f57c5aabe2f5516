"""Records under `.membus/search/` say how the others are searched, by topic and kind. test_search.py holds random histories with such
records against the oracle; here is what each of them is for."""

import json
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import answer, indexed, keys, links, made_anew, recall, search  # noqa: E402
from membus_client import Refused  # noqa: E402
from membus_protos import bus, errors  # noqa: E402
from processes import eventually, membus, run, start  # noqa: E402
from writing import delete, head, link, on, put  # noqa: E402


@pytest.fixture
def session(clients):
    return clients.session("ada", timeout=60)


@pytest.fixture
def connection(session):
    return session.connection


def setting(name, topic, **said):
    return put(f".membus/search/{name}", json.dumps({"topic": topic, **said}), kind="json")


def ticket(key, **members):
    return put(key, json.dumps(members), kind="json")


def test_what_is_off_is_not_found_nor_counted_nor_a_neighbour(session, connection):
    records = [put("talk/1", "which train"), put("talk/2", "the night train leaves"), put("talk/3", "at nine"),
               put("logs/1", "train train train"), put("notes", "boat")]
    before = head(session, *records)
    after = head(session, setting("logs", "logs/", search="off"), setting("two", "talk/2", search="off"))
    page = search(connection, "train", at=after, explain=True)
    assert [hit.key for hit in page.hits] == ["talk/1"] and page.records == 3
    assert [term.passages for term in page.terms] == [1]
    assert search(connection, "train", at=before).records == 5
    # As if it were not there at all.
    session.transact(delete("logs/1"), delete("talk/2"))
    gone = head(session, delete(".membus/search/logs"), delete(".membus/search/two"))
    for question in ("train", "nine", "which train leaves at nine"):
        assert [(hit.key, hit.score, hit.words) for hit in search(connection, question, at=after).hits] == [
            (hit.key, hit.score, hit.words) for hit in search(connection, question, at=gone).hits]


def test_links_lead_to_what_is_off_and_recall_leaves_it_out(session, connection):
    session.transact(put("plan", "the night train", links=[link("logs/1"), link("hotel")]), put("logs/1", "train log"),
                     put("hotel", "near the river"))
    revision = head(session, setting("logs", "logs/", search="off"))
    for start in ("plan", "logs/1"):
        nodes = {node.key: node.revision > 0 for node in links(connection, start, at=revision, depth=1).nodes}
        assert nodes["plan"] and nodes["logs/1"], start
    told = recall(connection, "train", at=revision, budget=1000)
    assert [citation.key for citation in told.citations] == ["plan", "hotel"]


def test_the_answer_is_that_of_the_settings_at_its_revision_and_branch(session, connection):
    first = head(session, put("a/1", "train"), put("b/1", "train"))
    session.wait(session.submit(bus.Fork(name="trial")))
    set_ = head(session, setting("a", "a/", search="off"))
    session.wait(session.submit(on("trial", setting("b", "b/", search="off"))))
    newest = head(session, delete(".membus/search/a"))
    indexed(connection, newest)
    assert sorted(keys(connection, "train", at=first)) == ["a/1", "b/1"]
    assert keys(connection, "train", at=set_) == ["b/1"]
    assert sorted(keys(connection, "train")) == ["a/1", "b/1"] == sorted(keys(connection, "train", at=newest))
    assert keys(connection, "train", branch="trial") == ["a/1"]


def test_a_head_that_is_asked_again_and_again_follows_its_settings(session, connection):
    for number in range(5):
        on_ = head(session, put("a", f"train {number}"))
        assert keys(connection, "train", at_least=on_) == ["a"]
        off = head(session, setting("a", "a", search="off"))
        assert keys(connection, "train", at_least=off) == []
        changed = head(session, put("a", "train again"), put("b", f"train {number}"))
        assert keys(connection, "train", at_least=changed) == ["b"]
        session.transact(delete(".membus/search/a"), delete("b"))


def test_without_context_neighbours_do_not_count_for_whom_it_says_and_it_still_counts_for_them(session, connection):
    session.transact(put("talk/1", "which train"), put("talk/2", "at nine"), put("talk/3", "train number five"))
    before = head(session, put("other", "boat"))
    after = head(session, setting("one", "talk/1", context=False))
    score = {at: {hit.key: hit.words for hit in search(connection, "train nine", at=at).hits} for at in (before, after)}
    assert score[after]["talk/1"] < score[before]["talk/1"]
    alone = {hit.key: hit.shares for hit in search(connection, "nine train", at=after, explain=True).hits}
    assert alone["talk/1"][0] == 0 and alone["talk/2"][1] > 0 and alone["talk/3"][0] > 0


def test_words_of_members_that_are_not_named_count_for_nothing(session, connection):
    session.transact(
        ticket("tickets/1", title="Night train", body={"text": "leaves late", "raw": "boat boat boat"}, by="ada"),
        ticket("tickets/2", title="Boat", body={"text": "the train"}, by="train"))
    revision = head(session, setting("tickets", "tickets/", kind="json", fields=["title", "body.text"]))
    asked = {
        "boat": ["tickets/2"], "leaves": ["tickets/1"], '"night train"': ["tickets/1"], '"boat boat"': [], "bo*": ["tickets/2"],
        # By their names members are found all the same, and names as ever.
        "body.raw:boat": ["tickets/1"], "title:boat": ["tickets/2"], "key:tickets by:train": ["tickets/2", "tickets/1"]}
    assert {question: keys(connection, question, at=revision) for question in asked} == asked
    assert sorted(keys(connection, "raw", at=revision)) == ["tickets/1"], "a member's name"
    # Passages are as long as what counts: the same as if nothing else was there.
    session.transact(delete(".membus/search/tickets"))
    bare = head(session, ticket("tickets/1", title="Night train", body={"text": "leaves late"}),
                ticket("tickets/2", title="Boat", body={"text": "the train"}))
    words = [[(hit.key, hit.words) for hit in search(connection, "train", at=at).hits] for at in (revision, bare)]
    assert words[0] == words[1] and len(words[0]) == 2


def test_each_topic_has_fields_of_its_own_and_names_in_them_are_found_in_parts(session, connection):
    session.transact(ticket("a/1", code="parseHTTPRequest src/main.swift", title="train"),
                     ticket("b/1", code="parseHTTPRequest", title="train"), put("c/1", "train parseHTTPRequest"))
    revision = head(session, setting("a", "a/", fields=["code"]), setting("b", "b/", fields=["title"]))
    asked = {"train": ["b/1", "c/1"], "request": ["a/1", "c/1"], "main.swift": ["a/1"], "src/main.swift": ["a/1"], "pars*": ["a/1", "c/1"]}
    assert {question: sorted(keys(connection, question, at=revision)) for question in asked} == asked


def test_fields_are_exact_in_each_passage_of_a_long_value(session, connection):
    filler = "Nothing of interest is said here. " * 40
    revision = head(session, ticket("a", log=filler + "The heron nests.", title="heron " + filler))
    best, = search(connection, "log:heron", at=revision, passages=True).hits
    assert "nests" in best.passage.text
    best, = search(connection, "title:heron", at=revision, passages=True).hits
    assert best.passage.text.startswith("The heron nests") or "\nheron" in "\n" + best.passage.text
    only = head(session, setting("a", "a", fields=["log"]))
    best, = search(connection, "heron", at=only, passages=True).hits
    assert "nests" in best.passage.text


def test_the_longest_topic_wins_and_there_the_one_that_names_the_kind(session, connection):
    session.transact(
        put("logs/a", "train"), ticket("logs/b", text="train"), put("logs/keep/c", "train"), put("logs/drop/d", "train"),
        put("logs/one", "train"), put("logs/one/e", "train"), put("logs/ones", "train"), put("f", "train"))
    revision = head(
        session, setting("all", "/", search="off"), setting("logs", "logs/", search="on"),
        setting("json", "logs/", kind="json", search="off"), setting("keep", "logs/keep/", context=False),
        setting("drop", "logs/drop/", search="off"), setting("one", "logs/one", search="off"))
    assert sorted(keys(connection, "train", at=revision)) == ["logs/a", "logs/keep/c", "logs/one/e", "logs/ones"]


@pytest.mark.parametrize("said", ["{", "[]", '{"topic": "a/"}', '{"topic": "a/", "search": "of"}', '{"topic": "a/", "fields": "x"}',
                                  '{"topic": "a/", "context": 0}', '{"topic": "a/", "search": "off", "weight": 2}'])
def test_a_record_that_cannot_be_understood_refuses_the_search_by_its_name_and_nothing_else(session, connection, said):
    good = head(session, put("a", "train", links=[link("b")]))
    kind = "text" if said == "{" else "json"
    bad = head(session, put(".membus/search/x", said, kind=kind))
    for ask in (search, recall):
        fields = {"budget": 100} if ask is recall else {}
        with pytest.raises(Refused) as refused:
            ask(connection, "train", at_least=bad, **fields)
        assert refused.value.code == errors.INVALID_VALUE and refused.value.error.subject == ".membus/search/x"
        assert ".membus/search/x" in refused.value.error.message and refused.value.error.hint
    assert [node.key for node in links(connection, "a", at=bad).nodes][0] == "a"
    assert keys(connection, "train", at=good) == ["a"]
    assert keys(connection, "train", at_least=head(session, delete(".membus/search/x"))) == ["a"]


def test_a_page_that_could_not_be_made_at_first_is_another_now(session, connection):
    bad = head(session, put("a", "train"), put(".membus/search/x", "{}", kind="json"))
    good = head(session, delete(".membus/search/x"))
    page = search(connection, "train", at_least=good, since=bad)
    assert [hit.key for hit in page.hits] == ["a"] and not page.unchanged


def test_who_follows_a_search_of_a_topic_hears_of_a_setting(broker, session, tmp_path):
    session.transact(put("plans/a", "night train"), put("plans/b", "night boat"))
    out = tmp_path / "pages"
    following = start([membus(), "--broker", broker.url, "search", "night", "--in", "plans/", "--watch", "--json"],
                      stdout=out.open("w"))

    def found():
        return [json.loads(line)["found"] for line in out.read_text().splitlines()]
    try:
        eventually(lambda: found() == [2], what="the first page")
        session.transact(setting("b", "plans/b", search="off"))
        eventually(lambda: found() == [2, 1], what="a page without what is off")
    finally:
        following.send_signal(signal.SIGTERM)
    assert following.wait(timeout=20) == 0


def test_two_that_contradict_each_other_refuse_the_search(session, connection):
    revision = head(session, put("a", "train"), setting("x", "a", search="off"), setting("y", "a", search="on"))
    with pytest.raises(Refused) as refused:
        search(connection, "train", at=revision)
    assert refused.value.error.subject == ".membus/search/x" and ".membus/search/y" in refused.value.error.message


def test_merges_carry_settings_as_any_record_and_a_rollback_brings_them_back(session, connection):
    first = head(session, put("logs/1", "train"), put("a", "train"))
    session.wait(session.submit(bus.Fork(name="trial")))
    session.wait(session.submit(on("trial", setting("logs", "logs/", search="off"))))
    merged = session.wait(session.submit(bus.Merge(source="trial", target="main"))).position.revision
    assert keys(connection, "train", at_least=merged) == ["a"]
    back = session.wait(session.submit(bus.Rollback(branch="main", to=first))).position.revision
    assert sorted(keys(connection, "train", at_least=back)) == ["a", "logs/1"]


def test_an_index_that_is_made_anew_or_read_from_its_file_answers_the_same(broker, session, connection):
    session.transact(put("first", "of another kind"), *[ticket(f"t/{number}", title=f"train {number}", log=f"boat {number}") for number in range(30)],
                     put("t/text", "boat"))
    revision = head(session, setting("t", "t/", kind="json", fields=["title"], context=False), setting("x", "t/7", search="off"))
    questions = ("train", "boat", "tra* 12", '"train 3"', "log:boat")
    before = [answer(search(connection, question, at=revision, limit=100)) for question in questions]
    made_anew(broker, connection)
    assert [answer(search(connection, question, at=revision, limit=100)) for question in questions] == before
    assert broker.stop() == 0
    broker.start()
    assert [answer(search(connection, question, at=revision, limit=100)) for question in questions] == before


def test_an_explanation_says_where_a_setting_applied(session, connection, broker):
    session.transact(put("logs/1", "train"), put("plan", "the night train"), put("chat/1", "a train"))
    before = head(session, setting("none", "elsewhere/", search="off"))
    after = head(session, setting("chat", "chat/", context=False), setting("logs", "logs/", search="off"))
    page = search(connection, "train", at=before, explain=True)
    assert not page.settings and not any(hit.settings for hit in page.hits)
    page = search(connection, "train", at=after, explain=True)
    assert page.settings and {hit.key: hit.settings for hit in page.hits} == {"plan": False, "chat/1": True}
    assert not search(connection, "train", at=after).settings
    told = run(broker, "search", "train", "--explain").stdout
    assert told.count("settings under .membus/search/") == 1 and told.count("searched as set under .membus/search/") == 1

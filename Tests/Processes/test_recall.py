"""Recall, blocks of text for prompts, and the graph of links, of a real broker."""

import random
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "retrieval"))
from asking import links, recall, search  # noqa: E402
from graph import Graph, has_shape_of  # noqa: E402
from membus_client import Refused, request  # noqa: E402
from membus_protos import bus, errors  # noqa: E402
from vocabulary import prose  # noqa: E402
from writing import delete, head, link, on, put  # noqa: E402


@pytest.fixture
def session(clients):
    return clients.session("ada", timeout=60)


@pytest.fixture
def connection(session):
    return session.connection


# ---- Recall


@pytest.fixture
def library(session):
    """Texts of many lengths, some of them twice, some with links."""
    dice = random.Random(9)
    changes = [put(f"notes/n{number:02}x", f"train number {number}. " + prose(dice, number * 9)) for number in range(30)]
    changes += [put(f"copies/{name}", "The night train to Lisbon leaves at nine.") for name in ("one", "two")]
    changes.append(put("plans/lisbon", "Take the sleeper express to the coast.", links=[link("facts/station", "departs from")]))
    changes.append(put("facts/station", "Santa Apolónia, platform two."))
    return head(session, *changes)


def is_cited(told):
    return all(f"{cited.key}@{cited.revision}" in told.block for cited in told.citations)


@pytest.mark.parametrize("budget", [0, 1, 40, 200, 1000, 4000, 100_000])
def test_a_block_keeps_to_its_budget_and_cites_what_it_shows(connection, library, budget):
    told = recall(connection, "train tickets", budget=budget, at_least=library)
    assert told.size == len(told.block) <= (budget or 4000)
    assert is_cited(told) and len(set(re.findall(r"\S+@\d+", told.block))) >= len({cited.key for cited in told.citations})
    assert bool(told.citations) == bool(told.block) and (told.left_out > 0 or budget == 100_000)
    assert budget < 200 or told.citations


def test_characters_are_scalars_and_none_is_cut(session, connection):
    revision = head(session, *[put(f"odd/{number}x", "train 🚂🚂 ação e\u0301 " * 5) for number in range(20)])
    for budget in range(50, 400, 7):
        told = recall(connection, "train", budget=budget, at_least=revision)
        assert told.size == len(told.block) <= budget and "\ufffd" not in told.block


def test_passages_come_best_first_as_a_search_has_them(connection, library):
    told = recall(connection, "train night lisbon", budget=100_000, at_least=library)
    found = [cited for cited in told.citations if not cited.linked_from]
    scores = [cited.score for cited in found]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0
    best = search(connection, "train night lisbon", at=told.at.revision).hits[0]
    assert (found[0].key, found[0].revision) == (best.key, best.revision)


def test_the_same_text_is_shown_once(connection, library):
    told = recall(connection, "night train lisbon nine", budget=100_000, at_least=library)
    assert told.block.count("leaves at nine") == 1
    assert len({"copies/one", "copies/two"} & {cited.key for cited in told.citations}) == 1


def test_what_a_record_links_to_comes_along(connection, library):
    told = recall(connection, "sleeper express", budget=4000, at_least=library)
    linked = next(cited for cited in told.citations if cited.key == "facts/station")
    assert (linked.linked_from, linked.relation, linked.score) == ("plans/lisbon", "departs from", 0)
    assert "platform two" in told.block and is_cited(told)


def test_since_a_revision_only_what_is_newer_is_shown(session, connection, library):
    assert not recall(connection, "train", since=library, at_least=library).citations
    newer = head(session, put("notes/new", "a new train"))
    told = recall(connection, "train", since=library, at_least=newer)
    assert [(cited.key, cited.revision) for cited in told.citations] == [("notes/new", newer)]


def test_a_block_is_of_the_state_that_was_asked_for(session, connection, library):
    session.wait(session.submit(bus.Fork(name="trial")))
    work = on("trial", put("plans/lisbon", "Fly to the coast."), delete("facts/station"))
    newer = session.wait(session.submit(work)).position.revision
    there = recall(connection, "coast", branch="trial", at_least=newer)
    assert "Fly" in there.block and "platform" not in there.block
    for fields in ({"at": library}, {"branch": "trial", "at": newer - 1}, {}):
        assert "platform two" in recall(connection, "sleeper coast", **fields).block
    topic = recall(connection, "train", topics=["copies/"], budget=100_000)
    assert {cited.key for cited in topic.citations if not cited.linked_from} <= {"copies/one", "copies/two"}


@pytest.mark.parametrize("question", ["", '"open', "*", "x " * 600_000])
def test_a_broken_question_gets_no_block(connection, library, question):
    with pytest.raises(Refused) as refused:
        recall(connection, question)
    assert refused.value.code in (errors.INVALID_ARGUMENT, errors.LIMIT_EXCEEDED, errors.MALFORMED) and refused.value.error.hint


# ---- Links


@pytest.fixture
def chain(session):
    """a → b → c → d, a → x → d, and one that dangles."""
    return head(
        session, put("a", links=[link("b", "next"), link("x", "side")]), put("b", links=[link("c", "next")]),
        put("c", links=[link("d", "next"), link("never", "misses")]), put("x", links=[link("d", "side")], kind="note"),
        put("d"))


def depths(graph):
    return {node.key: node.depth for node in graph.nodes}


def edges(graph):
    return {(edge.source, edge.relation, edge.target) for edge in graph.edges}


def test_neighbours_are_told_by_direction(connection, chain):
    assert depths(links(connection, "b", at_least=chain)) == {"b": 0, "a": 1, "c": 1}
    assert depths(links(connection, "b", direction=bus.GetLinks.OUT)) == {"b": 0, "c": 1}
    told = links(connection, "b", direction=bus.GetLinks.IN)
    assert depths(told) == {"b": 0, "a": 1} and edges(told) == {("a", "next", "b")}
    assert [edge.revision for edge in told.edges] == [chain]
    kinds = {node.key: (node.revision, node.kind) for node in links(connection, "x").nodes}
    assert kinds == {"x": (chain, "note"), "a": (chain, "text"), "d": (chain, "text")}


def test_steps_are_counted_from_the_nearest_start(connection, chain):
    out = {"direction": bus.GetLinks.OUT, "at_least": chain}
    assert depths(links(connection, "a", depth=2, **out)) == {"a": 0, "b": 1, "x": 1, "c": 2, "d": 2}
    assert depths(links(connection, "a", "c", depth=1, **out)) == {"a": 0, "c": 0, "b": 1, "d": 1, "never": 1, "x": 1}
    told = links(connection, "a", depth=16)
    assert [(node.depth, node.key) for node in told.nodes] == sorted((node.depth, node.key) for node in told.nodes)


def test_relations_limit_what_is_followed(connection, chain):
    told = links(connection, "a", depth=16, relations=["next"], at_least=chain)
    assert depths(told) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert {edge.relation for edge in told.edges} == {"next"}


def test_the_shortest_paths_are_shown_alone(connection, chain):
    told = links(connection, "a", to="d", direction=bus.GetLinks.OUT, at_least=chain)
    assert depths(told) == {"a": 0, "x": 1, "d": 2} and edges(told) == {("a", "side", "x"), ("x", "side", "d")}
    told = links(connection, "a", to="d", direction=bus.GetLinks.OUT, relations=["next"])
    assert depths(told) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert not links(connection, "d", to="a", direction=bus.GetLinks.OUT).edges


def test_a_link_to_nothing_dangles(connection, chain):
    told = links(connection, "never", at_least=chain)
    assert edges(told) == {("c", "misses", "never")}
    assert {node.key: node.revision for node in told.nodes} == {"never": 0, "c": chain}
    lost = links(connection, "nobody/knows")
    assert not lost.edges and [(node.key, node.revision) for node in lost.nodes] in ([], [("nobody/knows", 0)])


def test_links_are_those_of_the_state_that_was_asked_for(session, connection, chain):
    session.wait(session.submit(bus.Fork(name="trial")))
    session.wait(session.submit(on("trial", put("b", links=[link("x", "next")]))))
    gone = head(session, delete("a"))
    assert edges(links(connection, "b", at_least=gone)) == {("b", "next", "c")}
    assert edges(links(connection, "b", at=chain)) == {("a", "next", "b"), ("b", "next", "c")}
    assert edges(links(connection, "b", branch="trial")) == {("a", "next", "b"), ("b", "next", "x")}
    assert {node.key: node.revision for node in links(connection, "a", branch="trial").nodes}["a"] == chain
    assert not links(connection, "a").edges


def test_a_source_that_is_written_again_keeps_only_its_new_links(session, connection, chain):
    newer = head(session, put("a", links=[link("c", "jumps")]))
    assert edges(links(connection, "a", at_least=newer)) == {("a", "jumps", "c")}
    assert edges(links(connection, "b", direction=bus.GetLinks.IN)) == set()
    assert [edge.revision for edge in links(connection, "a").edges] == [newer]


def test_more_edges_than_the_limit_are_cut_and_that_is_told(session, connection):
    revision = head(session, put("hub", links=[link(f"spoke/{number}x") for number in range(50)]))
    told = links(connection, "hub", limit=20, at_least=revision)
    assert told.cut and len(told.edges) == 20
    assert not links(connection, "hub", limit=50).cut and len(links(connection, "hub").edges) == 50


@pytest.mark.parametrize("fields", [
    {}, {"depth": 17}, {"limit": 10_001}, {"branch": "never"}, {"at": 1_000_000}, {"to": "a//b"}])
def test_a_question_about_links_that_is_wrong_is_refused(connection, chain, fields):
    with pytest.raises(Refused) as refused:
        links(connection, *([] if not fields else ["a"]), **fields)
    assert 100 <= refused.value.code < 200 and refused.value.error.message


def test_circles_end(session, connection):
    revision = head(session, put("a", links=[link("b"), link("a")]), put("b", links=[link("a")]))
    told = links(connection, "a", depth=16, at_least=revision)
    assert depths(told) == {"a": 0, "b": 1} and edges(told) == {("a", "about", "b"), ("b", "about", "a"), ("a", "about", "a")}


@pytest.mark.parametrize("seed", range(4))
def test_random_graphs_are_those_that_the_records_tell(session, connection, seed):
    dice = random.Random(seed)
    session.wait(session.submit(bus.Fork(name="trial")))
    names, states = [f"n/{number}" for number in range(25)], []
    for _ in range(60):
        branch, key = dice.choice(["main", "trial"]), dice.choice(names)
        targets = [link(dice.choice([*names, "lost/1", "lost/2"]), dice.choice(["about", "next"]))
                   for _ in range(dice.randint(0, 3))]
        change = delete(key) if dice.random() < .2 else put(key, links=targets)
        states.append(session.wait(session.submit(on(branch, change))).position.revision)
    connection.call(request(compact=bus.Compact(below=states[10])))
    for _ in range(40):
        branch, at = dice.choice(["main", "trial"]), dice.choice(states[10:])
        graph = Graph(connection.range("/", branch=branch, at=at))
        asked = {"direction": dice.choice([bus.GetLinks.OUT, bus.GetLinks.IN, bus.GetLinks.BOTH]), "depth": dice.randint(1, 5),
                 "relations": dice.choice([[], ["about"], ["next", "about"]])}
        starts = dice.sample([*names, "lost/1"], dice.randint(1, 2))
        told = links(connection, *starts, branch=branch, at=at, limit=10_000, **asked)
        has_shape_of(told, graph, starts, **asked)

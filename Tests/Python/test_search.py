"""Search, recall, links and SQL, as Python asks for them."""

import asyncio
import time

import membus
import pytest
from membus import aio


@pytest.fixture
def filled(memory):
    memory.put("plans/lisbon", "We take the night train to Lisbon on Friday.", links=[("by", "people/ada")])
    memory.put("plans/porto", "A hotel by the river in Porto.", links=[("after", "plans/lisbon")])
    memory.put("people/ada", {"likes": {"travel": "night trains"}})
    return memory


def test_a_search_finds_what_was_just_written_best_first(filled):
    page = filled.search("night train", "plans/", passages=True)
    assert [hit.key for hit in page.hits] == ["plans/lisbon"] and page.found == 1
    best = page.hits[0]
    assert "night train" in best.passage.text and best.passage.number == 0 and best.score >= 1
    assert best.author == "planner" and best.kind == "text" and best.revision == 1
    assert {hit.key for hit in filled.search("night trains").hits} == {"plans/lisbon", "people/ada"}
    assert filled.search("night train").hits[0].passage is None
    # Each write is found by the next search of who has made it.
    for letter in "abcdefghijklmnop":
        revision = filled.put(f"notes/{letter}", f"zq{letter}ward, about ferries").revision
        assert [hit.revision for hit in filled.search(f"zq{letter}ward").hits] == [revision]


def test_a_search_of_the_past_and_of_a_branch_shows_their_state(filled):
    filled.put("plans/lisbon", "We fly to Lisbon.")
    assert filled.search("night train", "plans/").hits == []
    old = filled.search("night train", "plans/", at=3)
    assert [(hit.key, hit.revision) for hit in old.hits] == [("plans/lisbon", 1)] and old.revision == 3
    filled.fork("trial")
    filled.put("plans/faro", "A night train to Faro.", branch="trial")
    assert [hit.key for hit in filled.search("night train", "plans/", branch="trial").hits] == ["plans/faro"]
    assert filled.search("night train", "plans/").hits == []


def test_pages_and_reasons(filled):
    for letter in "abcde":
        filled.put(f"notes/{letter}", "ferry")
    first = filled.search("ferry", limit=2)
    assert first.found == 5 and len(first.hits) == 2
    second = filled.search("ferry", limit=2, offset=2, at=first.revision)
    assert [hit.key for hit in first.hits + second.hits] == [f"notes/{letter}" for letter in "abcd"]
    explained = filled.search("ferry river", explain=True)
    assert len(explained.terms) == 2 and all(term.weight > 0 for term in explained.terms)
    assert all(len(hit.shares) == 2 for hit in explained.hits)


def test_what_cannot_be_asked_is_told(filled):
    with pytest.raises(membus.InvalidArgument):
        filled.search("  ")
    with pytest.raises(membus.LimitExceeded):
        filled.search("x" * 70_000)
    with pytest.raises(membus.LimitExceeded):
        filled.search("train", limit=1001)
    with pytest.raises(membus.BadArgument):
        filled.search("train", limit=-1)
    with pytest.raises(membus.BadArgument):
        filled.search("train", meaning="sometimes")
    with pytest.raises(membus.UnknownBranch):
        filled.search("train", branch="nowhere")


def test_a_recollection_cites_what_it_shows_and_tells_only_news_later(filled):
    known = filled.recall("night train", "plans/")
    assert "night train" in known.block and "plans/lisbon@1" in known.block and str(known) == known.block
    assert ("plans/lisbon", 1) in [(one.key, one.revision) for one in known.citations]
    assert 0 < known.size <= 4000 and len(known.block) == known.size
    assert filled.recall("night train", since=known.revision).citations == []
    revision = filled.put("plans/faro", "Another night train.").revision
    news = filled.recall("night train", since=known.revision)
    assert [(one.key, one.revision) for one in news.citations if not one.linked_from] == [("plans/faro", revision)]
    assert len(filled.recall("night train", budget=60).block) <= 60


def eventually(fact, seconds=20):
    end = time.monotonic() + seconds
    while not (found := fact()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_shown_text_counts_as_read_and_keys_do_not(filled, broker):
    def read(agent):
        return {one.get("key") for one in filled.knowledge(agent)["known"] if one["way"] == "read"}

    with membus.connect(broker.url, agent="looker", context="trip", timeout=10) as looker:
        looker.search("night train")
        looker.links("plans/porto", depth=2)
        looker.search("river", passages=True)
        assert eventually(lambda: read("looker")) == {"plans/porto"}
    with membus.connect(broker.url, agent="recaller", context="trip", timeout=10) as recaller:
        cited = {one.key for one in recaller.recall("night train").citations}
        assert cited and eventually(lambda: read("recaller")) == cited


def test_links_lead_both_ways_and_the_dangling_ones_are_shown(filled):
    around = filled.links("plans/lisbon")
    assert {(edge.source, edge.relation, edge.target) for edge in around.edges} == {
        ("plans/lisbon", "by", "people/ada"), ("plans/porto", "after", "plans/lisbon")}
    assert [node.key for node in around.nodes] == ["plans/lisbon", "people/ada", "plans/porto"]
    assert [node.depth for node in around.nodes] == [0, 1, 1] and not around.is_cut
    assert [edge.target for edge in filled.links("plans/lisbon", direction="out").edges] == ["people/ada"]
    assert [edge.source for edge in filled.links("plans/lisbon", direction="in").edges] == ["plans/porto"]
    assert filled.links("plans/lisbon", relations=["before"]).edges == []
    way = filled.links("plans/porto", to="people/ada")
    assert [(edge.source, edge.target) for edge in way.edges] == [
        ("plans/porto", "plans/lisbon"), ("plans/lisbon", "people/ada")]
    filled.delete("people/ada")
    gone = {node.key: node.revision for node in filled.links("plans/lisbon", direction="out").nodes}
    assert gone == {"plans/lisbon": 1, "people/ada": None}


def test_sql_answers_with_values_of_their_kinds(filled):
    result = filled.query("SELECT key, revision FROM records ORDER BY key")
    assert result.columns == ["key", "revision"] and not result.is_cut
    assert result.rows == [("people/ada", 3), ("plans/lisbon", 1), ("plans/porto", 2)]
    assert filled.query("SELECT 1, 1.5, 'x', NULL, x'00ff'").rows == [(1, 1.5, "x", None, b"\x00\xff")]
    assert filled.query("SELECT count(*) FROM records", at=1).rows == [(1,)]
    short = filled.query("SELECT key FROM records", limit=2)
    assert len(short.rows) == 2 and short.is_cut
    for wrong in ("DELETE FROM records", "SELEC 1", "SELECT 1; SELECT 2", "ATTACH '/tmp/x' AS y"):
        with pytest.raises(membus.InvalidArgument):
            filled.query(wrong)


def test_an_index_that_is_made_anew_answers_the_same(filled):
    before = filled.search("night train")
    assert filled.reindex() >= 3
    after = filled.search("night train", at_least=filled.put("notes/x", "x").token)
    assert [hit.key for hit in after.hits] == [hit.key for hit in before.hits]
    index = eventually(lambda: (found := filled.status()["index"]) and found["revision"] >= 4 and found)
    assert index["versions"] == 4 and index["fault"] is None


def test_the_same_for_those_who_await(filled, broker):
    async def body():
        async with aio.connect(broker.url, agent="other", timeout=10) as memory:
            token = (await memory.put("plans/faro", "A night train to Faro.")).token
            page = await memory.search("faro", "plans/", passages=True, at_least=token)
            assert [hit.key for hit in page.hits] == ["plans/faro"]
            assert "plans/faro" in (await memory.recall("faro")).block
            assert len((await memory.links("plans/lisbon")).edges) == 2
            assert (await memory.query("SELECT count(*) FROM records")).rows == [(4,)]

    asyncio.run(body())

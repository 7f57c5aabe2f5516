"""LangGraph's store and checkpointer in Membus: what its own tests do not ask (those run in deploy/judges), against a real broker."""

import asyncio
import math
import random
import time

import membus
import membus.aio
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.store.base import GetOp, PutOp, SearchOp
from writers import KILLED, LEFT, hammered, nothing_lost_or_doubled

from membus.integrations.langgraph_checkpoint import MembusSaver
from membus.integrations.langgraph_store import AsyncMembusStore, MembusStore


@pytest.fixture
def store(memory):
    return MembusStore(memory)


# ---- The store


def test_items_are_records_where_people_find_them(store, memory):
    store.put(("users", "ada"), "prefs", {"theme": "dark"})
    (record,) = memory.range("langgraph/store/")
    assert record.key == "langgraph/store/users/ada/prefs" == store.path(("users", "ada"), "prefs")
    assert record.json() == {"theme": "dark"} and record.kind == "json" and record.owner == "planner"
    item = store.get(("users", "ada"), "prefs")
    assert (item.namespace, item.key, item.value) == (("users", "ada"), "prefs", {"theme": "dark"})
    assert item.created_at == item.updated_at


@pytest.mark.parametrize("namespace, key", [
    (("a/b", "-"), "c/d"), (("a",), "."), (("a",), ".."), (("%2F",), ""), (("\n\x7f\x85",), "\x1f"), (("日本", "é"), "e\u0301"), ((" ",), "a b?#"),
])
def test_any_name_stands_for_itself(store, namespace, key):
    store.put(namespace, key, {"n": 1})
    store.put(("other",), "key", {"n": 2})
    assert store.get(namespace, key).value == {"n": 1}
    (found,) = store.search(namespace)
    assert (found.namespace, found.key) == (namespace, key)
    assert set(store.list_namespaces()) == {namespace, ("other",)}


def test_names_that_look_alike_are_apart(store):
    names = [(("a", "b"), "c"), (("a",), "b/c"), (("a/b",), "c"), (("a",), "b%2Fc"), ((), "a"), (("a",), ""), (("a",), "-")]
    for number, (namespace, key) in enumerate(names):
        store.batch([PutOp(namespace, key, {"n": number})])
    assert [store.batch([GetOp(*name)])[0].value["n"] for name in names] == list(range(len(names)))


def test_a_name_that_is_too_long_is_refused(store):
    with pytest.raises(membus.InvalidName):
        store.put(("a" * 600, "b" * 600), "key", {})


def test_a_value_that_a_reader_changes_is_the_readers_own(store):
    store.put(("a",), "k", {"list": [1]})
    for _ in range(3):
        store.get(("a",), "k").value["list"].append(2)
    assert store.get(("a",), "k").value == {"list": [1]} == store.search(("a",))[0].value


def test_what_models_write_comes_back_as_it_was(store):
    for number, value in enumerate([{"half": "a\ud800", "é": "日本"}, {"n": 2**80}, {"n": -(10**17)}, {"f": 0.1 + 0.2}, {"n": 2**63}]):
        store.put(("a",), str(number), value)
        for found in (store.get(("a",), str(number)), store.get(("a",), str(number)), *store.search(("a",), limit=1)):
            assert repr(found.value) == repr(value)


def test_what_one_process_puts_another_gets(store, broker):
    with membus.connect(broker.url, agent="other") as memory:
        other = MembusStore(memory, linearizable=True)
        store.put(("a",), "k", {"n": 1})
        assert other.get(("a",), "k").value == {"n": 1}
        created = other.get(("a",), "k").created_at
        other.put(("a",), "k", {"n": 2})
        assert MembusStore(memory).get(("a",), "k").value == {"n": 2}
        deadline = time.monotonic() + 10
        while store.get(("a",), "k").value != {"n": 2}:
            assert time.monotonic() < deadline
        assert store.get(("a",), "k").created_at == created < store.get(("a",), "k").updated_at
        other.delete(("a",), "k")
        assert other.get(("a",), "k") is None


def test_a_batch_is_one_commit(store, memory):
    before = memory.put("x", "1").revision
    store.batch([PutOp(("a",), str(number), {"n": number}) for number in range(900)])
    assert memory.status()["head"]["revision"] == before + 1
    store.batch([PutOp(("a",), str(number), {"n": number}) for number in range(2500)])
    assert len(store.search(("a",), limit=10_000)) == 2500
    assert [item.value["n"] for item in store.search(("a",), filter={"n": {"$gte": 2497}})] == [2499, 2498, 2497]


def test_large_values_are_found_and_filtered(store):
    store.put(("a",), "large", {"text": "x" * 300_000, "n": 1})
    store.put(("a",), "small", {"n": 2})
    assert len(store.get(("a",), "large").value["text"]) == 300_000
    assert [item.key for item in store.search(("a",), filter={"n": {"$lt": 2}})] == ["large"]
    store.put(("a",), "large", {"text": "y" * 300_000})
    assert store.get(("a",), "large").value["text"][0] == "y"


def test_filters_compare_as_the_framework_says(store):
    for key, value in {"a": {"n": 1, "t": "x", "m": {"d": 1}}, "b": {"n": 2.5, "t": None}, "c": {"t": True, "m.d": 2}}.items():
        store.put(("f",), key, value)

    def found(**filter):
        return sorted(item.key for item in store.search(("f",), filter=filter))

    assert found(n={"$gt": 1}) == ["b"] and found(n={"$gte": 1, "$lt": 2.5}) == ["a"] and found(n={"$lte": "1"}) == []
    assert found(t="x") == ["a"] and found(t=True) == ["c"] and found(t=None) == ["b"] and found(t={"$ne": "x"}) == ["b", "c"]
    assert found(**{"m.d": 1}) == ["a"] and found(**{"m.d": 2}) == ["c"]
    with pytest.raises(ValueError, match="Unsupported operator"):
        found(n={"$like": 1})
    assert len(store.search(("f",), query="anything")) == 3


def test_a_query_ranks_what_it_finds_before_the_rest(store):
    for key, text in {"a": "a night train to Lisbon", "b": "the train is late", "c": "a hotel by the river"}.items():
        store.put(("r",), key, {"text": text})
    store.put(("other",), "d", {"text": "a night train"})
    found = store.search(("r",), query="night trains: which?")
    assert [item.key for item in found] == ["a", "b", "c"]
    assert found[0].score > found[1].score > 0 and found[2].score is None
    assert [item.key for item in store.search(("r",), query="train", filter={"text": "the train is late"})] == ["b"]
    assert [item.key for item in store.search(("r",), query="night train", limit=1, offset=1)] == ["b"]
    # Without words nothing is ranked, and what was put last comes first.
    assert [item.key for item in store.search(("r",), query=' "*": ')] == ["c", "b", "a"]


def test_an_item_ends_with_its_time_and_a_read_puts_that_off(memory):
    store = MembusStore(memory, ttl={"default_ttl": 1.5 / 60, "refresh_on_read": True})
    begun = time.monotonic()
    store.put(("t",), "read", {"n": 1})
    store.put(("t",), "searched", {"n": 1})
    store.put(("t",), "left", {"n": 1})
    store.put(("t",), "kept", {"n": 1}, ttl=None)
    while time.monotonic() < begun + 3:
        time.sleep(0.3)
        assert store.get(("t",), "read") is not None
        assert [item.key for item in store.search(("t",), filter={"n": 1}, limit=4, refresh_ttl=False)]
        assert store.search(("t",), limit=1, offset=0, refresh_ttl=True) is not None
        assert store.get(("t",), "left", refresh_ttl=False) is not None or time.monotonic() > begun + 1.4
    assert store.get(("t",), "left") is None and store.get(("t",), "kept") is not None
    time.sleep(2.5)
    assert [item.key for item in store.search(("t",))] == ["kept"]


def test_a_read_does_not_put_off_what_another_one_has_changed(memory, broker):
    store = MembusStore(memory, ttl={"default_ttl": 60, "refresh_on_read": True})
    store.put(("t",), "k", {"n": 1}, ttl=0.02)
    stale = store._shape.known(memory.get(store.path(("t",), "k")))
    time.sleep(0.2)
    assert stale.is_to_live_on
    memory.put(store.path(("t",), "k"), {"n": 2})
    from membus.integrations._layout import carry_out

    carry_out(memory, store._shape.live_on([stale]))
    assert memory.get(store.path(("t",), "k")).json() == {"n": 2}


# ---- The store, with vectors of the application's own


class Letters:
    """Embeds by counting letters."""

    def __init__(self, fails=False):
        self.asked, self.fails = [], fails

    def __call__(self, texts):
        if self.fails:
            raise ConnectionError("the model is away")
        self.asked.append(sorted(texts))
        return [self.vector(text) for text in texts]

    @staticmethod
    def vector(text):
        return [float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]

    def index(self, *fields):
        return {"dims": 26, "embed": self, "fields": list(fields) or ["text"]}


def cosine(one, other):
    a, b = Letters.vector(one), Letters.vector(other)
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def scored(found):
    return [(item.key, item.score if item.score is None else round(item.score, 6)) for item in found]


@pytest.fixture
def letters():
    return Letters()


@pytest.fixture
def indexed(memory, letters):
    return MembusStore(memory, index=letters.index())


def test_a_score_is_the_cosine_and_what_has_no_vector_comes_last(indexed):
    for key, value in {"ab": {"text": "ab"}, "none": {"n": 1}, "b": {"text": "b"}, "c": {"text": "c"}, "empty": {"text": ""}}.items():
        indexed.put(("v",), key, value)
    indexed.put(("v",), "off", {"text": "a"}, index=False)
    half = round(math.sqrt(0.5), 6)
    whole = [("ab", half), ("b", 0), ("c", 0), ("off", None), ("empty", None), ("none", None)]
    assert scored(indexed.search(("v",), query="a")) == whole
    for size in (1, 2, 3, 4):
        paged = [found for offset in range(0, 6, size) for found in scored(indexed.search(("v",), query="a", limit=size, offset=offset))]
        assert paged == whole, "pages are parts of the whole"
    assert scored(indexed.search(("v",), query="b", limit=2)) == [("b", 1), ("ab", half)]
    # Nothing to compare: as without a query.
    assert scored(indexed.search(("v",), query="!", limit=1)) == scored(indexed.search(("v",), limit=1)) == [("off", None)]


def test_an_item_is_as_near_as_the_nearest_of_its_texts(memory, letters):
    store = MembusStore(memory, index=letters.index("title", "parts[*].text"))
    store.put(("v",), "k", {"title": "aa", "parts": [{"text": "b"}, {"text": "cd"}, {"none": 1}], "other": "z"})
    store.put(("v",), "own", {"title": "aa", "other": "z"}, index=["other"])
    store.put(("v",), "whole", {"q": "q"}, index=["$"])
    for query, best in {"a": "k", "b": "k", "dc": "k", "z": "own"}.items():
        assert scored(store.search(("v",), query=query))[0] == (best, 1)
    assert scored(store.search(("v",), query='{"q": "q"}'))[0] == ("whole", 1)
    assert store.search(("v",), query="z")[1].score == 0


def test_a_batch_is_embedded_at_once_and_each_text_once(indexed, letters):
    indexed.batch([PutOp(("v",), str(number), {"text": "ab"[number % 2]}) for number in range(200)])
    assert letters.asked == [["a", "b"]]
    indexed.put(("v",), "0", None)
    indexed.put(("v",), "0", {"text": "no"}, index=False)
    assert len(letters.asked) == 1
    assert len(indexed.search(("v",), query="b", limit=300)) == 200


def test_the_best_of_many_are_found_behind_any_filter(indexed):
    words = ["".join(random.Random(number).choices("abcdefghij", k=12)) for number in range(2500)]
    indexed.batch([PutOp(("m", str(n % 3)), f"{n:04}", {"text": word, "n": n}) for n, word in enumerate(words)])
    query = "abcabcad"

    def best(ns, count):
        return sorted(ns, key=lambda n: (-round(cosine(words[n], query), 5), n))[:count]

    for filter, ns, limit, offset in (
            (None, range(2500), 50, 0), (None, range(2500), 10, 990), ({"n": {"$gte": 2400}}, range(2400, 2500), 30, 5), ({"n": 7}, [7], 10, 0)):
        found = indexed.search(("m",), query=query, filter=filter, limit=limit, offset=offset)
        wanted = [cosine(words[n], query) for n in best(ns, offset + limit)[offset:]]
        assert [item.score for item in found] == pytest.approx(wanted, abs=1e-6)
        assert all(item.score == pytest.approx(cosine(words[item.value["n"]], query), abs=1e-6) for item in found)
    assert {item.namespace for item in indexed.search(("m", "2"), query=query, limit=1000)} == {("m", "2")}


def test_an_update_embeds_what_it_makes(indexed, letters, memory):
    indexed.put(("v",), "k", {"text": "a"})
    seen = []

    def change(value):
        seen.append(value)
        if len(seen) == 1:
            memory.put(indexed.path(("v",), "k"), {"text": "b"})
        return {"text": value["text"] + "c"}

    assert indexed.update(("v",), "k", change) == {"text": "bc"}
    assert letters.asked == [["a"], ["ac"], ["bc"]], "embedded once for each value, not for each try to commit"
    assert scored(indexed.search(("v",), query="bc")) == [("k", 1)]
    indexed.update(("v",), "k", lambda value: value, index=False)
    assert scored(indexed.search(("v",), query="bc")) == [("k", None)]


def test_an_item_that_lives_on_keeps_its_vectors(memory, broker, letters):
    ttl = {"default_ttl": 60, "refresh_on_read": True}
    store = MembusStore(memory, index=letters.index(), ttl=ttl)
    store.put(("t",), "k", {"text": "ab", "more": "c"}, ttl=0.05, index=["text", "more"])
    store.put(("t",), "off", {"text": "ab"}, ttl=0.05, index=False)

    def lives_on(store):
        """By a read, which asks the model for nothing that it does not have to."""
        before = {record.key: record.expires for record in memory.range("langgraph/")}
        time.sleep(0.3)
        assert store.get(("t",), "k").value["text"] == "ab" and store.get(("t",), "off") is not None
        return [record.key[-1] for record in memory.range("langgraph/") if record.expires > before[record.key]]

    def search(store):
        return scored(store.search(("t",), query="c", refresh_ttl=False)), scored(store.search(("t",), query="ab", limit=1, refresh_ttl=False))

    as_put = search(store)
    assert as_put[0] == [("k", 1), ("off", None)] and as_put[1] == [("k", 1)]
    letters.asked.clear()
    assert lives_on(store) == ["k", "f"] and letters.asked == [], "what was embedded is kept for that"
    assert search(store) == as_put
    with membus.connect(broker.url, agent="other") as elsewhere:
        others = Letters()
        other = MembusStore(elsewhere, index=others.index(), ttl=ttl, linearizable=True)
        assert lives_on(other) == ["k", "f"] and others.asked == [["ab", "c"]] and search(other) == as_put
        away = MembusStore(elsewhere, index=Letters(fails=True).index(), ttl=ttl, linearizable=True)
        assert lives_on(away) == ["f"], "where they cannot be made again, its end is as it was"
    assert search(store) == as_put


def test_vectors_go_where_items_go(indexed, letters, memory, broker):
    first = memory.put("x", "x").revision
    indexed.put(("v",), "k", {"text": "a"})
    indexed.put(("v",), "k", {"text": "b"})
    memory.rollback(first + 1, topics=["langgraph/store/"])
    assert scored(indexed.search(("v",), query="a")) == [("k", 1)]
    memory.fork("idea")
    with membus.connect(broker.url, agent="dreamer", branch="idea") as elsewhere:
        idea = MembusStore(elsewhere, index=letters.index())
        assert scored(idea.search(("v",), query="a")) == [("k", 1)]
        idea.put(("v",), "new", {"text": "c"})
    assert scored(indexed.search(("v",), query="c")) == [("k", 0)]
    memory.merge("idea")
    assert scored(indexed.search(("v",), query="c")) == [("new", 1), ("k", 0)]


def test_what_another_one_has_put_is_found_with_its_score(indexed, letters, broker):
    with membus.connect(broker.url, agent="other") as memory:
        other = MembusStore(memory, index=letters.index())
        for number in range(30):
            other.put(("v",), "k", {"text": "a" * (number % 2) + "b"})
            (found,) = indexed.search(("v",), query="b")
            assert found.score == pytest.approx(cosine(found.value["text"], "b"), abs=1e-6) and found.value["text"] == "a" * (number % 2) + "b"


def test_spaces_are_apart(memory, letters, indexed):
    indexed.put(("v",), "k", {"text": "a"})
    other = MembusStore(memory, index={"dims": 2, "embed": lambda texts: [[1, 0] for _ in texts], "fields": ["text"]}, space="other")
    assert scored(other.search(("v",), query="a")) == [("k", None)]
    other.put(("v",), "two", {"text": "a"})
    assert scored(other.search(("v",), query="a")) == [("two", 1), ("k", None)]
    assert scored(indexed.search(("v",), query="a")) == [("k", 1), ("two", None)]
    mixed = MembusStore(memory, index={"dims": 2, "embed": lambda texts: [[1, 0] for _ in texts]})
    with pytest.raises(membus.InvalidArgument, match="26"):
        mixed.search(("v",), query="a")


@pytest.mark.parametrize("made, told", [
    ([[1.0]], "1 numbers, and dims says 2"), ([[1, 2], [1, 2]], "2 vectors for 1 texts"), ([[1, math.nan]], "finite"), ([["x", 1]], "real number")])
def test_what_embed_gives_is_looked_at_before_anything_is_written(memory, made, told):
    store = MembusStore(memory, index={"dims": 2, "embed": lambda texts: made})
    with pytest.raises((ValueError, TypeError), match=told):
        store.put(("v",), "k", {"text": "a"})
    assert memory.status()["head"]["revision"] == 0
    with pytest.raises(ValueError, match="no dims"):
        MembusStore(memory, index={"embed": lambda texts: made})


def test_what_embeds_may_be_async(broker, letters):
    async def embed(texts):
        await asyncio.sleep(0)
        return letters(texts)

    async def run():
        index = {"dims": 26, "embed": embed, "fields": ["text"]}
        async with membus.aio.connect(broker.url, agent="a") as memory:
            store = AsyncMembusStore(memory, index=index)
            await asyncio.gather(*(store.aput(("v",), text, {"text": text}) for text in ("a", "ab", "c")))
            assert letters.asked == [["a", "ab", "c"]]
            assert [item.key for item in await store.asearch(("v",), query="b")][:1] == ["ab"]
            await store.aupdate(("v",), "c", lambda value: {"text": "b"})
            assert scored(await store.asearch(("v",), query="b", limit=1)) == [("c", 1)]
        with membus.connect(broker.url, agent="a") as memory:
            store = MembusStore(memory, index=index)
            await store.aput(("v",), "d", {"text": "d"})
            assert scored(await store.asearch(("v",), query="d", limit=1)) == [("d", 1)]

    asyncio.run(run())


# ---- Several processes


STORE = """
from membus.integrations.langgraph_store import MembusStore
store = MembusStore(memory)
def add(name):
    store.put(("team", NAME), name, {"by": NAME})
    store.update(("team",), "plan", lambda plan: {**(plan or {}), name: len(plan or {})})
"""


def test_two_processes_on_one_store_lose_nothing(broker):
    acknowledged = hammered(broker, STORE)
    with membus.connect(broker.url, agent="reader") as memory:
        store = MembusStore(memory)
        for agent in (KILLED, LEFT):
            nothing_lost_or_doubled(
                {KILLED: [], agent: acknowledged[agent]}, [item.key for item in store.search(("team", agent), limit=1000)],
                KILLED if agent == KILLED else LEFT)
        plan = store.get(("team",), "plan").value
        nothing_lost_or_doubled(acknowledged, list(plan))
        # Each update was made of all before it.
        assert sorted(plan.values()) == list(range(len(plan)))


def test_an_update_runs_again_on_what_another_one_has_put(store, memory):
    store.put(("a",), "k", {"n": 1})
    seen = []

    def change(value):
        seen.append(value)
        if len(seen) == 1:
            memory.put(store.path(("a",), "k"), {"n": 10})
        return {"n": value["n"] + 1}

    assert store.update(("a",), "k", change) == {"n": 11} and seen == [{"n": 1}, {"n": 10}]
    assert store.update(("a",), "k", lambda value: None) is None and store.get(("a",), "k") is None
    assert store.update(("a",), "new", lambda value: value) is None


def test_a_store_has_a_history_is_forked_merged_and_undone(store, memory, broker):
    first = memory.status()["head"]["revision"]
    store.put(("plans",), "paris", {"by": "train", "hotel": "river"})
    memory.fork("idea")
    with membus.connect(broker.url, agent="dreamer", branch="idea") as elsewhere:
        MembusStore(elsewhere).update(("plans",), "paris", lambda plan: {**plan, "by": "bike"})
    store.update(("plans",), "paris", lambda plan: {**plan, "hotel": "hostel"})
    assert store.get(("plans",), "paris").value == {"by": "train", "hotel": "hostel"}
    merged = memory.merge("idea")
    assert store.get(("plans",), "paris").value == {"by": "bike", "hotel": "hostel"}
    assert store.get(("plans",), "paris").updated_at > store.get(("plans",), "paris").created_at
    memory.revert(revisions=[merged.revision])
    assert store.get(("plans",), "paris").value == {"by": "train", "hotel": "hostel"}
    versions = [version.record.json()["by"] for version in memory.history(store.path(("plans",), "paris"))]
    assert versions == ["train", "bike", "train", "train"]
    memory.rollback(first + 1, topics=["langgraph/store/"])
    assert store.get(("plans",), "paris").value == {"by": "train", "hotel": "river"}


def test_the_async_store_is_the_same(broker):
    async def run():
        async with membus.aio.connect(broker.url, agent="planner") as memory:
            store = AsyncMembusStore(memory)
            await asyncio.gather(*(store.aput(("a", str(n % 3)), str(n), {"n": n}) for n in range(50)))
            assert [item.key for item in await store.asearch(("a",), filter={"n": {"$gt": 48}})] == ["49"]
            assert await store.alist_namespaces(prefix=("a",)) == [("a", "0"), ("a", "1"), ("a", "2")]

            async def count():
                for _ in range(10):
                    await store.aupdate(("a",), "sum", lambda value: {"n": (value or {"n": 0})["n"] + 1})

            await asyncio.gather(*(count() for _ in range(4)))
            assert (await store.aget(("a",), "sum")).value == {"n": 40}
            found = await store.abatch([GetOp(("a",), "sum"), SearchOp(("a", "1"), limit=2), PutOp(("a",), "sum", None)])
            assert found[0].value == {"n": 40} and len(found[1]) == 2 and found[2] is None
            assert await store.aget(("a",), "sum") is None
            return MembusStore

    asyncio.run(run())


def test_a_store_that_waits_serves_async_graphs_too(store):
    async def run():
        await store.aput(("a",), "k", {"n": 1})
        return await store.aget(("a",), "k")

    assert asyncio.run(run()).value == {"n": 1}


def test_gets_go_on_while_the_broker_is_away(store, broker):
    store.put(("a",), "k", {"n": 1})
    broker.kill()
    assert store.get(("a",), "k").value == {"n": 1} and store.get(("a",), "none") is None
    broker.start()
    store.put(("a",), "k", {"n": 2})
    assert store.get(("a",), "k").value == {"n": 2}


# ---- The checkpointer


def config(thread="t", id=None, namespace=""):
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace} | ({"checkpoint_id": id} if id else {})}


def checkpoint(saver, before=None, **values):
    """A checkpoint after another one, with these channels changed. -> (checkpoint, its new versions)"""
    made = empty_checkpoint()
    if before:
        made["channel_values"] = dict(before["channel_values"])
        made["channel_versions"] = dict(before["channel_versions"])
    made["channel_values"] |= values
    new = {channel: saver.get_next_version(made["channel_versions"].get(channel), None) for channel in values}
    made["channel_versions"] = made["channel_versions"] | new
    return made, new


def line(saver, count, thread="t", **values):
    """A thread of so many checkpoints. -> their ids"""
    before, ids = None, []
    for step in range(count):
        before, new = checkpoint(saver, before, step=step, **(values if step == 0 else {}))
        saver.put(config(thread, ids[-1] if ids else None), before, {"source": "loop", "step": step}, new)
        ids.append(before["id"])
    return ids


def test_a_checkpoint_is_json_and_its_values_are_stored_once(memory):
    saver = MembusSaver(memory)
    ids = line(saver, 5, document="x" * 5000, who=["ada"])
    keys = [record.key for record in memory.range("langgraph/threads/")]
    values = [key for key in keys if "/values/" in key]
    assert [key.split("/")[5] for key in values] == ["document", "who"]
    assert [key for key in keys if "/checkpoints/" in key] == [f"langgraph/threads/t/-/checkpoints/{id[:8]}/{id}" for id in ids]
    record = memory.get(f"langgraph/threads/t/-/checkpoints/{ids[-1][:8]}/{ids[-1]}").json()
    assert record["parent"] == ids[-2] and record["metadata"] == {"source": "loop", "step": 4}
    assert record["checkpoint"]["channel_values"] == {"step": 4} and memory.get("langgraph/threads/t/-/latest").text == ids[-1][:8]
    for number, id in enumerate(ids):
        found = saver.get_tuple(config(id=id))
        assert found.checkpoint["channel_values"] == {"step": number, "document": "x" * 5000, "who": ["ada"]}
        assert found.parent_config == (config(id=ids[number - 1]) if number else None)
    assert saver.get_tuple(config()).checkpoint["id"] == ids[-1] and saver.get_tuple(config("none")) is None


def test_an_empty_memory_has_no_threads(memory):
    saver = MembusSaver(memory)
    assert saver.get_tuple(config()) is None and saver.get_tuple(config(id="none")) is None and list(saver.list(None)) == []
    saver.delete_thread("t")
    saver.prune(["t"])
    saver.delete_for_runs(["r"])
    saver.copy_thread("t", "u")
    assert memory.status()["head"]["revision"] == 0


def test_values_come_back_as_they_were(memory):
    saver = MembusSaver(memory)
    values = {
        "none": None, "yes": True, "int": -5, "float": 0.5, "nan": float("inf"), "text": "é", "empty": "",
        "bytes": b"\x00", "set": {1}, "nested": {"a": [1, {"b": None}]}, "line": "a\nb", "short": "plain"}
    made, new = checkpoint(saver, **values)
    saver.put(config(), made, {"source": "input", "odd": {1, 2}}, new)
    found = saver.get_tuple(config())
    assert found.checkpoint["channel_values"] == values
    assert all(type(found.checkpoint["channel_values"][name]) is type(value) for name, value in values.items())


def test_large_values_are_compressed_where_it_helps(memory):
    import os

    saver = MembusSaver(memory)
    noise = os.urandom(2000)
    made, new = checkpoint(saver, text="one two three " * 200, noise=noise, short=["x"])
    saver.put(config(), made, {}, new)
    kinds = {record.key.split("/")[5]: (record.kind, record.size) for record in memory.range("langgraph/threads/t/-/values/")}
    assert kinds["text"][0] == "langgraph.msgpack.zlib" and kinds["text"][1] < 100
    assert kinds["noise"][0] == "langgraph.bytes" and kinds["short"][0] == "langgraph.msgpack"
    assert saver.get_tuple(config()).checkpoint["channel_values"] == made["channel_values"]


def test_two_lines_of_a_thread_stay_and_the_newest_is_found(memory, broker):
    saver = MembusSaver(memory)
    (root,) = line(saver, 1)
    with membus.connect(broker.url, agent="other") as elsewhere:
        other = MembusSaver(elsewhere)
        base = saver.get_tuple(config()).checkpoint
        later, new = checkpoint(saver, base, plan="later")
        earlier_than_that, and_new = checkpoint(other, base, plan="other")
        assert later["id"] < earlier_than_that["id"]
        other.put(config(id=root), earlier_than_that, {"step": 1}, and_new)
        saver.put(config(id=root), later, {"step": 1}, new)
        assert saver.get_tuple(config()).checkpoint["id"] == earlier_than_that["id"]
        assert {tuple.checkpoint["channel_values"].get("plan") for tuple in other.list(config())} == {"later", "other", None}
        assert all(tuple.parent_config == config(id=root) for tuple in list(other.list(config()))[:2])


def test_the_newest_is_found_over_time(memory, broker):
    """Ids of other times, by two savers that do not know of each other, in any order; and when those of the last time are gone."""
    with membus.connect(broker.url, agent="other") as elsewhere:
        savers = [MembusSaver(memory), MembusSaver(elsewhere)]
        ids = [f"{time:08x}-{number:04}" for time in (5, 3, 5, 9, 4, 7) for number in (1, 0)]
        for number, id in enumerate(ids):
            made, new = checkpoint(savers[0], n=number)
            made["id"] = id
            savers[number % 2].put(config(), made, {}, new)
            assert savers[number // 2 % 2].get_tuple(config()).checkpoint["id"] == max(ids[: number + 1])
        memory.delete(f"langgraph/threads/t/-/checkpoints/00000009/{max(ids)}")
        memory.delete("langgraph/threads/t/-/checkpoints/00000009/00000009-0000")
        assert savers[0].get_tuple(config()).checkpoint["id"] == "00000007-0001"


def test_writes_of_a_task_that_are_there_stay_and_those_of_errors_are_replaced(memory):
    saver = MembusSaver(memory)
    (id,) = line(saver, 1)
    saver.put_writes(config(id=id), [("a", 1), ("b", 2)], "task", "path")
    saver.put_writes(config(id=id), [("a", 9), ("b", 9), ("c", 3)], "task", "path")
    saver.put_writes(config(id=id), [("__error__", "first")], "task")
    saver.put_writes(config(id=id), [("__error__", "second")], "task")
    assert saver.get_tuple(config()).pending_writes == [
        ("task", "__error__", "second"), ("task", "a", 1), ("task", "b", 2), ("task", "c", 3)]


def test_a_list_is_newest_first_by_pages(memory):
    saver = MembusSaver(memory)
    ids = line(saver, 450)
    assert [tuple.checkpoint["id"] for tuple in saver.list(config())] == ids[::-1]
    assert [tuple.checkpoint["id"] for tuple in saver.list(config(), before=config(id=ids[5]), limit=3)] == ids[4:1:-1]
    assert [tuple.metadata["step"] for tuple in saver.list(None, filter={"step": 7})] == [7]
    assert list(saver.list(config("none"))) == [] and len(list(saver.list(config(), limit=210))) == 210


def test_a_thread_is_pruned_to_what_is_needed(memory):
    saver = MembusSaver(memory)
    ids = line(saver, 1200, keep="x" * 100, gone=["y"])
    before = saver.get_tuple(config()).checkpoint
    last, new = checkpoint(saver, before, gone=["z"])
    saver.put(config(id=ids[-1]), last, {}, new)
    saver.put_writes(config(id=last["id"]), [("c", 1)], "task")
    saver.put_writes(config(id=ids[0]), [("c", 1)], "task")
    saver.prune(["t"])
    keys = [record.key.removeprefix("langgraph/threads/t/-/") for record in memory.range("langgraph/threads/")]
    assert [key.rsplit("/", 1)[0] for key in keys] == [
        f"checkpoints/{last['id'][:8]}", "latest", "values/gone", "values/keep", f"writes/{last['id']}/task"]
    assert saver.get_tuple(config()).checkpoint["channel_values"] == last["channel_values"]
    saver.prune(["t"], strategy="delete")
    assert list(memory.range("langgraph/")) == []


SAVER = """
from membus.integrations.langgraph_checkpoint import MembusSaver
from langgraph.checkpoint.base import empty_checkpoint
saver = MembusSaver(memory)
def add(name):
    before = saver.get_tuple({"configurable": {"thread_id": "t"}})
    made = empty_checkpoint()
    made["channel_values"] = {"name": name, "long": name * 100}
    made["channel_versions"] = {channel: saver.get_next_version(None, None) for channel in ("name", "long")}
    where = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    if before:
        where["configurable"]["checkpoint_id"] = before.checkpoint["id"]
    where = saver.put(where, made, {"step": 1}, made["channel_versions"])
    saver.put_writes(where, [("c", name)], "task")
"""


def test_two_processes_on_one_thread_lose_nothing(broker):
    acknowledged = hammered(broker, SAVER, 40)
    with membus.connect(broker.url, agent="reader") as memory:
        saver = MembusSaver(memory)
        tuples = list(saver.list(config()))
        nothing_lost_or_doubled(acknowledged, [tuple.checkpoint["channel_values"]["name"] for tuple in tuples])
        assert all(tuple.checkpoint["channel_values"]["long"] == tuple.checkpoint["channel_values"]["name"] * 100 for tuple in tuples)
        written = [tuple for tuple in tuples if tuple.pending_writes]
        assert all([write[2] for write in tuple.pending_writes] == [tuple.checkpoint["channel_values"]["name"]] for tuple in written)
        assert len(tuples) - len(written) <= 1
        assert saver.get_tuple(config()).checkpoint["id"] == max(tuple.checkpoint["id"] for tuple in tuples)
        ids = {tuple.checkpoint["id"] for tuple in tuples}
        assert all(tuple.parent_config is None or tuple.parent_config["configurable"]["checkpoint_id"] in ids for tuple in tuples)


def test_a_thread_has_a_history_is_forked_and_undone(memory, broker):
    saver = MembusSaver(memory)
    ids = line(saver, 3)
    memory.fork("trial")
    with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
        trial = MembusSaver(elsewhere)
        made, new = checkpoint(trial, trial.get_tuple(config()).checkpoint, step="trial")
        trial.put(config(id=ids[-1]), made, {}, new)
        assert trial.get_tuple(config()).checkpoint["channel_values"]["step"] == "trial"
    assert saver.get_tuple(config()).checkpoint["id"] == ids[-1]
    assert len(list(memory.log(saver.topic("t"), branch="main"))) == 3
    memory.revert(revisions=[next(memory.log(saver.topic("t"), branch="main")).revision])
    assert saver.get_tuple(config()).checkpoint["id"] == ids[-2]
    made, new = checkpoint(saver, saver.get_tuple(config()).checkpoint, step="again")
    saver.put(config(id=ids[-2]), made, {}, new)
    assert saver.get_tuple(config()).checkpoint["channel_values"]["step"] == "again"
    memory.merge("trial", settle=lambda conflict: "ours")
    assert len(list(saver.list(config()))) == 4
    saver.delete_thread("t")
    assert saver.get_tuple(config()) is None and list(memory.range("langgraph/")) == []


def test_the_checkpointer_serves_async_graphs(broker):
    async def run(memory):
        saver = MembusSaver(memory)
        made, new = checkpoint(saver, plan=["a"])
        await saver.aput(config(), made, {"step": 1}, new)
        await saver.aput_writes(config(id=made["id"]), [("c", 1)], "task")
        found = await saver.aget_tuple(config())
        assert found.checkpoint["channel_values"] == {"plan": ["a"]} and found.pending_writes == [("task", "c", 1)]
        assert [tuple.metadata async for tuple in saver.alist(config())] == [{"step": 1}]
        await saver.acopy_thread("t", "u")
        await saver.adelete_thread("t")
        assert (await saver.aget_tuple(config("u"))).checkpoint["channel_values"] == {"plan": ["a"]}
        await saver.adelete_thread("u")

    async def both():
        async with membus.aio.connect(broker.url, agent="a") as memory:
            await run(memory)
            with pytest.raises(TypeError, match="ainvoke"):
                MembusSaver(memory).get_tuple(config())
        with membus.connect(broker.url, agent="a") as memory:
            await run(memory)

    asyncio.run(both())

"""Vectors of the agents' own: how Python takes them along with puts, and asks by them."""

import asyncio
import math
import random
import struct
from array import array

import membus
import pytest
from membus import aio

EAST, NORTH, WEST = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


def floats(vector):
    """As 32 bits hold it."""
    return array("f", vector)


def cosine(a, b):
    a, b = floats(a), floats(b)
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def found(memory, vector, *topics, space="mine", **options):
    page = memory.search(*([""] if topics else []), *topics, vector=vector, space=space, **options)
    return [(hit.key, round(hit.cosine, 6)) for hit in page.hits]


@pytest.fixture
def compass(memory):
    memory.put("way/east", "sunrise", vectors={"mine": EAST})
    memory.put("way/north", "cold", vectors={"mine": [NORTH, [0.6, 0.8]]})
    memory.put("way/west", "sunset", vectors={"mine": WEST, "other": [[1, 2, 3]]})
    memory.put("way/none", "no vectors")
    return memory


def test_records_rank_by_the_nearest_of_their_vectors(compass):
    assert found(compass, EAST) == [("way/east", 1), ("way/north", 0.6), ("way/west", -1)]
    assert found(compass, NORTH, limit=1) == [("way/north", 1)]
    assert found(compass, [1, 2, 3], space="other") == [("way/west", 1)]
    page = compass.search(vector=EAST, space="mine")
    assert page.meaning and page.found == 3 and page.embedded == 0.75 and page.hits[0].score == 0.5


def test_a_vector_counts_with_words_and_within_topics(compass):
    page = compass.search("sunset", vector=NORTH, space="mine")
    assert [hit.key for hit in page.hits][:2] == ["way/west", "way/north"] and page.hits[0].words > 0
    assert found(compass, EAST, "way/west", "way/north") == [("way/north", 0.6), ("way/west", -1)]


def test_a_page_goes_on_at_the_revision_of_the_first(compass):
    first = compass.search(vector=EAST, space="mine", limit=2)
    compass.put("way/south", "warm", vectors={"mine": [1, -1]})
    assert found(compass, EAST, limit=2, offset=2, at=first.revision) == [("way/west", -1)]
    assert found(compass, EAST)[1] == ("way/south", round(math.sqrt(0.5), 6))


def test_a_recollection_is_made_by_a_vector(compass):
    known = compass.recall(vector=EAST, space="mine", budget=50)
    assert known.citations[0].key == "way/east" and "sunrise" in known.block
    assert compass.recall("", "way/north", vector=EAST, space="mine").citations[0].key == "way/north"


def test_what_changes_the_value_drops_them_and_a_revert_brings_them_back(compass):
    wrote = compass.transact(lambda tx: tx.append("way/east", "!"))
    assert found(compass, EAST) == [("way/north", 0.6), ("way/west", -1)]
    compass.revert(revisions=[wrote.revision])
    assert found(compass, EAST)[0] == ("way/east", 1)
    compass.put("way/east", "sunrise")
    assert found(compass, EAST)[0] == ("way/north", 0.6)


class Matrix:
    """What NumPy's arrays look like to others: numbers in a buffer, of some shape."""

    def __new__(cls, rows, sort="f"):
        flat = [number for row in rows for number in row]
        return memoryview(array(sort, flat)).cast("B").cast(sort, (len(rows), len(rows[0])))


@pytest.mark.parametrize("given", [
    [0.1, 0.2], (0.1, 0.2), array("f", [0.1, 0.2]), array("d", [0.1, 0.2]), memoryview(array("f", [0.1, 0.2])),
    memoryview(array("f", [0.1, 9, 0.2]))[::2], [[0.1, 0.2]], ([-1, 0], (0.1, 0.2)), [array("f", [0.1, 0.2]), array("d", [-1, 0])],
    Matrix([[0.1, 0.2]]), Matrix([[-1, 0], [0.1, 0.2]], "d")], ids=lambda given: type(given).__name__)
def test_numbers_come_in_many_ways(memory, given):
    memory.put("x", "x", vectors={"mine": given})
    (hit,) = memory.search(vector=[2, 1], space="mine").hits
    assert hit.cosine == pytest.approx(cosine([0.1, 0.2], [2, 1]), abs=1e-12)


def test_whole_numbers_are_numbers(memory):
    memory.put("x", "x", vectors={"mine": array("i", [3, 4])})
    memory.put("y", "y", vectors={"mine": Matrix([[0, 1], [5, 12]], "l").tolist()})
    assert found(memory, array("b", [1, 0])) == [("x", 0.6), ("y", round(5 / 13, 6))]


@pytest.mark.parametrize("given, told", [
    ([], "nothing in it"), ([[]], "vector 0: it is empty"), ([[1, 2], [1]], "1 to 2 numbers"), (array("f"), "shape"), ("12", "str"),
    (b"1234", "bytes"), (5, "int"), ([1, "2x"], "no number"), ([[1, 2], 3], "vector 1: int"), ([[[1]]], "no number"), ([None], "no number"),
    ([1, math.nan], "finite"), ([math.inf, -math.inf], "finite"), ([1e300], "finite"), ({1: 2}.values, "method")])
def test_what_is_no_vector_is_told_before_anything_is_sent(memory, given, told):
    with pytest.raises(ValueError, match=told):
        memory.put("x", "x", vectors={"mine": given})
    assert memory.status()["head"]["revision"] == 0


def test_what_the_broker_does_not_take_is_refused_whole(memory):
    for vectors in ({"": [1]}, {"mine": [0, 0]}, {"mine": [1.0] * 8193}, {"mine": [[1]] * 1001}, {f"s{n}": [1] for n in range(17)}):
        with pytest.raises(membus.MembusError):
            memory.put("x", "x", vectors=vectors)
    assert memory.get("x") is None
    memory.put("x", "x", vectors={"mine": [1.0] * 8192} | {f"s{n}": [1] for n in range(15)})
    assert [hit.cosine for hit in memory.search(vector=[1.0] * 8192, space="mine").hits] == [pytest.approx(1)]


@pytest.mark.parametrize("asked", [{"vector": []}, {"vector": [[1, 0]]}, {"vector": [math.nan, 1]}, {"vector": "ab"}])
def test_a_question_brings_one_vector(compass, asked):
    with pytest.raises(ValueError):
        compass.search(space="mine", **asked)


def test_a_vector_and_its_space_go_together(compass):
    for asked in ({"vector": EAST}, {"space": "mine"}):
        for ask in (compass.search, compass.recall):
            with pytest.raises(ValueError, match="go together"):
                ask("x", **asked)
    for wrong in ([1, 2, 3], [0, 0]):
        with pytest.raises(membus.InvalidArgument):
            compass.search(vector=wrong, space="mine")
    with pytest.raises(membus.InvalidArgument):
        compass.search(vector=EAST, space="mine", meaning="never")
    with pytest.raises(membus.InvalidArgument):
        compass.search("")
    assert compass.search(vector=EAST, space="nobody's").hits == []


def test_a_cosine_is_exact(memory):
    draw = random.Random(7)
    vectors = {f"v/{n:03}": [draw.gauss(0, 1) for _ in range(384)] for n in range(300)}
    with_twin = {f"{key}/twin": [struct.unpack("f", struct.pack("I", struct.unpack("I", struct.pack("f", x))[0] ^ 1))[0] for x in vector]
                 for key, vector in list(vectors.items())[:50]}
    vectors |= with_twin

    @memory.transact
    def _(tx):
        for key, vector in vectors.items():
            tx.put(key, key, vectors={"mine": vector})

    question = [draw.gauss(0, 1) for _ in range(384)]
    hits = memory.search(vector=question, space="mine", limit=1000).hits
    assert len(hits) == 350
    for hit in hits:
        assert hit.cosine == pytest.approx(cosine(vectors[hit.key], question), abs=1e-9)
    assert [hit.key for hit in hits] == sorted(vectors, key=lambda key: (-cosine(vectors[key], question), key))


def test_the_same_for_those_who_await(broker):
    async def body():
        async with aio.connect(broker.url, agent="other", timeout=10) as memory:
            await memory.put("x", "sunrise", vectors={"mine": EAST})

            async def both(tx):
                tx.put("y", "cold", vectors={"mine": Matrix([NORTH])})
                tx.put("z", "without")

            await memory.transact(both)
            page = await memory.search(vector=array("d", EAST), space="mine")
            assert [(hit.key, hit.cosine) for hit in page.hits] == [("x", 1), ("y", 0)]
            assert (await memory.recall(vector=EAST, space="mine")).citations[0].key == "x"
            with pytest.raises(ValueError):
                await memory.put("x", "x", vectors={"mine": []})
            with pytest.raises(ValueError):
                await memory.search(vector=EAST)

    asyncio.run(body())

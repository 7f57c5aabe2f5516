"""Vectors that agents send along: how they are sent and asked by, and what an answer has to be, in double precision."""

import math
import struct
import sys
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from asking import in_topics, search  # noqa: E402
from history import KINDS, History  # noqa: E402
from membus_protos import bus, memory  # noqa: E402
from settings import Settings, Unclear  # noqa: E402

SPACE = "mine"


def sent(vectors, space=SPACE):
    """-> SpaceVectors"""
    return memory.SpaceVectors(
        space=space, dimensions=len(vectors[0]), values=[number for vector in vectors for number in vector])


def put(key, value, *vectors, space=SPACE, **fields):
    own = {"vectors": [sent(vectors, space)]} if vectors else {}
    return memory.Change(key=key, put=memory.Put(value=value.encode(), **{"kind": "text", **own, **fields}))


def near(connection, vector, question="", space=SPACE, **fields):
    """-> SearchPage, by a vector that is brought"""
    return search(connection, question, **{"meaning": bus.Search.WHERE_COMPLETE, "space": space, "vector": vector, **fields})


def told(page):
    return [(hit.key, round(hit.cosine, 9)) for hit in page.hits]


def drawn(dice, dimensions):
    return [dice.gauss(0, 1) for _ in range(dimensions)]


def twin(vector):
    """Of which each number is the next one that 32 bits hold: what bytes cannot tell apart."""
    return [struct.unpack("f", struct.pack("I", struct.unpack("I", struct.pack("f", number))[0] ^ 1))[0] for number in vector]


def cosine(one, other):
    one, other = array("f", one), array("f", other)
    dot = sum(a * b for a, b in zip(one, other))
    return dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def cosines(known, question):
    """known: key -> vectors. -> key -> the cosine of the nearest"""
    return {key: max(cosine(vector, question) for vector in vectors) for key, vectors in known.items() if vectors}


def faults(page, due, limit=10, offset=0):
    """due: key -> cosine, of all that is to be found. -> what is wrong, in words"""
    if page.found != len(due):
        yield f"{page.found} found, and {len(due)} are there"
    best = max(due.values(), default=0)
    scores = {key: cosine / 2 / (best if best > 0 else 1) for key, cosine in due.items()}
    ranked = sorted(due, key=lambda key: (-due[key], key))[offset:offset + limit]
    if len(page.hits) != len(ranked):
        yield f"{len(page.hits)} hits, and not {len(ranked)}"
    if [hit.key for hit in page.hits] != [hit.key for hit in sorted(page.hits, key=lambda hit: (-hit.cosine, hit.key))]:
        yield "they are not in the order of their cosines, then keys"
    for place, hit in enumerate(page.hits):
        if hit.key not in due:
            yield f"{hit.key} is no hit"
        elif abs(hit.cosine - due[hit.key]) > 1e-9:
            yield f"{hit.key} has {hit.cosine}, and not {due[hit.key]}"
        elif abs(hit.score - scores[hit.key]) > 5.1e-5:
            yield f"{hit.key} has a score of {hit.score}, and not {scores[hit.key]}"
        # What is told apart by the last digits alone may stand in either order.
        elif place < len(ranked) and abs(due[ranked[place]] - due[hit.key]) > 1e-12:
            yield f"place {place} has {hit.key}, and not {ranked[place]}"


class VectorHistory(History):
    """Values that no two puts share, so that they tell which vectors came with them. They are of kinds that nobody merges."""

    def __init__(self, broker, dice):
        super().__init__(broker, dice)
        self.known = {}  # value -> vectors

    def key(self):
        return f"odd/{self.dice.choice('abc')}/{self.dice.randint(1, 9)}"

    def change(self, branch, key):
        if self.dice.random() < .12:
            return memory.Change(key=key, delete=memory.Delete())
        return memory.Change(key=key, put=self.put(KINDS["odd"]))

    def put(self, kind, **expiry):
        dice, value = self.dice, f"value {len(self.known)}".encode()
        self.known[value] = [drawn(dice, 6) for _ in range(dice.choice([0, 1, 1, 1, 3]))]
        if self.known[value] and dice.random() < .2:
            self.known[value] = [twin(dice.choice([vectors for vectors in self.known.values() if vectors])[0])]
        vectors = [sent(self.known[value])] if self.known[value] else []
        return memory.Put(value=value, kind=kind, vectors=[*vectors, sent([drawn(dice, 2)], "other")], **expiry)

    def ask(self, states=6, questions=3):
        self.look()
        for branch, at in self.states(states):
            records = self.connection.range("/", branch=branch, at=at)
            try:
                settings = Settings(records)
            except Unclear as unclear:
                self.asker.refused(unclear, branch, {"at": at}, "anything")
                continue
            own = {key: self.known[record.value] for key, record in records.items()
                   if record.value in self.known and not settings.rule(key, record.kind).off}
            for _ in range(questions):
                topics = self.dice.choice([[], [], ["odd/a/"], ["odd/b/3", "odd/c/"]])
                limit, offset = self.dice.choice([1, 3, 10, 1000]), self.dice.choice([0, 0, 2])
                question = self.dice.choice([drawn(self.dice, 6), *[vectors[0] for vectors in own.values() if vectors]])
                page = near(self.connection, question, branch=branch, at=at, topics=topics, limit=limit, offset=offset)
                within = in_topics(topics)
                due = cosines({key: vectors for key, vectors in own.items() if within(key)}, question)
                wrong = list(faults(page, due, limit, offset))
                assert not wrong, "\n".join([f"on {branch} at {at}, of {topics}, {limit} after {offset}:", *wrong])

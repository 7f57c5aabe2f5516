"""What retrieval costs, through a real broker, beside FTS5 and vector stores on the same records in the same run.

    MEMBUS_BINARY=… python Tests/Benchmarks/retrieval/bench_search.py [--records 100000] [--rounds 3] [--questions 300]
        [--writers] [--meaning] [--vectors] [--peers sqlite-vec sqlite-vec-int8 chromadb lancedb]

Three versions of each record of 45 words, in commits of 100: all are written, then all again in random order, which is the old
state, then again. After the second time a branch of a branch of … four deep, each with a hundredth of the records anew.
A question has 3 to 8 words of a record's, never the 50 commonest. --writers: a client commits beside it, 200 records a second.
--meaning: waits until all passages that show have vectors, and asks by words and meaning; a question is embedded as it comes. Of
100,000 records that is half an hour, the newest first, and what is older goes on being embedded.
--vectors: every record is written once more with a vector of 384 dimensions, which are those that the peers hold; questions bring one.
A round asks everybody all questions; figures are medians over the rounds, of milliseconds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpus import Corpus
from measuring import (
    Asker, Lane, Table, anonymous_bytes, bus, index, load_of_machine, private_bytes, put, request, timed, transaction)
from peers import FTS5, VECTOR_PEERS, vectors
from processes import Broker

EACH = 100
SPACE = "bench"
DEPTH = 4


class Load:
    def __init__(self, broker, corpus):
        self.lane, self.corpus = Lane(broker.url, "feed"), corpus
        self.texts, self.bytes = {}, 0

    def pass_over(self, numbers, branch=""):
        """-> the newest revision"""
        def works():
            for start in range(0, len(numbers), EACH):
                changes = []
                for number in numbers[start:start + EACH]:
                    text = self.corpus.text()
                    self.bytes += len(text)
                    if not branch:
                        self.texts[number] = text
                    changes.append(put(self.corpus.key(number), text.encode()))
                yield transaction(changes, branch=branch)
        return self.lane.drive(works(), window=16)[-1]

    def with_vectors(self):
        """What is there, once more, with a vector each. -> the newest revision"""
        made, numbers = vectors(self.corpus.records), list(range(self.corpus.records))

        def works():
            for start in range(0, len(numbers), EACH):
                changes = []
                for number, vector in zip(numbers[start:start + EACH], made):
                    change = put(self.corpus.key(number), self.texts[number].encode())
                    change.put.vectors.add(space=SPACE, dimensions=len(vector), values=vector)
                    changes.append(change)
                yield transaction(changes)
        return self.lane.drive(works(), window=4)[-1]

    def shuffled(self, count=None):
        numbers = list(range(self.corpus.records))
        self.corpus.dice.shuffle(numbers)
        return numbers[:count]

    def run(self):
        """-> the states that are asked for: an old one, one of the deepest branch, and the head, by their revisions"""
        self.pass_over(list(range(self.corpus.records)))
        old = self.pass_over(self.shuffled())
        parent = ""
        for level in range(1, DEPTH + 1):
            self.lane.drive([bus.Fork(name=f"level-{level}", parent=parent)])
            parent = f"level-{level}"
            forked = self.pass_over(self.shuffled(max(10 * EACH, self.corpus.records // 100)), branch=parent)
        return {"at": old}, {"branch": parent, "at": forked}, self.pass_over(self.shuffled())


def write_beside(url):
    """A record 200 times a second, until it is ended."""
    lane, corpus, number = Lane(url, "beside"), Corpus(1000, seed=9), 0
    while True:
        lane.drive([transaction([put(f"beside/{number % 1000}", corpus.text().encode())])])
        number += 1
        time.sleep(.005)


def first_questions(asker, states, questions):
    """Of states that nobody has asked for."""
    return [asker.search(question, **state)[0] for state, question in zip(states, questions)]


def indexing(table, asker, broker, head, begun):
    """How fast versions were indexed, beside commits and alone."""
    asker.caught_up(head)
    seconds = time.monotonic() - begun
    versions = index(asker.connection).versions
    table.row("indexed, beside the commits: versions/s", versions / seconds)
    begun = time.monotonic()
    asker.connection.exchange(request(deadline_ms=600_000, reindex=bus.Reindex()), 600)
    while list(Path(broker.data).glob("*.new")):
        time.sleep(.02)
    table.row("made anew: versions/s", versions / (time.monotonic() - begun), goal="≥ 30,000")


def searchable(asker, broker):
    """At 1,000 commits a second: milliseconds from a commit's answer to an answer of the state that it made."""
    lane, taken = Lane(broker.url, "quick"), []
    for number in range(200):
        revisions = lane.drive(transaction([put(f"quick/{number}/{each}x", b"some words of no weight")]) for each in range(5))
        begun = time.perf_counter()
        asker.search("weight", at_least=revisions[-1])
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def neighbours(asker, broker):
    """Depth 2 at a fan-out of 20: 400 records."""
    lane = Lane(broker.url, "linker")
    changes = [linked(f"graph/{one}x", [f"graph/{one}x/{other}x" for other in range(20)]) for one in range(20)]
    changes.append(linked("graph", [f"graph/{one}x" for one in range(20)]))
    head = lane.drive([transaction(changes)])[-1]
    asked = request(deadline_ms=60_000, links=bus.GetLinks(keys=["graph"], depth=2, direction=bus.GetLinks.OUT, at_least=head))
    found = [timed(asker.connection.exchange, asked, 60) for _ in range(100)]
    assert len(found[0][1].links.edges) == 420, found[0][1].links
    return [taken for taken, _ in found]


def linked(key, targets):
    change = put(key, b"")
    for target in targets:
        change.put.links.add(relation="about", target=target)
    return change


def main():
    arguments = parsed()
    if arguments.write:
        return write_beside(arguments.write)
    with tempfile.TemporaryDirectory() as place, Broker(Path(place) / "data") as broker:
        corpus, asker = Corpus(arguments.records), Asker(broker.url)
        load, begun = Load(broker, corpus), time.monotonic()
        old, forked, head = load.run()
        size = f"{arguments.records:,} records in {3 * arguments.records:,} versions, {load.bytes / 1e6:.0f} MB of text"
        print(f"{size}, {load_of_machine()}")
        table = Table("p50", "p99", "longest")
        indexing(table, asker, broker, head, begun)
        if arguments.meaning:
            wait_for_vectors(asker)
        if arguments.vectors:
            asker.caught_up(load.with_vectors())
        writer = subprocess.Popen([sys.executable, __file__, "--write", broker.url]) if arguments.writers else None
        try:
            latencies(table, arguments, asker, corpus, load, Path(place), old, forked)
        finally:
            if writer:
                writer.terminate()
                writer.wait()
        table.latencies("searchable after a commit", [searchable(asker, broker)], goal="≤ 50 p99")
        table.latencies("links, depth 2, fan-out 20", [neighbours(asker, broker)], goal="≤ 5")
        figures, text = index(asker.connection), sum(map(len, load.texts.values()))
        table.row("index on disk, MB", figures.bytes / 1e6, f"{figures.bytes / load.bytes:.2f}", goal="≤ the text (2nd column)")
        table.row("that text, MB; the head's alone", load.bytes / 1e6, text / 1e6)
        memory = private_bytes(broker.pid) / 1e6, anonymous_bytes(broker.pid) / 1e6
        table.row("private memory; anonymous, MB", *memory, goal="≤ 120")


def latencies(table, arguments, asker, corpus, load, place, old, forked):
    texts = list(load.texts.values())
    questions = [corpus.question(texts) for _ in range(arguments.questions)]
    states = {"words, at the head": {}, "words, at an old revision": old, f"words, on a branch {DEPTH} deep": forked}
    goals = dict(zip(states, ("≤ 3 / 12", "≤ 1.2 × head", "≤ 1.2 × head")))
    fts = FTS5(place, texts)
    meant = {"meaning": bus.Search.ALWAYS}
    if arguments.meaning:
        wait_for_vectors(asker)
        states["words and meaning, at the head"] = meant
        goals["words and meaning, at the head"] = "≤ 15 / 40"
    rounds = {name: [] for name in (*states, fts.name)}
    asker.times(questions[:50])
    for name, state in (("an old revision", old), ("a state on the branch", forked)):
        others = [{**state, "at": state["at"] - step} for step in range(1, 10)]
        table.latencies(f"first question of {name}", [first_questions(asker, others, questions)], goal="≤ head + 2")
    for _ in range(arguments.rounds):
        for name, state in states.items():
            asker.search(questions[0], **state)
            rounds[name].append(asker.times(questions, **state))
        rounds[fts.name].append([timed(fts.ask, question)[0] for question in questions])
    if arguments.vectors:
        brought(table, arguments, asker, questions)
    for name, taken in rounds.items():
        table.latencies(name, taken, goal=goals.get(name, ""))
    table.row("FTS5 on disk, MB", fts.bytes / 1e6)
    for name in arguments.peers:
        taken, peer = timed(VECTOR_PEERS[name], place, arguments.records)
        asked = list(vectors(min(100, arguments.questions), seed=2))
        answered = [[timed(peer.ask, vector)[0] for vector in asked] for _ in range(arguments.rounds)]
        table.latencies(f"{peer.name}, vectors alone", answered)
        table.row(f"{peer.name}: made in s; on disk, MB", taken / 1000, peer.bytes / 1e6)


def brought(table, arguments, asker, questions):
    asked = list(vectors(min(100, arguments.questions), seed=2))
    for name, words in (("a vector of one's own, alone", [""] * len(asked)), ("words and a vector of one's own", questions)):
        taken = [[asker.search(question, space=SPACE, vector=vector, meaning=bus.Search.ALWAYS)[0]
                  for question, vector in zip(words, asked)] for _ in range(arguments.rounds)]
        table.latencies(name, taken, goal="≤ 15 / 40")


def wait_for_vectors(asker):
    while asker.search("none", meaning=bus.Search.ALWAYS)[1].embedded < 1:
        time.sleep(1)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--writers", action="store_true", help="commits go on beside the questions")
    parser.add_argument("--meaning", action="store_true", help="by words and meaning, too; the broker needs a model")
    parser.add_argument("--vectors", action="store_true", help="with vectors that come along with records and questions, too")
    parser.add_argument("--peers", nargs="*", default=[], choices=VECTOR_PEERS, help="vector stores, which PyPI has")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

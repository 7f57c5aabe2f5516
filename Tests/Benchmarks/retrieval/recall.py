"""How much of the evidence a search finds: conversations in the form of LoCoMo, all in one store, each question asked inside its
own.

    MEMBUS_BINARY=… python Tests/Benchmarks/retrieval/recall.py locomo.json [--meaning] [--oracle]

R@5 and R@10: the share of a question's evidence among the first five and ten hits, averaged over all questions.
--meaning: waits until all turns have vectors, and asks by words and meaning, too. --oracle: tells how far scores are from those
of the model in Tests/Processes/retrieval.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from measuring import Asker, Lane, Table, bus, percentile, put, transaction
from processes import Broker

import oracle


def written(broker, records):
    """Each speaker writes what they said. -> the newest revision"""
    lanes, newest = {}, 0
    for key, record in records.items():
        lane = lanes.get(record.author) or lanes.setdefault(record.author, Lane(broker.url, record.author))
        while lane.sent - lane.answered >= 64:
            newest = max(newest, lane.receive())
        lane.send(transaction([put(key, record.value)]))
    for lane in lanes.values():
        while lane.answered < lane.sent:
            newest = max(newest, lane.receive())
    return newest


def measured(asker, questions, at, **fields):
    """-> (the keys of each question's hits, milliseconds)"""
    found, taken = [], []
    for here, question, _ in questions:
        milliseconds, page = asker.search(plain(question), at=at, topics=[here], limit=100, **fields)
        found.append([hit.key for hit in page.hits])
        taken.append(milliseconds)
    return found, taken


def plain(question):
    """People's quotes are no phrases here, as the figures in the literature are of words."""
    return question.replace('"', " ")


def row(table, name, questions, found, taken, goal):
    def share(most):
        return statistics.fmean(oracle.recall(hits, evidence, most) for hits, (_, _, evidence) in zip(found, questions))
    reciprocal = statistics.fmean(next((1 / (place + 1) for place, key in enumerate(hits) if key in evidence), 0)
                                  for hits, (_, _, evidence) in zip(found, questions))
    shares = [f"{figure:.3f}" for figure in (share(5), share(10), reciprocal)]
    table.row(name, *shares, statistics.median(taken), percentile(taken, .99), goal=goal)


def compared(asker, records, questions, at):
    """The largest difference of a score to the oracle's, and how many questions have other hits."""
    state, furthest, others = oracle.State(records), 0.0, 0
    for here, question, _ in questions:
        page = asker.search(plain(question), at=at, topics=[here], limit=1000)[1]
        ranked = state.rank(oracle.question_terms(plain(question)), lambda key, here=here: key.startswith(here))[:1000]
        told = {hit.key: hit.score for hit in page.hits}
        known = {hit.key: hit.score for hit in ranked}
        others += told.keys() != known.keys()
        furthest = max([furthest, *(abs(told[key] - known[key]) for key in told.keys() & known.keys())])
    return furthest, others


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conversations")
    parser.add_argument("--meaning", action="store_true")
    parser.add_argument("--oracle", action="store_true")
    arguments = parser.parse_args()
    records, questions = oracle.conversations(arguments.conversations)
    with tempfile.TemporaryDirectory() as place, Broker(Path(place) / "data") as broker:
        at, asker = written(broker, records), Asker(broker.url)
        asker.caught_up(at)
        print(f"{len(records):,} records, {len(questions)} questions")
        table = Table("R@5", "R@10", "MRR", "p50 ms", "p99 ms")
        row(table, "words", questions, *measured(asker, questions, at), "≥ .66 / .74")
        if arguments.meaning:
            begun = time.monotonic()
            while asker.search("none", meaning=bus.Search.ALWAYS)[1].embedded < 1:
                time.sleep(.5)
            waited = time.monotonic() - begun
            found, taken = measured(asker, questions, at, meaning=bus.Search.ALWAYS)
            row(table, "words and meaning", questions, found, taken, "≥ .68 / .75")
            print(f"waited {waited:.0f} s for vectors")
        if arguments.oracle:
            furthest, others = compared(asker, records, questions, at)
            print(f"beside the oracle: scores differ by {furthest:.4f} at most, {others} questions have other hits")


if __name__ == "__main__":
    main()

"""What the benchmarks of retrieval share: a broker with records, stopwatches, tables."""

import math
import os
import statistics
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[2] / "Processes"
sys.path[:0] = [str(TESTS), str(TESTS / "python"), str(TESTS / "retrieval")]

from asking import index  # noqa: E402, F401
from branch_load import Lane, put, transaction  # noqa: E402, F401  (for those who measure)
from membus_client import Connection, request  # noqa: E402, F401
from membus_protos import bus  # noqa: E402


def timed(act, *arguments):
    """-> (milliseconds, what it returned)"""
    begun = time.perf_counter()
    found = act(*arguments)
    return (time.perf_counter() - begun) * 1000, found


def percentile(taken, share):
    return sorted(taken)[math.ceil(len(taken) * share) - 1]


class Asker:
    """One question after the other, each timed until its answer is read."""

    def __init__(self, url):
        self.connection = Connection(url, timeout=600)

    def search(self, question, **fields):
        """-> (milliseconds, SearchPage)"""
        asked = bus.Search(question=question, **{"branch": "main", "meaning": bus.Search.NEVER, **fields})
        taken, reply = timed(self.connection.exchange, request(deadline_ms=600_000, search=asked), 600)
        assert reply.HasField("search"), reply
        return taken, reply.search

    def times(self, questions, **fields):
        return [self.search(question, **fields)[0] for question in questions]

    def caught_up(self, revision, timeout=3600):
        """-> seconds until the index is there"""
        begun, end = time.monotonic(), time.monotonic() + timeout
        while index(self.connection).revision < revision:
            fault = index(self.connection).fault
            assert not fault and time.monotonic() < end, f"the index does not get to {revision}: {index(self.connection)}"
            time.sleep(.02)
        return time.monotonic() - begun


def private_bytes(pid):
    """Memory that nobody else has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) * 1024


def anonymous_bytes(pid):
    """Of these, what is of no file."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) * 1024


class Table:
    """Rows of a measure, its figures, and its goal; printed as they come."""

    def __init__(self, *columns):
        self.columns = columns
        print(f"{'':46}" + "".join(f"{column:>12}" for column in columns) + "   goal", flush=True)

    def row(self, measure, *figures, goal=""):
        cells = "".join(f"{figure if isinstance(figure, str) else f'{figure:,.2f}':>12}" for figure in figures)
        print(f"{measure:46}{cells}{'':{12 * (len(self.columns) - len(figures))}}   {goal}", flush=True)

    def latencies(self, measure, rounds, goal=""):
        """rounds: lists of milliseconds. Medians over the rounds of their median, 99th percentile and longest."""
        middle = statistics.median
        self.row(measure, middle(middle(taken) for taken in rounds), middle(percentile(taken, .99) for taken in rounds),
                 middle(max(taken) for taken in rounds), goal=goal)


def load_of_machine():
    return f"load average {os.getloadavg()[0]:.1f}"

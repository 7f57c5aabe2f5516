"""What LangGraph's memory costs in Membus, beside LangGraph's own on SQLite, measured in the same run: see deploy/framework-benchmark.

Both write to files on the same disk, as an agent would that puts one thing after another: each put is acknowledged before the next.
A figure is the median of its rounds; in each round both take turns, since the machine's neighbours change what it can do within minutes.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conftest  # noqa: E402, F401  (builds the package, and finds it)
from langgraph.checkpoint.base import empty_checkpoint  # noqa: E402
from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: E402
from langgraph.store.sqlite import SqliteStore  # noqa: E402
from processes import Broker  # noqa: E402

import membus  # noqa: E402
from membus.integrations.langgraph_checkpoint import MembusSaver  # noqa: E402
from membus.integrations.langgraph_store import MembusStore  # noqa: E402

VALUE = {"city": "Paris", "by": "night train", "hotel": "by the river", "cost": 120, "tags": ["spring", "two days"]}


def each(action, count):
    """-> how often a second"""
    begun = time.perf_counter()
    for number in range(count):
        action(number)
    return count / (time.perf_counter() - begun)


def store_puts(store, count):
    return each(lambda number: store.put(("users", f"u{number % 50}"), f"k{number}", VALUE), count)


def store_gets(store, count):
    store.put(("users", "ada"), "prefs", VALUE)
    store.get(("users", "ada"), "prefs")
    space = {"get": store.get, "namespace": ("users", "ada")}
    # Written out, as a loop's own call would be a good part of it.
    exec("def run(count):\n    for _ in range(count):\n        assert get(namespace, 'prefs').value['cost'] == 120\n", space)
    begun = time.perf_counter()
    space["run"](count)
    return count / (time.perf_counter() - begun)


def store_pairs(store, count):
    def pair(number):
        store.put(("pairs",), f"k{number % 50}", {**VALUE, "cost": number})
        assert store.get(("pairs",), f"k{number % 50}").value["cost"] == number

    return each(pair, count)


def checkpoints(saver, count, thread, document):
    """A thread of which each step changes a small value, and which has a large one all the time."""
    before = None

    def put(number):
        nonlocal before
        made = empty_checkpoint()
        values = {"step": {"number": number, "note": f"step {number} of the trip"}} | ({} if before else {"document": document})
        versions = {name: saver.get_next_version(before["channel_versions"].get(name) if before else None, None) for name in values}
        made["channel_values"] = (before["channel_values"] if before else {}) | values
        made["channel_versions"] = (before["channel_versions"] if before else {}) | versions
        made["versions_seen"] = {"agent": {"step": versions["step"]}}
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        if before:
            config["configurable"]["checkpoint_id"] = before["id"]
        saver.put(config, made, {"source": "loop", "step": number}, versions)
        before = made

    return each(put, count)


def side_by_side(rounds, count, ours, theirs):
    """-> [(ours, theirs), …], what each does a second"""
    return [(ours(count), theirs(count)) if number % 2 else tuple(reversed((theirs(count), ours(count)))) for number in range(rounds)]


def contended(saver, count, threads, document):
    """So many threads, each with a thread of its own to go on with. -> how many checkpoints a second"""
    begun = time.perf_counter()
    running = [
        threading.Thread(target=checkpoints, args=(saver, count, f"{time.time()}-{number}", document)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return threads * count / (time.perf_counter() - begun)


def prose(size, chance=random.Random(1), known=[]):  # noqa: B006  (the words that it is made of)
    """Words, as an agent's notes are, that come in no order."""
    if not known:
        known += ["".join(chance.choices("etaoinshrdlucmfwypvbgk", k=chance.randrange(2, 10))) for _ in range(3000)]
    return " ".join(chance.choices(known, k=size // 4))[:size]


def thread_size(place, steps, size, channels=10):
    """A thread of many checkpoints, in a broker of its own: each has ten values, and changes one. -> (distinct bytes, bytes of the store)"""
    with Broker(place / "data") as broker:
        with membus.connect(broker.url, agent="benchmark") as memory:
            saver = MembusSaver(memory)
            before, distinct = None, 0
            for number in range(steps):
                made = empty_checkpoint()
                changed = [number % channels] if before else range(channels)
                values = {f"notes-{channel}": prose(size) for channel in changed}
                versions = {name: saver.get_next_version(before["channel_versions"].get(name) if before else None, None) for name in values}
                made["channel_values"] = (before["channel_values"] if before else {}) | values
                made["channel_versions"] = (before["channel_versions"] if before else {}) | versions
                made["versions_seen"] = {"agent": versions}
                config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
                if before:
                    config["configurable"]["checkpoint_id"] = before["id"]
                saver.put(config, made, {"source": "loop", "step": number}, versions)
                before = made
                # What makes one checkpoint another: its new values, and all that is no value.
                rest = {name: part for name, part in made.items() if name != "channel_values"}
                distinct += sum(len(saver.serde.dumps_typed(value)[1]) for value in values.values()) + len(json.dumps(rest))
            found = saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}})
            assert found.checkpoint["channel_values"] == made["channel_values"]
        broker.stop()
    return distinct, sum(file.stat().st_size for file in (place / "data").rglob("*") if file.is_file())


def speed(place, said, row):
    """Puts, gets and checkpoints, side by side."""
    with (
        Broker(place / "broker") as broker, membus.connect(broker.url, agent="benchmark") as memory,
        SqliteStore.from_conn_string(str(place / "store.db")) as their_store,
        SqliteSaver.from_conn_string(str(place / "threads.db")) as their_saver,
    ):
        their_store.setup()
        our_store, our_saver = MembusStore(memory), MembusSaver(memory)
        for name, measure, count in (("puts", store_puts, said.puts), ("gets", store_gets, said.gets), ("put and get", store_pairs, said.puts)):
            pairs = side_by_side(
                said.rounds, count, lambda count, measure=measure: measure(our_store, count),
                lambda count, measure=measure: measure(their_store, count if measure is not store_gets else count // 10))
            row(name, pairs, 20)
        for size, bound in ((4, None), (32, 5), (512, None)):
            document = prose(size << 10)
            pairs = side_by_side(
                said.rounds, said.puts if size < 512 else said.puts // 4,
                lambda count, document=document: checkpoints(our_saver, count, f"t{time.time()}", document),
                lambda count, document=document: checkpoints(their_saver, count, f"t{time.time()}", document))
            row(f"checkpoints of a state of {size} KiB", pairs, bound)
        document = prose(32 << 10)
        pairs = side_by_side(
            said.rounds, said.puts // 4, lambda count: contended(our_saver, count, 16, document),
            lambda count: contended(their_saver, count, 16, document))
        row("checkpoints of 32 KiB, 16 threads at once", pairs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--puts", type=int, default=200)
    parser.add_argument("--gets", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--only", choices=("speed", "sizes"))
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    rows = []

    def row(name, pairs, bound=None):
        ratios = [ours / theirs for ours, theirs in pairs]
        rows.append({
            "name": name, "ours": statistics.median(ours for ours, _ in pairs), "theirs": statistics.median(theirs for _, theirs in pairs),
            "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios), "bound": bound})

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if said.only != "sizes":
            speed(place, said, row)
        sizes = [
            (size, *thread_size(place / f"thread-{size}", said.steps, size)) for size in (100, 1000, 4000) if said.only != "speed"]
    if said.json:
        print(json.dumps({"rows": rows, "sizes": sizes}))
        return
    if rows:
        print("| Measure | Membus, a second | SQLite, a second | Ratio | Rounds | Bound | Met |\n| --- | --- | --- | --- | --- | --- | --- |")
    for found in rows:
        bound = found["bound"]
        print(f"| {found['name']} | {found['ours']:,.0f} | {found['theirs']:,.0f} | ×{found['ratio']:.1f} "
              f"| ×{found['least']:.1f} to ×{found['most']:.1f} | {f'≥ {bound}' if bound else ''} "
              f"| {'' if not bound else 'yes' if found['ratio'] >= bound else '**no**'} |")
    if sizes:
        print(f"\n| A thread of {said.steps:,} checkpoints, each with ten values, one of them new, of | Distinct | Store | Ratio | Bound | Met |")
        print("| --- | --- | --- | --- | --- | --- |")
    for size, distinct, store in sizes:
        ratio = store / distinct
        print(f"| {size:,} B | {distinct / 1e6:.1f} MB | {store / 1e6:.1f} MB | ×{ratio:.2f} | ≤ 1.3 | {'yes' if ratio <= 1.3 else '**no**'} |")


if __name__ == "__main__":
    main()

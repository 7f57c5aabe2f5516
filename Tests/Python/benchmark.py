"""What the Python package costs, against a real broker. Beside each figure stands what it is compared with, measured in the
same run: the machine's neighbours change what it can do within minutes.

    MEMBUS_BINARY=… MEMBUS_AGENT_BINARY=… MEMBUS_LIBRARY=… .build/python/bin/python Tests/Python/benchmark.py [--rounds 5]

MEMBUS_LIBRARY: a release build of the C door (deploy/library makes one).
"""

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conftest  # noqa: E402, F401  (builds the package, and finds it)
from processes import Broker  # noqa: E402

import membus  # noqa: E402

KEYS = [f"plans/{n:05}" for n in range(10_000)]
VALUE = "x" * 512


def each(statement, names, count=300_000):
    """Nanoseconds of one run of the statement, without those of the loop."""
    def loop(body):
        code = f"def run():\n    for _ in range({count}):\n        {body}\n"
        space = dict(names)
        exec(code, space)
        # The thread's own time: others on the machine do not count.
        begun = time.thread_time_ns()
        space["run"]()
        return (time.thread_time_ns() - begun) / count

    return loop(statement) - loop("pass")


def reads(memory):
    view = memory.follow("plans/")
    lock, table = threading.Lock(), {record.key: record for record in view.values()}
    names = {"view": view, "handle": view.handle(KEYS[7]), "table": table, "lock": lock, "key": KEYS[7]}
    found = {
        "a dict behind a lock, by `with lock: table[key]`": each("with lock: table[key]", names),
        "cached read of a hot key, view[key]": each("view[key]", names),
        "the same and its bytes, view[key].value": each("view[key].value", names),
        "by handle, handle.record": each("handle.record", names),
        "absent key, view.peek(key)": each("view.peek('plans/none')", names),
        "two keys of one revision, view.read(a, b)": each("view.read('plans/00001', 'plans/00002')", names, 20_000),
    }
    # Transactions return once own views show them, and one of other topics learns of it with the next heartbeat.
    view.close()
    return found


def transactions(memory, agent):
    count = 300
    ended = subprocess.run(
        [agent, "time", "--broker", memory.address, "--as", "swift", str(count)], capture_output=True, text=True,
        check=True)
    swift, times = float(ended.stdout), []
    for _ in range(count):
        begun = time.perf_counter_ns()
        memory.transact(lambda tx: tx.put("commits/python", VALUE))
        times.append(time.perf_counter_ns() - begun)
    python = statistics.median(times)
    return {
        "a transaction of 512 B by the Swift client, one after another": swift,
        "the same from Python": python,
        "from Python ÷ by Swift": python / swift,
    }


def watching(memory):
    count = 0
    with memory.watch("plans/", after=0) as watch:
        begun = time.perf_counter_ns()
        for _ in watch:
            count += 1
            if count == len(KEYS):
                break
        took = time.perf_counter_ns() - begun
    return {"watched changes a second": count / took * 1e9}


def starting(url):
    code = (
        "import time; begun = time.perf_counter(); import membus\n"
        f"memory = membus.connect({url!r}, agent='a'); memory.follow('small/')\n"
        "print((time.perf_counter() - begun) * 1e9)")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"import, connect and follow": float(ended.stdout)}


def shown(name, value):
    if "÷" in name:
        return f"{value:.2f}"
    if "a second" in name:
        return f"{value:,.0f}"
    return f"{value:.1f} ns" if value < 1e4 else f"{value / 1e3:.0f} µs" if value < 1e6 else f"{value / 1e6:.1f} ms"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    agent = os.environ["MEMBUS_AGENT_BINARY"]
    # As an installed package is: pip compiles it.
    compileall.compile_dir(conftest.place / "membus", quiet=1)
    found = {}
    with tempfile.TemporaryDirectory() as place, Broker(Path(place) / "data") as broker:
        with membus.connect(broker.url, agent="benchmark") as memory:
            for start in range(0, len(KEYS), 500):
                memory.transact(lambda tx, start=start: [tx.put(key, VALUE) for key in KEYS[start:start + 500]])
            for _ in range(rounds):
                for part in (reads(memory), transactions(memory, agent), watching(memory), starting(broker.url)):
                    for name, value in part.items():
                        found.setdefault(name, []).append(value)
    print("| Measure | Median | Rounds |\n| --- | --- | --- |")
    for name, values in found.items():
        print(f"| {name} | {shown(name, statistics.median(values))} "
              f"| {shown(name, min(values))} to {shown(name, max(values))} |")


if __name__ == "__main__":
    main()

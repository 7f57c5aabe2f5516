"""What branches cost, beside DoltLite and MemFork, and alone: see deploy/branch-benchmark.

    Tests/Python/branch_benchmark.py [--only NAME …] [--doltlite PYTHON] [--memfork PYTHON] [--quick] [--json]

peers   Fork, commit, diff and merge beside the peers. Each peer is a process of its own (branch_peers.py tells what they do for
        it, and how durable that is), they take turns within a round, and the next round begins with another of them; a ratio is
        one of a round. The state: 1,000, 100,000 and 1,000,000 records of 200 bytes on main. A round: a commit on main, which is
        not measured, since others had the processor before; a fork of main; a commit of 1 or 1,000 keys on it, spread evenly over
        all; one of another key on main, not measured, so that the merge has two sides; the diff of both with the values of both
        sides (MemFork tells keys only), and the merge.
forks   A fork of main beside 1,000 and 1,000,000 records of 200 bytes, and beside 1 and 10,000 branches: four brokers, in turns.
depth   A read through a branch of a branch, eight deep, of what main has, and of a record's first of 1,000 versions.
undo    1,000 and 10,000 keys, each changed by a commit of its own on a branch, 1,000,000 other commits between those on main:
        the diff, a merge into a branch that has none of it, the rollback of that, a revert of the commits on another branch; and
        how long somebody else, who commits one record after another, waits meanwhile at most; beside it, for as long without.
impact  A history of 10,000 and of 1,000,000 commits, each with two reads on record, in tasks of ten commits, each task a context.
        What derives from its first version, which the first commit of a task has read: of one task of a hundred, or of all. The
        first 10,000 commits are listed, with why each counts.
reads   16 clients with 16 commits of 512 bytes in flight, with two reads on record in each, and without, in turns. And what a
        read takes in the store: of the same 100,000 commits with two reads each, and without, and of 200,000 more in batches
        as views send them. Bytes are those in use (pages less the free ones), after the broker has ended; keys have 21, agents 8,
        contexts 9. 2,000 versions have been read.
trips   Branches, one after another: forked, one commit on it and one on main, main merged into it, it into main. The first fifty
        such merges beside the last fifty.

Each figure stands beside what it is compared with in the same run, and with the load average of the minute.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conftest  # noqa: E402, F401  (builds the package, and finds it)
from processes import Broker, start  # noqa: E402

import membus  # noqa: E402

HERE = Path(__file__).parent
SCALES = (1000, 100_000, 1_000_000)
KINDS = ("fork", "commit", "diff", "merge")


class Worker:
    """A process that is asked by lines."""

    def __init__(self, *command, **options):
        self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.answer()

    def send(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, "the process ended"
        return json.loads(line)

    def ask(self, **request):
        self.send(**request)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def load(broker):
    # It imports the protocol's messages as `membus.v1`.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return Worker(sys.executable, HERE.parent / "Processes/branch_load.py", broker.url, env=environment)


class Report:
    """A table. A bound that is not kept is told at the end."""

    def __init__(self, is_json):
        self.is_json, self.missed = is_json, 0
        if not is_json:
            print("| Measure | Target | Median | Rounds | Beside it, in the same run | Load | Met |\n"
                  "| --- | --- | --- | --- | --- | --- | --- |", flush=True)

    def row(self, measure, values, unit, beside="", target="", met=None):
        """values: of the rounds, or one."""
        values = values if isinstance(values, list) else [values]
        median, load_average = statistics.median(values), os.getloadavg()[0]
        self.missed += met is False
        if self.is_json:
            print(json.dumps({"measure": measure, "median": median, "least": min(values), "most": max(values), "unit": unit,
                              "beside": beside, "target": target, "met": met, "load": load_average}), flush=True)
            return
        rounds = f"{number(min(values))} to {number(max(values))} {unit}" if len(values) > 1 else ""
        print(f"| {measure} | {target} | {number(median)} {unit} | {rounds} | {beside} | {load_average:.1f} "
              f"| {'' if met is None else 'yes' if met else '**no**'} |", flush=True)


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def note(text):
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {text} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)


def milliseconds(body):
    begun = time.perf_counter()
    result = body()
    return (time.perf_counter() - begun) * 1000, result


# ---- Beside the peers

class Team:
    """Membus and those of its peers that are there, all with the same records."""

    def __init__(self, arguments, place, records):
        peers = HERE / "branch_peers.py"
        self.broker = Broker(place / "data")
        self.broker.start()
        self.workers = {"Membus": Worker(sys.executable, peers, "membus", self.broker.url)}
        if arguments.doltlite:
            self.workers["DoltLite"] = Worker(arguments.doltlite, peers, "doltlite", place / "doltlite.db")
        if arguments.memfork:
            # Its server takes some 20 puts a second of one client, however fast the disk is.
            if records <= 1000:
                program = Path(arguments.memfork).parent / "memfork"
                self.workers["MemFork"] = Worker(arguments.memfork, peers, "memfork", program, place / "memfork")
            # A merge takes it ten seconds at a million.
            if records <= 100_000:
                self.workers["MemFork's engine, in memory"] = Worker(arguments.memfork, peers, "memfork-engine")
        for name, worker in self.workers.items():
            note(f"{records:,} records for {name}: {worker.ask(do='fill', count=records)['seconds']:.1f} s")

    def close(self):
        for worker in self.workers.values():
            worker.close()
        self.broker.stop()

    def turn(self, name, records, keys, round_number):
        """-> seconds by kind"""
        worker, branch = self.workers[name], f"trial-{keys}-{round_number}"
        text = f"{branch} ".ljust(20, "x") * 10
        changed = [one * (records // keys) for one in range(keys)]
        # Somebody else's turn was before, and took the processor's caches.
        worker.ask(do="commit", branch="main", keys=["aside"], text="before")
        took = {"fork": worker.ask(do="fork", name=branch)["seconds"]}
        took["commit"] = worker.ask(do="commit", branch=branch, keys=changed, text=text)["seconds"]
        worker.ask(do="commit", branch="main", keys=["aside"], text=text)
        asked = worker.ask(do="diff", branch=branch)
        assert asked["found"] == keys + 1, f"{name} finds {asked['found']} differences, of {keys + 1}"
        took["diff"] = asked["seconds"]
        took["merge"] = worker.ask(do="merge", branch=branch)["seconds"]
        if round_number == 0:
            found = worker.ask(do="count", branch="main", text=text)["found"]
            assert found in (None, keys), f"{name} has merged {found} keys, of {keys}"
        return took


def peers(report, arguments, place):
    for records in SCALES[:2] if arguments.quick else SCALES:
        (place / f"peers-{records}").mkdir()
        team = Team(arguments, place / f"peers-{records}", records)
        for keys, rounds in ((1, 15), (1000, 7)):
            beside_peers(report, team, records, keys, 3 if arguments.quick else rounds)
        team.close()


def beside_peers(report, team, records, keys, rounds):
    found = {name: {kind: [] for kind in KINDS} for name in team.workers}
    for round_number in range(rounds + 1):
        # A thousand puts take MemFork's server most of a minute.
        names = [name for name in found if name != "MemFork" or keys == 1 or round_number < 3]
        turned = names[round_number % len(names):] + names[:round_number % len(names)]
        for name in turned:
            took = team.turn(name, records, keys, round_number)
            for kind in KINDS if round_number else ():  # The first one warms up.
                found[name][kind].append(took[kind] * 1000)
    own = found.pop("Membus")
    for kind in KINDS:
        beside = []
        for name, theirs in found.items():
            ratios = [ours / other for ours, other in zip(own[kind], theirs[kind])]
            beside.append(f"{name} {number(statistics.median(theirs[kind]))} ms: ×{number(statistics.median(ratios))}")
        what = "fork" if kind == "fork" else f"{kind} of {keys:,} key{'s' if keys > 1 else ''}"
        if kind != "fork" or keys == 1:
            report.row(f"{what}, {records:,} records", own[kind], "ms", "; ".join(beside))


# ---- Alone

def forks(report, arguments, place):
    few, many = "1,000 records", f"{100_000 if arguments.quick else 1_000_000:,} records"
    one, crowd = "1 branch", f"{1000 if arguments.quick else 10_000:,} branches"
    states = {few: ("records", 1000), many: ("records", int(many.split()[0].replace(",", ""))),
              one: ("branches", 1), crowd: ("branches", int(crowd.split()[0].replace(",", "")))}
    brokers, memories, taken = {}, {}, {}
    for state, (what, count) in states.items():
        brokers[state] = Broker(place / state.replace(" ", "-"))
        brokers[state].start()
        with load(brokers[state]) as feed:
            note(f"{state}: {feed.ask(do=what, count=count)['seconds']:.1f} s")
        memories[state], taken[state] = membus.connect(brokers[state].url, agent="observer"), []
    for round_number in range(201):
        for state in list(states) if round_number % 2 else reversed(states):
            taken[state].append(milliseconds(lambda: memories[state].fork(f"fork-{round_number}"))[0])
    for state in states:
        memories[state].close()
        brokers[state].stop()
    for small, large in ((few, many), (one, crowd)):
        medians = [statistics.median(taken[state]) for state in (small, large)]
        ratio = medians[1] / medians[0]
        report.row(f"a fork beside {small}", taken[small], "ms", target="≤ 1 ms", met=medians[0] <= 1)
        report.row(f"a fork beside {large}", taken[large], "ms", f"{small}: {number(medians[0])} ms: ×{number(ratio)}",
                   "≤ 1 ms, ≤ 1.2 ×", medians[1] <= 1 and ratio <= 1.2)


def depth(report, arguments, place):
    depth, versions, keys = 8, 1000, 10_000
    with Broker(place / "depth") as broker, membus.connect(broker.url, agent="observer") as memory:
        with load(broker) as feed:
            first = feed.ask(do="depths", depth=depth, versions=versions)["first"]
        gets = {
            "a read of main's head": lambda key: memory.get(key),
            f"a read at depth {depth}": lambda key: memory.get(key, branch=f"level-{depth}"),
            f"a read behind {versions:,} versions": lambda _: memory.get("busy", at=first),
        }
        taken = {name: [] for name in gets}
        for round_number in range(500 if arguments.quick else 3000):
            for name, body in gets.items():
                took, found = milliseconds(lambda: body(f"k/{round_number * 7 % keys:07}"))
                assert found is not None, name
                taken[name].append(took * 1000)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    head, *others = taken
    for name in others:
        ratio = medians[name] / medians[head]
        report.row(name, medians[name], "µs", f"main's head: {number(medians[head])} µs: ×{number(ratio)}",
                   "≤ 2 × main's head", ratio <= 2)


def undo(report, arguments, place):
    others = 10_000 if arguments.quick else 1_000_000
    for keys, bound, wait in ((1000, 50, 25), (10_000, None, 250)):
        with Broker(place / f"undo-{keys}") as broker, load(broker) as feed, load(broker) as other, \
                membus.connect(broker.url, agent="observer", timeout=120) as memory:
            told = feed.ask(do="undoing", keys=keys, others=others)
            note(f"{keys:,} keys, {others:,} other commits: {told['seconds']:.1f} s")
            figures = undone(memory, other, keys, told["since"], 3 if arguments.quick else 7)
        what = {name: f"a {name} of {keys:,} {'commits' if name == 'revert' else 'keys'}"
                for name in ("diff", "merge", "rollback", "revert")}
        for name, words in what.items():
            took = figures[name, "took"]
            report.row(f"{words}, {others:,} other commits between", took, "ms", "", f"≤ {bound} ms" if bound else "",
                       statistics.median(took) <= bound if bound else None)
        for name, words in what.items():
            waited, alone = figures[name, "waited"], figures[name, "alone"]
            report.row(f"another writer's longest wait during {words}", waited, "ms",
                       f"as long without: {number(statistics.median(alone))} ms", f"≤ {wait} ms",
                       statistics.median(waited) <= wait)


def undone(memory, other, keys, since, rounds):
    """-> milliseconds by (what was done, "took", "waited" or "alone")"""
    figures = {}
    for round_number in range(rounds):
        target, clean = f"target-{round_number}", f"clean-{round_number}"
        before = memory.fork(target, at=since).token.revision
        memory.fork(clean, parent="trial")
        bodies = {
            "diff": lambda: len(list(memory.diff(f"trial@{since}", "trial", page_size=10_000))),
            "merge": lambda: memory.merge("trial", into=target).result.written,
            "rollback": lambda: memory.rollback(before, branch=target) and keys,
            "revert": lambda: memory.revert(agent="feed", since=since, branch=clean) and keys,
        }
        for name, body in bodies.items():
            other.send(do="write")
            took, found = milliseconds(body)
            waited = other.ask()
            assert found == keys, f"{name}: {found} keys, of {keys}"
            other.send(do="write")
            time.sleep(took / 1000)
            alone = other.ask()
            for kind, value in (("took", took), ("waited", waited["longest"]), ("alone", alone["longest"])):
                figures.setdefault((name, kind), []).append(value)
    return figures


def impact(report, arguments, place):
    for commits, bound in ((10_000, 50), (100_000 if arguments.quick else 1_000_000, 5000)):
        for apart in (100, 1):
            broker = Broker(place / f"impact-{commits}-{apart}")
            with broker, load(broker) as feed, membus.connect(broker.url, agent="observer", timeout=60) as memory:
                told = feed.ask(do="readings", commits=commits, tasks_apart=apart)
                note(f"{commits:,} commits: {told['seconds']:.1f} s")
                taken, unread, seed = [], [], told["seed"]
                for _ in range(9 if commits <= 10_000 else 5):
                    took, found = milliseconds(lambda: memory.impact(versions=[("facts/seed", seed)]))
                    derived = len(found["commits"]) + found.get("unlisted", 0)
                    assert derived == told["derived"], f"{derived} commits derive, of {told['derived']}"
                    taken.append(took)
                    unread.append(feed.ask(do="impact", seed=seed)["took"])
            report.row(f"impact over {commits:,} commits, {derived - 1:,} of which derive", taken, "ms",
                       f"until the answer is there: {number(statistics.median(unread))} ms", f"≤ {bound:,} ms",
                       statistics.median(taken) <= bound)


def reads(report, arguments, place):
    rounds, seconds = (3, 1) if arguments.quick else (9, 3)
    with Broker(place / "rate") as broker, load(broker) as feed:
        feed.ask(do="facts", count=10_000)
        feed.ask(do="rate", seconds=1, reads=0)
        rates, costs = {0: [], 2: []}, {0: ([], []), 2: ([], [])}
        for round_number in range(rounds):
            for count in (0, 2) if round_number % 2 else (2, 0):
                busy = processor_seconds(broker.pid)
                told = feed.ask(do="rate", seconds=seconds, reads=count)
                rates[count].append(told["rate"])
                costs[count][0].append((processor_seconds(broker.pid) - busy) / told["count"] * 1e6)
                costs[count][1].append(told["own"])
    ratio = statistics.median(b / a for a, b in zip(rates[0], rates[2]))
    cost = {count: [number(statistics.median(one)) for one in costs[count]] for count in costs}
    report.row("commits with two recorded reads, 16 clients × 16 in flight", rates[2], "/s",
               f"without: {number(statistics.median(rates[0]))} /s: ×{number(ratio)}; processor time a commit: broker "
               f"{cost[2][0]} µs, without {cost[0][0]} µs; load {cost[2][1]} µs, without {cost[0][1]} µs",
               "≥ 0.9 × without", ratio >= 0.9)

    commits, facts = (10_000 if arguments.quick else 100_000), 2000

    def size(name, *steps):
        with Broker(place / name) as broker, load(broker) as feed:
            for step in [{"do": "facts", "count": facts}, *steps]:
                feed.ask(**step)
        return stored(place / name)
    plain = size("plain", {"do": "commits", "count": commits, "reads": 0})
    carried = size("carried", {"do": "commits", "count": commits, "reads": 2})
    noted = size("noted", {"do": "commits", "count": commits, "reads": 0}, {"do": "notes", "count": 2 * commits})
    for name, found in (("carried by transactions", carried), ("in batches", noted)):
        (used, file), (plain_used, plain_file) = found, plain
        each = (used - plain_used) / (2 * commits)
        report.row(f"a recorded read, {2 * commits:,} {name}", each, "bytes",
                   f"the file grew by {(file - plain_file) / (2 * commits):.1f}", "≤ 45 bytes", each <= 45)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(data):
    """-> bytes in use, bytes of the files"""
    files = [file for file in data.rglob("*") if file.is_file()]
    store = max((file for file in files if file.read_bytes()[:15] == b"SQLite format 3"), key=lambda file: file.stat().st_size)
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        size, pages, free = (database.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_size", "page_count", "freelist_count"))
    return size * (pages - free), sum(file.stat().st_size for file in files)


def trips(report, arguments, place):
    for count in arguments.trips or ((100, 300) if arguments.quick else (300, 1000, 10_000)):
        with Broker(place / f"trips-{count}") as broker, membus.connect(broker.url, agent="observer", timeout=60) as memory:
            memory.put("start", "x")
            taken, begun = {"fork": [], "out": [], "in": []}, time.perf_counter()
            for index in range(count):
                name = f"branch-{index}"
                taken["fork"].append(milliseconds(lambda: memory.fork(name))[0])
                memory.put(f"own/{index}", "x" * 200, branch=name)
                memory.put(f"main/{index % 100}", "x" * 200)
                taken["out"].append(milliseconds(lambda: memory.merge("main", into=name))[0])
                taken["in"].append(milliseconds(lambda: memory.merge(name))[0])
            seconds = time.perf_counter() - begun
        note(f"{count:,} branches out and in: {seconds:.1f} s")
        ways = {"fork": "a fork of main", "out": "a merge of main into a branch", "in": "a merge of a branch into main"}
        for way, words in ways.items():
            first, last = taken[way][:50], taken[way][-50:]
            ratio = statistics.median(last) / statistics.median(first)
            report.row(f"{words}, the last 50 of {count:,} branches", last, "ms",
                       f"the first 50: {number(statistics.median(first))} ms: ×{number(ratio)}; all took {seconds:.1f} s")


SECTIONS = {"peers": peers, "forks": forks, "depth": depth, "undo": undo, "impact": impact, "reads": reads, "trips": trips}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME")
    parser.add_argument("--doltlite", help="a Python that has DoltLite")
    parser.add_argument("--memfork", help="a Python that has MemFork")
    parser.add_argument("--trips", nargs="+", type=int, metavar="N", help="how many branches go out and in")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller states")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = Report(arguments.json)
    for name in arguments.only:
        note(name)
        with tempfile.TemporaryDirectory(prefix="membus-branch-benchmark-") as place:
            SECTIONS[name](report, arguments, Path(place))
    return 0 if not report.missed else 1


if __name__ == "__main__":
    sys.exit(main())

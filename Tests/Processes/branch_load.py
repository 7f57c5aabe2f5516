"""Load for Tests/Python/branch_benchmark.py: many transactions under way at once, in the words of the protocol, by a process
of its own. It takes a request a line, and answers with a line.

    branch_load.py URL

The package `membus` asks for one thing at a time, and a million commits would take it a quarter of an hour; and who waits for
a commit while others work must not wait for their interpreter.
"""

import itertools
import json
import random
import select
import sys
import time
from pathlib import Path

import zmq

sys.path.insert(0, str(Path(__file__).parent / "python"))
from membus_client import Connection, Session, request  # noqa: E402
from membus_protos import bus, memory  # noqa: E402

WINDOW = 256
#: Standard input, of which nothing is read ahead.
LINES = open(0, "rb", buffering=0, closefd=False)


class Lane:
    """A session, and what it has under way."""

    def __init__(self, url, agent):
        self.connection = Connection(url)
        self.connection.hello(agent)
        self.socket = self.connection.socket
        self.request = bus.Request(version=1, instance=self.connection.instance)
        self.request.transact.session = Session(self.connection, agent).id
        self.session = self.request.transact.session.to_bytes(8, "little")
        self.instance = self.request.instance.to_bytes(8, "little")
        self.agent = agent
        self.sent = self.answered = 0
        self.socket.setsockopt(zmq.RCVTIMEO, 60_000)

    def send(self, work):
        """work: a Transaction, or a Fork."""
        self.sent += 1
        transact = self.request.transact
        self.request.id = transact.number = self.sent
        transact.acknowledged = self.answered
        (transact.fork if isinstance(work, bus.Fork) else transact.transaction).CopyFrom(work)
        self.socket.send(self.request.SerializeToString())

    def pass_on(self, work):
        """work: a Transaction that is encoded already. The bytes around it are put together by hand, so that what a client has
        to do is hardly more for a longer one."""
        self.sent += 1
        transact = b"".join((b"\x09", self.session, b"\x10", varint(self.sent), b"\x18", varint(self.answered), work))
        self.socket.send(b"".join((
            b"\x08\x01\x10", varint(self.sent), b"\x21", self.instance, b"\x62", varint(len(transact)), transact)))

    def receive(self, flags=0):
        """-> the revision of the next commit"""
        reply = bus.Reply.FromString(self.socket.recv_multipart(flags)[-1])
        assert reply.WhichOneof("body") == "outcome", reply
        assert reply.outcome.committed, reply.outcome
        self.answered += 1
        return reply.outcome.position.revision

    def drive(self, works, window=WINDOW):
        """-> the revisions of all of them"""
        revisions = []
        for work in works:
            while self.sent - self.answered >= window:
                revisions.append(self.receive())
            self.send(work)
        while self.answered < self.sent:
            revisions.append(self.receive())
        return revisions

    def note(self, notes):
        """One batch of what was read."""
        self.connection.call(request(note_reads=bus.NoteReads(agent=self.agent, reads=notes)))


def varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def put(key, value):
    return memory.Change(key=key, put=memory.Put(value=value))


def transaction(changes, branch="", context="", reads=()):
    return memory.Transaction(branch=branch, context=context, changes=changes, reads=reads)


def read(key, version):
    return memory.ReadVersion(key=key, version=version)


class Load:
    def __init__(self, url):
        self.url = url
        self.lanes = {}
        self.versions = {}

    def lane(self, agent):
        if agent not in self.lanes:
            self.lanes[agent] = Lane(self.url, agent)
        return self.lanes[agent]

    def records(self, count, prefix="k/", value="x" * 200, each=1000):
        """Records of one value, so many a commit."""
        lane, value = self.lane("feed"), value.encode()
        lane.drive((transaction([put(f"{prefix}{number:07}", value) for number in range(start, min(count, start + each))])
                    for start in range(0, count, each)), window=8)
        return {}

    def branches(self, count):
        """So many branches, and a commit on main between each ten."""
        lane = self.lane("feed")
        works = []
        for number in range(count):
            works.append(bus.Fork(name=f"branch-{number}"))
            if number % 10 == 0:
                works.append(transaction([put(f"k/{number % 100}", b"x")]))
        lane.drive(works)
        return {}

    def depths(self, depth, versions, keys=10_000):
        """Records on main, branches of branches, each with a record of its own, and a record of many versions.
        -> the revision of the first of those"""
        self.records(keys)
        lane, parent = self.lane("feed"), "main"
        for level in range(1, depth + 1):
            name = f"level-{level}"
            lane.drive([bus.Fork(name=name, parent=parent), transaction([put(f"own/{level}", b"x")], branch=name)])
            parent = name
        return {"first": lane.drive(transaction([put("busy", str(number).encode())]) for number in range(versions))[0]}

    def undoing(self, keys, others):
        """Keys, a branch `trial`, and on that a new version of each, a commit for each key; between those, the other commits
        on main. -> the revision that made the branch"""
        self.records(keys, value="old")
        lane = self.lane("feed")
        since, = lane.drive([bus.Fork(name="trial")])
        between = others // keys

        def works():
            for number in range(keys):
                yield transaction([put(f"k/{number:07}", b"new")], branch="trial")
                for other in range(number * between, (number + 1) * between):
                    yield transaction([put(f"other/{other % 50_000}", b"x")])

        lane.drive(works())
        return {"since": since}

    def readings(self, commits, tasks_apart=100, each=10):
        """Commits in tasks of ten, each task a context: each commit has two reads on record. In one task of so many the first
        commit has read the seed: all of the task derives from it. -> the seed, and how many derive, itself included"""
        lane = self.lane("feed")
        keys = 10_000
        versions = lane.drive(transaction([put(f"facts/{number:05}", b"x" * 200)]) for number in range(keys))
        seed, = lane.drive([transaction([put("facts/seed", b"x" * 200)])])

        def works():
            for number in range(commits):
                task, place = divmod(number, each)
                first, second = number * 7 % keys, number * 13 % keys
                reads = [read(f"facts/{first:05}", versions[first]), read(f"facts/{second:05}", versions[second])]
                if place == 0 and task % tasks_apart == 0:
                    reads[0] = read("facts/seed", seed)
                yield transaction([put(f"work/{number % 50_000}", b"x" * 200)], context=f"task-{task}", reads=reads)

        lane.drive(works())
        derived = sum(min(each, commits - task * each) for task in range(0, -(-commits // each), tasks_apart))
        return {"seed": seed, "derived": derived + 1}

    def impact(self, seed):
        """-> milliseconds until the answer is there, unread"""
        lane = self.lane("feed")
        asked = request(id=1, impact=bus.GetImpact(versions=[bus.VersionName(key="facts/seed", revision=seed)]))
        begun = time.perf_counter()
        lane.socket.send(asked.SerializeToString())
        lane.socket.recv_multipart()
        return {"took": (time.perf_counter() - begun) * 1000}

    def facts(self, count):
        """What there is to read."""
        names = [f"plans/paris/day-{number:05}" for number in range(count)]
        revisions = self.lane("feed").drive(transaction([put(name, b"x" * 200)]) for name in names)
        self.versions = dict(zip(names, revisions))
        return {"key_bytes": len(names[0])}

    def commits(self, count, reads):
        """Commits of 200 bytes, each with so many reads on record, each of them of something else."""
        facts = itertools.cycle(self.versions.items())
        self.lane("feed").drive(
            transaction([put(f"work/{number % 10_000}", b"x" * 200)], context=f"trip-{number // 100:04}",
                        reads=[read(*next(facts)) for _ in range(reads)]) for number in range(count))
        return {}

    def notes(self, count, agents=16, batch=100):
        """Reads on record, in batches, as views send them: each agent, in one trip after another, has read all there is."""
        facts = list(self.versions.items())
        now = int(time.time() * 1000)
        places = ((trip, agent, start) for trip in itertools.count() for agent in range(agents)
                  for start in range(0, len(facts), batch))
        for trip, agent, start in itertools.islice(places, count // batch):
            self.lane(f"agent-{agent:02}").note([
                bus.NoteReads.Note(context=f"trip-{trip:04}", branch="main", key=name, version=version, time_ms=now)
                for name, version in facts[start:start + batch]])
        return {}

    def rate(self, seconds, reads, clients=16, window=16):
        """Commits of 512 bytes a second by many clients at once, each commit with so many reads on record; and the processor time
        that this took here, in microseconds a commit."""
        lanes = [self.lane(f"load-{number:02}") for number in range(clients)]
        facts = list(self.versions.items())

        def encoded(number):
            work = transaction(
                [put(f"wire/{number:05}", b"v" * 512)], context=f"trip-{number % clients:02}",
                reads=[read(*facts[(number * 7 + place * 5003) % len(facts)]) for place in range(reads)]).SerializeToString()
            return b"\x22" + varint(len(work)) + work

        works = itertools.cycle([encoded(number) for number in range(10_000)])
        poller, by_socket = zmq.Poller(), {}
        for lane in lanes:
            poller.register(lane.socket, zmq.POLLIN)
            by_socket[lane.socket] = lane

        def fill(lane):
            while lane.sent - lane.answered < window:
                lane.pass_on(next(works))

        before, begun, busy = sum(lane.answered for lane in lanes), time.monotonic(), time.process_time()
        for lane in lanes:
            fill(lane)
        while any(lane.answered < lane.sent for lane in lanes):
            for socket, _ in poller.poll(60_000):
                lane = by_socket[socket]
                try:
                    while True:
                        lane.receive(zmq.NOBLOCK)
                except zmq.Again:
                    pass
                if time.monotonic() - begun < seconds:
                    fill(lane)
        taken, count = time.monotonic() - begun, sum(lane.answered for lane in lanes) - before
        return {"rate": count / taken, "count": count, "own": (time.process_time() - busy) / count * 1e6}

    def write(self):
        """Commits one after another until there is another line. -> the longest, and all of them, in milliseconds"""
        lane, taken = self.lane("other"), []
        while True:
            begun = time.perf_counter()
            lane.send(transaction([put("elsewhere", str(len(taken)).encode())]))
            lane.receive()
            taken.append((time.perf_counter() - begun) * 1000)
            if select.select([LINES], [], [], 0)[0]:
                LINES.readline()
                taken.sort()
                return {"longest": taken[-1], "median": taken[len(taken) // 2], "count": len(taken)}


def main():
    random.seed(1)
    load = Load(sys.argv[1])
    print("{}", flush=True)
    while line := LINES.readline():
        asked = json.loads(line)
        begun = time.perf_counter()
        told = getattr(load, asked.pop("do"))(**asked)
        print(json.dumps({"seconds": time.perf_counter() - begun, **told}), flush=True)


if __name__ == "__main__":
    main()

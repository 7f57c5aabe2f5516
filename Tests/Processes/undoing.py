"""An agent that forks, merges and undoes, in the words of the tests. Raw protocol, one session."""

from pathlib import Path

from membus_client import Connection, Refused, Session, request
from membus_protos import bus, memory


def put(key, value, kind="text", **fields):
    return memory.Change(key=key, put=memory.Put(value=str(value).encode(), kind=kind, **fields))


def delete(key):
    return memory.Change(key=key, delete=memory.Delete())


def increment(key, by=1):
    return memory.Change(key=key, increment=by)


def append(key, text):
    return memory.Change(key=key, append=text.encode())


def reading(*versions):
    """(key, revision)… as a transaction names them."""
    return [memory.ReadVersion(key=key, version=revision) for key, revision in versions]


def resolution(conflict, side):
    return bus.Resolution(key=conflict.key, ours=conflict.ours.record.revision,
                          theirs=conflict.theirs.record.revision, **{f"take_{side}": True})


class Unsettled(Exception):
    """Nothing was written: somebody has to decide about these keys."""

    def __init__(self, conflicts):
        super().__init__(", ".join(f"{conflict.key}: {conflict.kind}" for conflict in conflicts))
        self.conflicts = conflicts
        self.keys = {conflict.key for conflict in conflicts}


class Hand:
    def __init__(self, broker, agent="hand", **options):
        self.connection = Connection(broker.url, **options)
        self.session = Session(self.connection, agent)

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- Writing. Each returns the revision, or None: there was nothing to do.

    def do(self, work, timeout=30.0):
        outcome = self.session.wait(self.session.submit(work), timeout)
        result = outcome.WhichOneof("result")
        if result == "unsettled":
            raise Unsettled(outcome.unsettled.conflicts)
        assert result in ("committed", "merged", "held"), outcome
        return None if result == "held" else outcome.position.revision

    def write(self, *changes, branch="main", **fields):
        return self.do(memory.Transaction(branch=branch, changes=changes, **fields))

    def put(self, key, value, branch="main", **fields):
        return self.write(put(key, value), branch=branch, **fields)

    def fork(self, name, parent="main", **fields):
        return self.do(bus.Fork(name=name, parent=parent, **fields))

    def merge(self, source, target="main", sides=None, **fields):
        """sides: {key: "ours", "theirs" or "base"}, for what is in conflict."""
        work = bus.Merge(source=source, target=target, **fields)
        if not sides:
            return self.do(work)
        try:
            return self.do(work)
        except Unsettled as unsettled:
            work.resolutions.extend(resolution(conflict, sides[conflict.key]) for conflict in unsettled.conflicts
                                    if conflict.key in sides)
        return self.do(work)

    def rollback(self, to, branch="main", **fields):
        return self.do(bus.Rollback(branch=branch, to=to, **fields))

    def revert(self, *revisions, branch="main", **fields):
        return self.do(bus.Revert(branch=branch, revisions=revisions, **fields))

    def change(self, name, action):
        return self.do(bus.BranchChange(name=name, action=bus.BranchChange.Action.Value(action)))

    def tag(self, name, branch="main", at=None):
        return self.do(bus.TagChange(name=name, create=bus.TagChange.Create(branch=branch, at=at)))

    # ---- Looking

    def ask(self, **body):
        return self.connection.call(request(**body))

    def plan(self, work):
        field = type(work).__name__.lower()
        return self.ask(plan=bus.Plan(**{field: work})).planned

    def head(self):
        return self.ask(ping=bus.Ping()).visible.revision

    def state(self, branch="main", at=None, *topics):
        """key -> value"""
        records = self.connection.range(*(topics or ["/"]), branch=branch, at=at)
        return {key: record.value.decode() for key, record in records.items()}

    def value(self, key, branch="main"):
        record = self.connection.get(key, branch=branch).get(key)
        return record.value.decode() if record else None

    def differing(self, one, other):
        """Keys in which two branches differ."""
        sides = {"from": bus.BranchState(branch=one), "to": bus.BranchState(branch=other)}
        differences = self.ask(diff=bus.GetDiff(**sides, topics=["/"], limit=10_000)).diff.differences
        return {difference.to.key or getattr(difference, "from").key for difference in differences}

    def problems(self):
        return list(self.connection.call(request(verify=bus.Verify()), patience=60).verification.problems)


def work_done_by(pid):
    """Seconds for which the threads of a process have run: waiting for others does not count."""
    done = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            done += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return done / 1e9


__all__ = [
    "Hand", "Refused", "Unsettled", "append", "delete", "increment", "put", "reading", "resolution", "work_done_by"]

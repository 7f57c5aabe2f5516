"""A broker and the model of its rules (model.py), given the same operations: each takes one revision of both, so that every
revision, state, diff, merge and undo can be compared.

The model's kinds, as a broker has them: "counter"; "json", an object; "set", an array of JSON under a policy; "log", a text
that is only appended to; "lines", a text that is put whole; "text", a kind of one's own, which nobody can merge."""

import copy
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

import model  # noqa: E402
from membus_client import Connection, Refused, Session, request  # noqa: E402
from membus_protos import bus, memory  # noqa: E402

KINDS = {"t": "text", "n": "counter", "j": "json", "s": "set", "g": "log", "l": "lines"}
ON_BROKER = {"text": "note", "counter": "counter", "json": "json", "set": "json", "log": "text", "lines": "text"}


def name(branch):
    return "main" if branch == 0 else f"b{branch}"


def key_of(key):
    """`s1` of the model is `s/1` of the broker: policies are for topics."""
    return f"{key[0]}/{key[1:]}"


def key_in_model(key):
    return key.replace("/", "")


class Parted(Exception):
    """What was to be merged or undone needs history that the broker has forgotten: it asks, where the model knows. What follows
    is another history."""


class Mirror:
    """One history."""

    def __init__(self, broker):
        self.connection = Connection(broker.url)
        self.session = Session(self.connection, "model")
        self.model = model.Store()
        self.floor = 0
        policy = memory.Put(value=b'{"topic": "s/", "policy": "set"}', kind="json")
        self.transact(0, memory.Change(key=".membus/policies/sets", put=policy))
        self.model.commit(0, {})

    def close(self):
        self.connection.close()

    # ---- writing

    def do(self, work):
        return self.session.wait(self.session.submit(work))

    def transact(self, branch, *changes, context="", reads=()):
        read = [memory.ReadVersion(key=key_of(key), version=revision) for revision, key in reads]
        outcome = self.do(memory.Transaction(branch=name(branch), changes=changes, context=context, reads=read))
        assert outcome.WhichOneof("result") == "committed", outcome
        return outcome.position.revision

    def same_revision(self, revision):
        assert self.model.rev == revision, f"the model is at {self.model.rev}, the broker at {revision}"

    def put(self, branch, key, value, **who):
        """A whole write of the model's value; what is there keeps its order, as whoever edits it would keep it."""
        kind = KINDS[key[0]]
        present = self.get(branch, key)
        if kind == "json":
            old = json.loads(present) if present else {}
            new = {name: value[name] for name in old if name in value}
            new.update((name, value[name]) for name in value if name not in new)
            text = json.dumps(new)
        elif kind == "set":
            old = json.loads(present) if present else []
            text = json.dumps([one for one in old if one in value] + [one for one in value if one not in old])
        elif kind == "lines":
            text = "".join(line + "\n" for line in value)
        else:
            text = str(value)
        put = memory.Put(value=text.encode(), kind=ON_BROKER[kind])
        revision = self.transact(branch, memory.Change(key=key_of(key), put=put), **who)
        self.model.put(branch, key, kind, value, **who)
        self.same_revision(revision)

    def increment(self, branch, key, amount, **who):
        revision = self.transact(branch, memory.Change(key=key_of(key), increment=amount), **who)
        self.model.inc(branch, key, amount, **who)
        self.same_revision(revision)

    def append(self, branch, key, **who):
        piece = f"p{self.model.rev}"
        revision = self.transact(branch, memory.Change(key=key_of(key), append=(piece + ";").encode()), **who)
        self.model.append(branch, key, piece, **who)
        self.same_revision(revision)

    def delete(self, branch, key, **who):
        revision = self.transact(branch, memory.Change(key=key_of(key), delete=memory.Delete()), **who)
        self.model.delete(branch, key, **who)
        self.same_revision(revision)

    def note(self, branch, key, context):
        """Somebody reads, and writes nothing: after what was committed before, and before what comes."""
        version = self.model.read(branch, key)
        if version is None:
            return
        time.sleep(.002)
        read = bus.NoteReads.Note(
            context=context, branch=name(branch), key=key_of(key), version=version.rev, time_ms=int(time.time() * 1000))
        self.connection.call(request(note_reads=bus.NoteReads(agent="model", reads=[read])))
        time.sleep(.002)
        self.model.notes.append((self.model.rev, "a", context, [version.id]))

    def fork(self, branch, at=None):
        made = len(self.model.branches)
        outcome = self.do(bus.Fork(name=name(made), parent=name(branch), at=at))
        self.model.fork(branch, at)
        self.same_revision(outcome.position.revision)
        return made

    def compact(self, below):
        """The broker forgets what was before; the model does not."""
        reply = self.connection.call(request(compact=bus.Compact(below=below)))
        self.floor = reply.compacted.floor

    # ---- merging and undoing

    def merge(self, target, source, at=None, sides=None):
        """sides: {key: "ours" or "theirs"} for conflicts; None: they stay.
        Returns "merged", "held", or the keys in conflict."""
        sides = sides or {}
        planned = self.model.plan(target, source, at, lambda key, *_: sides.get(key))
        message = bus.Merge(source=name(source), target=name(target), at=at)
        outcome = self.do(message)
        if outcome.WhichOneof("result") == "unsettled" and sides:
            message.resolutions.extend(
                resolution(conflict, sides[key_in_model(conflict.key)]) for conflict in outcome.unsettled.conflicts
                if key_in_model(conflict.key) in sides)
            outcome = self.do(message)
        result = outcome.WhichOneof("result")
        if result == "unsettled":
            keys = {key_in_model(conflict.key) for conflict in outcome.unsettled.conflicts}
            if self.floor and keys > set(planned.conflicts):
                raise Parted
            assert keys == set(planned.conflicts), f"conflicts of {keys}, by the model {planned.conflicts}"
            return keys
        assert not planned.conflicts, f"{result}, though by the model {planned.conflicts} are in conflict"
        made = self.model.merge(target, source, at, lambda key, *_: sides.get(key))
        if result == "held":
            if self.floor and made is not None:  # of commits without changes, which the broker has forgotten
                raise Parted
            assert made is None, f"held, and the model made {made}"
            return "held"
        assert made is not None, f"merged, and by the model there is nothing to merge: {outcome}"
        self.same_revision(outcome.position.revision)
        return "merged"

    def rollback(self, branch, to):
        outcome, before, respelt = self.do(bus.Rollback(branch=name(branch), to=to)), self.model.rev, set()
        if outcome.WhichOneof("result") == "committed":  # the model knows no order of elements and members
            differences = self.differences((branch, before), (branch, outcome.position.revision))
            respelt = {key_of_difference(difference) for difference in differences if respelled(difference)}
        made = self.model.rollback(branch, to, respelled=respelt)
        if outcome.WhichOneof("result") == "held":
            assert made is None, f"held, and the model made {made}"
            return None
        self.same_revision(outcome.position.revision)
        return outcome.position.revision

    def cascade(self, branch, revisions):
        """With all that derived from them."""
        derived = self.model.taint(commits=set(revisions))[0]
        named = sorted({version.id for revision in derived for version in self.model.commits[revision]["vers"]})
        message = bus.Revert(branch=name(branch), revisions=revisions, cascade=True)
        return self.undo(message, lambda store: store.revert(branch, named, cascade=True))

    def revert(self, branch, versions=(), revisions=()):
        """Keys that nobody can tell stay as they are. Returns the revision, or None."""
        message = bus.Revert(
            branch=name(branch), revisions=revisions,
            versions=[bus.VersionName(key=key_of(key), revision=revision) for revision, key in versions])
        return self.undo(message, lambda store: store.revert(branch, versions, revisions))

    def undo(self, message, by_model):
        expected = by_model(copy.deepcopy(self.model))[1]
        outcome = self.do(message)
        told = set()
        if outcome.WhichOneof("result") == "unsettled":
            conflicts = outcome.unsettled.conflicts
            told = {key_in_model(conflict.key) for conflict in conflicts}
            if self.floor and told > set(expected):
                raise Parted
            message.resolutions.extend(resolution(conflict, "ours") for conflict in conflicts)
            outcome = self.do(message)
        made, conflicts = by_model(self.model)
        assert told == set(conflicts), f"conflicts of {told}, by the model of {conflicts}"
        if outcome.WhichOneof("result") == "held":
            assert made is None, f"held, and the model made {made}: {self.model.commits[made]}"
            return None
        assert made is not None, f"reverted, and by the model there was nothing to revert: {outcome}"
        self.same_revision(outcome.position.revision)
        return made

    # ---- looking

    def get(self, branch, key):
        record = self.connection.get(key_of(key), branch=name(branch)).get(key_of(key))
        return record.value.decode() if record else None

    def state(self, branch):
        records = self.connection.range("t/", "n/", "j/", "s/", "g/", "l/", branch=name(branch))
        return {key_in_model(key): as_content(key[0], record) for key, record in records.items()}

    def same_states(self):
        parted = False
        for branch in self.model.branches:
            told, known = self.state(branch), {key: plain(value) for key, value in self.model.state(branch).items()}
            if self.floor and told != known:  # which side's pieces come first may hang on versions that are gone
                told, known, parted = pieces_sorted(told), pieces_sorted(known), True
            differ = {key: (told.get(key), known.get(key)) for key in set(told) | set(known)
                      if told.get(key) != known.get(key)}
            assert not differ, f"{name(branch)} at {self.model.rev}, the broker and the model: {differ}"
        if parted:  # what is merged later hangs on their order
            raise Parted

    def same_diff(self, one, other):
        """Of two states, (branch, revision)."""
        told = {key_of_difference(difference) for difference in self.differences(one, other) if not respelled(difference)}
        known = set(self.model.diff(one, other))
        assert told == known, f"diff of {one} and {other}: {told}, by the model {known}"

    def differences(self, one, other):
        cursor = None
        while True:
            asked = bus.GetDiff(
                **{"from": state(*one)}, to=state(*other), topics=["t/", "n/", "j/", "s/", "g/", "l/"], cursor=cursor)
            page = self.connection.call(request(diff=asked)).diff
            yield from page.differences
            if not page.HasField("next"):
                return
            cursor = page.next


def key_of_difference(difference):
    return key_in_model((difference.to if difference.HasField("to") else getattr(difference, "from")).key)


def respelled(difference):
    """JSON that says the same in another order."""
    if not (difference.HasField("to") and difference.HasField("from")):
        return False
    one, other = getattr(difference, "from"), difference.to
    return one.kind == "json" and as_content(one.key[0], one) == as_content(other.key[0], other)


def state(branch, revision):
    return bus.BranchState(branch=name(branch), at=revision)


def resolution(conflict, side):
    choice = {"take_ours": True} if side == "ours" else {"take_theirs": True}
    return bus.Resolution(
        key=conflict.key, ours=conflict.ours.record.revision, theirs=conflict.theirs.record.revision, **choice)


def as_content(letter, record):
    kind, text = KINDS[letter], record.value.decode()
    assert record.kind == ON_BROKER[kind], record
    if kind == "counter":
        return kind, int(text)
    if kind == "json":
        return kind, json.loads(text)
    if kind == "set":
        return kind, tuple(sorted(json.loads(text)))
    if kind == "log":
        return kind, tuple(text.split(";")[:-1])
    if kind == "lines":
        return kind, tuple(text.splitlines())
    return kind, text


def pieces_sorted(state):
    return {key: (kind, tuple(sorted(value))) if kind == "log" else (kind, value) for key, (kind, value) in state.items()}


def plain(content):
    kind, value = content
    return (kind, tuple(sorted(value))) if kind == "set" else (kind, str(value)) if kind == "text" else (kind, value)


__all__ = ["KINDS", "Mirror", "Parted", "Refused", "name"]

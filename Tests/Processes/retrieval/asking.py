"""Asks a broker, and holds what it says against the oracle."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

import oracle  # noqa: E402
from membus_client import Refused, request  # noqa: E402
from membus_protos import bus, errors  # noqa: E402
from processes import eventually  # noqa: E402
from settings import Unclear  # noqa: E402

#: Scores have four digits: two that are told apart by rounding alone differ by one of the last.
CLOSE = 1.01e-4
#: Milliseconds: an index may have much to catch up with.
PATIENCE = 60_000


def search(connection, question, **fields):
    """-> SearchPage"""
    asked = bus.Search(question=question, **{"branch": "main", "meaning": bus.Search.NEVER, **fields})
    return connection.call(request(deadline_ms=PATIENCE, search=asked)).search


def embedded(connection, **state):
    """The broker has its model, and every passage of a state a vector. -> SearchPage"""
    eventually(lambda: index(connection).model, timeout=30, what="the model")

    def page():
        found = search(connection, "nothing like it", **{"meaning": bus.Search.ALWAYS, **state})
        return found.embedded == 1 and found
    return eventually(page, timeout=60, what="a vector of each passage")


def keys(connection, question, **fields):
    return [hit.key for hit in search(connection, question, **fields).hits]


def recall(connection, question, **fields):
    """-> Recollection"""
    asked = bus.Recall(question=question, **{"branch": "main", "meaning": bus.Search.NEVER, **fields})
    return connection.call(request(deadline_ms=PATIENCE, recall=asked)).recall


def links(connection, *keys, **fields):
    """-> LinkGraph"""
    asked = bus.GetLinks(keys=keys, **{"branch": "main", **fields})
    return connection.call(request(deadline_ms=PATIENCE, links=asked)).links


def index(connection):
    """-> IndexFigures"""
    return connection.call(request(status=bus.GetStatus())).status.index


def indexed(connection, revision):
    """The index has got there. -> IndexFigures"""
    return eventually(lambda: index(connection).revision >= revision and index(connection), what=f"an index at {revision}")


def made_anew(broker, connection):
    """The index, beside the one that answers meanwhile. -> the versions that it held"""
    held = connection.call(request(deadline_ms=PATIENCE, reindex=bus.Reindex())).reindex.versions
    eventually(lambda: not list(Path(broker.data).glob("*.new")), what="the new index in the place of the old one")
    return held


def answer(page):
    """What must not change, however the index came to be."""
    hits = [(hit.key, hit.revision, hit.score, hit.kind, hit.author, hit.passage.number, hit.passage.text) for hit in page.hits]
    return hits, page.found, page.records


def in_topics(topics):
    """-> whether a key is of one of them; of none given, all are"""
    if not topics:
        return lambda key: True
    return lambda key: any(topic == "/" or key == topic or topic.endswith("/") and key.startswith(topic) for topic in topics)


class Asker:
    """The questions that were put, and what was wrong with the answers.
    commits: revision -> CommitInfo, of all that ever wrote something."""

    def __init__(self, connection, commits):
        self.connection, self.commits = connection, commits

    def state(self, branch, at):
        """-> (oracle's State, its records), by what the broker itself reads there; or Unclear in the place of the State."""
        records = self.connection.range("/", branch=branch, at=at)
        known = {key: self.as_record(record) for key, record in records.items()}
        try:
            return oracle.State(known), known
        except Unclear as unclear:
            return unclear, known

    def as_record(self, record):
        commit = self.commits[record.revision]
        attributes = tuple((each.name, each.value) for each in record.attributes)
        return oracle.Record(record.value, record.kind, commit.agent, commit.message, attributes, record.revision)

    def same(self, state, records, branch, at, question, topics=(), limit=10, offset=0, explain=False, is_head=False):
        """is_head: it is asked as the newest state, which the broker carries along."""
        moment = {"at_least": at} if is_head else {"at": at}
        if isinstance(state, Unclear):
            return self.refused(state, branch, moment, question)
        page = search(self.connection, question, branch=branch, **moment, topics=topics, limit=limit, offset=offset,
                      explain=explain, passages=True)
        terms = oracle.question_terms(question)
        ranked = state.rank(terms, in_topics(topics))
        faults = list(differences(page, state, records, ranked, limit, offset))
        if explain:
            faults += explained(page, state, terms)
        assert page.at.revision == at, f"asked at {at}, answered at {page.at.revision}"
        assert not faults, "\n".join([
            f"{question!r} on {branch} at {at}, topics {list(topics)}, limit {limit}, offset {offset}: {list(map(str, terms))}",
            *faults,
            "by the broker: " + str([(hit.key, round(hit.score, 4), round(hit.words, 4)) for hit in page.hits[:12]]),
            "by the oracle: " + str([(hit.key, hit.score, round(hit.words, 4)) for hit in ranked[offset:offset + 12]])])


    def refused(self, unclear, branch, moment, question):
        """What is asked of a state whose settings can't be understood."""
        try:
            page = search(self.connection, question, branch=branch, **moment)
        except Refused as refused:
            told = refused.code, refused.error.subject
            assert told == (errors.INVALID_VALUE, unclear.key), f"{refused} on {branch}, {moment}, where {unclear.key} is unclear"
        else:
            raise AssertionError(f"{len(page.hits)} hits on {branch}, {moment}, where {unclear.key} is unclear")


def differences(page, state, records, ranked, limit, offset):
    """-> what is wrong, in words"""
    if page.records != len(state.passages):
        yield f"{page.records} passages are visible, by the oracle {len(state.passages)}"
    if page.found != len(ranked):
        yield f"{page.found} records match, by the oracle {len(ranked)}"
    due = ranked[offset:offset + limit]
    if len(page.hits) != len(due):
        yield f"{len(page.hits)} hits, by the oracle {len(due)}"
    if [hit.key for hit in page.hits] != [hit.key for hit in sorted(page.hits, key=lambda hit: (-hit.score, hit.key))]:
        yield "the hits are not in the order of their scores, then keys"
    if len({hit.key for hit in page.hits}) != len(page.hits):
        yield "a record is there twice"
    known = {hit.key: hit for hit in ranked}
    for place, hit in enumerate(page.hits):
        if hit.key not in known:
            yield f"{hit.key} is no hit"
            continue
        expected, record = known[hit.key], records[hit.key]
        if abs(hit.score - expected.score) > CLOSE:
            yield f"{hit.key} has {hit.score:.4f}, by the oracle {expected.score:.4f}"
        elif abs(hit.words - expected.words) > 1e-4 * max(1, expected.words):
            yield f"{hit.key} has {hit.words:.6f} by its words, by the oracle {expected.words:.6f}"
        if place < len(due) and abs(due[place].score - hit.score) > CLOSE:
            yield f"place {offset + place} has {hit.score:.4f}, by the oracle {due[place].score:.4f} of {due[place].key}"
        told = (hit.revision, hit.kind, hit.author)
        if told != (record.revision, record.kind, record.author):
            yield f"{hit.key} is told as {told}, and is {(record.revision, record.kind, record.author)}"
        held = state.records[hit.key]
        if hit.passage.count != len(held.passages):
            yield f"{hit.key} has {hit.passage.count} passages, by the oracle {len(held.passages)}"


def explained(page, state, terms):
    """What each term is worth, and that its shares make up the whole."""
    weights = {term.term: (term.passages, term.weight) for term in page.terms}
    for term in terms:
        entries = state.entries(term)
        if term.kind == "word" and entries:
            expected = len(entries), state.weight(entries)
            told = weights.get(term.what)
            if told is None or told[0] != expected[0] or abs(told[1] - expected[1]) > 1e-4:
                yield f"{term} is told as {told}, and is {expected}"
    for hit in page.hits:
        if len(hit.shares) != len(page.terms) or abs(sum(hit.shares) - hit.words) > 1e-3 * max(1, hit.words):
            yield f"{hit.key}: the shares {list(hit.shares)} of {len(page.terms)} terms do not make {hit.words}"

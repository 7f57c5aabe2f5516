"""How a state's records are ranked for a question: the rule as a model over plain dictionaries, without a broker.

A state is what one reader may see at one (branch, revision). Nothing outside it has a say: no other branch, no later commit.
Run as a script it prints the recall on conversations in the form of LoCoMo:

    python3 Tests/Processes/retrieval/oracle.py locomo.json
"""

import json
import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import words
from settings import Settings

K1, B = 1.2, 0.75
NAMES = 0.5                                  # a word in a record's names counts half, once
CONTEXT = {-1: 0.5, -2: 0.25, -3: 0.125, 1: 0.25, 2: 0.125}  # share that a neighbour's words count
SHORT = 64                                   # words; longer records take no context
STOP = set("""a an the of to in on at for with and or is are was were be been do does did what when where who which how
why has have had that this it its their his her him she he they them i you your my me we our as from by about into than
then so if not no yes would could should can will just""".split())


@dataclass(frozen=True)
class Record:
    """attributes: ((name, value), …). author and message are those of the commit that wrote the version."""
    value: bytes = b""
    kind: str = "text"
    author: str = ""
    message: str = ""
    attributes: tuple = ()
    revision: int = 0


class Hit(NamedTuple):
    score: float
    key: str
    words: float
    passage: int


class Asked(NamedTuple):
    """A term of a question. kind: "word", "phrase" (of stems), "prefix" or "field" (name, stem)."""
    kind: str
    what: object

    def __str__(self):
        if self.kind == "phrase":
            return '"' + " ".join(self.what) + '"'
        return {"word": "{}", "prefix": "{}*", "field": "{0[0]}:{0[1]}"}[self.kind].format(self.what)


def json_strings(value, path=()):
    """(path, string) of all strings, and (path, None) of each member's name, in the order in which they stand."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for element in value:
            yield from json_strings(element, path)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name), None
            yield from json_strings(member, (*path, name))


@lru_cache(maxsize=100_000)
class Analysed:
    """One version: its passages, the set of its names' terms, and how often its fields hold a term. only: of which members of
    JSON the words count; None: of all."""

    def __init__(self, key, record, only=None):
        texts, paths, fields = [], [], {
            "key": key.split("/"), "author": [record.author], "kind": [record.kind], "message": [record.message]}
        names = [*key.split("/"), record.author, record.kind]
        for name, value in record.attributes:
            names += [name, value]
            fields.setdefault(name, []).append(value)
        if record.kind == "json":
            for path, text in json_strings(json.loads(record.value)):
                if text is None:
                    names.append(path[-1])
                else:
                    texts.append(text)
                    paths.append(".".join(path))
        elif record.kind != "counter":
            texts = utf8(record.value)
        self.passages = words.passages(texts)
        held = {}
        for path, places in zip(paths, words.places(texts)):
            held.setdefault(path, set()).update(places)
        self.members = {path: [passage.within(held[path]) for passage in self.passages] for path in held if path}
        if only is not None:
            counted = set().union(*(held[path] for path in only & held.keys()))
            self.passages = [passage.within(counted) for passage in self.passages]
        self.length = sum(passage.length for passage in self.passages)
        self.names = {term for name in names for term in words.terms(name)}
        self.fields = {name: Counter(word.stem for text in held for word in words.words(text)) for name, held in fields.items()}

    def body(self, number, term):
        """How often a passage holds a term."""
        passage = self.passages[number]
        if term.kind == "word":
            return passage.frequencies[term.what]
        if term.kind == "phrase":
            return passage.phrase(term.what)
        if term.kind == "prefix":
            return passage.prefix(term.what)
        name, word = term.what
        return (self.fields[name][word] if name in self.fields else 0) + (
            self.members[name][number].frequencies[word] if name in self.members else 0)

    def around(self, term):
        """The same of all passages, for a neighbour."""
        return 0 if term.kind == "field" else sum(self.body(number, term) for number in range(len(self.passages)))


def utf8(value):
    try:
        return [value.decode()]
    except UnicodeDecodeError:
        return []


PART = re.compile(r'(?:([^\W\d_][\w.-]*):)?"([^"]*)"|([^\s"]+)')


def is_field(name):
    """`D1:11` asks for a key, and `http://…` for a page."""
    return re.fullmatch(r"[^\W\d_][\w.-]*", name) and not (len(name) <= 3 and re.search(r"\d", name))


def question_terms(question):
    """-> [Asked], each once. Stop words leave a question, unless nothing else is in it."""
    found, plain = [], []
    for field, quoted, word in PART.findall(question):
        name, colon, rest = word.partition(":")
        phrase = tuple(each.stem for each in words.words(quoted))
        if field:
            found += [Asked("field", (field, term)) for term in phrase]
        elif len(phrase) > 1:
            found.append(Asked("phrase", phrase))
        elif quoted:
            plain.append(quoted)
        elif colon and rest and not rest.startswith("//") and is_field(name):
            found += [Asked("field", (name, each.stem)) for each in words.words(rest)]
        elif word.endswith("*"):
            found.append(Asked("prefix", words.words(word)[0].raw))
        else:
            plain.append(word)
    runs = [(word, re.findall(r"\w+", word)) for word in plain]
    only_stops = not found and all(run.lower() in STOP for _, held in runs for run in held)
    for word, held in runs:
        if kept := [run for run in held if only_stops or run.lower() not in STOP]:
            found += [Asked("word", each.stem) for each in words.words(" ".join(kept))]
            found += [Asked("word", words.term_of(name)) for _, name in words.names(word) if only_stops or name not in STOP]
    return list(dict.fromkeys(found))


class State:
    """records: key -> Record. Raises Unclear if it does not say how it is to be searched."""

    def __init__(self, records):
        settings = Settings(records)
        self.rules = {key: settings.rule(key, records[key].kind) for key in sorted(records) if not key.startswith(".membus/")}
        self.records = {key: Analysed(key, records[key], rule.only) for key, rule in self.rules.items() if not rule.off}
        self.passages = [(key, number) for key, held in self.records.items() for number in range(len(held.passages))]
        self.places = {}
        for key in self.records:
            if place := self.place(key):
                self.places.setdefault(place, key)

    @staticmethod
    def place(key):
        """(parent, stem, number) of a numbered key: `talk/s1/D1:12` -> ('talk/s1', 'D1:', 12)."""
        parent, _, last = key.rpartition("/")
        numbered = re.fullmatch(r"(.*?)([0-9]{1,18})", last)
        return numbered and (parent, numbered[1], int(numbered[2]))

    def neighbours(self, key):
        """The unbroken run of numbered records around a short one, each with its share."""
        place = self.place(key)
        own = self.records[key]
        if place and own.length <= SHORT and len(own.passages) == 1 and self.rules[key].context:
            for step in (-1, 1):
                distance = step
                while distance in CONTEXT:
                    other = self.places.get((*place[:2], place[2] + distance))
                    if other is None or other == key:
                        break
                    yield self.records[other], CONTEXT[distance]
                    distance += step

    def entries(self, term):
        """(key, number) -> (frequency in the passage, 1 if the names hold it), where one of them is more than 0."""
        found = {}
        for key, number in self.passages:
            held = self.records[key]
            entry = held.body(number, term), int(term.kind == "word" and term.what in held.names)
            if any(entry):
                found[key, number] = entry
        return found

    def weight(self, entries):
        return math.log(1 + (len(self.passages) - len(entries) + 0.5) / (len(entries) + 0.5))

    def words(self, terms, scope):
        """BM25 of the passages of records in scope that hold one of the terms themselves. -> {(key, number): score}"""
        index = {term: entries for term in terms if (entries := self.entries(term))}
        found = {place for entries in index.values() for place in entries if scope(place[0])}
        if not found:
            return {}
        around = {key: list(self.neighbours(key)) for key in {key for key, _ in found}}
        length = {(key, number): self.records[key].passages[number].length
                  + sum(2 * share * other.length for other, share in around[key]) for key, number in found}
        average = sum(length.values()) / len(found) or 1
        scores = dict.fromkeys(found, 0.0)
        for term, entries in index.items():
            weight = self.weight(entries)
            near = {key: sum(share * other.around(term) for other, share in around[key]) for key in around}
            for place in found:
                body, named = entries.get(place, (0, 0))
                tf = body + NAMES * named + near[place[0]]
                if tf:
                    scores[place] += weight * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length[place] / average))
        return scores

    def rank(self, terms, scope=lambda key: True):
        """[Hit], best first: of each record its best passage."""
        best = {}
        for (key, number), score in sorted(self.words(terms, scope).items()):
            if key not in best or score > best[key][0]:
                best[key] = score, number
        most = max((score for score, _ in best.values()), default=0) or 1
        return sorted((Hit(round(score / most, 4), key, score, number) for key, (score, number) in best.items()),
                      key=lambda hit: (-hit.score, hit.key))


def conversations(path):
    """All conversations as one state, and the questions: (id, question, keys of the evidence)."""
    records, questions = {}, []
    with open(path, encoding="utf-8") as file:
        talks = json.load(file)
    for talk in talks:
        here = "conversations/" + talk["sample_id"]
        keys = {}
        for session, turns in talk["conversation"].items():
            if re.fullmatch(r"session_\d+", session):
                for turn in turns:
                    image = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                    key = keys[turn["dia_id"]] = f"{here}/{session}/{turn['dia_id']}"
                    records[key] = Record((turn.get("text", "") + image).encode(), author=turn["speaker"])
        for asked in talk["qa"]:
            evidence = {keys[e] for x in asked["evidence"] for e in re.findall(r"D\d+:\d+", x) if e in keys}
            if asked["category"] != 5 and evidence:
                questions.append((here + "/", asked["question"], evidence))
    return records, questions


def recall(hits, evidence, most):
    return len(evidence & set(hits[:most])) / len(evidence)


def main():
    records, questions = conversations(sys.argv[1])
    state = State(records)
    ranked = [([hit.key for hit in state.rank(question_terms(question), lambda key, here=here: key.startswith(here))], evidence)
              for here, question, evidence in questions]
    five, ten = (sum(recall(hits, evidence, most) for hits, evidence in ranked) / len(ranked) for most in (5, 10))
    reciprocal = sum(next((1 / (i + 1) for i, key in enumerate(hits[:100]) if key in evidence), 0) for hits, evidence in ranked)
    print(f"{len(records)} records, {len(questions)} questions, words alone: R@5 {five:.3f}  R@10 {ten:.3f}  "
          f"MRR {reciprocal / len(ranked):.3f}")


if __name__ == "__main__":
    main()

"""The words of a text, as the index has them: SQLite's own, and terms beyond those for identifiers and paths.

Order: characters -> words (FTS5, `porter unicode61`) -> extra terms, each of the passage that its first piece is in -> passages
of whole sentences. Words alone have positions and count for a length; extra terms count for the frequency of their own term.
"""

import re
import sqlite3
from collections import Counter
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

LONGEST = 150  # words of a passage
GAP = 100      # positions between two strings of a JSON
LONGEST_NAME = 200  # bytes

#: What a name is made of, path or not. Beside a letter that is not ASCII it is a part of a word.
RUN = re.compile(r"[A-Za-z0-9_./-]+")
IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")
#: Digits stay with the letters before them; of `HTTPRequest` the R is the second word's.
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SENTENCE_END = re.compile(r"\n|[.!?](?=[ \t-\r]|$)")


class Word(NamedTuple):
    raw: str    # in lower case, without accents
    stem: str
    start: int  # in the text
    end: int


class Passage:
    """words: [(position, raw, stem)], extras: [(position, term)], both in order."""

    def __init__(self, words, extras):
        self.words, self.extras = words, extras
        self.length = len(words)
        self.frequencies = Counter([stem for _, _, stem in words] + [term for _, term in extras])
        self.raw = Counter(raw for _, raw, _ in words)
        self.places = {}
        for position, _, stem in words:
            self.places.setdefault(stem, set()).add(position)

    def within(self, places):
        """What of it stands at these positions."""
        return Passage([word for word in self.words if word[0] in places], [extra for extra in self.extras if extra[0] in places])

    def phrase(self, terms):
        places = [self.places.get(term, ()) for term in terms]
        return sum(all(start + step in held for step, held in enumerate(places)) for start in places[0])

    def prefix(self, beginning):
        return sum(count for raw, count in self.raw.items() if raw.startswith(beginning))


class Tokenizer:
    """FTS5 itself. It does not tell where in a text its words begin, so each character is put to it alone."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:")
        for table, tokenize in (("stems", "porter unicode61"), ("raws", "unicode61")):
            self.db.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(x, tokenize='{tokenize}')")
            self.db.execute(f"CREATE VIRTUAL TABLE {table}_v USING fts5vocab({table}, instance)")

    def terms(self, table, text):
        self.db.execute(f"DELETE FROM {table}")
        self.db.execute(f"INSERT INTO {table}(rowid, x) VALUES(1, ?)", [text])
        return [term for term, _ in sorted(self.db.execute(f"SELECT term, offset FROM {table}_v"), key=lambda row: row[1])]

    @lru_cache(maxsize=None)
    def begins(self, character):
        return bool(self.terms("raws", character))

    @lru_cache(maxsize=None)
    def goes_on(self, character):
        return len(self.terms("raws", f"a{character}b")) == 1

    @lru_cache(maxsize=100_000)
    def words(self, text):
        spans, start = [], None
        for place, character in enumerate(text + " "):
            if start is None and self.begins(character):
                start = place
            elif start is not None and not self.goes_on(character):
                spans.append((start, place))
                start = None
        raws, stems = self.terms("raws", text), self.terms("stems", text)
        assert len(spans) == len(raws) == len(stems), f"words of {text!r}: {spans}, by SQLite {raws}"
        return [Word(raw, stem, *span) for raw, stem, span in zip(raws, stems, spans)]

    @lru_cache(maxsize=None)
    def stem(self, word):
        return self.terms("stems", word)[0]


TOKENIZER = Tokenizer()
words, stem = TOKENIZER.words, TOKENIZER.stem


def names(text):
    """(place, name) of identifiers and paths as wholes, and of the pieces of `camelCase`; in lower case."""
    for run in RUN.finditer(text):
        around = text[max(run.start() - 1, 0):run.start()] + text[run.end():run.end() + 1]
        if any(each > "\x7f" and TOKENIZER.goes_on(each) for each in around):
            continue
        path = run[0].strip("./-")
        if len(path) <= LONGEST_NAME and is_path(path):
            yield run.start() + run[0].index(path), path.lower()
        for name in IDENTIFIER.finditer(run[0]):
            if len(name[0]) <= LONGEST_NAME:
                yield from ((run.start() + name.start() + place, part) for place, part in parts(name[0]))


def is_path(name):
    """`src/main.swift`, and `main.swift`, but not `3.14`."""
    segments = name.split("/")
    if len(segments) == 1:
        segments = name.split(".")
        if len(segments) == 1 or not re.search("[A-Za-z]", name):
            return False
    return all(re.search("[A-Za-z0-9]", segment) for segment in segments)


def parts(name):
    """(place, name) of what FTS5 splits and of what it keeps."""
    if "_" in name[1:-1] and name.strip("_"):
        yield 0, name.lower()
    for part in re.finditer("[A-Za-z0-9]+", name):
        pieces = CAMEL.split(part[0])
        if len(pieces) > 1:
            yield from ((part.start(), piece.lower()) for piece in pieces)


def extras(text):
    """[(index of a word, term)]"""
    found, ends = [], None
    for place, name in names(text):
        ends = ends or [word.end for word in words(text)]
        found.append((next(index for index, end in enumerate(ends) if end > place), term_of(name)))
    return found


def term_of(name):
    """A piece is a word like others, and a whole is what it is."""
    return stem(name) if re.fullmatch("[a-z0-9]+", name) else name


def terms(text):
    """All terms of a text, in no order: for what has no positions."""
    return [word.stem for word in words(text)] + [term for _, term in extras(text)]


def places(texts):
    """The positions of each text's words."""
    offset = 0
    for text in texts:
        count = len(words(text))
        yield range(offset, offset + count)
        offset += count + GAP


def passages(texts):
    """Of a value, which is one text or the strings of a JSON. -> [Passage], at least one"""
    sentences, added, offset = [], [], 0
    for text in texts:
        found, ends = words(text), [match.end() for match in SENTENCE_END.finditer(text)]
        numbered = [(offset + index, word) for index, word in enumerate(found)]
        for _, sentence in groupby(numbered, key=lambda pair: sum(end <= pair[1].start for end in ends)):
            sentence = [(position, word.raw, word.stem) for position, word in sentence]
            sentences += [sentence[start:start + LONGEST] for start in range(0, len(sentence), LONGEST)]
        added += [(offset + index, term) for index, term in extras(text)]
        offset += len(found) + GAP
    whole = sum(map(len, sentences)) <= LONGEST
    packed = [[]]
    for sentence in sentences:
        if not whole and len(packed[-1]) + len(sentence) > LONGEST:
            packed.append([])
        packed[-1] += sentence
    held = [{position for position, _, _ in piece} for piece in packed]
    return [Passage(piece, [extra for extra in added if extra[0] in places]) for piece, places in zip(packed, held)]

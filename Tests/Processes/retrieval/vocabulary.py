"""What random records say, and what is asked about them."""

import json
import re

import words
from oracle import json_strings

#: Stems that meet (run, running), identifiers, paths, accents, other scripts, and words that every text has.
WORDS = """the of and train trains training tickets ticket Lisbon Paris hotel river visa run runs running runner plan planned
planning plans night day days map maps city cities universal university Ada Grace agree agreed relational conditional
camelCase parseHTTPRequest snake_case max_token_count main.swift Sources/Store/Store.swift utf8Decoder HTTPServer __init__ v2.1
café CAFÉ naïve Straße 東京 Москва 3.14 2024 12 x1 don't well-known e.g. 🚂 I is to a""".split()
#: Long tails, as texts have them.
WEIGHTS = [1 / (1 + place) ** .5 for place in range(len(WORDS))]
LENGTHS = [0, 1, 3, 5, 8, 12, 20, 45, 63, 64, 65, 70, 149, 150, 151, 200, 430]
LIKELY = [1, 1, 3, 6, 8, 8, 6, 3, 1, 2, 2, 1, .5, 1, 1, .7, .5]


#: `don't` is two, and a train in a picture is none.
COUNTS = {word: len(words.words(word)) for word in WORDS}
ENDS = ["", ".", "!", ",", "?", "\n", ".\n\n"]


def prose(dice, count):
    """So many words, as FTS5 counts them, in sentences."""
    said, left = [], count
    while left > 0:
        word, = dice.choices(WORDS, WEIGHTS)
        if COUNTS[word] <= left:
            said.append(word + dice.choices(ENDS, [70, 12, 2, 8, 2, 1, 1])[0])
            left -= COUNTS[word]
    return " ".join(said)


def value(dice, kind):
    if kind == "counter":
        return str(dice.randint(-5, 99)).encode()
    if kind == "json":
        object = {"name": prose(dice, 3), "address": {"city": prose(dice, 1), "tags": [prose(dice, 2), prose(dice, 1), 7]},
                  "ok": True, "dayCount": None, "job": prose(dice, dice.randint(0, 20))}
        members = dice.sample(sorted(object), dice.randint(1, len(object)))
        return json.dumps({name: object[name] for name in members}, ensure_ascii=dice.random() < .5).encode()
    if kind == "note" and dice.random() < .4:
        return b"\xff\xfe train"
    return prose(dice, dice.choices(LENGTHS, LIKELY)[0]).encode()


FIELDS = ("key", "author", "kind", "message", "mood", "place", "first_name", "name", "address.city", "address.tags", "job",
          "nothing")
IN_FIELDS = ("ada", "grace", "train", "text", "json", "paris", "lisbon", "running", "notes", "tickets", "the")
IN_NAMES = ("ada", "hopper", "talk", "json", "text", "visa", "D1:3", "s1", "city", "mood", "membus", "facts", "train_bot")
TOPICS = ("talk/", "talk/s1/", "notes/", "facts/", "/", "notes/visa", "never/")


def text_of(dice, records):
    """A record's text, to ask for what is there."""
    if not records:
        return ""
    record = records[dice.choice(sorted(records))]
    if record.kind == "json":
        return " ".join(text or name[-1] for name, text in json_strings(json.loads(record.value)))
    return record.value.decode(errors="ignore")


def term(dice, records):
    chance, text = dice.random(), text_of(dice, records)
    plain = re.findall(r"[^\W\d_]+", text)
    if chance < .10 and len(plain) > 1:
        start = dice.randrange(len(text.split()))
        return '"' + " ".join(text.replace('"', "").split()[start:start + dice.randint(2, 3)]) + '"'
    if chance < .20 and plain:
        return dice.choice(plain)[:dice.randint(2, 5)] + "*"
    if chance < .32:
        return dice.choice(FIELDS) + ":" + dice.choice(IN_FIELDS)
    if chance < .40:
        return dice.choice(IN_NAMES)
    if chance < .75 and text.split():
        return dice.choice(text.split()).replace('"', "").rstrip("*") or "train"
    return dice.choice(WORDS)


def question(dice, records):
    return " ".join(term(dice, records) for _ in range(dice.choice([1, 1, 2, 3, 5, 8])))


def topics(dice, records):
    if dice.random() < .5:
        return []
    return dice.sample([*TOPICS, *sorted(records)[:3]], dice.randint(1, 2))

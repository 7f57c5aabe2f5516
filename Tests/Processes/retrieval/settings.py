"""How the records under `.membus/search/` of one state have the others searched: the rule over plain dictionaries."""

import json
from typing import NamedTuple

TOPIC = ".membus/search/"


class Unclear(Exception):
    """A record that can't be understood, or the first of two that contradict each other."""

    def __init__(self, key):
        super().__init__(key)
        self.key = key


class Rule(NamedTuple):
    """only: of which members of JSON the words count; None: of all."""
    off: bool
    context: bool
    only: frozenset | None


class Settings:
    """records: key -> Record, of one state."""

    def __init__(self, records):
        self.set = {}
        for key in sorted(records):
            if key.startswith(TOPIC):
                self.add(key, read(key, records[key]))

    def add(self, key, said):
        for name in said.keys() - {"topic", "kind"}:
            place = name, said["topic"], said.get("kind")
            value = said[name] if name != "fields" or said[name] == "all" else frozenset(said[name])
            before = self.set.setdefault(place, (value, key))
            if before[0] != value:
                raise Unclear(before[1])

    def of(self, name, key, kind, usual):
        """Of the longest topic that says something, and there of the one that names the kind."""
        topics = [key, *(key[:place + 1] for place in range(len(key) - 1, -1, -1) if key[place] == "/"), "/"]
        for topic in topics:
            for its in (kind, None):
                if (name, topic, its) in self.set:
                    return self.set[name, topic, its][0]
        return usual

    def rule(self, key, kind):
        only = self.of("fields", key, kind, "all")
        return Rule(self.of("search", key, kind, "on") == "off", self.of("context", key, kind, True),
                    only if kind == "json" and only != "all" else None)


def read(key, record):
    """The object that a record is."""
    try:
        said = json.loads(record.value)
    except ValueError:
        raise Unclear(key) from None
    clear = (record.kind == "json" and isinstance(said, dict) and isinstance(said.get("topic"), str)
             and said.keys() & {"search", "context", "fields"} and said.keys() <= {"topic", "kind", "search", "context", "fields"}
             and said.get("search", "on") in ("on", "off") and isinstance(said.get("context", True), bool)
             and (said.get("fields", "all") == "all" or isinstance(said["fields"], list)))
    if not clear:
        raise Unclear(key)
    return said


TOPICS = ("talk/", "talk/s1/", "talk/s1/D1:4", "notes/", "notes/visa", "facts/", "facts/ada", "src/Store/", "odd/", "/", "never/")
MEMBERS = ("name", "address.city", "address.tags", "job", "address", "nothing", "mood", "key")
UNCLEAR = ('{"topic": "talk/"}', '{"topic": "talk/", "search": "of"}', '{"topic": "talk/", "context": 1}', '["talk/"]',
           '{"topic": "facts/", "fields": "name"}', '{"search": "off"}', '{"topic": "a/", "search": "off", "prio": 1}')


def setting(dice):
    """A record at random: its key and value. Mostly each key is of one topic, so that few contradict each other."""
    if dice.random() < .04:
        return TOPIC + "unclear", dice.choice(UNCLEAR)
    topic = dice.choice(TOPICS)
    said = {"topic": topic}
    if dice.random() < .2:
        said["kind"] = dice.choice(["json", "text", "note"])
    for name, share in (("search", .35), ("context", .4), ("fields", .5)):
        if dice.random() < share or name == "fields" and len(said.keys() - {"kind"}) == 1:
            said[name] = value(name, dice)
    key = TOPIC + topic.replace("/", "-").replace(":", "-") + said.get("kind", "")
    return (key if dice.random() < .95 else TOPIC + "other"), json.dumps(said)


def value(name, dice):
    if name == "search":
        return dice.choice(["off", "off", "on"])
    if name == "context":
        return dice.choice([False, False, True])
    return dice.choice(["all", dice.sample(MEMBERS, dice.randint(0, 4)), dice.sample(MEMBERS, 2)])


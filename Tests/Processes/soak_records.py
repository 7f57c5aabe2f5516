"""What watchers have to see: each event of their topic once, in order; and what they say is lost only if it is.

Pure: told what was written and what was seen, it says what is wrong."""

from dataclasses import dataclass, field


class Numbered:
    """The events of a topic, numbered from 1 by their one writer. The revision is known once it is acknowledged."""

    def __init__(self, topic):
        self.topic = topic
        self.revisions = {}  # by number

    @property
    def last(self):
        return max(self.revisions, default=0)

    def acknowledged(self, number, revision):
        self.revisions[number] = revision

    def dropped(self, after, floor):
        """The numbers after this one whose commits are not above the floor."""
        return [number for number, revision in self.revisions.items() if number > after and revision <= floor]


@dataclass
class Seen:
    """What one watcher was shown."""

    name: str
    events: Numbered
    last: int = 0  # the newest number that it was shown
    count: int = 0
    #: (the last number before, the first after, the floor then or None): nothing between was shown.
    gaps: list = field(default_factory=list)
    #: (the last number before, the floor then): it said that something is no longer kept.
    refusals: list = field(default_factory=list)
    findings: list = field(default_factory=list)
    revisions: dict = field(default_factory=dict)  # as shown, until they are compared

    def see(self, number, revision, floor=lambda: None):
        """floor: what is the floor by now; asked at a gap."""
        self.count += 1
        if number <= self.last:
            self.findings.append(f"{self.name} was shown event {number} after {self.last}: doubled, or out of order")
            return
        if number > self.last + 1:
            self.gaps.append((self.last, number, floor()))
        self.last = number
        self.revisions[number] = revision

    def refused(self, floor):
        self.refusals.append((self.last, floor))

    def compare(self):
        """Compares revisions, as far as they are acknowledged, and forgets them."""
        for number in [number for number in self.revisions if number in self.events.revisions]:
            shown, true = self.revisions.pop(number), self.events.revisions[number]
            if shown != true:
                self.findings.append(f"{self.name} was shown event {number} of revision {shown}; it is of {true}")

    def judge(self):
        """-> what is wrong, once everything that was written is acknowledged and time was given to show it."""
        self.compare()
        found = list(self.findings)
        found += [f"{self.name} was shown event {number}, which nobody wrote" for number in self.revisions]
        if self.last < self.events.last:
            found.append(f"{self.name} was shown events up to {self.last} of {self.events.last}")
        for before, after, floor in self.gaps:
            said = [told for last, told in self.refusals if last == before]
            floor = max([told for told in [floor, *said] if told is not None], default=0)
            kept = [number for number in range(before + 1, after) if self.events.revisions.get(number, 0) > floor]
            if not said:
                found.append(f"{self.name} missed events {before + 1} to {after - 1}, and did not say so")
            elif kept:
                found.append(
                    f"{self.name} missed events {kept[0]} to {kept[-1]}, which are kept still: the floor was {floor}")
        for last, floor in self.refusals:
            if not self.events.dropped(last, floor):
                found.append(
                    f"{self.name} was refused after event {last} (revision {self.events.revisions.get(last, 0)}), though "
                    f"nothing of {self.events.topic} was dropped: the floor was {floor}, the next event is of revision "
                    f"{self.events.revisions.get(last + 1)}")
        return found


class Heads:
    """Nothing young is dropped: the floor is never above the revision that was the head that long ago."""

    def __init__(self, least_seconds):
        self.least = least_seconds
        self.known = []  # (seconds, head), the newest last
        self.told = 0  # the floor of which it was said already

    def note(self, now, head, floor):
        """-> what is wrong, or None"""
        self.known.append((now, head))
        # The first that was known after the moment from which on everything stays.
        while len(self.known) > 2 and self.known[1][0] < now - self.least:
            del self.known[0]
        after = [(at, head) for at, head in self.known if at >= now - self.least]
        at, limit = after[0]
        if floor > max(limit, self.told):
            self.told = floor
            return f"history of {now - at:.1f} s ago is dropped, younger than {self.least} s: the floor is {floor}, " \
                   f"the head was {limit} then"
        return None

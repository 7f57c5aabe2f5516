"""A client of Membus, written from protos/membus/v1/*.proto alone. Single-threaded: nothing happens unless
one of its objects is being called. Give each thread a Connection of its own."""
import contextlib
import random
import re
import time

import zmq

from membus_protos import bus, errors, memory

HEARTBEATS = b"\xff" * 16
now = time.monotonic


class Refused(Exception):
    """The broker answered with an Error that cannot be helped by sending again."""

    def __init__(self, error):
        super().__init__(f"{error.code}: {error.message} {error.hint}")
        self.error, self.code = error, error.code


def request(**body):
    """A Request with a body (hello=…, get=…) and, perhaps, streams, instance, version, deadline_ms."""
    return bus.Request(**{"version": 1, **body})


class Connection:
    """A DEALER: any number of requests under way, each with an id, each answered through a callback."""

    def __init__(self, endpoint, timeout=1.0):
        self.endpoint, self.timeout = endpoint, timeout
        self.instance = self.lineage = 0  # of the newest reply
        self._id = 0
        self._waiting = {}  # id: callback
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def close(self):
        self.socket.close()

    def send(self, message, on_reply):
        """Sends once, under a new id. A reply may never come; who needs one sends again."""
        self._id += 1
        message.id = self._id
        self._waiting[self._id] = on_reply
        if len(self._waiting) > 10_000:  # the oldest replies are lost
            del self._waiting[next(iter(self._waiting))]
        with contextlib.suppress(zmq.Again):  # as if lost
            self.socket.send(message.SerializeToString(deterministic=True), zmq.NOBLOCK)

    def pump(self, timeout=0.0):
        """Receives what is there, waiting at most `timeout` seconds for the first."""
        if not self.socket.poll(int(timeout * 1000)):
            return
        with contextlib.suppress(zmq.Again):
            while True:
                reply = bus.Reply.FromString(self.socket.recv_multipart(zmq.NOBLOCK)[-1])
                self.instance, self.lineage = reply.instance, reply.lineage
                self._waiting.pop(reply.id, lambda _: None)(reply)

    def exchange(self, message, timeout=5.0):
        """One request, sent once, and its reply, errors included."""
        box, end = [], now() + timeout
        self.send(message, box.append)
        while not box:
            if now() > end:
                raise TimeoutError(f"no reply to {message.WhichOneof('body')} in {timeout} s")
            self.pump(0.05)
        return box[0]

    def call(self, message, patience=15.0):
        """A request that is safe to repeat: resent after time-outs and after errors of the hundred 200."""
        end, pause = now() + patience, 0.01
        while True:
            try:
                reply = self.exchange(message, self.timeout)
                if not reply.HasField("error"):
                    return reply
                if not 200 <= reply.error.code < 300 or now() > end:
                    raise Refused(reply.error)
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, 0.5)
            except TimeoutError:
                if now() > end:
                    raise

    def hello(self, agent="python"):
        return self.call(request(hello=bus.Hello(agent=agent, major=1, minor=0))).welcome

    def get(self, *keys, branch="main"):
        records = self.call(request(get=bus.Get(branch=branch, keys=keys))).records.records
        return {record.key: record for record in records if not record.deleted}

    def range(self, *topics, branch="main", at=None):
        """All records of some topics, as of one revision, by key."""
        found, after = {}, ""
        while True:
            asked = bus.Range(branch=branch, topics=topics, after=after, at=at)
            page = self.call(request(range=asked)).range
            found.update((record.key, record) for record in page.records)
            if not page.more:
                return found
            at, after = page.at.revision, page.records[-1].key


class Session:
    """Numbered transactions: each takes effect once. Many may be under way."""

    def __init__(self, connection, agent="python"):
        self.connection = connection
        self.id = connection.call(request(open_session=bus.OpenSession(agent=agent))).session.session
        self.last = 0
        self.answers = {}      # number: Outcome or Refused
        self._unanswered = {}  # number: Transact, in the order of the numbers
        self._round = 0        # refusals of an earlier round of sending say nothing new
        self._moved = now()
        self._resend_at = float("inf")

    def submit(self, work, window=128):
        """Sends a Transaction, Fork, Merge, BranchChange or whatever else Transact takes; its number is what to `wait` for."""
        while len(self._unanswered) >= window:
            self.step()
        self.last += 1
        transact = bus.Transact(session=self.id, number=self.last,
                                acknowledged=next(iter(self._unanswered), self.last) - 1)
        field = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(work).__name__).lower()
        getattr(transact, field).CopyFrom(work)
        if not self._unanswered:
            self._moved = now()
        self._unanswered[self.last] = transact
        self._send(self.last)
        return self.last

    def wait(self, number, timeout=15.0):
        end = now() + timeout
        while number not in self.answers:
            if now() > end:
                raise TimeoutError(f"transaction {number} is unanswered")
            self.step()
        answer = self.answers[number]
        if isinstance(answer, Refused):
            raise answer
        return answer

    def transact(self, *changes, timeout=15.0, **fields):
        return self.wait(self.submit(memory.Transaction(branch="main", changes=changes, **fields)), timeout)

    def step(self, timeout=0.02):
        self.connection.pump(timeout)
        if self._unanswered and now() > min(self._resend_at, self._moved + self.connection.timeout):
            self._round += 1
            self._moved, self._resend_at = now(), float("inf")
            for number in self._unanswered:
                self._send(number)

    def _send(self, number):
        turn = self._round
        self.connection.send(request(instance=self.connection.instance, transact=self._unanswered[number]),
                             lambda reply: self._reply(number, turn, reply))

    def _reply(self, number, turn, reply):
        if number not in self._unanswered:
            return
        if not reply.HasField("error"):
            answer = reply.outcome
        elif reply.error.code < 200 or reply.error.code == errors.UNKNOWN_SESSION:
            answer = Refused(reply.error)
        else:  # the number is not used up
            if turn == self._round:
                pause = 0.0 if reply.error.code >= 300 else random.uniform(0.01, 0.05)
                self._resend_at = min(self._resend_at, now() + pause)
            return
        self.answers[number] = answer
        del self._unanswered[number]
        self._moved = now()


class View:
    """A copy of a stream's records as of one revision, the cut, which only moves forward."""

    PROBE, GRACE, SILENCE, NAMED = 0.1, 0.25, 2.0, 5.0  # seconds

    def __init__(self, connection, *topics, branch="main", drop=lambda published: False):
        self.connection, self.topics, self.branch = connection, topics, branch
        self.drop = drop          # a test's hook: true for a published message that shall be lost
        self.records = {}         # key: Record
        self.cut = None           # Position; None: no state
        self.lineage = 0          # of the cut
        self.phase = "register"   # then probe, pull, live
        self.stale = True
        self.story = []           # what happened, for tests: "pull: gap", …
        self.stream = b""
        self._turn = 0            # replies to requests of an earlier turn are ignored
        self._pinged = 0.0
        self._sub = None
        self._events = self._endpoint(connection.hello().events)
        self._new_socket()
        self._register("new")

    @property
    def revision(self):
        return self.cut.revision if self.cut else -1

    @property
    def live(self):
        return self.phase == "live" and not self.stale

    def value(self, key):
        record = self.records[key]
        if record.announced:
            asked = bus.Get(branch=self.branch, keys=[key], at=memory.Position(revision=record.revision))
            return self.connection.call(request(get=asked)).records.records[0].value
        return record.value

    def close(self):
        self._sub.close(0)

    def run_until(self, predicate, timeout=10.0):
        end = now() + timeout
        while not predicate():
            if now() > end:
                return False
            self.step()
        return True

    def step(self, timeout=0.02):
        poller = zmq.Poller()
        poller.register(self._sub, zmq.POLLIN)
        poller.register(self.connection.socket, zmq.POLLIN)
        poller.poll(int(timeout * 1000))
        with contextlib.suppress(zmq.Again):
            for _ in range(1000):
                topic, payload = self._sub.recv_multipart(zmq.NOBLOCK)
                published = bus.Published.FromString(payload)
                if topic in (self.stream, HEARTBEATS) and not self.drop(published):
                    self._published(published)
        self.connection.pump()
        self._tick()

    # ---- Sockets and requests

    def _endpoint(self, offered):
        transport, host = re.match(r"(\w+)://(.*?)(:\d+)?$", self.connection.endpoint).group(1, 2)
        chosen = next((e for e in offered if e.startswith(transport + "://")), offered[0])
        return re.sub(r"://(\*|0\.0\.0\.0|\[::\])(?=:)", lambda _: "://" + host, chosen)

    def _new_socket(self):
        if self._sub:
            self._sub.close(0)
        self._sub = zmq.Context.instance().socket(zmq.SUB)
        self._sub.setsockopt(zmq.SNDHWM, 0)
        self._sub.setsockopt(zmq.RCVHWM, 100_000)
        self._sub.connect(self._events)
        self._sub.subscribe(HEARTBEATS)
        self.stream = b""
        self._heard = self._ponged = now()

    def _ask(self, message, handler):
        """The request of this turn: resent until answered."""
        turn = self._turn

        def on_reply(reply):
            if turn != self._turn:
                return
            if self.phase != "register" and reply.instance != self.instance:
                return self._register("another instance")
            if not reply.HasField("error"):
                self._resend = None
                return handler(reply)
            if reply.error.code < 200:
                raise Refused(reply.error)
            if reply.error.code == errors.PULL_BROKEN:
                return self._pull("broken")
            if reply.error.code >= 300 and self.phase != "register":
                return self._register("refused")
            self._resend = (message, handler, now() + random.uniform(0.02, 0.1))
        self._resend = (message, handler, now() + self.connection.timeout)
        self.connection.send(message, on_reply)

    def _ping(self, nonce=None):
        if now() < self._pinged + self.PROBE:
            return
        self._pinged = now()
        turn = self._turn

        def on_reply(reply):
            if turn != self._turn or self.phase == "register":
                return
            self._ponged = now()
            if reply.instance != self.instance:
                return self._register("another instance")
            for entry in reply.bookmarks:
                if entry.stream == self.stream:
                    if not entry.HasField("bookmark"):
                        return self._register("unknown stream")
                    self._bookmark(entry.bookmark, from_reply=True)
        ping = bus.Ping(nonce=nonce or random.randrange(1, 1 << 64))
        self.connection.send(request(ping=ping, streams=[self.stream]), on_reply)

    def _token(self):
        return memory.Token(lineage=self.lineage, position=self.cut) if self.cut else None

    # ---- 1. Register

    def _register(self, reason):
        self._begin("register", reason)
        self._held, self._seen = [], 0
        self._ask(request(register=bus.Register(branch=self.branch, topics=self.topics, mode=bus.UPDATE,
                                                newest=self._token())), self._registered)

    def _registered(self, reply):
        registered = reply.registered
        self.instance, self.lineage = reply.instance, reply.lineage
        if registered.reset:
            self.story.append("reset")
            self.records, self.cut = {}, None
        if registered.stream != self.stream:
            if self.stream:
                self._sub.unsubscribe(self.stream)
            self._sub.subscribe(registered.stream)
        self.stream, self.alias, self.generation = registered.stream, registered.alias, registered.generation
        # 2. Probe
        self._begin("probe", "registered")
        self._nonce, self._tries = random.randrange(1, 1 << 64), 0

    def _begin(self, phase, reason):
        self.story.append(f"{phase}: {reason}")
        self.phase = phase
        self._turn += 1
        self._resend = self._overtaken = None

    # ---- 3. Pull

    def _pull(self, reason):
        self._begin("pull", reason)
        self._pages = []
        self._next_page(None)

    def _next_page(self, token):
        self._turn += 1  # a late double of the page before must not be staged twice
        pull = bus.Pull(stream=self.stream, at_least=self._seen, page=token, cut=self._token())
        self._ask(request(pull=pull), self._page)

    def _page(self, reply):
        page = reply.page
        self._pages.append(page)
        first = self._pages[0]
        if (page.snapshot, page.base, page.target) != (first.snapshot, first.base, first.target):
            return self._pull("pages differ")
        if page.HasField("next"):
            return self._next_page(page.next)
        if page.target.revision > self.revision and (page.snapshot or page.base.revision <= self.revision):
            if page.snapshot:
                self.records = {}
            for staged in self._pages:
                self._apply(staged.records)
            self.cut = page.target
        self._begin("live", f"at {self.revision}")
        self.stale = False
        held, self._held = self._held, []
        for event in held:
            self._event(event)  # a gap makes this a pull again, which holds the rest

    def _apply(self, records):
        for record in records:
            if record.deleted:
                self.records.pop(record.key, None)
            else:
                self.records[record.key] = record

    # ---- 4. Live: the gap rule

    def _published(self, published):
        self._heard = now()
        content = published.WhichOneof("content")
        if self.phase == "register" or content is None:
            return
        if published.instance != self.instance:
            return self._ping()
        if self.phase == "live":
            self.stale = False
        {"event": self._event, "bookmark": self._bookmark, "heartbeat": self._heartbeat}[content](
            getattr(published, content))

    def _event(self, event):
        self._seen = max(self._seen, event.position.revision)
        if self.phase == "pull":
            self._held.append(event)
        elif self.phase == "live" and event.position.revision > self.revision:
            if event.previous <= self.revision and not event.announced:
                self._apply(event.records)
                self.cut = event.position
            elif event.previous <= self.revision:
                self._pull("announced")
            else:
                self._held.append(event)
                self._pull("gap")

    def _bookmark(self, bookmark, from_reply=False):
        self._seen = max(self._seen, bookmark.position.revision)
        if self.phase == "probe" and not from_reply and bookmark.nonce == self._nonce:
            self._pull("joining")
        elif self.phase == "live" and bookmark.position.revision > self.revision:
            if bookmark.last <= self.revision:
                self.cut = bookmark.position
            elif not from_reply:
                self._pull("bookmark")
            elif not self._overtaken:
                self._overtaken = (bookmark.last, now() + self.GRACE)

    def _heartbeat(self, heartbeat):
        if self.phase != "live":
            return
        if heartbeat.generation != self.generation or self.revision < heartbeat.since:
            self._ping()
        elif heartbeat.position.revision > self.revision:
            last = next((entry.last for entry in heartbeat.changed if entry.alias == self.alias), 0)
            if last <= self.revision:
                self.cut = heartbeat.position
            else:
                self._pull("heartbeat")

    # ---- What time brings

    def _tick(self):
        if self._resend and now() > self._resend[2]:
            self._ask(*self._resend[:2])
        if self.phase == "probe" and now() > self._pinged + self.PROBE:
            self._tries += 1
            if self._tries > 30:
                self._new_socket()
                return self._register("probes unanswered")
            self._ping(self._nonce)
        if self.phase in ("live", "pull") and now() > self._heard + self.SILENCE:
            self.stale = True
            if self._ponged > self._heard + 2 * self.SILENCE:
                self._new_socket()
                return self._register("silence")
            self._ping()
        if self.phase == "live":
            if self._overtaken and self._overtaken[0] <= self.revision:
                self._overtaken = None
            elif self._overtaken and now() > self._overtaken[1]:
                self._pull("events that a reply knew of")
        if self.phase in ("live", "pull") and now() > self._pinged + self.NAMED:
            self._ping()

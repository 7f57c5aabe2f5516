"""Bad input and faults: each gets a clear error or is dropped, the broker goes on serving others, and nothing
that was acknowledged is lost."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
import zmq

from conversations import Follower
from membus_client import Connection, Refused, Session, request
from membus_protos import bus, errors, memory
from processes import (
    Broker, Lines, eventually, memory_kib, open_files, run, run_json_lines)
from zmtp import COMMAND, MORE, Wire, header

MIB = 1 << 20


def put(key, value, **fields):
    return memory.Change(key=key, put=memory.Put(value=value if isinstance(value, bytes) else value.encode(), **fields))


def increment(key, by=1):
    return memory.Change(key=key, increment=by)


def dealer(broker):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    socket.setsockopt(zmq.RECONNECT_IVL, -1)
    socket.connect(broker.url)
    return socket


def exchange(socket, payload):
    """Sends one frame. -> the Reply"""
    socket.send(payload)
    return bus.Reply.FromString(socket.recv())


@pytest.fixture
def bystander(clients):
    """Somebody else, who must be served whatever the others do. bystander() proves it, and how quickly."""
    session = clients.session("bystander")

    def is_served():
        begun = time.monotonic()
        session.transact(increment("bystander"))
        is_served.count += 1
        counter = session.connection.get("bystander")["bystander"]
        assert int(counter.value) == is_served.count
        return time.monotonic() - begun

    is_served.count = 0
    is_served()
    return is_served


# ---- Frames and messages


def test_random_frames_are_dropped_or_refused(broker, bystander):
    rng = random.Random(1)
    with dealer(broker) as stranger:
        for number in range(1500):
            frames = [rng.randbytes(rng.choice((0, 1, 16, 300, 5000))) for _ in range(rng.randint(1, 5))]
            stranger.send_multipart(frames)
            if number % 300 == 0:
                bystander()
        # In order behind all of that, on the same connection.
        stranger.send(request(id=77, hello=bus.Hello(agent="x", major=1)).SerializeToString())
        while True:
            reply = bus.Reply.FromString(stranger.recv_multipart()[-1])
            if reply.id == 77:
                break
            assert reply.error.code in (errors.MALFORMED, errors.UNSUPPORTED_VERSION, errors.UNKNOWN_REQUEST)
    bystander()
    assert run_json_lines(broker, "status")[0]["malformed"] > 500


def test_a_message_of_many_frames_is_dropped(broker, bystander):
    with dealer(broker) as stranger:
        stranger.send_multipart([b"x"] * 100_000)
        assert exchange(stranger, request(id=1, ping=bus.Ping(nonce=1)).SerializeToString()).HasField("pong")
    bystander()


@pytest.mark.parametrize("door", ["url", "events"])
def test_bytes_that_are_not_zeromq_cost_only_their_connection(broker, bystander, door):
    rng = random.Random(2)
    endpoint = getattr(broker, door)
    starts = [b"GET / HTTP/1.1\r\nHost: membus\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"", b"\xff" * 64]
    for number in range(100):
        with Wire(endpoint, greet=False) as stranger:
            try:
                stranger.send(rng.choice(starts) + rng.randbytes(rng.randint(0, 3000)))
            except OSError:
                pass  # closed already: so be it
    kinds = [b"DEALER", b"ROUTER", b"SUB", b"PUB", b"XXX"]
    for number in range(100):
        try:
            with Wire(endpoint, rng.choice(kinds)) as stranger:
                for _ in range(5):
                    stranger.send(rng.randbytes(rng.randint(1, 500)))
        except OSError:
            pass
        except EOFError:
            pass
    bystander()


def test_a_subscriber_may_send_nonsense_to_the_events_socket(broker, bystander):
    with Wire(broker.events, b"SUB") as stranger:
        rng = random.Random(3)
        for _ in range(500):
            stranger.send_frame(rng.randbytes(rng.randint(0, 300)), rng.choice((0, 0, MORE)))
    bystander()


def test_a_frame_that_never_ends_holds_nobody_up(broker, bystander):
    with Wire(broker.url) as stranger:
        stranger.send(header(10 * MIB) + b"x" * 1000)
        for _ in range(5):
            assert bystander() < 5
    bystander()


def test_every_truncation_of_a_request_gets_an_answer_and_none_takes_effect(broker, bystander, clients):
    session = clients.session()
    full = request(id=5, instance=session.connection.instance, transact=bus.Transact(
        session=session.id, number=1, transaction=memory.Transaction(
            branch="main", changes=[put("truncated/key", "value")]))).SerializeToString(deterministic=True)
    with dealer(broker) as stranger:
        for length in range(len(full)):
            reply = exchange(stranger, full[:length])
            # Cut between two fields it may be a request of its own, which lacks what it needs.
            assert reply.HasField("error"), (length, reply)
            assert reply.error.message and reply.error.code
        assert "truncated/key" not in session.connection.get("truncated/key")
    bystander()


def test_an_oversized_message_costs_its_sender_the_connection_and_the_broker_nothing(broker, bystander):
    with Wire(broker.url) as stranger:
        stranger.send(header(1 << 40))
        assert stranger.is_closed()
    with Wire(broker.url) as stranger:
        stranger.send(header((1 << 63) + 1))
        assert stranger.is_closed()
    with Wire(broker.url) as stranger:
        with pytest.raises(OSError):
            stranger.send_frame(bytes(40 * MIB))
            stranger.send(b"more")
            raise OSError if stranger.is_closed() else AssertionError("the broker took it")
    assert memory_kib(broker.pid, peak=True) < 200 * 1024
    bystander()


def test_messages_of_other_types_are_refused(broker, bystander):
    record = memory.Record(key="a/b", revision=3, value=b"x" * 100, kind="text", owner="me")
    others = [
        record, bus.Reply(id=3, lineage=5, instance=6), bus.Published(instance=4, event=bus.Event(records=[record])),
        memory.Commit(records=[record]), errors.Error(code=100, message="x"),
        bus.Transact(session=1, number=1), memory.Transaction(branch="main", changes=[put("k", "v")]),
    ]
    with dealer(broker) as stranger:
        for other in others:
            reply = exchange(stranger, other.SerializeToString())
            assert reply.error.code in (errors.MALFORMED, errors.UNSUPPORTED_VERSION, errors.UNKNOWN_REQUEST), reply
            assert reply.error.message and reply.error.hint
    bystander()


def test_deeply_nested_and_repeated_fields_are_refused_or_answered(broker, bystander):
    nested = b""
    for _ in range(5000):  # field 10 (hello), length-delimited, in itself
        nested = b"\x52" + varint(len(nested)) + nested
    with dealer(broker) as stranger:
        reply = exchange(stranger, b"\x08\x01" + nested)
        assert reply.ByteSize()
        many = request(id=9, ping=bus.Ping(nonce=1), streams=[b"x" * 16] * 50_000).SerializeToString()
        assert exchange(stranger, many).error.code in (errors.LIMIT_EXCEEDED, errors.MALFORMED, errors.INVALID_ARGUMENT)
    bystander()


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def test_unknown_requests_are_refused_by_name(broker, bystander):
    with dealer(broker) as stranger:
        for field in (98, 99, 2000):
            tag = varint(field << 3 | 2)
            reply = exchange(stranger, request(id=field).SerializeToString() + tag + b"\x02ab")
            assert (reply.id, reply.error.code) == (field, errors.UNKNOWN_REQUEST)
        assert exchange(stranger, b"").error.code == errors.UNSUPPORTED_VERSION
        for version in (2, 7, 4_000_000_000):
            reply = exchange(stranger, request(id=8, version=version, ping=bus.Ping()).SerializeToString())
            assert (reply.id, reply.error.code) == (8, errors.UNSUPPORTED_VERSION)
            assert "1" in reply.error.message + reply.error.hint
    bystander()


# ---- Names and limits


def test_invalid_utf8_is_refused_wherever_it_stands(broker, bystander, clients):
    session = clients.session()
    marker = "QQQQ"
    spots = [
        dict(get=bus.Get(branch="main", keys=["a/" + marker])),
        dict(get=bus.Get(branch=marker, keys=["a"])),
        dict(range=bus.Range(branch="main", topics=["a/", marker])),
        dict(hello=bus.Hello(agent=marker, major=1)),
        dict(open_session=bus.OpenSession(agent=marker)),
        dict(transact=bus.Transact(session=session.id, number=1, transaction=memory.Transaction(
            branch="main", message=marker, changes=[put("a", "b")]))),
        dict(transact=bus.Transact(session=session.id, number=1, transaction=memory.Transaction(
            branch="main", changes=[put(marker, "b")]))),
        dict(transact=bus.Transact(session=session.id, number=1, transaction=memory.Transaction(
            branch="main", changes=[put("a", "b", kind=marker)]))),
        dict(transact=bus.Transact(session=session.id, number=1, transaction=memory.Transaction(
            branch="main", changes=[put("a", "b", attributes=[memory.Attribute(name="x", value=marker)])]))),
    ]
    with dealer(broker) as stranger:
        for spot in spots:
            for bad in (b"\xff\xfe\xfd\xfc", b"\xc3\x28ab", b"\xed\xa0\x80a", b"\xf4\x90\x80\x80"):
                payload = request(id=4, instance=session.connection.instance, **spot).SerializeToString()
                reply = exchange(stranger, payload.replace(marker.encode(), bad))
                assert 100 <= reply.error.code < 200, (spot, bad, reply)
    # The transactions were malformed: their number is still free. A text must be UTF-8 as well.
    with pytest.raises(Refused) as refused:
        session.transact(put("a", b"\xff\xfe"))
    assert refused.value.code == errors.INVALID_VALUE
    assert not session.connection.get("a")
    bystander()


@pytest.mark.parametrize("key", [
    "", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "a\0b", "a\nb", "a\x7fb", "a\u0085b"])
def test_an_invalid_key_is_refused_and_named(broker, clients, key):
    session = clients.session()
    for ask in (lambda: session.transact(put(key, "value")), lambda: session.connection.get(key)):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code == errors.INVALID_NAME, refused.value.error
        assert refused.value.error.message
    assert session.transact(put("valid", "value")).committed


LIMITS = {
    "a key": (dict(changes=[put("k" * 1025, "v")]), "1024", "k" * 20),
    "a value": (dict(changes=[put("big/value", bytes(4 * MIB + 1), kind="bin")]), str(4 * MIB), "big/value"),
    "changes": (dict(changes=[increment(f"n/{n}") for n in range(1001)]), "1000", "1001"),
    "a transaction": (dict(changes=[put(f"b/{n}", bytes(4 * MIB - 100), kind="bin") for n in range(4)]
                           + [put("b/last", bytes(1024), kind="bin")]), str(16 * MIB), ""),
    "a message": (dict(message="m" * 17_000, changes=[increment("n")]), str(16 << 10), "message"),
    "a context": (dict(context="c" * 300, changes=[increment("n")]), "256", "context"),
    "annotations": (dict(changes=[put("noted", "v", attributes=[
        memory.Attribute(name=f"a{n}", value="x" * 1000) for n in range(70)])]),
                    str(64 << 10), "noted"),
    "a kind": (dict(changes=[put("kind/x", "v", kind="k" * 300)]), "256", "kind"),
}


@pytest.mark.parametrize("what", LIMITS)
def test_what_is_over_a_limit_is_refused_with_the_limit_and_the_offender(broker, clients, what):
    fields, limit, offender = LIMITS[what]
    session = clients.session(timeout=10)
    with pytest.raises(Refused) as refused:
        session.wait(session.submit(memory.Transaction(branch="main", **fields)), 30)
    error = refused.value.error
    assert error.code in (errors.LIMIT_EXCEEDED, errors.INVALID_NAME), error
    told = error.message + " " + error.subject
    assert limit in told.replace(",", ""), error
    assert offender in told, error
    assert session.transact(put("fine", "v")).committed
    status = run_json_lines(broker, "status")[0]
    assert status["head"]["revision"] == 1


def test_values_at_the_limit_are_taken(broker, clients):
    session = clients.session(timeout=10)
    session.transact(put("k" * 1024, "v"), put("big", b"x" * (4 * MIB), kind="bin"))
    assert len(session.connection.get("big")["big"].value) == 4 * MIB


def test_too_many_keys_and_topics_are_refused(broker, clients):
    connection = clients.connection()
    for ask in (dict(get=bus.Get(keys=[f"k/{n}" for n in range(10_001)])),
                dict(range=bus.Range(topics=[f"k/{n}/" for n in range(257)])),
                dict(register=bus.Register(topics=[f"k/{n}/" for n in range(257)], mode=bus.UPDATE))):
        with pytest.raises(Refused) as refused:
            connection.call(request(**ask))
        assert refused.value.code == errors.LIMIT_EXCEEDED
        assert any(number in refused.value.error.message for number in ("10000", "10,000", "256"))


# ---- Peers that do not keep up


def test_a_client_that_never_reads_its_replies_holds_nobody_up_and_costs_bounded_memory(broker, clients, bystander):
    session = clients.session(timeout=10)
    for number in range(4):
        session.transact(put(f"large/{number}", bytes([number]) * MIB, kind="bin"))
    before = memory_kib(broker.pid)
    asked = 0
    with Wire(broker.url, receive_buffer=4096) as deaf:
        for round in range(10):
            for _ in range(100):
                asked += 1
                get = request(id=asked, get=bus.Get(keys=[f"large/{asked % 4}"]))
                deaf.send_frame(get.SerializeToString())
            assert bystander() < 5
        # All of it is answered, or lost to that client alone.
        eventually(lambda: run_json_lines(broker, "status")[0]["reads_waiting"] <= 1, 60)
        assert bystander() < 5
        grown = memory_kib(broker.pid, peak=True) - before
        print(f"{asked} MiB asked for, and not read: {grown >> 10} MiB more at the most")
        assert grown < 160 * 1024
    eventually(lambda: memory_kib(broker.pid) - before < 100 * 1024, what="letting go of the replies")


def test_a_client_that_reads_its_replies_slowly_gets_all_of_them(broker, clients):
    session = clients.session(timeout=10)
    session.transact(put("large", b"x" * MIB, kind="bin"))
    with Wire(broker.url, timeout=60) as slow:
        for number in range(1, 13):
            slow.send_frame(request(id=number, get=bus.Get(keys=["large"])).SerializeToString())
        got = []
        while len(got) < 12:
            flags, body = slow.frame()
            if not flags & COMMAND:
                got.append(bus.Reply.FromString(body))
    assert sorted(reply.id for reply in got) == list(range(1, 13))
    assert all(len(reply.records.records[0].value) == MIB for reply in got)


def test_a_subscriber_that_was_stopped_catches_up(broker, clients, bystander):
    pause = 60 if os.environ.get("MEMBUS_LONG") else 10
    session = clients.session(timeout=10)
    follower = Follower(broker, "stopped", "--mode", "update")
    assert follower.report(token_of(broker))["count"] == 0
    with Lines(broker, "watch", "conversations/", "--from", "0", "--json") as watch:
        watch.until(lambda it: it.err)
        follower.process.send_signal(signal.SIGSTOP)
        watch.process.send_signal(signal.SIGSTOP)
        try:
            before = memory_kib(broker.pid)
            deadline, written = time.monotonic() + pause, 0
            # More than fits the subscriber's mark; then now and then one, until the time is over.
            while time.monotonic() < deadline or written < 6000:
                for _ in range(100 if written < 6000 else 1):
                    written += 1
                    number = session.submit(memory.Transaction(branch="main", changes=[
                        put(f"conversations/{written % 500}", f"{written} ".ljust(2000, "x"))]))
                session.wait(number)
                if written % 1000 == 0 or written > 6000:
                    assert bystander() < 5
            grown = memory_kib(broker.pid) - before
            print(f"{written} commits while the subscriber was stopped; {grown >> 10} MiB more")
            assert grown < 200 * 1024
        finally:
            follower.process.send_signal(signal.SIGCONT)
            watch.process.send_signal(signal.SIGCONT)
        report = follower.report(token_of(broker))
        truth = run_json_lines(broker, "debug", "digest", "conversations/")[0]
        assert truth["equal"] and report["digest"] == truth["digest"] and report["count"] == 500
        watch.until(lambda it: len(it.out) >= written, 90)
        revisions = [change["revision"] for change in watch.objects()]
        assert len(revisions) == written and revisions == sorted(set(revisions))
    follower.close()


def test_what_waits_for_stopped_subscribers_is_bounded_in_bytes_and_given_back(broker, clients, bystander):
    """Twelve subscribers of a stream each stop reading; half a gibibyte of events would wait for them."""
    connection, session = clients.connection(), clients.session(timeout=10)
    follower = Follower(broker, "reader", "--mode", "update", topic="big/")
    assert follower.report(token_of(broker))["count"] == 0
    before = memory_kib(broker.pid)
    deaf = []
    for number in range(12):
        stream = connection.call(request(register=bus.Register(
            topics=["big/", f"other/{number}"], mode=bus.UPDATE))).registered.stream
        wire = Wire(broker.events, b"SUB", receive_buffer=4096)
        wire.send_frame(b"\x01" + stream)
        deaf.append(wire)
    bystander()
    for count in range(700):
        number = session.submit(memory.Transaction(branch="main", changes=[
            put(f"big/{count % 50}/{part}", f"{count} ".ljust(15_000, "x")) for part in range(4)]))
        if count % 50 == 49:
            session.wait(number)
            assert bystander() < 5
    grown = memory_kib(broker.pid, peak=True) - before
    print(f"{grown >> 10} MiB more at the most")
    assert grown < 400 * 1024
    told = [line for line in broker.log if "events are announced instead of sent" in line]
    assert told and "MiB wait for subscribers" in told[0], broker.log[-5:]
    # Who reads has all of it, whatever the others do.
    report = follower.report(token_of(broker))
    truth = run_json_lines(broker, "debug", "digest", "big/")[0]
    assert truth["equal"] and report["digest"] == truth["digest"] and report["count"] == 200
    follower.close()
    # They never take what waits, and are disconnected; the memory goes with them.
    eventually(lambda: memory_kib(broker.pid) - before < 80 * 1024, 60, what="letting go of the events")
    for wire in deaf:
        assert wire.is_closed()
        wire.close()
    session.transact(put("big/0/0", "small again"))
    bystander()


def test_a_client_with_too_many_subscriptions_is_disconnected_and_its_memory_given_back(broker, clients, bystander):
    before = memory_kib(broker.pid)
    with Wire(broker.events, b"SUB") as greedy:
        topic = b"\x01%16d"
        try:
            for number in range(0, 200_000, 1000):
                greedy.send(b"".join(header(17) + topic % (each * 7919) for each in range(number, number + 1000)))
        except OSError:
            pass
        assert greedy.is_closed()
    assert bystander() < 5
    assert any("subscriptions" in line for line in broker.log), broker.log
    grown = memory_kib(broker.pid, peak=True) - before
    print(f"{grown >> 10} MiB more at the most")
    assert grown < 100 * 1024
    eventually(lambda: memory_kib(broker.pid) - before < 20 * 1024, 30, what="letting go of the subscriptions")
    # 30,000 are nobody's fault.
    with Wire(broker.events, b"SUB", timeout=2) as busy:
        busy.send(b"".join(header(17) + topic % each for each in range(30_000)))
        bystander()
        assert not busy.is_closed()


def token_of(broker):
    status = run_json_lines(broker, "status")[0]
    return f"{status['lineage']}:{status['head']['revision']}:{status['head']['hash']}"


def test_ten_thousand_connections_in_turn_leave_nothing_behind(broker, bystander):
    hello = request(id=1, hello=bus.Hello(agent="passer-by", major=1)).SerializeToString()
    measured = {}
    for number in range(1, 10_001):
        with Wire(broker.url) as stranger:
            stranger.send_frame(hello)
            flags, body = stranger.frame()
            assert bus.Reply.FromString(body).HasField("welcome")
        if number in (2000, 10_000):
            bystander()
            # Connections are closed a moment after their peers are.
            files = eventually(lambda: (count := open_files(broker.pid)) < 100 and count, what="few open files")
            measured[number] = (files, memory_kib(broker.pid))
    print(f"(open files, KiB): {measured}")
    assert measured[10_000][0] <= measured[2000][0] + 5
    assert measured[10_000][1] <= measured[2000][1] + 8 * 1024


def test_subscribers_that_come_and_go_leave_nothing_behind(broker, bystander, clients):
    """Registrations are streams; a stream that nobody names any more is dropped after a while."""
    connection = clients.connection()
    before = memory_kib(broker.pid)
    for number in range(3000):
        connection.call(request(register=bus.Register(topics=[f"t/{number}/"], mode=bus.UPDATE)))
    for number in range(500):
        with Wire(broker.events, b"SUB") as stranger:
            stranger.send_frame(b"\x01" + number.to_bytes(16, "big"))
    bystander()
    assert memory_kib(broker.pid) - before < 50 * 1024
    eventually(lambda: open_files(broker.pid) < 100)


# ---- Disks and directories


class Acknowledged(threading.Thread):
    """An agent that counts as fast as it can, in its own key, and knows what was acknowledged."""

    def __init__(self, broker, name, window=16):
        super().__init__(daemon=True)
        self.broker, self.name, self.window = broker, name, window
        self.stopping = threading.Event()
        self.sent = 0
        self.error = None
        self.session = None

    @property
    def acknowledged(self):
        return sum(not isinstance(answer, Refused) for answer in list(self.session.answers.values()))

    def run(self):
        connection = Connection(self.broker.url, timeout=0.5)
        try:
            self.session = Session(connection, self.name)
            while not self.stopping.is_set():
                self.session.submit(
                    memory.Transaction(branch="main", changes=[increment(f"counts/{self.name}")]), self.window)
                self.sent += 1
                self.session.step(0)
        except Exception as error:  # told by whoever joins
            self.error = error
        finally:
            connection.close()

    def finish(self):
        """Stops sending. -> (acknowledged, sent)"""
        self.stopping.set()
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.acknowledged, self.sent


def counted(broker, agents):
    """Each agent's counter holds what it should: all that was acknowledged, and each number once."""
    told = {agent.name: [] for agent in agents}
    for commit in run_json_lines(broker, "log", "counts/", "--ascending", timeout=120):
        if commit["agent"] in told:
            told[commit["agent"]].append(commit["number"])
    for agent in agents:
        numbers = told[agent.name]
        assert numbers == list(range(1, len(numbers) + 1)), f"{agent.name}: numbers are lost or doubled"
        value = int(run_json_lines(broker, "get", f"counts/{agent.name}")[0]["value"])
        assert value == len(numbers)
        answered = [n for n, a in agent.session.answers.items() if not isinstance(a, Refused)]
        assert set(answered) <= set(numbers), f"{agent.name}: an acknowledged commit is lost"
        assert value <= agent.sent


def fill(directory):
    """Leaves nothing free. -> the file to delete for room again"""
    ballast = directory / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    return ballast


def test_a_full_disk_refuses_writes_serves_reads_and_loses_nothing(mount, tmp_path):
    disk = mount("-t", "tmpfs", "-o", "size=24m", "tmpfs")
    with Broker(disk / "data") as broker:
        connection = Connection(broker.url, timeout=5)
        session = Session(connection)
        kept, refusal, number = {}, None, 0

        def write(size):
            nonlocal number, refusal
            number += 1
            key, value = f"disk/{number}", random.Random(number).randbytes(size)
            transact = bus.Transact(session=session.id, number=len(kept) + 1, acknowledged=len(kept),
                                    transaction=memory.Transaction(changes=[put(key, value, kind="bin")]))
            reply = connection.exchange(request(instance=connection.instance, transact=transact))
            if reply.HasField("error"):
                refusal = reply.error
                return False
            kept[key] = value
            return True

        for _ in range(10):
            assert write(50_000)
        ballast = fill(disk)
        while write(50_000):
            assert len(kept) < 1000
        for size in (20_000, 3000, 10):
            while write(size):
                assert len(kept) < 10_000
        assert refusal.code == errors.DISK_FULL, refusal
        assert "full" in refusal.message and refusal.hint

        # Reads go on, and so does the broker.
        for key in list(kept)[::5]:
            assert connection.get(key)[key].value == kept[key]
        failed = run(broker, "put", "disk/cli", "x", "--timeout", "3s", check=False)
        assert failed.returncode == 1 and failed.stderr.startswith("membus: the disk is full"), failed.stderr
        begun = time.monotonic()
        failed = run(broker, "compact", "--below", "3", check=False)
        assert failed.returncode == 1 and failed.stderr.startswith("membus: the disk is full"), failed.stderr
        assert "transaction" not in failed.stderr and time.monotonic() - begun < 10
        assert broker.is_running()

        ballast.unlink()
        told = [line for line in broker.log if "not checkpointed" in line or "was refused" in line]
        assert len(told) < 10, told
        eventually(lambda: write(1000), 15, "writing after space was freed")
        assert run_json_lines(broker, "verify")[0]["problems"] == []

        # Full again, and killed while it is.
        ballast = fill(disk)
        while write(20_000):
            pass
        broker.kill()
        ballast.unlink()
        broker.start()
        assert {key: record.value for key, record in connection.range("disk/").items()} == kept
        assert run_json_lines(broker, "verify")[0]["problems"] == []
        connection.close()


def test_a_full_disk_at_the_start_is_told(mount):
    disk = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    fill(disk)
    code, said = Broker(disk / "data").refuses()
    assert code == 1 and ("full" in said.lower() or "no space" in said.lower()), said


def test_a_disk_that_is_full_while_a_client_waits_takes_the_write_once_there_is_room(mount):
    disk = mount("-t", "tmpfs", "-o", "size=16m", "tmpfs")
    with Broker(disk / "data") as broker:
        run(broker, "put", "before", "x")
        ballast = fill(disk)
        run(broker, "put", "filler", "x" * 40_000, "--timeout", "1s", check=False)
        with Lines(broker, "put", "patient", "y" * 40_000, "--timeout", "30s") as patient:
            eventually(lambda: run_json_lines(broker, "status")[0]["refused"] > 3)
            ballast.unlink()
            assert patient.wait() == 0, patient.err
        history = run_json_lines(broker, "history", "patient")
        assert len(history) == 1


def test_a_read_only_data_directory_is_refused(mount, tmp_path):
    data = tmp_path / "data"
    with Broker(data) as broker:
        run(broker, "put", "a", "b")
    place = mount("--bind", data)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
    code, said = Broker(place).refuses()
    assert code == 1
    assert str(place) in said and "read-only" in said.lower() and "another" in said, said
    code, said = Broker(place / "below").refuses()
    assert code == 1 and str(place / "below") in said, said


def test_a_data_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    data = tmp_path / "data"
    with Broker(data) as broker:
        run(broker, "put", "a", "b")
    file = data / "membus.db"
    with sqlite3.connect(file) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    before = file.read_bytes()
    code, said = Broker(data).refuses()
    assert code == 1
    assert f"format {version + 1}" in said and "newer" in said and str(data) in said, said
    assert file.read_bytes() == before


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path):
    for number, content in enumerate((b"not a database, but long enough to look at " * 200, None)):
        data = tmp_path / f"data-{number}"
        data.mkdir()
        file = data / "membus.db"
        if content:
            file.write_bytes(content)
        else:
            with sqlite3.connect(file) as database:
                database.execute("CREATE TABLE somebody_elses(x)")
            database.close()
        before = file.read_bytes()
        code, said = Broker(data).refuses()
        assert code == 1 and str(data) in said and "another directory" in said, said
        assert file.read_bytes() == before


def test_a_second_broker_on_a_data_directory_refuses_and_names_it(broker):
    run(broker, "put", "a", "b")
    code, said = Broker(broker.data).refuses()
    assert code == 1
    assert broker.data in said and "another broker" in said and str(broker.pid) in said, said
    assert run(broker, "get", "a").stdout == "b"
    broker.kill()
    broker.start()  # the lock went with its holder
    assert run(broker, "get", "a").stdout == "b"


@pytest.mark.parametrize("door", ["url", "events"])
def test_a_port_in_use_is_told(broker, tmp_path, door):
    taken = getattr(broker, door)
    code, said = Broker(tmp_path / "other", **{door: taken}).refuses()
    assert code == 1 and taken in said and "use" in said, said
    with Broker(tmp_path / "other"):  # its data directory is free again
        pass
    run(broker, "put", "a", "b")


# ---- Ends


def test_sigterm_drains_and_ends_with_0(broker):
    agents = [Acknowledged(broker, f"agent-{n}") for n in range(4)]
    for agent in agents:
        agent.start()
    eventually(lambda: all(agent.session and agent.acknowledged > 50 for agent in agents))
    assert broker.stop(timeout=15) == 0
    broker.start()
    for agent in agents:
        agent.finish()
    counted(broker, agents)


def test_sigint_ends_with_0_too(broker):
    run(broker, "put", "a", "b")
    broker.process.send_signal(signal.SIGINT)
    assert broker.process.wait(15) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait_for_verifications_that_nobody_waits_for(broker, clients, number):
    connection = clients.connection()
    connection.hello()
    for part in range(30):
        run(broker, "commit", "-", input=json.dumps({"changes": [
            {"key": f"v/{part}/{n}", "put": {"value": "x" * 100}} for n in range(500)]}))
    verified = Lines(broker, "verify")
    begun = time.monotonic()
    assert verified.wait() == 0
    count = int(30 / max(time.monotonic() - begun, 0.05)) + 10
    for _ in range(count):
        connection.send(request(verify=bus.Verify()), lambda reply: None)
    for _ in range(20):
        connection.pump(0.02)
    connection.close()
    broker.process.send_signal(number)
    time.sleep(1)
    assert broker.is_running(), "the first signal waits for what is under way"
    broker.process.send_signal(number)
    assert broker.process.wait(10) == 0
    eventually(lambda: any("second time" in line for line in broker.log))
    broker.start()
    assert run_json_lines(broker, "verify")[0]["problems"] == []


def test_kill_9_at_random_moments_leaves_each_transaction_once(broker):
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    print(f"to replay: MEMBUS_SEED={seed}")
    rng = random.Random(seed)
    agents = [Acknowledged(broker, f"agent-{n}", window=window) for n, window in enumerate((16, 32, 64, 200))]
    for agent in agents:
        agent.start()
    for _ in range(5):
        reached = [agent.acknowledged if agent.session else 0 for agent in agents]
        eventually(lambda: all(agent.session and agent.acknowledged > was for agent, was in zip(agents, reached)))
        time.sleep(rng.uniform(0, 0.5))
        broker.kill()
        broker.start()
    for agent in agents:
        agent.finish()
    counted(broker, agents)
    assert run_json_lines(broker, "verify")[0]["problems"] == []


# ---- The disk's part in a commit, as the kernel saw it


@pytest.fixture
def traced(tmp_path):
    """A broker whose syncs and sends are written down, in the order in which the kernel had done them."""
    trace = tmp_path / "trace"
    broker = Broker(tmp_path / "data", under=(
        "strace", "-f", "-ttt", "-s", "0", "-o", str(trace), "-e", "trace=fdatasync,fsync,sendto"))
    broker.start()

    def traced_process():
        return int(Path(f"/proc/{broker.pid}/task/{broker.pid}/children").read_text())

    def thread(name):
        for task in Path(f"/proc/{traced_process()}/task").iterdir():
            if (task / "comm").read_text().strip() == name:
                return task.name
        raise AssertionError(f"no thread {name}")

    def calls():
        """-> [(thread, call)], each at its end for a sync, at its start for a send."""
        found = []
        lines = trace.read_text().splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # being written
        for line in lines:
            task, _, what = line.split(maxsplit=2)
            if what.startswith("sendto("):
                found.append((task, "send"))
            elif ("fdatasync" in what or "fsync" in what) and "unfinished" not in what:
                assert what.rstrip().endswith("= 0"), line
                found.append((task, "sync"))
        return found

    broker.thread, broker.calls = thread, calls
    yield broker
    os.kill(traced_process(), signal.SIGTERM)
    assert broker.process.wait(30) == 0


def test_a_commit_is_synced_before_its_reply_is_sent(traced):
    writer, sender = traced.thread("membus-commit"), traced.thread("ZMQbg/IO/0")

    def seen():
        return [call for task, call in traced.calls() if task == writer or (task == sender and call == "send")]

    connection = Connection(traced.url, timeout=10)
    session = Session(connection)
    begun, commits = seen().count("send"), 30
    for _ in range(commits):
        session.transact(increment("n"))
    connection.close()
    eventually(lambda: seen().count("send") >= begun + commits, what="writing the trace")
    # The trace lags by a line or two, so that what came before may be counted among these: the last ones are replies.
    calls = seen()
    sends = [place for place, call in enumerate(calls) if call == "send"][-(commits - 5):]
    assert all(calls[place - 1] == "sync" for place in sends), calls


def test_a_group_commit_takes_one_sync(traced):
    agents = [Acknowledged(traced, f"agent-{n}", window=32) for n in range(4)]
    status = run_json_lines(traced, "status")[0]
    writer = traced.thread("membus-commit")
    begun = sum(task == writer for task, _ in traced.calls())
    for agent in agents:
        agent.start()
    eventually(lambda: all(agent.session and agent.acknowledged > 100 for agent in agents), 60)
    for agent in agents:
        agent.finish()
    later = eventually(lambda: (it := run_json_lines(traced, "status")[0])["transactions_waiting"] == 0 and it)
    batches = later["batches"] - status["batches"]

    def written():
        return sum(task == writer for task, _ in traced.calls()) - begun

    eventually(lambda: written() >= batches, what="writing the trace")
    syncs = written()
    checkpoints = sum(task == traced.thread("membus-ckpt") for task, _ in traced.calls())
    commits = later["commits"] - status["commits"]
    print(f"{commits} commits in {batches} batches with {syncs} syncs; {checkpoints} syncs to checkpoint the log")
    # A log that was checkpointed begins anew, with a header that SQLite syncs by itself.
    assert batches <= syncs <= batches + checkpoints
    assert syncs < commits

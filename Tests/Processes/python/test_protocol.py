"""What bus.proto promises, as facts about the real broker."""
import hashlib
import random
import threading
import time

import pytest
import zmq

from membus_client import HEARTBEATS, Refused, request
from membus_protos import bus, errors, memory


def put(key, value, kind=""):
    return memory.Change(key=key, put=memory.Put(value=value.encode(), kind=kind))


def increment(key, by=1):
    return memory.Change(key=key, increment=by)


def delete(key):
    return memory.Change(key=key, delete=memory.Delete())


def transaction(*changes, **fields):
    return memory.Transaction(branch="main", changes=changes, **fields)


def transact(connection, session, number, work, acknowledged=0):
    """A Transact as it goes over the wire, sent once."""
    body = bus.Transact(session=session, number=number, acknowledged=acknowledged, transaction=work)
    return connection.exchange(request(instance=connection.instance, transact=body))


def assert_error(reply, *codes):
    assert reply.WhichOneof("body") == "error", reply
    assert reply.error.code in codes, reply.error


def assert_equals_broker(view):
    """The view is what the broker has as of the view's cut: by Range and by Digest."""
    theirs = view.connection.range(*view.topics, at=view.revision)
    assert set(view.records) == set(theirs), view.story
    for key, record in theirs.items():
        assert view.records[key].revision == record.revision, key
        assert view.records[key].ordinal == record.ordinal, key
        assert view.value(key) == record.value, key
    asked = bus.GetDigest(branch="main", topics=view.topics, at=view.revision)
    digest = view.connection.call(request(digest=asked)).digest
    ours = hashlib.sha256()
    for key in sorted(name.encode() for name in view.records):
        ours.update(len(key).to_bytes(8, "big") + key + view.records[key.decode()].revision.to_bytes(8, "big"))
    assert (digest.count, digest.digest) == (len(view.records), ours.digest())


def dropper():
    """A hook that loses the next `left` events, and only events."""
    def drop(published):
        if published.WhichOneof("content") == "event" and drop.left > 0:
            drop.left -= 1
            drop.lost += 1
            return True
        return False
    drop.left = drop.lost = 0
    return drop


# ---- Connecting


def test_hello_tells_versions_and_event_endpoints(broker):
    connection = broker.connection()
    welcome = connection.hello()
    assert welcome.major == 1
    assert broker.events in welcome.events
    assert welcome.heartbeat_ms == 250
    assert welcome.limits.key_bytes == 1024
    assert welcome.software
    assert connection.instance != 0 and connection.lineage != 0


def test_a_newer_major_is_refused(broker):
    reply = broker.connection().exchange(request(version=2, hello=bus.Hello(agent="x", major=2)))
    assert_error(reply, errors.UNSUPPORTED_VERSION)


def raw(broker, kind):
    socket = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.RCVTIMEO, 5000)
    socket.connect(broker.requests)
    return socket


UNKNOWN_FIELD = bytes([0xC2, 0x3E, 3]) + b"new"  # field 1000, length-delimited


def test_unknown_fields_are_tolerated(broker):
    hello = bus.Hello.FromString(bus.Hello(agent="x", major=1).SerializeToString() + UNKNOWN_FIELD)
    message = request(id=7, hello=hello).SerializeToString() + UNKNOWN_FIELD
    assert message.count(UNKNOWN_FIELD) == 2
    with raw(broker, zmq.DEALER) as socket:
        socket.send(message)
        reply = bus.Reply.FromString(socket.recv())
    assert reply.id == 7 and reply.HasField("welcome")


def test_an_unknown_body_is_refused(broker):
    with raw(broker, zmq.DEALER) as socket:
        socket.send(bus.Request(version=1, id=8).SerializeToString() + UNKNOWN_FIELD)
        reply = bus.Reply.FromString(socket.recv())
    assert reply.id == 8
    assert_error(reply, errors.UNKNOWN_REQUEST)


def test_a_req_socket_works_as_well_as_a_dealer(broker):
    with raw(broker, zmq.REQ) as socket:
        for number in range(1, 4):
            socket.send(request(id=number, hello=bus.Hello(agent="x", major=1)).SerializeToString())
            frames = socket.recv_multipart()
            assert len(frames) == 1
            reply = bus.Reply.FromString(frames[0])
            assert reply.id == number and reply.HasField("welcome")


def test_replies_have_the_shape_of_their_requests(broker):
    message = request(id=9, ping=bus.Ping()).SerializeToString()
    with raw(broker, zmq.DEALER) as socket:
        for envelope in ([], [b""]):
            socket.send_multipart([*envelope, message])
            frames = socket.recv_multipart()
            assert frames[:-1] == envelope
            assert bus.Reply.FromString(frames[-1]).id == 9


def test_garbage_is_refused_or_dropped_and_the_broker_goes_on(broker):
    chance = random.Random(1)
    not_asked = (errors.MALFORMED, errors.UNSUPPORTED_VERSION, errors.UNKNOWN_REQUEST)
    with raw(broker, zmq.DEALER) as socket:
        socket.send(b"\xff" * 20)  # certainly no protobuf message
        reply = bus.Reply.FromString(socket.recv())
        assert reply.id == 0
        assert_error(reply, errors.MALFORMED)
        for _ in range(500):
            frames = [chance.randbytes(chance.randrange(64)) for _ in range(chance.randrange(1, 5))]
            socket.send_multipart(frames)
        socket.send(chance.randbytes(1 << 20))
        socket.send_multipart([b""] * 100)
        valid = request(id=1 << 40, range=bus.Range(topics=["/"])).SerializeToString()
        for _ in range(500):
            torn = bytearray(valid)
            torn[chance.randrange(len(torn))] = chance.randrange(256)
            socket.send(bytes(torn[:chance.randrange(len(torn))]))
        broker.connection().hello()
        while socket.poll(500):
            reply = bus.Reply.FromString(socket.recv_multipart()[-1])
            if reply.id == 0 and reply.HasField("error"):
                assert_error(reply, *not_asked, errors.BUSY)
    with zmq.Context.instance().socket(zmq.XSUB) as socket:  # garbage for the events' socket
        socket.setsockopt(zmq.LINGER, 500)
        socket.connect(broker.events)
        for _ in range(200):
            socket.send(chance.randbytes(chance.randrange(64)))
    broker.assert_running()
    broker.session().transact(put("a", "1"))
    view = broker.view("/")
    assert_equals_broker(view)


# ---- Writing


def test_a_commit_is_visible_when_its_reply_comes(broker):
    session, reader = broker.session(), broker.connection()
    for number in range(20):
        outcome = session.transact(put("a", str(number)))
        assert outcome.committed
        record = reader.get("a")["a"]
        assert record.value == str(number).encode()
        assert record.revision == outcome.position.revision
        assert record.kind == "text" and record.owner == "writer"


def test_a_transaction_resent_takes_effect_once(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    first = transact(connection, session, 1, transaction(increment("n")))
    again = transact(connection, session, 1, transaction(increment("n")))
    assert first.outcome.committed
    assert again.outcome == first.outcome
    assert connection.get("n")["n"].value == b"1"


def test_a_transaction_resent_after_kill_takes_effect_once(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    work = transaction(increment("n"))
    clash = transaction(put("m", "x"), preconditions=[memory.Precondition(absent="n")])
    first = transact(connection, session, 1, work)
    second = transact(connection, session, 2, clash)
    assert first.outcome.committed and second.outcome.HasField("conflict")
    before = connection.instance
    broker.restart()
    assert_error(transact(connection, session, 1, work), errors.INSTANCE_CHANGED)
    assert connection.instance != before
    assert transact(connection, session, 1, work).outcome == first.outcome
    again = transact(connection, session, 2, clash).outcome
    assert again.position == second.outcome.position and again.HasField("conflict")
    assert [f.key for f in again.conflict.failed] == ["n"]
    assert transact(connection, session, 3, work).outcome.committed
    assert connection.get("n")["n"].value == b"2"


def test_another_payload_under_a_used_number_is_refused(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    assert transact(connection, session, 1, transaction(put("a", "1"))).outcome.committed
    assert_error(transact(connection, session, 1, transaction(put("a", "2"))), errors.NUMBER_REUSED)
    assert connection.get("a")["a"].value == b"1"
    assert transact(connection, session, 2, transaction(put("a", "2"))).outcome.committed


def test_a_number_is_executed_only_after_the_one_before(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    assert_error(transact(connection, session, 2, transaction(put("a", "2"))), errors.OUT_OF_ORDER)
    assert transact(connection, session, 1, transaction(put("a", "1"))).outcome.committed
    assert transact(connection, session, 2, transaction(put("a", "2"))).outcome.committed


def test_a_wrong_transaction_uses_up_its_number(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    assert_error(transact(connection, session, 1, transaction(put("a//b", "1"))), errors.INVALID_NAME)
    assert transact(connection, session, 2, transaction(put("a", "2"))).outcome.committed


def test_what_was_acknowledged_is_not_executed_again(broker):
    connection = broker.connection()
    session = connection.call(request(open_session=bus.OpenSession(agent="x"))).session.session
    assert transact(connection, session, 1, transaction(increment("n"))).outcome.committed
    assert transact(connection, session, 2, transaction(increment("n")), acknowledged=1).outcome.committed
    reply = transact(connection, session, 1, transaction(increment("n")))
    if reply.HasField("error"):  # it may forget; it need not
        assert_error(reply, errors.NUMBER_FORGOTTEN)
    assert connection.get("n")["n"].value == b"2"


def test_32_transactions_in_flight_are_executed_in_order(broker):
    session = broker.session()
    numbers = [session.submit(transaction(put("last", str(n)), memory.Change(key="all", append=b"%d " % n)))
               for n in range(32)]
    revisions = [session.wait(number).position.revision for number in numbers]
    assert revisions == sorted(set(revisions))
    found = session.connection.get("all", "last")
    assert found["all"].value == b"".join(b"%d " % n for n in range(32))
    assert found["last"].value == b"31"


def test_transactions_in_flight_survive_a_kill_and_take_effect_once(broker):
    session = broker.session()
    numbers = []
    for _ in range(3):
        numbers += [session.submit(transaction(increment("n"))) for _each in range(40)]
        session.step()
        broker.restart()
    revisions = [session.wait(number).position.revision for number in numbers]
    assert revisions == sorted(set(revisions))
    assert session.connection.get("n")["n"].value == b"120"


def test_a_conflict_lists_every_failed_key_with_its_revision(broker):
    session = broker.session()
    first = session.transact(put("a", "1"), put("b", "1")).position.revision
    second = session.transact(put("a", "2"), delete("b"), put("t/x", "1")).position.revision
    asked = [memory.Precondition(at=memory.Precondition.At(key="a", revision=first)),
             memory.Precondition(at=memory.Precondition.At(key="a", revision=second)),  # holds
             memory.Precondition(absent="a"),
             memory.Precondition(at=memory.Precondition.At(key="b", revision=first)),
             memory.Precondition(at=memory.Precondition.At(key="never", revision=first)),
             memory.Precondition(unchanged=memory.Precondition.Unchanged(topic="t/", since=first))]
    outcome = session.transact(put("c", "1"), preconditions=asked)
    failed = [(f.index, f.key, f.revision) for f in outcome.conflict.failed]
    assert failed == [(0, "a", second), (2, "a", second), (3, "b", second), (4, "never", 0), (5, "t/x", second)]
    assert outcome.conflict.failed[0].current.value == b"2"
    assert not outcome.conflict.failed[2].HasField("current")
    assert outcome.conflict.failed[0].precondition == asked[0]
    assert "c" not in session.connection.get("c")
    held = session.transact(preconditions=asked[1:2])
    assert held.held and held.position.revision == second


# ---- Views


def test_a_commit_is_seen_by_a_follower_of_its_topic_and_not_by_one_of_another(broker):
    plans, notes = broker.view("plans/"), broker.view("notes/")
    revision = broker.session().transact(put("plans/paris", "go")).position.revision
    assert plans.run_until(lambda: "plans/paris" in plans.records)
    assert plans.records["plans/paris"].value == b"go" and plans.revision == revision
    assert notes.run_until(lambda: notes.revision >= revision)
    assert notes.records == {}
    assert sum("pull" in line for line in plans.story) == 1, plans.story  # the one of joining
    assert sum("pull" in line for line in notes.story) == 1, notes.story


def test_a_view_shows_whole_commits_only(broker):
    session, view = broker.session(), broker.view("pair/")
    torn = []

    def check():
        values = {record.value for record in view.records.values()}
        if len(values) > 1 or len(view.records) not in (0, 2):
            torn.append(dict(view.records))
        return view.revision >= last
    numbers = [session.submit(transaction(put("pair/a", str(n)), put("pair/b", str(n)))) for n in range(100)]
    last = 1 << 60
    view.run_until(check, 0.2)
    last = session.wait(numbers[-1]).position.revision
    assert view.run_until(check)
    assert not torn
    assert_equals_broker(view)


def test_deletions_reach_a_view(broker):
    session, view = broker.session(), broker.view("/")
    session.transact(put("a", "1"), put("b", "1"))
    revision = session.transact(delete("a")).position.revision
    assert view.run_until(lambda: view.revision >= revision)
    assert set(view.records) == {"b"}
    assert_equals_broker(view)


def test_large_values_and_large_commits_reach_a_view(broker):
    session, view = broker.session(), broker.view("/")
    session.transact(put("large", "x" * 200_000))
    session.transact(*[put(f"many/{n}", "y" * 1000) for n in range(200)])
    revision = session.transact(put("small", "z")).position.revision
    assert view.run_until(lambda: view.revision >= revision)
    assert view.value("large") == b"x" * 200_000
    assert_equals_broker(view)


def test_a_joiner_during_a_stream_of_writes_misses_nothing(broker):
    stop, last = threading.Event(), []

    def write():
        session = broker.session()
        number = 0
        while not stop.is_set():
            chance = random.randrange(30)
            work = delete(f"j/{chance}") if random.random() < 0.2 else put(f"j/{chance}", str(number))
            number = session.submit(transaction(work, increment("j/count")))
            if number % 16 == 0:
                session.wait(number)
        last.append(session.wait(number).position.revision)
        last.append(number)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        views = []
        for _ in range(5):
            view = broker.view("j/")
            view.run_until(lambda: False, 0.2)
            views.append(view)
    finally:
        stop.set()
        writer.join(20)
    revision, count = last
    for view in views:
        assert view.run_until(lambda view=view: view.revision >= revision), view.story
        assert view.records["j/count"].value == str(count).encode()
        assert_equals_broker(view)


def test_a_dropped_event_triggers_a_pull(broker):
    drop = dropper()
    session, view = broker.session(), broker.view("d/", drop=drop)
    session.transact(put("d/1", "a"))
    assert view.run_until(lambda: "d/1" in view.records)
    drop.left = 3
    numbers = [session.submit(transaction(put(f"d/{n}", "b"))) for n in range(10)]
    revision = session.wait(numbers[-1]).position.revision
    assert view.run_until(lambda: view.revision >= revision)
    assert drop.lost == 3
    assert "pull: gap" in view.story, view.story
    assert_equals_broker(view)


def test_a_view_that_loses_half_of_all_messages_ends_equal(broker):
    chance = random.Random(2)
    session, view = broker.session(), broker.view("r/", drop=lambda _: chance.random() < 0.5, live=False)
    for number in range(200):
        session.submit(transaction(put(f"r/{chance.randrange(20)}", str(number)),
                                   put(f"other/{number % 3}", "")))
        if number % 5 == 0:
            session.step()
            view.step(0)
    revision = session.wait(session.last).position.revision
    assert view.run_until(lambda: view.revision >= revision, 20), view.story
    assert_equals_broker(view)


def test_a_dropped_last_event_is_noticed_by_a_heartbeat(broker):
    drop = dropper()
    session, view = broker.session(), broker.view("d/", drop=drop)
    drop.left = 1
    revision = session.transact(put("d/1", "a")).position.revision
    assert view.run_until(lambda: view.revision >= revision, 2.0), view.story
    assert drop.lost == 1
    assert "pull: heartbeat" in view.story, view.story
    assert_equals_broker(view)


def test_heartbeats_come_every_quarter_of_a_second(broker):
    with zmq.Context.instance().socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.RCVTIMEO, 3000)
        socket.connect(broker.events)
        socket.subscribe(HEARTBEATS)
        socket.recv_multipart()
        start = time.monotonic()
        for _ in range(8):
            topic, payload = socket.recv_multipart()
            assert topic == HEARTBEATS
            assert bus.Published.FromString(payload).HasField("heartbeat")
        assert 1.0 < time.monotonic() - start < 4.0


def test_a_view_survives_the_kill_of_the_broker_and_catches_up(broker):
    session, view = broker.session(), broker.view("k/")
    session.transact(*[put(f"k/{n}", "before") for n in range(10)])
    assert view.run_until(lambda: len(view.records) == 10)
    broker.kill()
    assert view.run_until(lambda: view.stale, 5)  # silence
    assert len(view.records) == 10
    broker.start()
    session.transact(put("k/0", "after"), put("k/new", "after"))
    revision = session.transact(delete("k/1")).position.revision
    assert view.run_until(lambda: view.live and view.revision >= revision, 20), view.story
    assert "reset" not in view.story
    assert "k/1" not in view.records and view.records["k/new"].value == b"after"
    assert_equals_broker(view)


def test_a_view_survives_repeated_kills_during_writes(broker):
    session, view = broker.session(), broker.view("k/")
    for round in range(3):
        for number in range(30):
            session.submit(transaction(put(f"k/{number % 7}", f"{round}/{number}"), increment("k/count")))
            view.step(0)
        broker.restart()
    revision = session.wait(session.last).position.revision
    assert view.run_until(lambda: view.live and view.revision >= revision, 20), view.story
    assert view.records["k/count"].value == b"90"
    assert_equals_broker(view)


def test_an_unknown_stream_is_said_to_be_unknown(broker):
    connection = broker.connection()
    stream = b"0123456789abcdef"
    reply = connection.exchange(bus.Request(version=1, streams=[stream], ping=bus.Ping(nonce=5)))
    assert reply.HasField("pong")
    assert [(b.stream, b.HasField("bookmark")) for b in reply.bookmarks] == [(stream, False)]
    with pytest.raises(Refused) as refused:
        connection.call(request(pull=bus.Pull(stream=stream)))
    assert refused.value.code == errors.UNKNOWN_STREAM

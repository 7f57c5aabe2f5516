"""What time does to a broker: clocks that were never set, records that expired while nobody ran, history that has to go."""

import json
import threading
import time

from chaos_places import WallClock
from membus_client import Connection, Session
from membus_protos import memory
from processes import Broker, eventually, run, run_json_lines


def put(key, value=b"", **fields):
    return memory.Change(key=key, put=memory.Put(value=value, **fields))


#: Milliseconds.
YEARS_1970S = 10 * 366 * 86_400_000


def newest(broker, key):
    """-> when its newest version was committed"""
    return run_json_lines(broker, "history", key, "--limit", "1")[0]["commit"]["time_ms"]


def status(broker):
    return run_json_lines(broker, "status")[0]


def test_history_of_a_start_with_the_clock_at_1970_stays_young_once_the_clock_is_right(tmp_path):
    """A machine without a battery: the clock is set right by the network some time after the start."""
    config = tmp_path / "membus.json"
    config.write_text(json.dumps({"retention": {"age": "7d", "least": "10m", "bytes": 1}}))
    clock = WallClock(tmp_path / "clock")
    clock.set(-int(time.time()) + 60)
    with Broker(tmp_path / "data", "--config", str(config), under=clock.under) as broker:
        session = Session(Connection(broker.url), "ada")
        for number in range(20):
            session.transact(put("plan", str(number).encode()))
        assert newest(broker, "plan") < YEARS_1970S
        clock.set(0)
        run(broker, "compact")
        # From then on the broker takes the new time for the truth.
        def believes():
            session.transact(put("clock", b"?"))
            return newest(broker, "clock") > YEARS_1970S
        eventually(believes, 60, "the time of the clock that was set right")
        run(broker, "compact")
        assert status(broker)["floor"] == 0
        broker.restart()
        run(broker, "compact")
        assert status(broker)["floor"] == 0
        assert len(run_json_lines(broker, "history", "plan", "--limit", "100")) == 20
        clock.forget(broker.pid)


def test_a_dead_agents_claim_blocks_nobody_however_much_expired_while_the_broker_was_down(tmp_path):
    with Broker(tmp_path / "data") as broker:
        session = Session(Connection(broker.url), "dead")
        for batch in range(200):
            session.submit(memory.Transaction(branch="main", changes=[
                put(f"queue/{batch}/{number}", expires_after_ms=10_000) for number in range(1000)]))
        session.transact(put("claims/1", b"dead", expires_after_ms=1), put("kept", b"x"), timeout=60)
        broker.kill()
        time.sleep(11)
        broker.start()
        # The very first that anybody does.
        claimer = Session(Connection(broker.url), "alive")
        outcome = claimer.transact(
            put("claims/1", b"alive"), preconditions=[memory.Precondition(absent="claims/1")])
        assert outcome.WhichOneof("result") == "committed"

        slowest, over = 0.0, threading.Event()

        def reads():
            nonlocal slowest
            connection = Connection(broker.url)
            while not over.is_set():
                begun = time.monotonic()
                assert connection.get("kept")["kept"].value == b"x"
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.01)

        reader = threading.Thread(target=reads)
        reader.start()
        eventually(lambda: status(broker)["counts"] and status(broker)["counts"]["records"] <= 2, 60, "sweeping")
        over.set()
        reader.join()
        assert slowest < 5, "who reads waits for no sweep"
        assert [record["key"] for record in run_json_lines(broker, "ls")] == ["claims/1", "kept"]


def test_history_that_goes_for_want_of_space_is_told_by_whose_it_was(tmp_path):
    config = tmp_path / "membus.json"
    config.write_text(json.dumps({"retention": {"age": "7d", "least": "1s", "bytes": 1 << 20}}))
    with Broker(tmp_path / "data", "--config", str(config)) as broker:
        session = Session(Connection(broker.url), "chatty")
        session.transact(put("quiet/plan", b"kept"))
        for number in range(300):
            session.submit(memory.Transaction(branch="main", changes=[put(f"noise/{number % 3}", b"x" * 20_000)]))
        session.wait(session.last)
        assert status(broker)["evicted_history"] is None

        def evicted():
            run(broker, "compact")
            return status(broker)["evicted_history"]
        told = eventually(evicted, 30, "history that goes for its size")
        assert told["segments"]["largest"][0]["name"] == "noise"
        assert told["records"] > 0 and told["bytes"] >= told["records"] * 20_000
        assert "evicted" in run(broker, "status").stdout
        said = [line for line in broker.log if "history goes before its age" in line]
        assert said and "noise" in said[0] and "retention.bytes" in said[0], broker.log[-5:]
        assert run(broker, "get", "quiet/plan").stdout == "kept"

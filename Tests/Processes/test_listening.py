"""Where a broker listens: what it takes and leaves there."""

import socket
import subprocess
from pathlib import Path

import pytest

from processes import Broker, Lines, free_port, membus, run, run_json_lines


def check_that_all_works(broker):
    run(broker, "rm", "works/a", check=False)
    with Lines(broker, "watch", "works/", "--json") as watch:
        watch.until(lambda it: it.err)
        run(broker, "put", "works/a", "b")
        watch.until(lambda it: it.out)
    assert run_json_lines(broker, "debug", "digest", "works/")[0]["equal"]


# ---- ipc paths


@pytest.mark.parametrize("door", ["url", "events"])
def test_a_second_broker_on_an_ipc_path_is_refused_and_the_first_goes_on(tmp_path, door):
    first = Broker(tmp_path / "first", url=f"ipc://{tmp_path}/s", events=f"ipc://{tmp_path}/s.events")
    with first:
        run(first, "put", "whose", "the first's")
        taken = getattr(first, door)
        for _ in range(2):
            code, said = Broker(tmp_path / "second", **{door: taken}).refuses()
            assert code == 1 and taken in said and "another process listens there" in said, said
        assert run(first, "get", "whose").stdout == "the first's"
        check_that_all_works(first)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_socket()) == []
    with first:  # the paths went with their holder
        check_that_all_works(first)


def test_what_is_at_an_ipc_path_and_no_socket_stays(tmp_path):
    notes = [tmp_path / "notes.txt", tmp_path / "notes.txt.events"]
    for kept in (notes, notes[1:]):
        for path in notes:
            path.unlink(missing_ok=True)
        for path in kept:
            path.write_text("mine")
        ended = subprocess.run(
            [membus(), "serve", "--data", str(tmp_path / "data"), "--listen", f"ipc://{notes[0]}"],
            capture_output=True, text=True, timeout=30)
        assert ended.returncode == 1 and str(kept[0]) in ended.stderr and "no socket" in ended.stderr, ended.stderr
        assert [path.read_text() for path in kept] == ["mine"] * len(kept)
        assert [path for path in notes if path.exists()] == kept


def test_a_path_too_long_for_the_events_beside_it_is_told(tmp_path):
    url = "ipc:///tmp/" + "x" * 97
    ended = subprocess.run([membus(), "serve", "--data", str(tmp_path / "data"), "--listen", url],
                           capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2 and "109 bytes" in ended.stderr and "--events" in ended.stderr, ended.stderr


# ---- IPv6


def addresses():
    """-> the IPv6 addresses of this machine, those of one link with their zones"""
    lines = Path("/proc/net/if_inet6")
    if not lines.exists():
        return []
    found = []
    for line in lines.read_text().splitlines():
        digits, _, _, scope, _, interface = line.split()
        text = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
        found.append(f"{text}%{interface}" if scope == "20" else text)
    return found


LOOPBACK = next((it for it in addresses() if it == "::1"), None)
LINK = next((it for it in addresses() if "%" in it), None)


@pytest.mark.parametrize("host", [
    pytest.param(LOOPBACK, marks=pytest.mark.skipif(not LOOPBACK, reason="no IPv6 on this machine")),
    pytest.param(LINK, marks=pytest.mark.skipif(not LINK, reason="no link-local address on this machine"))])
def test_ipv6_endpoints_work(tmp_path, host):
    broker = Broker(tmp_path / "data", url=f"tcp://[{host}]:{free_port()}", events=f"tcp://[{host}]:{free_port()}")
    with broker:
        check_that_all_works(broker)


@pytest.mark.skipif(not LOOPBACK, reason="no IPv6 on this machine")
def test_who_comes_by_ipv6_is_told_of_events_there(tmp_path):
    port, events = free_port(), free_port()
    for hosts in (["[::]"], ["127.0.0.1", "[::1]"]):
        options = [word for host in hosts for word in ("--listen", f"tcp://{host}:{port}",
                                                       "--events", f"tcp://{host}:{events}")]
        broker = Broker(tmp_path / "data", *options[4:], url=options[1], events=options[3])
        with broker:
            for host in ("127.0.0.1", "[::1]"):
                broker.url = f"tcp://{host}:{port}"
                check_that_all_works(broker)

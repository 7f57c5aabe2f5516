"""Where a broker listens: what it takes and leaves there, and what becomes of those who find it full."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from processes import Broker, Lines, eventually, free_port, membus, open_files, run, run_json_lines


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
    broker = Broker(tmp_path / "data", "--insecure", url=f"tcp://[{host}]:{free_port()}",
                    events=f"tcp://[{host}]:{free_port()}")
    with broker:
        check_that_all_works(broker)


@pytest.mark.skipif(not LOOPBACK, reason="no IPv6 on this machine")
def test_who_comes_by_ipv6_is_told_of_events_there(tmp_path):
    port, events = free_port(), free_port()
    for hosts in (["[::]"], ["127.0.0.1", "[::1]"]):
        options = [word for host in hosts for word in ("--listen", f"tcp://{host}:{port}",
                                                       "--events", f"tcp://{host}:{events}")]
        broker = Broker(tmp_path / "data", "--insecure", *options[4:], url=options[1], events=options[3])
        with broker:
            for host in ("127.0.0.1", "[::1]"):
                broker.url = f"tcp://{host}:{port}"
                check_that_all_works(broker)


# ---- A full table of files


def processor_seconds(pid):
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(url):
    kind, _, place = url.partition("://")
    if kind == "ipc":
        it = socket.socket(socket.AF_UNIX)
        it.connect(place)
    else:
        host, _, port = place.rpartition(":")
        it = socket.create_connection((host, int(port)), 10)
    it.settimeout(10)
    return it


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_connections_beyond_the_table_of_files_are_turned_away_at_once_and_the_log_says_so(tmp_path, transport):
    urls = {"url": f"ipc://{tmp_path}/s", "events": f"ipc://{tmp_path}/e"} if transport == "ipc" else {}
    with Broker(tmp_path / "data", under=["prlimit", "--nofile=64:64"], **urls) as broker:
        run(broker, "put", "a", "b")
        with Lines(broker, "watch", "a", "--json") as watch:
            watch.until(lambda it: it.err)
            strangers = [connect(broker.url if number % 2 else broker.events) for number in range(80)]
            # Those that were taken are greeted, the others hear the end of the connection; nobody waits.
            greeted = []
            for stranger in strangers:
                try:
                    greeted.append(bool(stranger.recv(1)))
                except ConnectionResetError:
                    greeted.append(False)
            assert 0 < sum(greeted) < 60
            eventually(lambda: any("connections are turned away" in line for line in broker.log))
            told = [line for line in broker.log if "connections are turned away" in line]
            assert len(told) == 1 and "64" in told[0], told
            # Nobody is worse off who was there before; and it costs nothing.
            used, begun = processor_seconds(broker.pid), time.monotonic()
            run(broker, "put", "a", "c", check=False, timeout=30)
            time.sleep(2)
            share = (processor_seconds(broker.pid) - used) / (time.monotonic() - begun)
            print(f"{share:.1%} of a processor while the table is full")
            assert share < 0.5
            for stranger in strangers:
                stranger.close()
            eventually(lambda: open_files(broker.pid) < 60)
            run(broker, "put", "a", "d")
            watch.until(lambda it: it.out and '"d"' in it.out[-1])
        eventually(lambda: any("connections are taken again" in line for line in broker.log))


def test_the_limit_of_open_files_is_raised_as_far_as_may_be(tmp_path):
    with Broker(tmp_path / "data", under=["prlimit", "--nofile=64:500"]) as broker:
        limits = Path(f"/proc/{broker.pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        assert line.split()[3:5] == ["500", "500"]
        strangers = [connect(broker.url) for _ in range(100)]
        assert all(stranger.recv(1) for stranger in strangers)
        run(broker, "put", "a", "b")

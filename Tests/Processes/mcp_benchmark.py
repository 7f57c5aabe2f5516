#!/usr/bin/env python3
"""What serving the memory to clients of the Model Context Protocol costs: see deploy/mcp-benchmark.

    Tests/Processes/mcp_benchmark.py [--calls N] [--seconds S] [--memfork PROGRAM] [--json]

All clients are the same few lines by hand, so that what is measured is the servers. Each prints one line, with its bound where
there is one; a bound that is not kept is marked. Beside it, in the same run: MemFork (where --memfork names it), and the way of
the reference memory server, on fastmcp: one JSON file, which each write reads and writes as a whole.
"""

import argparse
import functools
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mcp_raw import HEADERS, META, Endpoint, routing  # noqa: E402
from processes import Broker, membus, memory_kib, start  # noqa: E402

CLIENTS = 8


class Line:
    """A server over standard input and output, asked one thing after another."""

    def __init__(self, command, **more):
        self.begun = time.perf_counter()
        self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more)
        self.number = 0
        self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "bench", "version": "1"})
        self.ready = time.perf_counter() - self.begun
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def write(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, **params):
        self.number += 1
        self.write({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        while True:
            line = self.process.stdout.readline()
            assert line, "the server ended"
            answer = json.loads(line)
            if answer.get("id") == self.number:
                assert "result" in answer and not answer["result"].get("isError"), answer
                return answer["result"]

    def call(self, tool, **arguments):
        return self.ask("tools/call", name=tool, arguments=arguments)

    def pass_on(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self):
        self.process.kill()
        self.process.wait()


class Web:
    """A server over HTTP, on one connection, asked one thing after another, without a session."""

    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port)
        self.number = 0

    def call(self, tool, **arguments):
        self.number += 1
        message = {"jsonrpc": "2.0", "id": self.number, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments, "_meta": META}}
        self.connection.request("POST", "/mcp", json.dumps(message), {**HEADERS, **routing(message)})
        result = json.loads(self.connection.getresponse().read())["result"]
        assert not result.get("isError"), result
        return result

    def close(self):
        self.connection.close()


def write(client, key, value):
    client.call("write", changes=[{"key": key, "value": value}])


def latencies(client, calls, body):
    """-> (p50, p99) in milliseconds"""
    for number in range(max(20, calls // 10)):
        body(client, number)
    taken = []
    for number in range(calls):
        begun = time.perf_counter()
        body(client, number)
        taken.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49], cuts[98]


def per_second(makers, seconds, put):
    """All clients at once, each a process of its own, so that none waits for another's interpreter: each makes its client, and is
    done with it. -> puts in a second, how many that were, and those that failed"""
    context = multiprocessing.get_context("fork")
    # The first call of some loads half of what they are.
    warm, (results, give) = context.Barrier(len(makers) + 1), context.Pipe(duplex=False)
    stop = context.Value("d", 0)

    def run(index):
        client, count, failed = makers[index](), 0, 0
        try:
            put(client, f"warm/{index}", "x")
        except AssertionError:
            pass
        warm.wait(60)
        warm.wait(60)
        begun = time.monotonic()
        while time.monotonic() < stop.value:
            try:
                put(client, f"bench/{index}/{count}", f"value {count}")
                count += 1
            except AssertionError:
                failed += 1
        give.send((count, failed, begun, time.monotonic()))
        client.close()
    processes = [context.Process(target=run, args=(index,)) for index in range(len(makers))]
    for process in processes:
        process.start()
    warm.wait(60)
    stop.value = time.monotonic() + seconds
    warm.wait(60)
    told = [results.recv() for _ in makers]
    for process in processes:
        process.join()
    counts, failed, begun, ended = zip(*told)
    return sum(counts) / (max(ended) - min(begun)), sum(counts), sum(failed)


class Report:
    def __init__(self, is_json):
        self.is_json, self.kept = is_json, True

    def line(self, name, value, unit, at_most=None, at_least=None):
        wrong = (at_most is not None and value > at_most) or (at_least is not None and value < at_least)
        self.kept &= not wrong
        if self.is_json:
            print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "at_most": at_most, "at_least": at_least}))
        else:
            bound = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}" if at_least is not None else ""
            print(f"{name:52} {value:10.2f} {unit:8} {bound}{'  <-- not kept' if wrong else ''}", flush=True)


def start_up(report, broker):
    command = [membus(), "mcp", "--broker", broker.url]
    servers = [Line(command) for _ in range(10)]
    report.line("stdio: ready after start, median of 10", statistics.median(one.ready for one in servers) * 1000, "ms", 60)
    for one in servers:
        one.call("read", keys=["a"])
    report.line("stdio: memory after a call, most of 10", max(memory_kib(one.process.pid) for one in servers) / 1024, "MiB", 40)
    for one in servers:
        one.close()


def calls(report, broker, endpoint, count):
    line, web = Line([membus(), "mcp", "--broker", broker.url]), Web(endpoint.url)
    for name, client, bound in (("stdio", line, 1), ("HTTP", web, 2)):
        write(client, "sample", "text")
        p50, p99 = latencies(client, count, lambda one, _: one.call("read", keys=["sample"]))
        report.line(f"{name}: read, p50", p50, "ms", bound)
        report.line(f"{name}: read, p99", p99, "ms")
        p50, p99 = latencies(client, count, lambda one, number: write(one, f"sample/{number}", "text"))
        report.line(f"{name}: write, p50", p50, "ms", bound)
        report.line(f"{name}: write, p99", p99, "ms")
        if client is line:
            # The same by a client that neither puts its messages together nor takes the answers apart: the rest is the client's.
            prepared = [json.dumps({"jsonrpc": "2.0", "id": 1_000_000 + number, "method": "tools/call", "params": {
                "name": "write", "arguments": {"changes": [{"key": f"sample/{number}", "value": "text"}]}}}).encode() + b"\n"
                for number in range(count)]
            p50, _ = latencies(client, count, lambda one, number: one.pass_on(prepared[number]))
            report.line(f"{name}: write, p50, of lines that are ready", p50, "ms")
        client.close()


def idle(report, broker, clients=100):
    """Each with a stream: of one name, of names of their own, and of such after each has read and written something."""
    for kind, called in (("of one name", False), ("of own names", False), ("of own names, after a write and a read each", True)):
        with Endpoint(broker) as endpoint:
            def one(name):
                return session(endpoint, "bench" if kind == "of one name" else name, called)
            warm = [one(f"warm-{number}") for number in range(5)]
            before = memory_kib(endpoint.process.pid)
            sessions = [one(f"client-{number}") for number in range(clients)]
            if called:
                used = (memory_kib(endpoint.process.pid) - before) / clients
                report.line(f"HTTP: {clients} clients {kind}", used, "KiB")
                time.sleep(45)
            time.sleep(2)
            each = (memory_kib(endpoint.process.pid) - before) / clients
            report.line(f"HTTP: {clients} idle clients {kind}", each, "KiB", 100)
            for connection in warm + sessions:
                connection.close()


def session(endpoint, name, called=False):
    """A handshake and an open stream. -> its connection"""
    greeting = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}}
    _, headers, _ = endpoint.post(json.dumps(greeting))
    if called:
        for tool, arguments in (("write", {"changes": [{"key": f"idle/{name}", "value": "x"}]}), ("read", {"keys": ["idle"]})):
            status, _, _ = endpoint.post(
                json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}),
                {"Mcp-Session-Id": headers["mcp-session-id"]})
            assert status == 200
    connection = endpoint.connect()
    connection.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": headers["mcp-session-id"]})
    assert connection.getresponse().status == 200
    return connection


REFERENCE = '''
import json, sys
from pathlib import Path
from fastmcp import FastMCP

server, file = FastMCP("memory"), Path(sys.argv[1])


@server.tool
def create_entities(entities: list[dict]) -> dict:
    lines = file.read_text().splitlines() if file.exists() else []
    there = {json.loads(line)["name"] for line in lines}
    new = [entity for entity in entities if entity["name"] not in there]
    file.write_text("\\n".join(lines + [json.dumps(entity) for entity in new]))
    return {"entities": new}


server.run(show_banner=False)
'''


def writers(report, broker, endpoint, seconds, memfork, scratch):
    def lines(*options):
        return [functools.partial(Line, [membus(), "mcp", *options, "--broker", broker.url, "--agent", f"writer-{number}"])
                for number in range(CLIENTS)]
    own, _, _ = per_second(lines(), seconds, write)
    report.line(f"puts, {CLIENTS} clients over stdio", own, "/s")
    over_http, _, _ = per_second([functools.partial(Web, endpoint.url)] * CLIENTS, seconds, write)
    report.line(f"puts, {CLIENTS} clients over HTTP", over_http, "/s")

    def entity(client, key, value):
        client.call("create_entities", entities=[{"name": key, "entityType": "note", "observations": [value]}])
    graph, _, _ = per_second(lines("--as-graph"), seconds, entity)
    report.line(f"entities, {CLIENTS} clients over stdio", graph, "/s")
    program, file = scratch / "reference.py", scratch / "memory.jsonl"
    program.write_text(REFERENCE)
    rate, acknowledged, _ = per_second(
        [functools.partial(Line, [sys.executable, program, file])] * CLIENTS, seconds, entity)
    kept = sum("bench/" in line for line in file.read_text().splitlines())
    report.line(f"entities, {CLIENTS} clients, reference on fastmcp", rate, "/s")
    report.line("    of those that it acknowledged it kept", 100 * kept / max(1, acknowledged), "%")
    if memfork:
        environment = os.environ | {"HOME": str(scratch)}
        fork = functools.partial(Line, [memfork, "--data-dir", scratch / "memfork", "mcp"], env=environment)
        first = fork()
        name, arguments = put_of(first)
        rate, _, failed = per_second(
            [fork] * CLIENTS, seconds, lambda client, key, value: client.call(name, **arguments(key, value)))
        first.close()
        subprocess.run([memfork, "--data-dir", scratch / "memfork", "stop"], env=environment, capture_output=True)
        report.line(f"puts, {CLIENTS} clients, MemFork ({failed} failed)", rate, "/s")
        report.line("puts over stdio, as many times as MemFork's", own / max(rate, 0.01), "times", at_least=20)


def put_of(client):
    """The tool that writes a key, by what the server says of its tools."""
    for tool in client.ask("tools/list")["tools"]:
        properties = set(tool["inputSchema"].get("properties", {}))
        if tool["name"].endswith("put") and {"key", "value"} <= properties:
            return tool["name"], lambda key, value: {"key": key, "value": value}
    raise AssertionError("MemFork has no tool that puts a key")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--memfork")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = Report(arguments.json)
    with tempfile.TemporaryDirectory(prefix="membus-mcp-benchmark-") as scratch:
        scratch = Path(scratch)
        with Broker(scratch / "data") as broker, Endpoint(broker) as endpoint:
            start_up(report, broker)
            calls(report, broker, endpoint, arguments.calls)
            idle(report, broker)
            writers(report, broker, endpoint, arguments.seconds, arguments.memfork, scratch)
    return 0 if report.kept else 1


if __name__ == "__main__":
    sys.exit(main())

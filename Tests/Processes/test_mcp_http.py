"""What is of HTTP alone in `membus mcp --http`: who may come in, headers and codes, sessions, streams, and those who mean harm.
What models do with it is in test_mcp.py, over both transports."""

import asyncio
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from mcp import Client

from mcp_raw import HEADERS, META, Endpoint, OverHTTP, Raw, events, routing
from processes import PATIENCE, eventually, membus, memory_kib, open_files, run, start
from test_background import Home


@pytest.fixture
def endpoint(broker):
    with Endpoint(broker) as endpoint:
        yield endpoint


def asked(method="tools/list", number=1, **params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": META}}


def initialize(version="2025-11-25"):
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}}


def session(endpoint, version="2025-11-25"):
    """-> the headers of a new one"""
    status, headers, body = endpoint.post(json.dumps(initialize(version)))
    assert status == 200 and json.loads(body)["result"]["protocolVersion"] == version
    return {"Mcp-Session-Id": headers["mcp-session-id"], "MCP-Protocol-Version": version}


def code(body):
    return json.loads(body)["error"]["code"]


# ---- Headers and codes


@pytest.mark.parametrize("change, status, number", [
    ({}, 200, None),
    ({"MCP-Protocol-Version": "1999-01-01"}, 400, -32020), ({"Mcp-Method": "tools/list"}, 400, -32020),
    ({"Mcp-Method": None}, 400, -32020), ({"Mcp-Name": "write"}, 400, -32020), ({"Mcp-Name": None}, 400, -32020),
    ({"Mcp-Name": "=?base64?cmVhZA==?="}, 200, None), ({"Mcp-Name": "=?base64?cmVhZB==?="}, 400, -32020),
    ({"Mcp-Name": "=?base64?!?="}, 400, -32020), ({"MCP-Protocol-Version": None}, 400, -32020),
    ({"MCP-Protocol-Version": "2025-11-25"}, 400, -32020),
    ({"Content-Type": "text/plain"}, 415, -32600), ({"Content-Type": None}, 415, -32600),
    ({"Content-Type": "application/json; charset=utf-8"}, 200, None),
    ({"Accept": "application/json"}, 406, -32600), ({"Accept": "text/event-stream"}, 406, -32600),
    ({"Accept": None}, 406, -32600), ({"Accept": "*/*"}, 200, None),
    ({"Accept": "text/*;q=0.5, application/*"}, 200, None),
])
def test_headers_must_say_what_the_request_says(endpoint, change, status, number):
    message = asked("tools/call", name="read", arguments={"keys": ["a"]})
    headers = {**HEADERS, **routing(message), **change}
    connection = endpoint.connect()
    connection.request("POST", "/mcp", json.dumps(message),
                       {name: value for name, value in headers.items() if value is not None})
    answer = connection.getresponse()
    body = answer.read()
    assert (answer.status, json.loads(body).get("error", {}).get("code")) == (status, number), body
    assert answer.getheader("Mcp-Session-Id") is None


@pytest.mark.parametrize("message, version, status, number", [
    (asked("nonsense"), "2026-07-28", 404, -32601), (asked("initialize"), "2026-07-28", 404, -32601),
    (asked("ping"), "2026-07-28", 404, -32601), (asked("tools/call", name="nonsense"), "2026-07-28", 400, -32602),
    (asked("resources/read", uri="membus://main/nothing"), "2026-07-28", 400, -32602),
    ({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, "2026-07-28", 400, -32602),
    ({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, "1999-01-01", 400, -32022),
    (asked() | {"params": {"_meta": META | {"io.modelcontextprotocol/protocolVersion": "1999-01-01"}}}, "1999-01-01", 400, -32022),
    (asked() | {"params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}}, "2026-07-28", 400, -32602),
    ([asked()], "2026-07-28", 400, -32600), ({"jsonrpc": "2.0", "id": 1, "result": {}}, "2026-07-28", 400, -32600),
    ({"jsonrpc": "2.0", "method": "notifications/x"}, "2026-07-28", 202, None),
    ({"jsonrpc": "2.0", "method": "notifications/x"}, "1999-01-01", 400, -32022),
    ({"jsonrpc": "1.0", "id": 1, "method": "x"}, "2026-07-28", 400, -32600),
    ({"jsonrpc": "2.0", "id": {}, "method": "x"}, "2026-07-28", 400, -32600),
])
def test_what_is_wrong_with_a_message_is_told_by_the_status_too(endpoint, message, version, status, number):
    headers = routing(message) if isinstance(message, dict) and "method" in message else {}
    told, _, body = endpoint.post(json.dumps(message), headers | {"MCP-Protocol-Version": version})
    assert (told, code(body) if body else None) == (status, number), body
    if number == -32022:
        assert json.loads(body)["error"]["data"]["supported"][0] == "2026-07-28"
        assert json.loads(body)["error"]["data"]["requested"] == "1999-01-01"


def test_a_header_that_is_there_twice_is_refused(endpoint):
    body = json.dumps(asked())
    answer = by_hand(endpoint, (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n"
        f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\nMcp-Method: tools/call\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"))
    assert b" 400 " in answer and b"-32020" in answer


def by_hand(endpoint, text):
    """Bytes as they are. -> all that comes back, until the end"""
    with socket.create_connection((endpoint.host, endpoint.port), timeout=20 * PATIENCE) as connection:
        connection.sendall(text if isinstance(text, bytes) else text.encode())
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)


def test_paths_and_methods_that_are_not_there_are_told(endpoint):
    assert endpoint.post("", path="/")[0] == 404 and endpoint.post("", path="/sse")[0] == 404
    for method in ("PUT", "PATCH", "OPTIONS", "HEAD"):
        status, headers, _ = endpoint.post("", method=method)
        assert status == 405 and headers["allow"] == "GET, POST, DELETE"
    for method in ("GET", "DELETE"):
        status, headers, _ = endpoint.post("", {"MCP-Protocol-Version": "2026-07-28"}, method=method)
        assert status == 405 and headers["allow"] == "POST"
    assert endpoint.post(json.dumps(asked()), routing(asked()), path="/mcp/?x=1")[0] == 200


# ---- Sessions


def test_a_session_begins_by_a_handshake_and_ends_by_delete(endpoint):
    headers = session(endpoint)
    ping = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "ping"})
    assert endpoint.post(ping)[0] == 400
    assert endpoint.post(ping, headers | {"Mcp-Session-Id": "nobody"})[0] == 404
    status, _, body = endpoint.post(ping, headers)
    assert status == 200 and json.loads(body)["result"] == {}
    assert endpoint.post(ping, {"Mcp-Session-Id": headers["Mcp-Session-Id"]})[0] == 200
    assert endpoint.post(ping, headers | {"MCP-Protocol-Version": "1999-01-01"})[0] == 400
    assert endpoint.post(f"[{ping}]", headers)[0] == 400
    assert endpoint.post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), headers)[::2] == (202, b"")
    # Errors of what was asked are answers.
    status, _, body = endpoint.post(json.dumps({"jsonrpc": "2.0", "id": 3, "method": "nonsense"}), headers)
    assert status == 200 and code(body) == -32601
    assert endpoint.post("", {"Accept": "application/json"} | headers, method="GET")[0] == 406
    assert endpoint.post("", method="GET")[0] == 400 and endpoint.post("", method="DELETE")[0] == 400
    assert endpoint.post("", headers, method="DELETE")[0] == 200
    assert endpoint.post(ping, headers)[0] == 404 and endpoint.post("", headers, method="GET")[0] == 404
    assert endpoint.post("", headers, method="DELETE")[0] == 404
    # What is no handshake begins nothing.
    assert "mcp-session-id" not in endpoint.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize"}))[1]


def test_several_messages_in_one_body_are_answered_in_one_where_the_version_knows_it(endpoint):
    headers = session(endpoint, "2025-03-26")
    batch = [{"jsonrpc": "2.0", "id": "a", "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/x"},
             {"jsonrpc": "2.0", "id": "b", "method": "tools/list"}, {"nonsense": 1}]
    status, _, body = endpoint.post(json.dumps(batch), headers)
    assert status == 200 and {one.get("id") for one in json.loads(body)} == {"a", "b", None}
    assert endpoint.post(json.dumps(batch[1:2]), headers)[0] == 202


def test_a_second_stream_of_a_session_takes_the_place_of_the_first(endpoint, broker):
    with OverHTTP(broker, endpoint=endpoint, version="2025-11-25") as raw:
        raw.ask("resources/subscribe", uri="membus://main/plans/")
        run(broker, "put", "plans/a", "x")
        raw.until(lambda: len(raw.notifications) == 1)
        raw._listen()
        run(broker, "put", "plans/b", "x")
        raw.until(lambda: len(raw.notifications) == 2)
    # What comes while nobody reads is told to who comes next.
    with OverHTTP(broker, endpoint=endpoint, version="2025-11-25") as raw:
        raw.ask("resources/subscribe", uri="membus://main/plans/")
        raw.under_way[0].sock.shutdown(socket.SHUT_RDWR)
        time.sleep(1)
        for number in range(5):
            run(broker, "put", f"plans/{number}", "x")
        raw._listen()
        raw.until(lambda: len(raw.notifications) >= 4)


# ---- Who may come in


def test_web_pages_from_elsewhere_are_kept_out(endpoint):
    body, headers = json.dumps(asked()), routing(asked())
    for name, value in (("Host", "evil.example"), ("Host", "evil.example:7420"), ("Host", "127.0.0.1.evil.example"),
                        ("Host", "localhost.evil.example"), ("Host", "[::1].evil.example"), ("Host", "localhost:1.evil.example"),
                        ("Origin", "http://[::1].evil.example"), ("Origin", "http://evil.example"), ("Origin", "null"),
                        ("Origin", "http://localhost.evil.example"), ("Origin", "http://127.0.0.1@evil.example"),
                        ("Origin", "file://"), ("Host", "")):
        status, _, text = endpoint.post(body, headers | {name: value})
        assert status == 403 and code(text) == -32600, (name, value, status)
        assert endpoint.post("", headers | {name: value}, method="GET")[0] == 403
    for name, value in (("Host", "localhost"), ("Host", "LOCALHOST:1"), ("Host", "[::1]:7420"), ("Host", "127.0.0.2"),
                        ("Origin", "http://localhost:3000"), ("Origin", "https://127.0.0.1"), ("Origin", "http://[::1]:1")):
        assert endpoint.post(body, headers | {name: value})[0] == 200, (name, value)


def test_pages_that_are_named_may_come_in(broker):
    with Endpoint(broker, "--allow-origin", "https://agents.example") as endpoint:
        body, headers = json.dumps(asked()), routing(asked())
        assert endpoint.post(body, headers | {"Origin": "https://agents.example"})[0] == 200
        assert endpoint.post(body, headers | {"Origin": "https://agents.example:8443"})[0] == 403


def test_a_browser_is_told_what_pages_that_may_come_in_need_and_nothing_of_others(broker, tmp_path):
    token = "0123456789abcdef-secret"
    file = tmp_path / "token"
    file.write_text(token)
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,mcp-method",
            "Access-Control-Request-Private-Network": "true"}
    ours = "https://agents.example"

    def shared(headers):
        return {name: value for name, value in headers.items() if name.startswith("access-control")}
    with Endpoint(broker, "--allow-origin", ours, "--token-file", str(file)) as endpoint:
        for origin in (ours, "http://localhost:6274"):
            # Browsers ask without the token.
            status, headers, body = endpoint.post("", asks | {"Origin": origin}, method="OPTIONS")
            assert (status, body) == (204, b"") and headers["access-control-allow-origin"] == origin
            assert {"GET", "POST", "DELETE"} == set(headers["access-control-allow-methods"].split(", "))
            allowed = {name.lower() for name in headers["access-control-allow-headers"].split(", ")}
            assert {"authorization", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name",
                    "accept"} <= allowed
            assert headers["access-control-allow-private-network"] == "true" and headers["vary"] == "Origin"
            # What it does then is still asked for it, and a refusal can be read.
            status, headers, _ = endpoint.post(json.dumps(asked()), routing(asked()) | {"Origin": origin})
            assert status == 401 and headers["access-control-allow-origin"] == origin
            right = {"Origin": origin, "Authorization": f"Bearer {token}"}
            status, headers, _ = endpoint.post(json.dumps(initialize()), right)
            assert status == 200 and headers["access-control-allow-origin"] == origin and headers["vary"] == "Origin"
            exposed = set(headers["access-control-expose-headers"].split(", "))
            assert exposed >= {"Mcp-Session-Id", "MCP-Protocol-Version"}
            connection = endpoint.connect()
            connection.request("GET", "/mcp", headers=right | {
                "Accept": "text/event-stream", "Mcp-Session-Id": headers["mcp-session-id"]})
            stream = connection.getresponse()
            assert stream.status == 200 and stream.getheader("Access-Control-Allow-Origin") == origin
            connection.close()
        for origin in ("https://evil.example", "null", ours + ":8443", ours + "/", "http://[::1].evil.com"):
            for method, more in (("OPTIONS", asks), ("POST", {"Authorization": f"Bearer {token}"})):
                status, headers, _ = endpoint.post("", more | {"Origin": origin}, method=method)
                assert status == 403 and shared(headers) == {}, origin
        # Who is no browser is told nothing of all this, and asks for nothing.
        assert shared(endpoint.post(json.dumps(asked()), routing(asked()) | {"Authorization": f"Bearer {token}"})[1]) == {}
        assert endpoint.post("", asks, method="OPTIONS")[0] == 401
        assert endpoint.post("", asks | {"Origin": ours}, method="OPTIONS", path="/other")[0] == 404
    for wrong in ("*", "null", "agents.example", ours + "/", "https://a@b"):
        ended = run(broker, "mcp", "--http", "127.0.0.1:0", "--allow-origin", wrong, check=False)
        assert ended.returncode != 0 and "origin" in ended.stderr


def test_who_comes_from_elsewhere_needs_the_token(broker, tmp_path):
    token = "0123456789abcdef-secret"
    file = tmp_path / "token"
    file.write_text(token + "\n")
    body, headers = json.dumps(asked()), routing(asked())
    for environment, options in (({}, ["--token-file", str(file)]), ({"MEMBUS_MCP_TOKEN": token}, [])):
        with Endpoint(broker, *options, address="0.0.0.0:0", environment=os.environ | environment) as endpoint:
            endpoint.host = "127.0.0.1"
            status, told, _ = endpoint.post(body, headers)
            assert status == 401 and told["www-authenticate"].startswith("Bearer ")
            for wrong in (token[:-1], token + "x", "x" * len(token), "", token.upper()):
                status, told, _ = endpoint.post(body, headers | {"Authorization": f"Bearer {wrong}"})
                assert status == 401 and "www-authenticate" in told, wrong
            assert endpoint.post(body, headers | {"Authorization": f"Basic {token}"})[0] == 401
            right = headers | {"Authorization": f"Bearer {token}", "Host": "memory.example"}
            assert endpoint.post(body, right)[0] == 200
            assert endpoint.post(body, right | {"Origin": "https://evil.example"})[0] == 403
            assert token not in "".join(endpoint.errors)


def test_nothing_opens_the_memory_to_others_by_mistake(tmp_path):
    file = tmp_path / "token"

    def refused(*options, **environment):
        process = start([membus(), "mcp", *options], stderr=-1, stdin=-3, text=True,
                        env={name: value for name, value in os.environ.items() if "MEMBUS" not in name} | environment)
        said = process.communicate(timeout=20 * PATIENCE)[1]
        return process.returncode, said
    for address in ("0.0.0.0:0", "[::]:0", "*:0", "192.0.2.1:7420", "memory.example:7420"):
        number, said = refused("--http", address)
        assert number == 2 and "--token-file" in said, said
    for text in ("short", "with spaces in it all over", ""):
        file.write_text(text)
        assert refused("--http", "0.0.0.0:0", "--token-file", str(file))[0] == 2
    assert refused("--http", "0.0.0.0:0", "--token-file", str(tmp_path / "nowhere"))[0] == 1
    assert "port" in refused("--http", "127.0.0.1:99999")[1] and refused("--http", "nonsense")[0] != 0
    assert "--http" in refused("--token-file", str(file))[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number, said = refused("--http", f"127.0.0.1:{taken.getsockname()[1]}")
        assert number == 1 and "is in use: another program listens there" in said and "errno" not in said, said
    number, said = refused("--http", "192.0.2.1:7420", MEMBUS_MCP_TOKEN="0123456789abcdef")
    assert number == 1 and "192.0.2.1 is no address of this machine" in said, said


# ---- Streams


def test_who_goes_away_is_noticed_and_what_was_asked_ends(endpoint):
    before = open_files(endpoint.process.pid)
    sockets = []
    for number in range(20):
        message = asked("tools/call", number, name="wait", arguments={"topic": "alarms/", "seconds": 600})
        connection = endpoint.connect()
        connection.request("POST", "/mcp", json.dumps(message), {**HEADERS, **routing(message)})
        sockets.append(connection)
    time.sleep(1)
    assert open_files(endpoint.process.pid) >= before + 20
    for connection in sockets:
        connection.close()
    eventually(lambda: open_files(endpoint.process.pid) < before + 15, 10, "the end of what nobody waits for")


def test_who_has_said_all_and_reads_on_is_answered(endpoint, broker):
    """As clients do that send a request from a file: the end of what they send is not their end."""
    def request(message):
        body = json.dumps(message)
        headers = {**HEADERS, **routing(message), "Host": "localhost", "Content-Length": str(len(body))}
        return ("POST /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n" + body).encode()

    def half_closed(message):
        with socket.create_connection((endpoint.host, endpoint.port), timeout=20 * PATIENCE) as connection:
            connection.sendall(request(message))
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)
    assert b'"tools"' in half_closed(asked())
    for seconds in (1, 4):
        said = half_closed(asked("tools/call", name="wait", arguments={"topic": "alarms/", "seconds": seconds}))
        assert b'"happened":false' in said, said


def test_a_session_has_room_again_for_what_clients_asked_that_are_gone(endpoint):
    headers = session(endpoint)
    wait = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                       "params": {"name": "wait", "arguments": {"topic": "alarms/", "seconds": 600}}})
    connection = endpoint.connect()
    connection.request("POST", "/mcp", wait, {**HEADERS, **headers})
    time.sleep(1)
    ping = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping"})
    assert "under way" in endpoint.post(ping, headers)[2].decode()
    connection.close()
    eventually(lambda: json.loads(endpoint.post(ping, headers)[2]).get("result") == {}, 40, "the end of what nobody waits for")


def test_it_ends_within_a_moment_and_says_so_to_who_listens(broker):
    with OverHTTP(broker) as raw, Endpoint(broker) as other, OverHTTP(broker, endpoint=other, version="2025-06-18"):
        listening = raw.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/plans/"]})
        raw.until(lambda: raw.notifications)
        waiting = raw.begin("tools/call", name="wait", arguments={"topic": "alarms/", "seconds": 600})
        time.sleep(0.5)
        begun = time.monotonic()
        assert raw.end() == 0
        assert time.monotonic() - begun < 2.5 * PATIENCE
        assert raw.wait(listening)["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == listening
        assert waiting not in raw.answers
        begun = time.monotonic()
        assert other.end() == 0 and time.monotonic() - begun < 2.5 * PATIENCE


def test_a_client_that_stops_reading_its_stream_is_dropped_and_holds_nothing(endpoint, broker):
    with OverHTTP(broker, endpoint=endpoint) as writer:
        message = asked("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/plans/"]})
        deaf = endpoint.connect(120)
        deaf.request("POST", "/mcp", json.dumps(message), {**HEADERS, **routing(message)})
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        time.sleep(0.5)
        files, memory = open_files(endpoint.process.pid), memory_kib(endpoint.process.pid)
        key = "plans/" + "k" * 900
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                writer.call("write", changes=[
                    {"key": f"{key}/{number}/{change}", "value": "", "expires_after_ms": 2000} for change in range(100)])
        threading.Thread(target=write, daemon=True).start()
        try:
            eventually(lambda: open_files(endpoint.process.pid) < files + 1 and
                       not established(endpoint, deaf.sock.getsockname()[1]), 90, "the end of the deaf client")
        finally:
            stop.set()
        assert memory_kib(endpoint.process.pid) < memory + (60 << 10)
        assert writer.put("still", "there")[0]["committed"]


def established(endpoint, port):
    """Whether the server has a connection to the client's port."""
    wanted = (f"{endpoint.port:04X}", f"{port:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if (local[-4:], remote[-4:]) == wanted and state == "01":
            return True
    return False


# ---- Harm


def test_broken_bodies_are_answered_as_such_and_the_rest_goes_on(endpoint):
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    for body in ("", "{", "[]", "3", '"x"', "[" * 100_000, '{"a":1,"a":2}', '{"jsonrpc":"2.0","id":1e400,"method":"x"}',
                 '{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}', '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
                 b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', "\ufeff{".encode(), b"\xff\xfe{\x00", '{"jsonrpc":"2.0","id":1,"method":3}',
                 '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', "NaN", '{"id":01}', b"\x00" * 100):
        status, _, text = endpoint.post(body, headers)
        assert status == 400 and code(text) in (-32700, -32600), (body[:50], status, text)
    assert endpoint.post(json.dumps(asked()), headers)[0] == 200


def test_bodies_that_are_too_large_are_refused_and_nothing_is_kept(endpoint):
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    assert endpoint.post(json.dumps(asked()), headers)[0] == 200
    before = memory_kib(endpoint.process.pid)
    for body in (b"x" * (40 << 20), b"[" + b"0," * 3_000_000 + b"0]", b'"' + b"," * 3_000_000):
        status, _, text = endpoint.post(body, headers)
        assert status in (400, 413), (status, text[:200])
    assert memory_kib(endpoint.process.pid, peak=True) < before + (250 << 10)
    # Ten at once: what does not fit is told to come again.
    statuses = []

    def post():
        statuses.append(endpoint.post(b'"' + b"x" * (30 << 20), headers)[0])
    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 10 and set(statuses) <= {400, 503}
    assert memory_kib(endpoint.process.pid, peak=True) < before + (600 << 10)
    assert endpoint.post(json.dumps(asked()), headers)[0] == 200


def test_what_is_no_http_is_refused_and_the_rest_goes_on(endpoint):
    for text in (b"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                 "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n",
                 "GET /mcp HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(200)) + "\r\n",
                 "GET /" + "x" * 200_000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        answer = by_hand(endpoint, text)
        assert not answer or b" 400 " in answer.split(b"\r\n")[0] or b" 4" in answer.split(b"\r\n")[0], answer[:200]
    # Half a request holds up nobody else.
    slow = [socket.create_connection((endpoint.host, endpoint.port)) for _ in range(50)]
    for one in slow:
        one.sendall(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: 99\r\n\r\n{")
    assert endpoint.post(json.dumps(asked()), routing(asked()))[0] == 200
    for one in slow:
        one.close()


# ---- Many, and a broker that dies


def test_a_hundred_clients_at_once_are_served(broker):
    async def client(url, number):
        async with Client(url, mode="legacy" if number % 2 else "2026-07-28") as client:
            for turn in range(3):
                written = await client.call_tool("write", {"changes": [{"key": f"k/{number:03}/{turn}", "value": "x"}]})
                assert written.structured_content["committed"]
            return len((await client.call_tool("read", {"topic": f"k/{number:03}/"})).structured_content["records"])

    async def body(url):
        return await asyncio.gather(*(client(url, number) for number in range(100)))
    with Endpoint(broker) as endpoint:
        assert asyncio.run(body(endpoint.url)) == [3] * 100
        with OverHTTP(broker, endpoint=endpoint) as raw:
            assert len(raw.call("list", topic="k/", limit=500)[0]["records"]) == 300


def test_more_agents_than_there_are_connections_cut_nobody_off_who_waits(endpoint, broker):
    with OverHTTP(broker, endpoint=endpoint) as raw:
        raw.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/answers/"]})
        waiting = raw.begin("tools/call", name="wait", arguments={"key": "answers/1", "seconds": 600})
        raw.until(lambda: raw.notifications)
        raw.notifications.clear()
        for number in range(80):
            client = {"io.modelcontextprotocol/clientInfo": {"name": f"agent-{number}", "version": "1"}}
            answer = raw.ask("tools/call", {"name": "list", "arguments": {}, "_meta": client})
            assert not answer["result"].get("isError"), answer
        run(broker, "put", "answers/1", "yes")
        assert raw.wait(waiting)["result"]["structuredContent"]["happened"]
        raw.until(lambda: raw.notifications)


def test_silent_clients_of_own_names_cost_little_and_go_on_where_they_were(endpoint, broker):
    """Each name has a connection with its thread and view while it is used: let go of after half a minute."""
    threads = Path(f"/proc/{endpoint.process.pid}/task")

    def ask(name, tool, **arguments):
        client = {"io.modelcontextprotocol/clientInfo": {"name": name, "version": "1"}}
        answer = raw.ask("tools/call", {"name": tool, "arguments": arguments, "_meta": client})["result"]
        assert not answer.get("isError"), answer
        return answer["structuredContent"]
    with OverHTTP(broker, endpoint=endpoint) as raw:
        ask("warm", "read", keys=["a"])
        before = len(list(threads.iterdir()))
        for number in range(50):
            ask(f"agent-{number}", "write", changes=[{"key": f"own/{number}", "value": "x"}])
        listening = raw.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/own/"]})
        raw.until(lambda: raw.notifications)
        assert len(list(threads.iterdir())) > before + 50
        eventually(lambda: len(list(threads.iterdir())) < before + 10, 60, "the end of connections that nobody uses")
        assert ask("agent-7", "read", keys=["own/7"])["records"][0]["owner"] == "agent-7"
        assert ask("agent-7", "write", changes=[{"key": "own/7", "value": "y"}])["committed"]
        # What somebody follows goes on.
        raw.until(lambda: any("uri" in note["params"] for note in raw.notifications))
        assert listening not in raw.answers


def test_a_killed_broker_is_waited_for_and_each_change_is_told_once(broker):
    with Endpoint(broker, "--timeout", "30s") as endpoint, OverHTTP(broker, endpoint=endpoint) as ada, \
            OverHTTP(broker, endpoint=endpoint, version="2025-11-25") as bob, OverHTTP(broker, endpoint=endpoint) as eve:
        bob.ask("resources/subscribe", uri="membus://main/turns/")
        eve.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/turns/"]})
        eve.until(lambda: eve.notifications)
        for turn in range(30):
            if turn % 10 == 5:
                broker.restart()
            written, failed = ada.put(f"turns/{turn:02}", str(turn))
            assert not failed and written["committed"], written
        wanted = [f"membus://main/turns/{turn:02}" for turn in range(30)]
        for one in (bob, eve):
            def told():
                return [note["params"]["uri"] for note in one.notifications if "uri" in note["params"]]
            one.until(lambda: len(told()) >= 30, 30)
            assert told() == wanted, "each change is told once, in order"


def test_the_first_client_starts_a_broker_over_http_too(tmp_path):
    with Home(tmp_path) as home, Endpoint(home=home) as endpoint, OverHTTP(None, endpoint=endpoint) as ada:
        assert home.processes() == []
        assert ada.put("plan", "night train")[0]["committed"] and len(home.processes()) == 1
        with Raw(home=home) as bob:
            assert bob.call("read", keys=["plan"])[0]["records"][0]["value"] == "night train"

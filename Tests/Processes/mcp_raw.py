"""Clients of the Model Context Protocol by hand, over standard input and output and over HTTP: what they send can be wrong,
and all that comes back is held against the protocol's schemas."""

import http.client
import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse

import jsonschema

from processes import PATIENCE, ROOT, membus, start

SCHEMAS = {version: json.loads((ROOT / f".build/python/mcp-schema/{version}.json").read_text())
           for version in ("2025-11-25", "2026-07-28")}
VALIDATORS = {}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"}}
#: What each method's result is called in the schemas.
RESULTS = {
    "initialize": "InitializeResult", "server/discover": "DiscoverResult", "tools/list": "ListToolsResult",
    "tools/call": "CallToolResult", "resources/list": "ListResourcesResult", "resources/read": "ReadResourceResult",
    "resources/templates/list": "ListResourceTemplatesResult", "prompts/list": "ListPromptsResult",
    "prompts/get": "GetPromptResult", "completion/complete": "CompleteResult", "ping": "EmptyResult",
    "resources/subscribe": "EmptyResult", "resources/unsubscribe": "EmptyResult",
    "subscriptions/listen": "SubscriptionsListenResult"}
NOTIFICATIONS = {
    "notifications/resources/updated": "ResourceUpdatedNotification", "notifications/progress": "ProgressNotification",
    "notifications/subscriptions/acknowledged": "SubscriptionsAcknowledgedNotification"}


def check(message, name, version):
    if (name, version) not in VALIDATORS:
        schema = SCHEMAS[version]
        definitions = "$defs" if "$defs" in schema else "definitions"
        VALIDATORS[name, version] = jsonschema.Draft202012Validator(
            {"$ref": f"#/{definitions}/{name}", definitions: schema[definitions]})
    VALIDATORS[name, version].validate(message)


class Talk:
    """What clients by hand have in common: what they asked, and what came back."""

    def __init__(self, version):
        self.version = version
        self.methods, self.answers, self.notifications, self.errors = {}, {}, [], []
        self.arrived = threading.Condition()
        self.number = 0
        self.wrong = None

    def shake_hands(self):
        if self.version == "2026-07-28":
            return
        told = self.ask("initialize", protocolVersion=self.version, capabilities={},
                        clientInfo={"name": "raw", "version": "1"})["result"]
        assert told["protocolVersion"] == self.version
        self.notify("notifications/initialized")

    def take(self, text):
        try:
            self._take(json.loads(text))
        except Exception as error:
            self.wrong = f"{error}: {text[:500]}"
        with self.arrived:
            self.arrived.notify_all()

    def _take(self, message):
        for one in message if isinstance(message, list) else [message]:
            schema = "2026-07-28" if self.version == "2026-07-28" else "2025-11-25"
            if "method" in one:
                check(one, NOTIFICATIONS[one["method"]], schema)
                self.notifications.append(one)
            else:
                check(one, "JSONRPCErrorResponse" if "error" in one else "JSONRPCResultResponse", schema)
                if "result" in one:
                    check(one["result"], RESULTS[self.methods[one["id"]]], schema)
                self.answers[one.get("id")] = one

    def message(self, method, params=None, **more):
        """-> its number, and the message"""
        self.number += 1
        params = {**(params or {}), **more}
        if self.version == "2026-07-28":
            params["_meta"] = META | params.get("_meta", {})
        self.methods[self.number] = method
        return self.number, {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}

    def until(self, fact, timeout=20):
        with self.arrived:
            assert self.arrived.wait_for(lambda: fact() or self.wrong, timeout * PATIENCE), f"{self.errors[-3:]}"
        assert self.wrong is None, self.wrong

    def wait(self, number, timeout=20):
        self.until(lambda: number in self.answers, timeout)
        return self.answers.pop(number)

    def ask(self, method, params=None, **more):
        return self.wait(self.begin(method, params, **more))

    def call(self, tool, **arguments):
        """-> (structured content, whether it is an error)"""
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        return result.get("structuredContent", result["content"][0]["text"]), result.get("isError", False)

    def put(self, key, value, **conditions):
        return self.call("write", changes=[{"key": key, "value": value, **conditions}])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Raw(Talk):
    """Over standard input and output: a line out, a line in."""

    def __init__(self, broker=None, *options, version="2026-07-28", home=None, **more):
        super().__init__(version)
        where = ["--broker", broker.url] if broker else []
        self.process = start(
            [membus(), "mcp", *where, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=home.environment if home else None, **more)
        for body in (self._read, self._complain):
            threading.Thread(target=body, daemon=True).start()
        self.shake_hands()

    def _read(self):
        for line in self.process.stdout:
            self.take(line)

    def _complain(self):
        self.errors += self.process.stderr

    def send(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def begin(self, method, params=None, **more):
        number, message = self.message(method, params, **more)
        self.send(json.dumps(message))
        return number

    def notify(self, method, **params):
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20 * PATIENCE)

    def close(self):
        self.process.kill()
        self.process.wait()


class Endpoint:
    """`membus mcp --http` on a port of its own."""

    def __init__(self, broker=None, *options, address="127.0.0.1:0", home=None, environment=None):
        where = ["--broker", broker.url] if broker else []
        self.process = start(
            [membus(), "mcp", "--http", address, *where, *options], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=(home.environment if home else None) or environment)
        self.errors = []
        ready = threading.Event()

        def read():
            for line in self.process.stderr:
                self.errors.append(line)
                if "http://" in line:
                    ready.set()
            ready.set()
        threading.Thread(target=read, daemon=True).start()
        assert ready.wait(20 * PATIENCE) and self.process.poll() is None, f"it does not listen: {self.errors}"
        self.url = re.search(r"http://\S+", "".join(self.errors))[0]
        self.host, self.port = urllib.parse.urlsplit(self.url).hostname, urllib.parse.urlsplit(self.url).port

    def connect(self, timeout=60):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout * PATIENCE)

    def post(self, body, headers=None, method="POST", path="/mcp"):
        """By hand. -> (status, headers, body)"""
        connection = self.connect()
        try:
            connection.request(method, path, body, {**HEADERS, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def end(self):
        self.process.terminate()
        return self.process.wait(10 * PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def routing(message):
    """What the stateless version asks of the headers."""
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": message["method"]}
    name = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(message["method"])
    if name and name in message.get("params", {}):
        headers["Mcp-Name"] = message["params"][name]
    return headers


def events(answer):
    """-> the messages of a stream of events, as they come"""
    data = []
    while line := answer.readline():
        line = line.decode().rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


class OverHTTP(Talk):
    """A connection for each request; with a handshake one more for what is said unasked."""

    def __init__(self, broker, *options, version="2026-07-28", endpoint=None, headers=None):
        super().__init__(version)
        self.owned = endpoint is None
        self.endpoint = endpoint or Endpoint(broker, *options)
        self.process = self.endpoint.process
        self.headers = headers or {}
        self.session = None
        self.under_way = {}
        self.statuses = {}
        self.shake_hands()
        if self.session:
            self._listen()

    def _headers(self, message):
        headers = {**HEADERS, **self.headers}
        if self.version == "2026-07-28":
            headers |= routing(message)
        elif message["method"] != "initialize":
            headers |= {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": self.version}
        return headers

    def begin(self, method, params=None, **more):
        number, message = self.message(method, params, **more)
        connection = self.under_way[number] = self.endpoint.connect(120)

        def run():
            try:
                connection.request("POST", "/mcp", json.dumps(message), self._headers(message))
                answer = connection.getresponse()
                self.session = answer.getheader("Mcp-Session-Id") or self.session
                self.statuses[number] = answer.status
                if answer.getheader("Content-Type") == "text/event-stream":
                    for text in events(answer):
                        self.take(text)
                else:
                    self.take(answer.read().decode())
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                self.errors.append(f"{method}: {error}")
            finally:
                self.under_way.pop(number, None)
                connection.close()
        threading.Thread(target=run, daemon=True).start()
        return number

    def notify(self, method, **params):
        if method == "notifications/cancelled":
            time.sleep(0.5)  # on connections of their own, one could overtake the other
        if method == "notifications/cancelled" and self.version == "2026-07-28":
            # Of that version, to stop reading is to cancel.
            connection = self.under_way.get(params["requestId"])
            if connection and connection.sock:
                connection.sock.shutdown(socket.SHUT_RDWR)
            return
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        status, _, body = self.endpoint.post(json.dumps(message), self._headers(message))
        assert (status, body) == (202, b""), (status, body)

    def _listen(self):
        connection = self.under_way[0] = self.endpoint.connect(600)
        connection.request("GET", "/mcp", headers={
            **self.headers, "Accept": "text/event-stream", "Mcp-Session-Id": self.session,
            "MCP-Protocol-Version": self.version})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream"

        def run():
            try:
                for text in events(answer):
                    self.take(text)
            except (OSError, ValueError, AttributeError):
                pass
        threading.Thread(target=run, daemon=True).start()

    def end(self):
        return self.endpoint.end()

    def close(self):
        for connection in list(self.under_way.values()):
            if connection.sock:
                connection.sock.shutdown(socket.SHUT_RDWR)
        if self.owned:
            self.endpoint.__exit__()

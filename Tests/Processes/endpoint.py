"""An endpoint for embeddings as OpenAI has it, on a port of this machine, that behaves as a test tells it to: well, or as
endpoints do that are busy, broken, or lie."""

import base64
import contextlib
import hashlib
import http.server
import json
import math
import struct
import threading
import time


def hashed(text, dimensions):
    """A vector of length 1 that tells its text apart, and is the same each time."""
    wanted = 4 * dimensions
    data = b"".join(
        hashlib.sha256(text.encode() + struct.pack("<I", piece)).digest() for piece in range(wanted // 32 + 1)
    )
    numbers = [number / 2**31 - 1 for number in struct.unpack(f"<{dimensions}I", data[:wanted])]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.time = path, headers, body, time.monotonic()

    @property
    def texts(self):
        return self.body["input"]


class FakeEndpoint:
    """Use it in `with`. `mode` may be changed at any time, and `requests` tells all that came.

    normal, shuffled (in another order), base64: honest. busy: 429 with `retry_after`, in seconds or a date; unavailable:
    503 alike. hang: no answer. trickle: one byte every tenth of a second. dimensions: one too few; mixed: of different
    ones. nan, strings, infinite, zeros: numbers that are none. short: one vector too few; twice: an index twice; beyond:
    an index beyond. key: 401; model: 404; large: 413 above `most` texts; request: 400; text: 400 where a text contains
    `poison`. failing: 500. midway: closes in the middle; closed: without a word. html: a page, with status 200.
    redirect: 302 to `location`. flood: an answer without end.
    """

    modes = (
        "normal shuffled base64 busy unavailable hang trickle dimensions mixed nan strings infinite zeros short twice beyond "
        "key model large request text failing midway closed html redirect flood"
    ).split()

    def __init__(self, mode="normal", dimensions=8, vector=None, key=None, context=None):
        """`vector`: of a text and a number of dimensions; `key`: what is wanted as a bearer's; `context`: of ssl."""
        self.mode, self.dimensions, self.vector, self.key = mode, dimensions, vector or hashed, key
        self.retry_after, self.location, self.most, self.poison = "1", "http://127.0.0.1:9/v1/embeddings", 8, "poison"
        self.requests = []
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                endpoint.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that goes is no news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def texts(self):
        """All that were asked for, in order."""
        with self.lock:
            return [text for request in self.requests for text in request.texts]

    def answer(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        request = Request(handler.path, dict(handler.headers), body)
        with self.lock:
            self.requests.append(request)
        if handler.path.split("?")[0] != "/v1/embeddings":
            return self.refuse(handler, 404, "there is nothing here")
        if self.key is not None and handler.headers["Authorization"] != f"Bearer {self.key}":
            return self.refuse(handler, 401, f"the key {handler.headers['Authorization']} is not known")
        with contextlib.suppress(OSError):
            getattr(self, f"_{self.mode}")(handler, request)

    # Ways to answer.

    def send(self, handler, status, body, headers=(), content="application/json"):
        handler.send_response(status)
        handler.send_header("Content-Type", content)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def refuse(self, handler, status, message, headers=()):
        self.send(handler, status, json.dumps({"error": {"message": message, "type": "test"}}).encode(), headers)

    def close(self, handler):
        handler.close_connection = True

    def items(self, request):
        dimensions = request.body.get("dimensions", self.dimensions)
        return [
            {"object": "embedding", "index": index, "embedding": self.vector(text, dimensions)}
            for index, text in enumerate(request.texts)
        ]

    def document(self, items):
        return json.dumps({"object": "list", "model": "fake", "data": items, "usage": {"total_tokens": 1}}).encode()

    # Honest ones.

    def _normal(self, handler, request):
        self.send(handler, 200, self.document(self.items(request)))

    def _shuffled(self, handler, request):
        items = self.items(request)
        items.sort(key=lambda item: hashlib.sha256(str(item["index"]).encode()).digest())
        self.send(handler, 200, self.document(items))

    def _base64(self, handler, request):
        items = self.items(request)
        for item in items:
            vector = item["embedding"]
            item["embedding"] = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        self.send(handler, 200, self.document(items))

    # Refusals.

    def _busy(self, handler, request, status=429):
        headers = [("Retry-After", self.retry_after)] if self.retry_after is not None else []
        self.refuse(handler, status, "slow down", headers)

    def _unavailable(self, handler, request):
        self._busy(handler, request, 503)

    def _key(self, handler, request):
        self.refuse(handler, 401, f"the key {handler.headers['Authorization']} is not known")

    def _model(self, handler, request):
        self.refuse(handler, 404, f"there is no model {request.body['model']}")

    def _request(self, handler, request):
        self.refuse(handler, 400, "no such request")

    def _failing(self, handler, request):
        self.refuse(handler, 500, "a fault of mine")

    def _large(self, handler, request):
        if len(request.texts) > self.most:
            return self.refuse(handler, 413, f"no more than {self.most} texts")
        self._normal(handler, request)

    def _text(self, handler, request):
        if any(self.poison in text for text in request.texts):
            return self.refuse(handler, 400, "a text is too long")
        self._normal(handler, request)

    def _redirect(self, handler, request):
        self.send(handler, 302, b"", [("Location", self.location)])

    # Lies.

    def lie(self, handler, request, change):
        items = self.items(request)
        change(items)
        self.send(handler, 200, self.document(items))

    def _dimensions(self, handler, request):
        self.lie(handler, request, lambda items: [item["embedding"].pop() for item in items])

    def _mixed(self, handler, request):
        self.lie(handler, request, lambda items: items[-1]["embedding"].append(0.5))

    def _nan(self, handler, request):
        self.lie(handler, request, lambda items: items[-1]["embedding"].__setitem__(0, math.nan))

    def _strings(self, handler, request):
        self.lie(handler, request, lambda items: items[-1]["embedding"].__setitem__(0, "0.5"))

    def _infinite(self, handler, request):
        body = self.document(self.items(request))
        self.send(handler, 200, body.replace(b'"embedding": [', b'"embedding": [1e999, '))

    def _zeros(self, handler, request):
        self.lie(handler, request, lambda items: items[-1].update(embedding=[0] * len(items[-1]["embedding"])))

    def _short(self, handler, request):
        self.lie(handler, request, lambda items: items.pop())

    def _twice(self, handler, request):
        self.lie(handler, request, lambda items: items.append(items[0]))

    def _beyond(self, handler, request):
        self.lie(handler, request, lambda items: items[-1].update(index=len(items)))

    # Failures.

    def _hang(self, handler, request):
        self.is_over.wait()
        self.close(handler)

    def _trickle(self, handler, request):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not self.is_over.wait(0.1):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    def _midway(self, handler, request):
        body = self.document(self.items(request))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        self.close(handler)

    def _closed(self, handler, request):
        self.close(handler)

    def _html(self, handler, request):
        self.send(handler, 200, b"<!doctype html><title>Sign in</title>", content="text/html")

    def _flood(self, handler, request):
        self.close(handler)
        handler.send_response(200)
        handler.end_headers()
        while not self.is_over.is_set():
            handler.wfile.write(b'{"data":[' + b" " * 65536)

"""A TCP proxy between agents and broker that does to connections what networks do: it closes them, delays what
they carry, cuts a message in two, closes one direction, or carries nothing and says nothing."""

import asyncio
import contextlib
import socket
import struct
import threading
import time

UP, DOWN = "up", "down"  # towards the broker, towards the agent


class Link:
    """One connection, and the one behind it."""

    def __init__(self, proxy, agent, broker):
        self.proxy = proxy
        self.writers = {UP: broker, DOWN: agent}
        self.silent_until = {UP: 0.0, DOWN: 0.0}
        self.is_ended = {UP: False, DOWN: False}
        self.cut_next = None  # bytes of the next piece that still pass
        self.is_open = True

    def abort(self):
        """Closes both ends at once, unsent bytes lost."""
        self.is_open = False
        for writer in self.writers.values():
            with contextlib.suppress(OSError):
                sock = writer.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def half_close(self, direction):
        """Says that nothing more comes this way; what comes nevertheless is lost."""
        if not self.is_ended[direction]:
            self.is_ended[direction] = True
            with contextlib.suppress(OSError, RuntimeError):
                self.writers[direction].write_eof()

    async def pump(self, reader, direction):
        writer = self.writers[direction]
        try:
            while True:
                piece = await reader.read(65536)
                await self._wait(direction)
                if not piece:
                    self.half_close(direction)
                    return
                if self.is_ended[direction]:
                    continue
                if self.cut_next is not None:
                    writer.write(piece[: self.cut_next])
                    await writer.drain()
                    return self.abort()
                writer.write(piece)
                await writer.drain()
        except OSError:
            self.abort()

    async def _wait(self, direction):
        """What was read waits here: nothing is lost by silence or delay, unless the link is closed meanwhile."""
        if self.proxy.delay_until > time.monotonic():
            await asyncio.sleep(self.proxy.delay)
        while self.is_open:
            until = max(self.silent_until[direction], self.proxy.silent_until)
            if until <= time.monotonic():
                return
            await asyncio.sleep(0.02)
        raise ConnectionResetError


class Proxy:
    """Listens on one port for one of the broker's sockets. Its faults are called from any thread."""

    def __init__(self, name, port, target_port):
        self.name, self.port, self.target_port = name, port, target_port
        self.links = []
        self.delay, self.delay_until = 0.0, 0.0
        self.silent_until = 0.0
        self.refusing_until = 0.0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        ready.set()
        self._loop.run_forever()

    async def _listen(self):
        # Small buffers: what a silent link does not carry is felt by the broker, and meets its high-water mark.
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=4096)

    async def _accept(self, agent_reader, agent_writer):
        if self.refusing_until > time.monotonic():
            return agent_writer.transport.abort()
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        try:
            await self._loop.sock_connect(sock, ("127.0.0.1", self.target_port))
            broker_reader, broker_writer = await asyncio.open_connection(sock=sock, limit=4096)
        except OSError:
            sock.close()
            return agent_writer.transport.abort()
        link = Link(self, agent_writer, broker_writer)
        self.links.append(link)
        try:
            await asyncio.gather(link.pump(agent_reader, UP), link.pump(broker_reader, DOWN))
        finally:
            link.abort()
            self.links.remove(link)

    def _call(self, do):
        self._loop.call_soon_threadsafe(do)

    # Faults

    def pick(self, rng):
        links = list(self.links)
        return rng.choice(links) if links else None

    def drop(self, links):
        self._call(lambda: [link.abort() for link in links])

    def refuse(self, seconds):
        """Closes all, and takes no new connections for a while."""
        self.refusing_until = time.monotonic() + seconds
        self.drop(list(self.links))

    def slow_down(self, delay, seconds):
        self.delay, self.delay_until = delay, time.monotonic() + seconds

    def cut(self, link, after):
        link.cut_next = after

    def half_close(self, link, direction):
        self._call(lambda: link.half_close(direction))

    def silence(self, link, directions, seconds):
        """`link` None: all of them, and new ones."""
        until = time.monotonic() + seconds
        if link is None:
            self.silent_until = until
        else:
            for direction in directions:
                link.silent_until[direction] = until

    def calm(self):
        """Ends all faults. What was silent goes on; what was half closed or is to be cut is closed."""
        self.delay_until = self.silent_until = self.refusing_until = 0.0
        for link in list(self.links):
            link.silent_until = {UP: 0.0, DOWN: 0.0}
            link.cut_next = None

    def close(self):
        def end():
            self._server.close()
            for link in list(self.links):
                link.abort()
            self._loop.call_later(0.1, self._loop.stop)

        self._call(end)
        self._thread.join(10)

"""ZeroMQ's wire protocol (ZMTP 3.0, NULL mechanism) on a bare TCP connection: for clients that libzmq would not be:
that never read, that stop in the middle of a frame, that announce what they never send. See rfc.zeromq.org/spec/23."""

import socket
import struct
from urllib.parse import urlsplit

MORE, LONG, COMMAND = 1, 2, 4


class Wire:
    def __init__(self, endpoint, socket_type=b"DEALER", timeout=10, receive_buffer=None, greet=True):
        address = urlsplit(endpoint)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        self.socket.connect((address.hostname, address.port))
        if greet:
            self._greet(socket_type)

    def _greet(self, socket_type):
        self.send(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.read(64)
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type
        self.send(bytes([COMMAND, len(ready)]) + ready)
        flags, _ = self.frame()
        assert flags & COMMAND

    def send(self, data):
        self.socket.sendall(data)

    def send_frame(self, body, flags=0):
        self.send(header(len(body), flags) + body)

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self):
        """-> (flags, body)"""
        flags = self.read(1)[0]
        size = struct.unpack(">Q", self.read(8))[0] if flags & LONG else self.read(1)[0]
        return flags, self.read(size)

    def is_closed(self):
        """Waits for the peer to close; False if it does not within the time-out."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def header(size, flags=0):
    return struct.pack(">BQ", flags | LONG, size) if size > 255 else bytes([flags, size])

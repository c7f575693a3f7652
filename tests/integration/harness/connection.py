"""connection.py - one HTTP connection over a raw socket: every byte, segment and close is the test's decision.

Answers are matched to requests in order, as HTTP has it. `socket_of_server()` looks at the other end of the connection
in /proc: whether it has been read, and which process has it.
SPDX-License-Identifier: MIT
"""
import asyncio
import collections
import os
import socket
import struct

from harness.runner import PATIENCE, until
from harness.tls import arguments_of


class Closed(Exception):
    """The connection ended before the answer."""


class Answer:
    """One HTTP response: status, headers (names in lower case), body (bytes)."""

    def __init__(self, version, status, headers, body):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


def post(xml, path="/http-bind", headers=None, version="1.1"):
    """The bytes of a POST. `headers` may replace the usual ones; None as a value leaves one out."""
    payload = xml.encode() if isinstance(xml, str) else xml
    fields = {"Host": "localhost", "Content-Type": "text/xml; charset=utf-8", "Content-Length": str(len(payload))}
    fields.update(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"POST {path} HTTP/{version}\r\n{head}\r\n".encode() + payload


class Connection(asyncio.Protocol):
    """Made by `await Connection.to(port)`."""

    def __init__(self):
        self.buffer = bytearray()
        self.waiting = collections.deque()  # futures of requests sent, oldest first
        self.unasked = []                   # answers nobody waited for (408 and the like)
        self.interim = []                   # 1xx
        self.eof = asyncio.get_running_loop().create_future()
        self.transport = None

    @classmethod
    async def to(cls, port, host="127.0.0.1"):
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port, **arguments_of(port))
        return connection

    # --- asyncio.Protocol ---
    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        while (answer := self._take()) is not None:
            if 100 <= answer.status < 200:
                self.interim.append(answer)
            elif self.waiting:
                future = self.waiting.popleft()
                if not future.done():
                    future.set_result(answer)
            else:
                self.unasked.append(answer)

    def connection_lost(self, error):
        if not self.eof.done():
            self.eof.set_result(error)
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_exception(Closed(str(error or "end of file")))
                future.exception()  # whoever still waits sees it; nobody is warned otherwise

    # --- what tests call ---
    def send(self, data):
        """Bytes as they are, no answer expected for them."""
        self.transport.write(data)

    def ask(self, data):
        """Bytes that complete one request; the future of its answer."""
        future = asyncio.get_running_loop().create_future()
        if self.transport.is_closing():
            future.set_exception(Closed("closed before the request"))
            return future
        self.waiting.append(future)
        self.transport.write(data)
        return future

    def expect_answer(self):
        """The future of an answer to bytes sent by send()."""
        return self.ask(b"")

    async def fetch(self, data, patience=PATIENCE):
        return await asyncio.wait_for(self.ask(data), patience)

    async def ended(self, patience=PATIENCE):
        """Waits for the server to close; true when it did so without a reset."""
        return await asyncio.wait_for(asyncio.shield(self.eof), patience) is None

    def half_close(self):
        self.transport.write_eof()

    def close(self):
        self.transport.close()

    def reset(self):
        """RST instead of FIN; leaves no TIME_WAIT behind."""
        handle = self.transport.get_extra_info("socket")
        if handle is not None and handle.fileno() >= 0:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    @property
    def is_open(self):
        return not self.transport.is_closing() and not self.eof.done()

    async def arrived(self):
        """Waits until the server's process has read everything sent so far."""
        await until("the server has read its socket", lambda: (row := self.socket_of_server()) and row.unread == 0)

    def socket_of_server(self):
        own = self.transport.get_extra_info("sockname")
        peer = self.transport.get_extra_info("peername")
        return find_socket(peer, own)

    def owner(self, pids):
        """Which of the processes has the other end of this connection, or None."""
        row = self.socket_of_server()
        return next((pid for pid in pids if row and row.inode in sockets_of(pid)), None)

    # --- the answer parser ---
    def _take(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        version, status = lines[0].split(" ", 2)[:2]
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        length = 0 if 100 <= int(status) < 200 else int(headers.get("content-length", "0"))
        if len(self.buffer) < end + 4 + length:
            return None
        body = bytes(self.buffer[end + 4:end + 4 + length])
        del self.buffer[:end + 4 + length]
        return Answer(version, int(status), headers, body)


SocketRow = collections.namedtuple("SocketRow", "unread inode")


async def fetch_alone(port, data, patience=PATIENCE):
    """One request on a connection of its own: whichever worker takes it."""
    connection = await Connection.to(port)
    try:
        return await connection.fetch(data, patience)
    finally:
        connection.reset()


def _proc_address(address):
    host, port = address[:2]
    return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"


def find_socket(local, remote):
    """The row of /proc/net/tcp of the IPv4 socket with these two ends."""
    wanted = f" {_proc_address(local)} {_proc_address(remote)} "
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            if wanted in line:
                fields = line.split()
                return SocketRow(int(fields[4].split(":")[1], 16), int(fields[9]))
    return None


def sockets_of(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return found


async def refuses(port):
    """Whether nobody listens there."""
    try:
        connection = await Connection.to(port)
    except OSError:
        return True
    connection.close()
    return False

"""A small asyncio client of XMPP over WebSocket (RFC 7395) for measurements; checks every frame and message it reads.

Not a model client: it sends one message at a time and fails loudly on anything unexpected.

SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import hashlib
import os
import re
from urllib.parse import urlsplit

from bosh import tls_of

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FRAMING = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Connection:
    """One WebSocket to one URL."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.tls = tls_of(parts)
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls)
        key = base64.b64encode(os.urandom(16))
        self.writer.write(b"GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          b"Sec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Key: %s\r\n\r\n"
                          % (self.path.encode(), self.host.encode(), self.port, key))
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head[:16] or base64.b64encode(hashlib.sha1(key + GUID).digest()) not in head:
            raise RuntimeError(f"answered {head[:80]!r}")

    def send(self, text, opcode=TEXT):
        """One masked frame; the mask is as good as any to what is measured here."""
        data = text if isinstance(text, bytes) else text.encode()
        mask = os.urandom(4)
        if len(data) < 126:
            head = bytes([0x80 | opcode, 0x80 | len(data)])
        else:
            head = bytes([0x80 | opcode, 0x80 | 126]) + len(data).to_bytes(2, "big")
        pad = int.from_bytes((mask * (len(data) // 4 + 1))[:len(data)], "big")
        masked = (int.from_bytes(data, "big") ^ pad).to_bytes(len(data), "big")
        self.writer.write(head + mask + masked)

    async def receive(self):
        """The next text message; pings are answered."""
        while True:
            first, second = await self.reader.readexactly(2)
            if first & 0x70 or not first & 0x80 or second & 0x80:
                raise RuntimeError(f"a frame that begins with {first:02x} {second:02x}")
            length = second & 0x7f
            if length > 125:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
            data = await self.reader.readexactly(length)
            opcode = first & 0x0f
            if opcode == TEXT:
                return data.decode()
            if opcode == PING:
                self.send(data, PONG)
            elif opcode != PONG:
                raise RuntimeError(f"closed: {data!r}")

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None


class Session:
    """One session, logged in with SASL ANONYMOUS. The same methods as of bosh.Session."""

    def __init__(self, url, domain, route=None):
        if route:
            raise RuntimeError("no WebSocket server takes a route")
        self.connection, self.domain, self.jid = Connection(url), domain, None

    async def until(self, text):
        """Reads until a message contains `text`; returns that message."""
        for _ in range(20):
            message = await self.connection.receive()
            if text in message:
                return message
        raise RuntimeError(f"{text} never came")

    async def login(self):
        opening = f"<open to='{self.domain}' version='1.0' {FRAMING}/>"
        await self.connection.open()
        self.connection.send(opening)
        await self.until("ANONYMOUS")
        self.connection.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
        await self.until("<success")
        self.connection.send(opening)
        await self.until("xmpp-bind")
        self.connection.send("<iq type='set' id='b1' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        self.jid = re.search(r"<jid>([^<]+)", await self.until("<jid>")).group(1)

    async def round_trip(self, text):
        """Sends a message to itself and reads until it is back."""
        self.connection.send(f"<message to='{self.jid}' type='chat' xmlns='jabber:client'><body>{text}</body></message>")
        await self.until(f"<body>{text}</body>")

    async def hold(self):
        """Reads on, so that pings are answered, until it is cancelled; a message ends it."""
        await self.connection.receive()

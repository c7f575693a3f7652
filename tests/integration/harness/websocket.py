"""websocket.py - WebSocket clients over raw sockets: every byte of the handshake and of each frame is the test's decision.

WebSocket sends any frame, broken ones too, and is strict about what it gets: unmasked, unfragmented, minimal lengths, no
reserved bits, only codes that may be sent, nothing behind a Close. XmppSocket logs in over it (RFC 7395).
SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import hashlib
import os
import socket
import struct
import xml.etree.ElementTree as ElementTree

from harness.connection import Connection, find_socket, sockets_of
from harness.runner import PATIENCE, expect, same
from harness.tls import arguments_of

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
STREAM = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
CLIENT = "jabber:client"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CODES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013}  # W-22
CLOSED = f'<close xmlns="{FRAMING}" />'  # W-44


class Ended(Exception):
    """The connection is over, and what was waited for did not come."""


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, length=None, form=None):
    """A frame. `length` is what its header says, `form` (7, 16, 64) how; both follow from the payload if not given."""
    payload = payload.encode() if isinstance(payload, str) else payload
    length = len(payload) if length is None else length
    form = form or (7 if length < 126 else 16 if length < 65536 else 64)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    short = {7: length, 16: 126, 64: 127}[form]
    head += bytes([(0x80 if mask else 0) | short])
    head += {7: b"", 16: struct.pack("!H", length & 0xFFFF), 64: struct.pack("!Q", length)}[form]
    if not mask:
        return head + payload
    key = os.urandom(4)
    pad = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")
    return head + key + masked


def handshake(path="/xmpp-websocket", **replaced):
    """The bytes of a handshake. Names with _ for -; None leaves a field out."""
    fields = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
              "Sec_WebSocket_Key": base64.b64encode(os.urandom(16)).decode(), "Sec_WebSocket_Protocol": "xmpp"}
    fields.update(replaced)
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def key_in(request):
    return next((line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")), b"")


class WebSocket(asyncio.Protocol):
    """Made by `await WebSocket.to(port)`."""

    def __init__(self):
        self.buffer = bytearray()
        self.transport = None
        self.status = None
        self.headers = {}
        self.answered = asyncio.get_running_loop().create_future()  # the head of the answer
        self.eof = asyncio.get_running_loop().create_future()
        self.inbox = asyncio.Queue()  # texts; None at the end
        self.pings = 0
        self.pongs = []
        self.answers_pings = True
        self.answers_close = True
        self.close_code = None        # of the Close that came
        self.broken = None            # what nxb did that it must not

    @classmethod
    async def begin(cls, port, source=None):
        """Connected, and nothing said."""
        local = (source, 0) if source else None
        _, client = await asyncio.get_running_loop().create_connection(
            cls, "127.0.0.1", port, local_addr=local, **arguments_of(port))
        return client

    @classmethod
    async def to(cls, port, path="/xmpp-websocket", early=b"", source=None, **fields):
        client = await cls.begin(port, source)
        request = handshake(path, **fields)
        client.send_raw(request + early)
        same(await client.answer(), 101, f"status of the handshake {client.headers} {bytes(client.buffer)}")
        accept = base64.b64encode(hashlib.sha1(key_in(request) + GUID.encode()).digest()).decode()
        same(client.headers.get("sec-websocket-accept"), accept, "accept value")
        offered = fields.get("Sec_WebSocket_Protocol", "xmpp")
        same(client.headers.get("sec-websocket-protocol"), "xmpp" if offered else None, "protocol")
        return client

    async def answer(self, patience=PATIENCE):
        await asyncio.wait_for(asyncio.shield(self.answered), patience)
        return self.status

    # --- asyncio.Protocol ---
    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        if self.status is None:
            self._read_head()
        while self.status == 101 and self.broken is None and self._take():
            pass

    def connection_lost(self, error):
        for future in (self.eof, self.answered):
            if not future.done():
                future.set_result(error)
        self.inbox.put_nowait(None)

    def _read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        del self.buffer[:end + 4]
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        self.status = int(lines[0].split(" ")[1])
        if not self.answered.done():
            self.answered.set_result(None)

    def _wrong(self, what):
        self.broken = what
        self.inbox.put_nowait(None)
        return False

    def _take(self):
        """One frame of nxb, by the rules."""
        data = self.buffer
        if len(data) < 2:
            return False
        first, length, at = data[0], data[1], 2
        if length & 0x80:
            return self._wrong("a masked frame")
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(data) < 2 + size:
                return False
            form, at = length, 2 + size
            length = int.from_bytes(data[2:at], "big")
            if length < (126 if form == 126 else 65536):
                return self._wrong(f"{length} is not written in the shortest form")
        if len(data) < at + length:
            return False
        payload = bytes(data[at:at + length])
        del data[:at + length]
        if first & 0xF0 != 0x80:
            return self._wrong(f"fragmented, or reserved bits: {first:#x}")
        return self._frame(first & 0x0F, payload)

    def _frame(self, opcode, payload):
        if self.close_code is not None:
            return self._wrong(f"opcode {opcode} behind a Close")
        if opcode >= 8 and len(payload) > 125:
            return self._wrong("a long control frame")
        if opcode == TEXT:
            self.inbox.put_nowait(payload.decode())
        elif opcode == PING:
            self.pings += 1
            if self.answers_pings:
                self.send(PONG, payload)
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
            if self.close_code not in CODES:
                return self._wrong(f"Close with {self.close_code}")
            if self.answers_close and not self.transport.is_closing():
                self.send(CLOSE, payload[:2])
            self.inbox.put_nowait(None)
        else:
            return self._wrong(f"opcode {opcode}")
        return True

    # --- what tests call ---
    def send_raw(self, data):
        self.transport.write(data)

    def send(self, opcode, payload=b"", **options):
        self.send_raw(frame(opcode, payload, **options))

    def say(self, text):
        self.send(TEXT, text)

    async def text(self, patience=PATIENCE):
        """The next message."""
        text = await asyncio.wait_for(self.inbox.get(), patience)
        expect(self.broken is None, f"nxb broke a rule: {self.broken}")
        if text is None:
            self.inbox.put_nowait(None)
            raise Ended(f"Close {self.close_code}" if self.close_code else "end of file")
        return text

    async def element(self, patience=PATIENCE):
        return ElementTree.fromstring(await self.text(patience))

    async def closed(self, patience=PATIENCE):
        """Waits for the end of the connection; the code of the Close before it, or None."""
        await asyncio.wait_for(asyncio.shield(self.eof), patience)
        expect(self.broken is None, f"nxb broke a rule: {self.broken}")
        return self.close_code

    def reset(self):
        """RST instead of FIN."""
        Connection.reset(self)

    @property
    def is_open(self):
        return not self.eof.done() and not self.transport.is_closing()

    def owner(self, pids):
        """Which of the processes has the other end."""
        row = find_socket(self.transport.get_extra_info("peername"), self.transport.get_extra_info("sockname"))
        return next((pid for pid in pids if row and row.inode in sockets_of(pid)), None)


def open_tag(to="test.example", **more):
    attributes = {"to": to, "version": "1.0"} | more
    text = "".join(f" {name}='{value}'" for name, value in attributes.items() if value is not None)
    return f"<open xmlns='{FRAMING}'{text}/>"


def message(id, to=None, text="hello"):
    target = f" to='{to}'" if to else ""
    return f"<message xmlns='{CLIENT}' type='chat' id='{id}'{target}><body>{text}</body></message>"


class XmppSocket(WebSocket):
    """A client with one XMPP stream."""

    jid = None
    opened = None  # the last <open/> of nxb

    async def open(self, to="test.example", **more):
        """<open/> there and back, and the features."""
        self.say(open_tag(to, **more))
        self.opened = await self.element()
        same(self.opened.tag, f"{{{FRAMING}}}open", "first answer")
        features = await self.element()
        same(features.tag, f"{{{STREAM}}}features", "second answer")
        return features

    async def login(self, user=None, to="test.example", resource=None):
        await self.open(to)
        if user:
            secret = base64.b64encode(f"\0{user}\0secret".encode()).decode()
            self.say(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        else:
            self.say(f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>")
        same((await self.element()).tag, f"{{{SASL}}}success", "answer to auth")
        features = await self.open(to)
        expect(features.find(f"{{{BIND}}}bind") is not None, "no bind among the features")
        wish = f"<resource>{resource}</resource>" if resource else ""
        self.say(f"<iq xmlns='{CLIENT}' type='set' id='bind'><bind xmlns='{BIND}'>{wish}</bind></iq>")
        self.jid = (await self.element()).findtext(f".//{{{BIND}}}jid")
        expect(self.jid, "no jid was bound")
        return self

    async def echo(self, id, text="hello"):
        """A message to nobody in particular, which comes back."""
        self.say(message(id, None, text))
        answer = await self.element()
        same((answer.tag, answer.get("id")), (f"{{{CLIENT}}}message", id), "what came back")
        return answer

    async def goodbye(self):
        """<close/>, its answer, Close, its answer."""
        self.say(CLOSED)
        same(await self.text(), CLOSED, "answer to <close/>")
        self.send(CLOSE, struct.pack("!H", 1000))
        same(await self.closed(), 1000, "code of the answering Close")
        self.transport.close()

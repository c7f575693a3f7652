"""xmpp_server.py - a stub XMPP server: plain TCP, SASL PLAIN and ANONYMOUS, bind, messages routed or echoed.

It answers what a client needs to get going and records every byte. A test deviates by setting a field (features,
header, mechanisms) or by replacing a method: on_stanza(stream, stanza), on_header(stream).
SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import xml.etree.ElementTree as ElementTree
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from harness import proxy_protocol

STREAM = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
CLIENT = "jabber:client"


class Stanza:
    """One element at depth 1: its exact bytes, and as a tree."""

    def __init__(self, raw):
        self.raw = raw
        wrapper = f"<s xmlns='{CLIENT}' xmlns:stream='{STREAM}'>".encode() + raw + b"</s>"
        self.element = ElementTree.fromstring(wrapper)[0]

    @property
    def name(self):
        return self.element.tag.rpartition("}")[2]

    @property
    def namespace(self):
        return self.element.tag.rpartition("}")[0][1:]

    def get(self, name, default=None):
        return self.element.get(name, default)

    @property
    def inner(self):
        """The bytes between start tag and end tag."""
        if self.raw.endswith(b"/>"):
            return b""
        return self.raw[self.raw.index(b">") + 1:self.raw.rindex(b"</")]


class Splitter:
    """Bytes of a stream to header, stanzas and the end tag, exact to the byte."""

    def __init__(self, on_header, on_stanza, on_end):
        self.on_header, self.on_stanza, self.on_end = on_header, on_stanza, on_end
        self.data = b""
        self.base = 0  # stream offset of data[0]
        self.depth = 0
        self.start = 0  # stream offset of the stanza under way
        self.done = 0   # stream offset behind the last one
        self.just_started = False
        self.found = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def feed(self, data):
        self.data += data
        self.parser.Parse(data, False)
        found, self.found = self.found, []
        for kind, value in found:
            if kind(value) is False:  # the stream was restarted: the rest is not ours
                return
        keep = self.start if self.depth > 1 else self.done
        self.data = self.data[keep - self.base:]
        self.base = keep

    def _start(self, name, attributes):
        self.depth += 1
        self.just_started = True
        if self.depth == 1:
            self.found.append((self.on_header, attributes))
        elif self.depth == 2:
            self.start = self.parser.CurrentByteIndex

    def _text(self, _):
        self.just_started = False

    def _end(self, name):
        at = self.parser.CurrentByteIndex - self.base
        empty = self.just_started and self.data[at - 2:at] == b"/>"  # expat points behind an empty element
        end = at if empty else self.data.index(b">", at) + 1
        self.done = self.base + end
        if self.depth == 2:
            self.found.append((self.on_stanza, Stanza(self.data[self.start - self.base:end])))
        elif self.depth == 1:
            self.found.append((self.on_end, None))
        self.just_started = False
        self.depth -= 1


class Stream(asyncio.Protocol):
    """One connection from nxb."""

    def __init__(self, server):
        self.server = server
        self.transport = None
        self.user = None
        self.jid = None
        self.headers = []        # attributes of every stream header seen
        self.received = bytearray()
        self.secured = server.direct
        self.introduced = None   # what the PROXY header said, when the server expects one
        self.introduction = b""
        self.early = None        # bytes that come while TLS is being set up, or nothing
        self.closed_politely = False
        self.gone = asyncio.get_running_loop().create_future()
        self.splitter = None
        self.restart()

    def restart(self):
        self.splitter = Splitter(self._header, self._stanza, self._end)

    def connection_made(self, transport):
        self.transport = transport
        self.server.streams.append(self)
        self.server.live += 1
        self.server.on_connection(self)

    def data_received(self, data):
        if self.early is not None:
            self.early += data
            return
        if self.server.expects_proxy and self.introduced is None:
            self.introduction += data
            found = proxy_protocol.read(self.introduction)
            if found is None:
                return
            self.introduced, data = found
            if not data:
                return
        self.received += data
        if len(self.received) > self.server.remember:
            del self.received[:len(self.received) - self.server.remember]
        self.splitter.feed(data)

    def connection_lost(self, error):
        if not self.gone.done():
            self.gone.set_result(error)
            self.server.live -= 1
        self.server.bound.pop(self.jid, None)
        if not self.server.keep_streams:
            self.server.streams.remove(self)

    def send(self, text):
        self.transport.write(text.encode() if isinstance(text, str) else text)

    def _header(self, attributes):
        self.headers.append(attributes)
        self.server.on_header(self)

    def _stanza(self, stanza):
        before = self.splitter
        self.server.on_stanza(self, stanza)
        return self.splitter is before

    def _end(self, _):
        self.closed_politely = True
        if self.server.close_on_end:
            self.send("</stream:stream>")
            self.transport.close()


class XmppServer:
    """Started by `await XmppServer(domain).start()`."""

    def __init__(self, domain="test.example", ssl_context=None, direct=False):
        self.domain = domain
        self.ssl_context = ssl_context   # offers STARTTLS when set
        self.direct = direct             # TLS from the first byte instead
        self.require_tls = ssl_context is not None
        self.mechanisms = ["PLAIN", "ANONYMOUS"]
        self.bound = {}                  # full JID -> stream
        self.streams = []
        self.live = 0
        self.keep_streams = True         # False: forget closed streams (10,000 sessions)
        self.remember = 1 << 20          # bytes kept in Stream.received
        self.close_on_end = True
        self.expects_proxy = False       # connections begin with a PROXY header
        self.counter = 0
        self.server = None
        self.port = None

    async def start(self, port=0, host="127.0.0.1"):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Stream(self), host, port, backlog=4096,
                                               ssl=self.ssl_context if self.direct else None)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self.server.close()
        for stream in list(self.streams):
            if stream.transport:
                stream.transport.abort()

    # --- the script; tests replace these ---
    def on_connection(self, stream):
        pass

    def on_header(self, stream):
        stream.send(self.header(stream))
        stream.send(self.features(stream))

    def header(self, stream):
        self.counter += 1
        return (f"<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' "
                f"id='id-{self.counter}' from='{self.domain}' version='1.0'>")

    def features(self, stream):
        if self.ssl_context and not stream.secured:
            required = "<required/>" if self.require_tls else ""
            return (f"<stream:features><starttls xmlns='{TLS}'>{required}</starttls>"
                    f"{'' if self.require_tls else self._mechanisms()}</stream:features>")
        if stream.user is None:
            return f"<stream:features>{self._mechanisms()}</stream:features>"
        return f"<stream:features><bind xmlns='{BIND}'/></stream:features>"

    def _mechanisms(self):
        offered = "".join(f"<mechanism>{name}</mechanism>" for name in self.mechanisms)
        return f"<mechanisms xmlns='{SASL}'>{offered}</mechanisms>"

    def on_stanza(self, stream, stanza):
        if stanza.namespace == TLS and stanza.name == "starttls":
            self._start_tls(stream)
        elif stanza.namespace == SASL and stanza.name == "auth":
            self._authenticate(stream, stanza)
        elif stanza.name == "iq":
            self._answer_iq(stream, stanza)
        elif stanza.name == "message":
            self._route(stream, stanza)

    def _start_tls(self, stream):
        stream.transport.pause_reading()  # what follows is the handshake, for start_tls to read
        stream.send(f"<proceed xmlns='{TLS}'/>")
        stream.restart()
        stream.secured = True
        stream.early = b""  # start_tls delivers what is in the client's first flight before it returns the new transport

        async def upgrade():
            try:
                stream.transport = await asyncio.get_running_loop().start_tls(
                    stream.transport, stream, self.ssl_context, server_side=True)
                early, stream.early = stream.early, None
                stream.data_received(early)
            except (OSError, ConnectionError):
                if not stream.gone.done():
                    stream.connection_lost(None)
        asyncio.get_running_loop().create_task(upgrade())

    def _authenticate(self, stream, stanza):
        if stanza.get("mechanism") == "PLAIN":
            _, user, password = base64.b64decode(stanza.element.text or "").split(b"\0")
            if password == b"wrong":
                stream.send(f"<failure xmlns='{SASL}'><not-authorized/></failure>")
                return
            stream.user = user.decode()
        else:
            self.counter += 1
            stream.user = f"anonymous{self.counter}"
        stream.send(f"<success xmlns='{SASL}'/>")
        stream.restart()

    def _answer_iq(self, stream, stanza):
        if stanza.get("type") not in ("get", "set"):
            return
        payload = ""
        bind = stanza.element.find(f"{{{BIND}}}bind")
        if bind is not None:
            self.counter += 1
            resource = bind.findtext(f"{{{BIND}}}resource") or f"r{self.counter}"
            stream.jid = f"{stream.user}@{self.domain}/{resource}"
            self.bound[stream.jid] = stream
            payload = f"<bind xmlns='{BIND}'><jid>{stream.jid}</jid></bind>"
        stream.send(f"<iq type='result' id={quoteattr(stanza.get('id', ''))}>{payload}</iq>")

    def _route(self, stream, stanza):
        to = stanza.get("to")
        target = self.bound.get(to) if to else stream
        if target is None:
            return  # somebody who is not here any more
        attributes = "".join(f" {name}={quoteattr(stanza.get(name))}" for name in ("to", "id", "type") if stanza.get(name))
        target.send(f"<message from={quoteattr(stream.jid or '')}{attributes}>".encode() + stanza.inner + b"</message>")

"""A small asyncio BOSH client for measurements: raw HTTP on keep-alive connections, checks every answer it reads.

Not a model client: it posts one request at a time per connection and fails loudly on anything unexpected.

SPDX-License-Identifier: MIT
"""
import asyncio
import random
import re
import ssl
from urllib.parse import urlsplit

NS = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'"
LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
# Whom it reaches is not what is measured.
ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANYBODY.check_hostname = False
ANYBODY.verify_mode = ssl.CERT_NONE


def tls_of(parts):
    """For a URL's scheme, what asyncio's `ssl` is."""
    return ANYBODY if parts.scheme in ("https", "wss") else None


class Connection:
    """One keep-alive connection to one URL."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.tls = tls_of(parts)
        self.reader = self.writer = None

    async def post(self, body):
        """One request. A server may have closed a connection that was idle while others took their turn: once again."""
        reused = self.writer is not None
        try:
            return await self.try_post(body)
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused:
                raise
        return await self.try_post(body)

    async def try_post(self, body):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls)
        data = body.encode()
        self.writer.write(b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
                          % (self.path.encode(), self.host.encode(), len(data)) + data)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"answered {head[:40]!r}")
        answer = await self.reader.readexactly(int(LENGTH.search(head).group(1)))
        if b"connection: close" in head.lower():
            self.close()
        return answer.decode()

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None


class Session:
    """One BOSH session, logged in with SASL ANONYMOUS."""

    def __init__(self, url, domain, route=None, wait=55):
        self.url, self.domain, self.route, self.wait = url, domain, route, wait
        self.connection = Connection(url)
        self.rid = random.randrange(1, 2**50)
        self.sid = self.jid = None

    async def request(self, attributes="", payload=""):
        self.rid += 1
        sid = f"sid='{self.sid}' " if self.sid else ""
        body = f"<body rid='{self.rid}' {sid}{attributes}{NS}>{payload}</body>"
        answer = await self.connection.post(body)
        if "terminate" in answer:
            raise RuntimeError(f"session ended: {answer[:300]}")
        return answer

    async def until(self, text, answer):
        """Polls until an answer contains `text`; returns that answer."""
        for _ in range(20):
            if text in answer:
                return answer
            answer = await self.request()
        raise RuntimeError(f"{text} never came")

    async def login(self):
        route = f"route='{self.route}' " if self.route else ""
        answer = await self.request(f"to='{self.domain}' wait='{self.wait}' hold='1' ver='1.6' xml:lang='en' "
                                    f"xmpp:version='1.0' content='text/xml; charset=utf-8' {route}")
        self.sid = re.search(r"\bsid=['\"]([^'\"]+)", answer).group(1)
        await self.until("ANONYMOUS", answer)
        auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
        await self.until("<success", await self.request(payload=auth))
        answer = await self.request(f"to='{self.domain}' xmpp:restart='true' ")
        await self.until("xmpp-bind", answer)
        bind = "<iq type='set' id='b1' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
        answer = await self.until("<jid>", await self.request(payload=bind))
        self.jid = re.search(r"<jid>([^<]+)", answer).group(1)

    async def terminate(self):
        self.rid += 1
        await self.connection.post(f"<body rid='{self.rid}' sid='{self.sid}' type='terminate' {NS}/>")
        self.connection.close()

    async def hold(self):
        """Asks for something and is kept waiting."""
        await self.request()

    async def round_trip(self, text):
        """Sends a message to itself and reads until it is back."""
        message = f"<message to='{self.jid}' type='chat' xmlns='jabber:client'><body>{text}</body></message>"
        await self.until(f"<body>{text}</body>", await self.request(payload=message))

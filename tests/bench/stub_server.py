#!/usr/bin/env python3
"""A stub XMPP server for measurements: ANONYMOUS login, bind, and every <message/> comes straight back.

Usage: stub_server.py PORT [CERTIFICATE KEY [TICKETS]]     listens on 127.0.0.1:PORT until its standard input closes

With a certificate it requires STARTTLS; TICKETS is how many a full handshake gives (OpenSSL's two, if not said).
It understands just what the load clients of this folder send, whole elements in any segmentation.

SPDX-License-Identifier: MIT
"""
import asyncio
import re
import ssl
import sys

HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          "id='s{}' from='localhost' version='1.0'>")
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
STARTTLS = f"<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>"
FIRST = ("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism>"
         "</mechanisms></stream:features>")
SECOND = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
# a stream header, its end, or a whole element as our own clients write them
ITEM = re.compile(rb"<\?xml[^>]*>|<stream:stream[^>]*>|</stream:stream>|<(\w+)(?:[^>]*/>|[^>]*>.*?</\1>)", re.S)


class Stub(asyncio.Protocol):
    count = 0

    def __init__(self, context):
        self.context = context
        self.secured = context is None
        self.early = None  # bytes that come while TLS is being set up, or nothing

    def connection_made(self, transport):
        Stub.count += 1
        self.number, self.transport, self.buffer, self.authenticated = Stub.count, transport, b"", False

    async def secure(self):
        self.transport = await asyncio.get_running_loop().start_tls(self.transport, self, self.context, server_side=True)
        early, self.early = self.early, None
        self.data_received(early)

    def data_received(self, data):
        if self.early is not None:
            self.early += data
            return
        self.buffer += data
        out, end = [], 0
        for match in ITEM.finditer(self.buffer):
            end = match.end()
            self.answer(match.group(), out)
        self.buffer = self.buffer[end:]
        if out:
            self.transport.write(b"".join(out))

    def answer(self, item, out):
        if item.startswith(b"<stream:stream"):
            out.append((HEADER.format(self.number) + (SECOND if self.authenticated else FIRST if self.secured else STARTTLS)).encode())
        elif item.startswith(b"<starttls"):
            self.transport.pause_reading()  # what follows is the handshake
            self.transport.write(f"<proceed xmlns='{TLS}'/>".encode())
            self.secured, self.early = True, b""
            asyncio.get_running_loop().create_task(self.secure())
        elif item.startswith(b"<auth"):
            self.authenticated = True
            out.append(SUCCESS.encode())
        elif item.startswith(b"<iq"):
            ident = re.search(rb"id=['\"]([^'\"]*)", item).group(1).decode()
            out.append((f"<iq type='result' id='{ident}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                        f"<jid>u{self.number}@localhost/r</jid></bind></iq>").encode())
        elif item.startswith(b"<message"):
            out.append(item)
        elif item.startswith(b"</stream:stream"):
            out.append(b"</stream:stream>")
            self.transport.write(b"".join(out))
            out.clear()
            self.transport.close()


def context_of(certificate, key, tickets="2"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.num_tickets = int(tickets)
    return context


async def main():
    loop = asyncio.get_running_loop()
    context = context_of(*sys.argv[2:]) if len(sys.argv) > 2 else None
    server = await loop.create_server(lambda: Stub(context), "127.0.0.1", int(sys.argv[1]), backlog=4096)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())

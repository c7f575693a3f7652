"""test_upstream.py - what becomes of a session when its XMPP server is away, wrong, slow or hostile.

SPDX-License-Identifier: MIT
"""
import asyncio

from harness.bosh import CLIENT, STREAM, OwnConnections, Session, refused
from harness.nxb import Folder, Nxb, domain, free_port
from harness.runner import PATIENCE, Skipped, case, expect, main, same, until
from harness.tls import certificates, server_context
from harness.xmpp_server import TLS, XmppServer


@case("nobody listens there: remote-connection-failed, without a sid (U-64 B-36)")
async def nobody_listens():
    async with Nxb(workers=2, domains=[domain("down.example", free_port())]) as nxb:
        same(await refused(nxb, "down.example"), "remote-connection-failed", "condition")
        await until("no session is left", lambda: nxb.none_left())


class NameServer(asyncio.DatagramProtocol):
    """A DNS server with `addresses` (name -> IPv4); every other name does not exist, and those of `broken` fail."""

    def __init__(self, addresses, broken=()):
        self.addresses, self.broken = addresses, broken
        self.asked = []
        self.transport = None

    async def start(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        return "127.0.0.1:%d" % self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, query, peer):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(labels).lower(), int.from_bytes(query[at + 1:at + 3], "big")
        self.asked.append((name, kind))
        known = name in self.addresses
        answers = b""
        if known and kind == 1:
            octets = bytes(int(part) for part in self.addresses[name].split("."))
            answers = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + octets
        code = 2 if name in self.broken else 0 if known else 3
        head = query[:2] + bytes([0x81, 0x80 | code]) + b"\0\1" + (b"\0\1" if answers else b"\0\0") + b"\0\0\0\0"
        self.transport.sendto(head + query[12:at + 5] + answers, peer)


@case("by DNS: an address is connected to at 5222, no address is host-unknown, a failing DNS remote-connection-failed (U-09 U-62 U-64)")
async def by_dns():
    server = XmppServer("here.example")
    try:
        await server.start(5222, "127.0.0.55")
    except OSError as taken:
        raise Skipped(f"127.0.0.55:5222 is not free: {taken}") from None
    names = NameServer({"here.example": "127.0.0.55"}, broken=["broken.example"])
    resolver = await names.start()
    async with Nxb(workers=2, domains=[domain("other.example", free_port())],
                   upstream={"resolvers": [resolver], "allow_private_targets": True, "setup_timeout": "5s"}) as nxb:
        session = await Session(OwnConnections(nxb.port), "here.example").login()
        await session.echo("found by name")
        same(await refused(nxb, "nowhere.example"), "host-unknown", "no such name")
        same(await refused(nxb, "broken.example"), "remote-connection-failed", "DNS fails")
    async with Nxb(workers=1, domains=[domain("other.example", free_port())], upstream={"resolvers": [resolver]}) as nxb:
        same(await refused(nxb, "here.example"), "host-unknown", "a name that leads to loopback (U-16)")
    same(len(server.streams), 1, "connections to the server")


@case("a domain that is denied is host-unknown and nothing is connected to (U-02 U-63 B-18)")
async def denied():
    server = await XmppServer("a.example").start()
    async with Nxb(workers=1, domains=[domain("a.example", server.port), domain("sub.b.example", server.port), domain("c.example", server.port)],
                   upstream={"deny": ["a.example", ".b.example"]}) as nxb:
        same(await refused(nxb, "a.example"), "host-unknown", "exact")
        same(await refused(nxb, "A.EXAMPLE."), "host-unknown", "written otherwise")
        same(await refused(nxb, "sub.b.example"), "host-unknown", "subdomain")
        same(server.streams, [], "connections to the server")
        await Session(OwnConnections(nxb.port), "c.example").open()


@case("domains that are no domains are improper-addressing (U-01 B-17)")
async def improper():
    async with Nxb(workers=1, domains=[domain("a.example", free_port())]) as nxb:
        for to in ("", "a b.example", "x" * 64 + ".example", "a..example", "a.example:5222", "-"):
            condition = await refused(nxb, to)
            expect(condition in ("improper-addressing",) or to == "-", f"{to!r}: {condition}")


@case("loopback addresses are no target unless configured (U-16 U-63)")
async def private_targets():
    async with Nxb(workers=1, domains=[domain("a.example", free_port())]) as nxb:
        for to in ("localhost", "[::1]", "127.0.0.1"):
            same(await refused(nxb, to), "host-unknown", to)


@case("STARTTLS with a certificate of the configured authority: the session works, from is sent only then (U-40 U-43 U-19 U-49 U-50)")
async def starttls():
    with Folder() as folder:
        certificates(folder, "test.example")
        server = await XmppServer(ssl_context=server_context(folder, "test.example")).start()
        async with Nxb(workers=2, domains=[domain("test.example", server.port, tls="required", tls_ca=str(folder / "ca.crt"))]) as nxb:
            session = await Session(OwnConnections(nxb.port)).login(**{"from": "alice@test.example"})
            await session.echo("in private")
            headers = server.streams[0].headers
            expect("from" not in headers[0], "from before TLS")
            same(headers[1].get("from"), "alice@test.example", "from after TLS")
            same(session.created.find(f"{{{STREAM}}}features/{{{TLS}}}starttls"), None, "starttls shown to the client")
            text = "z" * 90_000
            answer = await session.echo("large", text)
            expect(answer.payloads[0][0].text == text, "the large text is not the same")
            await session.terminate()


@case("a certificate for another name, or of an unknown authority: remote-connection-failed (U-49 U-50 U-65)")
async def wrong_certificates():
    with Folder() as folder:
        certificates(folder, "test.example", "other.example")
        wrong = await XmppServer(ssl_context=server_context(folder, "other.example")).start()
        right = await XmppServer(ssl_context=server_context(folder, "test.example")).start()
        ca = str(folder / "ca.crt")
        domains = [{"name": name, "target": f"127.0.0.1:{server.port}", "tls": "required", **more} for name, server, more in (
            ("test.example", wrong, {"tls_ca": ca}), ("unknown.example", right, {}),
            ("named.example", wrong, {"tls_ca": ca, "tls_name": "other.example"}),
            ("careless.example", wrong, {"tls_verify": False}))]
        async with Nxb(workers=2, domains=domains) as nxb:
            same(await refused(nxb, "test.example"), "remote-connection-failed", "another name")
            same(await refused(nxb, "unknown.example"), "remote-connection-failed", "unknown authority")
            for name in ("named.example", "careless.example"):
                wrong.domain = name
                await Session(OwnConnections(nxb.port), name).open()


@case("TLS required and not offered, refused, or answered with more bytes: remote-connection-failed (U-39 U-41 U-42)")
async def starttls_refused():
    plain = await XmppServer().start()
    refusing = await XmppServer().start()
    injecting = await XmppServer().start()
    for server in (refusing, injecting):
        server.features = lambda stream: f"<stream:features><starttls xmlns='{TLS}'/></stream:features>"
    refusing.on_stanza = lambda stream, stanza: stream.send(f"<failure xmlns='{TLS}'/></stream:stream>")
    injecting.on_stanza = lambda stream, stanza: stream.send(f"<proceed xmlns='{TLS}'/><stream:features/>")
    names = {"plain.example": plain, "refusing.example": refusing, "injecting.example": injecting}
    domains = [{"name": name, "target": f"127.0.0.1:{server.port}", "tls": "required", "tls_verify": False} for name, server in names.items()]
    async with Nxb(workers=1, domains=domains) as nxb:
        for name in names:
            same(await refused(nxb, name), "remote-connection-failed", name)
        for server in names.values():
            for stream in server.streams:
                await asyncio.wait_for(stream.gone, PATIENCE)


@case("a server that goes away: the client is told remote-connection-failed after what had come (U-66 B-83)")
async def server_lost():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        server.streams[0].send("<message from='test.example' id='last'/>")
        server.streams[0].transport.close()
        answer = await session.send()
        ids = answer.message_ids()
        if answer.type is None:
            answer = await session.send()
        same((ids, answer.type, answer.condition), (["last"], "terminate", "remote-connection-failed"), "end")


@case("servers that break XML or its rules: the client is told remote-connection-failed, nxb lives (U-20 U-23 U-24 U-69)")
async def broken_servers():
    breaks = {
        "not well-formed": "<message><body></message>",
        "a comment": "<!-- hello -->",
        "an entity": "<message><body>&bomb;</body></message>",
        "a DTD": "<!DOCTYPE x [<!ENTITY a 'b'>]>",
        "too large": "<message><body>" + "x" * 30_000 + "</body></message>",
        "too deep": "<message>" + "<a>" * 200 + "</a>" * 200 + "</message>",
    }
    server = await XmppServer().start()
    async with Nxb(server, workers=2, upstream={"max_xmpp_stanza_size": 20_000}) as nxb:
        for what, bad in breaks.items():
            session = await Session(OwnConnections(nxb.port)).login()
            held = asyncio.ensure_future(session.send())
            server.streams[-1].send(bad)
            answer = await asyncio.wait_for(held, PATIENCE)
            same((answer.type, answer.condition), ("terminate", "remote-connection-failed"), what)
            await asyncio.wait_for(server.streams[-1].gone, PATIENCE)


@case("a server that never answers: the creation answer does not wait for ever (U-17 U-64)")
async def silent_server():
    server = await XmppServer().start()
    server.on_header = lambda stream: None
    async with Nxb(server, workers=1, upstream={"setup_timeout": "1s"}) as nxb:
        same(await refused(nxb, "test.example"), "remote-connection-failed", "condition")


@case("features that come late: the creation answer comes first, the features with the next one (B-35)")
async def late_features():
    server = await XmppServer().start()
    server.on_header = lambda stream: None
    async with Nxb(server, workers=1, bosh={"features_hold": "200ms"}) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        same((session.created.payloads, session.created.get("authid")), ([], None), "creation answer")
        held = asyncio.ensure_future(session.send())
        XmppServer.on_header(server, server.streams[0])
        answer = await asyncio.wait_for(held, PATIENCE)
        expect(answer.find(f"{{{STREAM}}}features") is not None, f"{answer!r}")
        expect(answer.get("authid"), "authid")


@case("an old server without version is open at its header; prefixes that its header declares are resolved (U-21 U-22 B-13)")
async def old_server():
    server = await XmppServer().start()
    server.on_header = lambda stream: stream.send(
        f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' xmlns:db='jabber:server:dialback' id='old' from='test.example'>")
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        same(session.created.get("authid"), "old", "authid")
        server.streams[0].send("<message id='prefixed'><db:x a='1'/></message>")
        answer = await session.send()
        same(answer.payloads[0][0].tag, "{jabber:server:dialback}x", "prefix of the stream header")


@case("a client that stops collecting stops the reading of its server, and gets everything when it comes back (U-36 H-44)", within=120)
async def back_pressure():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, bosh={"max_pending": 200_000}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        stream = server.streams[0]
        count = 3000
        for number in range(count):
            stream.send(f"<message from='test.example' id='m{number}'><body>{'p' * 5000}</body></message>")

        async def settled():
            before = await nxb.counter("bytes_from_servers")
            for _ in range(20):
                await nxb.total()
            return before > 100_000 and before == await nxb.counter("bytes_from_servers")
        await until("nxb stops reading", settled, 20)
        expect(await nxb.counter("bytes_from_servers") < 3_000_000, "nxb went on reading")
        heard = []
        while len(heard) < count:
            answer = await session.send()
            expect(answer.type is None, f"{answer!r}"[:300])
            heard += answer.message_ids()
        same(heard, [f"m{number}" for number in range(count)], "messages")


@case("every way the server cuts its bytes gives the same stanzas (U-25 U-26)")
async def any_segmentation():
    server = await XmppServer().start()
    text = f"<message from='test.example' id='cut'><body>\u20ac \U0001F600 &amp;</body><x xmlns='urn:x' a='&gt;'/></message>".encode()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        stream = server.streams[0]
        whole = None
        for at in range(len(text)):
            seen = await nxb.counter("bytes_from_servers")

            async def read():
                return await nxb.counter("bytes_from_servers") >= seen + at + 1
            held = asyncio.ensure_future(session.send())
            stream.send(b"\n" + text[:at])
            await until("nxb has read the first part", read)
            stream.send(text[at:])
            answer = (await asyncio.wait_for(held, PATIENCE)).raw
            whole = whole or answer
            same(answer, whole, f"cut at byte {at}")


if __name__ == "__main__":
    main()

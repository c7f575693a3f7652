"""test_proxy.py - the PROXY protocol both ways: proxies say who a client is, and nxb says it to servers.

SPDX-License-Identifier: MIT
"""
import asyncio
import ipaddress

from harness.bosh import Session
from harness.connection import Connection
from harness.nxb import Folder, Nxb, domain
from harness.proxy_protocol import header
from harness.runner import PATIENCE, Skipped, case, main, same, until
from harness.tls import certificates, server_context
from harness.websocket import XmppSocket, handshake
from harness.xmpp_server import XmppServer

CLIENT = "203.0.113.7"


def plain(ip):
    """Without the form in which IPv6 carries an IPv4 address: a header has one family, and the server may have the other."""
    address = ipaddress.ip_address(ip)
    return str(getattr(address, "ipv4_mapped", None) or address)


class Gate:
    """One connection of a BOSH client: what a proxy says before it, and in each request."""

    def __init__(self, port, preamble=b"", fields=""):
        self.port, self.preamble, self.fields = port, preamble, fields
        self.connection = None

    async def fetch(self, data, patience=PATIENCE):
        if self.connection is None:
            self.connection = await Connection.to(self.port)
            self.connection.send(self.preamble)
        return await self.connection.fetch(data.replace(b"\r\n", b"\r\n" + self.fields.encode(), 1), patience)


async def server_that_expects_it(name="test.example", **options):
    server = XmppServer(name, **options)
    server.expects_proxy = True
    return await server.start()


class Proxied(Nxb):
    """nxb behind a proxy at 127.0.0.1; `accepts`: one that speaks the PROXY protocol."""

    def __init__(self, *arguments, accepts=False, **sections):
        super().__init__(*arguments, **sections)
        self.sections["listen"][0] |= {"trusted_proxies": ["127.0.0.1"]} | ({"accept_proxy": True} if accepts else {})


@case("servers are told the client's address in front of everything, in version 1 or 2, by BOSH and by WebSocket (O-30)")
async def to_servers():
    one = await server_that_expects_it("one.example")
    two = await server_that_expects_it("two.example")
    none = await XmppServer("none.example").start()
    domains = [domain("one.example", one.port), domain("two.example", two.port, proxy_protocol="v2"),
               domain("none.example", none.port, proxy_protocol="off")]
    async with Proxied(workers=3, domains=domains, upstream={"proxy_protocol": "v1"}) as nxb:
        for server, version in ((one, 1), (two, 2)):
            for fields, ip, port in ((f"X-Forwarded-For: {CLIENT}\r\n", CLIENT, 0),
                                     (f"X-Forwarded-For: 6.6.6.6, {CLIENT}:4242\r\n", CLIENT, 4242),
                                     ("Forwarded: for=\"[2001:db8::7]:4242\"\r\n", "2001:db8::7", 4242)):
                await Session(Gate(nxb.port, fields=fields), server.domain).login()
                heard = server.streams[-1].introduced
                same((heard[0], plain(heard[1]), heard[2]), (version, ip, port), f"BOSH, {fields!r}")
            socket = await XmppSocket.to(nxb.port, X_Forwarded_For=CLIENT)
            await socket.login(to=server.domain)
            same(server.streams[-1].introduced, (version, CLIENT, 0), "WebSocket")
        await (await Session(Gate(nxb.port, fields=f"X-Forwarded-For: {CLIENT}\r\n"), "none.example").login()).echo("plain")
        same(none.streams[0].introduced, None, "a domain that overrides it")


@case("without a proxy the client is the peer, and its port is the peer's (O-30)")
async def without_a_proxy():
    server = await server_that_expects_it()
    async with Nxb(server, workers=3, upstream={"proxy_protocol": "v2"}) as nxb:
        gate = Gate(nxb.port)
        await Session(gate).login()
        port = gate.connection.transport.get_extra_info("sockname")[1]
        same(server.streams[0].introduced, (2, "127.0.0.1", port), "BOSH")
        socket = await XmppSocket.to(nxb.port)
        await socket.login()
        port = socket.transport.get_extra_info("sockname")[1]
        same(server.streams[1].introduced, (2, "127.0.0.1", port), "WebSocket")


@case("the header comes before STARTTLS, and once (O-30 U-40)")
async def before_tls():
    with Folder() as folder:
        certificates(folder, "test.example")
        server = await server_that_expects_it(ssl_context=server_context(folder, "test.example"))
        domains = [domain("test.example", server.port, tls="required", tls_ca=str(folder / "ca.crt"), proxy_protocol="v2")]
        async with Proxied(workers=1, domains=domains) as nxb:
            session = await Session(Gate(nxb.port, fields=f"X-Forwarded-For: {CLIENT}\r\n")).login()
            await session.echo("in private")
            same(server.streams[0].introduced, (2, CLIENT, 0), "what was said")


@case("a server at an IPv6 address is told of an IPv4 client in the mapped form (O-30)")
async def over_ipv6():
    server = XmppServer()
    server.expects_proxy = True
    try:
        await server.start(host="::1")
    except OSError as missing:
        raise Skipped(f"no IPv6 here: {missing}") from None
    for version in (1, 2):
        domains = [{"name": "test.example", "target": f"[::1]:{server.port}", "tls": "off", "proxy_protocol": f"v{version}"}]
        async with Proxied(workers=1, domains=domains) as nxb:
            await Session(Gate(nxb.port, fields=f"X-Forwarded-For: {CLIENT}\r\n")).login()
            heard = server.streams[-1].introduced
            same((heard[0], plain(heard[1]), heard[2]), (version, CLIENT, 0), "what was said")


@case("accept_proxy: the header names the client, also for the worker that the connection is handed to (O-30)")
async def from_proxies():
    server = await server_that_expects_it()
    async with Proxied(server, workers=4, accepts=True, upstream={"proxy_protocol": "v1"}) as nxb:
        for number in range(12):  # several workers accept, several own: most connections move
            source = (f"203.0.113.{number}", 4000 + number)
            session = await Session(Gate(nxb.port, header(1 + number % 2, source))).login()
            same(server.streams[-1].introduced, (1, *source), "BOSH")
            await session.echo("hello")
            source = (f"2001:db8::{number + 1}", 5000 + number)
            socket = await XmppSocket.begin(nxb.port)
            socket.send_raw(header(2 - number % 2, source) + handshake())
            same(await socket.answer(), 101, "status")
            await socket.login()
            same(server.streams[-1].introduced, (1, *source), "WebSocket")
        same(await nxb.counter("connections_refused_proxy"), 0, "refused")


@case("accept_proxy: what a client says in X-Forwarded-For is not believed, what a trusted proxy behind it says is (O-30 H-47)")
async def both():
    server = await server_that_expects_it()
    async with Proxied(server, workers=2, accepts=True, upstream={"proxy_protocol": "v1"}) as nxb:
        await Session(Gate(nxb.port, header(2, (CLIENT, 4242)), "X-Forwarded-For: 6.6.6.6\r\n")).login()
        same(server.streams[-1].introduced, (1, CLIENT, 4242), "a client")
        await Session(Gate(nxb.port, header(2, ("127.0.0.1", 4242)), f"X-Forwarded-For: {CLIENT}\r\n")).login()
        same(server.streams[-1].introduced, (1, CLIENT, 0), "a proxy that the header names")


async def is_closed(port, data, source="127.0.0.1"):
    """nxb closes this connection without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(data)
        same(await asyncio.wait_for(reader.read(), PATIENCE), b"", f"answer to {data!r}")
    except ConnectionResetError:
        pass  # closed with bytes unread
    finally:
        writer.close()


@case("accept_proxy: others than trusted proxies, no header, a broken one and half of one are closed and counted (O-30)")
async def refused():
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    good = header(1, (CLIENT, 4242))
    async with Proxied(workers=2, accepts=True, http={"head_timeout": "200ms"}) as nxb:
        for number, (data, source) in enumerate((
                (good + request, "127.0.0.2"), (request, "127.0.0.1"), (good[:-1] + b"X" + request, "127.0.0.1"),
                (good[:20], "127.0.0.1"), (header(2, (CLIENT, 4242))[:-1], "127.0.0.1"), (b"", "127.0.0.1")), 1):
            await is_closed(nxb.port, data, source)
            same(await nxb.counter("connections_refused_proxy"), number, f"counted after {data!r}")
        log = nxb.log()
        same(log.count("event=edge.proxy_refused"), 6, "lines in the log")
        same((await Gate(nxb.port, good).fetch(request)).status, 200, "a good one")

        async def closed():
            return (await nxb.total())["connections"] <= 1
        await until("no connection is left but the good one", closed)


if __name__ == "__main__":
    main()

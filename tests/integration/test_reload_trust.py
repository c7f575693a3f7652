"""test_reload_trust.py - whom nxb believes and asks, read again while sessions go on: authorities, name servers, proxies.

SPDX-License-Identifier: MIT
"""
import contextlib
import shutil

from harness.bosh import OwnConnections, Session, creation, refused
from harness.connection import Closed, Connection
from harness.name_server import NameServer
from harness.nxb import Folder, Nxb, domain, free_port
from harness.proxy_protocol import header
from harness.runner import case, main, same
from harness.tls import certificates, server_context
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer

CLIENT = "203.0.113.7"


@contextlib.asynccontextmanager
async def unharmed(nxb, to="test.example", port=None):
    """A BOSH and a WebSocket session of before, which are as good as new after each look(), and behind it all."""
    session = await Session(OwnConnections(port or nxb.port), to).login()
    socket = await (await XmppSocket.to(port or nxb.port)).login(to=to)
    pids = await nxb.pids()
    turn = iter(range(1000))

    async def look():
        number = next(turn)
        await session.echo(f"b{number}")
        await socket.echo(f"w{number}")
        same(await nxb.pids(), pids, "processes")
    await look()
    yield look
    await look()


async def applied(nxb, changed, **sections):
    """Every worker has taken the reload, and just this changed."""
    answer = await nxb.reload(**sections)
    states = {row["state"] for row in answer["workers"]}
    same((answer["ok"], answer["changed"], answer["needs_restart"], states), (True, [changed], [], {"applied"}), f"{answer}")


@case("another [upstream] tls_ca, or other authorities in the same file, hold for new streams; sessions go on (O-33 U-49)")
async def authorities():
    with Folder() as folder:
        certificates(folder, "test.example", "other.example,ca=stranger")
        servers = [await XmppServer(name, ssl_context=server_context(folder, name)).start() for name in ("test.example", "other.example")]
        domains = [{"name": server.domain, "target": f"127.0.0.1:{server.port}", "tls": "required"} for server in servers]
        first, second = str(folder / "ca.crt"), str(folder / "stranger.crt")
        async with Nxb(workers=2, domains=domains, upstream={"tls_ca": first}) as nxb, unharmed(nxb) as look:
            same(await refused(nxb, "other.example"), "remote-connection-failed", "before")
            await applied(nxb, "upstream.tls_ca", upstream={"tls_ca": second})
            await look()
            await (await Session(OwnConnections(nxb.port), "other.example").login()).echo("believed now")
            for _ in range(8):  # each worker, and no TLS session is resumed
                same(await refused(nxb, "test.example"), "remote-connection-failed", "believed no more")
            shutil.copy(first, folder / "both.crt")
            await applied(nxb, "upstream.tls_ca", upstream={"tls_ca": str(folder / "both.crt")})
            await (await Session(OwnConnections(nxb.port)).login()).echo("believed again")
            same(await refused(nxb, "other.example"), "remote-connection-failed", "not in this file")
            with open(folder / "both.crt", "ab") as file:
                file.write((folder / "stranger.crt").read_bytes())
            same((await nxb.reload())["ok"], True, "the same name, another content")
            for name in ("test.example", "other.example"):
                await (await Session(OwnConnections(nxb.port), name).login()).echo("both")


@case("other resolvers are asked at once, and what the old ones said is forgotten; sessions go on (O-33 U-15)")
async def resolvers():
    servers = [await XmppServer("here.example").start() for _ in range(2)]
    zones = [{"here.example": f"_xmpp-client._tcp SRV 0 0 {server.port} host\nhost A 127.0.0.1"} for server in servers]
    async with NameServer(zones[0]) as old, NameServer(zones[1]) as new:
        upstream = {"allow_private_targets": True, "resolvers": [old.address]}
        domains = [domain("static.example", free_port())]  # so that the others are looked up
        async with Nxb(workers=2, domains=domains, upstream=upstream) as nxb, unharmed(nxb, "here.example") as look:
            for _ in range(8):  # each worker knows the answer
                await creation(nxb, "here.example")
            same(len(servers[1].streams), 0, "streams that the new resolver leads to, before")
            before = len(servers[0].streams)
            await applied(nxb, "upstream.resolvers", upstream={"resolvers": [new.address]})
            await look()
            for _ in range(8):
                await (await Session(OwnConnections(nxb.port), "here.example").login()).echo("new")
            same((len(servers[0].streams), len(servers[1].streams)), (before, 8), "streams, by server")


class Gate:
    """One connection for all requests: what a proxy says before it, and in each request."""

    def __init__(self, connection, fields=""):
        self.connection, self.fields = connection, fields

    @classmethod
    async def to(cls, port, preamble=b"", fields=""):
        connection = await Connection.to(port)
        connection.send(preamble)
        return cls(connection, fields)

    async def fetch(self, data):
        return await self.connection.fetch(data.replace(b"\r\n", b"\r\n" + self.fields.encode(), 1))


async def introduced(server, gate):
    """As whom a new session's client is introduced to the server."""
    await Session(gate).login()
    return server.streams[-1].introduced[1]


async def server_that_expects_it():
    server = XmppServer()
    server.expects_proxy = True
    return await server.start()


@case("trusted_proxies are believed, or no more, from the next request on, on old connections as well; sessions go on (O-33 H-47 O-30)")
async def trusted_proxies():
    server = await server_that_expects_it()
    fields = f"X-Forwarded-For: {CLIENT}\r\n"
    async with Nxb(server, workers=2, upstream={"proxy_protocol": "v1"}) as nxb, unharmed(nxb) as look:
        address = {"address": f"127.0.0.1:{nxb.port}"}
        old = await Gate.to(nxb.port, fields=fields)
        same(await introduced(server, old), "127.0.0.1", "before")
        await applied(nxb, "listen", listen=[address | {"trusted_proxies": ["127.0.0.1"]}])
        await look()
        same(await introduced(server, await Gate.to(nxb.port, fields=fields)), CLIENT, "a new connection")
        same(await introduced(server, old), CLIENT, "a connection of before")
        await applied(nxb, "listen", listen=[address | {"trusted_proxies": ["192.0.2.0/24"]}])
        same(await introduced(server, await Gate.to(nxb.port, fields=fields)), "127.0.0.1", "trusted no more")
        same(await introduced(server, old), "127.0.0.1", "a connection of before, trusted no more")


@case("accept_proxy on or off holds for new connections; old ones go on as they began, and no connection is refused meanwhile (O-33 O-30)")
async def accept_proxy():
    server = await server_that_expects_it()
    said = header(1, (CLIENT, 4242))
    async with Nxb(server, workers=2, upstream={"proxy_protocol": "v1"}) as nxb, unharmed(nxb) as look:
        plain = {"address": f"127.0.0.1:{nxb.port}", "trusted_proxies": ["127.0.0.1"]}
        old = await Gate.to(nxb.port)
        same(await introduced(server, old), "127.0.0.1", "before")
        await applied(nxb, "listen", listen=[plain | {"accept_proxy": True}])
        await look()
        for _ in range(6):  # each worker
            same(await introduced(server, await Gate.to(nxb.port, said)), CLIENT, "with a header")
            await is_closed(nxb.port)
        proxied = await Gate.to(nxb.port, said)
        same(await introduced(server, proxied), CLIENT, "a connection with a header")
        same(await introduced(server, old), "127.0.0.1", "a connection of before goes on without")
        await applied(nxb, "listen", listen=[plain])
        for _ in range(6):
            same(await introduced(server, await Gate.to(nxb.port)), "127.0.0.1", "without again")
        same(await introduced(server, proxied), CLIENT, "a connection with a header goes on")
        same(await nxb.counter("connections_refused_proxy"), 6, "refused for want of a header")
        same((await nxb.admin("status"))["listen"], [f"127.0.0.1:{nxb.port}"], "addresses in status")


async def is_closed(port):
    """A connection that begins without a header gets no answer."""
    connection = await Connection.to(port)
    try:
        answer = await connection.fetch(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    except (Closed, OSError):
        return
    raise AssertionError(f"an answer without a PROXY header: {answer!r}")


if __name__ == "__main__":
    main()

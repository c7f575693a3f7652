"""test_dns.py - which server a domain leads to, by a real DNS server's answers: SRV, CNAMEs, refusals, failures.

Everything is on loopback; servers are told apart by their ports. Where nxb falls back to a domain's addresses it
connects to port 5222, so those have loopback addresses of their own.
SPDX-License-Identifier: MIT
"""
import asyncio

from harness.bosh import Body, OwnConnections, Session, body
from harness.connection import post
from harness.name_server import SRV, Between, NameServer, Silent
from harness.nxb import Nxb, domain, free_port
from harness.runner import Skipped, case, expect, main, same, until
from harness.xmpp_server import XmppServer

FALLBACK = "127.0.0.56"


class Rig:
    """async with Rig(zones, "a", "b") as rig: a DNS server, XMPP servers (rig.servers["a"]; their ports can be named
    {a}, {b} in the zones), and nxb. `closed` is a port where nobody listens."""

    def __init__(self, zones, *servers, broken=(), resolvers=None, fallback=False, workers=1, **upstream):
        self.zones, self.broken, self.resolvers = zones, broken, resolvers
        self.servers = {name: XmppServer("any.example") for name in servers}
        self.fallback = XmppServer("any.example") if fallback else None
        self.workers = workers
        self.upstream = {"allow_private_targets": True, "setup_timeout": "20s"} | upstream
        self.names = self.nxb = None

    async def __aenter__(self):
        ports = {"closed": free_port(), "fallback": FALLBACK}
        for name, server in self.servers.items():
            ports[name] = (await server.start()).port
        if self.fallback:
            try:
                await self.fallback.start(5222, FALLBACK)
            except OSError as taken:
                raise Skipped(f"{FALLBACK}:5222 is not free: {taken}") from None
        zones = {name: records.format(**ports) for name, records in self.zones.items()}
        self.names = await NameServer(zones, self.broken).__aenter__()
        try:
            resolvers = await self.resolvers(self.names) if self.resolvers else [self.names.address]
            # One static domain, so that the others are looked up.
            self.nxb = await Nxb(workers=self.workers, domains=[domain("static.example", ports["closed"])],
                                 upstream=self.upstream | {"resolvers": resolvers}).start()
        except BaseException:
            await self.names.__aexit__()
            raise
        return self

    async def __aexit__(self, *problem):
        try:
            await self.nxb.__aexit__(*problem)
        finally:
            await self.names.__aexit__()
            for server in [*self.servers.values(), *([self.fallback] if self.fallback else [])]:
                await server.stop()

    async def open(self, to):
        session = Session(OwnConnections(self.nxb.port), to)
        await session.open()
        return session

    async def condition(self, to):
        """What a creation for this domain is refused with; None if it is not."""
        answer = Body(await OwnConnections(self.nxb.port).fetch(post(body(1, None, to=to, ver="1.6", wait=60, hold=1))))
        expect(answer.type != "terminate" or answer.get("sid") is None, f"refused without a sid: {answer!r}")
        return answer.condition

    def streams(self):
        """How many streams each server has seen."""
        seen = {name: len(server.streams) for name, server in self.servers.items()}
        return seen | ({"fallback": len(self.fallback.streams)} if self.fallback else {})


HOSTS = "host A 127.0.0.1"


@case("a domain's server is the one that its SRV records name, on their port (U-05 U-06)")
async def by_srv():
    async with Rig({"here.example": f"_xmpp-client._tcp SRV 0 0 {{a}} host\n{HOSTS}"}, "a") as rig:
        session = await Session(OwnConnections(rig.nxb.port), "here.example").login()
        await session.echo("found by SRV")
        same(rig.streams(), {"a": 1}, "streams")


@case("the lowest priority comes first, and the next when nobody listens there (U-06 U-11 D-42)")
async def priorities():
    zone = f"""
      _xmpp-client._tcp SRV 30 0 {{c}} host
      _xmpp-client._tcp SRV 10 0 {{closed}} host
      _xmpp-client._tcp SRV 20 0 {{b}} host
      {HOSTS}"""
    async with Rig({"here.example": zone}, "b", "c") as rig:
        for _ in range(5):
            await rig.open("here.example")
        same(rig.streams(), {"b": 5, "c": 0}, "streams")


@case("weights share the load while the answer is cached, and what has none is almost never first (U-06 U-15 D-42)", within=120)
async def weights():
    zone = f"""
      _xmpp-client._tcp SRV 1 3000 {{a}} host
      _xmpp-client._tcp SRV 1 1000 {{b}} host
      _xmpp-client._tcp SRV 1 0 {{none}} host
      {HOSTS}"""
    async with Rig({"here.example": zone}, "a", "b", "none") as rig:
        for _ in range(100):
            await rig.open("here.example")
        seen = rig.streams()
        same(sum(seen.values()), 100, "streams")
        expect(50 <= seen["a"] <= 97, f"three quarters, give or take five standard deviations: {seen}")
        expect(seen["none"] <= 3, f"one of 4001: {seen}")
        same(await rig.nxb.counter("dns_queries"), 4, "two services and two families, once")
        same(await rig.nxb.counter("dns_cache_hits"), 4 * 99, "from the cache")


@case("targets without weight share the load as well (U-06)", within=120)
async def without_weights():
    zone = f"""
      _xmpp-client._tcp SRV 1 0 {{a}} host
      _xmpp-client._tcp SRV 1 0 {{b}} host
      {HOSTS}"""
    async with Rig({"here.example": zone}, "a", "b") as rig:
        for _ in range(60):
            await rig.open("here.example")
        expect(min(rig.streams().values()) >= 10, f"{rig.streams()}")


@case("both services make one list by priority; direct TLS is begun at once, and its failure is no way to plain text (U-05 U-45)")
async def mixed():
    zone = f"""
      _xmpps-client._tcp SRV 5 0 {{tls}} host
      _xmpp-client._tcp SRV 10 0 {{a}} host
      _xmpp-client._tcp.other SRV 5 0 {{a}} host
      _xmpps-client._tcp.other SRV 10 0 {{tls}} host
      {HOSTS}"""
    hellos = []

    async def no_tls(reader, writer):
        hellos.append(await reader.read(1))
        writer.close()
    direct = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    port = direct.sockets[0].getsockname()[1]
    async with Rig({"here.example": zone.replace("{tls}", str(port))}, "a") as rig:
        await rig.open("other.here.example")
        same((hellos, rig.streams()), ([], {"a": 1}), "STARTTLS first")
        same(await rig.condition("here.example"), "remote-connection-failed", "direct TLS first, and it fails")
        same(hellos, [b"\x16"], "what that target was greeted with: a TLS handshake")
    direct.close()


@case("the target . of both or of xmpp-client is a refusal, even if the domain has an address (U-07 U-64 D-42)")
async def not_offered():
    zone = """
      _xmpp-client._tcp SRV 0 0 0 .
      _xmpps-client._tcp.only SRV 0 0 0 .
      @ A {fallback}
      only A {fallback}"""
    async with Rig({"none.example": zone}, fallback=True) as rig:
        same(await rig.condition("none.example"), "remote-connection-failed", "xmpp-client is .")
        same(await rig.condition("only.none.example"), "remote-connection-failed", "xmpps-client is ., xmpp-client nothing")
        same(rig.streams(), {"fallback": 0}, "streams")


@case("the target . of xmpps-client only: the other service is used (U-07)")
async def no_direct_tls():
    zone = f"""
      _xmpps-client._tcp SRV 0 0 0 .
      _xmpp-client._tcp SRV 0 0 {{a}} host
      {HOSTS}"""
    async with Rig({"here.example": zone}, "a") as rig:
        await rig.open("here.example")
        same(rig.streams(), {"a": 1}, "streams")


@case("SRV answered and nobody listens: no fallback to the domain's address (U-08 U-64)")
async def no_fallback():
    zone = f"_xmpp-client._tcp SRV 0 0 {{closed}} host\n@ A {{fallback}}\n{HOSTS}"
    async with Rig({"here.example": zone}, fallback=True) as rig:
        same(await rig.condition("here.example"), "remote-connection-failed", "condition")
        same(rig.streams(), {"fallback": 0}, "streams")


@case("no SRV records: the domain's address, port 5222; no domain: host-unknown (U-09 U-62)")
async def fallback():
    async with Rig({"plain.example": "@ A {fallback}\n@ AAAA ::1\nempty TXT nothing"}, fallback=True) as rig:
        await rig.open("plain.example")
        same(rig.streams(), {"fallback": 1}, "streams")
        same(await rig.condition("nowhere.plain.example"), "host-unknown", "NXDOMAIN for everything")
        same(await rig.condition("empty.plain.example"), "host-unknown", "NODATA for everything")


@case("SERVFAIL for the services: the domain's address; for everything: remote-connection-failed (U-09 U-64)")
async def servfail():
    async with Rig({"half.example": "@ A {fallback}"}, broken=["_tcp.half.example", "broken.example"], fallback=True) as rig:
        await rig.open("half.example")
        same(rig.streams(), {"fallback": 1}, "streams")
        expect(await rig.nxb.counter("dns_failures") >= 2, "both services failed")
        same(await rig.condition("broken.example"), "remote-connection-failed", "condition")
        same(await rig.condition("chat.broken.example"), "remote-connection-failed", "condition")


@case("SERVFAIL for one service: the other's records are used (U-09)")
async def half_servfail():
    zones = {"here.example": f"{HOSTS}\n_xmpp-client._tcp SRV 0 0 {{a}} host"}
    async with Rig(zones, "a", broken=["_xmpps-client._tcp.here.example"]) as rig:
        await rig.open("here.example")
        same(rig.streams(), {"a": 1}, "streams")
        same(await rig.nxb.counter("dns_failures"), 1, "failures")


@case("no answer for the services: the domain's address, after a while (U-09)")
async def services_swallowed():
    async def resolvers(names):
        return [(await Between(names, swallowed=[SRV]).start()).address]
    async with Rig({"here.example": "@ A {fallback}"}, resolvers=resolvers, fallback=True) as rig:
        await rig.open("here.example")
        same(rig.streams(), {"fallback": 1}, "streams")


@case("no answer at all: remote-connection-failed in time, and nothing is left (U-17 U-64)")
async def silence():
    silent = await Silent().start()

    async def resolvers(_):
        return [silent.address]
    async with Rig({"here.example": HOSTS}, resolvers=resolvers, setup_timeout="2s") as rig:
        same(await rig.condition("here.example"), "remote-connection-failed", "condition")
        same({name for name, _ in silent.asked}, {"_xmpp-client._tcp.here.example", "_xmpps-client._tcp.here.example"}, "asked")
        await until("no stream is left", lambda: rig.nxb.none_left("streams"))
    silent.stop()


@case("a second resolver answers when the first is silent (U-09 U-13)")
async def second_resolver():
    async def resolvers(names):
        return [(await Silent().start()).address, names.address]
    zone = f"_xmpp-client._tcp SRV 0 0 {{a}} host\n{HOSTS}"
    async with Rig({"here.example": zone}, "a", resolvers=resolvers) as rig:
        await rig.open("here.example")
        same(rig.streams(), {"a": 1}, "streams")


@case("a list that does not fit into 1232 bytes is truncated and not used; the other service is, or the address (U-13 U-09)")
async def truncated():
    big = "\n".join(f"{{owner}} SRV 0 0 {{{{a}}}} a-long-name-for-host-{i}.of-some-length" for i in range(40))
    zone = "\n".join([big.format(owner="_xmpp-client._tcp"), big.format(owner="_xmpp-client._tcp.other"),
                      "_xmpps-client._tcp.other SRV 0 0 0 .", "@ A {fallback}", HOSTS])
    zone += "".join(f"\na-long-name-for-host-{i}.of-some-length A 127.0.0.1" for i in range(40))
    async with Rig({"here.example": zone}, "a", fallback=True) as rig:
        await rig.open("here.example")
        same(rig.streams(), {"a": 0, "fallback": 1}, "streams")
        same(await rig.nxb.counter("dns_failures"), 1, "the truncated answer")
        same(await rig.condition("other.here.example"), "remote-connection-failed", "xmpps-client said .")


@case("CNAMEs are followed for services and for targets, into other zones and to other servers (U-12)")
async def aliases():
    here = """
      _xmpp-client._tcp CNAME _xmpp-client._tcp.there.invalid.
      host A 127.0.0.1"""
    there = """
      _xmpp-client._tcp CNAME srv.beside.invalid.
      target CNAME host.here.example."""
    async with Rig({"here.example": here, "there.invalid": there, "beside.invalid": "srv SRV 0 0 {a} target.there.invalid."},
                   "a") as rig:
        await rig.open("here.example")
        same(rig.streams(), {"a": 1}, "streams")
        same(await rig.nxb.counter("dns_queries"), 5, "this server knows it all, but says no AAAA by silence")
    server = await XmppServer("any.example").start()
    others = {"there.invalid": there, "beside.invalid": f"srv SRV 0 0 {server.port} target.there.invalid."}
    async with NameServer(others) as other:
        async def resolvers(names):
            return [(await Between(names, elsewhere={zone: other for zone in others}).start()).address]
        async with Rig({"here.example": here}, resolvers=resolvers) as rig:
            await rig.open("here.example")
            same(len(server.streams), 1, "streams")
            same(await rig.nxb.counter("dns_queries"), 7, "where an answer ended with a CNAME: once more")
    await server.stop()


@case("CNAMEs end after eight, and loops end (U-12)")
async def too_many_aliases():
    chain = "\n".join(f"h{i} CNAME h{i + 1}" for i in range(9)) + "\nh9 A 127.0.0.1"
    zone = f"""
      {chain}
      _xmpp-client._tcp.good SRV 0 0 {{a}} h1
      _xmpp-client._tcp.long SRV 0 0 {{a}} h0
      _xmpp-client._tcp.loop SRV 0 0 {{a}} l0
      l0 CNAME l1
      l1 CNAME l0"""
    async with Rig({"here.example": zone}, "a") as rig:
        await rig.open("good.here.example")
        same(await rig.condition("long.here.example"), "remote-connection-failed", "nine of them")
        same(await rig.condition("loop.here.example"), "remote-connection-failed", "a loop")
        same(rig.streams(), {"a": 1}, "streams")


@case("that there is nothing is remembered, too (U-15)")
async def absence():
    async with Rig({"here.example": HOSTS}) as rig:
        for _ in range(3):
            same(await rig.condition("nowhere.here.example"), "host-unknown", "condition")
        same(await rig.nxb.counter("dns_queries"), 4, "two services and two families, once")
        same(await rig.nxb.counter("dns_cache_hits"), 8, "from the cache")


@case("localhost and IP literals are never looked up (U-10 U-14)")
async def not_asked():
    silent = await Silent().start()

    async def resolvers(_):
        return [silent.address]
    async with Rig({"here.example": HOSTS}, resolvers=resolvers, setup_timeout="5s") as rig:
        for to in ("localhost", "chat.localhost", "127.0.0.57", "[::1]"):
            await rig.condition(to)
        same(silent.asked, [], "questions")
    silent.stop()


main()

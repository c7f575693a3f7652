"""test_ssrf.py - clients choose where nxb connects to: inside addresses stay out of reach, however they are spelt or found.

In a network of its own: what counts as public (192.0.2.1) is on loopback, too. On every inside address a sentinel listens.
SPDX-License-Identifier: MIT
"""
import asyncio
import socket

from harness import own_network
from harness.bosh import Body, OwnConnections, Session, body, refused
from harness.connection import post
from harness.name_server import Silent
from harness.nxb import Nxb
from harness.runner import Skipped, case, expect, main, same, until
from harness.websocket import XmppSocket, open_tag
from harness.xmpp_server import XmppServer

PUBLIC = "192.0.2.1"
XMPP, OTHER = 5222, 6222
A, AAAA, SRV = 1, 28, 33
network = None  # why there is none of our own, or nothing

LITERALS = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "0.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
            "[::FFFF:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001::1]", "[fe80::1]",
            "[fec0::1]", "[fd00::1]", "[ff02::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.1",
            "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"]
LOCALHOSTS = ["localhost", "localhost.", "LOCALHOST", "LocalHost.", "sub.localhost", "a.b.localhost."]
# No addresses to nxb, but to others; the name server of this test thinks they are names of loopback.
ODD = ["127.1", "127.0.1", "0x7f.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.000.000.001", "127.0.0.1.example"]


class Names(Silent):
    """A name server: answers[name, type] is a list of answers, each a list of records; the last one stays."""

    def __init__(self, answers):
        super().__init__()
        self.answers = {key: list(turns) for key, turns in answers.items()}

    def on_question(self, data, peer, name, kind):
        turns = self.answers.get((name, kind), [[]])
        records = turns.pop(0) if len(turns) > 1 else turns[0]
        known = any(key[0] == name for key in self.answers)
        end = 12 + len(name) + 2 + 4
        answers = b""
        for record in records:
            answers += b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(record).to_bytes(2, "big") + record
        head = data[:2] + bytes([0x81, 0x80 if known else 0x83]) + b"\0\1" + len(records).to_bytes(2, "big") + b"\0\0\0\0"
        self.transport.sendto(head + data[12:end] + answers, peer)


def ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def srv(target, port, priority=0):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in target.split("."))
    return priority.to_bytes(2, "big") + b"\0\0" + port.to_bytes(2, "big") + labels + b"\0"


class Sentinels:
    """Nobody may connect here."""

    async def __aenter__(self):
        if network:
            raise Skipped(network)
        self.heard, self.servers = [], []
        for port in (XMPP, OTHER):
            for address in ("127.0.0.1", "127.0.0.2", "::1"):
                self.servers.append(await asyncio.start_server(self._found, address, port))
        return self

    def _found(self, _, writer):
        self.heard.append(writer.get_extra_info("sockname"))
        writer.close()

    async def __aexit__(self, kind, *_):
        for server in self.servers:
            server.close()
        if kind is None:
            same(self.heard, [], "connections to what is inside")


async def by_bosh(nxb, to, **more):
    return await refused(nxb, to, **more)


async def by_added_stream(nxb, to, **more):
    session = await Session(OwnConnections(nxb.port), "open.example").open()
    answer = await session.send("", to=to, xmpp_version="1.0", **more)
    while answer.type is None:
        answer = await session.send()
    await session.terminate()
    return answer.condition


async def by_websocket(nxb, to):
    socket = await XmppSocket.to(nxb.port)
    socket.say(open_tag(to))
    while not (error := await socket.element()).tag.endswith("}error"):
        expect(error.tag.endswith("}open"), f"for {to}: {error.tag}")
    socket.transport.abort()
    return error[0].tag.split("}")[1]


async def around(names, **upstream):
    """nxb with this name server, and with one domain that is open to all."""
    server = await XmppServer("open.example").start(0, PUBLIC)
    entry = {"name": "open.example", "target": f"{PUBLIC}:{server.port}", "tls": "off"}
    return Nxb(workers=2, domains=[entry], upstream={"resolvers": [names.address], "tls": "off", **upstream})


def loopback(name):
    return {(name, A): [[ip("127.0.0.1")]], (name, AAAA): [[ip("::1")]]}


@case("U-16 U-63 no literal, localhost or odd spelling of an inside address is connected to: BOSH, add-stream, WebSocket", within=240)
async def literals():
    answers = {}
    for name in ODD:
        answers |= loopback(name)
    async with Sentinels():
        names = await Names(answers).start()
        async with await around(names) as nxb:
            for to in LITERALS + LOCALHOSTS + ODD:
                for way in (by_bosh, by_added_stream, by_websocket):
                    same(await way(nxb, to), "host-unknown", f"{way.__name__}: {to}")


@case("U-16 U-63 names that lead inside by A, AAAA or SRV are not followed: BOSH, add-stream, WebSocket", within=240)
async def names_that_lead_inside():
    answers = loopback("both.example") | {("a.example", A): [[ip("127.0.0.1")]], ("aaaa.example", AAAA): [[ip("::1")]],
               ("mapped.example", AAAA): [[ip("::ffff:127.0.0.1")]], ("nat64.example", AAAA): [[ip("64:ff9b::7f00:1")]],
               ("many.example", A): [[ip("127.0.0.1"), ip("127.0.0.2"), ip("0.0.0.0"), ip("10.0.0.1")]],
               ("metadata.example", A): [[ip("169.254.169.254")]],
               ("_xmpp-client._tcp.srv.example", SRV): [[srv("both.example", OTHER)]],
               ("_xmpps-client._tcp.tls.example", SRV): [[srv("a.example", OTHER)]],
               ("_xmpp-client._tcp.local.example", SRV): [[srv("localhost", OTHER)]],
               ("_xmpp-client._tcp.literal.example", SRV): [[srv("127.0.0.1", OTHER)]]}
    domains = sorted({name.removeprefix("_xmpp-client._tcp.").removeprefix("_xmpps-client._tcp.") for name, _ in answers})
    async with Sentinels():
        names = await Names(answers).start()
        async with await around(names) as nxb:
            for to in domains:
                for way in (by_bosh, by_added_stream, by_websocket):
                    same(await way(nxb, to), "host-unknown", f"{way.__name__}: {to}")


@case("U-16 U-63 a route leads inside in no mode and in no spelling: BOSH, add-stream (B-26)", within=240)
async def routes():
    hosts = [literal for literal in LITERALS + LOCALHOSTS + ODD + ["inside.example"] if literal != "127.0.0.1.example"]
    answers = loopback("inside.example")
    for name in ODD:
        answers |= loopback(name)
    filtered = {"route": "filtered", "route_filter": ["inside.example", "localhost", ".localhost", "127.0.0.0/8", "::1"]}
    async with Sentinels():
        names = await Names(answers).start()
        for mode in ({"route": "any"}, filtered):
            async with await around(names, **mode) as nxb:
                for host in hosts:
                    for way in (by_bosh, by_added_stream):
                        condition = await way(nxb, "elsewhere.example", route=f"xmpp:{host}:{OTHER}")
                        expect(condition in ("host-unknown", "bad-request"), f"{mode}: {way.__name__}: {host}: {condition}")


@case("U-16 of a name's addresses only the public ones are tried, in whatever order they come", within=120)
async def mixed():
    inside, outside = [ip("127.0.0.1"), ip("127.0.0.2")], [ip(PUBLIC)]
    answers = {("first.example", A): [outside + inside], ("last.example", A): [inside + outside], ("first.example", AAAA): [[ip("::1")]],
               ("down.example", A): [inside + outside],
               ("_xmpp-client._tcp.srv.example", SRV): [[srv("localhost", OTHER, 0), srv("last.example", XMPP, 1)]],
               ("_xmpp-client._tcp.down.example", SRV): [[srv("down.example", OTHER)]]}
    async with Sentinels():
        names = await Names(answers).start()
        server = await XmppServer("first.example").start(XMPP, PUBLIC)
        async with await around(names) as nxb:
            for to in ("first.example", "last.example", "srv.example"):
                server.domain = to
                await (await Session(OwnConnections(nxb.port), to).login()).echo("outside")
            same(await refused(nxb, "down.example"), "remote-connection-failed", "its public address is down, the others are not tried")
        same(len(server.streams), 3, "connections to the public address")
        await server.stop()


@case("U-16 rebinding: the address that was judged is the one that is connected to, at each look-up anew", within=120)
async def rebinding():
    answers = {("rebind.example", A): [[ip(PUBLIC)], [ip("127.0.0.1")]]}
    async with Sentinels():
        names = await Names(answers).start()
        server = await XmppServer("rebind.example").start(XMPP, PUBLIC)
        async with await around(names) as nxb:
            await (await Session(OwnConnections(nxb.port), "rebind.example").login()).echo("outside")
            same((len(server.streams), names.asked.count(("rebind.example", A))), (1, 1), "streams and look-ups")

            async def asked_again():  # once the first answer is too old
                answer = Body(await OwnConnections(nxb.port).fetch(post(body(1, None, to="rebind.example", ver="1.6", wait=1, hold=1))))
                return answer.condition == "host-unknown"
            await until("the name leads inside now", asked_again, 60)
            expect(names.asked.count(("rebind.example", A)) >= 2, f"{names.asked}")


if __name__ == "__main__":
    try:
        own_network.enter(PUBLIC)
    except Skipped as why:
        network = str(why)
    main()

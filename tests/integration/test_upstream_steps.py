"""test_upstream_steps.py - servers that hang up, fall silent or dawdle at each step of a stream's set-up, through real
processes: what the client is told, when, what the log and the counters say, and that nothing is left.

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import re

from harness.bosh import OwnConnections, Session, refused
from harness.nxb import Folder, Nxb, descriptors, domain, free_port
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.tls import certificates, server_context
from harness.websocket import Ended, XmppSocket, open_tag
from harness.xmpp_server import STREAM, TLS, XmppServer

HEADER = f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' id='s' version='1.0'>"
FEATURES = f"<stream:features><starttls xmlns='{TLS}'/></stream:features>"
PROCEED = f"<proceed xmlns='{TLS}'/>"
HELLO = "\x16"  # of TLS

# Up to here the server plays along: it waits for the one and says the other. Then it does something else.
# name, exchanges, what it then waits for, stage, what the log says when it hangs up, when it falls silent
STEPS = [
    ("accept", [], "", "stream", "before its stream header", "no stream header in time"),
    ("header-heard", [], ">", "stream", "before its stream header", "no stream header in time"),
    ("header", [(">", HEADER)], "", "stream", "before its features", "no stream features in time"),
    ("features", [(">", HEADER + FEATURES)], "<starttls", "tls", "instead of an answer to STARTTLS", "no answer to STARTTLS in time"),
    ("proceed", [(">", HEADER + FEATURES), ("<starttls", PROCEED)], HELLO, "tls", "during the TLS handshake", "no TLS handshake in time"),
    ("tls", [(">", HEADER + FEATURES), ("<starttls", PROCEED), "TLS"], "<stream:stream", "stream", "before its stream header", "no stream header in time"),
    ("second-header", [(">", HEADER + FEATURES), ("<starttls", PROCEED), "TLS", ("<stream:stream", HEADER)], "", "stream",
     "before its features", "no stream features in time"),
]


class Player:
    """Plays the steps of one row to whoever connects, then ends as told: "close", "reset", "silent" or "dawdle"."""

    def __init__(self, exchanges, wait, ending, context):
        self.exchanges, self.wait, self.ending, self.context = exchanges, wait, ending, context
        self.server = self.port = None
        self.accepted = 0
        self.alive = set()  # connections that nxb has not closed

    async def start(self):
        self.server = await asyncio.start_server(self.play, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def play(self, reader, writer):
        self.accepted += 1
        self.alive.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for exchange in self.exchanges:
                if exchange == "TLS":
                    await writer.start_tls(self.context)
                    continue
                await reader.readuntil(exchange[0].encode())
                writer.write(exchange[1].encode())
            if self.wait:
                await reader.readuntil(self.wait.encode())
            await getattr(self, self.ending)(reader, writer)
        self.alive.discard(writer)
        writer.close()

    async def close(self, _, writer):
        writer.close()

    async def reset(self, _, writer):
        writer.transport.abort()

    async def silent(self, reader, _):
        await reader.read(-1)  # until nxb leaves

    async def dawdle(self, reader, writer):
        """A byte now and then, and never all of it."""
        gone = asyncio.ensure_future(reader.read(-1))
        for byte in (HEADER + "<stream:features>" + " " * 10_000).encode():
            if gone.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait({gone}, timeout=0.05)
        gone.cancel()

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()


@contextlib.asynccontextmanager
async def played(ending, rows=None, **upstream):
    """nxb with a player for each row: nxb, {domain: (player, row)}."""
    with Folder() as folder:
        rows = rows or STEPS
        names = {row[0] + ".example": row for row in rows}
        certificates(folder, *names)
        players = {name: await Player(row[1], row[2], ending, server_context(folder, name)).start() for name, row in names.items()}
        domains = [domain(name, player.port, tls="required", tls_ca=str(folder / "ca.crt")) for name, player in players.items()]
        async with Nxb(workers=1, domains=domains, upstream=upstream) as nxb:
            yield nxb, {name: (player, names[name]) for name, player in players.items()}
        for player in players.values():
            await player.stop()


def failures(nxb):
    """{domain: [stream.failed lines]}"""
    found = {}
    for line in nxb.log().splitlines():
        if "event=stream.failed" in line:
            found.setdefault(re.search(r" domain=(\S+)", line)[1], []).append(line)
    return found


async def nothing_left(nxb, players, before):
    for player, _ in players.values():
        await until("nxb closes its connection", lambda: not player.alive)
    await until("no session and no stream is left", lambda: nxb.none_left())
    await until("descriptors are back", lambda: returned(nxb, before))


async def returned(nxb, before):
    return descriptors(await nxb.pids()) <= before


async def play_all(ending, column, **upstream):
    async with played(ending, **upstream) as (nxb, players):
        before = descriptors(await nxb.pids())
        clock = asyncio.get_running_loop()
        began = clock.time()
        conditions = await asyncio.gather(*(refused(nxb, name) for name in players))
        took = clock.time() - began
        same(set(conditions), {"remote-connection-failed"}, "conditions")
        stages = [row[3] for _, row in players.values()]
        for name, (player, row) in players.items():
            same(player.accepted, 1, f"{name}: connections")
            lines = failures(nxb).get(name, [])
            same(len(lines), 1, f"{name}: lines in the log")
            for part in (f"stage={row[3]}", f"target=127.0.0.1:{player.port}", "client=127.0.0.1", row[column]):
                expect(part in lines[0], f"{name}: {part!r} is not in {lines[0]}")
            expect(re.search(r" sid=[0-9a-f]{8} ", lines[0]), f"{name}: no session in {lines[0]}")
        total = await nxb.total()
        same({stage: total[f"streams_failed_{stage}"] for stage in ("policy", "dns", "tcp", "tls", "stream")},
             {"policy": 0, "dns": 0, "tcp": 0, "tls": stages.count("tls"), "stream": stages.count("stream")}, "counters")
        same((total["streams_failed"], total["streams_opened"]), (len(stages), 0), "all streams")
        await nothing_left(nxb, players, before)
        return took


@case("a server that closes after each step of the set-up: remote-connection-failed at once, one line with stage and reason, nothing left (U-64 U-65 U-66)")
async def closes():
    await play_all("close", 4, setup_timeout="600s")


@case("a server that falls silent after each step: all of them end with setup_timeout (U-17 U-64 U-65)")
async def silences():
    took = await play_all("silent", 5, setup_timeout="1s")
    expect(took >= 1.0, f"after {took} s")


@case("a server that resets the connection after each step: remote-connection-failed, nothing left (U-64 U-66)")
async def resets():
    async with played("reset", setup_timeout="600s") as (nxb, players):
        before = descriptors(await nxb.pids())
        for name in players:
            same(await refused(nxb, name), "remote-connection-failed", name)
        same({name: len(lines) for name, lines in failures(nxb).items()}, dict.fromkeys(players, 1), "lines in the log")
        await nothing_left(nxb, players, before)


@case("a server that sends a byte now and then gains no time by it (U-17 U-64)")
async def dawdles():
    async with played("dawdle", STEPS[1:2], setup_timeout="1s") as (nxb, players):
        before = descriptors(await nxb.pids())
        same(await refused(nxb, "header-heard.example"), "remote-connection-failed", "condition")
        expect("in time" in failures(nxb)["header-heard.example"][0], "the reason")
        await nothing_left(nxb, players, before)


@case("a client that goes while its server is silent takes the connection with it (U-17)")
async def client_gone():
    async with played("silent", STEPS[1:2], setup_timeout="600s") as (nxb, players):
        before = descriptors(await nxb.pids())
        player = players["header-heard.example"][0]
        client = await XmppSocket.to(nxb.port)
        client.say(open_tag("header-heard.example"))
        await until("the server has it", lambda: player.accepted == 1)
        client.transport.close()
        await nothing_left(nxb, players, before)
        same(await nxb.counter("streams_failed"), 0, "failed streams")


@case("the firewall is asked on every way in: creation, added stream, WebSocket in both framings; nothing is connected to (U-02 U-63)")
async def every_way_in():
    open_server = await XmppServer("open.example").start()
    denied = await XmppServer("denied.example").start()
    async with Nxb(workers=1, domains=[domain("open.example", open_server.port), domain("denied.example", denied.port)],
                   upstream={"deny": [".denied.example"]}) as nxb:
        for name in ("denied.example", "DENIED.example.", "sub.denied.example"):
            same(await refused(nxb, name), "host-unknown", f"creation for {name}")
            session = await Session(OwnConnections(nxb.port), "open.example").open()
            answer = await session.send(to=name, **{"xml:lang": "en"})
            while answer.get("condition") is None:
                answer = await session.send()
            same(answer.condition, "host-unknown", f"added stream for {name}")
            for first in (open_tag(name), f"<stream:stream to='{name}' xmlns='jabber:client' xmlns:stream='{STREAM}' version='1.0'>"):
                client = await XmppSocket.to(nxb.port)
                client.say(first)
                heard = ""
                with contextlib.suppress(Ended):
                    while "host-unknown" not in heard:
                        heard += await client.text()
                expect("host-unknown" in heard, f"{first}: {heard}")
                client.reset()
        same(await nxb.counter("streams_failed_policy"), 12, "refusals")
    same(denied.streams, [], "connections")


@case("nobody listens, at several addresses: each is named in the log, and the client hears remote-connection-failed (U-11 U-64)")
async def nobody():
    port = free_port()
    async with Nxb(workers=1, domains=[{"name": "down.example", "target": f"localhost:{port}"}]) as nxb:
        same(await refused(nxb, "down.example"), "remote-connection-failed", "condition")
        (line,) = failures(nxb)["down.example"]
        for part in ("stage=tcp", f"connection refused by 127.0.0.1:{port} (localhost)", f"[::1]:{port}"):
            expect(part in line, f"{part!r} is not in {line}")
        same(await nxb.counter("streams_failed_tcp"), 1, "counter")


@case("a stream that comes up is told at debug, with the time that each part took; no stream.failed (U-17)")
async def comes_up():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, log={"level": "DEBUG"}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        lines = [line for line in nxb.log().splitlines() if "event=stream.open" in line]
        same(len(lines), 1, "lines")
        for part in ("domain=test.example", f"target=127.0.0.1:{server.port}", "tls=none", "dns_ms=", "tcp_ms=", "tls_ms=", "stream_ms="):
            expect(part in lines[0], f"{part!r} is not in {lines[0]}")
        await asyncio.wait_for(session.terminate(), PATIENCE)
        same(failures(nxb), {}, "failures")


if __name__ == "__main__":
    main()

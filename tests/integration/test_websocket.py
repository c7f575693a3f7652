"""test_websocket.py - XMPP over WebSocket with real processes: handshake, sessions, their ends, and where they live.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal

from harness.bosh import OwnConnections, Session, together
from harness.connection import fetch_alone
from harness.nxb import Nxb, alive
from harness.runner import PATIENCE, case, expect, main, same, scaled, until
from harness.websocket import (CLOSE, CLOSED, FRAMING, PING, STREAM, TEXT, Ended, WebSocket, XmppSocket, frame, handshake,
                               message, open_tag)
from harness.xmpp_server import XmppServer


def get(path, fields=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


async def status_of(nxb, request):
    client = await WebSocket.begin(nxb.port)
    client.send_raw(request)
    status = await client.answer()
    client.reset()
    return status


@case("handshakes: accepted on both paths, by key, version, protocol and origin (W-01 W-02 W-03 W-04 W-05 W-06 W-07 W-08 W-09 C-56)")
async def handshakes():
    allowed = "https://chat.example"
    async with Nxb(workers=2, http={"allowed_origins": [allowed]}) as nxb:
        for path in ("/xmpp-websocket", "/xmpp-websocket/", "/http-bind"):
            (await WebSocket.to(nxb.port, path, Origin=allowed)).reset()
        deflate = await WebSocket.to(nxb.port, Sec_WebSocket_Extensions="permessage-deflate")
        expect("sec-websocket-extensions" not in deflate.headers, "an extension that is not configured")
        (await WebSocket.to(nxb.port, Sec_WebSocket_Protocol=None)).reset()
        (await WebSocket.to(nxb.port, Sec_WebSocket_Protocol="chat, xmpp")).reset()
        (await WebSocket.to(nxb.port, Connection="keep-alive, upgrade", Upgrade="h2c, WebSocket")).reset()
        for wanted, request in (
                (400, handshake(Sec_WebSocket_Key=None)), (400, handshake(Sec_WebSocket_Key="c2hvcnQ=")),
                (400, handshake(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAAA=")), (400, handshake(Host=None)),
                (400, handshake(Sec_WebSocket_Protocol="chat")), (400, handshake(Content_Length="2") + b"hi"),
                (426, handshake(Sec_WebSocket_Version="8")), (426, handshake(Sec_WebSocket_Version=None)),
                (403, handshake(Origin="https://evil.example")), (404, handshake("/elsewhere")),
                (200, handshake(Upgrade="h2c")), (200, handshake(Connection="keep-alive")), (200, get("/xmpp-websocket"))):
            same(await status_of(nxb, request), wanted, f"status of {request}")
        old = await WebSocket.begin(nxb.port)
        old.send_raw(handshake(Sec_WebSocket_Version="8"))
        same((await old.answer(), old.headers["sec-websocket-version"], old.headers["upgrade"]), (426, "13", "websocket"), "426")


@case("bytes sent with the handshake are frames (W-09); an answer owed before it comes first")
async def early_bytes():
    async with Nxb(workers=2) as nxb:
        client = await XmppSocket.to(nxb.port, early=frame(TEXT, open_tag()))
        same((await client.element()).tag, f"{{{FRAMING}}}open", "answer to an early <open/>")
        behind = await WebSocket.begin(nxb.port)
        behind.send_raw(get("/healthz") + handshake() + frame(PING, "early"))
        await until("both were answered", lambda: behind.status and b"HTTP/1.1 101" in behind.buffer)
        same(behind.status, 200, "the first answer")
        await until("the ping was answered", lambda: behind.buffer.endswith(b"\x8a\x05early"))


@case("login, restart, messages and a close over the built-in peer and a server "
      "(W-20 W-29 W-32 W-34 W-35 W-38 W-42 W-44)")
async def session():
    server = await XmppServer().start()
    for upstream in (None, server):
        async with Nxb(upstream, workers=2) as nxb:
            client = await (await XmppSocket.to(nxb.port)).login("romeo" if upstream else None)
            same(client.opened.get("from"), "test.example", "from of the <open/>")
            if upstream:
                same(client.opened.get("id"), f"id-{server.counter - 1}", "id of the <open/> is the server's")
            await client.echo("small")
            await client.echo("large", "é" * 60_000)
            await client.goodbye()
            await until("the session is over", lambda: nxb.none_left("sessions", "connections", "streams"))
    same(len(server.streams), 1, "streams at the server: a restart stays on its own")
    await asyncio.wait_for(server.streams[0].gone, PATIENCE)
    expect(server.streams[0].closed_politely, "no end tag for the server")


@case("the log says whose handshake was refused and why, and how each session ended, begun or not (W-07)")
async def logged():
    async with Nxb(workers=1, http={"allowed_origins": ["https://chat.example"]}) as nxb:
        same(await status_of(nxb, handshake(Origin="https://evil.example")), 403, "status")
        await logs(nxb, "edge.handshake_refused", "client=127.0.0.1 status=403 ", "allowed_origins", " origin=https://evil.example")
        for path in ("/xmpp-websocket", "/http-bind"):  # as nginx passes one on that was not told of Upgrade
            stripped = handshake(path, Upgrade=None, Connection=None)
            same(await status_of(nxb, stripped), 200, "status")
        await logs(nxb, "edge.handshake_refused", "client=127.0.0.1 status=200 ", "without Upgrade and Connection: a proxy in front")
        same(await status_of(nxb, handshake("/elsewhere")), 404, "status")
        await logs(nxb, "edge.handshake_refused", "client=127.0.0.1 status=404 ")
        (await WebSocket.to(nxb.port)).reset()  # without a stream
        await logs(nxb, "session.end", "kind=websocket", " client=127.0.0.1 ", 'why="connection lost"')
        tab = await XmppSocket.to(nxb.port)
        await tab.open()
        tab.send(CLOSE, b"\x03\xe9")
        await tab.closed()
        await logs(nxb, "session.end", 'why="closed without goodbye"', " close=1001 ")


async def logs(nxb, event, *parts):
    """A line of this event with all of these parts."""
    def lines():
        return [line for line in nxb.log().splitlines() if f"event={event} " in line]
    await until(f"{event} with {parts}", lambda: any(all(part in line for part in parts) for line in lines()))


@case("what two users say to each other arrives in order, over BOSH and WebSocket (W-35)")
async def two_kinds():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        romeo = await (await XmppSocket.to(nxb.port)).login("romeo")
        juliet = await Session(OwnConnections(nxb.port)).login("juliet")
        for number in range(20):
            romeo.say(message(f"m{number}", juliet.jid))
        heard = []
        while len(heard) < 20:
            heard += (await juliet.send()).message_ids()
        same(heard, [f"m{number}" for number in range(20)], "what juliet heard")
        held = asyncio.ensure_future(juliet.send(message("back", romeo.jid)))
        same((await romeo.element()).get("id"), "back", "what romeo heard")
        held.cancel()


@case("the server ends the stream: its last words, <close/>, Close 1000 (W-22 W-41); an error of it comes whole")
async def server_ends():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        client = await (await XmppSocket.to(nxb.port)).login("romeo")
        server.streams[-1].send("<message id='last'/></stream:stream>")
        same((await client.element()).get("id"), "last", "last words")
        same(await client.text(), CLOSED, "<close/>")
        client.say(CLOSED)
        same(await client.closed(), 1000, "Close")
        client = await (await XmppSocket.to(nxb.port)).login("romeo")
        server.streams[-1].send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        same((await client.element())[0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}conflict", "the error")
        same(await client.text(), CLOSED, "<close/>")
        same(await client.closed(), 1000, "Close")
        client = await (await XmppSocket.to(nxb.port)).login("romeo")
        server.streams[-1].transport.abort()
        same((await client.element()).tag, f"{{{STREAM}}}error", "a lost server")
        same(await client.text(), CLOSED, "<close/>")
        await client.closed()


@case("a connection that is lost ends its stream, and a half-closed one, too (W-45 U-58)")
async def lost():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        for lose in (lambda client: client.reset(), lambda client: client.transport.write_eof()):
            client = await (await XmppSocket.to(nxb.port)).login("romeo")
            lose(client)
            await asyncio.wait_for(server.streams[-1].gone, PATIENCE)
            await until("the session is over", lambda: nxb.none_left("sessions", "connections", "streams"))


@case("the framing of the draft, closed by its end tag; not if it is switched off (W-50 W-51 W-52 W-53 D-60)")
async def legacy():
    header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='test.example' version='1.0'"
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        for end in ("/>", ">"):
            client = await WebSocket.to(nxb.port, Sec_WebSocket_Protocol=None)
            client.say(header + end)
            answer = await client.text()
            expect(answer.startswith("<stream:stream ") and answer.endswith("/>") == (end == "/>"), f"header: {answer}")
            same((await client.element()).tag, f"{{{STREAM}}}features", "features")
            client.say("</stream:stream>")
            same(await client.text(), "</stream:stream>", "answer to the end tag")
            client.send(CLOSE, b"\x03\xe8")
            same(await client.closed(), 1000, "Close")
    async with Nxb(workers=1, websocket={"legacy_framing": False}) as nxb:
        client = await WebSocket.to(nxb.port)
        client.say(header + ">")
        texts = []
        while True:
            try:
                texts.append(await client.text())
            except Ended:
                break
        expect(any("bad-format" in text for text in texts), f"legacy framing that is off: {texts}")


@case("pings keep a silent client, which answers; one that does not is lost (W-25 C-18); the client's are answered (W-24)")
async def pings():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, websocket={"ping_interval": "1s"}) as nxb:
        good = await (await XmppSocket.to(nxb.port)).login("romeo")
        bad = await (await XmppSocket.to(nxb.port)).login("juliet")
        bad.answers_pings = False
        await bad.closed()
        await until("more pings", lambda: good.pings >= 3)
        expect(good.is_open, "a client that answers is kept")
        await until("juliet's stream is over", lambda: server.live == 1)
        good.send(PING, b"payload")
        await until("a pong", lambda: good.pongs == [b"payload"])


@case("SIGTERM tells each client system-shutdown, <close/> and Close 1001 (W-22 O-09), and nobody is waited for long")
async def shut_down():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        clients = [await (await XmppSocket.to(nxb.port)).login("romeo") for _ in range(4)]
        clients[0].answers_close = False
        await nxb.pids()
        nxb.process.send_signal(signal.SIGTERM)
        for client in clients:
            same((await client.element())[0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}system-shutdown", "stream error")
            same(await client.text(), CLOSED, "<close/>")
            same(await client.closed(), 1001, "code of the Close")
        same(await asyncio.wait_for(nxb.process.wait(), 10), 0, "exit code")
        for stream in server.streams:
            await asyncio.wait_for(stream.gone, PATIENCE)
            expect(stream.closed_politely, "the XMPP stream was not closed with its end tag")
        await until("no worker is left", lambda: not any(alive(pid) for pid in nxb.all_pids))
        nxb.check_log()
        nxb.stop = nothing


async def nothing():
    pass


@case("a worker that is killed takes its own WebSockets along, no others; gauges follow, and new ones are served (O-05 D-65)")
async def killed():
    async with Nxb(workers=2) as nxb:
        pids = await nxb.pids()
        clients = [await (await XmppSocket.to(nxb.port)).login() for _ in range(16)]
        owners = [client.owner(pids) for client in clients]
        expect(all(owners.count(pid) >= 4 for pid in pids), f"not on both workers: {owners}")
        os.kill(pids[0], signal.SIGKILL)
        for client, owner in zip(clients, owners):
            if owner == pids[0]:
                same(await client.closed(), None, "a killed worker says nothing")
            else:
                await client.echo("still")
        await until("it was replaced", lambda: replaced(nxb, pids))
        same(await nxb.counter("sessions"), owners.count(pids[1]), "sessions counted")
        for _ in range(8):
            await (await (await XmppSocket.to(nxb.port)).login()).echo("again")


async def replaced(nxb, before):
    now = await nxb.pids()
    return len(now) == len(before) and now != before and all(row["state"] == "ready" for row in await nxb.worker_rows())


@case("2,000 WebSockets on four workers: the largest and the smallest differ by less than a tenth of the mean", within=120)
async def balance():
    count = scaled(2_000, 200)
    async with Nxb(workers=4) as nxb:
        async def one(_):
            client = await XmppSocket.to(nxb.port)
            await client.open()
            return client
        clients = await together((one(number) for number in range(count)), 100)
        workers = [row["counters"]["sessions"] for row in (await nxb.admin("stats"))["workers"]]
        same(sum(workers), count, "sessions")
        expect(max(workers) - min(workers) < count / 4 / 10, f"sessions by worker: {workers}")
        for client in clients:
            client.reset()
        await until("all are over", lambda: nxb.none_left("sessions", "connections", "streams"), 30)


@case("host-meta tells the configured URLs to every origin, and is not there without them (W-11)")
async def host_meta():
    urls = {"bosh_url": "https://chat.example/http-bind", "websocket_url": "wss://chat.example/xmpp-websocket"}
    async with Nxb(workers=1, discovery=urls, http={"allowed_origins": ["https://a.example"]}) as nxb:
        for path, kind in (("/.well-known/host-meta", "application/xrd+xml"), ("/.well-known/host-meta.json", "application/json")):
            answer = await fetch_alone(nxb.port, get(path, "Origin: https://b.example\r\n"))
            same((answer.status, answer.headers["content-type"]), (200, kind), path)
            same(answer.headers["access-control-allow-origin"], "*", "CORS")
            expect(all(url in answer.text for url in urls.values()), answer.text)
    async with Nxb(workers=1) as nxb:
        same((await fetch_alone(nxb.port, get("/.well-known/host-meta"))).status, 404, "host-meta without URLs")


@case("see_other_uri sends WebSocket clients on (W-46); the server's domain is the default one if none is named (B-17)")
async def elsewhere():
    async with Nxb(workers=1, websocket={"see_other_uri": "wss://other.example/ws"}) as nxb:
        client = await XmppSocket.to(nxb.port)
        client.say(open_tag())
        same((await client.element()).tag, f"{{{FRAMING}}}open", "open comes first")
        same((await client.element()).get("see-other-uri"), "wss://other.example/ws", "where to go")
        await client.closed()
    async with Nxb(workers=1, upstream={"default_domain": "test.example"}) as nxb:
        client = await XmppSocket.to(nxb.port)
        await client.open(to=None)


if __name__ == "__main__":
    main()

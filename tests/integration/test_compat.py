"""test_compat.py - what users of node-xmpp-bosh rely on, and what reaches the XMPP server of a client's wishes.

SPDX-License-Identifier: MIT
"""
import asyncio

from harness.bosh import STREAM, Body, OwnConnections, Session, body, message
from harness.connection import post
from harness.nxb import Nxb, domain
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import TLS, XmppServer

COMPRESS = "http://jabber.org/features/compress"


async def created(nxb, **attributes):
    """The answer to a creation request with these attributes and no others."""
    return Body(await OwnConnections(nxb.port).fetch(post(body(1, None, **attributes))))


@case("a client that names no domain gets the default one and is told which; without one it is refused (B-17)")
async def default_domain():
    server = await XmppServer("default.example").start()
    async with Nxb(workers=2, domains=[domain("default.example", server.port)], upstream={"default_domain": "default.example"}) as nxb:
        for attributes in ({}, {"to": ""}):
            answer = await created(nxb, ver="1.6", wait=60, hold=1, **attributes)
            same((answer.type, answer.get("from")), (None, "default.example"), f"with {attributes}")
            same(server.streams[-1].headers[0].get("to"), "default.example", "the server's name in the header")
        refused = await created(nxb, to="other example", ver="1.6")
        same((refused.type, refused.condition), ("terminate", "improper-addressing"), "another name")
    async with Nxb(workers=1, domains=[domain("default.example", server.port)]) as nxb:
        refused = await created(nxb, ver="1.6", wait=60, hold=1)
        same((refused.type, refused.condition), ("terminate", "improper-addressing"), "no default")


@case("a domain of former times is host-gone, in any spelling, and nothing is connected to (B-18)")
async def gone():
    server = await XmppServer("old.example").start()
    async with Nxb(workers=2, domains=[domain("old.example", server.port)], upstream={"gone": ["old.example", ".older.example"]}) as nxb:
        for to in ("old.example", "OLD.example.", "older.example", "chat.older.example"):
            answer = await created(nxb, to=to, ver="1.6")
            same((answer.http.status, answer.type, answer.condition), (200, "terminate", "host-gone"), to)
        same(server.streams, [], "connections to the server")


@case("xml:lang, xmpp:version and from of the client stand in the header, and not what it did not say (B-24 B-25 B-27 U-18 U-19)")
async def header():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        wishes = {"xml_lang": "de-CH", "xmpp_version": "1.1", "from": "alice@test.example"}
        await created(nxb, to="test.example", ver="1.6", **wishes)
        said = server.streams[0].headers[0]
        same((said["to"], said["version"], said.get("xml:lang"), said.get("from")),
             ("test.example", "1.1", "de-CH", "alice@test.example"), "the header")
        await created(nxb, to="Test.Example.", ver="1.6", **{"from": "alice@elsewhere.example"})
        silent = server.streams[1].headers[0]
        same((silent["to"], silent["version"], silent.get("xml:lang"), silent.get("from")), ("test.example", "1.0", None, None), "the header")


@case("route: off it is ignored, else it says where to connect and nothing more; what is refused leads nowhere (B-26 C-14 C-62 C-63 D-39 D-43)")
async def route():
    routed, usual = await XmppServer("usual.example").start(), await XmppServer("usual.example").start()
    there = f"xmpp:127.0.0.1:{routed.port}"
    domains = [domain("fixed.example", usual.port), {"name": "usual.example", "tls": "off"}]

    async def told(nxb, to, route):
        answer = await created(nxb, to=to, route=route, ver="1.6")
        return answer.condition if answer.type == "terminate" else "open"
    async with Nxb(workers=1, domains=[domain("usual.example", usual.port)]) as nxb:
        same([await told(nxb, "usual.example", one) for one in (there, "nonsense")], ["open", "open"], "off")
        same((len(routed.streams), len(usual.streams)), (0, 2), "connections")
    open_to_all = {"route": "any", "allow_private_targets": True}
    async with Nxb(workers=2, domains=domains, upstream=open_to_all) as nxb:
        same(await told(nxb, "usual.example", there), "open", "any")
        same(routed.streams[-1].headers[0]["to"], "usual.example", "to in the header")
        same(await told(nxb, "usual.example", "xmpp://127.0.0.1:1"), "bad-request", "a URI")
        same(await told(nxb, "usual.example", f"http:127.0.0.1:{routed.port}"), "host-unknown", "another protocol")
        same(await told(nxb, "usual.example", "xmpp:127.0.0.1:1"), "remote-connection-failed", "nobody there")
        same(await told(nxb, "fixed.example", there), "open", "a target comes first")
        same((len(routed.streams), len(usual.streams)), (1, 3), "connections")
    for wanted, settings in (("host-unknown", {"route": "any"}),
                             ("host-unknown", {**open_to_all, "route": "filtered", "route_filter": ["10.0.0.0/8", "a.example"]}),
                             ("open", {**open_to_all, "route": "filtered", "route_filter": [f"127.0.0.1:{routed.port}"]})):
        async with Nxb(workers=1, domains=domains, upstream=settings) as nxb:
            same(await told(nxb, "usual.example", there), wanted, f"with {settings}")
    same((len(routed.streams), len(usual.streams)), (2, 3), "connections")


@case("stream_attrs of a restart stand in its header, escaped, and cannot change whom it is for (C-45 D-47)")
async def stream_attrs():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()

        async def restarted(**attributes):
            server.streams[0].restart()  # a new header is coming
            answer = await session.send("", xmpp_restart="true", **attributes)
            await session.until_payload(answer, f"{{{STREAM}}}features", "features")
            return server.streams[0].headers[-1]
        first = await restarted(stream_attrs='{"zone": "a\'<&\\"b", "to": "evil.example", "xmlns": "urn:evil", "n": 1}')
        same((first["to"], first["xmlns"], first.get("zone"), first.get("n")),
             ("test.example", "jabber:client", "a'<&\"b", None), "the header")
        same((await restarted(stream_attrs="{bad")).get("zone"), None, "bad JSON is none")
        same((await restarted()).get("zone"), None, "the next restart has its own")


@case("ua of the client is in the log line of start and end, escaped and cut at 256 bytes (C-44)")
async def user_agent():
    async with Nxb(workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port), "echo.example").open(ua='Chat "9"\nlevel=error ' + "x" * 300)
        await session.terminate()
        await until("the end is logged", lambda: "event=session.end" in nxb.log())
        for event in ("session.start", "session.end"):
            line = next(line for line in nxb.log().splitlines() if f"event={event}" in line)
            expect('ua="Chat \\"9\\"' in line, line)
            shown = line[line.index('ua="') + 4:]
            expect("x" * 200 in shown and "x" * 256 not in shown, line)


@case("payloads of the creation request wait for the features, and reach the server in order (B-28 C-65)")
async def early_payloads():
    server = await XmppServer().start()
    server.on_header = lambda stream: None
    async with Nxb(server, workers=1, bosh={"features_hold": "100ms"}) as nxb:
        session = Session(OwnConnections(nxb.port))
        wishes = {"to": session.domain, "ver": "1.6", "wait": 60, "hold": 1}
        answer = Body(await session.gate.fetch(post(body(session.next_rid(), None, message("first"), **wishes))))
        session.sid = answer.get("sid")
        held = asyncio.ensure_future(session.send(message("second")))
        stream = server.streams[0]

        async def both_are_here():
            return await nxb.counter("stanzas_from_clients") == 2
        await until("nxb has both", both_are_here)
        expect(b"<message" not in stream.received, "a stanza before the features")
        stream.send(server.header(stream) + server.features(stream))
        await until("both arrive", lambda: stream.received.count(b"</message>") == 2)
        expect(stream.received.index(b'id="first"') < stream.received.index(b'id="second"'), "out of order")
        await asyncio.wait_for(held, PATIENCE)


@case("starttls and compression are not shown to clients, all other features are, in their order (B-37 U-44)")
async def features():
    server = await XmppServer().start()
    server.features = lambda stream: (
        f"<stream:features><starttls xmlns='{TLS}'/><a xmlns='urn:1'/><compression xmlns='{COMPRESS}'><method>zlib</method>"
        f"</compression><b xmlns='urn:2'><compression xmlns='urn:3'/></b>{server._mechanisms()}</stream:features>")
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        seen = [one.tag for one in session.created.find(f"{{{STREAM}}}features")]
        same(seen, ["{urn:1}a", "{urn:2}b", "{urn:ietf:params:xml:ns:xmpp-sasl}mechanisms"], "features")
        expect(session.created.find(".//{urn:3}compression") is not None, "an element of another namespace is left alone")


@case("a restart: one header more on the same connection, to the same domain, payloads ignored, features when they come (B-99 B-100 B-101)")
async def restart():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        await session.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
        same(len(server.streams[0].headers), 1, "headers: success alone restarts nothing")
        answer = await session.send(message("ignored"), to="evil.example", xmpp_restart="1")
        await session.until_payload(answer, f"{{{STREAM}}}features", "features")
        stream = server.streams[0]
        same((len(server.streams), len(stream.headers)), (1, 2), "connections and headers")
        same(stream.headers[1]["to"], "test.example", "the domain that was judged")
        expect(b"ignored" not in stream.received, "a payload of the restart request")
        same(await nxb.counter("restarts"), 1, "restarts (C-68)")


@case("a stream error ends the session with the pending stanzas and the whole error (B-102 U-68)")
async def stream_error():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        server.streams[0].send("<message id='last'/><stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
        answer = await session.send()
        ids = answer.message_ids()
        if answer.type is None:
            answer = await session.send()
        same((ids, answer.type, answer.condition), (["last"], "terminate", "remote-stream-error"), "end")
        error = answer.find(f"{{{STREAM}}}error")
        expect(error is not None and error[0].tag == "{urn:ietf:params:xml:ns:xmpp-streams}conflict", f"{answer!r}")
        same(await nxb.counter("streams_closed_server"), 1, "streams_closed_server (C-75)")


@case("stanzas that nobody fetched go back to their senders: messages and requests with an error, presence not (B-103 C-70)")
async def bounces():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, bosh={"default_inactivity": 1, "max_inactivity": 1, "inactivity_grace": 0}) as nxb:
        await Session(OwnConnections(nxb.port)).login()
        stream = server.streams[0]
        stream.send("<message id='m' from='a@b' to='me' type='chat'><body>hi</body></message><presence from='a@b'/>"
                    "<iq id='q' type='get' from='a@b'><x xmlns='urn:x'/></iq><iq id='r' type='result' from='a@b'/>")
        await asyncio.wait_for(stream.gone, PATIENCE)
        said = bytes(stream.received).decode()
        expect("recipient-unavailable" in said and "service-unavailable" in said, said[-1500:])
        expect("<presence" not in said and "'r'" not in said, f"what is not to be bounced: {said[-1500:]}")
        expect(said.rstrip().endswith("</stream:stream>"), f"the end: {said[-200:]}")

        async def counted():  # after the stream was told
            return await nxb.counter("undelivered") >= 4
        await until("undelivered", counted)
        same(await nxb.counter("streams_closed_client"), 1, "streams_closed_client (C-67)")


@case("a client's <starttls/> is for nobody: the server does not see it, the session goes on (B-104)")
async def no_starttls_by_clients():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        answer = await session.send(f"<starttls xmlns='{TLS}'/>" + message("after"))
        await session.until_message(answer, "after")
        expect(TLS.encode() not in server.streams[0].received, "starttls reached the server")


@case("a client that ends is followed by </stream:stream>, one that is lost with a resumable stream is not (U-58 D-55)")
async def partings():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, bosh={"default_inactivity": 1, "max_inactivity": 1, "inactivity_grace": 0}) as nxb:
        polite = await Session(OwnConnections(nxb.port)).login()
        await polite.terminate()
        lost = await Session(OwnConnections(nxb.port)).login()
        stream = server.streams[1]
        stream.send("<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/><message id='m' from='a@b'/>")
        await lost.send()
        for each in server.streams:
            await asyncio.wait_for(each.gone, PATIENCE)
        same([each.closed_politely for each in server.streams], [True, False], "end tags")
        expect(b"recipient-unavailable" not in stream.received, "a bounce on a stream that its client may resume")


@case("what were events of node-xmpp-bosh are counters that nxbctl shows (C-66 C-69 C-73 C-74)")
async def counters():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        await session.echo("one")
        total = await nxb.total()
        same((total["streams_requested"], total["streams_opened"]), (1, 1), "streams")
        expect(total["stanzas_from_clients"] >= 3 and total["stanzas_to_clients"] >= 5, str(total))
        code, table = await nxb.ctl("stats")
        same(code, 0, "nxbctl")
        for name in ("streams_requested", "streams_closed_client", "streams_closed_server", "restarts"):
            expect(name in table, f"{name} in {table}")


if __name__ == "__main__":
    main()

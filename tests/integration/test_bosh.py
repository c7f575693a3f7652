"""test_bosh.py - BOSH through real processes, against a stub XMPP server: the wire examples of XEP-0124 and its clocks.

The state machine has unit and simulation tests of its own; here is what only the whole of nxb can show.
SPDX-License-Identifier: MIT
"""
import asyncio
import re

from harness.bosh import CLIENT, HTTPBIND, SASL, STREAM, Body, OwnConnections, Session, body, got, message
from harness.connection import Connection, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer


class Bench:
    """nxb with short times, one stub server, and a session per case."""

    def __init__(self, workers=2, **sections):
        self.workers, self.sections = workers, sections

    async def __aenter__(self):
        self.server = await XmppServer().start()
        self.nxb = await Nxb(self.server, workers=self.workers, **self.sections).start()
        return self

    async def __aexit__(self, *problem):
        await self.nxb.__aexit__(*problem)
        await self.server.stop()

    def session(self, rid=7001):
        return Session(OwnConnections(self.nxb.port), rid=rid)

    @property
    def stream(self):
        return self.server.streams[-1]

    def speak(self, id):
        self.stream.send(f"<message from='test.example' id='{id}'/>")

    async def ask(self, session, rid, payload="", **attributes):
        """A request on a connection of its own: (connection, future). Returns when nxb has read it."""
        connection = await Connection.to(self.nxb.port)
        answer = connection.ask(post(body(rid, session.sid, payload, **attributes)))
        await connection.arrived()
        return connection, answer

    async def holds(self, count):
        """A request that was read may still be on its way to the session's worker."""
        async def held():
            return await self.nxb.counter("requests_held") == count
        await until(f"{count} held", held)


@case("creation: what is granted, what is told, and the features in the first answer (C-38 B-19 B-20 B-21 B-22 B-29 B-30 B-34 B-35)")
async def creation():
    async with Bench() as bench:
        session = await bench.session().open(ack=1)
        told = session.created
        expect(re.fullmatch(r"[A-Za-z0-9_-]{22,64}", session.sid), f"sid {session.sid}")
        for name, value in {"wait": "55", "requests": "2", "hold": "1", "inactivity": "70", "ver": "1.6", "from": "test.example",
                            "xmpp:restartlogic": "true", "xmpp:version": "1.0"}.items():
            same(told.get(name), value, name)
        expect(told.get("authid", "").startswith("id-"), "authid is not the id of the server's stream")
        mechanisms = [one.text for one in told.element.iter(f"{{{SASL}}}mechanism")]
        same(mechanisms, ["PLAIN", "ANONYMOUS"], "mechanisms")
        expect(told.get("secure") is None and told.get("polling") is None and told.get("accept") is None, f"{told!r}")
        expect(told.raw.startswith(b"<body"), "the root has a prefix")
        header = bench.stream.headers[0]
        same((header["to"], header["version"], header["xml:lang"]), ("test.example", "1.0", "en"), "stream header")
        expect("from" not in header, "from without TLS")


@case("only rid and to are needed; hold and wait are granted down, never up (C-37 D-25 B-15 B-16 B-19 B-20 B-21)")
async def smallest_creation():
    async with Bench() as bench:
        gate = OwnConnections(bench.nxb.port)
        told = Body(await gate.fetch(post(body(1, None, "", to="test.example"))))
        same((told.get("wait"), told.get("hold"), told.get("requests"), told.get("ver")), ("55", "1", "2", "1.6"), "granted")
        told = Body(await gate.fetch(post(body(1, None, "", to="test.example", wait=5, hold=9, ver="1.99"))))
        same((told.get("wait"), told.get("hold"), told.get("requests"), told.get("ver")), ("5", "2", "3", "1.11"), "granted")
        told = Body(await gate.fetch(post(body(1, None, "", to="test.example", wait=0, ver="1.6"))))
        same(told.get("wait"), "0", "wait=0")


@case("nothing is compressed whatever the client would accept, and a compressed request is refused (B-04)")
async def compression():
    async with Bench() as bench:
        gate = OwnConnections(bench.nxb.port)
        creation = body(1, None, "", to="test.example", ver="1.6")
        answer = await gate.fetch(post(creation, headers={"Accept-Encoding": "gzip, deflate, br"}))
        expect("content-encoding" not in answer.headers, f"{answer!r}")
        expect(Body(answer).get("accept") is None, "accept")
        for coding in ("gzip", "deflate", "br"):
            same((await gate.fetch(post(creation, headers={"Content-Encoding": coding}))).status, 415, coding)
        same(await bench.nxb.counter("sessions_opened"), 1, "sessions")


@case("SASL, restart on the same connection to the server, bind (B-99 B-100 U-28)")
async def sasl_and_restart():
    async with Bench() as bench:
        session = await bench.session().login("alice", "desk")
        same(session.jid, "alice@test.example/desk", "jid")
        same(len(bench.server.streams), 1, "connections to the server")
        same(len(bench.stream.headers), 2, "stream headers")
        same(bytes(bench.stream.received).count(b"</stream:stream>"), 0, "end tags before the restart")
        same(bench.stream.headers[1]["to"], "test.example", "to of the second header")


@case("order and duplicates: the example of rids 7004 to 7010 (B-43 B-44 B-45 B-46 B-47 B-49 B-60 B-107)")
async def order_and_duplicates():
    async with Bench() as bench:
        session = await bench.session().login()
        base = session.rid  # the example's 7004
        _, first = await bench.ask(session, base)
        await bench.holds(1)
        _, second = await bench.ask(session, base + 1, f"<presence xmlns='{CLIENT}'/>")
        expect((await got(first)).is_empty, "7004")
        await until("the payload went upstream", lambda: b"<presence" in bench.stream.received)
        _, fourth = await bench.ask(session, base + 3, message("fourth"))
        expect(not fourth.done() and not second.done(), "a request ahead of a gap had an effect")
        bench.speak("s1")
        answer = await got(second)
        same(answer.message_ids(), ["s1"], "7005")
        expect(b"fourth" not in bench.stream.received, "7007 was forwarded before 7006")
        _, third = await bench.ask(session, base + 2, message("third"))
        same((await got(third)).type, None, "7006")
        await until("both went upstream", lambda: b"fourth" in bench.stream.received)
        sent = bytes(bench.stream.received)
        expect(sent.index(b"third") < sent.index(b"fourth"), "order at the server")
        # the echoes of third and fourth are on 7006, 7007 or still waiting; fetch them, then hold one
        answers = [await got(third), await got(fourth)]
        session.rid = base + 4
        ids = [id for one in answers for id in one.message_ids()]
        if "fourth" not in ids:
            ids += (await session.until_message(await session.send(), "fourth")).message_ids()
        same(ids, ["third", "fourth"], "echoes")
        held = session.next_rid()
        _, old = await bench.ask(session, held)
        await bench.holds(1)
        _, new = await bench.ask(session, held)
        same((await got(old)).type, "error", "the older connection of a repeated rid")
        expect(not new.done(), "the newer connection does not hold")
        again = await session.gate.fetch(post(body(held - 1, session.sid)))
        expect(Body(again).type is None, "the repeated answer")
        too_high = await got((await bench.ask(session, held + 3))[1])
        same((too_high.type, too_high.condition), ("terminate", "item-not-found"), "above the window")
        same((await got(new)).condition, "other-request", "the other open request")
        same(Body(await session.gate.fetch(post(body(held + 1, session.sid)))).condition, "item-not-found", "afterwards")


@case("a repeated request gets the identical bytes and is not done again (B-47 B-52 B-53)")
async def repeats():
    async with Bench() as bench:
        session = await bench.session().login()
        requests = [post(body(session.next_rid(), session.sid, message(id))) for id in ("once", "twice")]
        answers = [(await session.gate.fetch(data)).body for data in requests]
        for data, answer in [*zip(requests, answers), *zip(requests, answers)]:  # the last `requests` answers are kept
            same((await session.gate.fetch(data)).body, answer, "the repeated answer")
        for id in (b"once", b"twice"):
            same(bytes(bench.stream.received).count(id), 1, f"times that {id} was forwarded")
        same(await bench.nxb.counter("replays"), 4, "replays")


@case("a request whose connection died is repeated and gets what came meanwhile (B-49 B-54)")
async def died_and_repeated():
    async with Bench() as bench:
        session = await bench.session().login()
        rid = session.next_rid()
        connection, _ = await bench.ask(session, rid)
        connection.reset()
        await until("nxb saw it go", lambda: aborted(bench, 1))
        bench.speak("meanwhile")
        same(Body(await session.gate.fetch(post(body(rid, session.sid)))).message_ids(), ["meanwhile"], "answer")


async def aborted(bench, count):
    expect(await bench.nxb.counter("client_aborts") <= count, "client_aborts counts twice")
    return await bench.nxb.counter("client_aborts") == count


@case("a request whose connection died is passed over when the next one comes; nothing is lost (B-54)")
async def died_and_passed_over():
    async with Bench() as bench:
        session = await bench.session().login()
        connection, _ = await bench.ask(session, session.next_rid())
        connection.close()
        await until("nxb saw it go", lambda: aborted(bench, 1))
        bench.speak("kept")
        same((await session.send()).message_ids(), ["kept"], "answer of the next rid")


@case("wait: an empty answer after that long, and not before (B-61 B-62)")
async def wait_runs_out():
    async with Bench() as bench:
        session = await bench.session().login(wait=1)
        clock = asyncio.get_running_loop()
        began = clock.time()
        answer = await session.send()
        took = clock.time() - began
        expect(answer.is_empty, f"{answer!r}")
        same(answer.raw.replace(b'"', b"'"), f"<body xmlns='{HTTPBIND}'/>".encode(), "an empty answer")
        expect(0.95 <= took < 3, f"answered after {took:.2f} s")


@case("hold=2 keeps two requests, the third releases the oldest; wait=0 keeps none (B-60 B-61)")
async def hold():
    async with Bench() as bench:
        session = await bench.session().login(hold=2)
        answers = [(await bench.ask(session, session.next_rid()))[1] for _ in range(2)]
        await bench.holds(2)
        await bench.ask(session, session.next_rid())
        expect((await got(answers[0])).is_empty, "the oldest")
        expect(not answers[1].done(), "the second was answered")
        polling = await bench.session(rid=50).open(wait=0)
        await until("features came", lambda: polling_features(polling))
        expect((await asyncio.wait_for(polling.send(message("x")), 2)).type is None, "wait=0")


async def polling_features(session):
    """Answered at once, as wait=0 has it; not an empty request, of which B-79 allows one in five seconds."""
    answer = await asyncio.wait_for(session.send(f"<presence xmlns='{CLIENT}'/>"), 2)
    expect(answer.type is None, f"{answer!r}")
    return answer.find(f"{{{STREAM}}}features") is not None or session.created.find(f"{{{STREAM}}}features") is not None


@case("inactivity ends the session silently and its stream with it; a request in time keeps it (B-70 B-71 U-58)")
async def inactivity():
    async with Bench(bosh={"default_inactivity": 1, "inactivity_grace": "200ms"}) as bench:
        session = await bench.session().login(wait=1)
        same(session.created.get("inactivity"), "1", "told")
        await session.send()  # is held for longer than inactivity
        await session.echo("alive")
        stream = bench.stream
        await asyncio.wait_for(stream.gone, PATIENCE)
        expect(stream.closed_politely, "no end tag for the server")
        same((await session.send()).condition, "item-not-found", "afterwards")
        same(await bench.nxb.counter("sessions"), 0, "sessions")


@case("terminate: payloads go first, the held request is told, the server gets its end tag (B-80 B-81)")
async def terminate():
    async with Bench() as bench:
        session = await bench.session().login()
        _, held = await bench.ask(session, session.next_rid())
        ending = await session.send(f"<presence xmlns='{CLIENT}' type='unavailable'/>", type="terminate")
        answer = await got(held)
        same((answer.type, answer.condition), ("terminate", None), "the oldest open request")
        expect(ending.is_empty, f"the terminate request: {ending!r}")
        await asyncio.wait_for(bench.stream.gone, PATIENCE)
        sent = bytes(bench.stream.received)
        expect(0 < sent.find(b"unavailable") < sent.find(b"</stream:stream>"), "order at the server")


@case("the server ends the stream: what it said before is delivered, then terminate; a stream error comes along (B-83 B-102 U-67 U-68)")
async def server_ends():
    async with Bench() as bench:
        session = await bench.session().login()
        bench.speak("last words")
        bench.stream.send("</stream:stream>")
        answer = await session.send()
        if answer.type is None:
            same(answer.message_ids(), ["last words"], "first answer")
            answer = await session.send()
        else:
            same(answer.message_ids(), ["last words"], "with the terminate")
        same((answer.type, answer.condition), ("terminate", None), "end")

        session = await bench.session().login()
        _, held = await bench.ask(session, session.next_rid())
        bench.stream.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        answer = await got(held)
        same((answer.type, answer.condition), ("terminate", "remote-stream-error"), "stream error")
        expect(answer.find(f"{{{STREAM}}}error/{{urn:ietf:params:xml:ns:xmpp-streams}}conflict") is not None, f"{answer!r}")


@case("undelivered messages and requests are sent back to the server when a session ends (B-103)")
async def bounces():
    async with Bench(bosh={"default_inactivity": 1, "inactivity_grace": 0}) as bench:
        await bench.session().login("alice", "x")
        stream = bench.stream
        stream.send("<message from='a@test.example' to='alice@test.example/x' id='m' type='chat'><body>?</body></message>"
                    "<iq from='a@test.example' to='alice@test.example/x' id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
                    "<presence from='a@test.example' id='p'/>")
        await asyncio.wait_for(stream.gone, PATIENCE)
        sent = bytes(stream.received).decode()
        expect("recipient-unavailable" in sent, "no bounce of the message")
        expect("service-unavailable" in sent, "no bounce of the iq")
        expect(sent.rindex("recipient-unavailable") < sent.rindex("</stream:stream>"), "bounce after the end tag")
        same(sent.count("type='error'") + sent.count('type="error"'), 2, "bounces")


@case("stanzas pass byte for byte: namespaces, entities, CDATA, all of Unicode (B-08 B-10 B-11 B-12 B-13 U-25)")
async def bytes_pass():
    async with Bench() as bench:
        session = await bench.session().login()
        inner = "<body>a &amp; b &lt; \u20ac \U0001F600 &#x41;</body><x xmlns='urn:x'><![CDATA[<&>]]><y:z xmlns:y='urn:y' y:a='1'/></x>"
        await session.send(f"<message xmlns='{CLIENT}' id='exact'>{inner}</message>")
        await until("it is at the server", lambda: b"exact" in bench.stream.received)
        expect(inner.encode() in bytes(bench.stream.received), f"changed: {bytes(bench.stream.received)[-500:]}")
        data = f"<body rid='{session.next_rid()}' sid='{session.sid}' xmlns='{HTTPBIND}' xmlns:p='urn:p'><message id='inherit' to='nobody@test.example'><p:e/></message></body>"
        held = asyncio.ensure_future(session.gate.fetch(post(data)))
        await until("it is at the server", lambda: b"inherit" in bench.stream.received)
        sent = bytes(bench.stream.received)
        expect(b"httpbind" not in sent, "the BOSH namespace went upstream")
        expect(b"urn:p" in sent, "a prefix of <body/> is unbound upstream")
        bench.stream.send(f"<message id='down'>{inner}</message>")
        answer = await session.until_message(Body(await held), "down")
        expect(inner.encode() in answer.raw, f"changed: {answer.raw}")
        same([one.tag for one in answer.payloads if one.get("id") == "down"], [f"{{{CLIENT}}}message"], "its namespace")


@case("bad XML and bad attributes are bad-request; only what names a session ends one (B-05 B-06 B-07 B-08 B-16 B-17 B-42)")
async def bad_requests():
    async with Bench() as bench:
        gate = OwnConnections(bench.nxb.port)
        session = await bench.session().login()
        for text in ("", "hello", "<body", "<body xmlns='urn:other' rid='1' to='test.example'/>", "<?xml version='1.0'?><!DOCTYPE b><body/>",
                     f"<body xmlns='{HTTPBIND}' rid='1' to='test.example'><!-- c --></body>",
                     f"<body xmlns='{HTTPBIND}' rid='1' to='test.example'><?pi?></body>",
                     f"<body xmlns='{HTTPBIND}' rid='1' to='test.example'>text</body>",
                     f"<body xmlns='{HTTPBIND}' rid='1' to='test.example'>&nbsp;</body>",
                     f"<body xmlns='{HTTPBIND}' rid='1' sid='{session.sid}'><message></body>",
                     body(0, None, to="test.example"), body("x", None, to="test.example"), body(1 << 53, None, to="test.example"),
                     body(None, None, to="test.example")):
            answer = Body(await gate.fetch(post(text, headers={"Content-Length": str(len(text.encode()))})))
            same((answer.type, answer.condition), ("terminate", "bad-request"), text)
        same(Body(await gate.fetch(post(body(1, None, ver="1.6")))).condition, "improper-addressing", "no to")
        await session.echo("still alive")
        same(Body(await gate.fetch(post(body(None, session.sid)))).condition, "bad-request", "a sid without rid")
        expect((await session.send()).condition in ("item-not-found", "bad-request"), "afterwards")  # or the remembered one


@case("a client that said no ver gets the old HTTP status for a fatal condition (B-106)")
async def legacy_status():
    async with Bench() as bench:
        gate = OwnConnections(bench.nxb.port)
        session = await bench.session().open(ver=None)
        answer = await gate.fetch(post(body(session.rid + 10, session.sid)))
        same((answer.status, Body(answer).condition), (404, "item-not-found"), "legacy client")


@case("a gap that is never filled ends the session after gap_timeout (B-55)")
async def gap():
    async with Bench(bosh={"gap_timeout": "1s"}) as bench:
        session = await bench.session().login(wait=1)
        _, ahead = await bench.ask(session, session.rid + 1)
        answer = await got(ahead)
        same((answer.type, answer.condition), ("terminate", "item-not-found"), "request ahead of the gap")


@case("payloads in the creation request go to the server after its features (B-28)")
async def early_payloads():
    async with Bench() as bench:
        gate = OwnConnections(bench.nxb.port)
        await gate.fetch(post(body(1, None, f"<presence xmlns='{CLIENT}'/>", to="test.example", ver="1.6")))
        await until("it is at the server", lambda: b"<presence" in bench.stream.received)


if __name__ == "__main__":
    main()

"""test_defects.py - what made node-xmpp-bosh fall or lose things, at the wire: it does not happen here.

Each case does what did the damage then, and looks at the bystanders too: the same workers, and another session that goes on.
Defects that the session machine shows by itself are in tests/unit/worker/bosh; those of the HTTP edge and of the XMPP side
have cases in test_http.py and test_upstream.py.
SPDX-License-Identifier: MIT
"""
import asyncio

from harness.bosh import HTTPBIND, Body, OwnConnections, Session, body, got, message
from harness.connection import Connection, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer

BUILT_IN = ("constructor", "__proto__", "hasOwnProperty", "toString", "prototype", "length")


class Bystander:
    """nxb, a server, a session that must notice nothing, and a gate for the evil."""

    async def __aenter__(self):
        self.server = await XmppServer().start()
        self.nxb = await Nxb(self.server, workers=2, bosh={"gap_timeout": "2s"}).start()
        try:
            self.session = await self.new_session().login()
            self.pids = await self.nxb.pids()
        except BaseException:
            await self.nxb.end_by_force()
            raise
        self.gate = OwnConnections(self.nxb.port)
        return self

    async def __aexit__(self, kind, problem, trace):
        if problem is None:
            await self.session.echo("unharmed")
            same(await self.nxb.pids(), self.pids, "workers")
            same(await self.nxb.counter("bugs_seen"), 0, "bugs seen")
        await self.nxb.__aexit__(kind, problem, trace)
        await self.server.stop()

    def new_session(self):
        return Session(OwnConnections(self.nxb.port))

    async def answer_to(self, xml):
        return Body(await self.gate.fetch(post(xml)))

    async def ask(self, session, rid, payload=""):
        """On a connection of its own; the future of the answer. Returns when the request was read."""
        connection = await Connection.to(self.nxb.port)
        answer = connection.ask(post(body(rid, session.sid, payload)))
        await connection.arrived()
        return answer


def ended(answer, condition):
    same((answer.http.status, answer.type, answer.condition), (200, "terminate", condition), f"{answer!r}")


@case("a sid or a stream named like something built in is an unknown one, and nothing falls (D-01 B-29 B-41 B-92)")
async def built_in_names():
    async with Bystander() as it:
        for name in BUILT_IN:
            ended(await it.answer_to(body(7, name)), "item-not-found")
            ended(await it.answer_to(body(7, name, "", type="terminate")), "item-not-found")
            victim = await it.new_session().login()
            ended(await victim.send(message("x"), stream=name), "item-not-found")


@case("attributes named like methods are ignored like all that nobody knows (D-02 B-14)")
async def method_names():
    async with Bystander() as it:
        for name in BUILT_IN:
            attribute = f"<body {name}='x'"
            created = await it.answer_to(body(7, None, "", to="test.example", ver="1.6").replace("<body", attribute))
            expect(created.get("sid"), f"{created!r}")
            xml = body(it.session.next_rid(), it.session.sid, message(name)).replace("<body", attribute, 1)
            await it.session.until_message(await it.session.send_exactly(xml), name)


@case("a rid with a fraction ends its session, not the worker (D-05 B-16 B-42)")
async def fractions():
    async with Bystander() as it:
        for rid in ("101.5", "1e3", "0x10", "-1", "NaN", "9007199254740992"):
            victim = await it.new_session().login()
            ended(await victim.send_exactly(body(rid, victim.sid)), "bad-request")
        ended(await it.answer_to(body("101.5", None, "", to="test.example", ver="1.6")), "bad-request")


@case("a held request that is repeated gets what the server says next; the older connection does not (D-06 B-49)")
async def repeated_while_held():
    async with Bystander() as it:
        session = await it.new_session().login()
        rid = session.next_rid()
        older = await it.ask(session, rid)
        await until("it is held", lambda: is_held(it, 1))
        newest = await it.ask(session, rid)
        same((await got(older)).type, "error", "the older one")
        await until("the newest one waits", lambda: is_held(it, 1))
        it.server.streams[-1].send("<message id='real'/>")
        same((await got(newest)).message_ids(), ["real"], "the newest one")


@case("an early request that is repeated is queued once: the newer connection is answered, its payload sent once (D-07 B-49)")
async def repeated_while_early():
    async with Bystander() as it:
        session = await it.new_session().login()
        rid = session.rid
        older = await it.ask(session, rid + 1, message("early"))
        await until("it waits", lambda: is_held(it, 1))
        newest = await it.ask(session, rid + 1, message("early"))
        same((await got(older)).type, "error", "the older one")
        missing = await it.ask(session, rid)
        expect((await got(missing)).is_empty, "the missing one is the older of two: its answer has nothing")
        same((await got(newest)).message_ids(), ["early"], "the newest one")
        same(bytes(it.server.streams[-1].received).count(b"early"), 1, "times it was sent")


async def is_held(it, count):
    return await it.nxb.counter("requests_held") == count


@case("what the server says waits for a rid that is missing, and the late request is served (D-08 D-09 B-44)")
async def no_overtaking():
    async with Bystander() as it:
        session = await it.new_session().login()
        rid = session.rid
        early = await it.ask(session, rid + 1)
        it.server.streams[-1].send("<message id='first'/>")
        await it.session.echo("a turn of everybody")
        expect(not early.done(), "the early request was answered before its turn")
        late = await got(await it.ask(session, rid))
        same((late.type, late.condition, late.message_ids()), (None, None, ["first"]), "the late request")
        it.server.streams[-1].send("<message id='second'/>")
        same((await got(early)).message_ids(), ["second"], "the early request")


@case("a rid that never comes ends the session in time, whatever else is sent meanwhile (D-11 B-55)")
async def lost_for_ever():
    async with Bystander() as it:
        session = await it.new_session().login()
        answer = await it.ask(session, session.rid + 1)
        for _ in range(3):
            answer = await it.ask(session, session.rid + 1)
        ended(await got(answer), "item-not-found")


@case("the server's last words reach a client that had no request open (D-12 B-83 B-102)")
async def last_words():
    async with Bystander() as it:
        session = await it.new_session().login()
        stream = it.server.streams[-1]
        error = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        stream.send(f"<message id='last'/><stream:error>{error}</stream:error></stream:stream>")
        await asyncio.wait_for(asyncio.shield(stream.gone), PATIENCE)
        answer = await session.send()
        ended(answer, "remote-stream-error")
        same(answer.message_ids(), ["last"], "before the error")
        expect(b"conflict" in answer.raw, f"the error is missing: {answer!r}")


@case("no session writes into another's stream: its name is unknown there (D-13 B-92)")
async def foreign_stream():
    async with Bystander() as it:
        thief = await it.new_session().login()
        name = it.session.created.get("stream")
        expect(name, "the creation answer names no stream")
        ended(await thief.send(message("stolen"), stream=name), "item-not-found")
        expect(all(b"stolen" not in stream.received for stream in it.server.streams), "it was sent")


@case("content chooses the type of every answer of the session, late and refused ones too (D-21 B-23)")
async def content():
    async with Bystander() as it:
        session = it.new_session()
        await session.login(content="text/plain; charset=utf-8")
        answers = [session.created, await session.echo("late"),
                   await session.send_exactly(body(session.rid + 9, session.sid))]
        same(answers[-1].condition, "item-not-found", "the last one")
        same([one.http.headers["content-type"] for one in answers], ["text/plain; charset=utf-8"] * 3, "types")
        plain = await it.new_session().open()
        same(plain.created.http.headers["content-type"], "text/xml; charset=utf-8", "the usual type")


@case("a body that is not the whole document, or not of the BOSH namespace, asks for nothing (C-26 D-26 B-05)")
async def not_the_document():
    async with Bystander() as it:
        before = await it.nxb.counter("sessions_opened")
        good = body(7, None, "", to="test.example", ver="1.6")
        for bad in (good + good, f"junk{good}", f"{good}junk", f"<x>{good}</x>", good.replace(HTTPBIND, "urn:other"),
                    good.replace(f" xmlns='{HTTPBIND}'", "")):
            ended(await it.answer_to(bad), "bad-request")
        same(await it.nxb.counter("sessions_opened"), before, "sessions")


@case("broken XML of one client, in pieces or whole, never shows in another's request (D-27 B-06)")
async def two_parsers():
    async with Bystander() as it:
        broken = post(body(7, None, "<a><b>", to="test.example"))
        half = await Connection.to(it.nxb.port)
        half.send(broken[:-20])  # one is under way all the time
        for number in range(8):
            ended(await it.answer_to("<body xmlns='" + HTTPBIND + "'><unclosed"), "bad-request")
            await it.session.echo(f"between{number}")
        ended(Body(await half.fetch(broken[-20:])), "bad-request")


@case("sixty-four attributes pass, one more is bad-request (D-29 C-54 B-105)")
async def many_attributes():
    async with Bystander() as it:
        session = await it.new_session().login()
        own = 3  # rid, sid, xmlns
        answer = await session.send(message("many"), **{f"a{number}": "" for number in range(64 - own)})
        await session.until_message(answer, "many")
        ended(await session.send("", **{f"a{number}": "" for number in range(65 - own)}), "bad-request")


@case("prefixes declared on body are declared where they are used, and the server keeps the stream (D-52 B-12)")
async def prefixes():
    async with Bystander() as it:
        session = await it.new_session().login()
        payload = "<message to='nobody@test.example'><j:x j:y='1'/></message>"
        xml = body(session.next_rid(), session.sid, payload).replace("<body", "<body xmlns:j='urn:j'")
        held = asyncio.ensure_future(session.send_exactly(xml))
        await session.echo("goes on")
        expect((await held).is_empty, "the first request's answer")
        expect(b"xmlns:j='urn:j'" in it.server.streams[-1].received, "the declaration is missing")


@case("endings are remembered, but sessions that are over cost their server nothing (D-57 H-44)")
async def many_endings():
    async with Bystander() as it:
        for _ in range(50):
            session = await it.new_session().open()
            await session.terminate()
            session.gate.close()
        await until("only the bystander is left", lambda: only_one(it))
        await until("its server too", lambda: it.server.live == 1)


async def only_one(it):
    total = await it.nxb.total()
    return (total["sessions"], total["streams"], total["requests_held"]) == (1, 1, 0)


if __name__ == "__main__":
    main()

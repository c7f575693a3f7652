"""test_external.py - kind = "external": the operator's own program as the server side, and the examples of conf/examples.

SPDX-License-Identifier: MIT
"""
import asyncio
import shutil

from harness.bosh import CLIENT, STREAM, OwnConnections, Session, body, creation, message, refused
from harness.connection import Connection, post
from harness.nxb import Folder, Nxb
from harness.program import Example, Program
from harness.runner import PATIENCE, Skipped, case, expect, main, same, until
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer


def with_program(socket, workers=1, **sections):
    """An nxb for the program at this socket, quick to come back to it."""
    own = {"socket": str(socket), "reconnect_min": "20ms", "reconnect_max": "100ms"} | sections.pop("external", {})
    upstream = {"kind": "external"} | sections.pop("upstream", {})
    nxb = Nxb(None, workers=workers, external=own, **sections)
    nxb.sections["upstream"] = upstream
    return nxb


async def served(nxb):
    """Whether a session can log in just now."""
    if (await creation(nxb, "test.example")).type == "terminate":
        return False
    await (await Session(OwnConnections(nxb.port)).login()).echo("served")
    return True


def lines(nxb, event):
    return [line for line in nxb.log().splitlines() if f"event={event}" in line]


@case("the echo bot serves BOSH and WebSocket on several workers: SASL, restart, bind, echo (C-24 C-66 C-68 C-69 C-73 C-74 C-76)")
async def echo_bot():
    with Folder() as folder:
        async with Example("echo_bot.py", folder / "bot"), with_program(folder / "bot", workers=2) as nxb:
            for user in ("juliet", None, "romeo", None):
                session = await Session(OwnConnections(nxb.port)).login(user, "home")
                expect(session.jid.endswith("@test.example/home"), session.jid)
                expect(user is None or session.jid.startswith(user + "@"), session.jid)
                answer = await session.echo("m1", "a &lt; b \u00e4 \u2028")
                same(answer.find(f"{{{CLIENT}}}message/{{{CLIENT}}}body").text, "a < b \u00e4 \u2028", "what came back")
                same((await session.terminate()).type, "terminate", "answer to terminate")
                client = await (await XmppSocket.to(nxb.port)).login(user, resource="socket")
                expect(client.jid.endswith("@test.example/socket"), client.jid)
                await client.echo("m2")
                await client.goodbye()
            total = await nxb.total()
            same((total["streams_opened"], total["streams_failed"], total["restarts"]), (8, 0, 8), "counters")
            await until("no stream is left", lambda: nxb.none_left())
            same(len(lines(nxb, "external.up")), 2, "lines that say that the program is there")


@case("no program at the start, killed, restarted: refused at once meanwhile, served again; one log line for each (C-24 C-75)")
async def comes_and_goes():
    with Folder() as folder:
        async with with_program(folder / "bot") as nxb:
            same(await refused(nxb, "test.example"), "remote-connection-failed", "without a program")
            await until("the absence is told", lambda: lines(nxb, "external.lost"))
            async with Example("echo_bot.py", folder / "bot") as bot:
                await until("it is served", lambda: served(nxb), PATIENCE * 2)
                session = await Session(OwnConnections(nxb.port)).login()
                client = await (await XmppSocket.to(nxb.port)).login()
                held = asyncio.create_task(session.send())
                await bot.kill()  # with SIGKILL
                same((await held).condition, "remote-connection-failed", "what the BOSH client is told")
                expect("remote-connection-failed" in await client.text(), "what the WebSocket client is told")
            same(await refused(nxb, "test.example"), "remote-connection-failed", "while it is away")
            async with Example("echo_bot.py", folder / "bot"):
                await until("it is served again", lambda: served(nxb), PATIENCE * 2)
                same((len(lines(nxb, "external.lost")), len(lines(nxb, "external.up"))), (2, 2), f"lines of the log:\n{nxb.log()}")
                same(await nxb.counter("external_losses"), 1, "losses counted")


@case("a program that speaks nonsense is hung up on, with an error in the log, and tried again; its streams end (C-24)")
async def nonsense():
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(folder / "program", external={"max_message": "64KiB"}) as nxb:
            for text in ("nonsense\n", '{"type":"unheard-of"}\n', '{"type":"response","stream":1,"elements":"x"}\n', "x" * 70_000):
                await program.greet()
                opening = asyncio.create_task(Session(OwnConnections(nxb.port)).open())
                await program.add()
                session = await opening
                program.raw(text)
                same((await session.send()).condition, "remote-connection-failed", f"after {text[:50]!r}")
                await asyncio.wait_for(program.ended.wait(), PATIENCE)
            await program.greet()
            same((len(lines(nxb, "external.nonsense")), program.connections), (4, 5), "lines of the log, connections")


@case("an element that is none ends its stream with internal-server-error and no other; the program hears why (C-67 C-74)")
async def bad_element():
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(folder / "program") as nxb:
            await program.greet()
            sessions = []
            for _ in range(2):
                opening = asyncio.create_task(Session(OwnConnections(nxb.port)).open())
                number = (await program.add())["stream"]
                sessions.append((number, await opening))
            (bad, one), (good, other) = sessions
            program.say("response", bad, elements=["<message>"])
            same((await one.send()).condition, "internal-server-error", "what its client is told")
            await program.hears("stream-terminate", stream=bad, why="failed")
            program.say("response", good, elements=["<message id='fine'/>"])
            await other.until_message(await other.send(), "fine")
            expect("element 0 of response is not complete" in nxb.log(), "the log names it")


@case("a program that does not read: bounded, the greedy client ends with policy-violation, nxb serves on (U-36 U-70)")
async def does_not_read():
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(
                folder / "program", external={"timeout": "5m"}, bosh={"max_data_held": "2MB"}) as nxb:
            await program.greet()
            opening = asyncio.create_task(Session(OwnConnections(nxb.port)).open(wait=1))
            await program.add()
            session = await opening
            program.reads.clear()
            program.reader._transport.pause_reading()
            answer = None
            for _ in range(40):
                answer = await session.send(message("big", None, "x" * 400_000))
                if answer.type:
                    break
            same(answer.condition, "policy-violation", "what the client is told")
            same(await nxb.counter("sessions"), 0, "sessions left")
            program.reader._transport.resume_reading()
            program.reads.set()
            await program.hears("stream-terminate", why="failed")
            opening = asyncio.create_task(Session(OwnConnections(nxb.port)).open())
            await program.add()
            await opening


@case("what a client did not collect before it went silent is given back to the program, which can mail it (C-70 B-103)")
async def no_client():
    bosh = {"default_inactivity": "1s", "inactivity_grace": "0s"}
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(folder / "program", bosh=bosh) as nxb:
            await program.greet()
            opening = asyncio.create_task(Session(OwnConnections(nxb.port)).open())
            number = (await program.add())["stream"]
            await opening
            program.say("response", number, elements=["<message id='m1'><body>you there?</body></message>"])
            given = await program.hears("no-client", stream=number)
            same(given["elements"][-1], "<message xmlns='jabber:client' id='m1'><body>you there?</body></message>", "elements")
            same((await program.hears("stream-terminate", stream=number))["why"], "lost", "why")
            same(await nxb.counter("undelivered"), 1, "undelivered")
        async with Example("echo_bot.py", folder / "bot", "--mail") as bot, with_program(folder / "bot", bosh=bosh) as nxb:
            session = await Session(OwnConnections(nxb.port)).login("juliet")
            gone = await Connection.to(nxb.port)  # hangs up before the echo can reach it
            gone.send(post(body(session.next_rid(), session.sid, message("m1", "romeo@test.example", "it's late"))))
            gone.close()
            await until("the command is printed", lambda: "sendmail" in bot.said)
            expect("sendmail -i -- juliet@test.example" in bot.said, bot.said)


@case("acknowledged answers are told to the program (C-71)")
async def acknowledged():
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(folder / "program") as nxb:
            await program.greet()
            session = Session(OwnConnections(nxb.port))
            opening = asyncio.create_task(session.open(ack=1, wait=1))
            number = (await program.add())["stream"]
            await opening
            await session.send("", ack=session.rid - 1)
            await session.send("", ack=session.rid - 1)
            expect((await program.hears("response-acknowledged", stream=number))["count"] >= 1, "count")


@case("what the program is told of a client: who it is, where from, what it wants (C-44 C-45 C-66 C-68)")
async def told():
    with Folder() as folder:
        async with Program(folder / "program") as program, with_program(folder / "program", upstream={"deny": ["evil.example"]}) as nxb:
            await program.greet()
            same(await refused(nxb, "evil.example"), "host-unknown", "a denied domain (U-02)")
            session = Session(OwnConnections(nxb.port), "Test.example.")
            opening = asyncio.create_task(session.open(ua="tester/1", xml_lang="de", wait=1))
            said = await program.add()
            same([said[name] for name in ("to", "lang", "xmpp_version", "client", "ua")],
                 ["test.example", "de", "1.0", "127.0.0.1", "tester/1"], "stream-add")
            same((type(said["client_port"]), len(said["session"])), (int, 8), f"{said}")
            await opening
            restarting = asyncio.create_task(session.send("", to="test.example", xmpp_restart="true", stream_attrs='{"a":"b"}'))
            restart = await program.hears("stream-restart")
            same((restart["stream"], restart["attrs"]), (said["stream"], {"a": "b"}), "stream-restart")
            program.say("stream-restarted", said["stream"], features="<stream:features><x xmlns='urn:x'/></stream:features>")
            await session.until_payload(await restarting, f"{{{STREAM}}}features/{{urn:x}}x", "features")
            await session.terminate()
            same((await program.hears("stream-terminate"))["why"], "closed", "why")


@case("the rewriting example stands in front of an XMPP server and changes bodies, nothing else (C-24 C-69 C-74 C-75)")
async def rewriting():
    if not shutil.which("node"):
        raise Skipped("node is needed")
    server = await XmppServer().start()
    with Folder() as folder:
        async with Example("rewrite.mjs", folder / "rw", f"127.0.0.1:{server.port}"), with_program(folder / "rw", workers=2) as nxb:
            await until("it is connected to", lambda: len(lines(nxb, "external.up")) == 2)
            session = await Session(OwnConnections(nxb.port)).login("alice")
            answer = await session.echo("m1", "x &gt; y")
            same(answer.find(f"{{{CLIENT}}}message/{{{CLIENT}}}body").text, "x > y (seen by rewrite.mjs)", "the body")
            client = await (await XmppSocket.to(nxb.port)).login("bob")
            back = await client.echo("m2", "hello")
            same(back.findtext(f"{{{CLIENT}}}body"), "hello (seen by rewrite.mjs)", "the body")
            await client.goodbye()
            await server.stop()
            same((await session.send()).condition in ("remote-connection-failed", None), True, "its server is gone")


if __name__ == "__main__":
    main()

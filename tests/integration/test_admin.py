"""test_admin.py - what an operator does with sessions, and with nxb itself, with real processes.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import signal

from harness.admin import Admin, short
from harness.bosh import OwnConnections, Session
from harness.nxb import CTL, Nxb
from harness.runner import case, expect, main, same, until
from harness.terminal import Terminal
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer


async def ask(nxb, command, **arguments):
    admin = await Admin.to(nxb)
    try:
        return await admin.ask(command, **arguments)
    finally:
        admin.close()


async def new_session(nxb, **attributes):
    return await Session(OwnConnections(nxb.port)).login(**attributes)


@case("sessions: those of all workers, as a table and as JSON, filtered and bounded (O-16)")
async def sessions():
    async with Nxb(workers=3) as nxb:
        all_of_them = [await new_session(nxb) for _ in range(6)]
        socket = await (await XmppSocket.to(nxb.port)).login()
        told = await ask(nxb, "sessions")
        same((told["matching"], len(told["sessions"]), told["stuck"]), (7, 7, []), "all")
        same({row["sid"] for row in told["sessions"] if row["transport"] == "bosh"}, {short(one.sid) for one in all_of_them}, "sids")
        expect(len({row["worker"] for row in told["sessions"]}) > 1, f"all on one worker: {told}")
        ages = [row["age_seconds"] for row in told["sessions"]]
        same(ages, sorted(ages, reverse=True), "order")
        same((await ask(nxb, "sessions", transport="ws"))["matching"], 1, "WebSockets")
        same((await ask(nxb, "sessions", ip="127.0.0.0/8"))["matching"], 7, "of an address")
        same((await ask(nxb, "sessions", ip="192.0.2.1"))["matching"], 0, "of another")
        same((await ask(nxb, "sessions", domain="TEST.example"))["matching"], 7, "of a domain")
        told = await ask(nxb, "sessions", limit="2", sort="bytes")
        same((told["matching"], len(told["sessions"])), (7, 2), "two of them")
        code, text = await nxb.ctl("sessions", "--sort", "idle", "--limit", "3")
        lines = text.splitlines()
        expect(code == 0 and len(lines) == 5 and lines[0].startswith("sid ") and lines[-1] == "and 4 more", text)
        code, text = await nxb.ctl("sessions", "--sort", "size")
        expect(code == 1 and "sort is one of" in text, text)
        for one in all_of_them:
            await one.terminate()
        await socket.goodbye()


@case("sessions: a worker that hangs is named, those of the others are shown (O-16 O-13)")
async def sessions_of_a_hung_worker():
    async with Nxb(workers=2) as nxb:
        all_of_them = [await new_session(nxb) for _ in range(8)]
        rows = (await ask(nxb, "sessions"))["sessions"]
        victim = (await nxb.pids())[1]
        os.kill(victim, signal.SIGSTOP)
        try:
            told = await ask(nxb, "sessions")
            same((told["stuck"], {row["worker"] for row in told["sessions"]}), ([1], {0}), "who answers")
            same(told["matching"], sum(row["worker"] == 0 for row in rows), "how many")
        finally:
            os.kill(victim, signal.SIGCONT)
        for one in all_of_them:
            await one.terminate()


@case("session: requests, window, server and last events of one, by its sid and its name; also after its end (O-16)")
async def one_session():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await new_session(nxb, ua="test/1.0")
        held = asyncio.ensure_future(session.send())
        await until("it is held", lambda: nxb.holds(1))
        for name in (session.sid, short(session.sid)):
            told = await ask(nxb, "session", sid=name)
            same((told["state"], told["https"], told["answers_unacknowledged"]), ("alive", "no", 0), "state")
            same([(one["rid"], one["how"]) for one in told["open_requests"]], [(session.rid - 1, "held")], "requests")
            same([(one["address"], one["tls"]) for one in told["streams"]], [(f"127.0.0.1:{server.port}", "none")], "server")
            expect(told["up_bytes"] > 0 and told["down_bytes"] > 0, f"bytes: {told}")
            types = [event["type"] for event in told["events"]]
            expect(types[0] == "session-start" and "nodes" in types and "response" in types, f"events: {types}")
        code, text = await nxb.ctl("session", session.sid)
        expect(code == 0 and f"{session.rid - 1} held for" in text and "session-start" in text, text)
        expect(session.sid not in text, text)
        await session.terminate()
        await held
        told = await ask(nxb, "session", sid=session.sid)
        same((told["state"], told["events"][-1]["type"]), ("ended", "session-end"), "ended")


@case("kick: the client is told, by BOSH and by WebSocket; the verdict names the worker, or says why not (O-17)")
async def kick():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await new_session(nxb)
        held = asyncio.ensure_future(session.send())
        await until("it is held", lambda: nxb.holds(1))
        code, text = await nxb.ctl("kick", session.sid)
        expect(code == 0 and text.startswith(f"kicked {short(session.sid)} (bosh, worker "), text)
        same((await held).condition, "policy-violation", "what its client hears")
        code, text = await nxb.ctl("kick", session.sid)
        expect(code == 1 and "by operator: kicked" in text, text)
        socket = await (await XmppSocket.to(nxb.port)).login()
        name = (await ask(nxb, "sessions"))["sessions"][0]["sid"]
        told = await ask(nxb, "kick", sid=name, condition="system-shutdown")
        same((told["state"], told["kind"], told["condition"]), ("kicked", "websocket", "system-shutdown"), "verdict")
        expect("system-shutdown" in (await socket.text()), "the stream error")
        socket.reset()
        for sid in ("abcdefghijklmnopqrstuvwx", "-bcdefghijklmnopqrstuvwx"):  # the second is no option
            code, text = await nxb.ctl("kick", sid)
            expect(code == 1 and "no such session" in text, text)
        code, text = await nxb.ctl("kick", session.sid, "--condition", "other-request")
        expect(code == 1 and "condition is one of policy-violation" in text, text)
        same((await nxb.total())["errors"], 0, "errors")


ENTER, LEAVE = "\x1b[?1049h", "\x1b[?25h\x1b[?1049l"


@case("stats --watch: drawn again and again over the whole terminal, which is given back on Ctrl-C and q (O-15)")
async def watched_stats():
    async with Nxb(workers=2) as nxb:
        for keys in (b"\x03", b"q"):
            async with Terminal(nxb, "stats", "--watch", "0.1", columns=60, rows=12) as terminal:
                await terminal.shows("/s")
                expect(terminal.text.startswith(ENTER) and "worker 0" in terminal.text, terminal.text)
                drawn = terminal.text.rpartition("\x1b[H")[0].rpartition("\x1b[H")[2]
                lines = [line.partition("\x1b")[0] for line in drawn.split("\r\n")]
                expect(len(lines) <= 12 and max(map(len, lines)) <= 60, f"larger than the terminal: {lines}")
                terminal.press(keys)
                same(await terminal.ends(), (0, True), f"exit code, and the terminal restored, after {keys}")
                await until("the screen is left", lambda: terminal.text.endswith(LEAVE))


@case("stats --watch: follows the size of the terminal; a supervisor that goes away is told behind the screen (O-15)")
async def watched_while_things_change():
    nxb = await Nxb(workers=3).start()
    try:
        async with Terminal(nxb, "stats", "--watch", "0.2", columns=45, rows=12) as terminal:
            await terminal.shows("counter")
            expect("worker 2" not in terminal.text, terminal.text)
            terminal.resize(200, 40)
            await terminal.shows("worker 2")
            await nxb.stop()
            code, restored = await terminal.ends()
            expect(code in (1, 3) and restored, f"{code} {restored}")
            await until("why", lambda: "nxbctl: " in terminal.text.rpartition(LEAVE)[2])
    finally:
        await nxb.end_by_force()


@case("stats --watch: no terminal, no screen: tables or JSON, one behind the other; a wrong interval is usage (O-15)")
async def watched_without_terminal():
    async with Nxb(workers=2) as nxb:
        for arguments, check in ((["--json"], lambda line: json.loads(line)["ok"]), ([], lambda line: b"\x1b" not in line)):
            process = await asyncio.create_subprocess_exec(
                CTL, "-s", nxb.admin_socket, *arguments, "stats", "--watch", "0.1", stdout=asyncio.subprocess.PIPE, limit=1 << 20)
            for _ in range(70):
                expect(check(await asyncio.wait_for(process.stdout.readline(), 10)), "a line")
                if arguments and _ == 3:
                    break
            process.terminate()
            await process.wait()
        code, text = await nxb.ctl("stats", "--watch", "never")
        expect(code == 2 and "from 0.1 to 3600" in text, f"{code} {text}")


@case("a word that is no command is named; no word, a missing argument: usage, said by nxbctl (O-03)")
async def misspelt():
    for arguments, wanted in ((["sesions"], "nxbctl: unknown command sesions\n"), ([], "nxbctl: A subcommand is required\n"),
                              (["explain"], "nxbctl: sid is required\n"), (["status", "--nonsense"], "nxbctl: The following argument")):
        process = await asyncio.create_subprocess_exec(CTL, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        _, said = await asyncio.wait_for(process.communicate(), 10)
        expect(process.returncode == 2 and said.decode().startswith(wanted), f"{arguments}: {process.returncode} {said}")


@case("log level: of all processes, also of a worker that is replaced meanwhile, and after a reload; and back (O-20)")
async def log_level():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        code, text = await nxb.ctl("log", "level", "debug", "--for", "2h")
        expect(code == 0 and text == "log level DEBUG for 2h 00m\n", text)
        for _ in range(2):  # debug tells of each stream
            before = nxb.log().count("event=stream.open")
            await (await new_session(nxb)).terminate()
            await until("a line at debug", lambda: nxb.log().count("event=stream.open") > before)
            for victim in await nxb.pids():
                os.kill(victim, signal.SIGKILL)
            await until("they are replaced", lambda: replaced(nxb, victim))
        same((await ask(nxb, "reload"))["ok"], True, "a reload")
        before = nxb.log().count("event=stream.open")
        await (await new_session(nxb)).terminate()
        await until("a line at debug", lambda: nxb.log().count("event=stream.open") > before)
        same((await ask(nxb, "log", what="level", level="OFF"))["ok"], True, "off")
        same((await ask(nxb, "log", what="level", level="INFO"))["for_seconds"], None, "for good")
        code, text = await nxb.ctl("log", "level", "loud")
        expect(code == 1 and "level is one of" in text, text)


async def replaced(nxb, victim):
    rows = await nxb.worker_rows()
    return all(row["state"] == "ready" and row["pid"] != victim for row in rows)


@case("watch: the elements of one session, without its password; another's and events' readers do not get them (O-20 O-27)")
async def watch():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session, other = await new_session(nxb), await new_session(nxb)
        events = await Admin.to(nxb)
        same(await events.ask("events", type="nodes,session-end"), {"ok": True}, "a reader of events")
        watcher = await Admin.to(nxb)
        same((await watcher.ask("watch", sid=session.sid))["state"], "watched", "answer")
        held = asyncio.ensure_future(session.send("<iq xmlns='jabber:client' type='set' id='p'><query xmlns='jabber:iq:register'>"
                                                  "<password>p4ss</password></query></iq>"))
        other_held = asyncio.ensure_future(other.send("<presence xmlns='jabber:client'/>"))
        told = await watcher.line()
        same((told["type"], told["sid"], told["from"]), ("stanza", short(session.sid), "client"), "what it did")
        expect("<query xmlns='jabber:iq:register'>[redacted]</query>" in told["xml"] and "p4ss" not in str(told), str(told))
        server.streams[0].send("<message><body>hello</body></message>")
        told = [await watcher.line() for _ in range(2)]  # the server's answer comes first
        expect(all(one["from"] == "server" for one in told) and "<body>hello</body>" in told[1]["xml"], str(told))
        same([(await events.line())["type"] for _ in range(2)], ["nodes"] * 2, "events")
        watcher.close()
        await held
        process = await asyncio.create_subprocess_exec(CTL, "-s", nxb.admin_socket, "watch", short(session.sid),
                                                       stdout=asyncio.subprocess.PIPE)
        line = asyncio.ensure_future(process.stdout.readline())

        async def heard():
            server.streams[0].send("<message from='&quot;'/>")
            return line.done()
        await until("nxbctl shows elements", heard)
        expect(" stanza " in line.result().decode() and " from=server xml=<message " in line.result().decode(), f"{line.result()}")
        process.terminate()
        await process.wait()
        await asyncio.gather(session.terminate(), other.terminate())
        await other_held
        code, text = await nxb.ctl("watch", session.sid)
        expect(code == 1 and "it ended at" in text, text)
        events.close()


@case("doctor: looks at the processes that there are; a worker that hangs is found (O-20)")
async def doctor():
    async with Nxb(workers=2) as nxb:
        code, text = await nxb.ctl("doctor")
        expect("workers      all 2 serve" in text and "for each worker, " in text and code in (0, 1), text)
        victim = (await nxb.pids())[1]
        os.kill(victim, signal.SIGSTOP)
        try:
            await ask(nxb, "sessions")  # whom it leaves without an answer is known to hang
            code, text = await nxb.ctl("--json", "doctor")
            bad = {one["what"]: one["text"] for one in json.loads(text)["findings"] if not one["good"]}
            same((code, bad.get("workers")), (1, "worker 1 is stuck"), "findings")
        finally:
            os.kill(victim, signal.SIGCONT)


if __name__ == "__main__":
    main()

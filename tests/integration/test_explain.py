"""test_explain.py - what `nxbctl explain` knows of a session, with real processes.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal

from harness.admin import explain, short, subscribe
from harness.bosh import OwnConnections, Session, refused
from harness.nxb import Nxb, domain, free_port
from harness.runner import case, expect, main, same, until
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer


async def new_session(nxb, **attributes):
    return await Session(OwnConnections(nxb.port)).login(**attributes)


@case("explain: alive, by its sid and by its name in the log, with rids, requests and streams (O-18)")
async def alive():
    server = await XmppServer().start()
    async with Nxb(server, workers=3) as nxb:
        session = await new_session(nxb, ua="test/1.0")
        held = asyncio.ensure_future(session.send())
        await until("it is held", lambda: held_by(nxb, 1))
        for name in (session.sid, short(session.sid)):
            told = await explain(nxb, name)
            same((told["ok"], told["state"], told["kind"], told["phase"]), (True, "alive", "bosh", "open"), "state")
            same((told["client"], told["ua"], told["domain"]), ("127.0.0.1", "test/1.0", "test.example"), "who")
            same((told["last_rid"], told["answered_rid"], told["requests_held"]), (session.rid - 1, session.rid - 2, 1), "rids")
            same([(stream["stream"], stream["domain"], stream["answered"]) for stream in told["streams"]],
                 [(1, "test.example", "yes")], "streams")
            same(told["streams"][0]["target"], f"127.0.0.1:{server.port}", "target")
        code, text = await nxb.ctl("explain", session.sid)
        expect(code == 0 and "requests held" in text and session.sid not in text, f"{code} {text}")
        await session.terminate()
        await held


async def held_by(nxb, count):
    return await nxb.counter("requests_held") == count


@case("explain: ended by the client, by the server, by policy, in its own words (O-18)")
async def ended():
    server = await XmppServer().start()
    down = free_port()
    domains = [domain("test.example", server.port), domain("down.example", down)]
    async with Nxb(workers=2, domains=domains, upstream={"deny": ["denied.example"]}) as nxb:
        left, thrown = [await new_session(nxb) for _ in range(2)]
        held = asyncio.ensure_future(thrown.send())
        await left.terminate()
        server.streams[1].send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        await held
        told = await explain(nxb, left.sid)
        same((told["state"], told["by"], told["why"]), ("ended", "client", "client terminated"), "one that left")
        same(told["last_rid"], left.rid - 1, "its last rid")
        told = await explain(nxb, short(thrown.sid).upper())
        same((told["by"], told["why"], told["condition"]), ("server", "stream error", "remote-stream-error"), "one thrown out")
        for name, *wanted in (("denied.example", "nxb", "refused by policy", "policy", ""),
                              ("down.example", "server", "server not reached", "tcp", f"127.0.0.1:{down}")):
            subscriber = await subscribe(nxb, type="session-end", domain=name)
            answer = await refused(nxb, name)
            told = await explain(nxb, (await subscriber.line())["sid"])
            same((told["state"], told["condition"], told["domain"]), ("ended", answer, name), "one refused")
            same([told["by"], told["why"], told["stage"], told["target"]], wanted, f"what is said of {name}")
            expect(told["server"], f"the reason is missing: {told}")
            subscriber.close()


@case("explain: a session that fell silent; a stream that failed before has no part in it (O-18)")
async def silent():
    server = await XmppServer().start()
    domains = [domain("test.example", server.port), domain("down.example", free_port())]
    async with Nxb(workers=2, domains=domains, bosh={"default_inactivity": 3, "inactivity_grace": 0}) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        answer = await session.send(to="down.example", xml_lang="en", xmpp_version="1.0")
        for _ in range(3):
            if answer.condition:
                break
            answer = await session.send()
        same(answer.condition, "remote-connection-failed", "end of the added stream")
        await until("silence has ended it", lambda: no_sessions(nxb))
        told = await explain(nxb, session.sid)
        same((told["by"], told["why"]), ("nxb", "inactivity"), "who and why")
        same((told["server"], told["stage"], told["target"]), ("", "", ""), "of a server")
        expect(told["last_request_seconds_before"] >= 1, f"age of its last request: {told}")


async def no_sessions(nxb):
    return await nxb.counter("sessions") == 0


@case("explain: WebSocket sessions by their name in the log (O-18)")
async def websocket_ends():
    async with Nxb(workers=2) as nxb:
        subscriber = await subscribe(nxb, type="session-start")
        client = await (await XmppSocket.to(nxb.port)).login()
        name = (await subscriber.line())["sid"]
        told = await explain(nxb, name)
        same((told["state"], told["kind"], told["phase"]), ("alive", "websocket", "open"), "alive")
        client.reset()
        await until("it has ended", lambda: no_sessions(nxb))
        told = await explain(nxb, name)
        same((told["state"], told["by"]), ("ended", "client"), "lost")
        subscriber.close()


@case("explain: never issued, no sid at all, and of a worker that was killed (O-18)")
async def unknown():
    async with Nxb(workers=2) as nxb:
        told = await explain(nxb, "abcdefghijklmnopqrstuvwx")
        same((told["ok"], told["state"], told["lost"]), (True, "unknown", []), "unknown")
        same(told["verdict"], f"not issued since nxb started at {told['remembers_since']}", "verdict")
        told = await explain(nxb, "no-sid")
        expect(not told["ok"] and "never issued here" in told["error"], f"{told}")
        session = await new_session(nxb)
        owner = (await explain(nxb, session.sid))["worker"]
        victim = (await nxb.pids())[owner]
        os.kill(victim, signal.SIGKILL)
        await until("it is replaced", lambda: replaced(nxb, owner, victim))
        told = await explain(nxb, session.sid)
        same((told["state"], told["owner"]), ("unknown", owner), "state")
        expect(f"or issued by worker {owner}, which crashed at " in told["verdict"], f"{told}")
        same([(loss["worker"], loss["pid"], loss["how"]) for loss in told["lost"]], [(owner, victim, "signal 9 (Killed)")], "lost")


async def replaced(nxb, index, pid):
    row = (await nxb.worker_rows())[index]
    return row["state"] == "ready" and row["pid"] != pid


@case("a worker that hangs: explain answers all the same, and names it; status and subscribers go on (O-18 O-19 O-13)")
async def hung():
    async with Nxb(workers=2) as nxb:
        sessions = {}
        while set(sessions) != {0, 1}:  # one of each worker
            session = await new_session(nxb)
            sessions[(await explain(nxb, session.sid))["worker"]] = session
        subscriber = await subscribe(nxb, type="session-end")
        victim = (await nxb.pids())[1]
        os.kill(victim, signal.SIGSTOP)
        try:
            told = await explain(nxb, sessions[1].sid)
            same((told["ok"], told["error"]), (False, "worker 1 does not answer"), "one of the hung worker")
            same([row["state"] for row in await nxb.worker_rows()], ["ready", "stuck"], "states")
            same((await nxb.admin("status"))["workers"], {"ready": 1, "total": 2}, "workers that serve")
            same((await explain(nxb, "00000000"))["error"], "worker 1 does not answer; the others do not know it", "an unknown one")
            same((await explain(nxb, short(sessions[0].sid)))["state"], "alive", "one of the other worker")
            same((await nxb.admin("status"))["ok"], True, "status")
        finally:
            os.kill(victim, signal.SIGCONT)
        await until("it answers again", lambda: is_alive(nxb, sessions[1].sid))
        same([row["state"] for row in await nxb.worker_rows()], ["ready", "ready"], "states")
        for session in sessions.values():
            await session.terminate()
        same({(await subscriber.line())["sid"] for _ in sessions}, {short(session.sid) for session in sessions.values()}, "ends")
        subscriber.close()


async def is_alive(nxb, sid):
    return (await explain(nxb, sid)).get("state") == "alive"


if __name__ == "__main__":
    main()

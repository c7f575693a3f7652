"""test_reload.py - the configuration read again while sessions go on.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal

from harness.bosh import OwnConnections, Session, Talker, creation, message
from harness.connection import Connection, refuses
from harness.nxb import Nxb, free_port
from harness.runner import case, expect, main, same, scaled, until
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer


def states(answer):
    return [row["state"] for row in answer["workers"]]


@case("20 reloads in a row while sessions exchange messages: no session and no message is lost (O-33 O-17)", within=120)
async def under_load():
    server = await XmppServer().start()
    async with Nxb(server, workers=3) as nxb:
        pids = await nxb.pids()
        talkers = [(await Talker(OwnConnections(nxb.port)).login()).talk() for _ in range(6)]
        sockets = [await (await XmppSocket.to(nxb.port)).login() for _ in range(4)]
        said = 0
        for turn in range(20):
            for talker in talkers:
                talker.say(message(f"m{turn}", None))
            answers = [asyncio.ensure_future(socket.echo(f"w{turn}")) for socket in sockets]
            answer = await nxb.reload(http={"headers": {"X-Turn": str(turn)}}, server={"max_sessions": 1000 + turn})
            same((answer["ok"], states(answer)), (True, ["applied"] * 3), f"reload {turn}: {answer}")
            await asyncio.gather(*answers)
            said += 1
        for talker in talkers:
            await talker.hears(said)
            same([id for _, id in talker.heard], [f"m{turn}" for turn in range(20)], "messages of a talker")
            same(talker.ended, None, "end of a talker")
            await talker.quit()
        same(await nxb.pids(), pids, "processes")
        same(await nxb.counter("reloads"), 60, "reloads of all workers")


@case("lists of domains, limits and headers hold at once, for sessions to come (O-33)")
async def in_place():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        old = await Session(OwnConnections(nxb.port)).login()
        answer = await nxb.reload(upstream={"deny": ["test.example"]}, http={"headers": {"X-Node": "b"}},
                              log={"level": "DEBUG"})
        same((answer["changed"], answer["needs_restart"]), (["http.headers", "upstream.deny", "log.level"], []), answer)
        echoed = await old.echo("still")
        same(echoed.http.headers.get("x-node"), "b", "header of an answer")
        refused = await creation(nxb, "test.example")
        same(refused.condition, "host-unknown", f"answer to a domain denied: {refused!r}")
        await nxb.reload(upstream={"deny": []}, server={"max_sessions": 1})
        await until("a worker's limit is met", lambda: met(nxb))


async def met(nxb):
    await creation(nxb, "test.example")
    return await nxb.counter("sessions_refused_limit") > 0


@case("a listener that is added answers, one that is removed does not, and its connections go on (O-33)")
async def listeners():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        first = {"address": f"127.0.0.1:{nxb.port}"}
        other = free_port()
        path = str(nxb.directory / "in.sock")
        session = await Session(OwnConnections(nxb.port)).login()
        socket = await (await XmppSocket.to(nxb.port)).login()
        answer = await nxb.reload(listen=[{"address": f"127.0.0.1:{other}"}, {"address": f"unix:{path}"}])
        same((answer["ok"], answer["changed"]), (True, ["listen"]), answer)
        expect(await refuses(nxb.port), "the removed address still answers")
        expect(os.path.exists(path), "the unix socket is not there")
        await session.echo("kept")
        await socket.echo("kept")
        later = await Session(OwnConnections(other)).login()
        await later.echo("new")
        for pid in await nxb.pids():  # replacements get what holds now
            os.kill(pid, signal.SIGKILL)
        await until("all were replaced", lambda: replaced(nxb, 2))
        await (await Session(OwnConnections(other)).login()).echo("again")
        same((await nxb.admin("status"))["listen"], [f"127.0.0.1:{other}", f"unix:{path}"], "addresses in status")
        same((await nxb.reload(listen=[first]))["ok"], True, "back again")
        await (await Session(OwnConnections(nxb.port)).login()).echo("back")
        expect(not os.path.exists(path), "the unix socket is left behind")


async def replaced(nxb, count):
    rows = await nxb.worker_rows()
    return all(row["state"] == "ready" for row in rows) and sum(row["restarts"] for row in rows) == count


@case("a file with mistakes, or a port that is taken, changes nothing and says why (O-33 O-15)")
async def refused():
    async with Nxb(None, workers=2) as nxb:
        same((await nxb.admin("status"))["last_reload"], None, "before any reload")
        good = dict(nxb.sections["bosh"])
        answer = await nxb.reload(bosh={"max_wait": "never", "hold": 1}, http={"enable_get": False})
        same((answer["ok"], len(answer["errors"])), (False, 2), answer)
        expect("max_wait" in answer["error"] and "hold" in answer["error"], answer)
        same((await nxb.admin("status"))["last_reload"]["ok"], False, "last reload")
        code, output = await nxb.ctl("reload")
        same(code, 1, output)
        expect("nothing was changed" in output and "max_wait" in output, output)
        nxb.sections["bosh"] = good
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        before = nxb.sections["listen"]
        answer = await nxb.reload(listen=before + [{"address": f"127.0.0.1:{port}"}])
        expect(not answer["ok"] and "in use" in answer["error"], answer)
        taken.close()
        same(await nxb.counter("reloads"), 0, "reloads of workers")
        same((await nxb.reload(listen=before))["changed"], ["http.enable_get"], "what was not applied before")


@case("keys that need a restart are named and keep their value (O-33 O-17)")
async def needs_restart():
    async with Nxb(None, workers=2) as nxb:
        nxb.sections["server"]["workers"] = 3
        nxb.change()
        code, output = await nxb.ctl("reload")
        same(code, 0, output)
        expect("needs a restart" in output and "server.workers" in output, output)
        same(len(await nxb.worker_rows()), 2, "workers")
        same((await nxb.admin("status"))["last_reload"]["needs_restart"], ["server.workers"], "status")


@case("SIGHUP reloads; a worker that hangs delays it two seconds, and takes it when it goes on (O-33 O-08)")
async def hung():
    async with Nxb(None, workers=2) as nxb:
        nxb.process.send_signal(signal.SIGHUP)
        await until("both have reloaded", lambda: reloads(nxb, 2))
        pid = (await nxb.pids())[0]
        os.kill(pid, signal.SIGSTOP)
        port = free_port()
        try:
            answer = await nxb.reload(listen=nxb.sections["listen"] + [{"address": f"127.0.0.1:{port}"}])
            same((answer["ok"], states(answer)), (True, ["silent", "applied"]), answer)
        finally:
            os.kill(pid, signal.SIGCONT)
        await until("it has taken it", lambda: reloads(nxb, 4))


async def reloads(nxb, count):
    return await nxb.counter("reloads") == count


async def session_of(nxb, pid):
    """A session that this worker owns: connections go where their sessions live."""
    for _ in range(200):
        connection = await Connection.to(nxb.port)
        session = await Session(connection).login()
        if connection.owner([pid]):
            return session
        connection.reset()
    raise AssertionError(f"no session came to worker {pid}")


async def begun(nxb, index, before):
    """The process that took the place of another, whether it is ready or not; None as long as there is none."""
    row = (await nxb.worker_rows())[index]
    return row["pid"] if row["pid"] not in (before, 0, None) else None


@case("a reload at any moment between a worker's death and its successor's first session: it has what holds now (O-33 O-05)", within=120)
async def while_one_starts():
    server = await XmppServer().start()
    async with Nxb(server, workers=4) as nxb:
        pids = await nxb.pids()
        kept = await session_of(nxb, pids[3])
        moments = ("at once", "once its successor is there", "while its successor is frozen")
        for turn, moment in enumerate(moments):
            os.kill(pids[turn], signal.SIGKILL)
            frozen = None
            if turn > 0:
                frozen = await until("a successor is there", lambda: begun(nxb, turn, pids[turn]))
            if turn == 2:
                os.kill(frozen, signal.SIGSTOP)
            try:
                answer = await nxb.reload(http={"headers": {"X-Turn": moment}})
            finally:
                if turn == 2:
                    os.kill(frozen, signal.SIGCONT)
            same(answer["ok"], True, answer)
            await until(f"all are ready, {moment}", lambda: replaced(nxb, turn + 1))
            session = await session_of(nxb, (await nxb.pids())[turn])
            same(session.created.http.headers.get("x-turn"), moment, f"header of a session behind a reload {moment}")
            same((await kept.echo(f"kept{turn}")).http.headers.get("x-turn"), moment, "header for a session elsewhere")


if __name__ == "__main__":
    main()

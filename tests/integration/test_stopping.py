"""test_stopping.py - drain, stop, and goodbyes that take their time.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import re
import signal

from harness.admin import Admin
from harness.bosh import OwnConnections, Session, creation
from harness.connection import fetch_alone
from harness.nxb import Nxb, alive
from harness.runner import case, expect, main, same, until
from harness.websocket import Ended, WebSocket, XmppSocket, handshake


def serving(workers, **server):
    """nxb with these keys of [server]."""
    nxb = Nxb(workers=workers)
    nxb.sections["server"].update(server)
    return nxb


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def ready(nxb):
    return (await fetch_alone(nxb.port, get("/readyz"))).status


async def state(nxb):
    return (await nxb.admin("status"))["state"]


async def socket_status(nxb):
    client = await WebSocket.begin(nxb.port)
    client.send_raw(handshake())
    status = await client.answer()
    client.reset()
    return status


async def ended(nxb, within=20):
    """It has stopped by itself, in good order."""
    same(await asyncio.wait_for(nxb.process.wait(), within), 0, "exit code")
    await until("no worker is left", lambda: not any(alive(pid) for pid in nxb.all_pids))
    nxb.check_log()

    async def nothing():
        pass
    nxb.stop = nothing


@case("SIGTERM: goodbyes one by one over shutdown_timeout, meanwhile no new sessions, and those not yet told go on "
      "(O-08 O-09 O-25 O-29)", within=120)
async def spread():
    async with serving(2, shutdown_timeout=6) as nxb:
        await nxb.pids()
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(8)]
        sockets = [await (await XmppSocket.to(nxb.port)).login() for _ in range(4)]
        held = {asyncio.ensure_future(session.send()): session for session in sessions}
        await until("requests are held", lambda: nxb.holds(8))
        clock = asyncio.get_running_loop()
        begun = clock.time()
        nxb.process.send_signal(signal.SIGTERM)
        done, _ = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
        same(next(iter(done)).result().condition, "system-shutdown", "the first goodbye")
        expect(len(done) < len(held), "all were told at once")
        same((await state(nxb), await ready(nxb)), ("stopping", 503), "while it stops")
        same((await creation(nxb, "test.example")).condition, "system-shutdown", "a new session")
        same(await socket_status(nxb), 503, "a new WebSocket")
        answers = await asyncio.gather(*held)
        same({(one.type, one.condition) for one in answers}, {("terminate", "system-shutdown")}, "goodbyes")
        for client in sockets:
            heard = []
            try:
                while True:
                    heard.append(await client.text())
            except Ended:
                pass
            expect(any("system-shutdown" in text for text in heard), f"a WebSocket heard {heard}")
        took = clock.time() - begun
        expect(took >= 3, f"all were told within {took:.1f} s")
        await ended(nxb)


@case("a stop is over as soon as the last session is, and at once where there is none (O-08)", within=60)
async def shortened():
    async with serving(2, shutdown_timeout=3600) as nxb:
        await nxb.pids()
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(6)]
        nxb.process.send_signal(signal.SIGTERM)
        await until("it stops", lambda: "event=supervisor.stopping" in nxb.log())
        for session in sessions:
            await session.terminate()  # or it was told before: both are an end
        await ended(nxb)
    async with serving(2, shutdown_timeout=3600) as nxb:
        await nxb.pids()
        nxb.process.send_signal(signal.SIGINT)
        await ended(nxb)


@case("a second signal says goodbye to all at once (O-08 O-09)", within=60)
async def hurried():
    async with serving(2, shutdown_timeout=3600) as nxb:
        await nxb.pids()
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(6)]
        held = [asyncio.ensure_future(session.send()) for session in sessions]
        await until("requests are held", lambda: nxb.holds(6))
        nxb.process.send_signal(signal.SIGTERM)
        await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
        nxb.process.send_signal(signal.SIGINT)
        same({answer.condition for answer in await asyncio.gather(*held)}, {"system-shutdown"}, "goodbyes")
        await ended(nxb)
        expect("event=worker.kill" not in nxb.log(), "a worker had to be killed")


@case("SIGQUIT: no new sessions, those there go on, and with the last one it ends; or when drain_timeout is over (O-08)", within=90)
async def leave():
    async with Nxb(workers=2) as nxb:
        await nxb.pids()
        session = await Session(OwnConnections(nxb.port)).login()
        nxb.process.send_signal(signal.SIGQUIT)

        async def draining():
            return await state(nxb) == "draining" and await ready(nxb) == 503
        await until("it drains", draining)
        same((await creation(nxb, "test.example")).condition, "system-shutdown", "a new session")
        await session.echo("still here")
        await session.terminate()
        await ended(nxb)
    async with serving(1, drain_timeout=1) as nxb:
        await nxb.pids()
        held = asyncio.ensure_future((await Session(OwnConnections(nxb.port)).login()).send())
        await until("a request is held", lambda: nxb.holds(1))
        nxb.process.send_signal(signal.SIGQUIT)
        same((await held).condition, "system-shutdown", "goodbye after drain_timeout")
        await ended(nxb)


@case("drain and undrain: the verdict, all workers and one of them, a replacement drains too, goodbyes over a time (O-17 O-25)", within=90)
async def commands():
    async with Nxb(workers=2) as nxb:
        pids = await nxb.pids()
        code, text = await nxb.ctl("drain")
        same(code, 0, text)
        expect(text.startswith("every worker takes no new sessions; the 0 sessions stay"), text)
        same((await state(nxb), await ready(nxb), await socket_status(nxb)), ("draining", 503, 503), "drained")
        same((await creation(nxb, "test.example")).condition, "system-shutdown", "a new session")
        code, text = await nxb.ctl("undrain")
        same((code, text), (0, "every worker takes new sessions again\n"), "undrain")
        same((await state(nxb), await ready(nxb)), ("running", 200), "taken back")

        code, text = await nxb.ctl("--json", "drain", "--worker", "1")
        same(json.loads(text)["workers"], [{"index": 1, "told": True}], "who was told")
        same(await ready(nxb), 200, "one of two takes sessions")
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(6)]
        sockets = [await (await XmppSocket.to(nxb.port)).login() for _ in range(4)]
        rows = await nxb.worker_rows()
        same([row["sessions"] for row in rows], [10, 0], "new sessions are on the worker that takes them")
        same([row["state"] for row in rows], ["ready", "draining"], "states")
        os.kill(pids[1], signal.SIGKILL)

        async def replaced():
            row = (await nxb.worker_rows())[1]
            return row["pid"] not in (None, pids[1]) and row["state"] == "draining"
        await until("its replacement drains", replaced)

        held = [asyncio.ensure_future(session.send()) for session in sessions]
        code, text = await nxb.ctl("drain", "--over", "0")
        same(code, 0, text)
        same({answer.condition for answer in await asyncio.gather(*held)}, {"system-shutdown"}, "goodbyes")
        await until("all are gone", nxb.none_left)
        for client in sockets:
            client.reset()
        for wrong in (("drain", "--worker", "2"), ("drain", "--worker", "x"), ("drain", "--over", "-1")):
            code, text = await nxb.ctl(*wrong)
            expect(code != 0, f"{wrong}: {text}")


async def kept_waiting(nxb, least):
    """Worker 1 is killed again and again, until its next process has to wait for so many milliseconds."""
    while not any(int(wait) >= least for wait in re.findall(r"event=worker.postponed .*index=1 ms=(\d+)", nxb.log())):
        pid = await until("worker 1 is there", lambda: pid_of(nxb, 1))
        os.kill(pid, signal.SIGKILL)

        async def gone():
            return await pid_of(nxb, 1) != pid
        await until("its end was seen", gone)


async def pid_of(nxb, index):
    return (await nxb.worker_rows())[index]["pid"]


@case("a worker without a process is given no new session, whether it drained or not: nobody waits for it (O-05 O-17)", within=120)
async def absent():
    for drained in (False, True):
        async with Nxb(workers=2) as nxb:
            await nxb.pids()
            if drained:
                code, text = await nxb.ctl("drain", "--worker", "1")
                same(code, 0, text)
            await kept_waiting(nxb, 1600)
            sessions = await asyncio.gather(*(Session(OwnConnections(nxb.port)).login() for _ in range(12)))
            if await pid_of(nxb, 1) is None or drained:  # else the machine was too slow to tell
                same([row["sessions"] for row in await nxb.worker_rows()], [12, 0], "new sessions")
            same(await ready(nxb), 200, "one of two takes sessions")
            await asyncio.gather(*(session.terminate() for session in sessions))


@case("stop answers before the socket goes, and --now waits for nobody (O-17)", within=60)
async def stop_command():
    async with serving(2, shutdown_timeout=3600) as nxb:
        await nxb.pids()
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(3)]
        held = [asyncio.ensure_future(session.send()) for session in sessions]
        await until("requests are held", lambda: nxb.holds(3))
        code, text = await nxb.ctl("stop", "--now")
        same((code, text), (0, "stopping; 3 sessions told at once\n"), "stop --now")
        same({answer.condition for answer in await asyncio.gather(*held)}, {"system-shutdown"}, "goodbyes")
        await ended(nxb)
    async with Nxb(workers=1) as nxb:
        await nxb.pids()
        admin = await Admin.to(nxb)
        answer = await admin.ask("stop")
        same((answer["ok"], answer["sessions"]), (True, 0), "stop")
        admin.close()
        await ended(nxb)


if __name__ == "__main__":
    main()

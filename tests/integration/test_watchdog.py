"""test_watchdog.py - workers whose loop stands still.

SPDX-License-Identifier: MIT
"""
import os
import re
import signal

from harness.bosh import OwnConnections, Session
from harness.nxb import Nxb
from harness.runner import case, expect, main, same, until


def serving(workers, **server):
    """nxb with these keys of [server]."""
    nxb = Nxb(workers=workers)
    nxb.sections["server"].update(server)
    return nxb


@case("a worker that stands still is shown as stuck, aborted, killed and replaced; the others' sessions go on (O-06 O-15)", within=120)
async def stands_still():
    async with serving(2, watchdog=3) as nxb:
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(8)]
        rows = await nxb.worker_rows()
        victim, other = rows
        expect(victim["sessions"] > 0 and other["sessions"] > 0, f"eight sessions are all on one worker: {rows}")
        os.kill(victim["pid"], signal.SIGSTOP)

        async def state():
            return (await nxb.worker_rows())[0]

        async def is_stuck():
            return (await state())["state"] == "stuck"
        await until("it is shown as stuck", is_stuck)

        async def is_replaced():
            row = await state()
            return row["pid"] not in (None, victim["pid"]) and row["state"] == "ready"
        await until("it is replaced", is_replaced, 60)
        same((await state())["last_exit"], "signal 9 (Killed)", "a stopped process does not die of an abort")
        kills = re.findall(r"event=worker.kill .*", nxb.log())
        same([int(re.search(r"signal=(\d+)", line)[1]) for line in kills], [signal.SIGABRT, signal.SIGKILL], "signals")
        expect('why="its loop stands still"' in kills[0] and 'doing="waiting for events"' in kills[0], kills[0])
        expect(int(re.search(r"silent_ms=(\d+)", kills[0])[1]) >= 3000, kills[0])

        row = (await nxb.worker_rows())[1]
        same((row["pid"], row["restarts"], row["sessions"]), (other["pid"], 0, other["sessions"]), "the other worker")
        alive = 0
        for session in sessions:
            answer = await session.send("", type="terminate")
            alive += answer.condition is None
        same(alive, other["sessions"], "sessions that went on")


@case("a supervisor and workers that were all stopped for longer than the watchdog's time go on as they were (O-06)", within=120)
async def all_stood_still():
    async with serving(2, watchdog=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        pids = await nxb.pids()
        everybody = [nxb.process.pid, *pids]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        begun = os.times().elapsed
        await until("it lasts longer than the watchdog's time", lambda: os.times().elapsed > begun + 3)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        await session.echo("alive")
        same(await nxb.pids(), pids, "workers")
        expect("event=worker.kill" not in nxb.log(), "a worker was killed")


if __name__ == "__main__":
    main()

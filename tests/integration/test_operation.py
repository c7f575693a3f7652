"""test_operation.py - what operators do to a busy nxb: reload it again and again, and lose workers in every way.

Five hundred sessions, BOSH and WebSocket, exchange messages all the while. Whatever is done, only the sessions of a worker
that was killed end; their clients come back; no counter goes back; nothing is left behind.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import random
import signal

from harness.admin import Admin
from harness.bosh import Body, OwnConnections, Session, body, message as bosh_message, together
from harness.connection import Closed, post
from harness.nxb import Nxb
from harness.runner import case, expect, main, same, scaled, until
from harness.websocket import Ended, XmppSocket

BOSH = scaled(350, 60)
WEBSOCKET = scaled(150, 30)
WORKERS = 4


class Lost(Exception):
    """The session ended, and not because its client wanted it to."""


class BoshPerson:
    """Sends itself messages over BOSH; a request whose connection goes is repeated, as every client does."""

    def __init__(self, nxb):
        self.nxb = nxb

    async def arrive(self):
        self.session = Session(OwnConnections(self.nxb.port))
        await self.session.login()

    async def _ask(self, payload):
        data = post(body(self.session.next_rid(), self.session.sid, payload))
        for _ in range(20):
            try:
                answer = await self.session.gate.fetch(data)
            except (Closed, OSError):
                continue
            if answer.status == 503:
                await asyncio.sleep(float(answer.headers["retry-after"]))  # as told
                continue
            found = Body(answer)
            if found.type == "terminate":
                raise Lost(found.condition)
            return found
        raise Lost("no answer")

    async def speak(self, id):
        answer = await self._ask(bosh_message(id))
        while id not in answer.message_ids():
            answer = await self._ask("")

    async def leave(self):
        await self.session.terminate()
        self.session.gate.close()


class WebSocketPerson:
    """The same over WebSocket."""

    def __init__(self, nxb):
        self.nxb = nxb

    async def arrive(self):
        self.socket = await (await XmppSocket.to(self.nxb.port)).login()

    async def speak(self, id):
        try:
            await self.socket.echo(id)
        except (Ended, OSError) as problem:
            raise Lost(str(problem)) from problem

    async def leave(self):
        await self.socket.goodbye()


class Crowd:
    """All of them, each with a thought between two messages."""

    def __init__(self, nxb):
        self.nxb = nxb
        self.people = [BoshPerson(nxb) for _ in range(BOSH)] + [WebSocketPerson(nxb) for _ in range(WEBSOCKET)]
        self.lost = {BoshPerson: 0, WebSocketPerson: 0}
        self.away = set()
        self.rounds = 0
        self.is_over = False

    async def begin(self):
        await together(person.arrive() for person in self.people)
        self.tasks = [asyncio.ensure_future(self._live(person)) for person in self.people]

    async def _live(self, person):
        number = 0
        while not self.is_over:
            await asyncio.sleep(random.uniform(0.3, 1.5))  # people think before they speak
            number += 1
            try:
                await person.speak(f"m{number}")
                self.rounds += 1
            except Lost:
                self.lost[type(person)] += 1
                self.away.add(person)
                await self._come_back(person)
        await person.leave()

    async def _come_back(self, person):
        for attempt in range(50):
            try:
                await person.arrive()
                self.away.discard(person)
                return
            except (AssertionError, Closed, Ended, OSError, asyncio.TimeoutError):  # the replacement is not there yet
                await asyncio.sleep(0.1 * attempt)
        raise AssertionError("a client could not come back")

    def check(self):
        for task in self.tasks:
            if task.done():
                task.result()

    async def talks(self, more):
        """Waits until that many messages more made their way."""
        wanted = self.rounds + more
        await until(f"{more} messages more", lambda: self.check() or self.rounds >= wanted, 60)

    async def end(self):
        self.is_over = True
        await asyncio.gather(*self.tasks)


class Watch:
    """Reads all counters again and again: none may ever go back, of no worker and in total (O-24)."""

    def __init__(self, nxb):
        self.nxb = nxb
        self.seen = {}
        self.looks = 0

    async def run(self):
        while True:
            stats = await self.nxb.admin("stats")
            columns = {"total": stats["total"]} | {row["index"]: row["counters"] for row in stats["workers"]}
            for column, values in columns.items():
                for name, value in values.items():
                    if name not in stats["gauges"]:
                        before = self.seen.get((column, name), 0)
                        expect(value >= before, f"{name} of {column} went back from {before} to {value}")
                        self.seen[column, name] = value
            self.looks += 1
            await asyncio.sleep(0.1)


async def lose(nxb, crowd, index, how):
    """Worker `index` is lost by how(pid): its sessions end and come back, and no others."""
    rows = await nxb.worker_rows()
    await nxb.pids()  # remembered, for the end
    stats = await nxb.admin("stats")
    counters = stats["workers"][index]["counters"]
    before = dict(crowd.lost)
    how(rows[index]["pid"])
    await until("it is replaced", lambda: replaced(nxb, index, rows[index]["pid"]), 60)
    websockets = counters["websockets"]
    wanted = {BoshPerson: counters["sessions"] - websockets, WebSocketPerson: websockets}
    await until("those whose sessions went have noticed",
                lambda: crowd.check() or all(crowd.lost[kind] - before[kind] >= wanted[kind] for kind in wanted), 60)
    await until("all are back", lambda: crowd.check() or not crowd.away, 60)
    await crowd.talks(len(crowd.people))
    same({kind: crowd.lost[kind] - before[kind] for kind in wanted}, wanted, f"sessions lost with worker {index}")


async def replaced(nxb, index, pid):
    row = (await nxb.worker_rows())[index]
    return row["state"] == "ready" and row["pid"] not in (pid, None)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def freeze(pid):
    os.kill(pid, signal.SIGSTOP)


async def reload(nxb):
    admin = await Admin.to(nxb)
    try:
        return await admin.ask("reload")
    finally:
        admin.close()


@case("under load: 20 reloads, each worker killed, one frozen; only sessions of lost workers end, no counter goes back, "
      "nothing is left (O-05 O-06 O-17 O-24 O-33)", within=400)
async def operated():
    nxb = Nxb(workers=WORKERS)
    nxb.sections["server"]["watchdog"] = "3s"
    async with nxb:
        crowd, watch = Crowd(nxb), Watch(nxb)
        await crowd.begin()
        watching = asyncio.ensure_future(watch.run())
        await crowd.talks(len(crowd.people))
        for _ in range(20):
            same((await reload(nxb))["ok"], True, "verdict of a reload")
            await crowd.talks(20)
        await crowd.talks(len(crowd.people))
        same(crowd.lost, {BoshPerson: 0, WebSocketPerson: 0}, "sessions lost by reloads")
        for index in range(WORKERS):
            await lose(nxb, crowd, index, kill)
        await lose(nxb, crowd, 1, freeze)
        expect("event=worker.kill" in nxb.log(), "the watchdog said nothing")
        same((await reload(nxb))["ok"], True, "verdict of a reload behind all that")
        await crowd.end()
        await until("all sessions are over", lambda: nxb.none_left())
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        expect(watch.looks > 50, "the counters were hardly looked at")
        same((await nxb.total())["bugs_seen"], 0, "bugs seen")


main()

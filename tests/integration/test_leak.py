"""test_leak.py - thousands of sessions come and go: memory and descriptors are back where they were.

SPDX-License-Identifier: MIT
"""
import os

from harness.bosh import Pool, Session, together
from harness.nxb import Nxb, descriptors
from harness.runner import case, expect, main, same, scaled, until
from harness.websocket import CLOSE, XmppSocket, frame
from harness.xmpp_server import XmppServer

UNDER_SANITIZER = "NXB_TEST_SLOW" in os.environ


def memory(pids):
    """Anonymous memory of these processes, in bytes."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            total += next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))
    return total


async def come_and_go(pool, count, full_every):
    async def one(number):
        session = Session(pool)
        if number % full_every:
            await session.open(wait=5)
        else:
            await session.login(wait=5)
        await session.terminate()
    await together((one(number) for number in range(count)), 40)


@case("ten thousand sessions opened and closed: no descriptor and no memory stays behind (O-10 B-82)", within=420)
async def ten_thousand():
    server = await XmppServer().start()
    server.keep_streams = False
    count = scaled(10_000, 500)
    async with Nxb(server, workers=2) as nxb:
        pids = await nxb.pids()
        pool = Pool(nxb.port)
        # What nxb remembers of sessions that ended (B-82, O-18) is bounded: after so many all that room is taken.
        await come_and_go(pool, 2 * count, full_every=10)
        await until("all sessions are over", lambda: nxb.none_left("sessions", "streams", "requests_held"), 30)
        pool.close()
        await until("connections are closed", lambda: closed(nxb), 30)
        fds, bytes_before = descriptors(pids), memory(pids)
        await come_and_go(pool, count, full_every=10)
        await until("all sessions are over", lambda: nxb.none_left("sessions", "streams", "requests_held"), 30)
        pool.close()
        await until("connections are closed", lambda: closed(nxb), 30)
        await until("descriptors are back", lambda: descriptors(pids) <= fds, 30)
        same(server.live, 0, "connections at the XMPP server")
        same(await nxb.pids(), pids, "workers")
        grown = memory(pids) - bytes_before
        if not UNDER_SANITIZER:
            expect(grown < count * 800, f"memory grew by {grown} bytes over {count} sessions")
        total = await nxb.total()
        same((total["sessions_opened"], total["sessions_ended"]), (3 * count,) * 2, "sessions")
        same(total["bugs_seen"], 0, "bugs seen")


async def sockets_come_and_go(nxb, count):
    """Every way to end one in turn."""
    async def one(number):
        client = await XmppSocket.to(nxb.port)
        if number % 8:
            await client.open()
        else:
            await client.login()
        if number % 4 == 0:
            await client.goodbye()
        elif number % 4 == 1:
            client.reset()
        elif number % 4 == 2:
            client.send_raw(frame(CLOSE, b"\x03\xe8"))
            await client.closed()
        else:
            client.send_raw(frame(3))  # an opcode that nobody knows
            same(await client.closed(), 1002, "code")
        client.reset()
    await together((one(number) for number in range(count)), 40)


@case("thousands of WebSockets opened and ended in every way: no descriptor and no memory stays behind (O-10 D-65)", within=240)
async def thousands_of_sockets():
    server = await XmppServer().start()
    server.keep_streams = False
    count = scaled(4_000, 400)
    async with Nxb(server, workers=2) as nxb:
        pids = await nxb.pids()
        await sockets_come_and_go(nxb, count // 4)
        await until("all are over", lambda: idle_and_closed(nxb), 30)
        fds, bytes_before = descriptors(pids), memory(pids)
        await sockets_come_and_go(nxb, count)
        await until("all are over", lambda: idle_and_closed(nxb), 30)
        await until("descriptors are back", lambda: descriptors(pids) <= fds, 30)
        same(server.live, 0, "connections at the XMPP server")
        same(await nxb.pids(), pids, "workers")
        grown = memory(pids) - bytes_before
        if not UNDER_SANITIZER:
            expect(grown < 4_000_000, f"memory grew by {grown} bytes over {count} sessions")
        total = await nxb.total()
        same((total["sessions_opened"], total["sessions_ended"]), (count + count // 4,) * 2, "sessions")
        same((total["websockets"], total["bugs_seen"]), (0, 0), "left, and bugs seen")


async def idle_and_closed(nxb):
    return await nxb.none_left("sessions", "streams", "requests_held") and await closed(nxb)


async def closed(nxb):
    return await nxb.counter("connections") == 0


if __name__ == "__main__":
    main()

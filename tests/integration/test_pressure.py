"""test_pressure.py - back-pressure end to end (U-36): clients that do not collect, servers that do not read, and both.

In each case memory is bounded, nothing is lost when the slow side goes on, and another session of the same worker
keeps its round trips all the while. A slow side is one whose socket is not read; small socket buffers make it felt early.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import socket

from harness.bosh import OwnConnections, Session, Talker, message
from harness.connection import find_socket
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.websocket import XmppSocket
from harness.websocket import message as ws_message
from harness.xmpp_server import XmppServer

MIB = 1 << 20
UNDER_SANITIZER = "NXB_TEST_SLOW" in os.environ  # what is freed is kept for a while there
# What nxb holds of one client for its server: 1 MiB, then at most as much again; and the allocator's share.
MOST_OF_ONE = 3 * MIB


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))


class Bystander:
    """Another session of the worker, whose messages come back all the time."""

    def __init__(self, client):
        self.client = client
        self.rounds = 0
        self.is_leaving = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self):
        while not self.is_leaving:
            await self.client.echo(f"b{self.rounds}")
            self.rounds += 1
            await asyncio.sleep(0.005)  # others want the processor, too

    async def goes_on(self):
        before = self.rounds
        await until("the bystander's messages come back", lambda: self.task.done() or self.rounds > before + 2)
        expect(not self.task.done(), "the bystander is gone")

    async def leave(self):
        self.is_leaving = True
        await asyncio.wait_for(self.task, PATIENCE)


async def with_bystander(nxb):
    return Bystander(await (await XmppSocket.to(nxb.port)).login("bystander"))


class SlowServer(XmppServer):
    """Notes the ids of messages by user, and routes only those of the bystander."""

    def __init__(self):
        super().__init__()
        self.ids = {}
        self.remember = 0

    def on_connection(self, stream):
        stream.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)

    def on_stanza(self, stream, stanza):
        if stanza.name == "message" and stream.user != "bystander":
            self.ids.setdefault(stream.user, []).append(stanza.get("id"))
        else:
            super().on_stanza(stream, stanza)

    def of(self, user):
        return next(one for one in self.streams if one.user == user)


def backlog(stream):
    """Bytes that wait unread in the server's socket."""
    row = find_socket(stream.transport.get_extra_info("sockname"), stream.transport.get_extra_info("peername"))
    return row.unread if row else 0


async def held_back(nxb, count):
    return await nxb.counter("client_read_pauses") >= count


def order(count):
    return [f"m{number}" for number in range(count)]


@case("WebSocket clients of servers that do not read are not read on: memory is bounded; then all arrives, in order "
      "(U-35 U-36)", within=180)
async def slow_server_of_sockets():
    server = await SlowServer().start()
    clients, each = 4, 400  # of 50,000 bytes: more than the buffers of all sockets on the way take
    async with Nxb(server, workers=1) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        users = [f"user{number}" for number in range(clients)]
        chatty = [await (await XmppSocket.to(nxb.port)).login(user) for user in users]
        before = pss(pid)
        for user in users:
            server.of(user).transport.pause_reading()
        for client in chatty:
            for number in range(each):
                client.say(ws_message(f"m{number}", "nobody@test.example", "x" * 50_000))
        await until("all clients are held back", lambda: held_back(nxb, clients), 60)
        await bystander.goes_on()
        grown = pss(pid) - before
        expect(UNDER_SANITIZER or grown < clients * MOST_OF_ONE, f"grew by {grown >> 10} KiB for {clients} clients")
        expect(all(client.transport.get_write_buffer_size() > 0 for client in chatty), "a client could say everything")
        for user in users:
            server.of(user).transport.resume_reading()
        for user in users:
            await until(f"all of {user} arrived", lambda: len(server.ids.get(user, [])) >= each, 60)
            same(server.ids[user], order(each), f"messages of {user}")
        expect(all(client.is_open for client in chatty), "a client was let go")
        await chatty[0].goodbye()
        await bystander.goes_on()
        await bystander.leave()
        same(await nxb.counter("streams_failed"), 0, "streams that failed")


@case("BOSH clients of servers that do not read wait for their answers: memory is bounded; then all arrives, in order "
      "(U-35 U-36 B-60)", within=180)
async def slow_server_of_bosh():
    server = await SlowServer().start()
    clients, each = 3, 200
    async with Nxb(server, workers=1) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        users = [f"user{number}" for number in range(clients)]
        chatty = [await Talker(OwnConnections(nxb.port)).login(user) for user in users]
        before = pss(pid)
        for user in users:
            server.of(user).transport.pause_reading()
        tasks = [asyncio.get_running_loop().create_task(say_one_by_one(client.talk(), each)) for client in chatty]
        await until("all clients are held back", lambda: held_back(nxb, clients), 60)
        await until("each waits for its whole window", lambda: all(client.open_requests == 2 for client in chatty))
        await bystander.goes_on()
        grown = pss(pid) - before
        expect(UNDER_SANITIZER or grown < clients * MOST_OF_ONE, f"grew by {grown >> 10} KiB for {clients} clients")
        expect(not any(task.done() for task in tasks), "a client could say everything")
        for user in users:
            server.of(user).transport.resume_reading()
        await asyncio.gather(*tasks)
        for user in users:
            await until(f"all of {user} arrived", lambda: len(server.ids.get(user, [])) >= each, 60)
            same(server.ids[user], order(each), f"messages of {user}")
        for client in chatty:
            expect(client.ended is None, f"{client.jid} was let go: {client.ended!r}")
            await client.quit()
        await bystander.goes_on()
        await bystander.leave()
        same(await nxb.counter("streams_failed"), 0, "streams that failed")


async def say_one_by_one(client, count):
    """A message for each request, as soon as the window allows it."""
    for number in range(count):
        client.say(message(f"m{number}", "nobody@test.example", "x" * 50_000))
        await until("the message left", lambda: not client.outbox or client.ended, 120)
        expect(client.ended is None, f"the session ended: {client.ended!r}")


@case("a server that never reads again: policy-violation after [upstream] write_timeout, over both ways, and nothing is "
      "left (U-36 U-70)", within=120)
async def never_reads():
    server = await SlowServer().start()
    async with Nxb(server, workers=1, upstream={"write_timeout": "1s"}) as nxb:
        bystander = await with_bystander(nxb)
        over_socket = await (await XmppSocket.to(nxb.port)).login("romeo")
        over_bosh = await Talker(OwnConnections(nxb.port)).login("juliet")
        for user in ("romeo", "juliet"):
            server.of(user).transport.pause_reading()
        for number in range(300):
            over_socket.say(ws_message(f"m{number}", "nobody@test.example", "x" * 50_000))
        over_bosh.talk()
        for number in range(300):
            over_bosh.say(message(f"m{number}", "nobody@test.example", "x" * 50_000))
            await until("the message left", lambda: not over_bosh.outbox or over_bosh.ended, 60)
            if over_bosh.ended:
                break
        expect(over_bosh.ended is not None, "the BOSH session goes on")  # its other request may have been told first (B-107)
        expect(over_bosh.ended.condition in ("policy-violation", "other-request"), f"its end: {over_bosh.ended!r}")
        ends = [line for line in nxb.log().splitlines() if "session.end" in line and "condition=policy-violation" in line]
        same(sorted(line.split("kind=")[1].split()[0] for line in ends), ["bosh", "websocket"], "sessions that ended so")
        error = await over_socket.text(30)
        expect("policy-violation" in error, f"end of the WebSocket session: {error}")
        over_socket.reset()
        await over_bosh.quit()
        await bystander.goes_on()
        await bystander.leave()
        await until("nothing is left but the bystander", lambda: only_one_left(nxb), 30)
        same(await nxb.counter("client_read_pauses"), 2, "clients held back")


async def only_one_left(nxb):
    total = await nxb.total()
    return total["sessions"] == 1 and total["streams"] == 1


@case("both slow: the client does not read, its server neither; when both do, nothing was lost either way (U-35 U-36 W-26)",
      within=180)
async def both_slow():
    server = await SlowServer().start()
    count = 200
    async with Nxb(server, workers=1) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        client = await (await XmppSocket.to(nxb.port)).login("romeo")
        stream = server.of("romeo")
        before = pss(pid)
        client.transport.pause_reading()
        stream.transport.pause_reading()
        for number in range(count):
            client.say(ws_message(f"m{number}", "nobody@test.example", "x" * 50_000))
            stream.send(ws_message(f"s{number}", None, "x" * 50_000))
        await until("the client is held back", lambda: held_back(nxb, 1), 60)
        await until("its server, too", lambda: server_held_back(nxb), 60)
        await bystander.goes_on()
        grown = pss(pid) - before
        expect(UNDER_SANITIZER or grown < 2 * MOST_OF_ONE, f"grew by {grown >> 10} KiB")
        stream.transport.resume_reading()
        client.transport.resume_reading()
        for number in range(count):
            same((await client.element(30)).get("id"), f"s{number}", "what the server said")
        await until("all arrived", lambda: len(server.ids.get("romeo", [])) >= count, 60)
        same(server.ids["romeo"], order(count), "what the client said")
        await bystander.goes_on()
        await bystander.leave()


async def server_held_back(nxb):
    return await nxb.counter("server_read_pauses") >= 1


@case("a BOSH client that does not collect: its server is not read, memory is bounded; then it gets everything, in order; "
      "one that stays away is given up (U-36 B-70)", within=180)
async def slow_client():
    server = await SlowServer().start()
    count = 300  # of 50,000 bytes: 15 MB
    async with Nxb(server, workers=1, bosh={"default_inactivity": "10s", "inactivity_grace": "0s"}) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        client = await Session(OwnConnections(nxb.port)).login("romeo")
        stream = server.of("romeo")
        before = pss(pid)
        for number in range(count):
            stream.send(message(f"m{number}", None, "x" * 50_000))
        await until("its server is held back", lambda: server_held_back(nxb), 9)
        grown = pss(pid) - before
        expect(UNDER_SANITIZER or grown < 2 * MOST_OF_ONE, f"grew by {grown >> 10} KiB")
        await bystander.goes_on()
        heard = []
        while len(heard) < count:
            heard += (await client.send()).message_ids()
        same(heard, order(count), "what the server said")
        for number in range(count):
            stream.send(message(f"n{number}", None, "x" * 50_000))
        await until("the client is given up", lambda: only_one_left(nxb), 30)
        await bystander.goes_on()
        await bystander.leave()


if __name__ == "__main__":
    main()

"""test_websocket_hostile.py - WebSocket clients that break rules, do not read, or say half a thing; and their limits.

In each case another session goes on meanwhile, and the memory of the worker stays where it was.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import socket
import struct

from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.websocket import (BINARY, CLOSE, CONTINUATION, FRAMING, PING, PONG, TEXT, Ended, WebSocket, XmppSocket, frame,
                               handshake, message, open_tag)
from harness.xmpp_server import XmppServer

MIB = 1 << 20
UNDER_SANITIZER = "NXB_TEST_SLOW" in os.environ  # what is freed is kept for a while there


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))


async def code_of(nxb, data):
    """What Close code the bytes of a client without a session come to."""
    client = await WebSocket.to(nxb.port)
    client.send_raw(data)
    code = await client.closed()
    client.reset()
    return code


class Bystander:
    """Another session, whose messages come back all the time."""

    def __init__(self, client):
        self.client = client
        self.rounds = 0
        self.slowest = 0
        self.is_leaving = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self):
        clock = asyncio.get_running_loop().time
        while not self.is_leaving:
            before = clock()
            await self.client.echo(f"b{self.rounds}")
            self.slowest = max(self.slowest, clock() - before)
            self.rounds += 1
            await asyncio.sleep(0.005)  # others want the processor, too

    async def goes_on(self):
        """As it has all the time."""
        before = self.rounds
        await until("the bystander's messages come back", lambda: self.task.done() or self.rounds > before + 2)
        expect(not self.task.done(), "the bystander is gone")
        expect(self.slowest < 5, f"the bystander waited for {self.slowest:.1f} s")

    async def leave(self):
        """Not by cancelling it: Python before 3.12 loses that when an answer comes in the same turn."""
        self.is_leaving = True
        await asyncio.wait_for(self.task, PATIENCE)


async def with_bystander(nxb):
    return Bystander(await (await XmppSocket.to(nxb.port)).login())


@case("frames that break a rule are answered with its code, and nothing behind them is read "
      "(W-12 W-13 W-14 W-15 W-16 W-17 W-18 W-19 W-21 W-22)")
async def broken_frames():
    rows = [
        (1002, frame(TEXT, open_tag(), mask=False)), (1002, frame(TEXT, open_tag(), rsv=4)), (1002, frame(TEXT, "", rsv=1)),
        (1002, frame(3)), (1002, frame(7)), (1002, frame(11)), (1002, frame(15)),
        (1002, frame(TEXT, "x", form=16)), (1002, frame(TEXT, "x", form=64)), (1002, frame(TEXT, form=64, length=1 << 63)),
        (1002, frame(CONTINUATION, "x")), (1002, frame(TEXT, "<a", fin=False) + frame(TEXT, "/>")),
        (1002, frame(PING, b"x" * 126)), (1002, frame(PING, fin=False)), (1002, frame(CLOSE, b"x" * 126)),
        (1003, frame(BINARY, open_tag())), (1007, frame(TEXT, b"<a>\xff</a>")), (1007, frame(TEXT, b"\xed\xa0\x80")),
        (1007, frame(TEXT, b"<a>\xc3", fin=False) + frame(CONTINUATION, b"(</a>")),
        (1002, frame(CLOSE, b"\x03")), (1002, frame(CLOSE, struct.pack("!H", 1005))), (1002, frame(CLOSE, struct.pack("!H", 2999))),
        (1007, frame(CLOSE, b"\x03\xe8\xff")), (1009, frame(TEXT, length=500_001)[:14]),
        (1000, frame(CLOSE, b"\x03\xe8")), (1001, frame(CLOSE, b"\x03\xe9")), (1008, b"".join(frame(PING) for _ in range(100)))]
    async with Nxb(workers=1) as nxb:
        for wanted, data in rows:
            code = await code_of(nxb, data + frame(TEXT, open_tag()))
            same(code, wanted, f"code for {data[:40]}")
        await until("no session is left", lambda: nxb.none_left())


@case("a message in pieces, control frames between them, byte by byte: it is whole (W-15 W-16 W-18)")
async def pieces():
    async with Nxb(workers=1) as nxb:
        client = await (await XmppSocket.to(nxb.port)).login()
        data = message("m", None, "ä€𝄞").encode()
        raw = frame(TEXT, data[:1], fin=False) + frame(PING, b"between")
        raw += b"".join(frame(CONTINUATION, data[at:at + 1], fin=False) for at in range(1, len(data)))
        raw += frame(PONG) + frame(CONTINUATION)
        for at in range(len(raw)):
            client.send_raw(raw[at:at + 1])
            if at % 100 == 0:
                await asyncio.sleep(0)
        answer = await client.element()
        same((answer.get("id"), answer[0].text), ("m", "ä€𝄞"), "message")
        same(client.pongs, [b"between"], "pongs")


@case("a client that stops reading: its server is not read on, and after write_timeout it is lost; the worker stays small "
      "(W-26 H-28)", within=120)
async def stops_reading():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, websocket={"max_buffer": "2MiB"}, http={"write_timeout": "2s"}) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        deaf = await (await XmppSocket.to(nxb.port)).login("romeo")
        deaf.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.transport.pause_reading()
        stream = next(one for one in server.streams if one.user == "romeo")
        before = pss(pid)
        most = before
        for number in range(400):  # 40 MiB, if they were all taken
            stream.send(message(f"m{number}", None, "x" * 100_000))
            await asyncio.sleep(0.002)
            if stream.gone.done():
                break
            if number % 10 == 0:
                most = max(most, pss(pid))
        await until("the deaf client is given up", lambda: stream.gone.done(), 30)
        expect(UNDER_SANITIZER or most < before + 12 * MIB, f"grew by {(most - before) >> 10} KiB")
        await bystander.goes_on()
        expect((await nxb.total())["server_read_pauses"] > 0, "its server was read on and on")
        await bystander.leave()


@case("a slow reader is not lost: it gets everything, in order (W-26)", within=120)
async def slow_reader():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, http={"write_timeout": "2s"}) as nxb:
        slow = await (await XmppSocket.to(nxb.port)).login("romeo")
        stream = server.streams[-1]
        slow.transport.pause_reading()
        for number in range(100):  # 10 MB
            stream.send(message(f"m{number}", None, "x" * 100_000))
        await until("its server is paused", lambda: paused(nxb))
        slow.transport.resume_reading()
        for number in range(100):
            same((await slow.element()).get("id"), f"m{number}", "order")


async def paused(nxb):
    return (await nxb.total())["server_read_pauses"] > 0


@case("100,000 one-byte fragments, half a frame, a message never ended, half a handshake: bounded, and others go on "
      "(W-10 W-19)", within=120)
async def half_things():
    async with Nxb(workers=1, http={"head_timeout": "1s"}, websocket={"ping_interval": "1s"}) as nxb:
        bystander = await with_bystander(nxb)
        pid, = await nxb.pids()
        before = pss(pid)
        flood = await WebSocket.to(nxb.port)
        flood.send_raw(frame(TEXT, b"<", fin=False) + frame(CONTINUATION, b" ", fin=False) * 100_000)
        same(await flood.closed(20), 1009, "code for too many fragments")
        half = [await WebSocket.to(nxb.port) for _ in range(30)]
        for client in half:
            client.answers_pings = False
            client.send_raw(frame(TEXT, b"x" * 400_000)[:-1])
        begun = [await WebSocket.to(nxb.port) for _ in range(30)]
        for client in begun:
            client.answers_pings = False
            client.send_raw(frame(TEXT, b"<a>", fin=False) + frame(CONTINUATION, b"y" * 100_000, fin=False))
        never = [await WebSocket.begin(nxb.port) for _ in range(30)]
        for client in never:
            client.send_raw(handshake()[:-2])
        for client in never:
            same(await client.answer(), 408, "a handshake that is not finished")
        grown = pss(pid) - before
        bound = 30 * 600_000 + 30 * 200_000 + 8 * MIB
        expect(UNDER_SANITIZER or grown < bound, f"grew by {grown >> 10} KiB")
        for client in half + begun:
            await client.closed(20)  # none of them answered a ping
        await bystander.goes_on()
        await bystander.leave()


@case("no <open/> in time: 1008 (W-10)", within=60)
async def no_open():
    async with Nxb(workers=1) as nxb:
        client = await WebSocket.to(nxb.port)
        same(await client.closed(25), 1008, "code")


def limited(limits):
    nxb = Nxb(workers=1)
    nxb.sections["server"].update(limits)
    return nxb


@case("what one address may have: connections 503, sessions and rate 1008, for WebSocket as for BOSH (H-45 H-46 H-47)")
async def limits():
    async with limited({"max_connections_per_address": 2}) as nxb:
        kept = [await XmppSocket.to(nxb.port) for _ in range(2)]
        third = await WebSocket.begin(nxb.port)
        third.send_raw(handshake())
        same(await third.answer(), 503, "a connection above the limit")
        await (await XmppSocket.to(nxb.port, source="127.0.0.2")).open()
        kept[0].reset()
        await until("a place is free", lambda: one_left(nxb))
        await (await XmppSocket.to(nxb.port)).open()
    async with limited({"max_sessions_per_address": 1}) as nxb:
        first = await XmppSocket.to(nxb.port)
        await first.open()
        second = await WebSocket.to(nxb.port)
        same(await second.closed(), 1008, "a session above the limit")
        same(await nxb.counter("sessions"), 1, "sessions")
    async with limited({"session_rate": 1, "session_burst": 1}) as nxb:
        await (await XmppSocket.to(nxb.port)).open()
        same(await (await WebSocket.to(nxb.port)).closed(), 1008, "a session above the rate")
    async with limited({"max_sessions": 1}) as nxb:
        await (await XmppSocket.to(nxb.port)).open()
        same(await (await WebSocket.to(nxb.port)).closed(), 1013, "a session above max_sessions")


async def one_left(nxb):
    return await nxb.counter("connections") <= 2


@case("elements that are none: what is wrong is said in a stream error before the Close (W-27 W-28 W-29 W-30 W-40)")
async def wrong_elements():
    rows = [("not-well-formed", "<a></b>"), ("not-well-formed", "text"), ("not-well-formed", open_tag() + open_tag()),
            ("restricted-xml", "<!DOCTYPE a><a/>"), ("invalid-namespace", "<open xmlns='wrong' to='test.example' version='1.0'/>"),
            ("bad-format", "<message xmlns='jabber:client'/>"), ("improper-addressing", f"<open xmlns='{FRAMING}' version='1.0'/>")]
    async with Nxb(workers=1) as nxb:
        for wanted, text in rows:
            client = await WebSocket.to(nxb.port)
            client.say(text)
            texts = []
            try:
                while True:
                    texts.append(await client.text())
            except Ended:
                pass
            expect(len(texts) == 3 and texts[0].startswith("<open ") and f"<{wanted} " in texts[1], f"for {text}: {texts}")
            await client.closed()


if __name__ == "__main__":
    main()

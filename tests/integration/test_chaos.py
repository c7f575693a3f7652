"""test_chaos.py - the delivery promise through real sockets and four workers, behind a network that breaks everything.

Tens of sessions at once talk with an XMPP server through harness/chaos_proxy.py: numbered messages both ways, in bursts, large
and small, some byte by byte. Whatever the network does, each message arrives exactly once and in order, no session ends
before its time, and nxb's counters agree. Two fixed seeds and a fresh one; NXB_CHAOS_SEED=N tries that one instead,
NXB_CHAOS_SECONDS=N makes the fresh one run that long.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import random

from harness.bosh import together
from harness.chaos_client import Client, Ear, numbered
from harness.chaos_fate import CUTS
from harness.chaos_proxy import ChaosProxy
from harness.nxb import Nxb, descriptors
from harness.runner import case, expect, main, same, scaled, until
from harness.xmpp_server import XmppServer

SECONDS = float(os.environ.get("NXB_CHAOS_SECONDS", "6"))
SESSIONS = scaled(40, 16)
UNHEARD = 100               # messages the server is ahead of a client at most


class Server(XmppServer):
    """Talks with every client that is bound, until told to be quiet."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed
        self.speeches = {}       # user -> Speech
        self.problem = None
        self.bounced = 0

    def on_stanza(self, stream, stanza):
        if stanza.name != "message":
            return super().on_stanza(stream, stanza)
        try:
            if stanza.get("type") == "error":
                self.bounced += 1
            else:
                self.speeches[stream.user].ear.hear(stanza.element)
        except AssertionError as problem:
            self.problem = self.problem or problem
        return None


class Speech:
    """The server's side of one conversation."""

    def __init__(self, server, client):
        self.stream = server.bound[client.jid]
        self.client = client
        self.name = f"s{client.number}"
        self.said = 0
        self.ear = Ear(f"c{client.number}")
        self.dice = random.Random(f"{server.seed}/{self.name}")
        server.speeches[self.stream.user] = self
        self.is_over = False

    async def run(self):
        while not self.is_over:
            await asyncio.sleep(self.dice.uniform(0, 0.3))  # people think before they speak
            if self.dice.random() < 0.1:
                await self._be_slow()
            if self.said - self.client.ear.next < UNHEARD:
                await self.burst(self.dice.choice((1, 1, 2, 5, 20)))

    async def burst(self, count):
        data = "".join(numbered(self.name, self.said + i) for i in range(count)).encode()
        self.said += count
        piece = self.dice.choice((0, 0, 0, 1, 30))
        piece = piece if len(data) < 600 and piece else len(data)
        for at in range(0, len(data), piece):
            self.stream.send(data[at:at + piece])
            if piece < len(data):
                await asyncio.sleep(0)

    async def _be_slow(self):
        self.stream.transport.pause_reading()
        await asyncio.sleep(0.1)
        self.stream.transport.resume_reading()


class Play:
    """Everybody in it: nxb, the network, the server, the clients."""

    def __init__(self, nxb, server, seed):
        self.nxb, self.server, self.seed = nxb, server, seed
        self.proxy = ChaosProxy(nxb, seed)
        self.clients = []
        self.speeches = []
        self.tasks = []

    async def begin(self):
        await self.proxy.start()
        await until("only the barrier's connections are left", self._is_empty)
        self.descriptors = descriptors(await self.nxb.pids())
        self.clients = [Client(self.proxy.port, self.seed, number) for number in range(SESSIONS)]
        await together(client.begin() for client in self.clients)
        self.start = await self.nxb.total()
        self.proxy.goes_silent = True
        self.speeches = [Speech(self.server, client) for client in self.clients]
        self.tasks = [asyncio.ensure_future(one.run()) for one in self.clients + self.speeches]

    async def _is_empty(self):
        total = await self.nxb.total()
        return (total["sessions"], total["streams"], total["connections"]) == (0, 0, self.nxb.workers)

    def check(self):
        for task in self.tasks:
            if task.done():
                task.result()
        for problem in (self.proxy.problem, self.server.problem):
            if problem:
                raise problem

    async def for_a_while(self, seconds):
        end = asyncio.get_running_loop().time() + seconds
        await until("time is up", lambda: self.check() or asyncio.get_running_loop().time() > end, seconds + 10)

    async def fall_silent(self):
        """Nobody says more; the network goes on as before until everything was heard."""
        for speech in self.speeches:
            speech.is_over = True
        for client in self.clients:
            client.is_silent = True
        self.proxy.break_silence()
        await asyncio.gather(*self.tasks[len(self.clients):])  # who is about to speak still does
        await until("everything is heard", lambda: self.check() or all(
            speech.ear.next == speech.client.said and speech.client.ear.next == speech.said for speech in self.speeches), 40)

    async def part(self):
        """Two sessions of three are ended by their clients, one by the server, with something to say at the last moment."""
        for speech in self.speeches:
            if speech.client.number % 3:
                speech.client.say()
                speech.client.leave()
            else:
                speech.client.is_leaving = True
                await speech.burst(5)
                speech.stream.send("</stream:stream>")
        await until("all sessions are over", lambda: self.check() or all(client.ended for client in self.clients), 40)
        self.check()
        for speech in self.speeches:
            same((speech.ear.next, speech.client.ear.next), (speech.client.said, speech.said), f"heard of {speech.name}")

    async def end(self):
        await asyncio.gather(*self.tasks)
        for client in self.clients:
            client.gate.close()
        await self.proxy.calm()
        await until("nxb is empty", self._is_empty, 30)
        pids = await self.nxb.pids()
        await until("descriptors are back", lambda: descriptors(pids) <= self.descriptors)
        await self.proxy.stop()
        self.agree(await self.nxb.total())

    def agree(self, total):
        """nxb's counters and what the others saw."""
        grown = {name: total[name] - self.start[name] for name in total}
        same(total["bugs_seen"], 0, "bugs seen")
        same((grown["sessions_ended"], grown["errors"]), (SESSIONS, 0), "sessions ended, errors")
        same(grown["stanzas_from_clients"], sum(client.said for client in self.clients), "stanzas from clients")
        same(grown["stanzas_to_clients"], sum(speech.said for speech in self.speeches), "stanzas to clients")
        same(self.server.bounced, 0, "messages sent back although they were received")
        expect(grown["replays"] > 0 and grown["client_aborts"] > 0, "nothing was repeated, nothing was cut")
        for cut in CUTS[:-1]:
            expect(self.proxy.did[cut], f"nothing was cut {cut}")

    def lately(self):
        """What the network did to the sessions that are in trouble."""
        troubled = [client for client in self.clients if client.problem]
        return "\n".join(f"session {client.number}:\n" + "\n".join(self.proxy.ledgers[client.sid.encode()].events)
                         for client in troubled[:2])

    def tell(self):
        did = self.proxy.did
        print(f"# seed {self.seed}: {SESSIONS} sessions, {sum(client.said for client in self.clients)} messages to the server, "
              f"{sum(speech.said for speech in self.speeches)} from it; {did['requests']} requests, {did['copies']} copies, "
              f"{sum(did[cut] for cut in CUTS)} cuts, {sum(client.resent for client in self.clients)} resends", flush=True)


async def play(seed, seconds):
    server = await Server(seed).start()
    async with Nxb(server, workers=4, http={"head_timeout": "1h", "body_timeout": "1h"}) as nxb:  # of requests cut for ever
        it = Play(nxb, server, seed)
        try:
            await it.begin()
            await it.for_a_while(seconds)
            await it.fall_silent()
            await it.part()
            await it.end()
        except BaseException as problem:
            problem.add_note(it.lately())
            problem.add_note(f"replay: NXB_CHAOS_SEED={seed} NXB_CHAOS_SECONDS={seconds}")
            raise
        finally:
            it.tell()
            for task in it.tasks:
                task.cancel()
            await asyncio.gather(*it.tasks, return_exceptions=True)
            await it.proxy.stop()
    await server.stop()


def in_chaos(seed, seconds):
    @case(f"chaos with seed {seed}: cut, delayed, repeated, in pieces, and yet exactly once and in order "
          "(B-43 B-44 B-47 B-49 B-53 B-54 B-65 B-81 B-83 H-48)", within=seconds + 150)
    async def _():
        await play(seed, seconds)


if "NXB_CHAOS_SEED" in os.environ:
    in_chaos(int(os.environ["NXB_CHAOS_SEED"]), SECONDS)
else:
    in_chaos(1, 4)
    in_chaos(2, 4)
    in_chaos(random.randrange(1 << 32), SECONDS)

if __name__ == "__main__":
    main()

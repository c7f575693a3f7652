"""chaos_proxy.py - a proxy in front of nxb that does what bad networks do, as told by a seed.

It cuts connections before, in the middle of and after requests and answers, delays both, passes them on in tiny pieces,
reads slowly, repeats requests on second connections, and sends requests of many clients over the same connections.
What happens to an attempt follows from seed, rid and number of the attempt alone (chaos_fate.py), so a seed that failed
can be tried again.
SPDX-License-Identifier: MIT
"""
import asyncio
import collections
import random
import re
import socket
import struct

from harness.chaos_fate import CUTS, MOST_SENT, Barrier, Fate, Ledger

MOST_LINGERING = 100  # connections that nobody is behind any more, which nxb does not know


class Gone(Exception):
    """The other side of a connection went away."""


class Client(asyncio.Protocol):
    """The client's side: whole requests come out, one at a time."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.buffer = bytearray()
        self.transport = None
        self.gone = asyncio.get_running_loop().create_future()
        self.busy = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        self._next()

    def eof_received(self):
        self._leave()

    def connection_lost(self, _):
        self._leave()

    def _leave(self):
        if not self.gone.done():
            self.gone.set_result(None)

    def _next(self):
        end = self.buffer.find(b"\r\n\r\n")
        if self.busy or end < 0:
            return
        length = end + 4 + int(re.search(rb"(?i)content-length: *(\d+)", self.buffer[:end]).group(1))
        if len(self.buffer) < length:
            return
        request = bytes(self.buffer[:length])
        del self.buffer[:length]
        self.busy = self.proxy.run(self._serve(request))

    async def _serve(self, request):
        await self.proxy.carry(request, self)
        self.busy = None
        self._next()

    def send(self, data):
        if self.gone.done():
            raise Gone
        self.transport.write(data)

    def cut(self, parting):
        if parting == "reset":
            reset(self.transport)
        else:
            self.transport.close()


class Passage:
    """A connection to nxb."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        writer.transport.set_write_buffer_limits(0)  # drain() returns when the kernel has it all

    @classmethod
    async def to(cls, port, small):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=sock, limit=4096))

    @property
    def is_idle(self):
        return not self.reader.at_eof() and not self.writer.is_closing()

    async def send(self, data, fate=None):
        try:
            for piece in fate.pieces_of(data) if fate else [data]:
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(0)
        except ConnectionError as problem:
            raise Gone from problem

    async def read(self, length):
        try:
            data = await self.reader.read(length)
        except ConnectionError as problem:
            raise Gone from problem
        if not data:
            raise Gone
        return data

    async def head(self):
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as problem:
            raise Gone from problem

    def leave(self, parting):
        reset(self.writer.transport) if parting == "reset" else self.writer.close()


def reset(transport):
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class ChaosProxy:
    """Started by `await ChaosProxy(nxb, seed).start()`; clients connect to `port`."""

    def __init__(self, nxb, seed):
        self.nxb = nxb
        self.seed = seed
        self.barrier = Barrier(nxb)
        self.ledgers = {}      # sid -> Ledger
        self.idle = []         # passages
        self.lingering = []
        self.tasks = set()
        self.did = collections.Counter()
        self.problem = None    # the first thing nxb did that it must not
        self.is_wild = True
        self.silenced = []     # clients that wait for an answer which will not come
        self.goes_silent = False
        self.is_leaving = False
        self.server = self.port = None

    async def start(self):
        await self.barrier.build()
        self.server = await asyncio.get_running_loop().create_server(lambda: Client(self), "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def break_silence(self):
        """Those who would wait long are told, and there are no more of them."""
        self.goes_silent = False
        for client in self.silenced:
            client.cut("reset")

    async def calm(self):
        """Nothing bad happens any more, and nothing is left of what did."""
        self.is_wild = False
        for ledger in self.ledgers.values():
            while ledger.under_way:
                await ledger.door(ledger.under_way[-1].rid + ledger.requests, self.barrier)
        self.is_leaving = True
        self._close_all()

    async def stop(self):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self._close_all()
        self.barrier.close()

    def _close_all(self):
        for passage in self.idle + self.lingering:
            passage.leave("close")
        self.idle = []

    def run(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.problem = self.problem or task.exception()

    # --- one attempt of one request ---
    async def carry(self, request, client):
        sid, rid = name_of(b"sid", request), int(name_of(b"rid", request))
        ledger = self.ledgers.get(sid)
        fate = self._fate(ledger, rid)
        self.did["requests"] += 1
        self.did[fate.cut] += 1
        if ledger:
            ledger.note(rid, f"arrived: {fate}")
        sending = ledger.begin(rid) if ledger and fate.cut not in ("before the request", "in the request") else None
        for delay in fate.copies:
            self.did["copies"] += 1
            self.run(self._copy(request, delay, fate, ledger, ledger.begin(rid)))
        await asyncio.sleep(fate.delay)  # the network is slow
        if fate.cut == "before the request":
            return client.cut(fate.parting)
        if ledger:
            await ledger.door(rid, self.barrier)
        try:
            await self._exchange(request, client, fate, Errand(ledger, rid, sending))
        except Gone:  # either side
            client.cut("close")

    def _fate(self, ledger, rid):
        """A client's creation request cannot be repeated, so nothing bad happens to it."""
        wild = self.is_wild and ledger is not None and ledger.sent[rid] < MOST_SENT
        attempt = 0
        if ledger:
            ledger.attempts[rid] += 1
            attempt = ledger.attempts[rid]
        return Fate(random.Random(f"{self.seed}/{rid}/{attempt}"), wild, CUTS if self.goes_silent else CUTS[:-1])

    async def _exchange(self, request, client, fate, errand):
        passage = await self._passage(fate)
        try:
            if fate.cut == "in the request":
                await passage.send(request[:1 + int(fate.share * (len(request) - 2))], fate)
                client.cut("close")
                return self._abandon(passage, fate, errand)
            await passage.send(request, fate)
            errand.sent()
            if fate.cut == "after the request":
                client.cut(fate.parting)
            if fate.cut == "silence" and self.goes_silent:
                self.silenced.append(client)
            elif fate.cut == "silence":
                client.cut("reset")
            if fate.cut in ("after the request", "silence"):
                return self._abandon(passage, fate, errand)
            await self._return_answer(passage, client, fate, errand)
        except Gone:
            errand.finish()
            passage.leave("close")
            raise

    async def _return_answer(self, passage, client, fate, errand):
        """As it comes, or what the cut leaves of it."""
        head = asyncio.ensure_future(passage.head())
        await asyncio.wait([head, client.gone], return_when=asyncio.FIRST_COMPLETED)
        if not head.done():
            head.cancel()
            await asyncio.gather(head, return_exceptions=True)
            return self._abandon(passage, fate, errand)
        errand.finish()
        await asyncio.sleep(fate.answer_delay)  # the way back is slow, too
        answer = bytearray(head.result())
        length = len(answer) + int(name_of(rb"content-length", answer))
        passes = {"before the answer": 0, "in the answer": int(fate.share * length)}.get(fate.cut, length)
        passed = 0
        while True:
            until_here = min(passes, len(answer))
            if until_here > passed:
                client.send(bytes(answer[passed:until_here]))
                passed = until_here
                await asyncio.sleep(0.001 if fate.reads_slowly else 0)
            elif fate.cut == "in the answer" and passed == passes:
                client.cut("close")
                return passage.leave(fate.parting)
            elif len(answer) < length:
                answer += await passage.read(1500 if fate.reads_slowly else 1 << 16)
            else:
                break
        self._learn(errand, bytes(answer))
        if fate.cut:
            client.cut(fate.parting)
        self._put_back(passage, answer, client)

    def _put_back(self, passage, answer, client):
        if name_of(rb"connection", answer) == b"close" or len(self.idle) >= 20 or self.is_leaving:
            passage.leave("close")
            client.cut("close")
        else:
            self.idle.append(passage)

    def _learn(self, errand, answer):
        if b" 200 " not in answer[:15]:
            return  # not of the session
        body = answer[answer.index(b"\r\n\r\n") + 4:]
        if errand.ledger:
            errand.ledger.check(errand.rid, body)
        elif b"sid=" in body:
            self.ledgers[name_of(b"sid", body)] = Ledger(int(name_of(b"requests", body)))

    async def _passage(self, fate):
        while self.idle and not fate.fresh:
            passage = self.idle.pop(int(fate.share * len(self.idle)))
            if passage.is_idle:
                return passage
            passage.leave("close")
        return await Passage.to(self.nxb.port, fate.reads_slowly)

    async def _copy(self, request, delay, fate, ledger, sending):
        errand = Errand(ledger, sending.rid, sending)
        await asyncio.sleep(delay)  # it took another way
        await ledger.door(sending.rid, self.barrier)
        passage = await Passage.to(self.nxb.port, False)
        try:
            await passage.send(request)
            errand.sent()
            if fate.copy_is_cut:
                self._abandon(passage, fate, errand)
            else:
                await self._linger(passage, errand)
        except Gone:
            errand.finish()
            passage.leave("close")

    def _abandon(self, passage, fate, errand):
        if fate.parting == "linger" and len(self.lingering) < MOST_LINGERING:
            self.run(self._linger(passage, errand))
        else:
            passage.leave("reset" if fate.parting == "reset" else "close")

    async def _linger(self, passage, errand):
        """nxb is not told that nobody listens."""
        self.lingering.append(passage)
        try:
            answer = await passage.head()
            errand.finish()
            length = len(answer) + int(name_of(rb"content-length", answer))
            while len(answer) < length:
                answer += await passage.read(1 << 16)
            if errand.sending:
                self._learn(errand, answer)
        except Gone:
            errand.finish()
        finally:
            self.lingering.remove(passage)
            passage.leave("close")


class Errand:
    """Whose request it is that is being carried."""

    def __init__(self, ledger, rid, sending):
        self.ledger, self.rid, self.sending = ledger, rid, sending

    def sent(self):
        if self.sending:
            self.ledger.note(self.rid, "sent")
            self.ledger.mark_sent(self.sending)

    def finish(self):
        if self.sending:
            self.ledger.finish(self.sending)


def name_of(name, data):
    """The value of an attribute or a header field."""
    found = re.search(rb"(?i)\b" + name + rb"(?:=[\"']|: *)([^\"'\r]*)", data)
    return found.group(1) if found else None

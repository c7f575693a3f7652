"""chaos_fate.py - what befalls a request in chaos_proxy.py, and what may not befall it; nothing here touches a connection
but the Barrier's own.

A bad network must not break the protocol itself. A copy of a request may come late, but not so late that nxb need not know
the rid any more (XEP-0124 14.3: the last `requests` answers are kept). So a request waits at the door until every copy
of the rids `requests` below it has been read by nxb: its answer began, or a Barrier was passed after its last byte was
sent. And no rid is sent so often that a limit on resends would bite (B-50).
SPDX-License-Identifier: MIT
"""
import asyncio
import collections

from harness.bosh import OwnConnections, Session
from harness.runner import expect, until

CUTS = ("before the request", "in the request", "after the request", "before the answer", "in the answer",
        "after the answer", "silence")
MOST_SENT = 5  # whole copies of one rid after which nothing bad happens to it; B-50 allows ten resends

OPTIONS = b"OPTIONS /http-bind HTTP/1.1\r\nHost: barrier\r\n\r\n"


class Fate:
    """What happens to one attempt of one request."""

    def __init__(self, dice, wild, cuts):
        self.delay = dice.uniform(0, 0.3 if dice.random() < 0.05 else 0.03) if dice.random() < 0.3 else 0
        self.answer_delay = dice.uniform(0, 0.05) if dice.random() < 0.2 else 0
        self.piece = dice.choice((1, 3, 50, 1000)) if dice.random() < 0.3 else 0
        self.reads_slowly = dice.random() < 0.1
        self.cut = dice.choices(cuts, [1 if one == "silence" else 6 for one in cuts])[0] if wild and dice.random() < 0.4 else None
        self.share = dice.random()  # of the request or answer, that passes before a cut in the middle
        self.parting = dice.choice(("reset", "close", "linger"))  # how nxb learns of it
        self.copies = [dice.uniform(0, 0.3 if dice.random() < 0.3 else 0.02)  # delays
                       for _ in range(dice.choice((1, 1, 2)) if wild and dice.random() < 0.2 else 0)]
        self.copy_is_cut = dice.random() < 0.3
        self.fresh = dice.random() < 0.5  # over a new connection to nxb

    def pieces_of(self, data):
        """In one piece, or with forty tiny ones somewhere; more would cost time and show nothing else."""
        if not self.piece:
            return [data]
        start = int(self.share * len(data))
        end = min(len(data), start + 40 * self.piece)
        tiny = [data[at:min(end, at + self.piece)] for at in range(start, end, self.piece)]
        return [piece for piece in (data[:start], *tiny, data[end:]) if piece]

    def __str__(self):
        copies = f", copies after {', '.join(f'{delay:.3f} s' for delay in self.copies)}" if self.copies else ""
        return f"delay {self.delay:.3f} s, cut {self.cut} ({self.parting}){copies}{', which are cut' * self.copy_is_cut}"


class Sending:
    """One whole request on its way to nxb."""

    def __init__(self, rid):
        self.rid = rid
        self.is_sent = False   # its last byte is in the kernel
        self.is_read = False   # by nxb


class Ledger:
    """What the proxy knows of one session."""

    def __init__(self, requests):
        self.requests = requests
        self.under_way = []
        self.sent = collections.Counter()    # rid -> whole copies
        self.attempts = collections.Counter()
        self.answers = {}                    # rid -> body
        self.changed = asyncio.Event()
        self.events = collections.deque(maxlen=80)  # for whoever has to find out what went wrong

    def note(self, rid, what):
        self.events.append(f"{asyncio.get_running_loop().time():.3f} rid {rid} {what}")

    def begin(self, rid):
        sending = Sending(rid)
        self.sent[rid] += 1
        self.under_way.append(sending)
        return sending

    def check(self, rid, body):
        """A rid has one answer, whatever copy of it asks (B-47); the recoverable error is none (B-49)."""
        self.note(rid, f"answered {body[:70]}... {len(body)} bytes")
        if b"type='error'" in body:
            return
        known = self.answers.setdefault(rid, body)
        expect(known == body, f"rid {rid} was answered {known[:300]!r}, then {body[:300]!r}")
        for old in [old for old in self.answers if old < rid - 20]:
            del self.answers[old]

    def finish(self, sending):
        """Read by nxb, or it will never be whole."""
        if not sending.is_read:
            sending.is_read = True
            self.under_way.remove(sending)
            self.changed.set()

    def mark_sent(self, sending):
        sending.is_sent = True
        self.changed.set()

    async def door(self, rid, barrier):
        """Until no copy is under way that this request would push out of the window."""
        while late := [one for one in self.under_way if one.rid <= rid - self.requests]:
            if all(one.is_sent for one in late):
                await barrier.passed()
                for one in late:
                    self.finish(one)
            else:
                self.changed.clear()
                await self.changed.wait()


class Barrier:
    """Passed when every worker has read and dispatched all that was sent to it before.

    The listening socket's queue is empty, and every worker's loop has turned often enough since for a connection to be
    accepted, read, handed over, taken from the mailbox and read again: one turn for each answer on a connection that
    lives with this worker.
    """

    def __init__(self, nxb):
        self.nxb = nxb
        self.at_each_worker = {}
        self.current = self.coming = None

    async def build(self):
        """Sessions are born at their owners, and their connections stay there when they are over."""
        pids = await self.nxb.pids()
        while len(self.at_each_worker) < len(pids):
            session = await Session(OwnConnections(self.nxb.port)).login()
            await session.terminate()
            connection = session.gate.idle.pop()
            owner = connection.owner(pids)
            if self.at_each_worker.setdefault(owner, connection) is not connection:
                connection.close()
        return self

    async def passed(self):
        """Whoever comes while one is under way waits for the next, which began after he came."""
        if self.coming is None:
            self.coming = asyncio.get_running_loop().create_task(self._pass_after(self.current))
        await asyncio.shield(self.coming)

    async def _pass_after(self, previous):
        if previous:
            await previous
        self.current, self.coming = self.coming, None
        await until("all connections are accepted", lambda: waiting_at(self.nxb.port) == 0)
        for _ in range(6):
            await asyncio.gather(*(one.fetch(OPTIONS) for one in self.at_each_worker.values()))

    def close(self):
        for task in (self.current, self.coming):
            if task:
                task.cancel()
        for connection in self.at_each_worker.values():
            connection.close()


def waiting_at(port):
    """Connections that nobody has accepted yet."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
                return int(fields[4].split(":")[1], 16)
    raise AssertionError(f"nobody listens on port {port}")

"""chaos_client.py - numbered messages, and a BOSH client that is complete and correct, for test_chaos.py.

It is built as Strophe.js is: a request without an answer is sent again with the same rid, one that was overtaken at once. Variants:
kept connections or one for each request, HTTP/1.0 or 1.1, hold 1 or 2, acks on or off.
SPDX-License-Identifier: MIT
"""
import asyncio
import random

from harness.bosh import CLIENT, Body, OwnConnections, Session, body
from harness.connection import Closed, fetch_alone, post
from harness.runner import PATIENCE, expect, same

WAIT = 20                   # also how long a gap in the rids may last (B-55)
PATIENCE_OF_CLIENT = WAIT * 1.1 + 1  # longer without an answer, and it sends the request again


def text_of(name, number):
    """What message `number` of this speaker says: both ends know it. Now and then it is large."""
    dice = random.Random(f"{name}/{number}")
    size = 20_000 if dice.random() < 0.003 else dice.choice((0, 3, 40, 400))
    return "".join(dice.choice(("a", " ", "&amp;", "é", "&lt;", "]")) for _ in range(size))


def numbered(name, number):
    return f"<message xmlns='{CLIENT}' type='chat' id='{name}-{number}'><body>{text_of(name, number)}</body></message>"


class Ear:
    """Hears numbered messages, and says what is wrong with them."""

    def __init__(self, name):
        self.name = name
        self.next = 0

    def hear(self, element):
        id = element.get("id")
        expect(id == f"{self.name}-{self.next}", f"message {id} came where {self.name}-{self.next} was due")
        wanted = text_of(self.name, self.next)
        for entity, character in (("&amp;", "&"), ("&lt;", "<")):
            wanted = wanted.replace(entity, character)
        same(element.findtext(f"{{{CLIENT}}}body") or "", wanted, f"text of {id}")
        self.next += 1


class FreshConnections:
    """A connection for each request."""

    def __init__(self, port):
        self.port = port

    async def fetch(self, data, patience=PATIENCE):
        return await fetch_alone(self.port, data, patience)

    def close(self):
        pass


class Client(Session):
    """A complete and correct client: sends a request again until it is answered, reads the answers in the order of rids."""

    def __init__(self, port, seed, number):
        self.number = number
        self.keeps_connections = number % 2 == 0
        self.hold = 1 + number // 2 % 2
        self.wants_acks = number // 4 % 2 == 1
        super().__init__(OwnConnections(port) if self.keeps_connections else FreshConnections(port),
                         rid=random.Random(f"{seed}/{number}").randrange(1, 1 << 40))
        self.version = "1.1" if self.keeps_connections else random.Random(number).choice(("1.0", "1.1"))
        self.dice = random.Random(f"{seed}/c{number}")
        self.ear = Ear(f"s{number}")
        self.said = 0
        self.outbox = []
        self.asked = {}             # rid -> task
        self.again = {}             # rid -> event: send it again
        self.answers = {}           # rid -> Body, not read yet
        self.read = None            # the highest rid whose answer was read
        self.ended = None           # the answer that ended the session
        self.resent = 0
        self.is_silent = False
        self.is_leaving = False     # the session may end now
        self.wants_to_leave = False
        self.problem = None
        self.news = asyncio.Event()

    async def begin(self):
        await self.login(hold=self.hold, wait=WAIT, **({"ack": 1} if self.wants_acks else {}))
        same(int(self.created.get("requests")), self.hold + 1, "requests")
        expect((self.created.get("ack") is not None) == self.wants_acks, f"acks: {self.created!r}")
        self.read = self.rid - 1

    async def send_exactly(self, xml):
        """Also for the requests of the login."""
        return await self._answer_to(post(xml, version=self.version), asyncio.Event())

    async def _answer_to(self, data, again):
        for _ in range(30):
            attempt = asyncio.ensure_future(self.gate.fetch(data, PATIENCE_OF_CLIENT))
            called = asyncio.ensure_future(again.wait())
            try:
                await asyncio.wait([attempt, called], return_when=asyncio.FIRST_COMPLETED)
            finally:
                again.clear()
                called.cancel()
                attempt.cancel()
                http, _ = await asyncio.gather(attempt, called, return_exceptions=True)
            if isinstance(http, (Closed, OSError, asyncio.TimeoutError, asyncio.CancelledError)):
                self.resent += 1
            elif isinstance(http, BaseException):
                raise http
            elif http.status == 503 or (answer := Body(http)).type == "error":
                self.resent += 1
            else:
                return answer
        raise AssertionError(f"30 attempts and no answer: {data!r}")

    # --- running by itself ---
    async def run(self):
        speaking = asyncio.ensure_future(self._speak())
        try:
            while not self.ended:
                self._fill()
                self.news.clear()
                await self.news.wait()
                expect(self.problem is None, self.problem)
        finally:
            speaking.cancel()
            for task in self.asked.values():
                task.cancel()
            await asyncio.gather(speaking, *self.asked.values(), return_exceptions=True)

    async def _speak(self):
        while True:
            await asyncio.sleep(self.dice.uniform(0, 0.3))
            if self.is_silent:
                return
            for _ in range(self.dice.choice((1, 1, 3))):
                self.say()

    def say(self):
        self.outbox.append(numbered(f"c{self.number}", self.said))
        self.said += 1
        self.news.set()

    def leave(self):
        """The last request says so, and takes along what there is to say."""
        self.is_leaving = self.wants_to_leave = True
        self.news.set()

    def _fill(self):
        """`hold` requests are kept waiting; one more when there is something to say."""
        while len(self.asked) <= self.hold and (self.outbox or self.wants_to_leave or len(self.asked) < self.hold):
            attributes = {}
            if self.wants_to_leave and len(self.outbox) <= 20:
                attributes["type"] = "terminate"
                self.hold = -1  # nothing is sent behind it
            payload, self.outbox = "".join(self.outbox[:20]), self.outbox[20:]
            rid = self.next_rid()
            if self.created.get("ack"):
                attributes["ack"] = self.read
            self.again[rid] = asyncio.Event()
            data = post(body(rid, self.sid, payload, **attributes), version=self.version)
            self.asked[rid] = asyncio.ensure_future(self._ask(rid, data))

    async def _ask(self, rid, data):
        try:
            self.answers[rid] = await self._answer_to(data, self.again[rid])
            self._read_answers()
        except Exception as problem:
            self.problem = problem
        for earlier in self.asked:
            if earlier < rid:
                self.again[earlier].set()  # overtaken: as Strophe sees it, lost
        self.news.set()

    def _read_answers(self):
        while not self.ended and (answer := self.answers.pop(self.read + 1, None)):
            self.read += 1
            self.asked.pop(self.read)
            self.again.pop(self.read)
            for one in answer.payloads:
                if one.tag == f"{{{CLIENT}}}message":
                    self.ear.hear(one)
            if ack := int(answer.get("ack", 0)):  # B-65: a later rid; at the end, when a rid is missing, an earlier one
                expect(self.wants_acks and ack < self.rid, f"answer to {self.read}: {answer!r}")
                expect(ack > self.read or answer.type and ack < self.read, f"answer to {self.read}: {answer!r}")
            if (report := answer.get("report")) and int(report) in self.again:
                self.again[int(report)].set()
            if answer.type:
                self.ended = answer
                expect(answer.condition is None, f"session {self.number} was ended: {answer!r}")
                expect(self.is_leaving, f"session {self.number} was ended: {answer!r}")

"""bosh.py - BOSH clients: Session sends one request when told to; Talker is a complete, correct client that runs by itself.

Where requests go is the test's choice: `gate` is anything with `await gate.fetch(bytes)` - OwnConnections (what a browser
does), or Pool (what nginx's keep-alive upstream does: any session's request on any idle connection).
SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import heapq
import random
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

from harness.connection import Closed, Connection, fetch_alone, post
from harness.runner import PATIENCE, expect, same, until

HTTPBIND = "http://jabber.org/protocol/httpbind"
XBOSH = "urn:xmpp:xbosh"
STREAM = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
CLIENT = "jabber:client"


class Body:
    """A <body/> that nxb answered."""

    def __init__(self, answer):
        self.http = answer
        self.raw = answer.body
        self.element = ElementTree.fromstring(answer.body)
        same(self.element.tag, f"{{{HTTPBIND}}}body", "root of the answer")

    def get(self, name, default=None):
        return self.element.get(name.replace("xmpp:", f"{{{XBOSH}}}"), default)

    @property
    def type(self):
        return self.get("type")

    @property
    def condition(self):
        return self.get("condition")

    @property
    def payloads(self):
        return list(self.element)

    @property
    def is_empty(self):
        return not self.payloads and self.type is None

    def find(self, path):
        return self.element.find(path)

    def message_ids(self):
        return [one.get("id") for one in self.payloads if one.tag == f"{{{CLIENT}}}message"]

    def __repr__(self):
        return f"<{self.http.status} {self.raw.decode(errors='replace')[:500]}>"


async def got(answer):
    """What a future of Connection.ask brings."""
    return Body(await asyncio.wait_for(answer, PATIENCE))


def body(rid, sid=None, payload="", **attributes):
    """The XML of a request; xmpp_version stands for xmpp:version, xml_lang for xml:lang."""
    names = {name: name.replace("xmpp_", "xmpp:").replace("xml_", "xml:") for name in attributes}
    text = "".join(f" {names[name]}={quoteattr(str(value))}" for name, value in attributes.items())
    if "xmpp:" in text:
        text += f" xmlns:xmpp='{XBOSH}'"
    if sid is not None:
        text = f" sid={quoteattr(sid)}" + text
    rid_text = "" if rid is None else f" rid='{rid}'"
    end = f">{payload}</body>" if payload else "/>"
    return f"<body{rid_text}{text} xmlns='{HTTPBIND}'{end}"


def message(id, to=None, text="hello"):
    return f"<message xmlns='{CLIENT}' type='chat' id={quoteattr(id)}{f' to={quoteattr(to)}' if to else ''}><body>{text}</body></message>"


class OwnConnections:
    """Keep-alive connections of one client: an idle one, else a new one."""

    def __init__(self, port):
        self.port = port
        self.idle = []
        self.opened = 0
        self.breaks = 0  # connections that ended while an answer was awaited

    async def connect(self):
        return await Connection.to(self.port)

    async def fetch(self, data, patience=70):
        while self.idle and not self.idle[-1].is_open:
            self.idle.pop()
        if self.idle:
            connection = self.idle.pop()
        else:
            connection = await self.connect()
            self.opened += 1
        try:
            answer = await connection.fetch(data, patience)
        except (Closed, OSError):
            self.breaks += 1
            raise
        except BaseException:
            connection.reset()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self.idle.append(connection)
        return answer

    def close(self):
        while self.idle:
            self.idle.pop().reset()


class Pool(OwnConnections):
    """The same for all clients together: connections carry many sids in turn."""


async def creation(nxb, to, **attributes):
    """What a creation for this domain is answered with; on a connection that is closed then."""
    return Body(await fetch_alone(nxb.port, post(body(1, None, to=to, ver="1.6", wait=60, hold=1, **attributes))))


async def refused(nxb, to, **attributes):
    """The condition that a creation for this domain is refused with."""
    answer = await creation(nxb, to, **attributes)
    same((answer.http.status, answer.type, answer.get("sid")), (200, "terminate", None), f"creation for {to}: {answer!r}")
    return answer.condition


class Session:
    """A session driven request by request."""

    def __init__(self, gate, domain="test.example", rid=None):
        self.gate = gate
        self.domain = domain
        self.rid = rid if rid is not None else random.randrange(1, 1 << 40)  # the next one
        self.sid = None
        self.jid = None
        self.created = None  # the Body of the creation answer

    def next_rid(self):
        self.rid += 1
        return self.rid - 1

    async def send(self, payload="", **attributes):
        """The next request and its answer."""
        return await self.send_exactly(body(self.next_rid(), self.sid, payload, **attributes))

    async def send_exactly(self, xml):
        return Body(await self.gate.fetch(post(xml)))

    async def open(self, **attributes):
        wanted = {"to": self.domain, "wait": 60, "hold": 1, "ver": "1.6", "xml_lang": "en", "xmpp_version": "1.0"}
        wanted.update(attributes)
        wanted = {name: value for name, value in wanted.items() if value is not None}
        self.created = Body(await self.gate.fetch(post(body(self.next_rid(), None, "", **wanted))))
        self.sid = self.created.get("sid")
        expect(self.sid, f"no sid in {self.created!r}")
        return self

    async def until_payload(self, answer, path, what):
        """The element at `path`, in this answer or in those of further empty requests."""
        for _ in range(5):
            found = answer.find(path)
            if found is not None:
                return found
            expect(answer.type is None, f"{what}: {answer!r}")
            answer = await self.send()
        raise AssertionError(f"no {what}: {answer!r}")

    async def login(self, user=None, resource=None, **attributes):
        """Creation, SASL (PLAIN with a user, else ANONYMOUS), restart, bind."""
        await self.open(**attributes)
        await self.until_payload(self.created, f"{{{STREAM}}}features", "features")
        if user:
            secret = base64.b64encode(f"\0{user}\0secret".encode()).decode()
            auth = f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>"
        else:
            auth = f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>"
        await self.until_payload(await self.send(auth), f"{{{SASL}}}success", "success")
        restarted = await self.send("", to=self.domain, xmpp_restart="true")
        await self.until_payload(restarted, f"{{{STREAM}}}features/{{{BIND}}}bind", "bind feature")
        wish = f"<resource>{resource}</resource>" if resource else ""
        bound = await self.send(f"<iq xmlns='{CLIENT}' type='set' id='bind'><bind xmlns='{BIND}'>{wish}</bind></iq>")
        self.jid = (await self.until_payload(bound, f".//{{{BIND}}}jid", "jid")).text
        return self

    async def until_message(self, answer, id):
        """The answer with the message of this id: this one, or that to one of the next few empty requests."""
        for _ in range(5):
            if id in answer.message_ids():
                return answer
            expect(answer.type is None, f"waiting for {id}: {answer!r}")
            answer = await self.send()
        raise AssertionError(f"message {id} did not come: {answer!r}")

    async def echo(self, id, text="hello"):
        """A message to nobody in particular, which the server sends back; the answer that carries it."""
        return await self.until_message(await self.send(message(id, None, text)), id)

    async def terminate(self):
        return await self.send("", type="terminate")


class Talker(Session):
    """Keeps a request with nxb at all times, sends what is queued, repeats what got lost, collects what comes."""

    def __init__(self, gate, domain="test.example"):
        super().__init__(gate, domain)
        self.heard = []         # (from, id) of messages, in order
        self.ended = None       # the Body that ended the session
        self.retries = 0
        self.outbox = []
        self.changed = asyncio.Event()
        self.task = None
        self.open_requests = 0
        self.ready = []         # answers that came before an earlier one did: heap of (rid, Body)
        self.next_answer = 0

    def talk(self):
        self.next_answer = self.rid
        self.task = asyncio.get_running_loop().create_task(self._run())
        return self

    def say(self, payload):
        self.outbox.append(payload)
        self.changed.set()

    async def quit(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self):
        requests = int(self.created.get("requests"))
        pending = set()
        try:
            while self.ended is None:
                while self.open_requests < requests and (self.outbox or self.open_requests == 0):
                    payload, self.outbox = "".join(self.outbox), []
                    rid = self.next_rid()
                    self.open_requests += 1
                    request = asyncio.get_running_loop().create_task(self._ask(rid, payload))
                    pending.add(request)
                    request.add_done_callback(pending.discard)
                self.changed.clear()
                await self.changed.wait()
        finally:
            for request in list(pending):
                request.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _ask(self, rid, payload):
        data = post(body(rid, self.sid, payload))
        for _ in range(20):
            try:
                http = await self.gate.fetch(data)
            except (Closed, OSError, asyncio.TimeoutError):
                self.retries += 1
                continue
            if http.status == 503:
                self.retries += 1
                await asyncio.sleep(float(http.headers["retry-after"]))  # as told
                continue
            heapq.heappush(self.ready, (rid, id(http), Body(http)))
            break
        else:
            raise AssertionError(f"rid {rid} got no answer in 20 attempts")
        while self.ready and (self.ready[0][0] == self.next_answer or self.ready[0][2].type == "terminate"):
            _, _, answer = heapq.heappop(self.ready)
            self.next_answer += 1
            self.open_requests -= 1
            self._take(answer)
        self.changed.set()

    def _take(self, answer):
        for one in answer.payloads:
            if one.tag == f"{{{CLIENT}}}message":
                self.heard.append((one.get("from"), one.get("id")))
        if answer.type == "terminate":
            self.ended = answer

    async def hears(self, count, patience=PATIENCE * 3):
        await until(f"{self.jid} has heard {count} messages", lambda: len(self.heard) >= count or self.ended, patience)


async def together(coroutines, at_once=50):
    """Runs them all, a bounded number at a time; results in order."""
    gate = asyncio.Semaphore(at_once)

    async def one(coroutine):
        async with gate:
            return await coroutine
    return await asyncio.gather(*(one(coroutine) for coroutine in coroutines))

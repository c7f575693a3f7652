"""test_limits.py - what one address and one session may do, whom a proxy speaks for, and what the log never says.

SPDX-License-Identifier: MIT
"""
import asyncio

from harness.admin import short
from harness.bosh import Body, OwnConnections, Session, body, message
from harness.connection import Closed, Connection, fetch_alone, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CREATION = {"to": "echo.example", "wait": 5, "hold": 1, "ver": "1.6"}


def limited(*arguments, limits=None, trusted=(), **sections):
    """An nxb with [server] `limits`. By a trusted 127.0.0.1 it is told addresses and schemes."""
    nxb = Nxb(*arguments, **sections)
    nxb.sections["server"].update(limits or {})
    nxb.sections["listen"][0]["trusted_proxies"] = list(trusted)
    return nxb


def behind_proxy(*arguments, **options):
    return limited(*arguments, trusted=["127.0.0.1"], **options)


async def connection_from(nxb, source):
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", nxb.port, local_addr=(source, 0))
    return connection


async def once(nxb, xml, headers=None):
    return Body(await fetch_alone(nxb.port, post(xml, headers=headers)))


async def create(nxb, address=None, **headers):
    if address:
        headers["X-Forwarded-For"] = address
    return await once(nxb, body(1, None, **CREATION), headers)


def with_field(request, field):
    return request.replace(b"\r\n", b"\r\n" + field + b"\r\n", 1)


class Through(OwnConnections):
    """Connections through a proxy that adds a field."""

    def __init__(self, nxb, field):
        super().__init__(nxb.port)
        self.field = field

    async def fetch(self, data, patience=70):
        return await super().fetch(with_field(data, self.field), patience)


def is_violation(answer):
    same((answer.http.status, answer.type, answer.condition), (200, "terminate", "policy-violation"), "refused")


@case("above max_connections_per_address: 503 with Retry-After, others go on, another address and a closed one make room (H-45)")
async def connections():
    async with limited(workers=1, limits={"max_connections_per_address": 2}) as nxb:
        first, second = [await connection_from(nxb, "127.0.0.2") for _ in range(2)]
        for one in (first, second):
            same((await one.fetch(ALIVE)).status, 200, "below the limit")
        above = await connection_from(nxb, "127.0.0.2")
        answer = above.expect_answer()
        answer = await asyncio.wait_for(answer, PATIENCE)
        same((answer.status, answer.headers["connection"]), (503, "close"), "above the limit")
        expect(int(answer.headers["retry-after"]) > 0, "Retry-After")
        same(Body(answer).type, "error", "a body that clients repeat")
        await above.ended()
        same(await nxb.counter("connections_refused_address"), 1, "counted")
        other = await connection_from(nxb, "127.0.0.3")
        for one in (first, second, other):
            same((await one.fetch(ALIVE)).status, 200, "not disturbed")
        above.close()
        first.close()

        async def one_is_left():
            return await nxb.counter("connections") == 2
        await until("the closed ones are gone", one_is_left)
        again = await connection_from(nxb, "127.0.0.2")
        same((await again.fetch(ALIVE)).status, 200, "room again")


@case("a flood of connections from one address is shut out, and hardly costs the others anything (H-45)")
async def flood():
    async with limited(workers=1, limits={"max_connections_per_address": 5}) as nxb:
        flood = [await connection_from(nxb, "127.0.0.2") for _ in range(100)]

        async def refused():
            return await nxb.counter("connections_refused_address") == 95
        await until("95 are refused", refused)
        expect(await nxb.counter("connections") <= 11, "no more than twice the limit are open, and ours")
        other = await connection_from(nxb, "127.0.0.3")
        same((await other.fetch(ALIVE)).status, 200, "another address")
        for one in flood:
            one.close()


@case("trusted proxies may have any number of connections (H-45 H-47)")
async def proxies():
    async with behind_proxy(workers=1, limits={"max_connections_per_address": 1}) as nxb:
        for one in [await Connection.to(nxb.port) for _ in range(5)]:
            same((await one.fetch(ALIVE)).status, 200, "of the proxy")


@case("max_sessions_per_address counts clients by what a trusted proxy says, IPv6 by /64, however it says it (H-45 H-47 B-40)")
async def sessions():
    async with behind_proxy(workers=1, limits={"max_sessions_per_address": 1}) as nxb:
        expect((await create(nxb, "192.0.2.1")).get("sid"), "the first session of an address")
        is_violation(await create(nxb, "192.0.2.1"))
        is_violation(await create(nxb, "6.6.6.6, 192.0.2.1"))  # only the last hop is the proxy's word
        is_violation(await create(nxb, Forwarded="for=192.0.2.1;proto=http"))
        expect((await create(nxb, "192.0.2.2")).get("sid"), "another address")
        expect((await create(nxb, "2001:db8::1")).get("sid"), "an IPv6 address")
        is_violation(await create(nxb, "2001:db8::2"))
        is_violation(await create(nxb, Forwarded='for="[2001:db8::3]:4711"'))
        expect((await create(nxb, "2001:db8:0:1::1")).get("sid"), "the next /64")
        same(await nxb.counter("sessions_refused_limit"), 5, "counted")
        same(await nxb.counter("sessions"), 4, "no session for the others")


@case("at max_sessions a creation is answered internal-server-error, and the log says why (H-45 B-40)")
async def full():
    async with limited(workers=1, limits={"max_sessions": 1}) as nxb:
        expect((await create(nxb)).get("sid"), "the first session")
        same((await create(nxb)).condition, "internal-server-error", "the second")
        expect("event=session.refused" in nxb.log() and "why=max_sessions\n" in nxb.log(), nxb.log()[-1000:])


@case("who is no trusted proxy speaks for nobody (H-47)")
async def untrusted():
    async with limited(workers=1, trusted=["192.0.2.77"], limits={"max_sessions_per_address": 1}) as nxb:
        expect((await create(nxb, "192.0.2.1")).get("sid"), "the first session of 127.0.0.1")
        is_violation(await create(nxb, "192.0.2.2"))
        log = nxb.log()
        same(log.count("event=edge.untrusted_proxy"), 1, "the operator is told, once")
        expect("why=max_sessions_per_address" in log, log[-1000:])


@case("session_rate: above the burst of an address a creation is refused, others are not, and time heals it (H-46 B-40)")
async def creation_rate():
    async with behind_proxy(workers=1, limits={"session_rate": 2, "session_burst": 3}) as nxb:
        created = 0
        while (answer := await create(nxb, "192.0.2.1")).get("sid") and created < 100:
            created += 1
        is_violation(answer)
        expect(created >= 3, f"{created} within the burst")
        expect((await create(nxb, "192.0.2.2")).get("sid"), "another address")
        same(await nxb.counter("sessions_refused_rate"), 1, "counted")
        expect("why=session_rate" in nxb.log() and "untrusted_proxy" not in nxb.log(), nxb.log()[-1000:])


@case("session_rate: an added stream above it ends alone, and the log says whose it was and why (H-46)")
async def stream_rate():
    async with limited(workers=1, limits={"session_rate": 1, "session_burst": 1}, bosh={"max_streams_per_session": 100}) as nxb:
        session = await Session(OwnConnections(nxb.port)).open()
        for _ in range(99):  # on a slow machine the rate may allow some
            await session.send(to="other.example", xml_lang="en", xmpp_version="1.0")
            if await nxb.counter("streams_refused_rate"):
                break
        same(await nxb.counter("sessions"), 1, "sessions")
        [line] = [line for line in nxb.log().splitlines() if "event=session.refused" in line]
        expect(line.endswith(" domain=other.example client=127.0.0.1 why=session_rate") and f" sid={short(session.sid)} " in line, line)

        async def admitted():
            return (await create(nxb, "192.0.2.1")).get("sid")
        await until("half a second brought a token", admitted)


@case("request_rate: a session that asks too fast ends with policy-violation, its stream too; others go on (H-46 U-70)")
async def request_rate():
    server = await XmppServer().start()
    async with Nxb(server, workers=2, bosh={"request_rate": 1, "request_burst": 20}) as nxb:
        calm = await Session(OwnConnections(nxb.port)).login()
        fast = await Session(OwnConnections(nxb.port)).login()
        ended = None
        for count in range(1, 40):
            answer = await fast.send(message(f"m{count}", fast.jid))
            if answer.type == "terminate":
                ended = answer
                break
        expect(ended, "it never ended")
        is_violation(ended)
        expect(10 <= count <= 30, f"after {count} requests")
        same(await nxb.counter("requests_over_rate"), 1, "counted")
        await until("the log names the option", lambda: "why=request_rate" in nxb.log())
        await until("the server heard the end", lambda: server.streams[1].gone.done())
        answer = await calm.send(message("calm", calm.jid))
        await calm.until_message(answer, "calm")
    await server.stop()


@case("by default a hundred requests at once are fine, and a flood is not (H-46)")
async def default_rate():
    async with Nxb(workers=1, bosh={"request_rate": 50}) as nxb:
        session = await Session(OwnConnections(nxb.port), domain="echo.example").login()
        connection = await Connection.to(nxb.port)
        requests = [post(body(session.next_rid(), session.sid, message("m", session.jid))) for _ in range(1000)]

        async def flood(count):  # in one piece: faster than any rate, however slow the machine
            answers = [connection.expect_answer() for _ in range(count)]
            connection.send(b"".join(requests.pop(0) for _ in range(count)))
            return [Body(await asyncio.wait_for(one, PATIENCE)) for one in answers]
        same({one.type for one in await flood(80)}, {None}, "within the burst")
        is_violation((await flood(900))[-1])


@case("a session created over https: a request over http is hung up on unanswered, and the session lives on (B-111 H-47)")
async def secure_only():
    server = await XmppServer().start()
    async with behind_proxy(server, workers=4) as nxb:
        session = await Session(Through(nxb, b"X-Forwarded-Proto: https")).login()
        held = await Connection.to(nxb.port)
        waiting = held.ask(with_field(post(body(session.next_rid(), session.sid)), b"X-Forwarded-Proto: https"))
        overheard = post(body(session.rid, session.sid, message("overheard", session.jid)))
        for field in [b"X-Forwarded-Proto: http", b"X-Other: https", b"Forwarded: for=192.0.2.1;proto=http"] * 3:
            connection = await Connection.to(nxb.port)  # many: some are handed over
            try:
                await connection.fetch(with_field(overheard, field))
                raise AssertionError("it was answered")
            except Closed:
                pass
        same(await nxb.counter("connections_dropped_insecure"), 9, "counted")
        same(nxb.log().count("event=session.insecure_request"), 9, "in the log")
        expect(not waiting.done(), "the session answered something")
        session.gate = Through(nxb, b"Forwarded: for=192.0.2.1;proto=https")
        answer = await session.send(message("meant", session.jid))
        same((Body(await asyncio.wait_for(waiting, PATIENCE)).type, answer.message_ids()), (None, ["meant"]), "both answers")
        expect(b"overheard" not in server.streams[0].received, "what came over http was used")
        held.close()
    await server.stop()


@case("see_other_uri: a creation is answered with the URI, and there is no session (B-109)")
async def elsewhere():
    async with Nxb(workers=1, bosh={"see_other_uri": "https://other.example/bind?a&b"}) as nxb:
        answer = await create(nxb)
        same((answer.type, answer.condition), ("terminate", "see-other-uri"), "creation")
        same(answer.find("{http://jabber.org/protocol/httpbind}uri").text, "https://other.example/bind?a&b", "uri")
        same(await nxb.counter("sessions_opened"), 0, "sessions")
        same(await nxb.counter("sessions_referred"), 1, "counted")


@case("the log, up to DEBUG, has no payload, password, sid or query, and control characters do nothing (H-49)")
async def log():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, log={"level": "DEBUG"}, bosh={"max_data_held": 5000},
                   upstream={"allow": ["test.example"]}) as nxb:
        gate = OwnConnections(nxb.port)
        session = await Session(gate).login(user="alice", wait=1)  # with the password "secret"
        await session.send(message("m1", session.jid, "confidential"), key="keykeykey")
        connection = await Connection.to(nxb.port)
        await connection.fetch(b"GET /http-bind?data=querysecret HTTP/1.1\r\nHost: x\r\n\r\n")
        await connection.fetch(b"GET /nowhere?password=querysecret HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.close()
        await once(nxb, "<body confidential")
        await once(nxb, body(1, None, to="a\n\x7f\u009b\u202eb.example event=forged", wait=1, hold=1))
        await once(nxb, body(1, None, to="x" * 300 + ".example", wait=1, hold=1))
        await once(nxb, body(5, "sidsidsid", "confidential"))
        large = await Connection.to(nxb.port)
        await large.fetch(post("confidential" * 500))
        ended = await session.send(type="terminate")
        same(ended.type, "terminate", "the end")
        await until("the end is in the log", lambda: "event=session.end" in nxb.log())
        text = nxb.log()
        hidden = ["confidential", "querysecret", "secret", "AGFsaWNlAHNlY3JldA", session.sid, session.sid[:12],
                  "sidsidsid", "keykeykey", "\x7f", "\u009b", "\u202e"]
        same([one for one in hidden if one in text], [], "in the log")
        for line in text.splitlines():
            expect(len(line) < 2000, f"a long line: {line[:300]}")
            expect(" event=" in line and not line.startswith("b.example"), f"not a line of ours: {line}")
        same([line for line in text.splitlines() if "event=forged" in line and '"' not in line], [], "forged lines")
    await server.stop()


main()

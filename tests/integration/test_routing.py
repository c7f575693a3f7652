"""test_routing.py - any connection may carry any sid (H-48): hand-over between four workers, at the wire.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import random
import signal

from harness.bosh import Body, OwnConnections, Pool, Session, Talker, body, message, together
from harness.connection import Closed, Connection, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, scaled, until
from harness.xmpp_server import XmppServer


async def echo_server():
    return await XmppServer().start()


async def with_owners(nxb, count):
    """Sessions, with the process id of each one's owner: the process that has the connection after a request."""
    sessions = [Session(OwnConnections(nxb.port)) for _ in range(count)]
    await together(session.login() for session in sessions)
    pids = await nxb.pids()
    for session in sessions:
        session.owner = session.gate.idle[-1].owner(pids)
        expect(session.owner, "nobody has the connection of a session")
    return sessions


def close(sessions):
    for session in sessions:
        session.gate.close()


@case("sessions spread over all workers, and a connection ends up at its session's owner (H-48)")
async def spread():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = await with_owners(nxb, 80)
        owners = [session.owner for session in sessions]
        same(set(owners), set(await nxb.pids()), "owners")
        for session in sessions:
            await session.echo("again")
            same(session.gate.idle[-1].owner(await nxb.pids()), session.owner, "owner after another request")
            same(session.gate.opened, 1, "connections of a session")
        rows = await nxb.worker_rows()
        same({row["pid"]: row["sessions"] for row in rows}, {pid: owners.count(pid) for pid in set(owners)}, "sessions")
        close(sessions)


@case("hundreds of sessions over a pool of keep-alive connections, as nginx does it: all exchange messages (H-48)", within=180)
async def shared_pool():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        pool = Pool(nxb.port)
        talkers = [Talker(pool) for _ in range(scaled(300, 30))]
        await together((talker.login(wait=5) for talker in talkers), 30)
        for talker in talkers:
            talker.talk()
        rounds = 10
        for number in range(rounds):
            for i, talker in enumerate(talkers):
                talker.say(message(f"n{number}", talkers[i - 1].jid))
            await until("everybody hears", lambda: all(len(t.heard) > number for t in talkers), 30)
        for i, talker in enumerate(talkers):
            speaker = talkers[(i + 1) % len(talkers)]
            same(talker.heard, [(speaker.jid, f"n{n}") for n in range(rounds)], f"heard by {talker.jid}")
        same(pool.breaks, 0, "broken connections")
        for talker in talkers:
            await talker.quit()
        pool.close()


@case("one connection carries all sessions in turn, one after the other (H-48)")
async def one_connection():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        gate = OwnConnections(nxb.port)
        sessions = [Session(gate) for _ in range(30)]
        for session in sessions:
            await session.login()
        for turn in range(3):
            for session in random.sample(sessions, len(sessions)):
                await session.echo(f"turn{turn}")
        for session in sessions:
            same((await session.terminate()).type, "terminate", "end")
        same(gate.opened, 1, "connections used")
        expect(await nxb.counter("handovers_out") > 30, "no hand-overs happened")
        same(await nxb.counter("handovers_out"), await nxb.counter("handovers_in"), "hand-overs out and in")
        gate.close()


@case("pipelined requests of sessions with different owners are answered in order on one connection (H-11 H-48)")
async def pipelined():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = await with_owners(nxb, 24)
        for turn in range(20):
            chosen = random.sample(sessions, 8)
            connection = await Connection.to(nxb.port)
            requests = [post(body(one.next_rid(), one.sid, message(f"t{turn}-{i}"))) for i, one in enumerate(chosen)]
            answers = [connection.expect_answer() for _ in requests]
            connection.send(b"".join(requests))  # one segment
            for i, answer in enumerate(answers):
                got = Body(await asyncio.wait_for(answer, PATIENCE))
                same(got.message_ids(), [f"t{turn}-{i}"], f"answer {i} of turn {turn}")
            connection.close()
        close(sessions)


@case("a pipelined request for another owner waits behind a held one, and is not lost (H-11)")
async def pipelined_behind_held():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = await with_owners(nxb, 16)
        first = sessions[0]
        second = next(one for one in sessions if one.owner != first.owner)
        connection = await Connection.to(nxb.port)
        held = connection.ask(post(body(first.next_rid(), first.sid)))
        behind = connection.ask(post(body(second.next_rid(), second.sid, message("behind"))))
        await connection.arrived()
        await second.gate.fetch(b"OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n\r\n")  # a turn of its owner
        expect(not held.done() and not behind.done(), "an answer came out of order")
        other = asyncio.ensure_future(first.send(message("release")))  # another connection of the first session
        released = Body(await asyncio.wait_for(held, PATIENCE))
        if released.is_empty:
            released = await asyncio.wait_for(other, PATIENCE)
        same(released.message_ids(), ["release"], "what released the held request")
        same(Body(await asyncio.wait_for(behind, PATIENCE)).message_ids(), ["behind"], "the request behind")
        other.cancel()
        connection.close()
        close(sessions)


@case("a request split at every byte into two segments reaches its owner whole (H-48 H-11)", within=180)
async def split_requests():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        session = await Session(OwnConnections(nxb.port), rid=1000).login()
        length = len(post(body(session.rid, session.sid, message("x000"))))
        for at in range(1, length):
            await split_request(nxb, session, at)
        session.gate.close()


async def split_request(nxb, session, at):
    """On a fresh connection; the second segment follows when the first is read."""
    id = f"x{at:03}"
    data = post(body(session.next_rid(), session.sid, message(id)))
    connection = await Connection.to(nxb.port)
    connection.send(data[:at])
    await connection.arrived()
    await session.until_message(Body(await connection.fetch(data[at:])), id)
    connection.reset()


@case("a request sent byte by byte, all in segments of their own, is one request (H-48)")
async def byte_by_byte():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(4)]
        for session in sessions:
            connection = await Connection.to(nxb.port)
            answer = connection.expect_answer()
            for byte in post(body(session.next_rid(), session.sid, message("slow"))):
                connection.send(bytes([byte]))
                await connection.arrived()
            same(Body(await asyncio.wait_for(answer, PATIENCE)).message_ids(), ["slow"], "answer")
            connection.close()
        close(sessions)


@case("a connection cut at every byte of a request: the session lives, the same request sent again is done once (B-47 B-49 B-53)",
      within=180)
async def cut_requests():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        session = await Session(OwnConnections(nxb.port), rid=1000).login()
        length = len(post(body(session.rid, session.sid, message("x000"))))
        for at in range(1, length + 1):
            id = f"x{at:03}"
            data = post(body(session.next_rid(), session.sid, message(id)))
            connection = await Connection.to(nxb.port)
            connection.send(data[:at])
            if at % 3 == 0:
                await connection.arrived()
            connection.reset() if at % 2 else connection.close()
            await session.until_message(Body(await session.gate.fetch(data)), id)
        sent = bytes(server.streams[0].received)
        for at in range(1, length + 1):
            same(sent.count(b"x%03d" % at), 1, f"times that message {at} went to the server")
        session.gate.close()


@case("a body of nearly max_data_held, larger than a mailbox message holds inline, is handed over whole (H-25 H-48)")
async def large_body():
    server = await echo_server()
    async with Nxb(server, workers=4, bosh={"max_data_held": 400_000}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        text = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=390_000))
        for turn in range(12):  # a fresh connection each time: most are accepted by another worker
            data = post(body(session.next_rid(), session.sid, message(f"large{turn}", None, text)))
            connection = await Connection.to(nxb.port)
            answer = await session.until_message(Body(await connection.fetch(data)), f"large{turn}")
            expect(answer.payloads[0][0].text == text, "the text is not the same")
            connection.close()
        expect(await nxb.counter("handovers_in") > 0, "nothing was handed over")
        session.gate.close()


@case("a large request and a small one behind it for another owner, in one segment, both arrive (H-11 H-48)")
async def large_and_small_pipelined():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = await with_owners(nxb, 12)
        text = "y" * 90_000
        for first, second in zip(sessions, sessions[1:] + sessions[:1]):
            connection = await Connection.to(nxb.port)
            answers = [connection.expect_answer() for _ in range(2)]
            connection.send(post(body(first.next_rid(), first.sid, message("large", None, text)))
                            + post(body(second.next_rid(), second.sid, message("small"))))
            for wanted, answer in zip(("large", "small"), answers):
                same(Body(await asyncio.wait_for(answer, PATIENCE)).message_ids(), [wanted], "answer")
            connection.close()
        close(sessions)


@case("an unknown sid is item-not-found with 200 whoever accepts it, and creates nothing (B-15 B-41 B-106 H-48)")
async def unknown_sid():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        gate = OwnConnections(nxb.port)
        for sid in ["nonsense", "", "x" * 64, "x" * 65, "constructor", "__proto__", "%00", "é", "a&b"]:
            answer = Body(await gate.fetch(post(body(5, sid))))
            same((answer.http.status, answer.type, answer.condition), (200, "terminate", "item-not-found"), f"sid {sid!r}")
        for number in range(50):
            answer = Body(await gate.fetch(post(body(5, f"guess{number}"))))
            same(answer.condition, "item-not-found", "guessed sid")
        same(await nxb.counter("sessions"), 0, "sessions")
        expect(await nxb.counter("unknown_sids") >= 50, "unknown_sids does not count")
        gate.close()


async def stuff_mailbox(nxb, stopped):
    """Requests for sids that nobody has, until one of them is refused: those owned by the stopped worker pile up."""
    waiting, refused = [], []
    filler = message("filler", None, "z" * 50_000)
    for number in range(4000):
        connection = await Connection.to(nxb.port)
        answer = connection.ask(post(body(1, f"nobody-{number}-{random.random()}", filler)))
        waiting.append((connection, answer))
        if number % 8 == 0:
            await asyncio.wait([one for _, one in waiting], timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        for entry in [entry for entry in waiting if entry[1].done()]:
            waiting.remove(entry)
            if entry[1].result().status == 503:
                refused.append(entry[1].result())
            entry[0].reset()
        if refused:
            return waiting, refused
    raise AssertionError(f"4000 connections for worker {stopped} and no 503")


@case("a stuck owner: its mailbox fills, then 503 with Retry-After; others go on, and so does everything when it wakes (H-48 O-29)",
      within=180)
async def stuck_owner():
    server = await echo_server()
    async with Nxb(server, workers=4) as nxb:
        sessions = await with_owners(nxb, 40)
        stuck = sessions[0].owner
        theirs = [one for one in sessions if one.owner == stuck]
        others = [one for one in sessions if one.owner != stuck]
        os.kill(stuck, signal.SIGSTOP)
        try:
            waiting, refused = await stuff_mailbox(nxb, stuck)
            for answer in refused:
                expect(int(answer.headers["retry-after"]) >= 1, f"no Retry-After: {answer!r}")
                expect("access-control-allow-origin" in answer.headers, f"no CORS on the 503: {answer!r}")
            # a session of the stuck worker: its request is refused, too, or waits; it must not be lost
            asked = [(one, post(body(one.next_rid(), one.sid, message("stuck")))) for one in theirs]
            pending = []
            for one, data in asked:
                connection = await Connection.to(nxb.port)
                pending.append((one, data, connection, connection.ask(data)))
            for one in others:
                await one.echo("unaffected")
                fresh = Session(OwnConnections(nxb.port))
                fresh.sid, fresh.rid = one.sid, one.rid
                await fresh.echo("unaffected, on a new connection")
                one.rid = fresh.rid
                fresh.gate.close()
        finally:
            os.kill(stuck, signal.SIGCONT)
        for one, data, connection, answer in pending:
            try:
                http = await asyncio.wait_for(answer, 20)
            except Closed:
                http = None
            while http is None or http.status == 503:  # as told: again
                http = await one.gate.fetch(data)
            await one.until_message(Body(http), "stuck")
            connection.reset()
        for connection, answer in waiting:
            http = await asyncio.wait_for(answer, 20)
            expect(http.status == 503 or Body(http).condition == "item-not-found", f"after the stop: {http!r}")
            connection.reset()
        for one in sessions:
            await one.echo("afterwards")
        expect(await nxb.counter("handovers_refused") >= len(refused), "handovers_refused does not count")
        close(sessions)


@case("connections closed while they wait in a stuck owner's mailbox do no harm (H-48 H-19)")
async def gone_in_the_mailbox():
    server = await echo_server()
    async with Nxb(server, workers=2) as nxb:
        sessions = await with_owners(nxb, 12)
        stuck = sessions[0].owner
        theirs = [one for one in sessions if one.owner == stuck]
        os.kill(stuck, signal.SIGSTOP)
        try:
            for one in theirs:
                one.lost = post(body(one.next_rid(), one.sid, message("lost and sent again")))
                connection = await Connection.to(nxb.port)
                connection.send(one.lost)
                await connection.arrived()
                connection.reset()
        finally:
            os.kill(stuck, signal.SIGCONT)
        for one in theirs:
            await one.until_message(Body(await one.gate.fetch(one.lost)), "lost and sent again")
        for stream in server.streams:
            expect(stream.received.count(b"lost and sent again") <= 1, "a message was sent twice")
        close(sessions)


if __name__ == "__main__":
    main()

"""test_events.py - the event stream of the admin socket, with real processes.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import signal

from harness.admin import explain, short, subscribe
from harness.bosh import OwnConnections, Session, message
from harness.nxb import CTL, Nxb, domain
from harness.runner import PATIENCE, case, expect, main, same
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer

SECRET = "nobody-else-may-read-this"


async def events_of(subscriber, sid, last="session-end"):
    """All of one session, to its end."""
    events = []
    while not events or events[-1]["type"] != last:
        event = await subscriber.line()
        if event.get("sid") == sid:
            events.append(event)
    return events


def types(events):
    return " ".join(event["type"] for event in events)


async def new_session(nxb, **attributes):
    return await Session(OwnConnections(nxb.port)).login(**attributes)


async def ctl(nxb, *arguments, **options):
    return await asyncio.create_subprocess_exec(CTL, "-s", nxb.admin_socket, *arguments, stdout=asyncio.subprocess.PIPE,
                                                stderr=asyncio.subprocess.PIPE, **options)


@case("a whole BOSH session is told in order, without a payload or a sid (O-19 C-66 C-67 C-68 C-69 C-71 C-73 C-74 C-76)")
async def bosh_session():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        subscriber = await subscribe(nxb)
        session = await new_session(nxb, ack=1, ua="test/1.0")
        await session.echo("m1", SECRET)
        await session.terminate()
        events = await events_of(subscriber, short(session.sid))
        seen = [event["type"] for event in events if event["type"] not in ("response-acknowledged", "response")]
        same(" ".join(seen), "session-start stream-add stream-added nodes stream-restart stream-restarted nodes nodes "
             "stream-terminate session-end", "events")
        expect({"response-acknowledged", "response"} <= {event["type"] for event in events}, types(events))
        start, add = events[0], events[1]
        same((start["kind"], start["client"], start["ua"]), ("bosh", "127.0.0.1", "test/1.0"), "of session-start")
        same((add["stream"], add["to"], add["domain"]), (1, "test.example", "test.example"), "of stream-add")
        same([event["names"] for event in events if event["type"] == "nodes"], ["auth", "iq", "message"], "names")
        end = events[-1]
        same((end["by"], end["why"], end["condition"], end["up"]), ("client", "client terminated", "", 3), "of session-end")
        same(len({event["worker"] for event in events}), 1, "workers")
        text = json.dumps(events)
        expect(SECRET not in text and session.sid not in text, f"a secret is told: {text}")
        subscriber.close()


@case("a whole WebSocket session likewise (O-19 C-66 C-67 C-69 C-73 C-76)")
async def websocket_session():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        subscriber = await subscribe(nxb)
        client = await (await XmppSocket.to(nxb.port)).login("romeo")
        await client.echo(SECRET)
        await client.goodbye()
        events = await subscriber.until_type("session-end")
        same(types(event for event in events if event["type"] != "response"),
             "session-start stream-add stream-added nodes stream-restart stream-restarted nodes nodes "
             "stream-terminate session-end", "events")
        same((events[0]["kind"], events[-1]["by"]), ("websocket", "client"), "kind and by")
        expect(SECRET not in json.dumps(events), f"a secret is told: {events}")
        subscriber.close()


@case("the server ends it: said with what is known (O-19 C-72 C-75)")
async def ended_by_server():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        subscriber = await subscribe(nxb, type="no-client,terminate,error,session-end")
        session = await new_session(nxb)
        server.streams[0].send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        await session.send()
        events = await subscriber.until_type("session-end")
        same(types(events), "terminate error session-end", "events")
        same((events[0]["condition"], events[2]["by"]), ("remote-stream-error", "server"), "how it ended")
        subscriber.close()


@case("a client is lost with a stanza in an answer that it never confirmed: counted (O-19 C-70)")
async def lost_client():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, bosh={"default_inactivity": 3, "inactivity_grace": 0}) as nxb:
        subscriber = await subscribe(nxb, type="no-client,terminate,error,session-end")
        session = await Session(OwnConnections(nxb.port)).open()
        held = asyncio.ensure_future(session.send())
        server.streams[0].send(message("m1"))
        same((await held).message_ids(), ["m1"], "what it got")
        events = await subscriber.until_type("session-end")
        same(types(events), "no-client session-end", "events")
        same((events[0]["count"], events[1]["why"], events[1]["by"]), (1, "inactivity", "nxb"), "what was lost")
        subscriber.close()


@case("subscribers get what they asked for: types, a session in both forms of its sid, a domain (O-19)")
async def filters():
    one, other = await XmppServer("one.example").start(), await XmppServer("other.example").start()
    domains = [domain("one.example", one.port), domain("other.example", other.port)]
    async with Nxb(workers=2, domains=domains) as nxb:
        ends = await subscribe(nxb, type="session-end")
        by_domain = await subscribe(nxb, domain="OTHER.example", type="session-start,session-end")
        first = await Session(OwnConnections(nxb.port), "one.example").login()
        by_sid, by_name = await subscribe(nxb, sid=first.sid), await subscribe(nxb, sid=short(first.sid))
        second = await Session(OwnConnections(nxb.port), "other.example").login()
        await second.terminate()
        await first.terminate()
        same({(await ends.line())["sid"] for _ in range(2)}, {short(second.sid), short(first.sid)}, "ends")  # of two workers
        same([(event["type"], event["sid"]) for event in await by_domain.until_type("session-end")],
             [("session-start", short(second.sid)), ("session-end", short(second.sid))], "by domain")
        for subscriber in (by_sid, by_name):
            events = await subscriber.until_type("session-end")
            same({event["sid"] for event in events}, {short(first.sid)}, "by sid")
        for subscriber in (ends, by_domain, by_sid, by_name):
            subscriber.close()


@case("a subscriber that does not read loses events with a count; workers and the other subscriber go on (O-19)", within=120)
async def slow_reader():
    async with Nxb(workers=2) as nxb:
        slow, quick = await subscribe(nxb), await subscribe(nxb, type="session-end")
        slow.writer.transport.pause_reading()
        clients = [await (await XmppSocket.to(nxb.port)).login() for _ in range(8)]
        before = await nxb.counter("stanzas_from_clients")
        rounds = (1 << 20) // (len(clients) * 2 * 120)  # twice what sockets and the queue for it hold, and more
        for number in range(rounds):
            await asyncio.gather(*(client.echo(f"{number}") for client in clients))
        for client in clients:
            await client.goodbye()
        same((await quick.line())["type"], "session-end", "the other subscriber")
        same(await nxb.counter("stanzas_from_clients"), before + rounds * len(clients), "stanzas")
        slow.writer.transport.resume_reading()
        events = await slow.until_type("dropped")
        expect("worker" not in events[-1] and events[-1]["count"] > 0, f"dropped: {events[-1]}")
        slow.close()
        quick.close()


@case("workers come and go under a subscriber: their end and start are told, and the new one tells on (O-19 O-05)")
async def through_a_kill():
    async with Nxb(workers=2) as nxb:
        subscriber = await subscribe(nxb)
        victim = (await nxb.pids())[0]
        os.kill(victim, signal.SIGKILL)
        events = await subscriber.until_type("worker-start")
        same(types(events), "worker-exit worker-start", "events")
        same((events[0]["worker"], events[0]["pid"], events[0]["how"]), (0, victim, "signal 9 (Killed)"), "of worker-exit")
        expect(events[1]["worker"] == 0 and events[1]["restarts"] == 1 and events[1]["pid"] != victim, f"{events[1]}")
        await explain(nxb, "00000000")
        heard = set()
        while heard != {0, 1}:  # sids fall to either worker
            session = await new_session(nxb)
            await session.terminate()
            heard.add((await events_of(subscriber, short(session.sid)))[-1]["worker"])
        subscriber.close()


@case("nxbctl events: one readable line each, until Ctrl-C, which is exit code 0 (O-19 O-14)")
async def by_nxbctl():
    async with Nxb(workers=1) as nxb:
        process = await ctl(nxb, "events", "--type", "session-end")
        line = asyncio.ensure_future(process.stdout.readline())
        while not line.done():  # sessions, until it listens
            session = await new_session(nxb)
            await session.terminate()
        words = (await line).decode().split()
        same((words[1:4], words[5]), (["worker", "0", "session-end"], "test.example"), "the line")
        process.send_signal(signal.SIGINT)
        same(await asyncio.wait_for(process.wait(), PATIENCE), 0, "exit code")
        code, text = await nxb.ctl("events", "--type", "session-ends")
        expect(code == 1 and "there are: session-start, session-end" in text, f"{code} {text}")
        code, text = await nxb.ctl("events", "--sid", "no-sid")
        expect(code == 1 and "never issued here" in text, f"{code} {text}")
        code, text = await nxb.ctl("events", "--sort", "age")
        same(code, 2, f"exit code of an unknown argument: {text}")
        code, text = await nxb.ctl("explain")
        same(code, 2, f"exit code of explain without a sid: {text}")


@case("nxbctl events whose reader leaves ends by itself, with or without events to come (O-19)")
async def into_head():
    async with Nxb(workers=1) as nxb:
        read, write = os.pipe()
        process = await asyncio.create_subprocess_exec(CTL, "-s", nxb.admin_socket, "events", stdout=write)
        os.close(write)
        os.close(read)
        same(await asyncio.wait_for(process.wait(), PATIENCE), 0, "exit code of one that nobody reads")
        pipe = await asyncio.create_subprocess_shell(f"'{CTL}' -s '{nxb.admin_socket}' --json events | head -n 1",
                                                     stdout=asyncio.subprocess.PIPE)
        done = asyncio.ensure_future(pipe.communicate())
        while not done.done():
            await (await new_session(nxb)).terminate()
        same(json.loads((await done)[0])["worker"], 0, "the one line")


@case("nxbctl events says so when nxb ends (O-19)")
async def nxb_ends():
    async with Nxb(workers=1) as nxb:
        process = await ctl(nxb, "--json", "events")
        line = asyncio.ensure_future(process.stdout.readline())
        while not line.done():
            await (await new_session(nxb)).terminate()
        nxb.process.send_signal(signal.SIGTERM)
        _, text = await asyncio.wait_for(process.communicate(), PATIENCE)
        expect(process.returncode == 1 and b"connection was closed" in text, f"{process.returncode} {text}")
        same(await asyncio.wait_for(nxb.process.wait(), PATIENCE), 0, "exit code of nxb")
        nxb.check_log()
        nxb.stop = nothing


async def nothing():
    pass


if __name__ == "__main__":
    main()

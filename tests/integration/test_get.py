"""test_get.py - BOSH by GET and JSONP, and the pages for people, through real processes and several workers.

SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import itertools
import json
import os
import re
import signal
import socket
from urllib.parse import quote

from harness.bosh import Body, OwnConnections, Session, body
from harness.connection import Answer, Connection, fetch_alone, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer


def get(target, **fields):
    """The bytes of a GET; underscores in the names of fields stand for hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def fetch(port, target, **fields):
    return await fetch_alone(port, get(target, **fields))


def unwrapped(answer, callback):
    """The answer that a JSONP answer carries."""
    same(answer.status, 200, "status")
    same(answer.headers["content-type"], "text/javascript; charset=utf-8", "type")
    script = re.fullmatch(r"/\*\*/([A-Za-z0-9_.$]+)\((\{.*\})\);", answer.text, re.DOTALL)
    expect(script, f"no call: {answer.text[:200]}")
    same(script[1], callback, "callback")
    expect(not re.search("[<>&\u2028\u2029]", script[2]), f"bare characters in {script[2]}")
    return Answer(answer.version, answer.status, answer.headers, json.loads(script[2])["reply"].encode())


class ByGet:
    """A gate that sends what a session posts as GET, as JSONP when there is a callback."""

    def __init__(self, port, callback=None):
        self.under = OwnConnections(port)
        self.callback = callback
        self.number = itertools.count()

    async def fetch(self, data, patience=PATIENCE):
        xml = data.partition(b"\r\n\r\n")[2].decode()
        target = f"/http-bind/?data={quote(xml, safe='')}&_={next(self.number)}"
        if not self.callback:
            return await self.under.fetch(get(target), patience)
        return unwrapped(await self.under.fetch(get(f"{target}&callback={self.callback}"), patience), self.callback)


@case("whole sessions by GET, raw and as JSONP, through four workers: nothing lost, nothing doubled (H-37 H-39 H-48 C-27 C-28)")
async def sessions_by_get():
    server = await XmppServer().start()
    async with Nxb(server, workers=4) as nxb:
        for callback in (None, "Strophe._cb_0", "$"):
            sessions = [await Session(ByGet(nxb.port, callback)).login() for _ in range(6)]
            for session in sessions:
                answer = await session.echo("a+b %41", "1 + 1 &lt; 3 &amp; \u00e4 \u2028 'x' \"y\" \\")
                texts = [one.text for one in answer.element.iter("{jabber:client}body")]
                same(texts, ["1 + 1 < 3 & \u00e4 \u2028 'x' \"y\" \\"], "text of the message")
                same((await session.terminate()).type, "terminate", "end")
        expect(await nxb.counter("handovers_out") > 0, "no request travelled")


@case("an answer that comes late is wrapped as its own request asked, whoever else asks on the connection (H-39)")
async def late_answers():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        connection = await Connection.to(nxb.port)
        held = connection.ask(get(f"/http-bind?data={quote(body(session.next_rid(), session.sid))}&callback=late"))
        await connection.arrived()
        expect(not held.done(), "not held")
        server.streams[0].send("<message from='test.example' id='go'><body>&lt;/script&gt;</body></message>")
        answer = unwrapped(await asyncio.wait_for(held, PATIENCE), "late")
        same(Body(answer).message_ids(), ["go"], "the message")
        plain = post(body(session.rid - 1, session.sid))  # asked for again, by POST
        same((await connection.fetch(plain)).body, answer.body, "the same answer from the cache")


@case("errors are wrapped with status 200: no XML, unknown sid, unknown to an older client, too large (H-40)")
async def wrapped_errors():
    async with Nxb(workers=2, bosh={"max_data_held": 2000}) as nxb:
        for what, xml, condition in (("no XML", "hello", "bad-request"), ("unknown sid", body(1, "nobody"), "item-not-found"),
                                     ("no to, no ver", body(1, None, wait=1, hold=1), "improper-addressing"),
                                     ("too large", body(1, "nobody", "x" * 3000), "bad-request")):
            answer = unwrapped(await fetch(nxb.port, f"/http-bind?callback=f&data={quote(xml)}"), "f")
            same(Body(answer).condition, condition, what)


@case("a callback that is no name, data given twice and broken escapes are 400, without an echo (H-37 H-38 D-32)")
async def refused_queries():
    async with Nxb(workers=1) as nxb:
        xml = quote(body(1, "nobody"))
        for query in (f"data={xml}&callback=alert(1)", f"data={xml}&callback=", f"data={xml}&callback=f%3Balert(1)",
                      f"data={xml}&data={xml}", f"data={xml}&x=%zz"):
            answer = await fetch(nxb.port, f"/http-bind?{query}")
            same(answer.status, 400, query)
            same(answer.headers["content-type"], "text/plain; charset=utf-8", "type")
            expect("alert" not in answer.text, f"echo: {answer.text}")


@case("the monitor page sums up the sessions of all workers and is for this machine only (C-29 H-41)")
async def monitor():
    async with Nxb(workers=4) as nxb:
        sessions = [await Session(OwnConnections(nxb.port)).open(to="echo.example") for _ in range(9)]
        await sessions[0].terminate()

        async def one_less():  # it is answered a moment before it is counted
            return await nxb.counter("sessions") == 8
        await until("the ended session is counted", one_less)
        for _ in range(8):  # whichever worker answers
            page = (await fetch(nxb.port, "/")).text
            expect(">8/9 active sessions<" in page, page)
            expect(re.search(r">\d/9 active streams<", page), page)
            expect(re.search(r">Uptime: 00:0\d:\d\d<", page), page)
            expect(f"<h1>nxb on {socket.gethostname()}</h1>" in page, page)
        for mark in ({"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X_Real_IP": "127.0.0.1"}):
            same((await fetch(nxb.port, "/", **mark)).status, 403, f"with {mark}")
        rows = await nxb.worker_rows()
        same(len(rows), 4, "workers")


@case("the uptime is nxb's and not that of the worker that answers (C-29)")
async def uptime():
    def seconds(answer):
        hours, minutes, rest = map(int, re.search(r"Uptime: (\d\d):(\d\d):(\d\d)", answer.text).groups())
        return hours * 3600 + minutes * 60 + rest

    async with Nxb(workers=1) as nxb:
        async def two_seconds_old():
            return seconds(await fetch(nxb.port, "/")) >= 2
        await until("nxb is two seconds old", two_seconds_old)
        [before] = await nxb.pids()
        os.kill(before, signal.SIGKILL)

        async def replaced():
            pids = await nxb.pids()
            return pids and pids != [before] and (await nxb.worker_rows())[0]["state"] == "ready"
        await until("the worker is replaced", replaced)
        expect(seconds(await fetch(nxb.port, "/")) >= 2, "the uptime began anew")


@case("sysinfo: the password of a file, options without it, five wrong ones lock the address out at every worker (H-42 C-30)")
async def system_info():
    nxb = Nxb(workers=4, monitor={"system_info_password_file": ""})
    with nxb.folder as folder:
        (folder / "password").write_text("open sesame\n")
        nxb.sections["monitor"]["system_info_password_file"] = str(folder / "password")
        async with nxb:
            asked = await fetch(nxb.port, "/http-bind/sysinfo")
            same((asked.status, asked.headers["www-authenticate"]), (401, 'Basic realm="nxb", charset="UTF-8"'), "challenge")
            for _ in range(4):
                page = await fetch(nxb.port, "/http-bind/sysinfo/", Authorization=basic("admin", "open sesame"))
                same(page.status, 200, "with the password")
            for text in ("<td>version</td>", "<td>http.path</td>", "<td>bosh.max_wait</td>", "(hidden)"):
                expect(text in page.text, f"{text} is not on the page")
            expect("sesame" not in page.text, "the password is on the page")
            for value in ("x", "Basic", "Basic !", basic("admin", "open"), basic("root", "open sesame")):
                same((await fetch(nxb.port, "/http-bind/sysinfo", Authorization=value)).status, 401, value)
            for _ in range(4):
                locked = await fetch(nxb.port, "/http-bind/sysinfo", Authorization=basic("admin", "open sesame"))
                same(locked.status, 429, "after five wrong ones")
                expect(0 < int(locked.headers["retry-after"]) <= 60, f"{locked.headers}")


@case("what else browsers ask for: alive page, favicon, Flash policy, health, unknown paths (C-32 C-33 C-34 H-24 H-41 H-43)")
async def other_pages():
    async with Nxb(workers=1) as nxb:
        for target, status, text in (("/http-bind", 200, "nxb is alive"), ("/http-bind/?x=1", 200, "BOSH"), ("/favicon.ico", 204, ""),
                                     ("/crossdomain.xml", 404, "404"), ("/healthz", 200, "ok"), ("/x/http-bind/", 404, "404"),
                                     ("/http-bind/sysinfoX", 404, "404"), ("/http-bind/sysinfo", 403, "403")):
            answer = await fetch(nxb.port, target)
            same(answer.status, status, target)
            expect(text in answer.text, f"{target}: {answer.text}")
            wanted = None if target in ("/healthz", "/favicon.ico", "/http-bind/sysinfo") else "*"
            same(answer.headers.get("access-control-allow-origin"), wanted, f"CORS of {target}")


@case("at level DEBUG, the last one without XML, the log has no payload, password, key, whole sid or query (H-49)")
async def silent_log():
    server = await XmppServer().start()
    async with Nxb(server, workers=2, log={"level": "DEBUG"}, monitor={"system_info_password": "hush-password"}) as nxb:
        session = await Session(ByGet(nxb.port)).login()
        await session.echo("hush-text")
        posting = await Session(OwnConnections(nxb.port)).login()
        await posting.echo("hush-text")
        for target in (f"/http-bind?data={quote(body(1, 'hush-sid'))}", "/http-bind?data=%hush-query", "/hush-path?hush-query",
                       f"/http-bind?callback=hush(&data={quote('<body hush-xml')}", "/" + "hush-long" * 1000):
            await fetch(nxb.port, target)
        await fetch(nxb.port, "/http-bind/sysinfo", Authorization=basic("admin", "hush-wrong"))
        await fetch(nxb.port, "/http-bind/sysinfo", Authorization="hush-scheme hush")
        for each in (session, posting):
            await each.send("<hush-payload xmlns='x'/>", type="terminate", key="hush-key")
        log = nxb.log()
        expect("session.start" in log and "session.end" in log, "the sessions are not in the log")
        for secret in ("hush", session.sid, posting.sid, "mechanism", base64.b64encode(b"admin:hush-wrong").decode()):
            expect(secret not in log, f"{secret} is in the log: {log[max(0, log.find(secret) - 200):][:400]}")
        expect(max(map(len, log.splitlines())) < 1000, "a line without end")


if __name__ == "__main__":
    main()

"""test_http.py - what of HTTP only shows at the wire: order, closing, time-outs, CORS on every answer, limits.

SPDX-License-Identifier: MIT
"""
import asyncio

from harness.bosh import Body, OwnConnections, Session, body, message
from harness.connection import Connection, post
from harness.nxb import Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer

PREFLIGHT = (b"OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\nOrigin: https://web.example\r\n"
             b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n")


async def one(port, data, closes=None):
    """One request on a connection of its own; whether the server then closes is checked where it is said."""
    connection = await Connection.to(port)
    answer = await connection.fetch(data)
    if closes:
        await connection.ended()
    elif closes is False:
        same((await connection.fetch(PREFLIGHT)).status, 200, "another request on the connection")
    connection.close()
    return answer


def has_cors(answer):
    same(answer.headers.get("access-control-allow-origin"), "*", f"CORS of {answer!r}")


@case("answers come in the order of the requests although the later one was ready first (H-11)")
async def order():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        connection = await Connection.to(nxb.port)
        held = connection.ask(post(body(session.next_rid(), session.sid)))
        unknown = connection.ask(post(body(1, "nobody")))
        preflight = connection.ask(PREFLIGHT)
        await connection.arrived()
        await session.gate.fetch(PREFLIGHT)
        expect(not any(one.done() for one in (held, unknown, preflight)), "something overtook the held request")
        server.streams[0].send("<message from='test.example' id='go'/>")
        same(Body(await asyncio.wait_for(held, PATIENCE)).message_ids(), ["go"], "first answer")
        same(Body(await asyncio.wait_for(unknown, PATIENCE)).condition, "item-not-found", "second answer")
        same((await asyncio.wait_for(preflight, PATIENCE)).headers["content-length"], "0", "third answer")


@case("rids in reverse on one connection do not lock it up: both are answered (H-11 B-43)")
async def reversed_rids():
    server = await XmppServer().start()
    async with Nxb(server, workers=1) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        first, second = session.next_rid(), session.next_rid()
        connection = await Connection.to(nxb.port)
        answers = [connection.expect_answer(), connection.expect_answer()]
        connection.send(post(body(second, session.sid, message("second"))) + post(body(first, session.sid, message("first"))))
        got = [Body(await asyncio.wait_for(one, PATIENCE)) for one in answers]
        expect(all(one.type is None for one in got), f"{got}")
        sent = server.streams[0].received
        await until("both are at the server", lambda: b"second" in sent and b"first" in sent)
        expect(sent.index(b"first") < sent.index(b"second"), "order at the server")


@case("a preflight is answered 200 with an empty body and all of CORS, session or not (H-29 H-30 H-31 H-35)")
async def preflight():
    async with Nxb(workers=1) as nxb:
        answer = await one(nxb.port, PREFLIGHT, closes=False)
        same((answer.status, answer.headers["content-length"]), (200, "0"), "preflight")
        has_cors(answer)
        same({word.strip() for word in answer.headers["access-control-allow-methods"].split(",")}, {"OPTIONS", "GET", "POST"}, "methods")
        allowed = {word.strip().lower() for word in answer.headers["access-control-allow-headers"].split(",")}
        expect({"content-type", "x-requested-with"} <= allowed, f"allowed headers {allowed}")
        same(answer.headers["access-control-max-age"], "14400", "max-age")
        expect("access-control-allow-credentials" not in answer.headers, "credentials with *")


@case("an origin list: the matching one is echoed, others get no CORS headers, Vary always (H-32)")
async def origins():
    async with Nxb(workers=1, http={"allowed_origins": ["https://web.example", "https://other.example"]}) as nxb:
        for origin, wanted in (("https://web.example", "https://web.example"), ("https://evil.example", None), (None, None)):
            answer = await one(nxb.port, post(body(1, "nobody"), headers={"Origin": origin}))
            same(answer.headers.get("access-control-allow-origin"), wanted, f"answer to {origin}")
            same(answer.headers.get("vary", "").lower(), "origin", "Vary")


@case("every error answer has CORS headers and a length (H-20 H-24 H-34)")
async def cors_on_errors():
    async with Nxb(workers=1, bosh={"max_data_held": 2000}) as nxb:
        large = body(1, None, "x" * 3000, to="test.example")
        errors = {
            "unknown path": (post(body(1), path="/nowhere"), 404),
            "not XML": (post("hello"), 200),
            "unknown sid": (post(body(1, "nobody")), 200),
            "too large": (post(large), 413),
            "compressed": (post(body(1), headers={"Content-Encoding": "gzip"}), 415),
            "method": (b"DELETE /http-bind HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            "no Host": (post(body(1), headers={"Host": None}), 400),
            "expectation": (post(body(1), headers={"Expect": "miracles"}), 417),
        }
        for what, (data, status) in errors.items():
            answer = await one(nxb.port, data)
            same(answer.status, status, what)
            has_cors(answer)
            expect("content-length" in answer.headers, f"{what}: no Content-Length")
            expect("date" in answer.headers, f"{what}: no Date")


@case("a BOSH answer cannot be taken for a page: nosniff, sandbox, no-store, no version (H-18 H-20 H-21)")
async def harmless_answers():
    async with Nxb(workers=1, http={"headers": {"X-Node": "a"}}) as nxb:
        session = await Session(OwnConnections(nxb.port)).open(to="echo.example")
        headers = session.created.http.headers
        same(headers["content-type"], "text/xml; charset=utf-8", "type")
        same(headers["x-content-type-options"], "nosniff", "nosniff")
        same(headers["content-security-policy"], "sandbox; default-src 'none'", "CSP")
        same(headers["cache-control"], "no-store", "cache")
        same(headers["x-node"], "a", "configured header")
        expect(not any(ch.isdigit() for ch in headers.get("server", "")), "a version is told")
        expect("transfer-encoding" not in headers, "chunked")


@case("a body over max_data_held is 413 with a terminate body, at Content-Length or at the byte that crosses (H-25)")
async def too_large():
    async with Nxb(workers=1, bosh={"max_data_held": 2000}) as nxb:
        connection = await Connection.to(nxb.port)
        answer = connection.expect_answer()
        connection.send(b"POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n")  # and no byte of it
        answer = await asyncio.wait_for(answer, PATIENCE)
        same((answer.status, Body(answer).condition), (413, "bad-request"), "at Content-Length")
        await connection.ended()
        chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
        answer = await one(nxb.port, b"POST /http-bind HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 2, closes=True)
        same((answer.status, Body(answer).condition), (413, "bad-request"), "at the byte")
        padding = " " * (2000 - len(body(1, "nobody")))
        answer = await one(nxb.port, post(body(1, "nobody") + padding), closes=False)
        same((answer.status, Body(answer).condition), (200, "item-not-found"), "exactly the limit")


@case("too long a request line is 414, too large or too many headers 431, and the connection closes (H-26 H-10)")
async def head_limits():
    async with Nxb(workers=1) as nxb:
        answer = await one(nxb.port, b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", closes=True)
        same(answer.status, 414, "request line")
        answer = await one(nxb.port, b"POST /http-bind HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 17000 + b"\r\n\r\n", closes=True)
        same(answer.status, 431, "header section")
        many = b"".join(b"X-%d: y\r\n" % n for n in range(101))
        answer = await one(nxb.port, b"POST /http-bind HTTP/1.1\r\nHost: x\r\n" + many + b"Content-Length: 0\r\n\r\n", closes=True)
        same(answer.status, 431, "number of headers")


@case("framing errors are 400 (or 501, 505) and nothing after them is answered (H-01 H-02 H-03 H-04 H-06 H-09 H-10)")
async def framing():
    async with Nxb(workers=1) as nxb:
        start = b"POST /http-bind HTTP/1.1\r\nHost: x\r\n"
        broken = {
            "both lengths": start + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": start + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "signed length": start + b"Content-Length: +3\r\n\r\nabc",
            "unknown coding": start + b"Transfer-Encoding: gzip\r\n\r\n",
            "huge chunk": start + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "space before colon": start + b"Content-Length : 3\r\n\r\nabc",
            "NUL in a field": start + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
            "folded field": start + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
            "two hosts": start + b"Host: y\r\nContent-Length: 0\r\n\r\n",
            "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        }
        for what, data in broken.items():
            connection = await Connection.to(nxb.port)
            answer = connection.expect_answer()
            connection.send(data + PREFLIGHT)  # a request smuggled behind it
            answer = await asyncio.wait_for(answer, PATIENCE)
            expect(answer.status in (400, 501, 505), f"{what}: {answer!r}")
            await connection.ended()
            same(connection.unasked, [], f"{what}: answers behind the error")
            connection.close()


@case("HTTP/1.0 is closed after the answer unless it asks for keep-alive (B-01 H-12)")
async def http_1_0():
    async with Nxb(workers=2) as nxb:
        answer = await one(nxb.port, post(body(1, "nobody"), version="1.0", headers={"Host": None}), closes=True)
        same((answer.status, Body(answer).condition), (200, "item-not-found"), "HTTP/1.0")
        kept = await Connection.to(nxb.port)
        for _ in range(3):
            answer = await kept.fetch(post(body(1, "nobody"), version="1.0", headers={"Connection": "Keep-Alive"}))
            same(answer.headers["connection"].lower(), "keep-alive", "Connection")
        kept.close()
        answer = await one(nxb.port, post(body(1, "nobody"), headers={"Connection": "foo, close"}), closes=True)
        same(answer.headers["connection"].lower(), "close", "Connection")


@case("a whole session works with a new HTTP/1.0 connection for every request, as behind stock nginx (B-01 O-28)")
async def stock_nginx():
    server = await XmppServer().start()

    class Gate:
        async def fetch(self, data):
            connection = await Connection.to(nxb.port)
            data = data.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\nConnection: close\r\n", 1)
            answer = await connection.fetch(data)
            await connection.ended()
            return answer

    async with Nxb(server, workers=4) as nxb:
        sessions = [await Session(Gate()).login() for _ in range(8)]
        for session in sessions:
            await session.echo("hello")
            same((await session.terminate()).type, "terminate", "end")


@case("Expect: 100-continue is answered before the body (H-13)")
async def expect_continue():
    async with Nxb(workers=2) as nxb:
        xml = body(1, "nobody").encode()
        head, _, _ = post(xml, headers={"Expect": "100-continue"}).partition(b"\r\n\r\n")
        connection = await Connection.to(nxb.port)
        answer = connection.expect_answer()
        connection.send(head + b"\r\n\r\n")
        await until("100 came", lambda: connection.interim)
        same(connection.interim[0].status, 100, "interim answer")
        connection.send(xml)
        same(Body(await asyncio.wait_for(answer, PATIENCE)).condition, "item-not-found", "answer")


@case("chunked requests are accepted, chunk by chunk (H-04)")
async def chunked():
    async with Nxb(workers=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        xml = body(session.next_rid(), session.sid, message("chunks")).encode()
        connection = await Connection.to(nxb.port)
        answer = connection.expect_answer()
        connection.send(b"POST /http-bind HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(xml), 7):
            part = xml[at:at + 7]
            connection.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\nTrailer: x\r\n\r\n")
        await session.until_message(Body(await asyncio.wait_for(answer, PATIENCE)), "chunks")


@case("a head or a body that does not arrive is 408 and a close; an idle connection is closed without a word (H-27)")
async def time_outs():
    async with Nxb(workers=1, http={"head_timeout": "300ms", "body_timeout": "400ms", "idle_timeout": "500ms"}) as nxb:
        clock = asyncio.get_running_loop()
        for what, data, least in (("head", b"POST /http-bind HT", 0.3), ("body", post(body(1, "nobody"))[:-5], 0.4)):
            began = clock.time()
            answer = await one(nxb.port, data, closes=True)
            same(answer.status, 408, what)
            has_cors(answer)
            expect(clock.time() - began >= least * 0.9, f"{what}: too soon")
        for data in (None, PREFLIGHT):
            connection = await Connection.to(nxb.port)
            if data:
                await connection.fetch(data)
            expect(await connection.ended(), "an idle connection was reset")
            same(connection.unasked, [], "an idle connection was told something")


@case("a held request is exempt from the idle time-out, even with half a request behind it (H-27)")
async def held_is_exempt():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, http={"head_timeout": "300ms", "idle_timeout": "300ms"}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        connection = await Connection.to(nxb.port)
        held = connection.ask(post(body(session.next_rid(), session.sid)))
        await connection.arrived()
        idle = await Connection.to(nxb.port)
        await idle.ended()  # by now the idle time-out has passed
        expect(not held.done(), "the held request was answered")
        server.streams[0].send("<message from='test.example' id='late'/>")
        same(Body(await asyncio.wait_for(held, PATIENCE)).message_ids(), ["late"], "held request")


@case("a client that does not read its answers loses the connection, not the answer (H-28 B-53)", within=90)
async def write_timeout():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, http={"write_timeout": "1s"}, bosh={"max_data_held": 4_000_000, "max_pending": 16_000_000},
                   upstream={"max_xmpp_stanza_size": 9_000_000}, websocket={"max_buffer": "16MiB"}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        lazy = await Connection.to(nxb.port)
        lazy.transport.pause_reading()
        data = post(body(session.next_rid(), session.sid))
        lazy.send(data)
        await lazy.arrived()
        text = "z" * 8_000_000  # more than socket buffers take
        server.streams[0].send(f"<message from='test.example' id='big'><body>{text}</body></message>")
        connections = await nxb.counter("connections")

        async def dropped():
            return await nxb.counter("connections") < connections
        await until("the connection is dropped", dropped, 20)
        answer = Body(await session.gate.fetch(data))
        same(answer.message_ids(), ["big"], "the answer, asked for again")
        lazy.reset()


@case("more than eight unanswered requests on a connection are read later, none is lost (H-11)")
async def pipeline_limit():
    async with Nxb(workers=2) as nxb:
        connection = await Connection.to(nxb.port)
        answers = [connection.expect_answer() for _ in range(60)]
        connection.send(b"".join(post(body(1, f"nobody{n}")) for n in range(60)))
        for answer in answers:
            same(Body(await asyncio.wait_for(answer, PATIENCE)).condition, "item-not-found", "answer")
        connection.close()


@case("FIN behind complete requests: they are answered before nxb closes (H-19 H-23)")
async def half_closed():
    async with Nxb(workers=2) as nxb:
        connection = await Connection.to(nxb.port)
        answers = [connection.ask(post(body(1, "nobody"))), connection.ask(PREFLIGHT)]
        connection.half_close()
        same(Body(await asyncio.wait_for(answers[0], PATIENCE)).condition, "item-not-found", "first")
        same((await asyncio.wait_for(answers[1], PATIENCE)).status, 200, "second")
        await connection.ended()


@case("paths: several, with slashes behind, %XX decoded once, no dots resolved, absolute form taken (H-08 H-24)")
async def paths():
    async with Nxb(workers=1, http={"path": ["/http-bind", "/other/bosh"]}) as nxb:
        for path, status in (("/http-bind/", 200), ("/http-bind//", 200), ("/other/bosh", 200), ("/http%2Dbind", 200),
                             ("http://localhost/http-bind", 200), ("/http-bindx", 404), ("/x/../http-bind", 404),
                             ("/http%252Dbind", 404), ("/", None)):
            answer = await one(nxb.port, post(body(1, "nobody"), path=path))
            if status:
                same(answer.status, status, path)
        same((await one(nxb.port, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")).status, 200, "OPTIONS *")


if __name__ == "__main__":
    main()

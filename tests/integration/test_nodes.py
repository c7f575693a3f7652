"""test_nodes.py - what one of several nodes says of itself, for a balancer in front: cookie and header.

SPDX-License-Identifier: MIT
"""
from harness.bosh import OwnConnections, Session, body
from harness.connection import Connection, fetch_alone, post
from harness.nxb import Nxb
from harness.runner import case, expect, main, same
from harness.websocket import WebSocket

NODE = {"node": "b2", "cookie": "nxb_node", "header": "X-Node"}
PLAIN = "nxb_node=b2; Path=/; HttpOnly; SameSite=Lax"
CREATION = body(1, to="test.example", wait=10, hold=1, ver="1.6", xmpp_version="1.0")


def names(answer):
    return answer.headers.get("set-cookie"), answer.headers.get("x-node")


@case("the answer that begins a BOSH session names the node, no other answer does (O-41)")
async def bosh():
    async with Nxb(workers=2, sticky=NODE) as nxb:
        connection = await Connection.to(nxb.port)
        same(names(await connection.fetch(post(CREATION))), (PLAIN, "b2"), "creation")
        for what, request in (("unknown sid", post(body(1, "nobody"))), ("no XML", post("<body")),
                              ("a page", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")):
            same(names(await fetch_alone(nxb.port, request)), (None, None), what)
        session = await Session(OwnConnections(nxb.port)).login()
        same(names(session.created.http), (PLAIN, "b2"), "creation of another")
        same(names((await session.send(type="terminate")).http), (None, None), "a later answer")
        connection.close()


@case("a creation that is refused names nobody: the balancer may try another node (O-41)")
async def refused():
    nxb = Nxb(workers=1, sticky=NODE)
    nxb.sections["server"]["max_sessions"] = 1
    async with nxb:
        first = await fetch_alone(nxb.port, post(CREATION))
        same(names(first), (PLAIN, "b2"), "the one there may be")
        same(names(await fetch_alone(nxb.port, post(CREATION))), (None, None), "one too many")


@case("the answer to a WebSocket handshake names the node (O-41)")
async def websocket():
    async with Nxb(workers=2, sticky=NODE) as nxb:
        socket = await WebSocket.to(nxb.port)
        same((socket.headers.get("set-cookie"), socket.headers.get("x-node")), (PLAIN, "b2"), "101")
        socket.reset()


@case("behind a proxy that speaks https the cookie is Secure; for pages of other sites it is SameSite=None (O-41 H-33)")
async def secure():
    said = {"X-Forwarded-Proto": "https"}
    other_sites = {"allowed_origins": ["https://web.example"], "allow_credentials": True}
    for http, attributes in (({}, "SameSite=Lax; Secure"), (other_sites, "SameSite=None; Secure")):
        nxb = Nxb(workers=2, sticky=NODE, http=http)
        nxb.sections["listen"][0]["trusted_proxies"] = ["127.0.0.1"]
        async with nxb:
            answer = await fetch_alone(nxb.port, post(CREATION, headers=said))
            same(names(answer)[0], "nxb_node=b2; Path=/; HttpOnly; " + attributes, "over https")
    async with Nxb(workers=2, sticky=NODE) as nxb:
        same(names(await fetch_alone(nxb.port, post(CREATION, headers=said)))[0], PLAIN, "said by somebody who is not trusted")


@case("nobody asks for a name: there is none; a cookie without a node's name has the host's (O-41)")
async def unnamed():
    async with Nxb(workers=1) as nxb:
        same(names(await fetch_alone(nxb.port, post(CREATION))), (None, None), "nothing configured")
    async with Nxb(workers=1, sticky={"cookie": "n"}) as nxb:
        cookie = names(await fetch_alone(nxb.port, post(CREATION)))[0]
        expect(cookie.startswith("n=") and not cookie.startswith("n=;"), cookie)


main()

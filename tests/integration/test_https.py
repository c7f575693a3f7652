"""test_https.py - clients that speak HTTPS and WSS with nxb itself: what -t says of certificates, handshakes good and bad, and
everything that works in clear, at whichever worker the session lives.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import pwd
import shutil
import signal
import ssl
import warnings
from socket import SO_RCVBUF, SOL_SOCKET

from harness.bosh import OwnConnections, Session, message, together
from harness.connection import Closed, Connection, post
from harness.nxb import SUPERVISOR, Folder, Nxb, free_port, toml
from harness.proxy_protocol import header
from harness.runner import PATIENCE, Skipped, case, expect, main, same, scaled, until
from harness.tls import TlsPort, certificates, client_context
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer

GET = b"GET /http-bind HTTP/1.1\r\nHost: localhost\r\n\r\n"


def files(folder, name="localhost"):
    return {"cert": str(folder / f"{name}.crt"), "key": str(folder / f"{name}.key")}


class Https(Nxb):
    """nxb with a second listener, under TLS; `secure` is its port."""

    def __init__(self, *arguments, listen=None, **sections):
        super().__init__(*arguments, **sections)
        self.certs = Folder()
        folder = self.certs.__enter__()
        certificates(folder, "localhost")
        self.context = client_context(folder)
        port = free_port()
        self.secure = TlsPort.of(port, self.context)
        self.sections["listen"].append({"address": f"127.0.0.1:{port}", "tls": files(folder)} | (listen or {}))

    async def end_by_force(self):
        await super().end_by_force()
        self.certs.__exit__()

    def port_for(self, **attributes):
        """The secure port, for a client that is set up otherwise."""
        context = client_context(self.certs.path)
        for name, value in attributes.items():
            setattr(context, name, value)
        return TlsPort.of(self.secure, context)


async def check(sections):
    """What -t says of this configuration, and its exit code; the file's name is left out."""
    with Folder() as folder:
        path = folder / "nxb.toml"
        user = pwd.getpwuid(os.getuid()).pw_name  # one that is had: nothing is to be said of it
        path.write_text(toml(sections | {"server": {"user": user} | sections.get("server", {})}))
        process = await asyncio.create_subprocess_exec(
            SUPERVISOR, "-t", "-c", str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        return process.returncode, output.decode().replace(f"{path}:", "")


@case("-t looks at certificate and key, and says which line is wrong: absent, unreadable, not a pair, expired (O-36)")
async def configuration():
    with Folder() as folder:
        certificates(folder, "localhost", "other.example", "old.example,from=3 days ago,to=2 days ago",
                     "soon.example,to=3 days", "later.example,from=2 days,to=300 days", "long.example,to=300 days", "weak.example,rsa=512")
        (folder / "locked.key").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
        (folder / "empty.crt").write_text("\n")
        cut = (folder / "localhost.crt").read_text()
        (folder / "cut.crt").write_text(cut + cut[:len(cut) // 2])
        good = files(folder)
        for tls, code, said in (
                (files(folder, "long.example"), 0, ""),
                ({"cert": good["cert"]}, 78, "key: is missing beside cert"),
                ({"key": good["key"]}, 78, "cert: is missing beside key"),
                (good | {"cert": "/nowhere/c.crt"}, 78, "2: listen.tls.cert: \"/nowhere/c.crt\" cannot be read: No such file"),
                (good | {"key": "/nowhere/c.key"}, 78, "2: listen.tls.key: \"/nowhere/c.key\" cannot be read: No such file"),
                (good | {"cert": str(folder / "empty.crt")}, 78, "holds no certificate in PEM form"),
                (good | {"cert": str(folder / "cut.crt")}, 78, "holds a certificate that cannot be read behind the first"),
                (good | {"key": good["cert"]}, 78, "holds no private key in PEM form"),
                (good | {"key": str(folder / "locked.key")}, 78, "listen.tls.key: "),
                (good | {"key": str(folder / "other.example.key")}, 78, "is not the key of that certificate"),
                (files(folder, "weak.example"), 78, "is not for use with that certificate: ee key too small"),
                (files(folder, "old.example"), 0, "2: listen.tls.cert: expired on"),
                (files(folder, "later.example"), 0, "is not valid yet"),
                (files(folder, "soon.example"), 0, "expires on")):
            # One line for the table array, one for the inline table.
            got = await check({"listen": [{"tls": tls}]})
            same(got[0], code, f"exit code for {tls}: {got[1]}")
            expect(said in got[1] and (said or got[1].count("\n") == 1), f"{said!r} is not in {got[1]!r}")
            expect("BEGIN" not in got[1], "the key is shown")


@case("BOSH over TLS: sessions of all four workers, kept alive on connections that settle where their session lives (H-47 H-48)")
async def bosh():
    server = await XmppServer("test.example").start()
    async with Https(server, workers=4) as nxb:
        async def one(number):
            gate = OwnConnections(nxb.secure)
            session = await Session(gate).login(f"user{number}")
            for round in range(5):
                await session.echo(f"m{number}-{round}", "x" * 3000)
            same(gate.breaks, 0, "connections that broke")
            return session, gate
        sessions = await together([one(number) for number in range(scaled(40, 12))])
        total = await nxb.total()
        expect(total["tls_connections"] >= len(sessions), f"tls_connections: {total['tls_connections']}")
        expect(total["handovers_out"] > 0 and total["tls_client_handshakes"] >= total["tls_connections"], str(total))
        rows = await nxb.worker_rows()
        same(len(rows), 4, "workers")
        for session, gate in sessions:
            same((await session.terminate()).type, "terminate")
            gate.close()
        await until("nothing is left", lambda: nxb.none_left("sessions", "streams", "connections", "tls_connections"))
        for pid in await nxb.pids():
            expect(pid, "a worker was lost")


@case("WSS: sessions at the worker with the fewest, whoever accepted; large messages both ways; a proper end (W-01 W-44)")
async def websockets():
    server = await XmppServer("test.example").start()
    async with Https(server, workers=4) as nxb:
        sockets = await together([XmppSocket.to(nxb.secure) for _ in range(scaled(32, 12))])
        await together([socket.login(f"user{number}") for number, socket in enumerate(sockets)])
        await together([socket.echo("big", "y" * 200_000) for socket in sockets])
        same(await nxb.counter("websockets"), len(sockets))
        await together([socket.goodbye() for socket in sockets])
        await until("nothing is left", lambda: nxb.none_left("sessions", "streams", "connections", "tls_connections"))


@case("a session that began under TLS is not to be had in clear (H-47 B-111)")
async def secure():
    server = await XmppServer("test.example").start()
    async with Https(server) as nxb:
        session = await Session(OwnConnections(nxb.secure)).login("user")
        session.gate = OwnConnections(nxb.port)
        try:
            raise AssertionError(f"answered in clear: {await session.send(message('m'))!r}")
        except Closed:
            await until("it was counted", lambda: nxb.counter("connections_dropped_insecure"))


@case("handshakes: TLS 1.2 and 1.3, resumed at another worker, any name, http/1.1; refused: TLS 1.1, h2 alone, plain HTTP (U-48)")
async def handshakes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1
        async with Https(workers=4) as nxb:
            async def attempt(version=None, alpn=(), name="localhost", session=None):
                context = client_context(nxb.certs.path)
                context.check_hostname = name == "localhost"
                if version == ssl.TLSVersion.TLSv1_1:
                    context.set_ciphers("DEFAULT:@SECLEVEL=0")
                if version:
                    context.minimum_version = context.maximum_version = version
                if alpn:
                    context.set_alpn_protocols(list(alpn))
                reader, writer = await asyncio.open_connection("127.0.0.1", nxb.secure, ssl=context, server_hostname=name)
                writer.write(GET)
                same((await reader.readline())[:12], b"HTTP/1.1 200")
                tls = writer.get_extra_info("ssl_object")
                seen = tls.version(), tls.selected_alpn_protocol()
                writer.close()
                return seen
            same(await attempt(), ("TLSv1.3", None))
            same(await attempt(ssl.TLSVersion.TLSv1_2), ("TLSv1.2", None))
            same(await attempt(alpn=("h2", "http/1.1")), ("TLSv1.3", "http/1.1"))
            same(await attempt(name="somebody-else.example"), ("TLSv1.3", None))
            for refused in ({"version": ssl.TLSVersion.TLSv1_1}, {"alpn": ("h2",)}):
                try:
                    await attempt(**refused)
                except (ssl.SSLError, ConnectionError):
                    continue
                raise AssertionError(f"accepted: {refused}")
            await until("both are counted", lambda: nxb.counter("tls_client_handshake_failures"))
            plain = await Connection.to(int(nxb.secure))
            answer = await plain.fetch(GET)
            same((answer.status, answer.text), (400, "400 Bad Request: this port speaks HTTPS only"))
            expect(await plain.ended(), "a reset")
            plain.close()
            await resumption(nxb)
            await until("nothing is left", lambda: nxb.none_left("connections", "tls_connections"))


async def resumption(nxb):
    """openssl's own client comes back five times with its session: whichever worker takes it."""
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{int(nxb.secure)}", "-reconnect", "-tls1_2",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    same(output.count(b"Reused, TLSv1.2"), 5, "resumed handshakes")
    same(await nxb.counter("tls_client_resumed"), 5, "counted ones")


@case("a handshake that is not made in head_timeout is closed, and holds nobody else up (H-27)")
async def slow_handshake():
    async with Https(workers=1, http={"head_timeout": "500ms"}) as nxb:
        slow = [await asyncio.open_connection("127.0.0.1", int(nxb.secure)) for _ in range(5)]
        slow[0][1].write(b"\x16\x03\x01")
        await Session(OwnConnections(nxb.secure), "echo").open()
        for reader, writer in slow:
            same(await asyncio.wait_for(reader.read(), PATIENCE), b"", "what was said")
            writer.close()
        await until("they are counted", lambda: _is(nxb.counter("tls_client_handshake_failures"), 5))


async def _is(coroutine, wanted):
    return await coroutine == wanted


@case("a client that vanishes in the middle of an answer, or takes nothing, costs nothing but its connection (H-28)")
async def vanishing():
    server = await XmppServer("test.example").start()
    async with Https(server, workers=3, http={"write_timeout": "1s"}) as nxb:
        stays = await (await XmppSocket.to(nxb.secure)).login("stays")
        for number in range(scaled(12, 6)):
            socket = await (await XmppSocket.to(nxb.secure)).login(f"v{number}")
            socket.transport.pause_reading()
            # Or the kernel would now and then take all there is for those who stay.
            socket.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 16)
            vanishes = number % 3 != 0
            for copy in range(5 if vanishes else 80):
                socket.say(message_of(copy, "z" * 100_000))
            await stays.echo(f"s{number}")
            if vanishes:
                socket.transport.abort()
        await until("all but one are gone", lambda: _is(nxb.counter("websockets"), 1), 20)
        await until("their connections too", lambda: _is(nxb.counter("tls_connections"), 1), 20)
        await stays.echo("still here")
        await stays.goodbye()


def message_of(number, text):
    return f"<message xmlns='jabber:client' id='{number}'><body>{text}</body></message>"


@case("the PROXY header comes before TLS, and names the client (O-30)")
async def behind_a_proxy():
    async with Https(workers=2, listen={"accept_proxy": True, "trusted_proxies": ["127.0.0.1"]}) as nxb:
        for version in (1, 2):
            raw = await asyncio.open_connection("127.0.0.1", int(nxb.secure))
            raw[1].write(header(version, ("203.0.113.7", 4242)))
            await raw[1].drain()
            await asyncio.wait_for(raw[1].start_tls(nxb.context, server_hostname="localhost"), PATIENCE)
            raw[1].write(post("<body rid='1' xmlns='http://jabber.org/protocol/httpbind' to='echo' wait='1' hold='1'/>"))
            same((await asyncio.wait_for(raw[0].readline(), PATIENCE))[:12], b"HTTP/1.1 200")
            raw[1].close()


@case("curl takes the certificate, http/1.1 and keep-alive (H-12)")
async def by_curl():
    if not shutil.which("curl"):
        raise Skipped("no curl")
    async with Https() as nxb:
        url = f"https://localhost:{int(nxb.secure)}/http-bind"
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--cacert", str(nxb.certs.path / "ca.crt"), "--resolve", f"localhost:{int(nxb.secure)}:127.0.0.1",
            "-o", "/dev/null", "-o", "/dev/null", "-w", '{"status": %{http_code}, "connects": %{num_connects}, "version": "%{http_version}"}\n',
            url, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        got = [json.loads(line) for line in output.decode().splitlines()]
        same([(one["status"], one["version"]) for one in got], [(200, "1.1")] * 2, output.decode())
        same([one["connects"] for one in got], [1, 0], "connections made")


@case("a worker is replaced with the same certificate though its files are gone; no log has a key (O-05)")
async def replaced():
    async with Https(workers=2) as nxb:
        for kind in ("crt", "key"):
            (nxb.certs.path / f"localhost.{kind}").unlink()
        before = await nxb.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await until("both are replaced", lambda: _all_others(nxb, before), 30)
        for _ in range(6):
            await Session(OwnConnections(nxb.secure), "echo").open()
        expect("PRIVATE" not in nxb.log(), "a key is in the log")


@case("a certificate renewed in its files is named by the reload, once, and shown to who connects from then on (O-33)")
async def renewed():
    async with Https(workers=2) as nxb:
        same((await nxb.admin("reload"))["changed"], [], "a reload before")
        before = shown_by(nxb)
        certificates(nxb.certs.path, "localhost")
        same((await nxb.admin("reload"))["changed"], ["listen.tls"], "a reload after it was renewed")
        expect(shown_by(nxb) != before, "the former certificate is shown")
        same((await nxb.admin("reload"))["changed"], [], "another reload")


def shown_by(nxb):
    return ssl.get_server_certificate(("127.0.0.1", int(nxb.secure)), timeout=20)


async def _all_others(nxb, before):
    return await nxb._all_ready() and not set(await nxb.pids()) & set(before)


@case("workers that stop let pumps finish: goodbyes reach clients of every worker (B-108)")
async def stopping():
    nxb = await Https(workers=4).start()
    try:
        sessions = await together([Session(OwnConnections(nxb.secure), "echo").login() for _ in range(12)])
        held = [asyncio.ensure_future(session.send()) for session in sessions]
        await until("all are held", lambda: nxb.holds(len(held)))
        await nxb.stop()
        told = [answer for answer in await asyncio.gather(*held, return_exceptions=True) if not isinstance(answer, (Closed, OSError))]
        same([answer.condition for answer in told], ["system-shutdown"] * len(held), "what clients were told")
    finally:
        await nxb.end_by_force()


main()

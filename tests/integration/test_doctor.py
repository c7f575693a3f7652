"""test_doctor.py - `nxbctl doctor --domain`: what a worker finds of a domain's DNS, servers, TLS and certificates.

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import json
import os
import signal

from harness.bosh import OwnConnections, Session
from harness.name_server import NameServer, Silent
from harness.nxb import Folder, Nxb, domain, free_port
from harness.runner import case, expect, main, same
from harness.tls import certificates, server_context
from harness.xmpp_server import XmppServer

PATIENT = 40  # ten seconds that doctor may take, on a slow machine


async def examine(nxb, name):
    """(exit code, {what: (kind, text)} of the domain's findings); several of one kind: the last."""
    code, text = await nxb.ctl("--json", "doctor", "--domain", name, patience=PATIENT)
    findings = json.loads(text)["findings"]
    own = ("domain", "certificate", "SRV", "target ")
    return code, {one["what"]: (one["kind"], one["text"]) for one in findings if one["what"].startswith(own)}


@contextlib.asynccontextmanager
async def tls_servers(**options):
    """nxb, and for each name a server at NAME.example whose certificate has these options."""
    with Folder() as folder:
        certificates(folder, *(f"{name}.example" + (f",{option}" if option else "") for name, option in options.items()))
        servers = {name: await XmppServer(f"{name}.example", ssl_context=server_context(folder, f"{name}.example")).start() for name in options}
        domains = [domain(f"{name}.example", server.port, tls="required", tls_ca=str(folder / "ca.crt"))
                   for name, server in servers.items()]
        try:
            async with Nxb(workers=2, domains=domains) as nxb:
                yield nxb, {name: f"target 127.0.0.1:{server.port}" for name, server in servers.items()}
        finally:
            for server in servers.values():
                await server.stop()


@case("doctor --domain: TLS, certificate and its dates of a good server; an expired one, a wrong name, one that ends soon (O-20 U-49 U-50)", within=90)
async def tls():
    async with tls_servers(good="", expired="from=3 days ago,to=2 days ago", wrong="san=DNS:other.example", soon="from=1 day ago,to=5 days") as (nxb, targets):
        for _ in range(2):  # no TLS session hides the certificate of the second
            code, found = await examine(nxb, "GOOD.example")
            same((found["domain"][0], found[targets["good"]][0], found["certificate"][0]), ("ok", "ok", "ok"), f"{found}")
            expect("STARTTLS, TLSv1.3 " in found[targets["good"]][1], f"{found}")
            for part in ("speaks for good.example", "names good.example", "issuer CN=", "days left", "until "):
                expect(part in found["certificate"][1], f"{part} in {found}")
        for name, why in (("expired", "expired"), ("wrong", "does not speak for wrong.example; ")):
            code, found = await examine(nxb, f"{name}.example")
            same((code, found[targets[name]][0], found["certificate"][0]), (1, "problem", "problem"), f"{found}")
            expect(why in found["certificate"][1] and why.rstrip("; ") in found[targets[name]][1], f"{found}")
        expect("names other.example" in found["certificate"][1], f"whose it is: {found}")
        code, found = await examine(nxb, "soon.example")
        same((found[targets["soon"]][0], found["certificate"][0]), ("ok", "warning"), f"{found}")
        code, text = await nxb.ctl("probe", "soon.example", patience=PATIENT)
        expect(code == 0 and "warn  certificate" in text and "expires in " in text, text)
        same(await nxb.counter("streams_requested"), 0, "streams of clients")


@case("doctor --domain: a silent server costs five seconds and holds no session up; a port where nobody listens; a server in clear (O-20 O-13)", within=90)
async def silence():
    silent = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
    clear = await XmppServer("clear.example").start()
    port, closed = silent.sockets[0].getsockname()[1], free_port()
    domains = [domain("silent.example", port), domain("closed.example", closed), domain("clear.example", clear.port)]
    async with Nxb(workers=1, domains=domains) as nxb:
        asking = [asyncio.ensure_future(nxb.ctl("--json", "probe", "silent.example", patience=PATIENT)) for _ in range(6)]
        session = await Session(OwnConnections(nxb.port), "clear.example").login()
        await session.echo("served meanwhile")
        await session.terminate()
        told = [json.loads(text) for _, text in await asyncio.gather(*asking)]
        waited = [one["findings"][-1] for one in told if one["ok"]]
        same([one["error"] for one in told if not one["ok"]], ["too many are under way; try again in some seconds"] * 2, "bound")
        expect(all(one["kind"] == "problem" and "nothing more within 5 s" in one["text"] for one in waited), f"{waited}")
        code, found = await examine(nxb, "closed.example")
        expect(code == 1 and "connection refused by 127.0.0.1" in found[f"target 127.0.0.1:{closed}"][1], f"{found}")
        code, found = await examine(nxb, "clear.example")
        same(found[f"target 127.0.0.1:{clear.port}"][0], "warning", f"{found}")
    silent.close()
    await clear.stop()


@case("doctor --domain: SRV records of both services and all their targets; no such domain; DNS that is silent; a domain that is denied (O-20 U-05)", within=90)
async def dns():
    first, second = await XmppServer("srv.example").start(), await XmppServer("srv.example").start()
    zone = f"_xmpp-client._tcp SRV 10 0 {first.port} host\n_xmpp-client._tcp SRV 20 0 {second.port} host\nhost A 127.0.0.1"
    upstream = {"allow_private_targets": True, "tls": "off", "deny": ["denied.example"]}
    static = [domain("static.example", first.port)]
    async with NameServer({"srv.example": zone, "example": "@ A 127.0.0.1"}) as names:
        async with Nxb(workers=1, domains=static, upstream=upstream | {"resolvers": [names.address]}) as nxb:
            _, found = await examine(nxb, "srv.example")
            expect(f"host.srv.example:{first.port} (priority 10, weight 0)" in found["SRV _xmpp-client"][1], f"{found}")
            same(found["SRV _xmpps-client"], ("ok", "none"), f"{found}")
            same([found[f"target host.srv.example:{server.port}"][0] for server in (first, second)], ["warning"] * 2, f"{found}")
            code, found = await examine(nxb, "nothing.example")
            expect(code == 1 and "DNS has no address for nothing.example" in found["target nothing.example:5222"][1], f"{found}")
            code, found = await examine(nxb, "denied.example")
            same((code, found["domain"][0]), (1, "problem"), f"{found}")
            code, found = await examine(nxb, "..")
            same((code, found["domain"][0]), (1, "problem"), f"{found}")
    silent = await Silent().start()
    async with Nxb(workers=1, domains=static, upstream=upstream | {"resolvers": [silent.address]}) as nxb:
        code, found = await examine(nxb, "srv.example")
        expect(code == 1 and any("no answer" in text or "within 5 s" in text for _, text in found.values()), f"{found}")
    silent.stop()
    for server in (first, second):
        await server.stop()


@case("doctor: streams that fail are told with where they failed, and one that succeeds is none of them (O-20)")
async def failing():
    server, closed = await XmppServer("good.example").start(), free_port()
    async with Nxb(workers=1, domains=[domain("good.example", server.port), domain("closed.example", closed)]) as nxb:
        await (await Session(OwnConnections(nxb.port), "good.example").login()).terminate()
        _, text = await nxb.ctl("doctor")
        expect("streams_failed" not in text, text)
        refused = Session(OwnConnections(nxb.port), "closed.example")
        with contextlib.suppress(AssertionError):  # it gets no sid
            await refused.open()
        same(refused.created.get("condition"), "remote-connection-failed", "answer")
        code, text = await nxb.ctl("doctor")
        expect(code == 1 and "LOOK  streams_failed" in text and " 1 streams to servers failed (tcp 1), 2 were asked for" in text, text)
    await server.stop()


@case("doctor --domain: not asked of a worker that hangs; with another kind of upstream it says so (O-20 O-13)")
async def whom():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        victim = (await nxb.pids())[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            await nxb.admin("sessions")  # whom it leaves without an answer is known to hang
            told = json.loads((await nxb.ctl("--json", "probe", server.domain, patience=PATIENT))[1])
            same((told["ok"], told["worker"]), (True, 1), f"{told}")
        finally:
            os.kill(victim, signal.SIGCONT)
    # An external program is named that this kind of upstream has no use for.
    async with Nxb(workers=1, **{"external": {"socket": "/tmp/nobody"}}) as nxb:
        code, text = await nxb.ctl("doctor")
        expect("warn  configuration  " in text and "is never connected to" in text, text)
        code, found = await examine(nxb, "any.example")
        expect(code == 1 and "kind in [upstream] is not xmpp" in found["domain"][1], f"{found}")


if __name__ == "__main__":
    main()

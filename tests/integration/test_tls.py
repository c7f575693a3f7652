"""test_tls.py - whom nxb believes to be the server, and what becomes of a session when TLS is missing, wrong or attacked.

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import shlex
import ssl
import warnings

from harness.bosh import STREAM, OwnConnections, Session, refused
from harness.nxb import Folder, Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.tls import certificates, server_context
from harness.xmpp_server import SASL, TLS, XmppServer

SRV_NAME = "san=otherName:1.3.6.1.5.5.7.8.7;IA5STRING:"
XMPP_ADDR = "san=otherName:1.3.6.1.5.5.7.8.5;UTF8:"
STARTTLS = f"<starttls xmlns='{TLS}'/>"
PROCEED = f"<proceed xmlns='{TLS}'/>"
NOT_HIM = "does not speak for"

BELIEVED = [  # domain, options of its certificate, options of its [[upstream.domain]]
    ("name.example", "", {}),
    ("case.example", "san=DNS:CASE.Example", {}),
    ("several.example", "san=DNS:a.example,san=DNS:several.example", {}),
    ("chat.wild.example", "san=DNS:*.wild.example", {}),
    ("srv.example", SRV_NAME + "_xmpp-client.srv.example", {}),
    ("addr.example", XMPP_ADDR + "addr.example", {}),
    ("127.0.0.77", "san=IP:127.0.0.77", {}),
    ("[::77]", "san=IP:::77", {}),
    ("purpose.example", "eku=", {}),
    ("mapped.example", "san=DNS:hosting.example", {"tls_name": "hosting.example"}),
    ("careless.example", "san=DNS:other.example,from=3 days ago,to=2 days ago,ca=self", {"tls_verify": False}),
]

NOT_BELIEVED = [  # domain, options of its certificate, what the log says
    ("wrong.example", "san=DNS:other.example", NOT_HIM),
    ("longer.example", "san=DNS:longer.example.evil.example,san=DNS:xmpp.longer.example", NOT_HIM),
    ("expired.example", "from=3 days ago,to=2 days ago", "expired"),
    ("future.example", "from=2 days,to=3 days", "not yet valid"),
    ("client.example", "eku=clientAuth", "purpose"),
    ("self.example", "ca=self", "self"),
    ("stranger.example", "ca=stranger", "issuer"),
    ("a.deep.wilder.example", "san=DNS:*.wilder.example", NOT_HIM),
    ("bare.example", "san=DNS:*.bare.example", NOT_HIM),
    ("partial.wilder.example", "san=DNS:p*.wilder.example", NOT_HIM),
    ("chat.middle.example", "san=DNS:chat.*.example", NOT_HIM),
    ("srvserver.example", SRV_NAME + "_xmpp-server.srvserver.example", NOT_HIM),
    ("srvother.example", SRV_NAME + "_xmpp-client.other.example", NOT_HIM),
    ("srvstar.example", SRV_NAME + "_xmpp-client.*.example", NOT_HIM),
    ("addrother.example", XMPP_ADDR + "other.example", NOT_HIM),
    ("cn.example", "san=", NOT_HIM),
    ("cnother.example", "cn=cnother.example,san=DNS:other.example", NOT_HIM),
    ("127.0.0.78", "san=DNS:127.0.0.78", NOT_HIM),
    ("127.0.0.79", "san=IP:127.0.0.80", NOT_HIM),
    ("ip.example", "san=IP:127.0.0.1", NOT_HIM),
    ("mapped.example", "", NOT_HIM),  # its tls_name is another
]


def named(domain):
    """A file name for a domain."""
    return domain.strip("[]").replace(":", "-")


@contextlib.asynccontextmanager
async def served(*rows):
    """nxb with a server for each (domain, certificate's options, server's changes, domain's options): nxb, {domain: server}."""
    with Folder() as folder:
        specs = {named(name): f",{options}" if "san=" in options else f",san={san_of(name)},{options}" for name, options, _, _ in rows}
        certificates(folder, *(name + options.rstrip(",") for name, options in specs.items()))
        servers, domains = {}, []
        for name, _, change, options in rows:
            server = XmppServer(name, ssl_context=server_context(folder, named(name)))
            server.hellos = []  # the SNI of each client
            server.ssl_context.sni_callback = lambda _, sni, __, hellos=server.hellos: hellos.append(sni)
            server.renew = lambda name=name: server_context(folder, named(name))  # the same certificate, other ticket keys
            change(server)
            servers[name] = await server.start()
            domains.append({"name": name, "target": f"127.0.0.1:{server.port}", "tls": "required", "tls_ca": str(folder / "ca.crt"), **options})
        async with Nxb(workers=1, domains=domains) as nxb:
            yield nxb, servers


def san_of(domain):
    return f"IP:{domain.strip('[]')}" if domain.strip("[]").replace(".", "").replace(":", "").isdigit() else f"DNS:{domain}"


def as_it_is(_):
    pass


async def failure(nxb, domain):
    """What the log says of the stream to this domain that failed last."""
    def found():
        lines = [dict(word.partition("=")[::2] for word in shlex.split(line)) for line in nxb.log().splitlines() if "event=stream.failed" in line]
        return next((line for line in reversed(lines) if line["domain"] == domain), None)
    return await until(f"the log tells of {domain}", found)


async def fails(nxb, server, domain, fault):
    """A creation is refused, the log says why, and the server saw a header, <starttls/> at most, and nothing of the client."""
    same(await refused(nxb, domain, **{"from": f"alice@{domain}", "xml_lang": "xx"}), "remote-connection-failed", domain)
    line = await failure(nxb, domain)
    same(line["stage"], "tls", f"stage of {domain}")
    expect(fault in line["why"], f"{domain}: {line['why']!r} does not name {fault!r}")
    stream = server.streams[-1]
    await asyncio.wait_for(stream.gone, PATIENCE)
    same((len(stream.headers), bytes(stream.early or b"")), (1, b""), f"headers to {domain}, and what it heard under TLS")
    expect("from" not in stream.headers[0], f"{domain} heard who asks")
    behind = bytes(stream.received).partition(b">")[2].partition(b"<stream:stream")[2].partition(b">")[2]
    expect(behind in (b"", STARTTLS.encode(), STARTTLS.encode() + b"</stream:stream>", b"</stream:stream>"), f"{domain} heard {behind!r}")


@case("certificates that speak for the domain, by every kind of name, open a session (U-49 U-50 U-51 U-52 U-53)")
async def believed():
    rows = [(name, certificate, as_it_is, options) for name, certificate, options in BELIEVED]
    async with served(*rows) as (nxb, servers):
        for name, server in servers.items():
            session = await Session(OwnConnections(nxb.port), name).open()
            await session.until_payload(session.created, f"{{{STREAM}}}features", f"features of {name}")
            expect(server.streams[0].secured, f"{name} is in clear")
            await session.terminate()
        lines = [line for line in nxb.log().splitlines() if "event=tls.unverified" in line]
        expect(lines and all("domain=careless.example" in line for line in lines), f"{lines}")


@case("certificates that do not: remote-connection-failed, the fault in the log, nothing of the client on the wire (U-49 U-50 U-51 U-52 U-65)",
      within=120)
async def not_believed():
    extra = {"mapped.example": {"tls_name": "hosting.example"}}
    rows = [(name, certificate, as_it_is, extra.get(name, {})) for name, certificate, _ in NOT_BELIEVED]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        async with served(*rows) as (nxb, servers):
            for name, _, fault in NOT_BELIEVED:
                servers[name].ssl_context.maximum_version = version
                await fails(nxb, servers[name], name, fault)
            same(await nxb.counter("tls_handshakes"), 0, "tls_handshakes")


def old(server):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the version that this is about
        server.ssl_context.set_ciphers("DEFAULT:@SECLEVEL=0")
        server.ssl_context.minimum_version = server.ssl_context.maximum_version = ssl.TLSVersion.TLSv1_1


def in_clear(server):
    server.ssl_context = None


def answers(text):
    """A change that answers <starttls/> with this text."""
    def change(server):
        server.on_stanza = lambda stream, stanza: stream.send(text)
    return change


def injects_later(server):
    """Bytes in clear behind <proceed/>, sent when the ClientHello is there: nxb has acted on <proceed/>."""
    def on_stanza(stream, _):
        stream.send(PROCEED)
        stream.data_received = lambda hello: stream.send("<stream:features/>")
    server.on_stanza = on_stanza


def ancient(server):
    server.header = lambda stream: f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' id='1' from='{server.domain}'>"
    server.features = lambda stream: ""


def gone(server):
    def on_stanza(stream, _):
        stream.send(PROCEED)
        stream.data_received = lambda hello: stream.transport.abort()
    server.on_stanza = on_stanza


@case("TLS too old, missing, refused, or with bytes in clear between: remote-connection-failed, no plaintext (U-39 U-40 U-41 U-42 U-48 U-65)")
async def attacked():
    rows = {
        "old.example": (old, ""),
        "clear.example": (in_clear, "not offered"),
        "ancient.example": (ancient, "before 1.0"),
        "refusing.example": (answers(f"<failure xmlns='{TLS}'/></stream:stream>"), "refused"),
        "wrongns.example": (answers("<proceed xmlns='urn:example:other'/>"), "STARTTLS"),
        "features.example": (answers(f"<stream:features>{STARTTLS}</stream:features>"), "STARTTLS"),
        "injecting.example": (answers(PROCEED + "<stream:features/>"), "injection"),
        "space.example": (answers(PROCEED + " "), "injection"),
        "later.example": (injects_later, "wrong version number"),
        "gone.example": (gone, "closed"),
    }
    async with served(*((name, "", change, {}) for name, (change, _) in rows.items())) as (nxb, servers):
        for name, (_, fault) in rows.items():
            await fails(nxb, servers[name], name, fault)


@case("between a client's first stanza and the server is TLS: <starttls/> goes first and alone (U-40 U-43)")
async def starttls_first():
    async with served(("here.example", "", as_it_is, {})) as (nxb, servers):
        session = await Session(OwnConnections(nxb.port), "here.example").login(**{"from": "alice@here.example"})
        stream = servers["here.example"].streams[0]
        headers = bytes(stream.received).split(b"<?xml version='1.0'?>")
        same(len(headers), 4, "headers: in clear, under TLS, after SASL")
        expect(headers[1].endswith(f">{STARTTLS}".encode()) and b"alice" not in headers[1], f"in clear: {headers[1]!r}")
        same(session.created.get("authid"), "id-2", "authid is that of the second header")
        await session.terminate()


@case("a starttls feature under TLS is not shown and not followed (U-44)")
async def starttls_twice():
    def offers_again(server):
        known = server.features
        server.features = lambda stream: known(stream).replace("<stream:features>", f"<stream:features>{STARTTLS}") if stream.secured else known(stream)
    async with served(("twice.example", "", offers_again, {})) as (nxb, servers):
        session = await Session(OwnConnections(nxb.port), "twice.example").open()
        features = await session.until_payload(session.created, f"{{{STREAM}}}features", "features")
        same([child.tag for child in features], [f"{{{SASL}}}mechanisms"], "features")
        await session.terminate()
        same(bytes(servers["twice.example"].streams[0].received).count(b"<starttls"), 1, "requests for TLS")


@case("the server is told the domain, and with direct TLS the protocol; never an IP address (U-46 U-47 U-48 U-45)")
async def hello():
    def direct(server):
        server.direct = True

    def speaks(server):
        server.ssl_context.set_alpn_protocols(["xmpp-client"])
    rows = [("starttls.example", "", speaks, {}),
            ("direct.example", "", lambda server: (speaks(server), direct(server)), {"tls": "direct"}),
            ("xn--bcher-kva.example", "", speaks, {}),
            ("127.0.0.81", "", speaks, {}),
            ("mapped.example", "san=DNS:hosting.example", speaks, {"tls_name": "hosting.example"})]
    wanted = {"starttls.example": ("starttls.example", None), "direct.example": ("direct.example", "xmpp-client"),
              "xn--bcher-kva.example": ("xn--bcher-kva.example", None), "127.0.0.81": (None, None), "mapped.example": ("mapped.example", None)}
    async with served(*rows) as (nxb, servers):
        for name, server in servers.items():
            session = await Session(OwnConnections(nxb.port), name.replace("xn--bcher-kva", "B\u00fccher")).open()
            wire = server.streams[0].transport.get_extra_info("ssl_object")
            same((server.hellos, wire.selected_alpn_protocol()), ([wanted[name][0]], wanted[name][1]), f"SNI and ALPN of {name}")
            expect(wire.version() in ("TLSv1.2", "TLSv1.3") and wire.compression() is None, f"{wire.version()} {wire.compression()}")
            await session.terminate()


@case("an end without close_notify loses no complete stanza, and is a lost connection (U-55 U-66)")
async def cut():
    async with served(("cut.example", "", as_it_is, {})) as (nxb, servers):
        session = await Session(OwnConnections(nxb.port), "cut.example").login()
        stream = servers["cut.example"].streams[0]
        stream.send("<message from='cut.example' id='one'/><message from='cut.example' id='two'/><message from='cut.example' id='thr")
        stream.transport.abort()  # the TCP connection, without a word of TLS
        answer = await session.send()
        ids = answer.message_ids()
        if answer.type is None:
            answer = await session.send()
            ids += answer.message_ids()
        same((ids, answer.type, answer.condition), (["one", "two"], "terminate", "remote-connection-failed"), "end")
        line = await failure(nxb, "cut.example")
        expect("close_notify" in line["why"], line["why"])


@case("close_notify without </stream:stream> is a lost connection, too (U-55 U-66)")
async def closed_politely():
    async with served(("polite.example", "", as_it_is, {})) as (nxb, servers):
        session = await Session(OwnConnections(nxb.port), "polite.example").login()
        stream = servers["polite.example"].streams[0]
        stream.send("<message from='polite.example' id='one'/>")
        stream.transport.close()
        answer = await session.send()
        ids = answer.message_ids()
        if answer.type is None:
            answer = await session.send()
        same((ids, answer.type, answer.condition), (["one"], "terminate", "remote-connection-failed"), "end")


async def logged_in(nxb, server, name):
    """A session to the bound and back; whether its server saw a session resumed."""
    before = len(server.streams)
    session = await Session(OwnConnections(nxb.port), name).login()
    await session.echo("hello")
    resumed = server.streams[before].transport.get_extra_info("ssl_object").session_reused
    await session.terminate()
    await asyncio.wait_for(server.streams[before].gone, PATIENCE)
    return resumed


@case("sessions of verified servers are resumed, until the server knows them no more; unverified ones never (U-54 U-53)")
async def resumption():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        def only(server, version=version):
            server.ssl_context.maximum_version = version
        rows = [("kept.example", "", only, {}), ("careless.example", "", only, {"tls_verify": False})]
        async with served(*rows) as (nxb, servers):
            kept, careless = servers["kept.example"], servers["careless.example"]
            same([await logged_in(nxb, kept, "kept.example") for _ in range(4)], [False, True, True, True], "resumed")
            same([await logged_in(nxb, careless, "careless.example") for _ in range(2)], [False, False], "resumed without verification")
            kept.ssl_context = kept.renew()
            only(kept)
            same([await logged_in(nxb, kept, "kept.example") for _ in range(2)], [False, True], "after the server's restart")
            same((await nxb.counter("tls_handshakes"), await nxb.counter("tls_resumed")), (8, 4), "tls_handshakes, tls_resumed")


@case("a server whose certificate is bad when it has forgotten the session is not believed (U-54 U-49)")
async def resumption_then_bad():
    rows = [("turned.example", "", as_it_is, {}), ("other.example", "", as_it_is, {})]
    async with served(*rows) as (nxb, servers):
        server = servers["turned.example"]
        same([await logged_in(nxb, server, "turned.example") for _ in range(2)], [False, True], "resumed")
        server.ssl_context = servers["other.example"].ssl_context
        await fails(nxb, server, "turned.example", NOT_HIM)


if __name__ == "__main__":
    main()

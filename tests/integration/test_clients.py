"""test_clients.py - what clients do on the wire that can no longer be had, byte for byte as they did it.

SPDX-License-Identifier: MIT
"""
from harness.bosh import HTTPBIND, SASL, STREAM, XBOSH, got, message
from harness.connection import Connection, post
from harness.nxb import Nxb
from harness.runner import case, expect, main, same
from harness.xmpp_server import XmppServer


class OldLibpurple:
    """libpurple 2 in its early years: one connection, requests behind each other on it, `to` on each, peculiar headers."""

    HEADERS = {"Host": "127.0.0.1", "User-Agent": "libpurple", "Content-Type": None, "Content-Encoding": "text/xml; charset=utf-8"}

    def __init__(self, connection):
        self.connection = connection
        self.rid = (1 << 52) - 1000
        self.sid = None

    async def boot(self):
        created = await got(self._post(f"<body content='text/xml; charset=utf-8' secure='true' to='test.example' xml:lang='en'"
                                       f" xmpp:version='1.0' ver='1.6' xmlns:xmpp='{XBOSH}' rid='{self.rid}' wait='60'"
                                       f" hold='1' xmlns='{HTTPBIND}'/>"))
        self.sid = created.get("sid")
        return created

    def ask(self, payload="", more=""):
        """Sends the next request without waiting for anything; the future of its answer."""
        self.rid += 1
        return self._post(f"<body rid='{self.rid}' sid='{self.sid}' to='test.example' xml:lang='en' xmlns='{HTTPBIND}'"
                          f" xmlns:xmpp='{XBOSH}'{more}>{payload}</body>")

    def _post(self, xml):
        return self.connection.ask(post(xml, headers=self.HEADERS))


@case("libpurple of old: all on one connection, the next request behind the held one, `to` on each (H-11 B-112 H-15 H-07 B-91)")
async def libpurple_pipelines():
    server = await XmppServer().start()
    async with Nxb(server, workers=3) as nxb:
        connection = await Connection.to(nxb.port)
        client = OldLibpurple(connection)
        expect((await client.boot()).find(f"{{{STREAM}}}features") is not None, "no features in the creation answer")
        success = await got(client.ask(f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>"))
        expect(success.find(f"{{{SASL}}}success") is not None, f"no success in {success!r}")
        await got(client.ask(more=" xmpp:restart='true'"))
        for turn in range(3):
            held = client.ask()
            said = client.ask(message(f"turn{turn}"))  # the server sends it back
            same((await got(held)).is_empty, True, "the held poll is answered, empty")
            same((await got(said)).message_ids(), [f"turn{turn}"], "what came on the request behind it")
        held, last = client.ask(), client.ask(more=" type='terminate'")
        same((await got(held)).type, "terminate", "the oldest open request at the end")
        await got(last)
        same(await nxb.counter("connections_accepted"), 1, "connections")
        same(await nxb.counter("streams_opened"), 1, "streams")
        connection.close()
    await server.stop()


if __name__ == "__main__":
    main()

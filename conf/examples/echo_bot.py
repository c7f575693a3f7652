#!/usr/bin/env python3
"""echo_bot.py - a program for kind = "external": it plays the XMPP server, and every message comes back to its sender.

    conf/examples/echo_bot.py /tmp/bot.sock [--mail]     with kind = "external" and this socket in nxb.toml
--mail prints, for each message that its user never collected, the command that mails it. Anybody may log in as anybody.
SPDX-License-Identifier: MIT
"""
import argparse
import asyncio
import base64
import json
import pathlib
import secrets
import shlex
import xml.etree.ElementTree as ElementTree

CLIENT, SASL, BIND = "jabber:client", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-bind"
ElementTree.register_namespace("", CLIENT)


class Stream:
    def __init__(self, add):
        self.domain, self.user, self.jid = add["to"], None, None

    def features(self):
        mechanisms = f"<mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>"
        inside = f"<bind xmlns='{BIND}'/>" if self.user else mechanisms
        return f"<stream:features>{inside}</stream:features>"

    def answers(self, xml):
        """What the server side says to one element of the client."""
        element = ElementTree.fromstring(xml)
        if element.tag == f"{{{SASL}}}auth":
            plain = element.get("mechanism") == "PLAIN"
            self.user = base64.b64decode(element.text).split(b"\0")[1].decode() if plain else "anon-" + secrets.token_hex(6)
            return [f"<success xmlns='{SASL}'/>"]
        request = element.tag == f"{{{CLIENT}}}iq" and element.get("type") in ("get", "set")
        if not self.user or not (request or element.tag == f"{{{CLIENT}}}message"):
            return []
        if request:
            bind = element.find(f"{{{BIND}}}bind")
            element[:] = []  # an empty result: enough for roster, ping and session
            element.set("type", "result")
        if request and bind is not None:
            self.jid = f"{self.user}@{self.domain}/{bind.findtext(f'{{{BIND}}}resource') or secrets.token_hex(6)}"
            ElementTree.SubElement(ElementTree.SubElement(element, f"{{{BIND}}}bind"), f"{{{BIND}}}jid").text = self.jid
        element.attrib |= {"from": element.get("to", self.domain), "to": self.jid or ""}
        return [ElementTree.tostring(element, encoding="unicode")]

    def mail(self, xml):
        """The command that mails a message which its user never collected; nothing for what is no message."""
        element = ElementTree.fromstring(xml)
        text = element.findtext(f"{{{CLIENT}}}body")
        if text:
            sender = " ".join(element.get("from", "somebody").split())
            letter = shlex.quote(f"Subject: {sender} wrote to you\n\n{text}\n")
            print(f"printf %s {letter} | sendmail -i -- {shlex.quote(f'{self.user}@{self.domain}')}", flush=True)


async def serve(reader, writer, options):
    """One worker of nxb: a line in, lines out."""
    streams = {}
    def say(kind, **members):
        writer.write(json.dumps({"type": kind, **members}).encode() + b"\n")

    say("hello", version=1, name="echo_bot")
    while line := await reader.readline():
        message = json.loads(line)
        kind, number, elements = message["type"], message.get("stream"), message.get("elements")
        if kind == "stream-add":
            streams[number] = Stream(message)
        stream = streams.get(number)
        if kind in ("stream-add", "stream-restart") and stream:
            say("stream-added" if kind == "stream-add" else "stream-restarted", stream=number, id=secrets.token_hex(8), features=stream.features())
        elif kind == "nodes" and stream:
            try:
                say("response", stream=number, elements=sum((stream.answers(xml) for xml in elements), []))
            except (ValueError, IndexError, TypeError):  # credentials that are none
                say("terminate", stream=number, condition="undefined-condition")
                del streams[number]
        elif kind == "no-client" and options.mail:
            for xml in elements:
                stream.mail(xml)
        elif kind == "stream-terminate":
            streams.pop(number, None)
        await writer.drain()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket", type=pathlib.Path)
    parser.add_argument("--mail", action="store_true")
    options = parser.parse_args()
    options.socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(lambda *ends: serve(*ends, options), options.socket, limit=1 << 26)
    await server.serve_forever()


asyncio.run(main())

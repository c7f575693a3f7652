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
import os
import secrets
import shlex
import xml.etree.ElementTree as ElementTree

CLIENT, SASL, BIND = "jabber:client", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-bind"
ElementTree.register_namespace("", CLIENT)


class Stream:
    def __init__(self, add):
        self.domain, self.user, self.jid = add["to"], None, None

    def features(self):
        inside = f"<bind xmlns='{BIND}'/>"
        if not self.user:
            inside = f"<mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>"
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
            resource = bind.findtext(f"{{{BIND}}}resource") or secrets.token_hex(6)
            self.jid = f"{self.user}@{self.domain}/{resource}"
            element.append(ElementTree.Element(f"{{{BIND}}}bind"))
            ElementTree.SubElement(element[0], f"{{{BIND}}}jid").text = self.jid
        element.attrib |= {"from": element.get("to", self.domain), "to": self.jid or ""}
        return [ElementTree.tostring(element, encoding="unicode")]

    def mail(self, xml):
        """The command that mails a message which its user never collected; nothing for what is no message."""
        element = ElementTree.fromstring(xml)
        text, sender = element.findtext(f"{{{CLIENT}}}body"), " ".join(element.get("from", "somebody").split())
        if text and self.user:
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
        kind, number = message["type"], message.get("stream")
        if kind == "stream-add":
            streams[number] = Stream(message)
        stream = streams.get(number)
        if stream is None:
            continue
        if kind == "stream-add":
            say("stream-added", stream=number, id=secrets.token_hex(8), features=stream.features())
        elif kind == "stream-restart":
            say("stream-restarted", stream=number, id=secrets.token_hex(8), features=stream.features())
        elif kind == "nodes":
            try:
                say("response", stream=number, elements=[one for xml in message["elements"] for one in stream.answers(xml)])
            except (ValueError, IndexError, TypeError):  # credentials that are none
                say("terminate", stream=streams.pop(number) and number, condition="undefined-condition")
        elif kind == "no-client" and options.mail:
            for xml in message["elements"]:
                stream.mail(xml)
        elif kind == "stream-terminate":
            streams.pop(number, None)
        await writer.drain()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("--mail", action="store_true")
    options = parser.parse_args()
    if os.path.exists(options.socket):
        os.unlink(options.socket)
    server = await asyncio.start_unix_server(lambda *ends: serve(*ends, options), options.socket, limit=1 << 26)
    await server.serve_forever()


asyncio.run(main())

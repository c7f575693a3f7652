"""name_server.py - a real DNS server (NSD) with zones of the test's own, and what stands between it and nxb.

async with NameServer({"here.example": "@ A 127.0.0.1"}, broken=["late.example"]) as names: ...  names.address is what
[upstream] resolvers wants. A broken zone is configured and cannot be read: NSD answers SERVFAIL for all of it.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import shutil

from harness.nxb import Folder, free_port
from harness.runner import Skipped, expect, until

CONFIG = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  database: ""
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
  ipv4-edns-size: 4096
remote-control:
  control-enable: no
"""
ZONE = """
zone:
  name: {name}
  zonefile: {file}
"""
HEAD = """$ORIGIN {name}.
$TTL 300
@ SOA ns.invalid. nobody.invalid. 1 3600 600 86400 300
@ NS ns.invalid.
"""
SRV = 33


def question(name, kind):
    """A query, as a resolver sends it."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0" + kind.to_bytes(2, "big") + b"\0\1"


class Asker(asyncio.DatagramProtocol):
    """Asks until there is an answer."""

    def __init__(self):
        self.answered = False

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.answered = True

    def error_received(self, error):
        pass  # not there yet


class NameServer:
    def __init__(self, zones, broken=()):
        self.zones, self.broken = zones, broken
        self.folder = Folder()
        self.process = None
        self.port = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _write(self, folder):
        config = CONFIG.format(port=self.port, folder=folder)
        for name in [*self.zones, *self.broken]:
            config += ZONE.format(name=name, file=name + ".zone")
        for name, records in self.zones.items():
            lines = "\n".join(line.strip() for line in records.strip().splitlines())
            (folder / (name + ".zone")).write_text(HEAD.format(name=name) + lines + "\n")
        (folder / "nsd.conf").write_text(config)
        return folder / "nsd.conf"

    async def __aenter__(self):
        program = shutil.which("nsd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not program:
            raise Skipped("nsd is needed")
        self.port = free_port()
        folder = self.folder.__enter__()
        try:
            with open(folder / "nsd.log", "wb") as log:
                self.process = await asyncio.create_subprocess_exec(
                    program, "-d", "-c", str(self._write(folder)), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
            await self._answers()
        except BaseException as problem:
            problem.add_note("NSD says:\n" + (folder / "nsd.log").read_text(errors="replace")[-2000:])
            await self.__aexit__()
            raise
        return self

    async def _answers(self):
        transport, asker = await asyncio.get_running_loop().create_datagram_endpoint(
            Asker, remote_addr=("127.0.0.1", self.port))

        def there():
            expect(self.process.returncode is None, "NSD ended")
            transport.sendto(question(next(iter(self.zones)), SRV))
            return asker.answered
        try:
            await until("NSD answers", there, 30)
        finally:
            transport.close()

    async def __aexit__(self, *_):
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()
        self.folder.__exit__()


class Silent(asyncio.DatagramProtocol):
    """A resolver that never answers."""

    def __init__(self):
        self.asked = []  # (name, type)
        self.transport = None
        self.address = None

    async def start(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.transport.get_extra_info("sockname")[1]
        return self

    def stop(self):
        self.transport.close()

    def datagram_received(self, data, peer):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        self.asked.append((".".join(labels).lower(), int.from_bytes(data[at + 1:at + 3], "big")))
        self.on_question(data, peer, *self.asked[-1])

    def on_question(self, data, peer, name, kind):
        pass


class Between(Silent):
    """Passes questions on to a real server, except those of `swallowed` types; those below `elsewhere` (name -> server)
    to another one. Alone, a server answers with all that its own zones know, however many CNAMEs lead there."""

    def __init__(self, server, swallowed=(), elsewhere=()):
        super().__init__()
        self.server = server
        self.swallowed = swallowed
        self.elsewhere = dict(elsewhere)

    def on_question(self, data, peer, name, kind):
        if kind in self.swallowed:
            return
        server = next((other for zone, other in self.elsewhere.items() if name.endswith("." + zone)), self.server)
        outer = self

        class Answer(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport
                transport.sendto(data)

            def datagram_received(self, answer, _):
                outer.transport.sendto(answer, peer)
                self.transport.close()
        asyncio.get_running_loop().create_task(
            asyncio.get_running_loop().create_datagram_endpoint(Answer, remote_addr=("127.0.0.1", server.port)))

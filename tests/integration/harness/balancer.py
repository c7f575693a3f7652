"""balancer.py - a real nginx or HAProxy with a file from conf/, ports and paths replaced; and clients that come through it.

Every connection of a client comes from another address of 127.0.0.0/8: what brings it back to its node is cookie, header or path.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import pathlib
import random
import shutil
import signal
import ssl

from harness.bosh import OwnConnections
from harness.connection import Connection
from harness.nxb import alive, children_of, free_port
from harness.runner import PATIENCE, Skipped, expect, same, until
from harness.tls import certificates
from harness.websocket import XmppSocket

CONF = pathlib.Path(__file__).resolve().parents[3] / "conf"
SITE = "chat.example.org"
WRAPPED = """{user}worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  {temporary}
  include {folder}/shipped.conf;
}}
"""


def replaced(text, table):
    """Each name must be there: a file that changes is noticed."""
    for name, value in table.items():
        expect(name in text, f"{name} is not in the file")
        text = text.replace(name, value)
    return text


class Balancer:
    """async with Balancer("nginx", "one-box", folder, {"127.0.0.1:5280": port of a node}) as front: ..."""

    def __init__(self, kind, name, folder, nodes):
        self.program = shutil.which(kind, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not self.program:
            raise Skipped(f"{kind} is needed")
        self.kind, self.folder, self.port, self.process = kind, folder, free_port(), None
        certificates(folder, SITE)
        pem = folder / "chain-and-key.pem"
        pem.write_bytes((folder / f"{SITE}.crt").read_bytes() + (folder / f"{SITE}.key").read_bytes())
        self.context = ssl.create_default_context(cafile=folder / "ca.crt")
        table = {address: f"127.0.0.1:{port}" for address, port in nodes.items()}
        ours = f"127.0.0.1:{self.port}"
        if kind == "nginx":
            table |= {"listen 443 ssl": f"listen {ours} ssl", f"/etc/ssl/certs/{SITE}.pem": str(folder / f"{SITE}.crt"),
                      f"/etc/ssl/private/{SITE}.key": str(folder / f"{SITE}.key")}
            shipped, self.file = (CONF / "nginx" / f"{name}.conf"), folder / "nginx.conf"
            (folder / "shipped.conf").write_text(replaced(shipped.read_text(), table))
            temporary = "\n  ".join(f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            user = "user root;\n" if os.getuid() == 0 else ""
            self.file.write_text(WRAPPED.format(user=user, folder=folder, temporary=temporary))
            itself = ["-p", str(folder), "-c", str(self.file), "-e", str(folder / "error.log")]
            self.command, self.check, self.reload_signal = [*itself, "-g", "daemon off;"], [*itself, "-t"], signal.SIGHUP
        else:
            table |= {"bind :443 ssl": f"bind {ours} ssl", f"/etc/ssl/private/{SITE}.pem": str(pem)}
            if os.getuid() != 0:  # it could not become anybody else
                table |= {"    user haproxy\n": "", "    group haproxy\n": ""}
            shipped, self.file = (CONF / "haproxy" / f"{name}.cfg"), folder / "haproxy.cfg"
            self.file.write_text(replaced(shipped.read_text(), table))
            itself = ["-f", str(self.file)]
            self.command, self.check, self.reload_signal = ["-W", *itself], ["-c", *itself], signal.SIGUSR2

    async def __aenter__(self):
        log = self.folder / "balancer.log"
        with open(log, "wb") as out:
            quiet = {"stdin": asyncio.subprocess.DEVNULL, "stdout": out, "stderr": out}
            checked = await asyncio.create_subprocess_exec(self.program, *self.check, **quiet)
            same(await asyncio.wait_for(checked.wait(), PATIENCE * 3), 0, f"{self.kind} on its file: {log.read_text()}")
            self.process = await asyncio.create_subprocess_exec(self.program, *self.command, **quiet)
        await self._served_by_others_than(set())
        return self

    async def __aexit__(self, *_):
        workers = children_of(self.process.pid)
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), PATIENCE)
            except asyncio.TimeoutError:
                self.process.kill()
        for pid in workers:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)

    async def _served_by_others_than(self, old):
        """Waits until a new connection is accepted by a process that is not one of these."""
        async def accepted():
            expect(self.process.returncode is None, f"it ended: {(self.folder / 'balancer.log').read_text()}")
            try:
                connection = await Connection.to(self.port)
            except OSError:
                return False
            try:
                new = set(children_of(self.process.pid)) - old
                return new and connection.owner(new) is not None
            finally:
                connection.reset()
        await until(f"a new {self.kind} serves", accepted, PATIENCE * 3)

    async def reload(self):
        old = set(children_of(self.process.pid))
        self.process.send_signal(self.reload_signal)
        await self._served_by_others_than(old)

    def somewhere(self):
        return {"ssl": self.context, "server_hostname": SITE, "local_addr": (f"127.0.{random.randint(1, 250)}.{random.randint(1, 250)}", 0)}


class Browser(OwnConnections):
    """BOSH connections through it; keeps cookies and the node's header, and sends them back."""

    def __init__(self, front, prefix=""):
        super().__init__(front.port)
        self.front, self.prefix = front, prefix
        self.fields = {}  # what goes with each request
        self.set_cookies = []

    async def connect(self):
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, "127.0.0.1", self.port, **self.front.somewhere())
        return connection

    async def fetch(self, data, patience=70):
        first, rest = data.split(b"\r\n", 1)
        method, path, version = first.decode().split(" ")
        lines = [f"{method} {self.prefix}{path} {version}", *(f"{name}: {value}" for name, value in self.fields.items())]
        answer = await super().fetch("\r\n".join(lines).encode() + b"\r\n" + rest, patience)
        if cookie := answer.headers.get("set-cookie"):
            self.set_cookies.append(cookie)
            self.fields["Cookie"] = cookie.split(";")[0]
        if node := answer.headers.get("x-node"):
            self.fields["X-Node"] = node
        return answer


async def socket_through(front, prefix=""):
    """A WebSocket client through it."""
    class Through(XmppSocket):
        @classmethod
        async def begin(cls, port, source=None):
            _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port, **front.somewhere())
            return client
    return await Through.to(front.port, prefix + "/xmpp-websocket")

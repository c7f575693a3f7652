"""The servers that scripts/bench measures, each started on loopback with a configuration of its own in a temporary folder.

A Server has `doors`: for each kind of session (bosh, ws, http) the words that nxb-load wants to hear. Gateways lead to nxb-stub; Prosody
and ejabberd are XMPP servers themselves, and an echo is a message to oneself.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import processes
from processes import answers, free_port, running, wait_for

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / "peers"
DOMAIN = "s%.example"  # nxb-load puts a number for %
STUBS = 4              # each has a domain; one alone could not have the sockets of 30,000 sessions


class Server:
    def __init__(self, name, process, doors):
        self.name, self.process, self.doors = name, process, doors

    def pids(self):
        return processes.tree(self.process.pid)


class Yard:
    """Starts servers, and the stubs behind gateways, when they are wanted; all end with it."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.stack, self.kept, self.stub_ports, self.certificates = contextlib.ExitStack(), {}, {}, None

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.stack.close()

    def program(self, name):
        folder = {"nxb-supervisor": "supervisor"}.get(name, "tests/bench")
        return str(self.build / folder / name)

    def absent(self, name):
        """What is missing to start that server; nothing: None."""
        needs = {"nginx-200": ["nginx"], "nginx-proxy": ["nginx"], "prosody": ["prosody"], "ejabberd": ["erl", "ejabberdctl"],
                 "node-xmpp-bosh": ["node"]}.get(name, [])
        for program in needs:
            if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
                return f"{program} is not installed"
        if name == "node-xmpp-bosh" and not (PEERS / "node_modules/node-xmpp-bosh").exists():
            return "not fetched: scripts/bench --install-peers"
        return None

    def get(self, name):
        """One that goes on running."""
        if name not in self.kept:
            self.kept[name] = self.stack.enter_context(self.fresh(name))
        return self.kept[name]

    def fresh(self, name):
        """One that ends with the `with` block."""
        if name.startswith("nxb"):
            return self.nxb(name)
        return {"nginx-200": self.nginx, "nginx-proxy": self.nginx, "node-xmpp-bosh": self.node_xmpp_bosh}.get(name, self.xmpp_server)(name)

    def certificate_folder(self):
        if not self.certificates:
            self.certificates = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="nxb-bench-"))
            names = [DOMAIN.replace("%", str(i)) for i in range(STUBS)]
            subprocess.run([HERE.parent / "servers" / "certificates", self.certificates, *names], check=True)
        return self.certificates

    def stubs(self, tickets=None):
        """Their ports; with a number of tickets they require STARTTLS."""
        ports = self.stub_ports.setdefault(tickets, [])
        while len(ports) < STUBS:
            port, words = free_port(), []
            if tickets is not None:
                name = f"{self.certificate_folder()}/{DOMAIN.replace('%', str(len(ports)))}"
                words = [f"tls={name}.crt,{name}.key,{tickets}"]
            stub = self.stack.enter_context(
                running([self.program("nxb-stub"), *words, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            if stub.stdout.readline() != "ready\n":
                raise RuntimeError("nxb-stub does not start")
            ports.append(port)
        return ports

    @contextlib.contextmanager
    def nxb(self, name):
        """nxb-N: with N workers. nxb-N-tls: TLS to its servers; nxb-N-tls-full: these let no session be resumed. nxb-N-https: TLS
        from its clients."""
        _, workers, *kinds = name.split("-")
        port = free_port()
        more, key, words = 'tls = "off"', "", []
        if "tls" in kinds:
            more = f'tls = "required"\ntls_ca = "{self.certificate_folder()}/ca.crt"'
        if "https" in kinds:
            one = f"{self.certificate_folder()}/{DOMAIN.replace('%', '0')}"
            key, words = f'tls = {{ cert = "{one}.crt", key = "{one}.key" }}', ["tls=1"]
        stubs = self.stubs(None if "tls" not in kinds else 0 if "full" in kinds else 2)
        with tempfile.TemporaryDirectory(prefix="nxb-bench-") as folder:
            config = pathlib.Path(folder) / "nxb.toml"
            config.write_text(nxb_config(folder, port, workers, stubs, more, key))
            with running([self.program("nxb-supervisor"), "-c", str(config)]) as process:
                wait_for(lambda: answers(port), name, process)
                to = [f"port={port}", f"domain={DOMAIN}", *words]
                yield Server(name, process, {"bosh": [*to, "kind=bosh"], "ws": [*to, "kind=ws", "path=/xmpp-websocket"]})

    @contextlib.contextmanager
    def nginx(self, name):
        port, location, upstream = free_port(), """return 200 "<body xmlns='http://jabber.org/protocol/httpbind' sid='0'/>";""", ""
        if name == "nginx-proxy":
            backend = self.get("nginx-200").doors["http"][0].removeprefix("port=")
            location = 'proxy_pass http://floor; proxy_http_version 1.1; proxy_set_header Connection "";'
            upstream = f"upstream floor {{ server 127.0.0.1:{backend}; keepalive 512; keepalive_timeout 3600s; keepalive_requests 1000000000; }}"
        with tempfile.TemporaryDirectory(prefix="nxb-bench-") as folder:
            text = (PEERS / "nginx.conf.in").read_text()
            words = {"FOLDER": folder, "PORT": str(port), "UPSTREAM": upstream, "LOCATION": location,
                     "USER": "user root;" if os.getuid() == 0 else ""}
            for word, value in words.items():
                text = text.replace(f"@{word}@", value)
            (pathlib.Path(folder) / "nginx.conf").write_text(text)
            nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
            with running([nginx, "-p", folder + "/", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]) as process:
                wait_for(lambda: answers(port), name, process)
                yield Server(name, process, {"http": [f"port={port}", "kind=http", "path=/"]})

    @contextlib.contextmanager
    def node_xmpp_bosh(self, name):
        port, stub = free_port(), self.stubs()[0]
        with tempfile.TemporaryDirectory(prefix="nxb-bench-") as folder:
            config = shutil.copy(PEERS / "node-xmpp-bosh.js", f"{folder}/bosh.conf.js")
            command = ["node", str(PEERS / "node_modules/node-xmpp-bosh/run-server.js"), f"--config={config}"]
            environment = {**os.environ, "BOSH_PORT": str(port), "BOSH_DOMAIN": DOMAIN.replace("%", "0")}
            with open(f"{folder}/log", "w") as log, running(command, cwd=folder, env=environment, stdout=log, stderr=log) as process:
                wait_for(lambda: answers(port), name, process)
                to = [f"port={port}", f"domain={DOMAIN}", "path=/http-bind/", f"route=xmpp:127.0.0.1:{stub}"]
                yield Server(name, process, {"bosh": [*to, "kind=bosh"]})

    @contextlib.contextmanager
    def xmpp_server(self, name):
        """Prosody or ejabberd with its own BOSH and WebSocket."""
        client_port, port = free_port(), free_port()
        with tempfile.TemporaryDirectory(prefix="nxb-bench-", ignore_cleanup_errors=True) as folder:
            command = [str(HERE.parent / "servers" / name), "--dir", folder, "--port", str(client_port), "--http", str(port)]
            with open(f"{folder}/log", "w") as log, running(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
                is_ready = (pathlib.Path(folder) / "ready").exists if name == "ejabberd" else lambda: True
                wait_for(lambda: answers(port) and is_ready(), name, process)
                # Each writes the attributes of an element in an order of its own, not always the same.
                to = [f"port={port}", "domain=anon.example", "forms=64"]
                yield Server(name, process, {"bosh": [*to, "kind=bosh"], "ws": [*to, "kind=ws", "path=/xmpp-websocket"]})


def nxb_config(folder, port, workers, stub_ports, more, key):
    return f"""
[server]
workers = {workers}
admin_socket = "{folder}/admin.sock"
session_rate = 0
shutdown_timeout = 0
core_dumps = true
[bosh]
request_rate = 0
[websocket]
message_rate = 0
[[listen]]
address = "127.0.0.1:{port}"
{key}
[log]
level = "ERROR"
[upstream]
allow_private_targets = true
""" + "".join(f"""
[[upstream.domain]]
name = "{DOMAIN.replace('%', str(i))}"
target = "127.0.0.1:{stub}"
{more}
""" for i, stub in enumerate(stub_ports))

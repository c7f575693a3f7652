#!/usr/bin/env python3
"""Measures nxb, and beside it any other server of BOSH or WebSocket in the same run. Prints ratios-worthy figures; judges nothing.

  measure.py BUILD round-trip [--sessions 50] [--seconds 5] [--rounds 3] [--workers 1,4] [--peer NAME=URL,PID[,DOMAIN[,ROUTE]]]...
      CPU microseconds (user + system, all processes of the server, from /proc) per echo round trip: every session sends a
      message to itself and reads it back, closed loop, one request at a time. nxb runs against a stub XMPP server, which
      is not counted. The servers take turns, A B C A B C; medians and minima are printed.
  measure.py BUILD idle [--sessions 5000] [--workers 2] [--peer ...]...
      Memory per held session: PSS of all processes with the sessions held, minus before, divided by their number.
      With --tls their streams are under TLS, with --listen-tls their connections to nxb (round-trip takes both, too).
  measure.py BUILD ws-round-trip, ws-idle
      The same over WebSocket: an echo is a frame each way; an idle session is a WebSocket that says nothing.
  measure.py BUILD set-up [--sessions 10] [--seconds 5] [--rounds 3] [--workers 1]
      CPU milliseconds of nxb per session: created, logged in, bound, terminated, BOSH, so many at a time. One nxb goes to
      servers in clear, over STARTTLS, and over STARTTLS with one that lets sessions be resumed; to the last two also where
      they are found by SRV, from NSD on loopback.

BUILD is a build folder with nxb in it. A ROUTE may hold {stub}, which becomes the stub server's port. Loopback only.

SPDX-License-Identifier: MIT
"""
import argparse
import asyncio
import contextlib
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import bosh
import processes
import websocket
from harness.name_server import NameServer


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended, by its own handle, when the block is left."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=15)


def wait_for_port(port, process):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port}")


@contextlib.contextmanager
def stub_server(port, *tls):
    with running([sys.executable, str(HERE / "stub_server.py"), str(port), *map(str, tls)], stdin=subprocess.PIPE) as process:
        wait_for_port(port, process)
        yield process


def certificates(folder, *names):
    subprocess.run([HERE.parent / "servers" / "certificates", folder, *names], check=True)


def key_of(folder, name):
    return folder / f"{name}.crt", folder / f"{name}.key"


def required(folder):
    """Lines of an [[upstream.domain]] for a server with such a certificate."""
    return f'tls = "required"\ntls_ca = "{folder}/ca.crt"'


@contextlib.contextmanager
def nxb(build, workers, domains, resolver=None, key=None):
    """Starts nxb with its own configuration; `domains`: (name, port or None for by DNS, further lines) of each; `key`: files of
    a TLS listener. Yields (port, pids)."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "nxb.toml"
        config.write_text(f"""
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
{f'tls = {{ cert = "{key[0]}", key = "{key[1]}" }}' if key else ""}
[log]
level = "ERROR"
[upstream]
allow_private_targets = true
{f'resolvers = ["{resolver}"]' if resolver else ""}
""" + "".join(f"""
[[upstream.domain]]
name = "{name}"
{f'target = "127.0.0.1:{server}"' if server else ""}
{more}
""" for name, server, more in domains))
        supervisor = pathlib.Path(build) / "supervisor" / "nxb-supervisor"
        with running([str(supervisor), "-c", str(config)]) as process:
            wait_for_port(port, process)
            yield port, lambda: processes.tree(process.pid)


class Target:
    """A server that is measured, and its sessions; the scheme of its URL says which kind these are."""

    def __init__(self, name, url, pids, domain="localhost", route=None):
        self.name, self.url, self.pids, self.domain, self.route = name, url, pids, domain, route
        self.sessions, self.costs, self.rates = [], [], []

    async def login(self, count):
        kind = websocket if self.url.startswith("ws") else bosh
        more = [kind.Session(self.url, self.domain, self.route) for _ in range(count)]
        await asyncio.gather(*(session.login() for session in more))
        self.sessions += more
        return more

    async def turn(self, seconds):
        end = time.monotonic() + seconds
        done = 0

        async def work(session):
            nonlocal done
            number = 0
            while time.monotonic() < end:
                number += 1
                await session.round_trip(f"echo {number}")
                done += 1

        before, start = processes.cpu_seconds(self.pids()), time.monotonic()
        await asyncio.gather(*(work(session) for session in self.sessions))
        self.costs.append((processes.cpu_seconds(self.pids()) - before) / done * 1e6)
        self.rates.append(done / (time.monotonic() - start))


    async def set_up(self, at_a_time, seconds):
        end = time.monotonic() + seconds
        done = 0

        async def work():
            nonlocal done
            while time.monotonic() < end:
                session = bosh.Session(self.url, self.domain)
                await session.login()
                await session.terminate()
                done += 1

        before, start = processes.cpu_seconds(self.pids()), time.monotonic()
        await asyncio.gather(*(work() for _ in range(at_a_time)))
        self.costs.append((processes.cpu_seconds(self.pids()) - before) / done * 1e3)
        self.rates.append(done / (time.monotonic() - start))


def targets_of(args, stub_port, folder, stack):
    """nxb once for each number of workers, then the peers."""
    domains = [("localhost", stub_port, required(folder) if args.tls else 'tls = "off"')]
    url = "ws://127.0.0.1:{}/xmpp-websocket" if args.what.startswith("ws-") else "http://127.0.0.1:{}/http-bind"
    targets = []
    for workers in args.workers.split(","):
        port, pids = stack.enter_context(nxb(args.build, int(workers), domains))
        targets.append(Target(f"nxb, {workers} worker(s)", url.format(port), pids))
        if args.listen_tls:
            port, pids = stack.enter_context(nxb(args.build, int(workers), domains, key=key_of(folder, "localhost")))
            targets.append(Target(f"nxb, {workers}, TLS clients", url.format(port).replace(":", "s:", 1), pids))
    for peer in args.peer:
        name, _, rest = peer.partition("=")
        url, pid, *more = rest.split(",")
        more = [part.replace("{stub}", str(stub_port)) for part in more]
        targets.append(Target(name, url, lambda pid=int(pid): processes.tree(pid), *more))
    return targets


async def set_up_all(args, folder, stack):
    """One nxb, five domains: each is a target."""
    ways = [("plain.example", "in clear", None, False), ("full.example", "STARTTLS", 0, False),
            ("resumed.example", "STARTTLS, resumed", 2, False), ("full-srv.example", "SRV, STARTTLS", 0, True),
            ("resumed-srv.example", "SRV, STARTTLS, resumed", 2, True)]
    certificates(folder, *(way[0] for way in ways))
    domains, zones = [], {}
    for domain, _, tickets, by_dns in ways:
        tls = () if tickets is None else (*key_of(folder, domain), tickets)
        stack.enter_context(stub_server(port := free_port(), *tls))
        domains.append((domain, None if by_dns else port, required(folder) if tls else 'tls = "off"'))
        if by_dns:
            zones[domain] = f"_xmpp-client._tcp SRV 0 0 {port} host\nhost A 127.0.0.1"
    async with NameServer(zones) as names:
        port, pids = stack.enter_context(nxb(args.build, int(args.workers), domains, names.address))
        await set_up(args, [Target(way[1], f"http://127.0.0.1:{port}/http-bind", pids, way[0]) for way in ways])


async def set_up(args, targets):
    for target in targets:
        await target.set_up(args.sessions, min(args.seconds, 1))  # warm-up, not counted
        target.costs.clear(), target.rates.clear()
    for _ in range(args.rounds):
        for target in targets:
            await target.set_up(args.sessions, args.seconds)
    base = statistics.median(targets[0].costs)
    print(f"{'way':24} {'CPU ms/session':>18} {'minimum':>9} {'ratio':>7} {'sessions/s':>14}")
    for target in targets:
        cost = statistics.median(target.costs)
        print(f"{target.name:24} {cost:18.3f} {min(target.costs):9.3f} {cost / base:7.2f} {statistics.median(target.rates):14.0f}")


async def round_trip(args, targets):
    for target in targets:
        await target.login(args.sessions)
        await target.turn(min(args.seconds, 1))  # warm-up, not counted
        target.costs.clear(), target.rates.clear()
    for _ in range(args.rounds):
        for target in targets:
            await target.turn(args.seconds)
    base = statistics.median(targets[0].costs)
    print(f"{'server':24} {'CPU us/round trip':>18} {'minimum':>9} {'ratio':>7} {'round trips/s':>14}")
    for target in targets:
        cost = statistics.median(target.costs)
        print(f"{target.name:24} {cost:18.1f} {min(target.costs):9.1f} {cost / base:7.2f} {statistics.median(target.rates):14.0f}")


async def idle(args, targets):
    for target in targets:
        await target.login(1)  # what the first session costs is not per session
        before = processes.pss_bytes(target.pids())
        held = []
        while len(held) < args.sessions:
            more = await target.login(min(100, args.sessions - len(held)))
            held += [asyncio.ensure_future(session.hold()) for session in more]
        await asyncio.sleep(0.5)
        after = processes.pss_bytes(target.pids())
        waiting = sum(1 for one in held if not one.done())
        print(f"{target.name}: {len(held)} sessions, {waiting} held now; PSS {before / 1024:.0f} KB before, {after / 1024:.0f} KB after: "
              f"{(after - before) / len(held):.0f} bytes per session")
        for one in held:
            one.cancel()
        for session in target.sessions:
            session.connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("what", choices=["round-trip", "idle", "ws-round-trip", "ws-idle", "set-up"])
    parser.add_argument("--sessions", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers")
    parser.add_argument("--tls", action="store_true", help="the stub server requires STARTTLS")
    parser.add_argument("--listen-tls", action="store_true", help="beside each nxb in clear one whose clients speak TLS")
    parser.add_argument("--peer", action="append", default=[])
    args = parser.parse_args()
    work = {"round-trip": round_trip, "idle": idle, "set-up": set_up}[args.what.removeprefix("ws-")]
    args.sessions = args.sessions or {round_trip: 50, idle: 5000, set_up: 10}[work]
    args.workers = args.workers or {round_trip: "1,4", idle: "2", set_up: "1"}[work]
    stub_port = free_port()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if work is set_up:
            return asyncio.run(set_up_all(args, folder, stack))
        if args.tls or args.listen_tls:
            certificates(folder, "localhost")
        stack.enter_context(stub_server(stub_port, *(key_of(folder, "localhost") if args.tls else ())))
        asyncio.run(work(args, targets_of(args, stub_port, folder, stack)))


if __name__ == "__main__":
    main()

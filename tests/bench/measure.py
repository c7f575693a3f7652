#!/usr/bin/env python3
"""Measures nxb, and beside it any other server of BOSH or WebSocket in the same run. Prints ratios-worthy figures; judges nothing.

  measure.py BUILD round-trip [--sessions 50] [--seconds 5] [--rounds 3] [--workers 1,4] [--peer NAME=URL,PID[,DOMAIN[,ROUTE]]]...
      CPU microseconds (user + system, all processes of the server, from /proc) per echo round trip: every session sends a
      message to itself and reads it back, closed loop, one request at a time. nxb runs against a stub XMPP server, which
      is not counted. The servers take turns, A B C A B C; medians and minima are printed.
  measure.py BUILD idle [--sessions 5000] [--workers 2] [--peer ...]...
      Memory per held session: PSS of all processes with the sessions held, minus before, divided by their number.
  measure.py BUILD ws-round-trip, ws-idle
      The same over WebSocket: an echo is a frame each way; an idle session is a WebSocket that says nothing.

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

import bosh
import processes
import websocket

HERE = pathlib.Path(__file__).resolve().parent


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
def stub_server(port):
    with running([sys.executable, str(HERE / "stub_server.py"), str(port)], stdin=subprocess.PIPE) as process:
        wait_for_port(port, process)
        yield process


@contextlib.contextmanager
def nxb(build, workers, stub_port):
    """Starts nxb with its own configuration; yields (port, pids)."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "nxb.toml"
        config.write_text(f"""
[server]
workers = {workers}
admin_socket = "{folder}/admin.sock"
session_rate = 0
[bosh]
request_rate = 0
[websocket]
message_rate = 0
[[listen]]
address = "127.0.0.1:{port}"
[[upstream.domain]]
name = "localhost"
target = "127.0.0.1:{stub_port}"
tls = "off"
[log]
level = "ERROR"
""")
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
        kind = websocket if self.url.startswith("ws:") else bosh
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


def targets_of(args, stub_port, stack):
    """nxb once for each number of workers, then the peers."""
    url = "ws://127.0.0.1:{}/xmpp-websocket" if args.what.startswith("ws-") else "http://127.0.0.1:{}/http-bind"
    targets = []
    for workers in args.workers.split(","):
        port, pids = stack.enter_context(nxb(args.build, int(workers), stub_port))
        targets.append(Target(f"nxb, {workers} worker(s)", url.format(port), pids))
    for peer in args.peer:
        name, _, rest = peer.partition("=")
        url, pid, *more = rest.split(",")
        more = [part.replace("{stub}", str(stub_port)) for part in more]
        targets.append(Target(name, url, lambda pid=int(pid): processes.tree(pid), *more))
    return targets


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
    parser.add_argument("what", choices=["round-trip", "idle", "ws-round-trip", "ws-idle"])
    parser.add_argument("--sessions", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers")
    parser.add_argument("--peer", action="append", default=[])
    args = parser.parse_args()
    work = round_trip if args.what.endswith("round-trip") else idle
    args.sessions = args.sessions or (50 if work is round_trip else 5000)
    args.workers = args.workers or ("1,4" if work is round_trip else "2")
    stub_port = free_port()
    with contextlib.ExitStack() as stack:
        stack.enter_context(stub_server(stub_port))
        asyncio.run(work(args, targets_of(args, stub_port, stack)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Counts the instructions that a worker spends on one echo round trip, over BOSH and over WebSocket, and on the life of a BOSH
session in which nothing is said: figures that do not depend on how busy the machine is. Compares them with what is on record.

  instructions.py BUILD            counts; fails where a figure is more than 3 % above tests/bench/instructions.json
  instructions.py BUILD --record   writes that file (a release build, as scripts/run makes it)

The real worker runs under Callgrind, with a client, a server and sockets of its own. It is counted twice, with few of them
and with many: the difference holds neither the worker's start nor its end, nor, of round trips, the login. Kernel time is not
in it: count system calls for that.
Another compiler or libc makes other code: then the figures are shown, not judged, for want of anything to compare with.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from harness.bosh import OwnConnections, Session
from harness.nxb import Nxb
from harness.runner import same, until
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer

RECORD = HERE / "instructions.json"
ROUND_TRIPS = 100, 500  # few, many
SET_UPS = 50, 250
ALLOWED = 1.03  # growth
TEXT = "Wherefore art thou, Romeo? Deny thy father and refuse thy name."


async def bosh_round_trips(nxb, _server, count):
    await echo(await Session(OwnConnections(nxb.port), rid=1_000_000).login(), count)


async def websocket_round_trips(nxb, _server, count):
    await echo(await (await XmppSocket.to(nxb.port)).login(), count)


async def echo(session, count):
    for number in range(count):
        await session.echo(f"m{number:06}", TEXT)


async def set_ups(nxb, server, count):
    """Each session has a connection of its own: created, bound, terminated; and its two lines in the log."""
    for _ in range(count):
        gate = OwnConnections(nxb.port)
        session = await Session(gate, rid=1_000_000).login()
        same((await session.terminate()).type, "terminate", "the answer to terminate")
        gate.close()
    await until("the server has lost all streams", lambda: server.live == 0)


def wrapper(folder, build, count_file):
    """A program that starts the supervisor with a worker under Callgrind."""
    worker, supervisor = folder / "nxb-worker", folder / "nxb-supervisor"
    worker.write_text(f"#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file='{count_file}' -q "
                      f"'{build}/worker/nxb-worker' \"$@\"\n")
    supervisor.write_text(f"#!/bin/sh\nexec '{build}/supervisor/nxb-supervisor' --worker '{worker}' \"$@\"\n")
    for script in (worker, supervisor):
        script.chmod(0o755)
    return str(supervisor)


async def spent(build, work, count):
    """Instructions of a worker's whole life with so much work in it."""
    server = await XmppServer().start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        count_file = folder / "callgrind.out"
        async with Nxb(server, workers=1, program=wrapper(folder, build, count_file)) as nxb:
            await work(nxb, server, count)
        return int(re.search(r"^(?:totals|summary): (\d+)", count_file.read_text(), re.MULTILINE)[1])


async def per_one(build, work, counts):
    few, many = counts
    return round((await spent(build, work, many) - await spent(build, work, few)) / (many - few))


def toolchain():
    """What the figures depend on besides nxb."""
    compiler = subprocess.run(["g++", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()
    avx2 = "AVX2" if " avx2 " in pathlib.Path("/proc/cpuinfo").read_text() else "no AVX2"
    return f"g++ {compiler}, glibc {platform.libc_ver()[1]}, {platform.machine()}, {avx2}"


def judge(figures, record):
    """Prints them side by side; whether one grew too much."""
    comparable = record["toolchain"] == toolchain()
    grown = False
    for name, figure in figures.items():
        before = record["instructions"][name]
        print(f"{name:24} {figure:8} instructions, {before} on record, {figure / before - 1:+.1%}")
        grown |= comparable and figure > before * ALLOWED
    if not comparable:
        print(f"not judged: {toolchain()} here, {record['toolchain']} there")
    if grown:
        print(f"more than {ALLOWED - 1:.0%} above {RECORD.name}: find out why, or record the new figures with the reason for them")
    return grown


async def count(build):
    return {"bosh round trip": await per_one(build, bosh_round_trips, ROUND_TRIPS),
            "websocket round trip": await per_one(build, websocket_round_trips, ROUND_TRIPS),
            "session set-up": await per_one(build, set_ups, SET_UPS)}


def main():
    build, *options = sys.argv[1:] or sys.exit(__doc__)
    if options not in ([], ["--record"]):
        sys.exit(__doc__)
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not here")
        sys.exit(77)
    os.environ.pop("MALLOC_PERTURB_", None)  # of a test runner: filling memory is not what a worker costs
    figures = asyncio.run(count(pathlib.Path(build).resolve()))
    if options:
        RECORD.write_text(json.dumps({"toolchain": toolchain(), "instructions": figures}, indent=2) + "\n")
        print(f"{figures} recorded")
    elif judge(figures, json.loads(RECORD.read_text())):
        sys.exit(1)


if __name__ == "__main__":
    main()

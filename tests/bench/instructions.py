#!/usr/bin/env python3
"""Counts the instructions that a worker spends on one echo round trip, over BOSH and over WebSocket: a figure that does not
depend on how busy the machine is. Compares it with what is on record.

  instructions.py BUILD            counts; fails where a figure is more than 3 % above tests/bench/instructions.json
  instructions.py BUILD --record   writes that file (a release build, as scripts/run makes it)

The real worker runs under Callgrind, with a client, a server and sockets of its own. It is counted twice, with few round trips
and with many: the difference holds neither start nor login nor end. Kernel time is not in it: count system calls for that.
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
from harness.websocket import XmppSocket
from harness.xmpp_server import XmppServer

RECORD = HERE / "instructions.json"
FEW, MANY = 100, 500
ALLOWED = 1.03  # growth
TEXT = "Wherefore art thou, Romeo? Deny thy father and refuse thy name."


async def bosh_client(nxb):
    return await Session(OwnConnections(nxb.port), rid=1_000_000).login()


async def websocket_client(nxb):
    return await (await XmppSocket.to(nxb.port)).login()


def wrapper(folder, build, count_file):
    """A program that starts the supervisor with a worker under Callgrind."""
    worker, supervisor = folder / "nxb-worker", folder / "nxb-supervisor"
    worker.write_text(f"#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file='{count_file}' -q "
                      f"'{build}/worker/nxb-worker' \"$@\"\n")
    supervisor.write_text(f"#!/bin/sh\nexec '{build}/supervisor/nxb-supervisor' --worker '{worker}' \"$@\"\n")
    for script in (worker, supervisor):
        script.chmod(0o755)
    return str(supervisor)


async def spent(build, client, round_trips):
    """Instructions of a worker's whole life with so many round trips in it."""
    server = await XmppServer().start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        count_file = folder / "callgrind.out"
        async with Nxb(server, workers=1, program=wrapper(folder, build, count_file), log={"level": "ERROR"}) as nxb:
            session = await client(nxb)
            for number in range(round_trips):
                await session.echo(f"m{number:06}", TEXT)
        return int(re.search(r"^(?:totals|summary): (\d+)", count_file.read_text(), re.MULTILINE)[1])


async def per_round_trip(build, client):
    few, many = [await spent(build, client, count) for count in (FEW, MANY)]
    return round((many - few) / (MANY - FEW))


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
    return {"bosh round trip": await per_round_trip(build, bosh_client),
            "websocket round trip": await per_round_trip(build, websocket_client)}


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

"""test_confined.py - nxb in a container: no privileges, no writable file system but the folder of the admin socket.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import shutil
import signal
import sys

from harness.bosh import OwnConnections, Session
from harness.nxb import SUPERVISOR, Folder, Nxb
from harness.runner import Skipped, case, main, same, until
from harness.websocket import XmppSocket

HARNESS = pathlib.Path(__file__).resolve().parent / "harness"
WRAPPER = """#!/bin/sh
exec {python} -B {confined} {program} "$@"
"""


def confined_program(folder):
    """nxb where `nobody` may look, in a shape that Nxb starts."""
    folder.chmod(0o755)
    supervisor = pathlib.Path(SUPERVISOR)
    worker = next(one for one in (supervisor.with_name("nxb-worker"), supervisor.parents[1] / "worker/nxb-worker") if one.exists())
    for program in (supervisor, worker):
        shutil.copy(program, folder / program.name)
    wrapper = folder / "confined"
    wrapper.write_text(WRAPPER.format(python=sys.executable, confined=HARNESS / "confined.py", program=folder / supervisor.name))
    wrapper.chmod(0o755)
    return str(wrapper)


class Confined(Nxb):
    async def start(self):
        try:
            return await super().start()
        except AssertionError as problem:
            if "ended with 77" in str(problem):
                raise Skipped(f"no read-only file system to be had here: {problem}") from None
            raise


@case("without privileges and without a writable file system: both kinds of session, a worker replaced, the admin socket (O-43 O-11)")
async def confined():
    with Folder() as folder:
        nxb = Confined(workers=2, program=confined_program(folder))
        nxb.sections["server"]["core_dumps"] = False
        async with nxb:
            session = await Session(OwnConnections(nxb.port)).login()
            socket = await (await XmppSocket.to(nxb.port)).login()
            await session.echo("m1")
            await socket.echo("w1")
            before = await nxb.pids()
            for pid in (nxb.process.pid, *before):  # memory that may not be dumped is root's to look at (O-11)
                same(os.stat(f"/proc/{pid}/mem").st_uid, 0, f"owner of the memory of {pid}")
            status = pathlib.Path(f"/proc/{before[0]}/status").read_text(encoding="ascii")
            same(int(status.split("CapEff:")[1].split()[0], 16), 0, "capabilities of a worker")
            os.kill(before[0], signal.SIGKILL)

            async def replaced():
                rows = await nxb.worker_rows()
                return all(row["state"] == "ready" for row in rows) and {row["pid"] for row in rows} != set(before)

            await until("the worker was replaced", replaced)
            again = await Session(OwnConnections(nxb.port)).login()
            await again.echo("m2")
            here = {one.name for one in nxb.directory.iterdir()}
            same(here, {"nxb.toml", "nxb.log", "admin.sock"}, "files in the one folder that is writable")
            socket.reset()


main()

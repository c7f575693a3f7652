"""test_systemd.py - what nxb tells systemd, and the sockets that systemd passes in, with sockets of the test's own.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal
import socket

from harness.bosh import OwnConnections, Session
from harness.connection import fetch_alone
from harness.nxb import SUPERVISOR, Folder, Nxb
from harness.runner import case, expect, main, same, until


class Notices:
    """A NOTIFY_SOCKET: every assignment that arrived, in order."""

    def __enter__(self):
        self.folder = Folder()
        path = str(self.folder.__enter__() / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)
        self.all = []
        os.environ["NOTIFY_SOCKET"] = path
        return self

    def __exit__(self, *_):
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
            os.environ.pop(name, None)
        self.socket.close()
        self.folder.__exit__()

    def read(self):
        try:
            while True:
                self.all += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.all

    def has(self, line):
        return line in self.read()

    def count(self, line):
        return self.read().count(line)


@case("READY=1 when every worker accepts, STATUS with the sessions, STOPPING=1 with the time it may take (O-12)")
async def notices():
    with Notices() as told:
        nxb = Nxb(workers=2)
        nxb.sections["server"]["shutdown_timeout"] = 7
        async with nxb:
            await until("it says that it is ready", lambda: told.has("READY=1"))
            same(told.all[:2], ["READY=1", "STATUS=0 sessions"], "the first notice")
            expect("event=supervisor.ready" in nxb.log(), "READY before every worker was")
            session = await Session(OwnConnections(nxb.port)).login()
            await until("the status follows", lambda: told.has("STATUS=1 session"))
            same((told.count("WATCHDOG=1"), told.count("STOPPING=1")), (0, 0), "what nobody asked for")
            await session.terminate()
        await until("it says that it stops", lambda: told.has("STOPPING=1"))
        expect("EXTEND_TIMEOUT_USEC=17000000" in told.all, f"no time asked for in {told.all}")


@case("WATCHDOG=1 while all workers' loops turn, and not while one stands still (O-12 O-06)", within=90)
async def watchdog():
    with Notices() as told:
        os.environ["WATCHDOG_USEC"] = "600000"
        nxb = Nxb(workers=2)
        nxb.sections["server"]["watchdog"] = 20  # suspected after 15
        async with nxb:
            await until("the dog is fed", lambda: told.count("WATCHDOG=1") >= 3)
            pid = (await nxb.pids())[1]
            os.kill(pid, signal.SIGSTOP)

            async def is_stuck():
                told.read()  # as systemd does: a notice waits until the one before it was taken
                return (await nxb.worker_rows())[1]["state"] == "stuck"
            await until("a worker is stuck", is_stuck, 40)
            fed, since = told.count("WATCHDOG=1"), os.times().elapsed
            await until("the dog should have been fed some times", lambda: os.times().elapsed > since + 0.7)
            same(told.count("WATCHDOG=1"), fed, "the dog was fed for a worker that stood still")
            os.kill(pid, signal.SIGCONT)

            async def is_ready():
                told.read()
                return (await nxb.worker_rows())[1]["state"] == "ready"
            await until("it turns again", is_ready, 20)
            await until("the dog is fed again", lambda: told.count("WATCHDOG=1") >= fed + 3)
            same((await nxb.pids())[1], pid, "the worker was not killed")


@case("a NOTIFY_SOCKET that nobody reads holds nothing up: sessions, nxbctl, reloads; once read, it hears what holds (O-12)")
async def never_read():
    with Notices() as told, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        try:
            while True:  # until its queue is full
                other.sendto(b"STATUS=full", os.environ["NOTIFY_SOCKET"])
        except BlockingIOError:
            pass
        os.environ["WATCHDOG_USEC"] = "300000"
        async with Nxb(workers=2) as nxb:
            session = await Session(OwnConnections(nxb.port)).login()
            for _ in range(3):
                same((await nxb.ctl("reload"))[0], 0, "a reload")
            await session.echo("served")
            await until("it says that it is ready", lambda: told.has("READY=1"))
            await until("the status follows", lambda: told.has("STATUS=1 session"))
            same(told.count("RELOADING=1"), 0, "what was over before it could be said")
            await until("the dog is fed", lambda: told.has("WATCHDOG=1"))
            await session.terminate()


def listening(port=0):
    made = socket.socket()
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


async def spawn_with(nxb, sockets):
    """Starts nxb as systemd does with socket activation."""
    config = nxb.write_config()

    def in_child():
        for number, passed in enumerate(sockets, 3):
            os.dup2(passed.fileno(), number, inheritable=True)
        os.environ["LISTEN_FDS"] = str(len(sockets))
        os.environ["LISTEN_PID"] = str(os.getpid())
    with open(nxb.directory / "nxb.log", "wb") as log:
        nxb.process = await asyncio.create_subprocess_exec(
            SUPERVISOR, "-c", config, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=in_child,
            pass_fds=tuple(range(3, 3 + len(sockets))))


@case("a socket passed in serves the [[listen]] with its address, the others are bound as ever (O-12)")
async def activation():
    with listening() as passed:
        nxb = Nxb(workers=2)
        port = passed.getsockname()[1]
        nxb.sections["listen"].append({"address": f"127.0.0.1:{port}"})

        async def spawn():
            await spawn_with(nxb, [passed])
        nxb.spawn = spawn
        async with nxb:  # the port is taken: it could not have been bound
            for each in (port, nxb.port):
                same((await fetch_alone(each, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")).status, 200, f"port {each}")


@case("a socket passed in that no [[listen]] wants is an error that names both (O-12 O-03)")
async def unwanted():
    with listening() as passed:
        nxb = Nxb(workers=1)
        try:
            await spawn_with(nxb, [passed])
            same(await asyncio.wait_for(nxb.process.wait(), 20), 69, "exit code")
            port = passed.getsockname()[1]
            expect(f"127.0.0.1:{port}" in nxb.log() and f"127.0.0.1:{nxb.port}" in nxb.log(), nxb.log())
        finally:
            await nxb.end_by_force()


if __name__ == "__main__":
    main()

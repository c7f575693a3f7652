"""test_logs.py - the log of real processes: a file that is opened anew, what it shows, and the environment over the file.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal

from harness.bosh import OwnConnections, Session
from harness.nxb import SUPERVISOR, Folder, Nxb
from harness.runner import PATIENCE, case, expect, main, same, until
from harness.xmpp_server import XmppServer


def events(text, name):
    return [line for line in text.splitlines() if f" event={name} " in line]


@case("log: a file instead of stderr, opened anew by all processes after it was renamed (O-26 O-08)")
async def reopened():
    with Folder() as folder:
        path, old = folder / "nxb.log", folder / "nxb.log.1"
        async with Nxb(workers=2, log={"file": str(path)}) as nxb:
            same(nxb.log(), "", "what is said on stderr")
            text = path.read_text()
            same(len(events(text, "supervisor.ready")), 1, "lines of the supervisor")
            path.rename(old)
            nxb.process.send_signal(signal.SIGUSR1)
            await until("all three opened it anew", lambda: path.exists() and len(events(path.read_text(), "log.reopened")) == 3)
            expect('proc="worker 1" gen=1 ' in path.read_text(), path.read_text())
            before = old.read_text()
            session = await Session(OwnConnections(nxb.port), domain="echo.example").login()
            await session.terminate()
            await until("the end of the session", lambda: events(path.read_text(), "session.end"))
            same(old.read_text(), before, "the renamed file")
        expect(events(path.read_text(), "supervisor.stop"), "the last line")


@case("log: a worker is replaced with the log that is open just then (O-26)")
async def replaced():
    with Folder() as folder:
        path = folder / "nxb.log"
        async with Nxb(workers=1, log={"file": str(path)}) as nxb:
            path.rename(folder / "nxb.log.1")
            nxb.process.send_signal(signal.SIGUSR1)
            await until("it is opened anew", lambda: path.exists() and len(events(path.read_text(), "log.reopened")) == 2)
            [pid] = await nxb.pids()
            os.kill(pid, signal.SIGKILL)
            await until("another serves", lambda: events(path.read_text(), "worker.ready"))
            session = await Session(OwnConnections(nxb.port), domain="echo.example").login()
            await session.terminate()
            await until("it writes there", lambda: events(path.read_text(), "session.end"))


@case("log: at TRACE the XML is there, and no password, address or sid (C-16 O-27)")
async def secrets():
    server = await XmppServer().start()
    async with Nxb(server, workers=1, log={"level": "TRACE", "ip": "truncated"}) as nxb:
        session = await Session(OwnConnections(nxb.port)).login(user="romeo")
        await session.terminate()
        await until("the end", lambda: events(nxb.log(), "session.end"))
        text = nxb.log()
        shown = "\n".join(events(text, "stanza.from_client") + events(text, "stanza.from_server"))
        expect("<auth" in shown and "[redacted]</auth>" in shown and "<bind" in shown, shown)
        expect("client=127.0.0.0/24" in text and "client=127.0.0.1" not in text, text[-2000:])
        expect(session.sid not in text, "the sid")


async def checked(**variables):
    """(exit code, output) of -T with an empty file and these variables."""
    environment = {name: value for name, value in os.environ.items() if "__" not in name} | variables
    process = await asyncio.create_subprocess_exec(SUPERVISOR, "-T", "-c", "/dev/null", "--logging", "ERROR", env=environment,
                                                   stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, output.decode()


@case("environment: it beats the file, flags beat it, and mistakes are told by the variable's name (O-39 C-23)")
async def environment():
    code, text = await checked(NXB_SERVER__WORKERS="3", NXB_LOG__LEVEL="DEBUG", NXB_UPSTREAM__ALLOW='["a.example"]')
    same(code, 0, text)
    for line in ("workers = 3", 'level = "ERROR"', 'allow = ["a.example"]'):
        expect(f"\n{line}\n" in text, f"{line} in {text}")
    code, text = await checked(NXB_SERVER__WORKRES="3", NXB_BOSH__MAX_WAIT="a while")
    same(code, 78, text)
    expect("NXB_SERVER__WORKRES: server.workres: is unknown; did you mean workers?" in text, text)
    expect('NXB_BOSH__MAX_WAIT: bosh.max_wait: is "a while"' in text, text)


main()

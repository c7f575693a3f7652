"""test_processes.py - supervisor and workers as processes: start, stop, exit codes, death and replacement.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess

from harness.bosh import OwnConnections, Session, Talker, message, together
from harness.connection import Connection
from harness.nxb import CTL, SUPERVISOR, Folder, Nxb, alive, children_of, free_port, toml
from harness.runner import PATIENCE, case, expect, main, same, scaled, until
from harness.xmpp_server import XmppServer


def run(*arguments, program=SUPERVISOR):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def written(folder, text, name="nxb.toml"):
    path = folder / name
    path.write_text(text)
    return str(path)


@case("SIGTERM ends everything with exit code 0, sessions are told system-shutdown (O-03 O-08 O-09 B-108 U-71 C-24)")
async def stop_cleanly():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(6)]
        held = [asyncio.ensure_future(session.send()) for session in sessions]
        await until("all requests are held", lambda: nxb.holds(6))
        nxb.process.send_signal(signal.SIGTERM)
        for answer in await asyncio.gather(*held):
            same((answer.type, answer.condition), ("terminate", "system-shutdown"), "answer at shutdown")
        same(await asyncio.wait_for(nxb.process.wait(), 10), 0, "exit code")
        await nxb_gone(nxb)
        for stream in server.streams:
            await asyncio.wait_for(stream.gone, PATIENCE)
            expect(stream.closed_politely, "the XMPP stream was not closed with its end tag")


async def nxb_gone(nxb):
    """What Nxb.stop() checks, for a test that stopped it itself."""
    await until("no worker is left", lambda: not any(alive(pid) for pid in nxb.all_pids))
    expect(not os.path.exists(nxb.admin_socket), "the admin socket is left behind")
    nxb.check_log()
    nxb.stop = nothing


async def nothing():
    pass


@case("one line of the log, once, says that it is up, and where (C-25)")
async def said_once():
    async with Nxb(None, workers=2) as nxb:
        lines = [line for line in nxb.log().splitlines() if "event=supervisor.ready" in line]
        same(len(lines), 1, f"lines in {nxb.log()}")
        expect(f"listen=127.0.0.1:{nxb.port}" in lines[0] and "workers=2" in lines[0], lines[0])


@case("SIGINT ends everything with exit code 0, as Ctrl-C does (O-08)")
async def stop_by_interrupt():
    async with Nxb(workers=2) as nxb:
        await nxb.pids()
        nxb.process.send_signal(signal.SIGINT)
        same(await asyncio.wait_for(nxb.process.wait(), 10), 0, "exit code")
        await nxb_gone(nxb)


@case("the admin socket is private, and another program cannot take its place or the port (O-13 O-03)")
async def sockets_are_taken():
    async with Nxb(workers=1) as nxb:
        same(stat.S_IMODE(os.stat(nxb.admin_socket).st_mode), 0o600, "mode of the admin socket")
        with Folder() as folder:
            same_port = written(folder, toml({
                "server": {"workers": 1, "admin_socket": str(folder / "other.sock")},
                "listen": [{"address": f"127.0.0.1:{nxb.port}"}]}))
            result = run("-c", same_port)
            same(result.returncode, 69, f"exit code of a second nxb on the port; {result.stderr}")
            same_socket = written(folder, toml({
                "server": {"workers": 1, "admin_socket": nxb.admin_socket},
                "listen": [{"address": f"127.0.0.1:{free_port()}"}]}))
            result = run("-c", same_socket)
            same(result.returncode, 69, f"exit code of a second nxb on the admin socket; {result.stderr}")
        code, _ = await nxb.ctl("status")
        same(code, 0, "nxbctl with the first nxb still there")


@case("unknown flags are exit code 64, a port in use 69 (O-03)")
async def usage_errors():
    same(run("--no-such-flag").returncode, 64, "exit code for an unknown flag")
    with Folder() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = written(folder, toml({"server": {"workers": 1, "admin_socket": str(folder / "a.sock")},
                                     "listen": [{"address": "127.0.0.1:%d" % taken.getsockname()[1]}]}))
        result = run("-c", path)
        same(result.returncode, 69, f"exit code for a port in use; {result.stderr}")
        expect(str(taken.getsockname()[1]) in result.stderr, f"the address is not named: {result.stderr}")


@case("-t says ok with 0, and names file, line and key of every error with 78 (O-02 O-36)")
async def check_configuration():
    with Folder() as folder:
        good = written(folder, toml({"server": {"workers": 2}, "listen": [{"address": "127.0.0.1:5280"}]}))
        result = run("-t", "-c", good)
        same((result.returncode, result.stdout.strip()), (0, f"{good}: ok"), "-t of a good file")
        empty = written(folder, "", "empty.toml")
        same(run("-t", "-c", empty).returncode, 0, "-t of an empty file")
        bad = written(folder, "[server]\nworkers = 0\n\n[bosh]\nmax_wiat = 50\n[http]\npath = 7\n", "bad.toml")
        result = run("-t", "-c", bad)
        same(result.returncode, 78, "-t of a bad file")
        said = result.stdout + result.stderr
        for expected in (f"{bad}:2: ", f"{bad}:5: ", f"{bad}:7: ", "max_wait"):
            expect(expected in said, f"{expected!r} is not in {said!r}")
        same(run("-c", bad).returncode, 78, "starting with a bad file")
        same(run("-t", "-c", str(folder / "none.toml")).returncode, 78, "-t of no file")
        broken = written(folder, "[server\n", "broken.toml")
        result = run("-t", "-c", broken)
        same(result.returncode, 78, "-t of a file that is no TOML")
        expect(f"{broken}:1: " in result.stdout + result.stderr, f"no line number: {result.stderr}")


@case("-T prints a configuration that is itself accepted (O-02)")
async def show_configuration():
    with Folder() as folder:
        path = written(folder, toml({"server": {"workers": 3}, "listen": [{"address": "127.0.0.1:5280"}],
                                     "upstream.domain": [{"name": "a.example", "target": "127.0.0.1:5222", "tls": "off"}]}))
        shown = run("-T", "-c", path)
        same(shown.returncode, 0, shown.stderr)
        again = run("-T", "-c", written(folder, shown.stdout, "again.toml"))
        same((again.returncode, again.stdout), (0, shown.stdout), "-T of what -T printed")


@case("no worker ever comes up: exit code 70 and the reason (O-05)")
async def hopeless():
    with Folder() as folder:
        supervisor = shutil.copy(SUPERVISOR, folder / "nxb-supervisor")
        worker = folder / "nxb-worker"
        worker.write_text("#!/bin/sh\nexit 9\n")
        worker.chmod(0o755)
        path = written(folder, toml({"server": {"workers": 2, "admin_socket": str(folder / "a.sock")},
                                     "listen": [{"address": f"127.0.0.1:{free_port()}"}]}))
        result = run("-c", path, program=supervisor)
        same(result.returncode, 70, f"exit code; {result.stderr}")
        expect("9" in result.stderr, "the last exit of a worker is not told")


@case("nxbctl: 0 when it works, 2 for bad usage, 3 when nxb is not running; --json is JSON (O-03 O-14 O-15)")
async def nxbctl_codes():
    async with Nxb(workers=2) as nxb:
        for command in ("status", "stats", "workers"):
            code, text = await nxb.ctl(command)
            same(code, 0, f"nxbctl {command}: {text}")
            expect(len(text.splitlines()) > 1, f"nxbctl {command} says too little: {text}")
            code, text = await nxb.ctl("--json", command)
            same((code, text.lstrip()[:1], text.count("\n")), (0, "{", 1), f"nxbctl --json {command}: {text}")
        code, _ = await nxb.ctl("no-such-command")
        same(code, 2, "nxbctl with an unknown command")
    with Folder() as folder:
        same(run("-s", str(folder / "nobody.sock"), "status", program=CTL).returncode, 3, "nxbctl without nxb")


class Crowd:
    """Talkers in a ring, each saying numbered messages to the next."""

    def __init__(self, talkers):
        self.talkers = talkers
        self.said = 0

    def round(self, rounds):
        for _ in range(rounds):
            for i, talker in enumerate(self.talkers):
                listener = self.talkers[(i + 1) % len(self.talkers)]
                talker.say(message(f"n{self.said}", listener.jid))
            self.said += 1

    def check(self):
        """Between talkers that live: every message once and in order, with no broken connection."""
        for i, talker in enumerate(self.talkers):
            speaker = self.talkers[i - 1]
            if talker.ended or speaker.ended:
                continue
            same([what for who, what in talker.heard], [f"n{n}" for n in range(self.said)], f"heard by {talker.jid}")
            same(talker.gate.breaks, 0, f"broken connections of {talker.jid}")

    async def quit(self):
        for talker in self.talkers:
            await talker.quit()
            talker.gate.close()


@case("kill -9 of one of four workers: only its sessions end, they can log in again, totals never fall (O-05 O-24 U-72)",
      within=240)
async def one_worker_dies():
    server = await XmppServer().start()
    async with Nxb(server, workers=4) as nxb:
        count = scaled(500, 40)
        talkers = [Talker(OwnConnections(nxb.port)) for _ in range(count)]
        await together(talker.login() for talker in talkers)
        crowd = Crowd([talker.talk() for talker in talkers])
        crowd.round(2)
        await until("everybody hears", lambda: all(len(t.heard) >= 2 for t in talkers), 60)

        before = await nxb.total()
        rows = await nxb.worker_rows()
        victim = max(rows, key=lambda row: row["sessions"])
        others = {row["pid"] for row in rows} - {victim["pid"]}
        expect(victim["sessions"] > 0, "no session on the victim")
        crowd.round(1)  # messages are under way when it happens
        os.kill(victim["pid"], signal.SIGKILL)
        crowd.round(2)

        async def replaced():
            row = (await nxb.worker_rows())[victim["index"]]
            return row["pid"] not in (None, victim["pid"]) and row["state"] == "ready"
        await until("the worker is replaced", replaced)
        expect("event=worker.postponed" not in nxb.log(), "the replacement had to wait")

        dead = lambda: [t for t in talkers if t.ended]
        await until("its sessions were told", lambda: len(dead()) == victim["sessions"], 30)
        for talker in dead():
            same(talker.ended.condition, "item-not-found", f"end of {talker.jid}")
        living = [i for i, t in enumerate(talkers) if not t.ended and not talkers[i - 1].ended]
        await until("the others hear everything", lambda: all(len(talkers[i].heard) >= crowd.said for i in living), 60)
        crowd.check()
        same({row["pid"] for row in await nxb.worker_rows() if row["index"] != victim["index"]}, others, "other workers")

        after = await nxb.total()
        for name, value in before.items():
            if name not in ("sessions", "streams", "connections", "requests_held"):
                expect(after[name] >= value, f"{name} went back from {value} to {after[name]}")
        same(after["sessions"], count - victim["sessions"], "sessions after the death")
        expect(sum(stream.gone.done() for stream in server.streams) >= victim["sessions"], "streams of the dead are open")

        await together([Session(talker.gate).login() for talker in dead()])
        await crowd.quit()


@case("a worker that keeps dying is started more and more rarely, its neighbour is left alone (O-05)", within=90)
async def crash_loop():
    async with Nxb(workers=2) as nxb:
        clock = asyncio.get_running_loop()
        neighbour = (await nxb.worker_rows())[1]["pid"]
        waits = []
        for _ in range(5):
            pid = (await nxb.worker_rows())[0]["pid"]
            os.kill(pid, signal.SIGKILL)
            died = clock.time()

            async def back():
                row = (await nxb.worker_rows())[0]
                return row["pid"] not in (None, pid) and row["state"] == "ready"
            await until("it is back", back)
            waits.append(clock.time() - died)
        # at once, then 0.1, 0.2, 0.4, 0.8 s, plus the time to start
        for wait, least in zip(waits[1:], (0.1, 0.2, 0.4, 0.8)):
            expect(wait >= least, f"waits {waits}")
        row = (await nxb.worker_rows())[1]
        same((row["pid"], row["restarts"]), (neighbour, 0), "the neighbour")
        same((await nxb.worker_rows())[0]["restarts"], 5, "restarts")
        session = await Session(OwnConnections(nxb.port)).login()
        await session.echo("alive")


@case("the supervisor is killed: its workers are gone within five seconds (O-07)")
async def supervisor_dies():
    nxb = await Nxb(workers=3).start()
    try:
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(4)]
        held = [asyncio.ensure_future(session.send()) for session in sessions]
        await until("requests are held", lambda: nxb.holds(4))
        pids = await nxb.pids()
        nxb.process.kill()
        await nxb.process.wait()
        await until("no worker is left", lambda: not any(alive(pid) for pid in pids), 5)
        await asyncio.gather(*held, return_exceptions=True)
        nxb.check_log()
    finally:
        await nxb.end_by_force()


@case("a supervisor after a killed one takes the stale admin socket over (O-13)")
async def stale_socket():
    nxb = await Nxb(workers=1).start()
    try:
        pids = await nxb.pids()
        nxb.process.kill()
        await nxb.process.wait()
        await until("no worker is left", lambda: not any(alive(pid) for pid in pids), 5)
        expect(os.path.exists(nxb.admin_socket), "no stale socket to test with")
        with open(nxb.directory / "nxb.log", "ab") as log:
            nxb.process = await asyncio.create_subprocess_exec(
                SUPERVISOR, "-c", str(nxb.directory / "nxb.toml"), stdout=log, stderr=log)
        await until("the second serves", nxb._all_ready, 20)
        await nxb.stop()
    finally:
        await nxb.end_by_force()


@case("a worker inherits only what the contract lists, and is a child of the supervisor (O-11)")
async def descriptors_of_workers():
    async with Nxb(workers=2) as nxb:
        pids = await nxb.pids()
        same(set(children_of(nxb.process.pid)), set(pids), "children of the supervisor")
        for pid in pids:
            sockets = [name for name in os.listdir(f"/proc/{pid}/fd")
                       if os.readlink(f"/proc/{pid}/fd/{name}").startswith(("socket:", "/memfd"))]
            # control, stats, mailbox in, listeners to come, two mailboxes out, one listener
            same(len(sockets), 7, f"sockets of worker {pid}")


@case("a request that waits while the only worker is replaced is served by the replacement (ARCHITECTURE, Processes)")
async def listen_queue_survives():
    async with Nxb(workers=1) as nxb:
        pid = (await nxb.pids())[0]
        os.kill(pid, signal.SIGSTOP)  # it accepts nothing more: the connection stays in the listen queue
        connection = await Connection.to(nxb.port)
        answer = connection.ask(b"OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n\r\n")
        os.kill(pid, signal.SIGKILL)
        same((await asyncio.wait_for(answer, 10)).status, 200, "answer of the replacement")
        connection.close()


if __name__ == "__main__":
    main()

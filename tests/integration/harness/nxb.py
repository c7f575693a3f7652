"""nxb.py - a real nxb: supervisor and workers with a configuration of the test's own, in a folder of its own.

stop() is part of every test: the supervisor must end with 0, no process and no socket may be left, and the log must
show no sanitizer report and no broken expectation.
SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import tempfile

from harness.runner import PATIENCE, expect, same, until

SUPERVISOR = os.environ.get("NXB_SUPERVISOR", "")
CTL = os.environ.get("NXB_CTL", "")
ALARMS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "event=bug", "expectation", "corrupt", "check failed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def toml(sections):
    """{"bosh": {...}, "listen": [{...}, {...}]} as a configuration file; a list is a table array."""
    lines = []
    for name, section in sections.items():
        for table in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def domain(name, port, **more):
    """An [[upstream.domain]] whose server is on this machine, in clear."""
    return {"name": name, "target": f"127.0.0.1:{port}", "tls": "off"} | more


class Folder:
    """A short temporary path (unix socket paths end at 107 bytes), gone after the test."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="nxb-", dir="/tmp"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Nxb:
    """async with Nxb(server, workers=4, bosh={...}) as nxb: ...   `server` is an XmppServer, or None for kind = "echo"."""

    def __init__(self, server=None, workers=2, program=None, domains=None, **sections):
        self.port = free_port()
        self.folder = Folder()
        self.directory = None
        self.process = None
        self.stopped = False  # by a test that goes on without it
        self.program = program or SUPERVISOR
        self.all_pids = set()  # every worker ever seen
        self.workers = workers
        # Without rates unless a test asks for them: all clients here have one address and no patience.
        # Nor do they wait for a goodbye in turn, or let a machine that is slow pass for a worker that hangs. Processes
        # without core dumps hide their /proc from everybody but root.
        self.sections = {"server": {"workers": workers, "session_rate": 0, "shutdown_timeout": 0, "watchdog": 60,
                                    "core_dumps": True}, "bosh": {"request_rate": 0},
                         "websocket": {"message_rate": 0},
                         "listen": [{"address": f"127.0.0.1:{self.port}"}]}
        for name, section in sections.items():
            if isinstance(section, list):
                self.sections[name] = section
            else:
                self.sections.setdefault(name, {}).update(section)
        if server is None and domains is None:
            self.sections.setdefault("upstream", {})["kind"] = "echo"
        else:
            self.sections["upstream.domain"] = domains or [domain(server.domain, server.port)]

    async def __aenter__(self):
        return await self.start()

    async def __aexit__(self, kind, problem, _):
        try:
            if problem is None and not self.stopped:
                await self.stop()
            elif problem is not None:
                problem.add_note("nxb's log ends with:\n" + self.log()[-2500:])
        finally:
            await self.end_by_force()

    @property
    def admin_socket(self):
        return str(self.directory / "admin.sock")

    def log(self):
        path = self.directory / "nxb.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def write_config(self):
        self.directory = self.folder.__enter__()
        self.sections["server"]["admin_socket"] = self.admin_socket
        path = self.directory / "nxb.toml"
        path.write_text(toml(self.sections))
        return str(path)

    def change(self, **sections):
        """The file with other options: a section's are added to what it has, a list of tables replaces the old one."""
        for name, section in sections.items():
            if isinstance(section, list):
                self.sections[name] = section
            else:
                self.sections.setdefault(name, {}).update(section)
        (self.directory / "nxb.toml").write_text(toml(self.sections))

    async def reload(self, **sections):
        """change(), and the answer to a reload."""
        self.change(**sections)
        return await self.admin("reload")

    async def spawn(self):
        """The supervisor as it is started, without waiting for anything."""
        expect(self.program, "NXB_SUPERVISOR must name the nxb-supervisor to try")
        config = self.write_config()
        with open(self.directory / "nxb.log", "wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.program, "-c", config, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)

    async def start(self):
        await self.spawn()
        try:
            await until("all workers are ready", self._all_ready, 30)
        except BaseException as problem:
            problem.add_note("nxb's log ends with:\n" + self.log()[-2500:])
            await self.end_by_force()
            raise
        return self

    async def _all_ready(self):
        expect(self.process.returncode is None, f"the supervisor ended with {self.process.returncode}:\n{self.log()}")
        try:
            rows = await self.worker_rows()
        except (FileNotFoundError, ConnectionRefusedError):  # not there yet
            return False
        return len(rows) == self.workers and all(row["state"] == "ready" for row in rows)

    async def stop(self):
        self.stopped = True
        pids = set(await self.pids()) | self.all_pids
        self.process.send_signal(signal.SIGTERM)
        same(await asyncio.wait_for(self.process.wait(), 20), 0, f"exit code of the supervisor; log:\n{self.log()[-3000:]}")
        await until("no worker is left", lambda: not any(alive(pid) for pid in pids))
        expect(not os.path.exists(self.admin_socket), "the admin socket is left behind")
        self.check_log()

    def check_log(self):
        log = self.log()
        alarm = next((at for at in map(log.find, ALARMS) if at >= 0), None)
        expect(alarm is None, f"in the log: {log[alarm or 0:][:6000]}")

    async def end_by_force(self):
        pids = set(self.all_pids)
        if self.process and self.process.returncode is None:
            pids |= set(children_of(self.process.pid))
            self.process.kill()
            await self.process.wait()
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        if self.directory:
            self.folder.__exit__()

    # --- administration ---
    async def ctl(self, *arguments, patience=PATIENCE):
        """(exit code, output) of nxbctl."""
        process = await asyncio.create_subprocess_exec(
            CTL, "-s", self.admin_socket, *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), patience)
        return process.returncode, output.decode()

    async def admin(self, command):
        """The answer on the admin socket, as nxbctl gets it, without a process for each."""
        reader, writer = await asyncio.open_unix_connection(self.admin_socket, limit=1 << 22)
        try:
            writer.write(json.dumps({"command": command}).encode() + b"\n")
            return json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))
        finally:
            writer.close()

    async def worker_rows(self):
        return (await self.admin("workers"))["workers"]

    async def pids(self):
        """Process ids of the workers, by index; None where there is none just now."""
        rows = [row["pid"] for row in await self.worker_rows()]
        self.all_pids |= {pid for pid in rows if pid}
        return [pid for pid in rows if pid]

    async def total(self):
        return (await self.admin("stats"))["total"]

    async def counter(self, name):
        return (await self.total())[name]

    # Conditions for until().
    async def none_left(self, *gauges):
        """Whether no session and no stream is there any more, or nothing of what is named."""
        total = await self.total()
        return all(total[gauge] == 0 for gauge in gauges or ("sessions", "streams"))

    async def holds(self, count):
        return await self.counter("requests_held") == count


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [int(word) for word in children.read().split()]
    except OSError:
        return []


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

# tests/unit/supervisor/processes_rig.py - nxb-supervisor as a process in its own folder, with a stand-in for the worker.
# Of the files that use it: FILE NXB-SUPERVISOR NXBCTL. Every wait is for a condition and has a bound.
# SPDX-License-Identifier: MIT
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SUPERVISOR, NXBCTL = (os.path.abspath(path) for path in sys.argv[1:3])
WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in_worker.py")
PATIENCE = 20


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        select.select([], [], [], 0.01)
    return value


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Notices:
    """What is told to systemd, in order."""

    def __init__(self, run_in):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(run_in, "notify"))
        self.socket.setblocking(False)
        self.all = []

    def count(self, line):
        try:
            while True:
                self.all += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.all.count(line)


class Run:
    """One supervisor in its own folder."""

    def __init__(self, workers=2, listen=("127.0.0.1:0",), modes=(), arguments=(), folder=None, worker=WORKER):
        self.folder = folder or tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        self.admin = self.file("admin.sock")
        for mode in modes:
            self.turn_on(mode)
        self.workers = workers
        self.write(listen)
        self.process = subprocess.Popen(
            [SUPERVISOR, "-c", self.file("nxb.toml"), "--worker", worker, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "NXB_TEST_FOLDER": self.folder, "NOTIFY_SOCKET": self.file("notify")})
        os.set_blocking(self.process.stderr.fileno(), False)
        self.text = ""

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, listen, denied=0):
        """The configuration; `denied`: so many domains are, which makes it long."""
        with open(self.file("nxb.toml"), "w") as file:
            file.write(f'[server]\nworkers = {self.workers}\nadmin_socket = "{self.admin}"\n'
                       'watchdog = "1h"\nshutdown_timeout = 0\n')  # the stand-in has no heartbeat
            for address in listen:
                file.write(f'[[listen]]\naddress = "{address.replace("FOLDER", self.folder)}"\n')
            deny = [f"{number}.{'x' * 60}.{'y' * 60}.example" for number in range(denied)]
            file.write(f'[upstream]\nkind = "echo"\ndeny = {json.dumps(deny)}\n')

    def reloads(self, index):
        """What the worker of now was told by reloads, oldest first."""
        with open(self.file(f"reloads-{index}")) as file:
            told = json.load(file)
        return told["all"] if told["pid"] == self.worker(index)["pid"] else []

    def turn_on(self, mode):
        open(self.file(mode), "w").close()

    def turn_off(self, mode):
        os.unlink(self.file(mode))

    def log(self):
        while chunk := self.process.stderr.read():
            self.text += chunk.decode()
        return self.text

    def wait_log(self, pattern, times=1):
        def found():
            hits = re.findall(pattern, self.log())
            return hits if len(hits) >= times else None
        try:
            return until(found, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def ready(self):
        self.wait_log("event=supervisor.ready")
        return self

    def worker(self, index):
        with open(self.file(f"worker-{index}.json")) as file:
            return json.load(file)

    def ctl(self, *arguments):
        return subprocess.run([NXBCTL, "-s", self.admin, *arguments], capture_output=True, text=True, timeout=PATIENCE)

    def ask(self, command):
        answer = json.loads(self.ctl("--json", command).stdout)
        assert answer["ok"], answer
        return answer

    def admin_socket(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.admin)
        return connection

    def answers(self, *commands):
        """To commands that are all there at once."""
        with self.admin_socket() as connection, connection.makefile() as lines:
            connection.sendall("".join(json.dumps({"command": command}) + "\n" for command in commands).encode())
            return [json.loads(lines.readline()) for _ in commands]

    def rewrite(self, more):
        """The file with more behind it; what was there before is returned."""
        with open(self.file("nxb.toml"), encoding="utf-8") as file:
            before = file.read()
        with open(self.file("nxb.toml"), "w", encoding="utf-8") as file:
            file.write(before + more)
        return before

    def subscribe(self):
        connection = self.admin_socket()
        connection.sendall(b'{"command":"events"}\n')
        assert connection.recv(100) == b'{"ok":true}\n'
        return connection

    def pids(self):
        return [row["pid"] for row in self.ask("workers")["workers"]]

    def wait(self):
        code = self.process.wait(PATIENCE)
        self.log()
        return code

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cases(unittest.TestCase):
    def run_supervisor(self, **how):
        run = Run(**how)
        self.addCleanup(run.end)
        return run

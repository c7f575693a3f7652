"""How many system calls processes make, by strace.

SPDX-License-Identifier: MIT
"""
import contextlib
import pathlib
import shutil
import signal
import subprocess
import tempfile

from load import Absent, Failed


class Calls:
    """Known once the counting is over: all, and by name."""
    total, by_name = 0, {}

    def read(self, text):
        self.by_name = {}
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 5 and words[0][0].isdigit() and words[-1] != "total":
                self.by_name[words[-1]] = int(words[3])
        self.total = sum(self.by_name.values())
        if not self.total:
            raise Failed("strace counted nothing")


@contextlib.contextmanager
def counted(pids):
    """Counts those of the processes and of all their threads while the block lasts."""
    if not shutil.which("strace"):
        raise Absent("strace is not installed")
    with tempfile.TemporaryDirectory(prefix="nxb-bench-") as folder:
        file = pathlib.Path(folder) / "calls"
        command = ["strace", "-c", "-f", "-o", str(file), *(word for pid in pids for word in ("-p", str(pid)))]
        strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        attached = 0
        while attached < len(pids):
            line = strace.stderr.readline()
            if not line:
                raise Absent("strace may not look at these processes")
            attached += "attached" in line
        calls = Calls()
        try:
            yield calls
        finally:
            strace.send_signal(signal.SIGINT)
            strace.communicate()
        calls.read(file.read_text())

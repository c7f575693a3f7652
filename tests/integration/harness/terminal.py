"""terminal.py - nxbctl on a terminal of its own (a pty), and what it writes there.

SPDX-License-Identifier: MIT
"""
import asyncio
import fcntl
import os
import pty
import struct
import termios

from harness.nxb import CTL
from harness.runner import PATIENCE, until


class Terminal:
    """async with Terminal(nxb, "stats", "--watch", columns=80, rows=24) as terminal: ..."""

    def __init__(self, nxb, *arguments, columns=100, rows=30):
        self.command = [CTL, "-s", nxb.admin_socket, *arguments]
        self.columns, self.rows = columns, rows
        self.text = ""

    async def __aenter__(self):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.resize(self.columns, self.rows)
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_own_terminal)
        self.theirs = theirs
        asyncio.get_running_loop().add_reader(self.ours, self._read)
        return self

    async def __aexit__(self, *_):
        asyncio.get_running_loop().remove_reader(self.ours)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def _read(self):
        try:
            self.text += os.read(self.ours, 65536).decode()
        except OSError:
            asyncio.get_running_loop().remove_reader(self.ours)

    def resize(self, columns, rows):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.ours, keys)

    async def shows(self, text):
        await until(f"{text!r} is shown", lambda: text in self.text)

    async def ends(self):
        """Its exit code, once it has ended; the terminal is as it was."""
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        return code, termios.tcgetattr(self.theirs) == self.before


def _own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

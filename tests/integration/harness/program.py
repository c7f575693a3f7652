"""program.py - the programs behind kind = "external": the examples of conf/examples, and one that the test plays itself.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import pathlib
import sys

from harness.runner import PATIENCE, same, until

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "conf" / "examples"


class Example:
    """async with Example("echo_bot.py", socket, ...) as bot: ...   `bot.said` is what it printed."""

    def __init__(self, name, socket, *arguments):
        self.command = [str(EXAMPLES / name), str(socket), *map(str, arguments)]
        if name.endswith(".py"):
            self.command.insert(0, sys.executable)
        self.socket = pathlib.Path(socket)
        self.process, self.reading, self.said = None, None, ""

    async def __aenter__(self):
        self.socket.unlink(missing_ok=True)
        self.process = await asyncio.create_subprocess_exec(*self.command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
        self.reading = asyncio.get_running_loop().create_task(self._read())
        await until("the program listens", self.socket.exists, PATIENCE * 2)
        return self

    async def __aexit__(self, *_):
        await self.kill()

    async def _read(self):
        while data := await self.process.stdout.read(4096):
            self.said += data.decode()

    async def kill(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reading


class Program:
    """Listens on `socket`, says what the test tells it to, and keeps what it hears; of one worker."""

    def __init__(self, socket):
        self.socket = str(socket)
        self.server, self.reader, self.writer = None, None, None
        self.connections = 0
        self.heard = []  # messages
        self.ended = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def __aenter__(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.server = await asyncio.start_unix_server(self._take, self.socket, limit=1 << 26)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        if self.writer:
            self.writer.close()

    async def _take(self, reader, writer):
        self.connections += 1
        self.reader, self.writer = reader, writer
        self.ended.clear()
        try:
            while True:
                await self.reads.wait()
                line = await reader.readline()
                if not line:
                    break
                self.heard.append(json.loads(line))
        except ConnectionError:
            pass
        self.ended.set()

    def raw(self, text):
        self.writer.write(text.encode())

    def say(self, kind, stream=None, **more):
        self.raw(json.dumps({"type": kind} | ({} if stream is None else {"stream": stream}) | more) + "\n")

    async def hears(self, kind, **members):
        """The first message of that kind with these members that was not asked for before; it is forgotten then."""
        def found():
            for message in self.heard:
                if message["type"] == kind and all(message.get(name) == value for name, value in members.items()):
                    self.heard.remove(message)
                    return message
            return None
        return await until(f"the program hears {kind} {members}", found)

    async def greet(self):
        message = await self.hears("hello")
        same((message["version"], message["worker"]), (1, 0), "hello of nxb")
        self.say("hello", version=1, name="test")

    async def add(self):
        """The next stream asked for, added."""
        message = await self.hears("stream-add")
        self.say("stream-added", message["stream"], id="s1", features="<stream:features/>")
        return message

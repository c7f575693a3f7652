"""admin.py - the admin socket spoken to directly: one connection for many requests, explanations, events.

SPDX-License-Identifier: MIT
"""
import asyncio
import hashlib
import json

from harness.runner import PATIENCE, same


def short(sid):
    return hashlib.sha256(sid.encode()).hexdigest()[:8]


class Admin:
    """A connection to the admin socket."""

    @classmethod
    async def to(cls, nxb, limit=1 << 22):
        self = cls()
        self.reader, self.writer = await asyncio.open_unix_connection(nxb.admin_socket, limit=limit)
        return self

    async def ask(self, command, **arguments):
        self.writer.write(json.dumps({"command": command} | arguments).encode() + b"\n")
        return await self.line()

    async def line(self):
        return json.loads(await asyncio.wait_for(self.reader.readline(), PATIENCE))

    async def until_type(self, *types):
        """Events up to the first of one of these types."""
        events = []
        while not events or events[-1]["type"] not in types:
            events.append(await self.line())
        return events

    def close(self):
        self.writer.close()


async def explain(nxb, sid):
    admin = await Admin.to(nxb)
    try:
        return await admin.ask("explain", sid=sid)
    finally:
        admin.close()


async def subscribe(nxb, **filters):
    """Workers tell from now on: what they are asked next comes to them behind the word that they are to."""
    admin = await Admin.to(nxb)
    same(await admin.ask("events", **filters), {"ok": True}, "answer to a subscriber")
    same((await explain(nxb, "00000000"))["state"], "unknown", "a session that never was")
    return admin

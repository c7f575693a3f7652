"""One run of nxb-load against one server, and what it cost that server.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import subprocess
import time

import processes


class Failed(RuntimeError):
    """A server did not do what it should: the run is worth nothing."""


class Absent(RuntimeError):
    """What a work needs is not on this machine."""


class Load:
    """A running nxb-load that has logged in and waits for the word."""

    def __init__(self, yard, server, kind, work, **words):
        self.server, self.what = server, f"{work} {kind} on {server.name}"
        arguments = [f"{name.replace('_', '-')}={value}" for name, value in words.items()]
        self.command = [yard.program("nxb-load"), work, *server.doors[kind], *arguments]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise Failed(f"{self.what}: {line.strip() or 'nxb-load ended'}")

    def __enter__(self):
        self.start()
        try:
            self.wait_until_ready()
        except Failed:
            self.end()
            raise
        return self

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self):
        """Of the counted part. An error is one of the server: nothing of the run counts."""
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.what}: nxb-load ended")
        result = json.loads(line)
        if result["errors"]:
            raise Failed(f"{self.what}: {result['errors']} errors, {result['error_texts']}")
        return result

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def __exit__(self, *why):
        if self.end() != 0 and why[0] is None:
            raise Failed(f"{self.what}: its sessions did not end as they should")


def cost(yard, server, kind, work, **words):
    """Microseconds of CPU of all processes of the server for each operation, and what the clients saw."""
    with Load(yard, server, kind, work, **words) as load:
        pids = server.pids()
        before, start = processes.cpu_seconds(pids), time.monotonic()
        load.go()
        result = load.result()
        used, seconds = processes.cpu_seconds(pids) - before, time.monotonic() - start
    operations = result["operations"]
    if operations == 0:
        raise Failed(f"{load.what}: nothing was done")
    return {"cpu_us": used / operations * 1e6, "per_second": operations / result["seconds"], "cores": used / seconds, "sessions": words["sessions"],
            **{name: result[name] for name in ("operations", "p50_us", "p99_us", "p999_us", "max_us", "polls")}}


@contextlib.contextmanager
def held(yard, server, kind, sessions, per_load=10_000):
    """So many sessions that do nothing, as long as the block lasts; the addresses they come from and the domains they go to are spread."""
    import servers
    with contextlib.ExitStack() as stack:
        loads = []
        for first in range(0, sessions, per_load):
            words = {"sessions": min(per_load, sessions - first), "hosts": 16, "first_host": 512 + first // per_load * 16,
                     "domains": 1 if server.name == "node-xmpp-bosh" else servers.STUBS}
            loads.append(stack.enter_context(Load(yard, server, kind, "hold", **words)))
        yield loads
        alive = 0
        for load in loads:
            load.go()
            alive += load.result()["sessions"]
        if alive != sessions:
            raise Failed(f"of {sessions} sessions on {server.name} {alive} are left")

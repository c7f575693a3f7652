"""What scripts/bench has servers do. A work yields (server, figures) for one round; figures of all rounds are summed up later.

Figures: cpu_us and per_second of an operation, p50_us to max_us of its latency, pss and socket_memory in bytes per session, calls per operation.

SPDX-License-Identifier: MIT
"""
import dataclasses

import load
import processes
import syscalls

PEERS = ["node-xmpp-bosh", "prosody", "ejabberd"]
FLOOR = ["nginx-200", "nginx-proxy"]


@dataclasses.dataclass
class Size:
    """How much of everything."""
    sessions: int = 50
    many: int = 500            # sessions of the largest closed loop
    seconds: float = 3
    warm_up: float = 0.5
    idle: int = 10_000         # sessions held by nxb
    idle_peer: int = 1_000     # and by others
    crowd: int = 10_000        # idle sessions behind busy ones
    mixed: int = 30_000
    mixed_busy: int = 100
    turns: int = 3             # with and without a crowd

    def words(self, sessions=None):
        return {"sessions": sessions or self.sessions, "seconds": self.seconds, "warm_up": self.warm_up}


QUICK = Size(sessions=5, many=20, seconds=0.2, warm_up=0.1, idle=100, idle_peer=30, crowd=150, mixed=300, mixed_busy=10, turns=1)


class Work:
    """One kind of work; `servers` are those that can do it."""
    once = False  # one round is enough

    def __init__(self, name, title, servers):
        self.name, self.title, self.servers = name, title, servers

    def round(self, yard, servers, size, results):
        for name in servers:
            yield name, self.measure(yard, yard.get(name), size, results)


class Run(Work):
    """One run of nxb-load, by the kind of sessions that a server has: BOSH, WebSocket, or HTTP where it is but the floor."""

    def __init__(self, name, title, servers, kind, work, words):
        super().__init__(name, title, servers)
        self.kind, self.work, self.words = kind, work, words

    def measure(self, yard, server, size, results):
        kind = self.kind if self.kind in server.doors else "http"
        return load.cost(yard, server, kind, self.work, **self.words(size))


class Latency(Work):
    """A fixed rate: half of what nxb-1 did in a closed loop. Each latency counts from when the message should have been sent."""

    def measure(self, yard, server, size, results):
        rate = results.median("bosh-echo-50", "nxb-1", "per_second")
        if rate is None:
            raise load.Failed("bosh-latency wants to know the rate of bosh-echo-50")
        kind = "bosh" if "bosh" in server.doors else "http"
        return load.cost(yard, server, kind, "echo", rate=rate / 2, **size.words())


class Idle(Work):
    """Memory of sessions that do nothing: with them minus before them. What the first ones cost is not per session."""
    once = True

    def __init__(self, name, title, servers, kind):
        super().__init__(name, title, servers)
        self.kind = kind

    def round(self, yard, servers, size, results):
        for name in servers:
            count = size.idle if name in ("nxb-1", "nxb-2", "nxb-4") else size.idle_peer
            with yard.fresh(name) as server, load.held(yard, server, self.kind, min(50, count)):
                before, kernel = processes.settled_pss(server.pids()), processes.socket_memory()
                with load.held(yard, server, self.kind, count):
                    after = processes.settled_pss(server.pids())
                    yield name, {"pss": (after - before) / count, "socket_memory": (processes.socket_memory() - kernel) / count, "sessions": count}


class Crowd(Work):
    """A few busy sessions alone, then with many idle ones beside them."""
    once = True

    def __init__(self, name, title, servers, busy):
        super().__init__(name, title, servers)
        self.busy = busy  # of a size: (idle sessions, words of the busy ones)

    def round(self, yard, servers, size, results):
        idle, words = self.busy(size)
        for name in servers:
            with yard.fresh(name) as server:
                for _ in range(size.turns):
                    yield name, load.cost(yard, server, "bosh", "echo", **words)
                with load.held(yard, server, "bosh", idle):
                    for _ in range(size.turns):
                        yield f"{name}, {idle} idle", load.cost(yard, server, "bosh", "echo", **words)


class Calls(Work):
    """System calls of an operation, epoll_wait included. A run of its own, for to be watched costs time."""
    once = True

    def measure(self, yard, server, size, results):
        kind = "bosh" if "bosh" in server.doors else "http"
        with load.Load(yard, server, kind, "echo", **size.words()) as running, syscalls.counted(server.pids()) as calls:
            running.go()
            result = running.result()
        done = result["operations"]
        return {"calls": calls.total / done, "by_name": {name: count / done for name, count in calls.by_name.items()}}


def all_works():
    both, bosh = ["nxb-1", "nxb-4"], lambda more=(): ["nxb-1", "nxb-4", *PEERS, *more]

    def echo(sessions=None, **more):
        return lambda size: {**size.words(sessions(size) if sessions else None), **more}
    return [
        Run("bosh-echo-50", "BOSH echo, 50 sessions", bosh(FLOOR), "bosh", "echo", echo()),
        Run("bosh-echo-1", "BOSH echo, 1 session", bosh(FLOOR), "bosh", "echo", echo(lambda size: 1)),
        Run("bosh-echo-500", "BOSH echo, 500 sessions", bosh(FLOOR), "bosh", "echo", echo(lambda size: size.many)),
        Run("bosh-pool", "BOSH echo, 50 sessions, a pool of 100 connections for all", both, "bosh", "echo",
            lambda size: {**size.words(), "pool": 2 * size.sessions}),
        Run("ws-echo-50", "WebSocket echo, 50 connections", [*both, "prosody", "ejabberd"], "ws", "echo", echo()),
        Run("set-up", "sessions created, bound, terminated; 10 at a time", ["nxb-1", "nxb-1-tls", "nxb-1-tls-full", *PEERS], "bosh", "set-up",
            echo(lambda size: 10)),
        Run("bosh-tls", "BOSH echo, 50 sessions, clients over TLS", ["nxb-1", "nxb-1-https", "nxb-4-https"], "bosh", "echo", echo()),
        Run("ws-tls", "WebSocket echo, 50 connections, clients over TLS", ["nxb-1", "nxb-1-https"], "ws", "echo", echo()),
        Latency("bosh-latency", "BOSH echo, 50 sessions, a fixed rate: half of nxb-1's in a closed loop", ["nxb-1", *FLOOR]),
        Run("bosh-push", "the server sends, BOSH: 50 sessions, 20 a second each", ["nxb-1", "node-xmpp-bosh"], "bosh", "push", echo()),
        Run("ws-push", "the server sends, WebSocket: 50 sessions, 20 a second each", ["nxb-1"], "ws", "push", echo()),
        Run("bosh-big", "BOSH echo of 64 KB, 50 sessions", ["nxb-1", *PEERS], "bosh", "echo", echo(size=65_000)),
        Run("ws-big", "WebSocket echo of 64 KB, 50 connections", ["nxb-1", "prosody", "ejabberd"], "ws", "echo", echo(size=65_000)),
        Idle("bosh-idle", "memory of idle BOSH sessions", ["nxb-2", *PEERS], "bosh"),
        Idle("ws-idle", "memory of idle WebSocket sessions", ["nxb-2", "prosody", "ejabberd"], "ws"),
        Idle("https-idle", "memory of idle BOSH sessions with TLS from their clients", ["nxb-2-https"], "bosh"),
        Idle("tls-idle", "memory of idle BOSH sessions with TLS to their server", ["nxb-2-tls"], "bosh"),
        Crowd("bosh-crowd", "BOSH echo, 50 sessions, beside 10,000 idle ones", ["nxb-4"], lambda size: (size.crowd, size.words())),
        Crowd("bosh-mixed", "BOSH echo, 100 sessions at a fixed rate of 1,000 a second, beside 30,000 idle ones", ["nxb-4"],
              lambda size: (size.mixed, {**size.words(size.mixed_busy), "rate": 1000})),
        Calls("calls", "system calls of a BOSH echo, 50 sessions", ["nxb-1", *FLOOR]),
    ]

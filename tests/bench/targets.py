"""What nxb wants to be, as ratios within one run and absolute figures, each computed from what was measured.

SPDX-License-Identifier: MIT
"""
import dataclasses

from results import aligned, number
from works import PEERS


@dataclasses.dataclass
class Row:
    text: str
    limit: float  # at most
    unit: str     # "" for a ratio
    value: float | None

    def verdict(self):
        return "not measured" if self.value is None else "met" if self.value <= self.limit else "missed"


def ratio(a, b):
    return a / b if a is not None and b else None


def rows_of(results):
    def cpu(work, server):
        return results.median(work, server, "cpu_us")

    def best_peer(work, figure):
        return min((value for peer in PEERS if (value := results.median(work, peer, figure)) is not None), default=None)

    def pss(work, server="nxb-2"):
        return results.median(work, server, "pss")

    def beside(work, figure):
        """With the idle sessions, and alone."""
        servers = list(results.rounds.get(work, {}))
        return ratio(results.median(work, servers[-1], figure), results.median(work, servers[0], figure)) if len(servers) > 1 else None

    echo, ws = cpu("bosh-echo-50", "nxb-1"), cpu("ws-echo-50", "nxb-1")
    return [
        Row("CPU per BOSH echo, 50 sessions, to nginx proxy_pass per request", 1, "", ratio(echo, cpu("bosh-echo-50", "nginx-proxy"))),
        Row("the same, to node-xmpp-bosh", 0.1, "", ratio(echo, cpu("bosh-echo-50", "node-xmpp-bosh"))),
        Row("CPU per WebSocket echo, 50 connections, to nxb's BOSH echo", 0.8, "", ratio(ws, echo)),
        Row("the same, to the best peer's WebSocket", 0.25, "", ratio(ws, best_peer("ws-echo-50", "cpu_us"))),
        Row("CPU per BOSH echo beside 10,000 idle sessions, to alone", 1.3, "", beside("bosh-crowd", "cpu_us")),
        Row("4 workers to 1, clients with their own connections", 1.05, "", ratio(cpu("bosh-echo-50", "nxb-4"), echo)),
        Row("4 workers to 1, a shared pool of connections", 1.5, "", ratio(cpu("bosh-pool", "nxb-4"), cpu("bosh-pool", "nxb-1"))),
        Row("PSS per idle BOSH session", 4096, "B", pss("bosh-idle")),
        Row("the same, to the best peer's", 0.125, "", ratio(pss("bosh-idle"), best_peer("bosh-idle", "pss"))),
        Row("PSS per idle WebSocket session", 3072, "B", pss("ws-idle")),
        Row("the same, to the best peer's", 0.125, "", ratio(pss("ws-idle"), best_peer("ws-idle", "pss"))),
        Row("PSS per idle session with TLS to its server", 40960, "B", pss("tls-idle", "nxb-2-tls")),
        Row("CPU per session set up, to node-xmpp-bosh", 0.125, "", ratio(cpu("set-up", "nxb-1"), cpu("set-up", "node-xmpp-bosh"))),
        Row("system calls per BOSH echo, 50 sessions", 8, "", results.median("calls", "nxb-1", "calls")),
        Row("p99 at half of the saturating rate, to nginx proxy_pass at the same rate", 1.5, "",
            ratio(results.median("bosh-latency", "nxb-1", "p99_us"), results.median("bosh-latency", "nginx-proxy", "p99_us"))),
        Row("p99 of 100 busy sessions beside 30,000 idle ones, to alone", 2, "", beside("bosh-mixed", "p99_us")),
    ]


def table(rows):
    if not rows:
        return
    yield "\nTargets"
    cells = [["", "at most", "measured", ""]]
    for row in rows:
        digits = 2 if not row.unit else 0
        unit = f" {row.unit}" if row.unit else ""
        cells.append([row.text, f"{row.limit:g}{unit}", number(row.value, digits) + (unit if row.value is not None else ""), row.verdict()])
    yield from aligned(cells)

"""test_metrics.py - /metrics of real processes: what counts, what it is called, and that it never goes back.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import pathlib
import re
import shutil
import signal

from harness.bosh import OwnConnections, Session
from harness.connection import Connection, post, refuses
from harness.nxb import Nxb, free_port
from harness.runner import PATIENCE, Skipped, case, expect, main, same, until
from harness.xmpp_server import XmppServer

# Names that dashboards and alerts of operators use (O-23).
WANTED = """nxb_sessions nxb_streams nxb_connections nxb_requests_total nxb_session_ends_total nxb_unknown_sid_total
  nxb_replays_total nxb_handovers_total nxb_client_aborts_total nxb_bytes_total nxb_stanzas_total
  nxb_upstream_connect_seconds_bucket nxb_hold_seconds_bucket nxb_delivery_seconds_bucket nxb_upstream_failures_total
  nxb_worker_restarts_total nxb_reload_success nxb_build_info nxb_worker_up""".split()


async def get(port, path="/metrics", lines=""):
    connection = await Connection.to(port)
    answer = await connection.fetch(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    connection.close()
    return answer


def parsed(text):
    """{'name{labels}': value}; every sample stands once."""
    samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    same(len({name for name, _, _ in samples}), len(samples), "a sample stands once")
    return {name: float(value) for name, _, value in samples}


async def metrics(nxb):
    answer = await get(nxb.port)
    same(answer.status, 200, "status")
    return parsed(answer.text)


@case("O-23 /metrics has the names that dashboards use, and promtool finds nothing to say")
async def names():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        await session.terminate()
        answer = await get(nxb.port)
        same(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8", "type")
        have = {name.partition("{")[0] for name in parsed(answer.text)}
        same([name for name in WANTED if name not in have], [], "missing")
        for secret in (session.sid, "test.example", "127.0.0.1"):
            expect(secret not in answer.text, f"{secret} is in the metrics")
        promtool = shutil.which("promtool")
        if not promtool:
            raise Skipped("promtool is not installed (package prometheus)")
        check = await asyncio.create_subprocess_exec(promtool, "check", "metrics", stdin=asyncio.subprocess.PIPE,
                                                     stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        said, _ = await check.communicate(answer.text.encode())
        same((check.returncode, said.decode()), (0, ""), "promtool")


@case("O-23 a scraper that accepts OpenMetrics gets it: families without _total, and the end marked")
async def open_metrics():
    async with Nxb(workers=1) as nxb:
        answer = await get(nxb.port, lines="Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n")
        same(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8", "type")
        expect(answer.text.endswith("\n# EOF\n"), "no end")
        expect("# TYPE nxb_requests counter\nnxb_requests_total{" in answer.text, "a counter's family")
        expect("# TYPE nxb_hold_seconds histogram\nnxb_hold_seconds_bucket{le=\"0.001\"} " in answer.text, "a histogram")
        expect('{le="1.0"}' in answer.text and '{le="+Inf"}' in answer.text, "bounds are floats")


@case("O-23 requests by method and status, ends by cause, unknown sids by reason, and three histograms count what happened")
async def figures():
    server = await XmppServer().start()
    async with Nxb(server, workers=2) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        await session.terminate()
        await get(nxb.port, "/nowhere")
        for sid in ("0123456789abcdefghijklmn", "123456789abcdefghijklmno"):
            await session.send_exactly(f"<body xmlns='http://jabber.org/protocol/httpbind' rid='99' sid='{sid}'/>")
        seen = await metrics(nxb)
        same(seen['nxb_session_ends_total{transport="bosh",cause="client"}'], 1, "ends")
        same(seen['nxb_unknown_sid_total{reason="unknown"}'], 2, "never issued")
        expect(seen['nxb_requests_total{method="post",status="2xx"}'] >= 3, "posts")
        same(seen['nxb_requests_total{method="get",status="4xx"}'], 1, "a page that is not there")
        for name in ("hold", "delivery", "upstream_connect"):
            count = seen[f"nxb_{name}_seconds_count"]
            expect(count >= 1, f"{name} was not observed")
            same(seen[f'nxb_{name}_seconds_bucket{{le="+Inf"}}'], count, f"all of {name}")
            buckets = [value for key, value in seen.items() if key.startswith(f"nxb_{name}_seconds_bucket")]
            same(buckets, sorted(buckets), f"buckets of {name} add up")


@case("O-24 counters stay when a worker is killed, and its replacement is counted")
async def never_back():
    async with Nxb(workers=2) as nxb:
        for _ in range(4):
            await Session(OwnConnections(nxb.port)).open()
        before = await metrics(nxb)
        for pid in await nxb.pids():
            os.kill(pid, signal.SIGKILL)
        await until("both are replaced", lambda: replaced(nxb))
        after = await metrics(nxb)
        back = [name for name, value in before.items() if ("_total" in name or "_seconds_" in name) and after[name] < value]
        same(back, [], "went back")
        same(after["nxb_worker_restarts_total"], 2, "replacements")
        same(sum(value for name, value in after.items() if name.startswith("nxb_sessions{")), 0, "sessions that are gone")


async def replaced(nxb):
    rows = await nxb.worker_rows()
    return all(row["state"] == "ready" and row["restarts"] == 1 for row in rows)


@case("O-25 the Grafana dashboard asks only for metrics and labels that exist")
async def dashboard():
    text = (pathlib.Path(__file__).parents[2] / "conf/grafana/nxb.json").read_text(encoding="utf-8")
    asked = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    expect(len(asked) > 20, "queries")
    async with Nxb(workers=1) as nxb:
        seen = await metrics(nxb)
    names = {name.partition("{")[0] for name in seen}
    labels = {label for name in seen for label in re.findall(r"(\w+)=\"", name)}
    for query in [*asked, "nxb_build_info"]:
        same(set(re.findall(r"nxb_\w+", query)) - names, set(), f"metrics that are not there, in {query}")
        for wanted in re.findall(r"by \((\w+)\)", query):
            expect(wanted in labels, f"no label {wanted} for {query}")


@case("O-23 /metrics is seen by whom [monitor] access lets")
async def access():
    async with Nxb(workers=1) as nxb:
        same((await get(nxb.port, lines="X-Forwarded-For: 192.0.2.1\r\n")).status, 403, "through a proxy")
        same((await get(nxb.port, "/monitor.json", "X-Forwarded-For: 192.0.2.1\r\n")).status, 403, "figures likewise")
    async with Nxb(workers=1, monitor={"access": "off"}) as nxb:
        same([(await get(nxb.port, path)).status for path in ("/metrics", "/monitor.json")], [404, 404], "off")


async def statuses(port, *paths):
    return [(await get(port, path)).status for path in paths]


async def reload(nxb, **sections):
    answer = await nxb.reload(**sections)
    same((answer["ok"], [row["state"] for row in answer["workers"]]), (True, ["applied"] * nxb.workers), answer)
    return answer


@case("O-23 [metrics] listen: /metrics is there, on every worker and whatever [monitor] says, and only there")
async def own_address():
    port = free_port()
    async with Nxb(workers=2, metrics={"listen": f"127.0.0.1:{port}"}, monitor={"access": "off"}) as nxb:
        for _ in range(8):
            answer = await get(port, lines="X-Forwarded-For: 192.0.2.1\r\n")
            same(answer.status, 200, "through a proxy")
            expect("nxb_build_info" in answer.text, answer.text)
        same(await statuses(port, "/healthz", "/readyz"), [200, 200], "health")
        same(await statuses(port, "/", "/monitor.json", "/http-bind", "/xmpp-websocket"), [404] * 4, "anything else")
        same(await statuses(nxb.port, "/metrics", "/healthz"), [404, 200], "where clients come")
        talk = await Connection.to(port)
        refused = await talk.fetch(post("<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='a' wait='1'/>"))
        same(refused.status, 404, "a session")
        talk.close()
        same(await nxb.counter("sessions_opened"), 0, "sessions")


async def stays_for_metrics(connection):
    """A connection is what it was when it began, whatever became of its address."""
    for path, status in (("/metrics", 200), ("/http-bind", 404)):
        answer = await connection.fetch(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        same(answer.status, status, f"{path} on a connection that was there before")


@case("O-23 O-33 a reload adds, moves and removes the address of /metrics; replaced workers serve it, too")
async def address_reloaded():
    first, second = free_port(), free_port()
    async with Nxb(workers=2) as nxb:
        clients = nxb.sections["listen"]
        same(await statuses(nxb.port, "/metrics"), [200], "before")
        same((await reload(nxb, metrics={"listen": f"127.0.0.1:{first}"}))["changed"], ["metrics.listen"], "changed")
        same(await statuses(first, "/metrics"), [200], "added")
        same(await statuses(nxb.port, "/metrics"), [404], "where it was")
        for pid in await nxb.pids():
            os.kill(pid, signal.SIGKILL)
        await until("both are replaced", lambda: replaced(nxb))
        same(await statuses(first, "/metrics"), [200], "after a crash")
        kept = await Connection.to(first)
        same((await kept.fetch(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200, "kept alive")
        await reload(nxb, metrics={"listen": f"127.0.0.1:{second}"})
        same(await statuses(second, "/metrics"), [200], "moved")
        expect(await refuses(first), "the former address still answers")
        await stays_for_metrics(kept)
        kept = await Connection.to(second)
        await stays_for_metrics(kept)
        await reload(nxb, metrics={"listen": ""}, listen=clients + [{"address": f"127.0.0.1:{second}"}])
        same(await statuses(second, "/http-bind", "/metrics"), [200, 200], "one for clients now")
        await stays_for_metrics(kept)
        kept.close()
        await reload(nxb, listen=clients)
        expect(await refuses(second), "the removed address still answers")
        same(await statuses(nxb.port, "/metrics"), [200], "back where it was")


@case("O-23 /metrics on a unix socket; an address that clients have is refused, and a reload with it changes nothing")
async def unix_and_taken():
    async with Nxb(workers=1) as nxb:
        path = str(nxb.directory / "metrics.sock")
        await reload(nxb, metrics={"listen": f"unix:{path}"})
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = (await asyncio.wait_for(reader.read(), PATIENCE)).decode()
        expect(text.startswith("HTTP/1.1 200") and "nxb_uptime_seconds" in text, text[:300])
        writer.close()
        answer = await nxb.reload(metrics={"listen": f"127.0.0.1:{nxb.port}"})
        expect(not answer["ok"] and "metrics.listen" in answer["error"], answer)
        expect(os.path.exists(path), "the former address is gone")


main()

"""test_balancers.py - the examples in conf/nginx and conf/haproxy, played: two nodes, clients of both kinds, reloads meanwhile.

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import itertools

from harness.balancer import Balancer, Browser, socket_through
from harness.bosh import Session, Talker, message
from harness.nxb import Folder, Nxb
from harness.runner import PATIENCE, case, expect, main, same, scaled, until

NAMES = {"sticky-cookie": {"cookie": "nxb_node"}, "sticky-header": {"header": "X-Node"}, "sticky-prefix": {}}
NODES = {"a": "10.0.0.11:5280", "b": "10.0.0.12:5280"}
KINDS = ("nginx", "haproxy")
SLOW = {"within": 150.0}


@contextlib.asynccontextmanager
async def site(kind, name):
    """The balancer and its nodes, by name."""
    sticky = NAMES.get(name)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(Folder())
        nodes = {}
        for node in NODES if sticky is not None else ("a",):
            nxb = Nxb(workers=2, **({"sticky": {"node": node} | sticky} if sticky else {}))
            nxb.sections["listen"][0]["trusted_proxies"] = ["127.0.0.1"]
            nodes[node] = await stack.enter_async_context(nxb)
        addresses = {"127.0.0.1:5280": nodes["a"].port} if sticky is None else {NODES[node]: nodes[node].port for node in nodes}
        yield await stack.enter_async_context(Balancer(kind, name, folder, addresses)), nodes


async def sessions_of(nodes):
    return {name: (await node.counter("sessions")) for name, node in nodes.items()}


class Chat:
    """Clients that talk without a pause until told to stop; what they say comes back to them."""

    def __init__(self):
        self.talkers, self.sockets, self.tasks, self.stopping = [], [], [], False
        self.rounds = {}  # of each client

    async def joins_bosh(self, browser):
        talker = Talker(browser)
        await talker.login()
        self.talkers.append(talker.talk())
        self._begin(talker, self._by_bosh(talker))

    async def joins_websocket(self, socket):
        await socket.login()
        self.sockets.append(socket)
        self._begin(socket, self._by_websocket(socket))

    def _begin(self, client, coroutine):
        self.rounds[client] = 0
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))

    async def _by_bosh(self, talker):
        while not self.stopping:
            talker.say(message(f"m{self.rounds[talker]}"))
            await talker.hears(self.rounds[talker] + 1)
            same(talker.ended, None, "what ended the session")
            self.rounds[talker] += 1

    async def _by_websocket(self, socket):
        while not self.stopping:
            await asyncio.wait_for(socket.echo(f"w{self.rounds[socket]}"), PATIENCE * 3)
            self.rounds[socket] += 1

    async def all_go_on(self):
        """Each client has said and heard two more things, or one of them failed."""
        before = dict(self.rounds)

        def went_on():
            for task in self.tasks:
                if task.done():
                    task.result()
            return all(self.rounds[client] >= count + 2 for client, count in before.items())
        await until("everybody went on", went_on, PATIENCE * 4)

    async def ends(self):
        self.stopping = True
        await asyncio.gather(*self.tasks)
        for talker in self.talkers:
            same([id for _, id in talker.heard], [f"m{i}" for i in range(len(talker.heard))], "messages in order, each once")
            await talker.quit()
            talker.gate.close()
        for socket in self.sockets:
            socket.reset()


async def everybody_comes(front, nodes, chat, prefixes):
    """Clients of both kinds until there are enough, and some at each node."""
    for count, prefix in zip(range(scaled(60, least=60)), itertools.cycle(prefixes)):
        await chat.joins_bosh(Browser(front, prefix))
        await chat.joins_websocket(await socket_through(front, prefix))
        if count >= 3 and all((await sessions_of(nodes)).values()):
            return
    raise AssertionError(f"60 clients, and all at one node: {await sessions_of(nodes)}")


async def plays(kind, name):
    async with site(kind, name) as (front, nodes):
        chat = Chat()
        await everybody_comes(front, nodes, chat, [f"/{node}" for node in nodes] if name == "sticky-prefix" else [""])
        there = await sessions_of(nodes)
        for _ in range(2):
            await chat.all_go_on()
            await front.reload()
            await chat.all_go_on()
        same(await sessions_of(nodes), there, "sessions of the nodes")
        for node, nxb in nodes.items():
            total = await nxb.total()
            same((total["unknown_sids"], total["sessions_opened"]), (0, there[node]), f"strangers at, and sessions ever of, node {node}")
        await chat.ends()


def register(kind, name):
    @case(f"{kind} with conf/{kind}/{name}: BOSH and WebSocket lose no session and no message while it is reloaded twice (O-40)", **SLOW)
    async def played():
        await plays(kind, name)


for each in itertools.product(KINDS, ("one-box", *NAMES)):
    register(*each)


def register_failing(kind, name):
    @case(f"{kind} with conf/{kind}/{name}: when a node is gone its clients begin anew at the other one, and stay there (O-40 O-41)", **SLOW)
    async def moves():
        async with site(kind, name) as (front, nodes):
            browser = Browser(front)
            session = await Session(browser).login()
            before = await sessions_of(nodes)
            here = max(before, key=before.get)
            there = "b" if here == "a" else "a"
            await nodes[here].stop()
            expect((await session.send()).condition in ("item-not-found", "system-shutdown", "remote-connection-failed"), "the old session")
            again = await Session(browser).login()
            same(there in str(browser.fields.values()), True, f"told its node: {browser.fields}")
            same((await nodes[there].counter("sessions")), 1, "sessions of the other node")
            await again.terminate()
            browser.close()


for each in itertools.product(KINDS, ("sticky-cookie", "sticky-header")):
    register_failing(*each)

main()

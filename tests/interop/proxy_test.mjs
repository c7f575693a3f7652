// proxy_test.mjs - ejabberd with use_proxy_protocol sees the clients of nxb, which stand behind a proxy of their own.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { direct, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { Person, within } from './strophe_in_node.mjs';

const why = missing('ejabberdctl') ?? (direct ? 'a matter of nxb' : null);
if (why) console.error(`\n*** ${why} ***\n`);

const kDomain = 'chat.example';
const doors = [];

/** A TCP proxy that says of each connection's first request whose it is; resolves to its port. */
async function proxyTo(port, client) {
  const door = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]]) from.on('error', () => to.destroy()).on('close', () => to.destroy());
    near.once('data', (first) => {
      far.write(first.toString('latin1').replace('\r\n', `\r\nX-Forwarded-For: ${client}\r\n`), 'latin1');
      near.pipe(far);
    });
    far.pipe(near);
  }).listen(0, '127.0.0.1');
  doors.push(door);
  await once(door, 'listening');
  return door.address().port;
}

let server;
const gates = {};
before(async () => {
  if (why) return;
  server = await xmppServer('ejabberd', { proxied: true });
  for (const version of ['v1', 'v2']) {
    gates[version] = await nxb(server, { listen: ['trusted_proxies = ["127.0.0.1"]'], domain: [`proxy_protocol = "${version}"`] });
  }
});
after(async () => {
  Person.everybodyVanishes();
  for (const door of doors) door.close();
  await stopAll();
});

for (const [user, version, kind, client, logged] of [
  ['alice', 'v1', 'BOSH', '203.0.113.7', '203.0.113.7'],
  ['bob', 'v1', 'WebSocket', '203.0.113.8', '203.0.113.8'],
  ['carol', 'v1', 'WebSocket', '2001:db8::7', '2001:db8::7'],
  ['alice', 'v2', 'BOSH', '203.0.113.9', '203.0.113.9'],
  ['bob', 'v2', 'WebSocket', '203.0.113.10', '203.0.113.10'],
  ['carol', 'v2', 'BOSH', '2001:db8::8', '2001:db8::8'],
]) {
  test(`ejabberd logs ${client} as who logged in by ${kind}, told in ${version} (O-30)`, { skip: why ?? false }, async () => {
    const port = await proxyTo(gates[version].port, client);
    const url = kind === 'BOSH' ? `http://127.0.0.1:${port}/http-bind` : `ws://127.0.0.1:${port}/xmpp-websocket`;
    const person = new Person(url);
    await person.login(`${user}@${kDomain}/proxied`, 'secret');
    const line = () => server.log().split('\n').find((text) => text.includes(`for ${user}@${kDomain}`) && text.includes(logged));
    await within(() => `a line with ${logged}:\n${server.log().slice(-3000)}`, (resolve) => {
      const look = setInterval(() => line() && (clearInterval(look), resolve()), 50);
      look.unref();
    });
    assert.match(line(), /Accepted c2s .*authentication/);
    await person.logout();
  });
}

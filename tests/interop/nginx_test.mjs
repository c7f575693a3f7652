// nginx_test.mjs - WebSocket and BOSH through a real nginx: its time-outs, and its reload.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { nginx } from './nginx.mjs';
import { direct, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { Person, within } from './strophe_in_node.mjs';

const why = missing('nginx') ?? missing('prosody');
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? false };

const kDomain = 'chat.example';
const kHasty = ['proxy_read_timeout 3s;', 'proxy_send_timeout 3s;']; // 60 s is nginx's own
const [kStock, kPinged, kSilent] = [0, 1, 2];

let gate, silent, front;
before(async () => {
  if (why) return;
  const server = await xmppServer('prosody');
  const options = { listen: ['trusted_proxies = ["127.0.0.1"]'] };
  [gate, silent] = await Promise.all(['1s', '0s'].map((ping) => nxb(server, { ...options, websocket: [`ping_interval = "${ping}"`] })));
  front = await nginx({ target: gate.port }, { target: gate.port, lines: kHasty }, { target: silent.port, lines: kHasty });
});
after(async () => {
  Person.everybodyVanishes();
  await stopAll();
});

/** Logs in as this user at a site; resolves to the person and the fields of the handshake's answer. */
async function comes(site, user) {
  const person = new Person(front.websocket(site));
  const online = person.login(`${user}@${kDomain}/nginx`, 'secret');
  const { socket } = person.connection._proto;
  const answer = await within('an answer to a handshake', (resolve) => socket.once('upgrade', (response) => resolve(response)));
  await online;
  return { person, socket, headers: answer.headers };
}

test('through a stock nginx: handshake, login, 64 KB, and BOSH beside it (W-01 W-03 W-04 O-28 H-11)', ours, async () => {
  const { person: alice, headers } = await comes(kStock, 'alice');
  assert.equal(headers['sec-websocket-protocol'], 'xmpp');
  const bob = new Person(front.url(kStock, '/http-bind'));
  await bob.login(`bob@${kDomain}/nginx`, 'secret');
  const large = 'x'.repeat(65536);
  for (const [from, to] of [[alice, bob], [bob, alice]]) {
    const heard = to.nextMessage();
    from.say(to.connection.jid, large);
    assert.ok((await heard).text === large);
  }
  await Promise.all([alice.logout(), bob.logout()]);
});

test('idle for longer than proxy_read_timeout: pings keep it, without them nginx cuts it and the session ends (W-25 O-28)',
  { skip: why ?? (direct ? 'a matter of nxb' : false) }, async () => {
    const [kept, lost] = await Promise.all([comes(kPinged, 'alice'), comes(kSilent, 'bob')]);
    const begin = Date.now();
    let pings = 0;
    kept.socket.on('ping', () => ++pings);
    const cut = within('nginx to cut the silent one', (resolve) => lost.socket.on('close', resolve));
    assert.equal(await cut, 1006);
    assert.ok(Date.now() - begin > 2500, 'it was the time-out');
    await silent.countersReach('no session', ({ sessions, streams }) => sessions === 0 && streams === 0);
    await new Promise((resolve) => setTimeout(resolve, 2000 + begin + 3000 - Date.now()));
    assert.ok(pings >= 4, `${pings} pings in 5 s`);
    assert.equal((await kept.person.exchange(kept.person.connection.jid, 'still here')).text, 'still here');
    await kept.person.logout();
  });

test('nginx is reloaded: a connection from before goes on, new ones are taken by the new workers (W-01 O-28)', ours, async () => {
  const old = await comes(kStock, 'alice');
  assert.equal(old.headers['x-generation'], '1');
  await front.reload(2);
  const young = await comes(kStock, 'bob');
  assert.equal(young.headers['x-generation'], '2');
  for (const [from, to] of [[old.person, young.person], [young.person, old.person]]) {
    const heard = to.nextMessage();
    from.say(to.connection.jid, 'across the reload');
    assert.equal((await heard).text, 'across the reload');
  }
  await Promise.all([old.person.logout(), young.person.logout()]);
});

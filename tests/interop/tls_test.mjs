// tls_test.mjs - Strophe.js and nxb with a Prosody that requires STARTTLS: its own authority, and certificates that are wrong.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { certificates, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { Person } from './strophe_in_node.mjs';

const why = missing('prosody') ?? missing('openssl');
const ours = { skip: why ?? false };
if (why) console.error(`\n*** ${why} ***\n`);

let made, right, wrong;
before(async () => {
  if (why) return;
  made = certificates('chat.example', 'other.example');
  [right, wrong] = await Promise.all([
    xmppServer('prosody', { certificate: made.of('chat.example') }),
    xmppServer('prosody', { certificate: made.of('other.example') }),
  ]);
});
after(async () => {
  Person.everybodyVanishes();
  await stopAll();
});

const alice = ['alice@chat.example/tls', 'secret'];

test('prosody with STARTTLS required and its own authority: login and message (U-39 U-40 U-43 U-49 U-50)', ours, async () => {
  const gate = await nxb(right, { tls: 'required', ca: made.ca });
  const person = new Person(gate.url);
  await person.login(...alice);
  assert.equal((await person.exchange(alice[0], 'in private')).text, 'in private');
  const large = 'x'.repeat(65536);
  assert.ok((await person.exchange(alice[0], large)).text === large);
  await person.logout();
  await gate.stop();
});

test('<required/> beats tls = "off": STARTTLS is done all the same (U-40)', ours, async () => {
  const gate = await nxb(right, { tls: 'off', ca: made.ca });
  const person = new Person(gate.url);
  await person.login(...alice);
  await person.logout();
  await gate.stop();
});

test('an authority that nxb does not know: the client is told remote-connection-failed (U-49 U-65 B-36)', ours, async () => {
  const gate = await nxb(right, { tls: 'required' });
  assert.equal(await new Person(gate.url).failToLogin(...alice), 'remote-connection-failed');
  await gate.stop();
});

test('a certificate for another name: the client is told remote-connection-failed (U-50 U-65 B-36)', ours, async () => {
  const gate = await nxb(wrong, { tls: 'required', ca: made.ca });
  assert.equal(await new Person(gate.url).failToLogin(...alice), 'remote-connection-failed');
  await gate.stop();
});

test('tls required, but the server offers none: the client is told remote-connection-failed (U-39 U-65)', ours, async () => {
  const plain = await xmppServer('prosody');
  const gate = await nxb(plain, { tls: 'required', ca: made.ca });
  assert.equal(await new Person(gate.url).failToLogin(...alice), 'remote-connection-failed');
  await gate.stop();
  await plain.stop();
});

test('the server is down: the client is told remote-connection-failed (U-64 B-36)', ours, async () => {
  const plain = await xmppServer('prosody');
  await plain.stop();
  const gate = await nxb(plain);
  assert.equal(await new Person(gate.url).failToLogin(...alice), 'remote-connection-failed');
  await gate.stop();
});

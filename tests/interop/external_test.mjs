// external_test.mjs - Strophe.js, nxb, conf/examples/rewrite.mjs as its program, and Prosody behind that.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { direct, folder, missing, nxb, start, stop, stopAll, until, xmppServer } from './processes.mjs';
import { $iq, Person, Strophe } from './strophe_in_node.mjs';

const why = missing('prosody') ?? (direct ? 'a matter of nxb' : null);
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? false };

const kDomain = 'chat.example';
const kNote = ' (seen by rewrite.mjs)';
const kExample = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'conf', 'examples', 'rewrite.mjs');
const socket = path.join(folder, 'program');

let server, program, gate;
async function startProgram() {
  fs.rmSync(socket, { force: true });
  program = start('program', process.execPath, [kExample, socket, `127.0.0.1:${server.port}`]);
  await until('the program', () => fs.existsSync(socket), program);
}
const isUp = () => until('nxb with the program', () => {
  const log = gate.output();
  return log.lastIndexOf('event=external.up') > log.lastIndexOf('event=external.lost');
}, program);

before(async () => {
  if (why) return;
  server = await xmppServer('prosody');
  await startProgram();
  gate = await nxb(server, { program: socket, workers: 1 });
  await isUp();
});
after(async () => {
  Person.everybodyVanishes();
  await stopAll();
});

for (const way of ['url', 'websocket']) {
  for (const mechanism of [Strophe.SASLPlain, Strophe.SASLSHA1, Strophe.SASLAnonymous]) {
    test(`${way}: log in with ${mechanism.name} through the program, and bodies have its note (C-24 C-66 C-68 C-69 C-73 C-74 U-37)`, ours, async () => {
      const person = new Person(gate[way], { mechanism });
      const anonymous = mechanism === Strophe.SASLAnonymous;
      await person.login(anonymous ? 'anon.example' : `alice@${kDomain}/${way}`, anonymous ? null : 'secret');
      const text = 'Grüße <&> "quotes" \u{1F600} ]]> end';
      assert.equal((await person.exchange(person.connection.jid, text)).text, text + kNote);
      const roster = await person.ask($iq({ type: 'get' }).c('query', { xmlns: Strophe.NS.ROSTER }));
      assert.equal(roster.getAttribute('type'), 'result');
      await person.logout();
    });
  }

  test(`${way}: two people talk, 64 KB as well (C-69 C-74)`, ours, async () => {
    const [alice, bob] = [new Person(gate[way]), new Person(gate[way])];
    await Promise.all([alice.login(`alice@${kDomain}/talk`, 'secret'), bob.login(`bob@${kDomain}/talk`, 'secret')]);
    for (const text of ['short', 'x'.repeat(65536)]) {
      const heard = bob.nextMessage();
      alice.say(bob.connection.jid, text);
      assert.ok((await heard).text === text + kNote);
    }
    await Promise.all([alice.logout(), bob.logout()]);
  });
}

test('the program is restarted: sessions end, and new ones are served by the new one (C-24 U-66)', ours, async () => {
  const before = new Person(gate.url);
  await before.login(`alice@${kDomain}/before`, 'secret');
  await stop(program);
  await gate.countersReach('no session', ({ streams }) => streams === 0);
  await startProgram();
  await isUp();
  const after = new Person(gate.url);
  await after.login(`alice@${kDomain}/after`, 'secret');
  assert.equal((await after.exchange(after.connection.jid, 'again')).text, 'again' + kNote);
  await after.logout();
});

// purple_test.mjs - libpurple (Pidgin, Finch) through nxb to Prosody: purple_client.c does as it is told here, on its standard
// input, and what it sends is read off the wire between it and nxb. Alice chats while Carol idles.
// NXB_PURPLE_CLIENT names the program; empty: it was not built, for want of libpurple.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';

import { direct, folder, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { recorder } from './recorder.mjs';
import { $iq, $pres, Person, within } from './strophe_in_node.mjs';

const program = process.env.NXB_PURPLE_CLIENT;
const why = missing('prosody') ?? (program ? null : 'libpurple-dev IS NOT INSTALLED: its scenarios did not run');
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? (direct ? 'a matter of nxb' : false) };

const kDomain = 'chat.example';
const kPatience = 60_000; // libpurple sends once a second only, so that its login alone takes ten

const isPoll = ({ body }) => /^<body [^>]*><\/body>$/.test(body) && !body.includes(' type=');
const isCreation = ({ body }) => !body.includes(' sid=');

/** A libpurple and the wire between it and nxb. What it prints are events: see purple_client.c. */
class Purple {
  static everybody = [];
  #lines = [];
  #wake = () => {};
  #errors = '';

  static async start(jid, url) {
    return new Purple(jid, await recorder(url));
  }

  constructor(jid, wire) {
    this.jid = jid;
    this.wire = wire;
    const home = path.join(folder, `purple${Purple.everybody.push(this)}`);
    this.child = spawn(program, [home, jid, 'secret', wire.url], { env: { PATH: process.env.PATH, HOME: home } });
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => (this.#lines.push(line), this.#wake()));
  }

  tell(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** The rest of the next line that begins so; the lines before it are passed over. */
  next(beginning) {
    return within(`"${beginning}" from libpurple`, (resolve, reject) => {
      this.#wake = () => {
        for (let line; (line = this.#lines.shift()) !== undefined;) {
          if (line.startsWith(beginning)) return resolve(line.slice(beginning.length).trim());
          if (line.startsWith('failed')) return reject(new Error(`${line}\n${this.#errors}`));
        }
      };
      this.#wake();
    }, kPatience);
  }

  /** Resolves when it has just begun to wait: a poll is held that was not there before. */
  waits() {
    const before = this.wire.requests.length;
    return this.wire.until('a poll', (requests) => requests.length > before && isPoll(requests.at(-1)) && !requests.at(-1).answer);
  }

  vanish() {
    this.child.kill('SIGKILL');
    this.wire.stop();
  }
}

let gate, alice, carol, bob;
let watchers; // another client of each: the server tells it when the first comes and goes
before(async () => {
  if (ours.skip) return;
  gate = await nxb(await xmppServer('prosody'), { bosh: ['max_wait = "3s"'] }); // polls end soon, and three of them are seen
  bob = new Person(gate.url);
  watchers = { alice: new Person(gate.url), carol: new Person(gate.url) };
  await Promise.all([
    bob.login(`bob@${kDomain}/desk`, 'secret'),
    ...Object.entries(watchers).map(([name, watcher]) => watcher.login(`${name}@${kDomain}/watcher`, 'secret')),
  ]);
  for (const person of [bob, ...Object.values(watchers)]) {
    person.connection.send($pres());
    await person.ask($iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' }));
  }
});
after(async () => {
  for (const purple of Purple.everybody) purple.vanish();
  Person.everybodyVanishes();
  await stopAll();
});

const seen = (watcher, jid, wanted) => within(`${jid} is ${wanted}`, (resolve) => watcher.connection.addHandler((stanza) => {
  if (stanza.getAttribute('from') !== jid || (stanza.getAttribute('type') ?? 'available') !== wanted) return true;
  resolve();
  return false;
}, null, 'presence'), kPatience);

test('libpurple logs in: features in the creation answer, a Content-Encoding that is none, a Host without port (B-35 H-15 H-07)', ours, async () => {
  const [aliceJid, carolJid] = [`alice@${kDomain}/purple`, `carol@${kDomain}/purple`];
  const came = [seen(watchers.alice, aliceJid, 'available'), seen(watchers.carol, carolJid, 'available')];
  [alice, carol] = await Promise.all([Purple.start(aliceJid, gate.url), Purple.start(carolJid, gate.url)]);
  await Promise.all([alice.next('signed-on'), carol.next('signed-on'), ...came]);
  for (const { wire: { requests } } of [alice, carol]) {
    assert.match(requests[0].headers['user-agent'], /libpurple/);
    assert.match(requests[0].answer.body, /<stream:features/);
    for (const { headers } of requests) {
      assert.equal(headers['content-encoding'], 'text/xml; charset=utf-8');
      assert.equal(headers.host, '127.0.0.1');
    }
  }
});

test('libpurple chats: what it says while a poll is held goes at once, and what it is told arrives (B-60 B-63)', ours, async () => {
  await alice.waits();
  const heard = bob.nextMessage();
  alice.tell(`say ${bob.connection.jid} Grüße <&> aus libpurple`);
  assert.deepEqual(await heard, { from: alice.jid, text: 'Grüße <&> aus libpurple' });
  bob.say(alice.jid, 'Grüße <&> zurück');
  assert.equal(await alice.next('heard'), `${bob.connection.jid} Grüße <&> zurück`);
  const answered = alice.wire.requests.find(({ answer }) => answer?.body.includes('zurück'));
  assert.match(answered.body, /aus libpurple/, 'the held poll had been answered already, so that this one could be held');
});

test('libpurple idles through three polls: each is answered, empty, when wait runs out (B-61 B-02)', ours, async () => {
  const idle = () => carol.wire.requests.filter((request) => isPoll(request) && request.answer);
  await carol.wire.until('three polls and their answers', () => idle().length >= 3, kPatience);
  for (const { answer } of idle()) {
    assert.equal(answer.line, 'HTTP/1.1 200 OK');
    assert.ok(Number(answer.headers['content-length']) > 0);
  }
  assert.equal((await gate.counters()).sessions, 5);
});

test('libpurple puts `to` on every request, and none is taken for another stream (B-91 D-23)', ours, async () => {
  for (const { wire } of [alice, carol]) assert.ok(wire.requests.every(({ body }) => body.includes(` to='${kDomain}'`)));
  assert.ok(alice.wire.requests.some((request) => !isPoll(request) && !isCreation(request)));
  const { streams, streams_opened: opened, sessions_opened: sessions } = await gate.counters();
  assert.deepEqual({ streams, opened, sessions }, { streams: 5, opened: 5, sessions: 5 });
});

test('libpurple logs out, behind a held poll on the same connection: sessions end, others see it go (B-80 B-112 H-11)', ours, async () => {
  const went = [seen(watchers.alice, alice.jid, 'unavailable'), seen(watchers.carol, carol.jid, 'unavailable')];
  await carol.waits();
  for (const purple of [alice, carol]) purple.tell('quit');
  await Promise.all([alice.next('signed-off'), carol.next('signed-off'), ...went]);
  const last = carol.wire.requests.at(-1);
  assert.match(last.body, / type='terminate'/);
  assert.equal(last.before, 1, 'libpurple pipelines its last word');
  await gate.countersReach('two sessions less', ({ sessions, streams }) => sessions === 3 && streams === 3);
  assert.deepEqual([await alice.ended, await carol.ended], [0, 0]);
});

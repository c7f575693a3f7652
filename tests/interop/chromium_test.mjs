// chromium_test.mjs - Strophe.js in a real browser, its page from another origin than nxb: CORS, reload, a closed tab.
// Between the browser and nxb a recorder reads along (recorder.mjs); nxb's part is Prosody's client, as in the other tests.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Chromium } from './chromium.mjs';
import { pageServer } from './page_server.mjs';
import { direct, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { recorder } from './recorder.mjs';
import { $iq, Person, within } from './strophe_in_node.mjs';

const why = missing('chromium') ?? missing('prosody');
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? (direct ? 'a matter of nxb' : false) };

const kDomain = 'chat.example';
const q = JSON.stringify; // a value as JavaScript for the page
const ping = () => $iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' });

let browser, site, elsewhere, gate, wire, bob;
before(async () => {
  if (ours.skip) return;
  [site, elsewhere] = [await pageServer(), await pageServer()];
  gate = await nxb(await xmppServer('prosody'), { http: [`allowed_origins = ["${site.origin}"]`, 'allow_credentials = true'] });
  wire = await recorder(gate.url);
  browser = new Chromium();
  bob = new Person(gate.url);
  await bob.login(`bob@${kDomain}/desk`, 'secret');
});
after(async () => {
  Person.everybodyVanishes();
  await browser?.close();
  for (const one of [wire, site, elsewhere]) one?.stop();
  await stopAll();
});

const pageOf = (from, parameters) => browser.open(from.page({ bosh: wire.url, ...parameters }));

/** Bob hears of the one at this address, or of no other: the next presence from there. */
const presenceFrom = (jid) => within(`presence of ${jid}`, (resolve) => bob.connection.addHandler((stanza) => {
  resolve(stanza.getAttribute('type') ?? 'available');
  return false;
}, null, 'presence', null, null, jid));

test('a page of another origin, with credentials: preflight, SCRAM, messages both ways (H-29 H-32 H-33 H-34 H-35)', ours, async () => {
  const page = await pageOf(site, { credentials: '' });
  assert.equal(await page.value(`chat.login('alice@${kDomain}/tab', 'secret')`), 'CONNECTED');
  const heard = bob.nextMessage();
  await page.value(`chat.say(${q(bob.connection.jid)}, 'Grüße <&> aus dem Browser')`);
  assert.deepEqual(await heard, { from: `alice@${kDomain}/tab`, text: 'Grüße <&> aus dem Browser' });
  bob.say(`alice@${kDomain}/tab`, 'Grüße <&> \u{1F600} zurück');
  assert.deepEqual(await page.value('chat.hears(1)'), [{ from: bob.connection.jid, text: 'Grüße <&> \u{1F600} zurück' }]);
  await page.value('chat.logout()');
  assert.deepEqual(page.errors, []);

  const [asked, ...others] = wire.requests.filter(({ method }) => method === 'OPTIONS');
  assert.deepEqual(others, [], 'the browser remembers the answer to its preflight');
  assert.equal(asked.headers.origin, site.origin);
  assert.equal(asked.headers['access-control-request-headers'], 'content-type');
  assert.equal(asked.answer.headers['access-control-max-age'], '14400');
  for (const { answer } of wire.requests.filter((request) => request.answer)) {
    assert.equal(answer.headers['access-control-allow-origin'], site.origin);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
  }
  await page.close();
});

for (const how of ['restore', 'attach']) {
  test(`a page is reloaded and goes on with ${how}(): what was said meanwhile is heard (B-54)`, ours, async (t) => {
    const jid = `alice@${kDomain}/${how}`;
    const page = await pageOf(site, { credentials: '', after_reload: how });
    assert.equal(await page.value(`chat.login(${q(jid)}, 'secret')`), 'CONNECTED');
    await page.value(`chat.ping('${kDomain}')`);
    await gate.countersReach('a poll of each', ({ requests_held: held }) => held === 2);
    const { client_aborts: aborts } = await gate.counters();

    const script = site.hold('/chat.mjs'); // the old page is gone when the new one asks for its script
    t.after(script.release);
    const loaded = page.reload();
    await script.asked;
    await gate.countersReach('the old page let go of its poll', ({ client_aborts: now }) => now > aborts);
    bob.say(jid, 'while you were away');
    await bob.ask(ping());
    script.release();
    await loaded;

    assert.equal(await page.value('chat.settled()'), 'ATTACHED');
    assert.deepEqual(await page.value('chat.hears(1)'), [{ from: bob.connection.jid, text: 'while you were away' }]);
    bob.say(jid, 'and now');
    assert.deepEqual((await page.value('chat.hears(2)')).map(({ text }) => text), ['while you were away', 'and now']);
    await page.value('chat.logout()');
    assert.deepEqual(page.errors, []);
    await page.close();
  });
}

test('a tab is closed, a beacon of type text/plain ends the session, and a contact sees it (B-80 O-32)', ours, async () => {
  const jid = `alice@${kDomain}/closed`;
  const page = await pageOf(site, { credentials: '', goodbye: '' });
  assert.equal(await page.value(`chat.login(${q(jid)}, 'secret')`), 'CONNECTED');
  const came = presenceFrom(jid);
  await page.value(`chat.tellPresence(${q(bob.connection.jid)})`);
  assert.equal(await came, 'available');
  assert.equal((await gate.counters()).sessions, 2);

  const went = presenceFrom(jid);
  await page.close();
  assert.equal(await went, 'unavailable');
  await gate.countersReach('only the contact is left', ({ sessions, streams }) => sessions === 1 && streams === 1);
  const beacon = wire.requests.at(-1);
  assert.match(beacon.headers['content-type'], /^text\/plain/);
  assert.match(beacon.body, / type='terminate'/);
});

test('a page of an origin that is not listed sees a network error, and no session of its own (H-32)', ours, async () => {
  const before = wire.requests.length;
  const page = await pageOf(elsewhere, {});
  const create = `<body rid='1' to='${kDomain}' xmlns='http://jabber.org/protocol/httpbind'/>`;
  const fetched = (type) => page.value(`fetch(${q(wire.url)}, { method: 'POST', body: ${q(create)}, headers: { 'Content-Type': '${type}' } })
    .then((answer) => answer.text(), (error) => error.name)`);
  assert.equal(await fetched('text/xml'), 'TypeError');
  const [asked, ...others] = wire.requests.slice(before);
  assert.equal(asked.method, 'OPTIONS');
  assert.equal(asked.answer.headers['access-control-allow-origin'], undefined);
  assert.deepEqual(others, [], 'the browser asks no further');
  assert.equal(await fetched('text/plain'), 'TypeError', 'no preflight, but the answer is kept from the script');
  await page.close();
});

// scenarios.mjs - what a web client does, told once and played with each XMPP server: one test per sentence.
// Each scenario logs in for itself, so that each can be run alone (node --test-name-pattern).
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { direct, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { $iq, $msg, $pres, Person, Strophe, within } from './strophe_in_node.mjs';

const kDomain = 'chat.example';

/** Registers the scenarios with a server of this kind. */
export function scenariosWith(kind, command) {
  const why = missing(command);
  if (why) console.error(`\n*** ${why} ***\n`);
  let server, gate;
  before(async () => {
    if (why) return;
    server = await xmppServer(kind);
    gate = await nxb(server);
  });
  after(async () => {
    Person.everybodyVanishes();
    await stopAll();
  });

  const scenario = (sentence, play) => test(`${kind}: ${sentence}`, { skip: why ?? false }, () => play(() => gate.url));

  for (const [name, mechanism] of [
    ['PLAIN', Strophe.SASLPlain],
    ['SCRAM-SHA-1', Strophe.SASLSHA1],
    ['SCRAM-SHA-256', Strophe.SASLSHA256],
  ]) {
    scenario(`a client logs in with SASL ${name} and is told its own address (B-99 B-101 U-37)`, async (url) => {
      const alice = new Person(url(), { mechanism });
      await alice.login(`alice@${kDomain}/here`, 'secret');
      assert.equal(alice.connection.jid, `alice@${kDomain}/here`);
      await alice.logout();
    });
  }

  scenario('a client logs in with SASL ANONYMOUS (B-99 U-37)', async (url) => {
    const nobody = new Person(url(), { mechanism: Strophe.SASLAnonymous });
    await nobody.login('anon.example', null);
    assert.match(nobody.connection.jid, /^[^@/]+@anon\.example\/.+/);
    await nobody.logout();
  });

  scenario('a wrong password is refused by the server and the client hears it (U-37)', async (url) => {
    const alice = new Person(url(), { mechanism: Strophe.SASLPlain });
    await assert.rejects(alice.login(`alice@${kDomain}`, 'guess'), /AUTHFAIL/);
  });

  scenario('a roster is fetched, changed, and the change is pushed (B-10 B-13 U-60)', async (url) => {
    const alice = new Person(url());
    await alice.login(`alice@${kDomain}/roster`, 'secret');
    const query = () => $iq({ type: 'get' }).c('query', { xmlns: Strophe.NS.ROSTER });
    await alice.ask(query());
    const pushed = within('a roster push', (resolve) => alice.connection.addHandler((iq) => {
      resolve(iq.getElementsByTagName('item')[0].getAttribute('jid'));
      alice.connection.send($iq({ type: 'result', id: iq.getAttribute('id') }));
      return false;
    }, Strophe.NS.ROSTER, 'iq', 'set'));
    await alice.ask($iq({ type: 'set' }).c('query', { xmlns: Strophe.NS.ROSTER })
      .c('item', { jid: `bob@${kDomain}`, name: 'Böb & “co” <3' }));
    assert.equal(await pushed, `bob@${kDomain}`);
    const roster = await alice.ask(query());
    const item = [...roster.getElementsByTagName('item')].find((one) => one.getAttribute('jid') === `bob@${kDomain}`);
    assert.equal(item?.getAttribute('name'), 'Böb & “co” <3');
    await alice.logout();
  });

  scenario('a message to oneself comes back once, word for word (B-57 B-59)', async (url) => {
    const alice = new Person(url());
    await alice.login(`alice@${kDomain}/self`, 'secret');
    const text = 'Grüße <&> "quotes" \u{1F600} ]]> end';
    const heard = await alice.exchange(alice.connection.jid, text);
    assert.deepEqual(heard, { from: `alice@${kDomain}/self`, text });
    await alice.logout();
  });

  scenario('two people talk, fifty messages each way, in order (U-35 B-43 B-44)', async (url) => {
    const [alice, bob] = [new Person(url()), new Person(url())];
    await Promise.all([alice.login(`alice@${kDomain}/talk`, 'secret'), bob.login(`bob@${kDomain}/talk`, 'secret')]);
    const collect = (person) => new Promise((resolve, reject) => {
      const texts = [];
      setTimeout(() => reject(new Error(`only ${texts.length} of 50 messages came`)), 20_000).unref();
      person.connection.addHandler((stanza) => {
        texts.push(stanza.getElementsByTagName('body')[0].textContent);
        if (texts.length === 50) resolve(texts);
        return texts.length < 50;
      }, null, 'message');
    });
    const heard = [collect(alice), collect(bob)];
    for (let i = 0; i < 50; ++i) {
      alice.say(bob.connection.jid, `a${i}`);
      bob.say(alice.connection.jid, `b${i}`);
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    const [atAlice, atBob] = await Promise.all(heard);
    assert.deepEqual(atAlice, Array.from({ length: 50 }, (_, i) => `b${i}`));
    assert.deepEqual(atBob, Array.from({ length: 50 }, (_, i) => `a${i}`));
    await Promise.all([alice.logout(), bob.logout()]);
  });

  scenario('a message of 64 KB passes unharmed, both ways (H-25 U-24 U-25)', async (url) => {
    const alice = new Person(url());
    await alice.login(`alice@${kDomain}/large`, 'secret');
    const text = 'nxb€'.repeat(Math.ceil(65536 / 6)).slice(0, 45000); // 4 characters, 6 bytes
    assert.ok(Buffer.byteLength(text) > 65536);
    const heard = await alice.exchange(alice.connection.jid, text);
    assert.ok(heard.text === text, `${heard.text.length} characters came back, not the same`);
    await alice.logout();
  });

  scenario('presence and a ping work beside messages (B-10)', async (url) => {
    const alice = new Person(url());
    await alice.login(`alice@${kDomain}/presence`, 'secret');
    alice.connection.send($pres());
    await alice.ask($iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' }));
    await alice.logout();
  });

  scenario('a message to nobody comes back as an error stanza, and the session lives on (U-61)', async (url) => {
    const alice = new Person(url());
    await alice.login(`alice@${kDomain}/error`, 'secret');
    const error = new Promise((resolve) => alice.connection.addHandler((stanza) => (resolve(stanza), false),
      null, 'message', 'error'));
    alice.connection.send($msg({ to: `nobody@${kDomain}/x`, type: 'chat' }).c('body').t('there?'));
    assert.equal((await error).getElementsByTagName('error').length, 1);
    assert.equal((await alice.exchange(alice.connection.jid, 'still here')).text, 'still here');
    await alice.logout();
  });

  scenario('a client disconnects, its peer sees it go, and it connects again (B-80 U-58)', async (url) => {
    const [alice, alsoAlice] = [new Person(url()), new Person(url())];
    await alice.login(`alice@${kDomain}/first`, 'secret');
    await alsoAlice.login(`alice@${kDomain}/second`, 'secret');
    alsoAlice.connection.send($pres());
    await alsoAlice.ask($iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' }));
    const came = new Promise((resolve) => alsoAlice.connection.addHandler((stanza) => {
      if (stanza.getAttribute('from') !== `alice@${kDomain}/first`) return true;
      resolve(stanza.getAttribute('type') ?? 'available');
      return false;
    }, null, 'presence'));
    alice.connection.send($pres());
    assert.equal(await came, 'available');
    const went = new Promise((resolve) => alsoAlice.connection.addHandler((stanza) => {
      if (stanza.getAttribute('type') !== 'unavailable') return true;
      resolve(stanza.getAttribute('from'));
      return false;
    }, null, 'presence'));
    await alice.logout();
    assert.equal(await went, `alice@${kDomain}/first`);
    await alice.login(`alice@${kDomain}/first`, 'secret');
    assert.equal((await alice.exchange(alice.connection.jid, 'back')).text, 'back');
    await Promise.all([alice.logout(), alsoAlice.logout()]);
  });

  // Prosody's own BOSH refuses this: it knows no request that overtakes an abandoned one.
  const afterReload = { skip: why ?? (direct ? 'a matter of nxb' : false) };
  test(`${kind}: a page is reloaded: restore() goes on with the next rid, nothing lost (B-54 B-49)`, afterReload, async () => {
    const page = new Person(gate.url);
    await page.login(`alice@${kDomain}/reload`, 'secret');
    page.connection.send($pres());
    await page.ask($iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' }));
    page.vanish();
    const bob = new Person(gate.url);
    const alicesTab = sessionStorage.getItem('strophe-bosh-session'); // bob's tab has a storage of its own
    await bob.login(`bob@${kDomain}/beside`, 'secret');
    bob.say(`alice@${kDomain}/reload`, 'while you were away');
    await bob.ask($iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' }));
    sessionStorage.setItem('strophe-bosh-session', alicesTab);
    const reloaded = new Person(gate.url);
    const heard = reloaded.nextMessage();
    await reloaded.restore(`alice@${kDomain}/reload`);
    assert.equal((await heard).text, 'while you were away');
    assert.equal((await reloaded.exchange(`alice@${kDomain}/reload`, 'and now')).text, 'and now');
    await Promise.all([reloaded.logout(), bob.logout()]);
  });

  test(`${kind}: attach() takes a session over with its sid and next rid (B-54 B-63)`, afterReload, async () => {
    const first = new Person(gate.url);
    await first.login(`alice@${kDomain}/attach`, 'secret');
    const { jid, sid, rid } = first.vanish();
    const second = new Person(gate.url);
    await second.attach(jid, sid, rid);
    assert.equal((await second.exchange(jid, 'taken over')).text, 'taken over');
    await second.logout();
  });

  scenario('twenty clients at once, over shared keep-alive connections, each hear only their own words (H-48)', async (url) => {
    const people = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const person = new Person(url(), { mechanism: Strophe.SASLAnonymous, wait: 5 });
      await person.login('anon.example', null);
      return [person, `words of ${i}`];
    }));
    await Promise.all(people.map(async ([person, words]) =>
      assert.equal((await person.exchange(person.connection.jid, words)).text, words)));
    await Promise.all(people.map(([person]) => person.logout()));
  });
}

// websocket_scenarios.mjs - what web clients do over WebSocket, told once and played with each XMPP server: Strophe.js and xmpp.js.
// Each scenario logs in for itself, so that each can be run alone (node --test-name-pattern); the last one stops its own server.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { direct, missing, nxb, stopAll, xmppServer } from './processes.mjs';
import { $iq, $pres, Person, Strophe, within } from './strophe_in_node.mjs';
import { Someone, xml } from './xmpp_js.mjs';

const kDomain = 'chat.example';
const kClose = '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />';
const kLarge = 'nxb€'.repeat(Math.ceil(65536 / 6)).slice(0, 45000); // 4 characters, 6 bytes

const ping = () => $iq({ type: 'get', to: kDomain }).c('ping', { xmlns: 'urn:xmpp:ping' });

/** The next presence of this one that this person sees: 'available' or its type. */
const presenceOf = (jid, person) => within(`presence of ${jid}`, (resolve) => person.connection.addHandler((stanza) => {
  resolve(stanza.getAttribute('type') ?? 'available');
  return false;
}, null, 'presence', null, null, jid));

/** Resolves with the texts of the next messages, once there are so many. */
const messages = (count, person) => within(`${count} messages`, (resolve) => {
  const texts = [];
  person.connection.addHandler((stanza) => {
    texts.push(stanza.getElementsByTagName('body')[0].textContent);
    if (texts.length === count) resolve(texts);
    return texts.length < count;
  }, null, 'message', 'chat');
});

const numbered = (letter, count) => Array.from({ length: count }, (_, i) => `${letter}${i}`);

/** Registers the scenarios with a server of this kind. */
export function scenariosWith(kind, command) {
  const why = missing(command);
  if (why) console.error(`\n*** ${why} ***\n`);
  let gate;
  before(async () => {
    if (!why) gate = await nxb(await xmppServer(kind, { resumable: true }));
  });
  after(async () => {
    Person.everybodyVanishes();
    Someone.everybodyVanishes();
    await stopAll();
  });

  const scenario = (sentence, play) => test(`${kind}: ${sentence}`, { skip: why ?? false }, play);
  const person = (options) => new Person(gate.websocket, options);
  const resumes = { resumes: true };
  /** Two who see each other: alice at this resource, and a contact of hers that she told so. */
  async function pair(resource, options = {}) {
    const [alice, bob] = [person(options), person()];
    await bob.login(`bob@${kDomain}/${resource}`, 'secret');
    const came = presenceOf(`alice@${kDomain}/${resource}`, bob);
    await alice.login(`alice@${kDomain}/${resource}`, 'secret');
    alice.connection.send($pres());
    alice.connection.send($pres({ to: bob.connection.jid }));
    assert.equal(await came, 'available');
    return [alice, bob];
  }

  for (const [name, mechanism] of [
    ['PLAIN', Strophe.SASLPlain],
    ['SCRAM-SHA-1', Strophe.SASLSHA1],
    ['SCRAM-SHA-256', Strophe.SASLSHA256],
  ]) {
    scenario(`Strophe.js logs in with SASL ${name} over WebSocket and is told its own address (W-03 W-04 W-38)`, async () => {
      const alice = person({ mechanism });
      await alice.login(`alice@${kDomain}/here`, 'secret');
      assert.equal(alice.connection._proto.socket.protocol, 'xmpp');
      assert.equal(alice.connection.jid, `alice@${kDomain}/here`);
      await alice.logout();
    });
  }

  scenario('open and features come as Strophe.js reads them, twice, and nothing between (W-32 W-34 W-36 W-38)', async () => {
    const alice = person();
    await alice.login(`alice@${kDomain}/wire`, 'secret');
    const heard = alice.wire.filter(([way]) => way === 'in').map(([, text]) => text);
    const opens = heard.filter((text) => text.startsWith('<open ') || text.startsWith('<?xml'));
    assert.equal(opens.length, 2);
    for (const open of opens) {
      assert.match(open, / xmlns=["']urn:ietf:params:xml:ns:xmpp-framing["']/);
      assert.match(open, / version=["']1\.0["']/);
      assert.match(open, / from=["']chat\.example["']/);
      assert.match(heard[heard.indexOf(open) + 1], /^<(stream:)?features [^>]*http:\/\/etherx\.jabber\.org\/streams/);
    }
    const [first, second] = opens.map((open) => open.match(/ id=["']([^"']+)/)[1]);
    assert.notEqual(first, second);
    assert.ok(heard.every((text) => !text.includes('xmpp-tls')), 'STARTTLS is not offered');
    await alice.logout();
  });

  scenario('a client logs in with SASL ANONYMOUS, another with a wrong password hears so (W-35 W-36)', async () => {
    const nobody = person({ mechanism: Strophe.SASLAnonymous });
    await nobody.login('anon.example', null);
    assert.match(nobody.connection.jid, /^[^@/]+@anon\.example\/.+/);
    await nobody.logout();
    await assert.rejects(person({ mechanism: Strophe.SASLPlain }).login(`alice@${kDomain}`, 'guess'), /AUTHFAIL/);
  });

  scenario('two people talk, a hundred messages each way, in order, and 64 KB at once (W-20 W-35)', async () => {
    const [alice, bob] = await pair('talk');
    const heard = Promise.all([messages(100, alice), messages(100, bob)]);
    for (let i = 0; i < 100; ++i) {
      alice.say(bob.connection.jid, `a${i}`);
      bob.say(alice.connection.jid, `b${i}`);
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await heard, [numbered('b', 100), numbered('a', 100)]);
    const large = bob.nextMessage();
    alice.say(bob.connection.jid, kLarge);
    assert.ok((await large).text === kLarge);
    await Promise.all([alice.logout(), bob.logout()]);
  });

  scenario('one at a WebSocket and one at BOSH talk, both at the same path (W-08 W-20 B-57)', async () => {
    const same = gate.url.replace('http:', 'ws:');
    const [alice, bob] = [new Person(direct ? gate.websocket : same), new Person(gate.url)];
    await Promise.all([alice.login(`alice@${kDomain}/socket`, 'secret'), bob.login(`bob@${kDomain}/bosh`, 'secret')]);
    const heard = Promise.all([messages(20, alice), messages(20, bob)]);
    for (let i = 0; i < 20; ++i) {
      alice.say(bob.connection.jid, `Grüße <&> \u{1F600} ]]> a${i}`);
      bob.say(alice.connection.jid, `Grüße <&> \u{1F600} ]]> b${i}`);
    }
    assert.deepEqual(await heard, [numbered('Grüße <&> \u{1F600} ]]> b', 20), numbered('Grüße <&> \u{1F600} ]]> a', 20)]);
    await Promise.all([alice.logout(), bob.logout()]);
  });

  scenario('a client logs out: close is answered as Strophe.js compares it, its contact sees it go, it comes again (W-42 W-44 U-58)', async () => {
    const [alice, bob] = await pair('out', resumes);
    const went = presenceOf(alice.connection.jid, bob);
    const { socket } = alice.connection._proto;
    // What servers of their own write differs: Strophe.js would take it for a stanza.
    const heard = direct ? kClose : within('a close message', (resolve) =>
      socket.on('message', (data) => data.toString().startsWith('<close') && resolve(data.toString())));
    const closed = within('the end of a socket', (resolve) => socket.on('close', (code) => resolve(code)));
    await alice.logout();
    assert.equal(await heard, kClose);
    assert.equal(await went, 'unavailable', 'at once, for a closed stream is not to be resumed');
    assert.notEqual(await closed, 1006);
    await alice.login(`alice@${kDomain}/out`, 'secret');
    assert.equal((await alice.exchange(alice.connection.jid, 'back')).text, 'back');
    await Promise.all([alice.logout(), bob.logout()]);
  });

  scenario('a client without stream management is lost: its contact sees it go at once (W-45 U-58)', async () => {
    const [alice, bob] = await pair('lost');
    const went = presenceOf(alice.connection.jid, bob);
    alice.vanish();
    assert.equal(await went, 'unavailable');
    await bob.logout();
  });

  for (const how of ['end', 'reset']) {
    scenario(`the network fails with a TCP ${how}; Strophe.js resumes, and what was said meanwhile is heard once (W-45 W-49 U-56 U-57 U-58)`, async () => {
      const [alice, bob] = await pair(`cut-${how}`, resumes);
      await alice.ask(ping()); // behind what enabled it
      assert.equal(alice.connection.isStreamManagementEnabled(), true);
      const { jid } = alice.connection;
      const presences = [];
      bob.connection.addHandler((stanza) => presences.push(stanza.getAttribute('type')), null, 'presence', null, null, jid);
      const atBob = messages(6, bob);
      for (const text of numbered('a', 3)) alice.say(bob.connection.jid, text);
      await alice.cut(how); // whether those three arrived is for the two ends of the stream to find out
      for (const text of numbered('b', 3)) bob.say(jid, text);
      await bob.ask(ping());
      const atAlice = messages(4, alice);
      await alice.login(jid, 'secret');
      assert.equal(alice.connection.hasResumed(), true);
      assert.equal(alice.connection.jid, jid);
      for (const text of numbered('c', 3)) alice.say(bob.connection.jid, text);
      bob.say(jid, 'b3');
      assert.deepEqual(await atAlice, numbered('b', 4));
      assert.deepEqual(await atBob, [...numbered('a', 3), ...numbered('c', 3)]);
      assert.deepEqual(presences, []);
      await Promise.all([alice.ask(ping()), bob.ask(ping())]);
      const said = alice.wire.filter(([way, text]) => way === 'in' && text.includes('<body>b'));
      assert.equal(said.length, 4, 'none came twice');
      await Promise.all([alice.logout(), bob.logout()]);
    });
  }

  scenario('twenty clients at once each hear only their own words (W-35 W-49)', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const one = person({ mechanism: Strophe.SASLAnonymous, resumes: i % 2 === 0 });
      await one.login('anon.example', null);
      return [one, `words of ${i}`];
    }));
    await Promise.all(people.map(async ([one, words]) => assert.equal((await one.exchange(one.connection.jid, words)).text, words)));
    await Promise.all(people.map(([one]) => one.logout()));
  });

  scenario('xmpp.js logs in, has its roster, talks, 64 KB at once, and both sides close (W-04 W-32 W-33 W-42 W-49)', async () => {
    const [alice, bob] = [new Someone(gate.websocket, { username: 'alice', resource: 'js' }), new Someone(gate.websocket, { username: 'bob', resource: 'js' })];
    await Promise.all([alice.login(), bob.login()]);
    assert.equal(alice.jid, `alice@${kDomain}/js`);
    const roster = await alice.ask(xml('iq', { type: 'get' }, xml('query', { xmlns: 'jabber:iq:roster' })));
    assert.ok(roster.getChild('query', 'jabber:iq:roster'));
    for (const text of ['Grüße <&> "quotes" \u{1F600} ]]> end', kLarge]) {
      for (const [from, to] of [[alice, bob], [bob, alice]]) {
        const heard = to.nextMessage();
        await from.say(to.jid, text);
        const { from: sender, text: same } = await heard;
        assert.equal(sender, from.jid);
        assert.ok(same === text, `${same.length} characters came`);
      }
    }
    assert.ok(alice.xmpp.streamManagement.enabled);
    for (const someone of [alice, bob]) {
      const closed = someone.next('disconnect');
      assert.ok((await someone.logout()).is('close', 'urn:ietf:params:xml:ns:xmpp-framing'));
      assert.equal((await closed)[0].clean, true);
      assert.deepEqual(someone.errors, []);
    }
  });

  scenario('xmpp.js loses its network, connects again and resumes by itself, with what was said meanwhile, once (W-45 W-49 U-56 U-57)', async () => {
    const alice = new Someone(gate.websocket, { username: 'alice', resource: 'js-cut' });
    const bob = person();
    await Promise.all([alice.login(), bob.login(`bob@${kDomain}/js-cut`, 'secret')]);
    const { jid } = alice;
    await alice.ask(xml('iq', { type: 'get', to: kDomain }, xml('ping', { xmlns: 'urn:xmpp:ping' })));
    const [lost, resumed] = [alice.next('disconnect'), within('resumed', (resolve) => alice.xmpp.streamManagement.once('resumed', resolve))];
    alice.cut();
    await lost;
    for (const text of numbered('b', 3)) bob.say(jid, text);
    await bob.ask(ping());
    await resumed;
    bob.say(jid, 'last');
    await bob.ask(ping());
    await alice.ask(xml('iq', { type: 'get', to: kDomain }, xml('ping', { xmlns: 'urn:xmpp:ping' })));
    const texts = alice.elements.filter((one) => one.is('message')).map((one) => one.getChildText('body'));
    assert.deepEqual(texts, [...numbered('b', 3), 'last']);
    assert.equal(alice.jid, jid);
    await Promise.all([alice.logout(), bob.logout()]);
  });

  scenario('the XMPP server is stopped: Strophe.js and xmpp.js are told, and their sockets end (W-41 W-43 U-64)', async () => {
    const server = await xmppServer(kind, { resumable: true });
    const its = await nxb(server);
    const [alice, bob] = [new Person(its.websocket), new Someone(its.websocket, { username: 'bob', resource: 'told' })];
    await Promise.all([alice.login(`alice@${kDomain}/told`, 'secret'), bob.login()]);
    bob.xmpp.reconnect.stop();
    const ended = Promise.all([bob.next('disconnect'), within('DISCONNECTED', (resolve) => alice.watchers.add(([status]) => status === 'DISCONNECTED' && resolve()))]);
    await server.stop();
    const [[{ clean }]] = await ended;
    if (!direct) assert.equal(clean, true); // Prosody just goes
    // Who is in a hurry hangs up without a word; Prosody does so on every stream that may be resumed after its restart.
    const told = [...alice.log.filter(([status]) => status === 'ERROR').map(([, condition]) => condition), ...bob.errors];
    assert.equal(told.length, 2);
    for (const condition of told) assert.ok(['system-shutdown', ...(direct ? [] : ['remote-connection-failed'])].includes(condition), condition);
    if (!direct) assert.equal(told.filter((condition) => condition === 'system-shutdown').length, its.output().match(/event=session\.end .*server="stream error by the server: system-shutdown"/g)?.length ?? 0);
    await its.stop();
  });
}

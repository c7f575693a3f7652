// converse_test.mjs - Converse.js in a real browser: found by host-meta over WebSocket, and over BOSH; talk, and a reload.
// In front of nxb is a TLS end with a certificate of the domain, since Converse.js asks https only. NXB_SCREENSHOTS is where pictures go.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

import { Chromium } from './chromium.mjs';
import { pageServer } from './page_server.mjs';
import { certificates, direct, folder, missing, nxb, stopAll, xmppServer } from './processes.mjs';

const kConverse = fileURLToPath(new URL('node_modules/converse.js/dist/converse.min.js', import.meta.url));
const why = missing('chromium') ?? missing('prosody') ?? missing('openssl') ??
  (fs.existsSync(kConverse) ? null : 'CONVERSE.JS IS NOT HERE: its scenarios did not run');
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? false };

const kDomain = 'chat.example';
const pictures = process.env.NXB_SCREENSHOTS ?? path.join(folder, 'screenshots');
const q = JSON.stringify;

/** A TLS end that passes all bytes on to a port: { address, hash of its key, stop }. */
async function tlsFront(port, { certificate, key }) {
  const cert = fs.readFileSync(certificate);
  const sockets = new Set();
  const server = tls.createServer({ cert, key: fs.readFileSync(key) }, (client) => {
    const gate = net.connect(port, '127.0.0.1');
    for (const [from, to] of [[client, gate], [gate, client]]) {
      sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => (sockets.delete(from), to.destroySoon()));
      from.pipe(to);
    }
  }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {});
  await once(server, 'listening');
  const spki = createPublicKey(cert).export({ type: 'spki', format: 'der' });
  return {
    address: `127.0.0.1:${server.address().port}`,
    hash: createHash('sha256').update(spki).digest('base64'),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

let browser, gate, front, homes;
before(async () => {
  if (why) return;
  gate = await nxb(await xmppServer('prosody', { hashed: true }), {
    discovery: [`websocket_url = "wss://${kDomain}/xmpp-websocket"`, `bosh_url = "https://${kDomain}/http-bind"`],
  });
  front = await tlsFront(gate.port, certificates(kDomain).of(kDomain));
  browser = new Chromium({ hosts: { [kDomain]: front.address }, trusted: [front.hash] });
  homes = [await pageServer(), await pageServer()]; // two origins: what one keeps is not the other's
});
after(async () => {
  for (const page of browser?.pages.values() ?? []) await picture(page, `at-the-end-${await page.value('location.port')}`);
  await browser?.close();
  for (const one of [front, ...(homes ?? [])]) one?.stop();
  await stopAll();
});

/** Waits in the page until this expression is true there. */
const until = (page, expression) => page.value(`new Promise((resolve) => {
  const look = () => { let is; try { is = ${expression}; } catch { is = false; } return is ? resolve(true) : setTimeout(look, 50); };
  look();
})`);
const picture = (page, name) => page.screenshot(path.join(pictures, `converse-${name}.png`));
const texts = `[...document.querySelectorAll('converse-chat-message .chat-msg__text')].map((one) => one.textContent.trim())`;
const heard = (page, text) => until(page, `${texts}.includes(${q(text)})`);

/** Types into the field that this selector finds. */
async function fill(page, selector, text) {
  await until(page, `document.querySelector(${q(selector)})`);
  await page.value(`document.querySelector(${q(selector)}).focus()`);
  await page.type(text);
}

/** Opens the chat with this user, and waits until it can be typed into. */
async function looksAt(page, user) {
  await page.value(`chat.open('${user}@${kDomain}')`);
  await until(page, `document.querySelector('.chat-textarea')`);
}

/** Somebody at a page of an origin of their own, logged in through the form that Converse.js shows. */
async function comes(home, user, parameters) {
  const page = await browser.open(home.page(parameters, '/converse.html'));
  await fill(page, 'converse-login-form input[name=jid]', `${user}@${kDomain}`);
  await fill(page, 'converse-login-form input[name=password]', 'secret\n');
  await until(page, 'chat.available()');
  return page;
}

test('Converse.js finds WebSocket by host-meta, another is at BOSH; they talk; both reload and go on (W-04 W-11 W-32 W-44 W-49 B-54 H-29)', ours, async () => {
  const [alice, bob] = await Promise.all([
    comes(homes[0], 'alice', direct ? { websocket: `wss://${kDomain}/xmpp-websocket` } : {}),
    comes(homes[1], 'bob', { bosh: `https://${kDomain}/http-bind` }),
  ]);
  assert.equal(await alice.value('chat.kind()'), 'websocket');
  assert.equal(await alice.value('chat.service()'), `wss://${kDomain}/xmpp-websocket`);
  assert.equal(await bob.value('chat.kind()'), 'bosh');

  // Both look at the chat before anybody speaks: Converse.js may not show what comes while it opens one, though it confirms it.
  for (const [page, other] of [[alice, 'bob'], [bob, 'alice']]) await looksAt(page, other);
  await fill(alice, '.chat-textarea', 'Grüße <&> \u{1F600} über WebSocket\n');
  await heard(bob, 'Grüße <&> \u{1F600} über WebSocket');
  await fill(bob, '.chat-textarea', 'und zurück über BOSH\n');
  await heard(alice, 'und zurück über BOSH');
  await Promise.all([picture(alice, 'websocket'), picture(bob, 'bosh')]);

  for (const [page, other, name] of [[alice, bob, 'websocket'], [bob, alice, 'bosh']]) {
    await page.reload();
    await until(page, `chat.connections.length`);
    assert.deepEqual(await page.value('chat.connections'), ['connected']);
    assert.equal(await page.value('chat.kind()'), name);
    assert.equal(await page.value('chat.resumed()'), true);
    await looksAt(page, page === alice ? 'bob' : 'alice');
    await heard(page, 'und zurück über BOSH');
    await heard(page, 'Grüße <&> \u{1F600} über WebSocket');
    await fill(other, '.chat-textarea', `after the reload of ${name}\n`);
    await heard(page, `after the reload of ${name}`);
    await picture(page, `${name}-reloaded`);
  }
  assert.deepEqual([...alice.errors, ...bob.errors], []);
});

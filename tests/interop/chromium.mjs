// chromium.mjs - a headless Chromium for one test program, told what to do by its DevTools protocol over a pair of pipes.
// Everything it writes is in a folder of its own. It owns the browser process, `close` ends it.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

import { folder } from './processes.mjs';
import { within } from './strophe_in_node.mjs';

const kFlags = [
  '--headless', '--remote-debugging-pipe', '--no-startup-window', '--no-first-run', '--disable-gpu', '--disable-quic',
  '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-extensions', '--no-proxy-server', '--window-size=1100,760',
];

export class Chromium {
  #child;
  #log = path.join(folder, 'chromium.log');
  #ended;
  #last = 0;
  #waiting = new Map(); // id of a command -> [resolve, reject]
  #rest = '';
  pages = new Map(); // DevTools session -> Page

  /** `hosts` are names it can resolve, each with its address:port; `trusted` are hashes of keys whose certificates it takes. */
  constructor({ hosts = {}, trusted = [] } = {}) {
    const rules = [...Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`), 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'];
    const network = [`--host-resolver-rules=${rules.join(', ')}`, `--ignore-certificate-errors-spki-list=${trusted.join(',')}`];
    const out = fs.openSync(this.#log, 'a');
    const asRoot = process.getuid() === 0 ? ['--no-sandbox'] : [];
    this.#child = spawn('chromium', [...kFlags, ...network, ...asRoot, `--user-data-dir=${path.join(folder, 'chromium')}`],
      { stdio: ['ignore', out, out, 'pipe', 'pipe'] });
    fs.closeSync(out);
    this.#ended = once(this.#child, 'exit').then(() => this.#giveUp());
    this.#child.stdio[3].on('error', () => this.#giveUp());
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => this.#read(text));
  }

  #giveUp() {
    const why = new Error(`Chromium has ended:\n${fs.readFileSync(this.#log, 'utf8').slice(-4000)}`);
    for (const [, reject] of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }

  #read(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const message of messages.map((one) => JSON.parse(one))) {
      if (message.id === undefined) {
        this.pages.get(message.sessionId)?.hears(message);
        continue;
      }
      const [resolve, reject] = this.#waiting.get(message.id) ?? [];
      this.#waiting.delete(message.id);
      if (message.error) reject?.(new Error(`${message.error.message} ${message.error.data ?? ''}`));
      else resolve?.(message.result);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    return within(`the answer of Chromium to ${method} ${params.expression ?? ''}`, (resolve, reject) => {
      this.#waiting.set(++this.#last, [resolve, reject]);
      this.#child.stdio[3].write(`${JSON.stringify({ id: this.#last, method, params, sessionId })}\0`);
    });
  }

  /** A new tab that shows this address. */
  async open(url) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    this.pages.set(sessionId, page);
    for (const domain of ['Page', 'Runtime', 'Log']) await page.send(`${domain}.enable`);
    await page.send('Emulation.setFocusEmulationEnabled', { enabled: true }); // each tab is in front, as far as it knows
    await page.load('Page.navigate', { url });
    return page;
  }

  async close() {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

class Page {
  #browser;
  #target;
  #session;
  #loaded = () => {};
  errors = []; // exceptions that no script caught
  complaints = []; // of the browser, in its console: what a policy forbids, what was not loaded

  constructor(browser, target, session) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  hears({ method, params }) {
    if (method === 'Page.loadEventFired') this.#loaded();
    if (method === 'Log.entryAdded') this.complaints.push(params.entry.text);
    if (method === 'Runtime.exceptionThrown') this.errors.push(params.exceptionDetails.exception?.description);
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#session);
  }

  /** Resolves when the page and its scripts are there. */
  load(method, params) {
    return within(`a page after ${method}`, (resolve, reject) => {
      this.#loaded = resolve;
      this.send(method, params).catch(reject);
    });
  }

  reload() {
    return this.load('Page.reload', {});
  }

  /** The value of an expression in the page; a promise is waited for. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** What a user types, key by key as far as the page can tell; '\n' is the Enter key. */
  async type(text) {
    for (const part of text.split(/(\n)/).filter((one) => one)) {
      if (part !== '\n') await this.send('Input.insertText', { text: part });
      else for (const type of ['keyDown', 'keyUp']) await this.send('Input.dispatchKeyEvent', { type, key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' });
    }
  }

  /** What the page looks like, as a file. */
  async screenshot(file) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  /** Closes the tab. */
  async close() {
    this.#browser.pages.delete(this.#session);
    await this.#browser.send('Target.closeTarget', { targetId: this.#target });
  }
}

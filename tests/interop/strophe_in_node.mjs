// strophe_in_node.mjs - Strophe.js 5 on Node as it runs in a browser: the parts of a browser that it needs and Node lacks.
// Strophe's own Node build brings DOMParser, document and WebSocket; here are XMLHttpRequest (keep-alive connections, shared by all
// people of a scenario), sessionStorage (for restore()), and `crypto` for Node 18.
// Exports Strophe's names and `Person`: somebody who logs in, says things and waits for things.
// SPDX-License-Identifier: MIT
import http from 'node:http';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;

// Room for a held request of each of twenty people and a few more; with less, polls would keep logins waiting past their time.
const agent = new http.Agent({ keepAlive: true, maxSockets: 24 });

globalThis.XMLHttpRequest = class XMLHttpRequest {
  readyState = 0;
  status = 0;
  responseText = '';
  responseXML = null;
  onreadystatechange = null;
  #method = 'GET';
  #url = '';
  #headers = {};
  #request = null;
  #answerHeaders = '';

  open(method, url) {
    this.#method = method;
    this.#url = url;
    this.#enter(1);
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  send(text) {
    const bytes = Buffer.from(text ?? '', 'utf8');
    const headers = { ...this.#headers, 'Content-Length': bytes.length };
    const request = http.request(this.#url, { method: this.#method, agent, headers });
    this.#request = request;
    request.on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', () => this.#fail());
      response.on('end', () => {
        this.status = response.statusCode;
        this.responseText = Buffer.concat(parts).toString('utf8');
        this.responseXML = new DOMParser().parseFromString(this.responseText, 'text/xml');
        for (const [name, value] of Object.entries(response.headers)) this.#answerHeaders += `${name}: ${value}\r\n`;
        this.#enter(4);
      });
    });
    request.on('error', () => this.#fail());
    request.end(bytes);
  }

  abort() {
    this.onreadystatechange = null;
    this.#request?.destroy();
    this.readyState = 0;
  }

  getAllResponseHeaders() {
    return this.#answerHeaders;
  }

  #fail() {
    if (this.readyState === 4) return;
    this.status = 0;
    this.#enter(4);
  }

  #enter(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
};

const stored = new Map();
globalThis.sessionStorage = {
  setItem: (key, value) => void stored.set(key, String(value)),
  getItem: (key) => stored.get(key) ?? null,
  removeItem: (key) => void stored.delete(key),
};

const { Strophe, $iq, $msg, $pres } = await import('strophe.js');
// xmldom has no ParentNode.children, by which Strophe finds the namespace of an iq's payload.
const elementPrototype = Object.getPrototypeOf(document.implementation.createDocument(null, 'x', null).documentElement);
if (!('children' in elementPrototype)) {
  Object.defineProperty(elementPrototype, 'children', {
    get() { return [...this.childNodes].filter((node) => node.nodeType === 1); },
  });
}
Strophe.setLogLevel(Strophe.LogLevel.FATAL);
export { Strophe, $iq, $msg, $pres };

const kPatience = 20_000; // the longest a scenario waits for one thing
const statusName = Object.fromEntries(Object.entries(Strophe.Status).map(([name, value]) => [value, name]));

/** A promise that is rejected when nothing comes, saying what was waited for: a text, or a function that tells it then. */
export function within(what, make, patience = kPatience) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing after ${patience / 1000} s: ${typeof what === 'function' ? what() : what}`)), patience);
    make(
      (value) => (clearTimeout(timer), resolve(value)),
      (error) => (clearTimeout(timer), reject(error)),
    );
  });
}

/** What a tab remembers of a stream to resume: of this person only, where sessionStorage is everybody's here. */
function memory() {
  const kept = new Map();
  return { load: (key) => kept.get(key) ?? null, save: (key, state) => void kept.set(key, structuredClone(state)), clear: (key) => void kept.delete(key) };
}

/**
 * Somebody at a browser. `mechanism` is one of Strophe.SASL…; without it Strophe chooses the best on offer. With `resumes` there is
 * stream management (XEP-0198), which Strophe has over WebSocket only.
 */
export class Person {
  static everybody = new Set();

  /** Stops the timers of all that are still connected: without it the program would never end. */
  static everybodyVanishes() {
    for (const person of Person.everybody) person.vanish();
    Person.everybody.clear();
  }

  constructor(url, { mechanism, wait = 60, resumes = false } = {}) {
    const mechanisms = mechanism ? { mechanisms: [mechanism] } : {};
    const management = { enableStreamManagement: resumes, streamManagement: { storage: memory() } };
    this.connection = new Strophe.Connection(url, { keepalive: true, ...mechanisms, ...management });
    this.wait = wait;
    this.wire = []; // over WebSocket: ['in' or 'out', message] in order
    this.connection.rawInput = (text) => this.wire.push(['in', text]);
    this.connection.rawOutput = (text) => this.wire.push(['out', text]);
    this.log = []; // [name of the status, condition] in order
    this.watchers = new Set();
    Person.everybody.add(this);
  }

  #onStatus = (status, condition) => {
    const entry = [statusName[status], condition ?? ''];
    this.log.push(entry);
    for (const watcher of [...this.watchers]) watcher(entry);
  };

  /** Resolves with the condition when the status is reached; rejects when another final one comes first. */
  #reached(name, start) {
    return within(() => `status ${name}, after ${JSON.stringify(this.log)}`, (resolve, reject) => {
      const watcher = ([status, condition]) => {
        const final = ['CONNFAIL', 'AUTHFAIL', 'DISCONNECTED', 'ERROR'].includes(status);
        if (status !== name && !final) return;
        this.watchers.delete(watcher);
        if (status === name) resolve(condition);
        else reject(new Error(`${status} ${condition}`));
      };
      this.watchers.add(watcher);
      start();
    });
  }

  login(jid, password) {
    return this.#reached('CONNECTED', () => this.connection.connect(jid, password, this.#onStatus, this.wait, 1));
  }

  /** Resolves with the condition that the failed login was told. */
  failToLogin(jid, password) {
    return this.#reached('CONNFAIL', () => this.connection.connect(jid, password, this.#onStatus, this.wait, 1));
  }

  attach(jid, sid, rid) {
    return this.#reached('ATTACHED', () => this.connection.attach(jid, sid, rid, this.#onStatus, this.wait, 1));
  }

  restore(jid) {
    return this.#reached('ATTACHED', () => this.connection.restore(jid, this.#onStatus, this.wait, 1));
  }

  logout() {
    return this.#reached('DISCONNECTED', () => this.connection.disconnect('done'));
  }

  /** Over WebSocket: the network fails, with a FIN or a reset; Strophe notices, and `login` would resume. */
  cut(how) {
    return this.#reached('DISCONNECTED', () => {
      const { socket } = this.connection._proto;
      if (how === 'reset') socket._socket.resetAndDestroy();
      else socket.terminate();
    });
  }

  /** The page goes away without a word: open requests or the socket are cut, timers stop; the session stays with the server. */
  vanish() {
    const connection = this.connection;
    const { socket } = connection._proto;
    if (socket) {
      socket.onclose = socket.onerror = socket.onmessage = null;
      socket.terminate();
    }
    const left = { jid: connection.jid, sid: connection._proto.sid, rid: connection._proto.rid };
    clearTimeout(connection._idleTimeout);
    connection._proto._abortAllRequests();
    connection.paused = true;
    connection._onIdle = () => {};
    return left;
  }

  ask(iq) {
    return within('the answer to an iq', (resolve, reject) =>
      this.connection.sendIQ(iq, resolve, (error) => reject(new Error(error ? Strophe.serialize(error) : 'iq timeout'))));
  }

  /** The text of the next message; call it before the message is sent. */
  nextMessage(from = null) {
    return within('a message', (resolve) =>
      this.connection.addHandler((stanza) => {
        const body = stanza.getElementsByTagName('body')[0];
        if (!body) return true;
        resolve({ from: stanza.getAttribute('from'), text: body.textContent });
        return false;
      }, null, 'message', null, null, from));
  }

  say(to, text) {
    this.connection.send($msg({ to, type: 'chat', id: this.connection.getUniqueId() }).c('body').t(text));
  }

  async exchange(to, text) {
    const heard = this.nextMessage();
    this.say(to, text);
    return heard;
  }
}

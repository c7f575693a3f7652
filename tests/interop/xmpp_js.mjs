// xmpp_js.mjs - xmpp.js on Node over WebSocket: `Someone` logs in, says things and waits for things, as Strophe's `Person` does.
// xmpp.js takes the WebSocket it finds; Node has one of its own only from 22 on, so it is given the one of npm's ws.
// SPDX-License-Identifier: MIT
import WebSocket from 'ws';

import { within } from './strophe_in_node.mjs';

globalThis.WebSocket = WebSocket;
const { client, xml } = await import('@xmpp/client');
export { xml };

export class Someone {
  static everybody = new Set();
  static everybodyVanishes() {
    for (const someone of Someone.everybody) someone.vanish();
    Someone.everybody.clear();
  }

  errors = []; // conditions and words of errors, in order
  elements = []; // what came, in order

  constructor(service, { username, resource }) {
    this.xmpp = client({ service, domain: 'chat.example', username, password: 'secret', resource });
    this.xmpp.on('error', (error) => this.errors.push(error.condition ?? error.message));
    this.xmpp.on('element', (element) => this.elements.push(element));
    Someone.everybody.add(this);
  }

  get jid() {
    return this.xmpp.jid.toString();
  }

  login() {
    return within(() => `online: ${this.errors}`, (resolve, reject) => this.xmpp.start().then(resolve, reject));
  }

  /** Resolves with the <close/> of the other side, once the socket is closed, too. */
  logout() {
    Someone.everybody.delete(this);
    return within('the end of a connection', (resolve, reject) => this.xmpp.stop().then(resolve, reject));
  }

  /** Resolves with its arguments when this event comes. */
  next(event) {
    return within(`${event} of xmpp.js, after ${this.errors}`, (resolve) => this.xmpp.once(event, (...all) => resolve(all)));
  }

  nextMessage() {
    return within('a message', (resolve) => {
      const look = (stanza) => {
        const text = stanza.is('message') ? stanza.getChildText('body') : null;
        if (text === null) return;
        this.xmpp.off('stanza', look);
        resolve({ from: stanza.attrs.from, text });
      };
      this.xmpp.on('stanza', look);
    });
  }

  say(to, text) {
    return this.xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, text)));
  }

  ask(iq) {
    return this.xmpp.iqCaller.request(iq);
  }

  /** The network fails; xmpp.js notices and connects again by itself. */
  cut() {
    this.xmpp.socket.socket._socket.resetAndDestroy();
  }

  vanish() {
    this.xmpp.reconnect.stop();
    this.xmpp.socket?.socket?.terminate();
  }
}

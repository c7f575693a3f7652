// chat.mjs - a web chat in a page, with Strophe.js. The test calls `chat`; the page shows what happens.
// Its address says how: ?bosh=URL of nxb, &credentials (cookies go along), &after_reload=restore or attach,
// &goodbye (a beacon ends the session when the page goes).
// SPDX-License-Identifier: MIT
import { $iq, $msg, $pres, Strophe } from './strophe.esm.js';

const how = new URLSearchParams(location.search);
const statusName = Object.fromEntries(Object.entries(Strophe.Status).map(([name, value]) => [value, name]));
const connection = new Strophe.Connection(how.get('bosh'), { keepalive: true, withCredentials: how.has('credentials') });

const heard = [];
const statuses = [];
const waiting = new Set(); // looked at after each event
function noticed() {
  document.getElementById('status').textContent = statuses.join(' ');
  for (const look of [...waiting]) look();
}
function until(condition) {
  return new Promise((resolve) => {
    const look = () => condition() && (waiting.delete(look), resolve());
    waiting.add(look);
    look();
  });
}

function onMessage(stanza) {
  const text = stanza.getElementsByTagName('body')[0]?.textContent;
  if (text === undefined) return true;
  heard.push({ from: stanza.getAttribute('from'), text });
  document.getElementById('heard').appendChild(document.createElement('li')).textContent = text;
  noticed();
  return true;
}

function onStatus(status, condition) {
  if (statusName[status] === 'ATTACHED') connection.addHandler(onMessage, null, 'message');
  statuses.push(condition ? `${statusName[status]}: ${condition}` : statusName[status]);
  noticed();
}

const settled = () => until(() => ['CONNECTED', 'ATTACHED', 'DISCONNECTED', 'AUTHFAIL', 'CONNFAIL'].includes(statuses.at(-1)))
  .then(() => statuses.at(-1));

globalThis.chat = {
  heard,
  settled,
  login(jid, password) {
    connection.connect(jid, password, onStatus);
    return settled().then((status) => (connection.addHandler(onMessage, null, 'message'), status));
  },
  logout() {
    connection.disconnect('done');
    return until(() => statuses.at(-1) === 'DISCONNECTED');
  },
  say: (to, text) => connection.send($msg({ to, type: 'chat' }).c('body').t(text)),
  tellPresence: (to) => connection.send($pres(to ? { to } : {})),
  ping: (to) => new Promise((resolve, reject) =>
    connection.sendIQ($iq({ type: 'get', to }).c('ping', { xmlns: 'urn:xmpp:ping' }), () => resolve(true), reject)),
  hears: (count) => until(() => heard.length >= count).then(() => heard),
};

addEventListener('pagehide', () => {
  const { sid, rid } = connection._proto;
  if (how.get('after_reload') === 'attach') sessionStorage.setItem('left', JSON.stringify({ jid: connection.jid, sid, rid }));
  if (how.has('goodbye')) {
    navigator.sendBeacon(how.get('bosh'), // a string: its type is text/plain, for which no browser asks first
      `<body rid='${rid}' sid='${sid}' type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>`);
  }
});

const left = JSON.parse(sessionStorage.getItem('left'));
if (left) {
  sessionStorage.removeItem('left');
  connection.attach(left.jid, left.sid, left.rid, onStatus);
} else if (how.get('after_reload') === 'restore' && sessionStorage.getItem('strophe-bosh-session')) {
  connection.restore(null, onStatus);
}

// chat.mjs URL JID PASSWORD - logs in with Strophe.js over BOSH, says hello to itself, and shows who said what.
// Exit 0 when the message came back. The browser's side of Node is tests/interop/strophe_in_node.mjs.
// SPDX-License-Identifier: MIT
import { Person } from '../tests/interop/strophe_in_node.mjs';

const [url, jid, password] = process.argv.slice(2);
const person = new Person(url, { wait: 10 });

const short = (text, length = 60) => (text.length > length ? `${text.slice(0, length)}…` : text);
const all = (element, name) => [...element.getElementsByTagName(name)];

function payloadInWords(element) {
  const words = [element.localName];
  if (element.localName === 'features') {
    const mechanisms = all(element, 'mechanism').map((one) => one.textContent);
    return mechanisms.length ? `you may log in by ${mechanisms.join(', ')}` : 'you are in; bind a resource';
  }
  if (element.getAttribute('mechanism')) words.push(`by ${element.getAttribute('mechanism')}`);
  if (element.getAttribute('type')) words.push(element.getAttribute('type'));
  if (all(element, 'bind').length) words.push('bind', ...all(element, 'jid').map((one) => one.textContent));
  const said = all(element, 'body')[0];
  if (said) words.push(`“${short(said.textContent)}”`);
  return words.join(' ');
}

function bodyInWords(body) {
  const words = [];
  if (body.getAttribute('sid') && body.getAttribute('wait')) {
    words.push(`session ${short(body.getAttribute('sid'), 8)}, wait ${body.getAttribute('wait')} s, hold ${body.getAttribute('hold')}`);
  } else if (body.getAttribute('rid') && body.getAttribute('wait')) {
    words.push(`a session with ${body.getAttribute('to')}, please`);
  }
  if (body.getAttribute('xmpp:restart')) words.push('a new stream, please');
  if (body.getAttribute('type')) words.push(body.getAttribute('type') + (body.getAttribute('condition') ? `: ${body.getAttribute('condition')}` : ''));
  for (const node of [...body.childNodes]) if (node.nodeType === 1) words.push(payloadInWords(node));
  return words.length ? words.join('; ') : body.getAttribute('rid') ? 'anything new?' : 'nothing new';
}

person.connection.xmlOutput = (body) => console.log(`  client  rid …${body.getAttribute('rid').slice(-4)}  ${bodyInWords(body)}`);
person.connection.xmlInput = (body) => console.log(`  nxb                ${bodyInWords(body)}`);

try {
  await person.login(jid, password);
  const hello = `Hello from Strophe.js, over BOSH, at ${new Date().toLocaleTimeString('en-GB')}`;
  const heard = await person.exchange(person.connection.jid, hello);
  if (heard.text !== hello) throw new Error(`something else came back: ${heard.text}`);
  await person.logout();
  console.log(`It works: ${person.connection.jid ?? jid} heard itself.`);
  process.exit(0);
} catch (error) {
  console.error(`It does not work: ${error.message}`);
  process.exit(1);
}

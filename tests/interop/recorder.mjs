// recorder.mjs - a proxy between a client and nxb that passes every byte on at once and remembers the requests that went by.
// Runs in the test's own process. It owns its sockets; `stop` ends them. It reads as much HTTP as nxb and its clients speak:
// messages framed by Content-Length.
// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import net from 'node:net';

/** Calls back with { line, headers, body } for each whole message of one direction. */
function splitter(onMessage) {
  let bytes = Buffer.alloc(0);
  return (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (;;) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [line, ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n');
      const headers = Object.fromEntries(fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }));
      const whole = end + 4 + Number(headers['content-length'] ?? 0);
      if (bytes.length < whole) return;
      const body = bytes.subarray(end + 4, whole).toString('utf8');
      bytes = bytes.subarray(whole);
      onMessage({ line, headers, body });
    }
  };
}

/**
 * A recorder in front of `url`. Each entry of `requests` is { connection, method, headers, body, before, answer }:
 * `connection` counts from 0, `before` is how many requests of that connection were unanswered when this one came, and
 * `answer` is { line, headers, body } once there is one.
 */
export async function recorder(url) {
  const target = new URL(url);
  const requests = [];
  const sockets = new Set();
  const watchers = new Set();
  let connections = 0;

  const noticed = () => { for (const watcher of [...watchers]) watcher(); };
  const server = net.createServer((client) => {
    const connection = connections++;
    const gate = net.connect(Number(target.port), target.hostname);
    const open = []; // requests that have no answer yet, oldest first
    const up = splitter(({ line, headers, body }) => {
      const request = { connection, method: line.split(' ')[0], headers, body, before: open.length, answer: null };
      open.push(request);
      requests.push(request);
      noticed();
    });
    const down = splitter((answer) => {
      const request = open.shift();
      if (request) request.answer = answer;
      noticed();
    });
    for (const [from, to, read] of [[client, gate, up], [gate, client, down]]) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => (read(bytes), to.write(bytes)));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => (sockets.delete(from), to.destroySoon()));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${server.address().port}${target.pathname}`,
    requests,
    /** Resolves once `condition(requests)` holds. */
    until: (what, condition, patience = 20_000) => new Promise((resolve, reject) => {
      const late = setTimeout(() => (watchers.delete(look), reject(new Error(`nothing after ${patience / 1000} s: ${what}`))), patience);
      const look = () => {
        if (!condition(requests)) return;
        clearTimeout(late);
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    }),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// page_server.mjs - an origin: serves page/, Strophe.js and Converse.js to a browser, and can keep it waiting.
// Runs in the test's own process. It owns its listening socket and connections; `stop` ends them.
// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { within } from './strophe_in_node.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const kFiles = {
  '/': ['page/index.html', 'text/html; charset=utf-8'],
  '/chat.mjs': ['page/chat.mjs', 'text/javascript; charset=utf-8'],
  '/strophe.esm.js': ['node_modules/strophe.js/dist/strophe.esm.js', 'text/javascript; charset=utf-8'],
  '/converse.html': ['page/converse.html', 'text/html; charset=utf-8'],
  '/converse.mjs': ['page/converse.mjs', 'text/javascript; charset=utf-8'],
};
const kTypes = { js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml', wasm: 'application/wasm' };

/** The file behind a path, with its type: one of the above, or one that Converse.js brings. */
function fileAt(pathname) {
  const [, ours] = /^\/converse\.js\/([\w./-]+)$/.exec(pathname) ?? [];
  if (!ours || ours.includes('..')) return kFiles[pathname] ?? [];
  return [`node_modules/converse.js/dist/${ours}`, kTypes[ours.split('.').at(-1)] ?? 'application/octet-stream'];
}

/** Resolves to { origin, page(parameters), hold(path), stop }. */
export async function pageServer() {
  let held = null; // { path, asked, released }
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://page');
    if (held?.path === pathname) {
      held.asked();
      await held.released;
    }
    const [file, type] = fileAt(pathname);
    if (!file || !fs.existsSync(path.join(here, file))) return response.writeHead(404).end();
    // not cached: a reload asks for everything again
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(fs.readFileSync(path.join(here, file)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    page: (parameters, pathname = '/') => `${origin}${pathname}?${new URLSearchParams(parameters)}`,
    /** From now on this file is kept back: { asked: promise that somebody wants it, release() }. */
    hold(pathname) {
      let release;
      const released = new Promise((resolve) => (release = () => ((held = null), resolve())));
      const asked = within(`a request for ${pathname}`, (resolve) => (held = { path: pathname, asked: resolve, released }));
      return { asked, release };
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

// processes.mjs - the processes a scenario needs, private to it: nxb, Prosody, ejabberd, certificates.
// All on loopback, all files in one temporary folder, everything ended by its own process id.
// With NXB_INTEROP_DIRECT=1 there is no nxb: clients use the XMPP server's own BOSH and WebSocket, which tells whether
// a failure is the client's (this folder's) fault.
// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const servers = path.join(here, '..', 'servers');
export const direct = process.env.NXB_INTEROP_DIRECT === '1';

process.env.PATH += ':/usr/sbin'; // where Debian has servers, and users do not look

const kStartWithin = 60_000;
const kStopWithin = 20_000;
const running = new Set();
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nxb-'));

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, condition, child) {
  const end = Date.now() + kStartWithin;
  while (!(await condition())) {
    if (child.exitCode !== null) throw new Error(`${what} ended with ${child.exitCode}:\n${child.output()}`);
    if (Date.now() > end) throw new Error(`${what} is not ready after ${kStartWithin / 1000} s:\n${child.output()}`);
    await pause(50);
  }
}

export const answers = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('connect', () => (socket.destroy(), resolve(true)));
  socket.on('error', () => resolve(false));
});

/** A process of this program: it is ended with it. */
export function start(name, command, args) {
  const log = path.join(folder, `${name}.log`);
  const out = fs.openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', out, out] });
  fs.closeSync(out);
  child.output = () => fs.readFileSync(log, 'utf8').slice(-4000);
  child.on('error', () => {}); // exitCode stays null then; `until` gives up on its own
  running.add(child);
  return child;
}

export async function stop(child) {
  if (!running.delete(child) || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), kStopWithin);
  await gone;
  clearTimeout(hard);
}

export async function stopAll() {
  for (const child of [...running].reverse()) await stop(child);
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 }); // a browser's last helpers may still write
}

// Whatever ends this program, what it started ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

/** Why what needs this program cannot be tried here, or null. */
export function missing(command) {
  const found = spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
  return found ? null : `${command} IS NOT INSTALLED: its scenarios did not run`;
}

let made = 0;

/** A Prosody or an ejabberd; `certificate` (see certificates()) makes Prosody require STARTTLS, `hashed` keep its salts; `resumable`: XEP-0198; `proxied`: ejabberd expects a PROXY header. */
export async function xmppServer(kind, { certificate, hashed, resumable, proxied } = {}) {
  const [port, http] = [await freePort(), direct ? await freePort() : null];
  const name = `${kind}${++made}`;
  const dir = path.join(folder, name);
  const args = ['--dir', dir, '--port', String(port)];
  if (http) args.push('--http', String(http));
  if (hashed) args.push('--hashed');
  if (resumable) args.push('--resumable');
  if (proxied) args.push('--proxied');
  if (certificate) args.push('--certificate', certificate.certificate, '--key', certificate.key);
  const child = start(name, path.join(servers, kind), args);
  const ready = kind === 'ejabberd' ? () => fs.existsSync(path.join(dir, 'ready')) : () => true;
  await until(kind, async () => ready() && (await answers(port)) && (!http || (await answers(http))), child);
  const log = () => fs.readFileSync(path.join(dir, 'logs', 'ejabberd.log'), 'utf8');
  return { kind, port, http, log, stop: () => stop(child) };
}

/** One authority and a certificate for each name: { ca, of(name) }. */
export function certificates(...names) {
  const dir = path.join(folder, 'certificates');
  const made = spawnSync(path.join(servers, 'certificates'), [dir, ...names], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`certificates: ${made.stderr}`);
  return {
    ca: path.join(dir, 'ca.crt'),
    of: (name) => ({ certificate: path.join(dir, `${name}.crt`), key: path.join(dir, `${name}.key`) }),
  };
}

/** The counters of a running nxb, all workers together, from its admin socket. */
async function countersAt(adminSocket) {
  const socket = net.connect(adminSocket);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => (answer += text)).end('{"command":"stats"}\n');
  await once(socket, 'close');
  return JSON.parse(answer).total;
}

/**
 * nxb with the domains of the XMPP server mapped to it; resolves to { port, url, websocket, output, counters, countersReach, stop }.
 * `listen`, `http`, `bosh`, `websocket`, `discovery` and `domain` are lines of those sections; `program` is the socket of one that takes the server's place.
 */
export async function nxb(server, { tls = 'off', ca = '', workers = 3, listen = [], http = [], bosh = [], websocket = [], discovery = [], domain = [], program } = {}) {
  const urls = (port) => ({ port, url: `http://127.0.0.1:${port}/http-bind`, websocket: `ws://127.0.0.1:${port}/xmpp-websocket` });
  if (direct) return { ...urls(server.http), stop: async () => {} };
  const supervisor = process.env.NXB_SUPERVISOR;
  if (!supervisor) throw new Error('NXB_SUPERVISOR must name the nxb-supervisor to try');
  const port = await freePort();
  const name = `nxb${++made}`;
  const file = path.join(folder, `${name}.toml`);
  const external = `[upstream]\nkind = "external"\n[external]\nsocket = "${program}"\n`;
  const domains = program ? [external] : ['chat.example', 'anon.example'].map((name) =>
    [`[[upstream.domain]]\nname = "${name}"\ntarget = "127.0.0.1:${server.port}"\ntls = "${tls}"\ntls_ca = "${ca}"`, ...domain, ''].join('\n'));
  const adminSocket = path.join(folder, `${name}.sock`);
  fs.writeFileSync(file, [
    `[server]\nworkers = ${workers}\nadmin_socket = "${adminSocket}"\nshutdown_timeout = 0\n`,
    `[[listen]]\naddress = "127.0.0.1:${port}"`, ...listen, '[http]', ...http, '[bosh]', ...bosh,
    '[websocket]', ...websocket, '[discovery]', ...discovery, ...domains,
  ].join('\n'));
  const child = start(name, supervisor, ['-c', file]);
  await until('nxb', () => answers(port), child);
  const counters = () => countersAt(adminSocket);
  return {
    ...urls(port),
    output: child.output,
    counters,
    /** Resolves once `condition(counters)` holds. */
    countersReach: (what, condition) => until(what, async () => condition(await counters()), child),
    stop: () => stop(child),
  };
}

// nginx.mjs - a real nginx between clients and nxb, all its files in the test's folder. It is ended with the test program.
// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { answers, folder, freePort, start, stop, until } from './processes.mjs';

// What the README tells users to write, and a header by which a test knows which configuration answered.
const site = ({ port, target, lines = [] }, generation) => `
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${target};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffering off;
      add_header X-Generation ${generation} always;
      ${lines.join('\n      ')}
    }
  }`;

const configuration = (dir, sites, generation) => `
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 2;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 256; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${dir}/${one};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  ${sites.map((one) => site(one, generation)).join('')}
}
`;

/**
 * An nginx with a server for each of these: { target: port of nxb, lines: more of its location }.
 * Resolves to { url(index, path), websocket(index), reload(generation), stop }; the first generation is 1.
 */
export async function nginx(...wanted) {
  const dir = path.join(folder, 'nginx');
  fs.mkdirSync(dir, { recursive: true });
  const sites = [];
  for (const one of wanted) sites.push({ ...one, port: await freePort() });
  const file = path.join(dir, 'nginx.conf');
  const itself = ['-p', dir, '-c', file, '-e', path.join(dir, 'error.log')];
  const write = (generation) => fs.writeFileSync(file, configuration(dir, sites, generation));
  write(1);
  const child = start('nginx', 'nginx', [...itself, '-g', 'daemon off;']);
  await until('nginx', () => answers(sites[0].port), child);
  return {
    url: (index, pathname) => `http://127.0.0.1:${sites[index].port}${pathname}`,
    websocket: (index) => `ws://127.0.0.1:${sites[index].port}/xmpp-websocket`,
    /** `nginx -s reload` with another generation; resolves when new connections have it. */
    async reload(generation) {
      write(generation);
      const done = spawnSync('nginx', [...itself, '-s', 'reload'], { encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`nginx -s reload: ${done.stderr}`);
      await until('the new nginx', async () => {
        const answer = await fetch(`http://127.0.0.1:${sites[0].port}/`);
        return answer.headers.get('x-generation') === String(generation);
      }, child);
    },
    stop: () => stop(child),
  };
}

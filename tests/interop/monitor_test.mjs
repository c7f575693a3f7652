// monitor_test.mjs - the monitor page in a real browser: its figures, its charts, its policy, a phone, and no script at all.
// Screenshots go to NXB_SCREENSHOTS, to be looked at.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Chromium } from './chromium.mjs';
import { direct, folder, missing, nxb, stopAll } from './processes.mjs';

const why = missing('chromium');
if (why) console.error(`\n*** ${why} ***\n`);
const ours = { skip: why ?? (direct ? 'a matter of nxb' : false) };

let browser, gate, url;
before(async () => {
  if (ours.skip) return;
  gate = await nxb(null, { program: path.join(folder, 'nobody.sock'), workers: 16 });
  url = `http://127.0.0.1:${gate.port}/`;
  browser = new Chromium();
});
after(async () => {
  await browser?.close();
  await stopAll();
});

const picture = async (page, name) => {
  if (process.env.NXB_SCREENSHOTS) await page.screenshot(path.join(process.env.NXB_SCREENSHOTS, `monitor-${name}.png`));
};
const size = (page, width, height) => page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 });
const scheme = (page, value) => page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
const texts = (page, what) => page.value(`[...document.querySelectorAll(${JSON.stringify(what)})].map((one) => one.textContent)`);

/** The page has taken fresh figures that often. */
const refreshed = (page, times) => page.value(`new Promise((done) => {
  const root = document.documentElement;
  const enough = () => Number(root.dataset.refreshed) >= ${times} && done(true);
  new MutationObserver(enough).observe(root, { attributes: true });
  enough();
})`);

test('O-21 C-29 the page shows the figures, draws the charts and refreshes them without a reload', ours, async () => {
  const page = await browser.open(url);
  await refreshed(page, 1);
  assert.match((await texts(page, 'h1'))[0], /^nxb on /);
  assert.equal((await texts(page, '#workers tr')).length, 16);
  assert.deepEqual((await texts(page, '#tiles span')).slice(0, 2), ['0/0 active sessions', '0/0 active streams']);
  assert.equal((await texts(page, '#charts h2')).length, 6);
  const before = (await texts(page, '#uptime'))[0];
  await page.value('window.same = true');
  await refreshed(page, 3);
  assert.notEqual((await texts(page, '#uptime'))[0], before);
  assert.equal(await page.value('window.same'), true); // no reload
  assert.ok((await page.value("document.querySelector('#charts path.one').getAttribute('d')")).startsWith('M'));
  await size(page, 1200, 1500);
  await picture(page, 'desktop-light');
  await scheme(page, 'dark');
  await picture(page, 'desktop-dark');
  assert.deepEqual([page.errors, page.complaints], [[], []]);
});

test('O-21 on a phone nothing is wider than the screen, in light and dark', ours, async () => {
  const page = await browser.open(url);
  await size(page, 375, 812);
  await refreshed(page, 1);
  assert.ok((await page.value('document.documentElement.scrollWidth')) <= 375);
  await size(page, 375, 2600);
  await picture(page, 'phone-light');
  await scheme(page, 'dark');
  await picture(page, 'phone-dark');
  assert.deepEqual([page.errors, page.complaints], [[], []]);
});

test('O-21 without JavaScript the figures are there', ours, async () => {
  const page = await browser.open('about:blank');
  await page.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.load('Page.navigate', { url });
  assert.equal((await texts(page, '#workers tr')).length, 16);
  assert.match((await texts(page, '#uptime'))[0], /^Uptime: 00:0\d:\d\d$/);
  assert.equal(await page.value("getComputedStyle(document.querySelector('#charts')).display"), 'none');
  assert.equal(await page.value('document.documentElement.dataset.refreshed ?? null'), null);
  await size(page, 1200, 900);
  await picture(page, 'no-script');
});

test('H-21 O-21 a script that got into the page would not run', ours, async () => {
  const page = await browser.open(url);
  await page.value(`document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))`);
  assert.equal(await page.value('window.ran ?? null'), null);
  assert.match(page.complaints.join(), /Content Security Policy/);
});

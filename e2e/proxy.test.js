/** The page behind a reverse proxy: under a path of its own, and where the proxy holds the stream back. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { STATES, stars } from './farm.js';
import { allOpen, begin, clear, collector, end, farm, look, open, until } from './harness.js';

before(begin);
/** @type {import('node:http').Server[]} */
const proxies = [];
afterEach(async () => {
  await clear();
  for (const proxy of proxies.splice(0)) {
    proxy.closeAllConnections();
    proxy.close();
  }
});
after(end);

/**
 * A proxy of the collector under /tools/star/.
 * @param {string} url the collector's
 * @param {{ holding: boolean }} how whether the stream's bytes are kept back
 */
async function proxied(url, how) {
  const prefix = '/tools/star';
  /** @type {string[]} */
  const strays = [];
  const proxy = createServer((ask, answer) => {
    if (!ask.url?.startsWith(`${prefix}/`)) {
      if (ask.url !== '/') strays.push(ask.url ?? '');
      answer.writeHead(ask.url === '/' ? 200 : 404).end();
      return;
    }
    const forward = request(new URL(ask.url.slice(prefix.length), url), { method: ask.method, headers: ask.headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers);
      const stream = ask.url?.includes('/events');
      /** @type {Buffer[]} */
      const held = [];
      from.on('data', (data) => {
        if (stream && how.holding) held.push(data);
        else answer.write(Buffer.concat([...held.splice(0), data]));
      });
      from.on('end', () => answer.end());
    });
    forward.on('error', () => answer.destroy());
    answer.on('close', () => forward.destroy());
    ask.pipe(forward);
  });
  proxies.push(proxy);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return { strays, url: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (proxy.address()).port}${prefix}/` };
}

async function sky() {
  const probes = await farm();
  const lab = stars(probes);
  lab.set(STATES['no policy']);
  const { url, collect } = await collector(Object.entries(lab.urls).map(([id, to]) => ({ id, url: to })));
  collect();
  await until('the collector', 10_000, () => fetch(url).then(() => true, () => false), Boolean);
  return { url, lab };
}

test('under a path of a proxy everything is found', async () => {
  const { url, lab } = await sky();
  const { url: to, strays } = await proxied(url, { holding: false });
  const { page, faults } = await open(to);
  await until('open graph', 15_000, () => look(page), allOpen);
  lab.set(STATES['frontend policy']);
  await until('the change', 8000, () => look(page), ({ paths }) => paths === '2 of 6 paths open');
  await page.keyboard.press(',');
  await until('the past', 8000, () => look(page), ({ past }) => past !== '');
  assert.ok(new URL(page.url()).pathname === '/tools/star/');
  assert.deepEqual([strays, faults], [[], []]);
});

test('where a proxy holds the stream back the page asks, and says nothing wrong; when the stream comes it is heard again', async () => {
  const { url, lab } = await sky();
  const how = { holding: true };
  const { url: to } = await proxied(url, how);
  const { page, faults } = await open(to);
  await until('open graph', 15_000, () => look(page), allOpen);
  await page.evaluate(() => {
    /** @type {string[]} */
    const statuses = [];
    Reflect.set(window, 'statuses', statuses);
    new MutationObserver(() => statuses.push(document.getElementById('status')?.textContent ?? '')).observe(document, { subtree: true, childList: true, characterData: true });
  });
  lab.set(STATES['frontend policy']);
  await until('the change', 8000, () => look(page), ({ paths }) => paths === '2 of 6 paths open');
  /** @type {string[]} */
  const streams = [];
  page.on('request', (asked) => { if (asked.url().endsWith('/events')) streams.push(asked.url()); });
  await until('a stream given up for the next one', 20_000, async () => streams.length, (n) => n > 0);
  assert.deepEqual([...new Set(await page.evaluate(() => Reflect.get(window, 'statuses')))], ['live']);
  how.holding = false;
  /** @type {number[]} */
  const polls = [];
  page.on('request', (asked) => { if (asked.url().endsWith('/api/v1/graph')) polls.push(Date.now()); });
  await until('the stream', 20_000, async () => Date.now() - (polls[polls.length - 1] ?? 0), (quiet) => polls.length > 0 && quiet > 4000);
  lab.set(STATES['no policy']);
  await until('open graph', 8000, () => look(page), allOpen);
  assert.deepEqual(faults, []);
});

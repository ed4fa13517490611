/** The lab's five steps in a real browser: real packets, really dropped by NetworkPolicies. */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, clear, end, open, packets } from './harness.js';

const policies = fileURLToPath(new URL('../manifests/policies/', import.meta.url));

before(begin);
after(async () => {
  await clear();
  await end();
});

/** Which edges are drawn how. @param {import('playwright-core').Page} page */
const edges = (page) => page.evaluate(() => {
  const state = (/** @type {Element} */ edge) => ['reachable', 'unreachable', 'unknown', 'pending', 'other'].find((name) => edge.classList.contains(name));
  const id = (/** @type {string | undefined} */ key) => (key ?? '').replace(/^\w+ /, '');
  const drawn = /** @type {SVGElement[]} */ ([...document.querySelectorAll('.edge')]);
  return Object.fromEntries(drawn.map((edge) => [`${id(edge.dataset.source)}>${id(edge.dataset.target)}`, state(edge)]));
});

test('the five steps are seen as they are taken, and back again, without a reload', async () => {
  const { url, say, step } = await packets();
  const { page } = await open(url);
  await page.evaluate(() => Reflect.set(window, 'marker', 'kept'));
  const between = ['B>C', 'B>F', 'C>B', 'C>F', 'F>B', 'F>C'];
  const own = ['B>B', 'F>F'];
  /** @param {string} what @param {(edge: string) => string} wanted */
  const shows = async (what, wanted) => {
    const expected = Object.fromEntries([...own, ...between].sort().map((edge) => [edge, wanted(edge)]));
    const start = Date.now();
    for (;;) {
      const seen = await edges(page);
      const sorted = Object.fromEntries(Object.entries(seen).sort());
      if (JSON.stringify(sorted) === JSON.stringify(expected)) return;
      if (Date.now() - start > 20_000) assert.deepEqual(sorted, expected, what);
      await sleep(40);
    }
  };
  /** @param {string[]} open */
  const only = (...open) => (/** @type {string} */ edge) => (open.includes(edge) || own.includes(edge) ? 'reachable' : 'unreachable');
  const remove = (/** @type {string} */ name) => say('delete', '-f', `${policies}${name}.yaml`);

  await shows('all open', () => 'reachable');
  await step('default-deny');
  await shows('nobody answers the collector', () => 'unknown');
  await step('allow-ui');
  await step('allow-ui-client');
  await shows('no path', only());
  await step('frontend-policy');
  await shows('client to frontend', only('C>F'));
  await step('backend-policy');
  await shows('and frontend to backend', only('C>F', 'F>B'));
  await remove('backend-policy');
  await shows('client to frontend again', only('C>F'));
  for (const name of ['frontend-policy', 'allow-ui', 'allow-ui-client']) await remove(name);
  await shows('nobody answers again', () => 'unknown');
  for (const namespace of ['stars', 'client']) await say('delete', 'netpol', '-n', namespace, 'default-deny');
  await shows('all open again', () => 'reachable');
  assert.equal(await page.evaluate(() => Reflect.get(window, 'marker')), 'kept');
});

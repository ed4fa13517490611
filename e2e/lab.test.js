/** The lab's five steps in a real browser: real packets, really dropped by NetworkPolicies. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const bin = process.env.STAR_BIN ?? fileURLToPath(new URL('../target/debug', import.meta.url));
const policies = fileURLToPath(new URL('../manifests/policies/', import.meta.url));

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {string} */
let folder;
/** @type {import('node:child_process').ChildProcess} */
let lab;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'star-e2e-lab-'));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
});
after(async () => {
  await browser?.close();
  if (lab && lab.exitCode === null) {
    const gone = once(lab, 'exit');
    lab.kill('SIGTERM');
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
});

/** Starts the lab. Returns the page's URL. */
async function up() {
  lab = spawn(join(bin, 'star-lab'), ['up', '--port=0'], { env: { ...process.env, XDG_RUNTIME_DIR: folder }, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(/** @type {import('node:stream').Readable} */ (lab.stdout))) {
    const url = line.match(/^Open (http:\S+)/)?.[1];
    if (url) return url;
  }
  throw new Error('the lab has ended');
}

/** Says something to the lab, as a second terminal does. @param {string[]} args */
const say = (...args) => promisify(execFile)(join(bin, 'star-lab'), args, { env: { ...process.env, XDG_RUNTIME_DIR: folder } });

/** Which edges are drawn how. @param {import('playwright-core').Page} page */
const edges = (page) => page.evaluate(() => {
  const state = (/** @type {Element} */ edge) => ['reachable', 'unreachable', 'unknown', 'pending', 'other'].find((name) => edge.classList.contains(name));
  const id = (/** @type {string | undefined} */ key) => (key ?? '').replace(/^\w+ /, '');
  const drawn = /** @type {SVGElement[]} */ ([...document.querySelectorAll('.edge')]);
  return Object.fromEntries(drawn.map((edge) => [`${id(edge.dataset.source)}>${id(edge.dataset.target)}`, state(edge)]));
});

test('the five steps are seen as they are taken, and back again, without a reload', async () => {
  const page = await browser.newPage();
  await page.goto(await up());
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
  const apply = (/** @type {string} */ name) => say('apply', '-f', join(policies, `${name}.yaml`));
  const remove = (/** @type {string} */ name) => say('delete', '-f', join(policies, `${name}.yaml`));

  await shows('all open', () => 'reachable');
  for (const namespace of ['stars', 'client']) await say('apply', '-n', namespace, '-f', join(policies, 'default-deny.yaml'));
  await shows('nobody answers the collector', () => 'unknown');
  await apply('allow-ui');
  await apply('allow-ui-client');
  await shows('no path', only());
  await apply('frontend-policy');
  await shows('client to frontend', only('C>F'));
  await apply('backend-policy');
  await shows('and frontend to backend', only('C>F', 'F>B'));
  await remove('backend-policy');
  await shows('client to frontend again', only('C>F'));
  for (const name of ['frontend-policy', 'allow-ui', 'allow-ui-client']) await remove(name);
  await shows('nobody answers again', () => 'unknown');
  for (const namespace of ['stars', 'client']) await say('delete', 'netpol', '-n', namespace, 'default-deny');
  await shows('all open again', () => 'reachable');
  assert.equal(await page.evaluate(() => Reflect.get(window, 'marker')), 'kept');
});

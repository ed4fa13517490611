/** Daemons, a browser and patience, for the tests of the page. Needs the daemons built, and Chromium. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { createFarm } from './farm.js';

const bin = process.env.STAR_BIN ?? fileURLToPath(new URL('../target/debug', import.meta.url));

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {string} */
let folder;
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
/** @type {Set<Awaited<ReturnType<typeof createFarm>>>} */
const farms = new Set();

export async function begin() {
  folder = await mkdtemp(join(tmpdir(), 'star-e2e-'));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--enable-precise-memory-info'],
  });
}

/** After each test. */
export async function clear() {
  for (const context of browser.contexts()) await context.close();
  await Promise.all([...children].map(kill));
  for (const farm of farms) farm.close();
  farms.clear();
}

export async function end() {
  await Promise.all([...children].map(kill));
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
}

/**
 * @param {string} program
 * @param {string[]} args
 */
export function run(program, ...args) {
  const child = spawn(join(bin, program), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said = (said + data).slice(-2000);
  });
  child.on('error', (error) => {
    throw error;
  });
  child.on('exit', (code) => {
    children.delete(child);
    if (code !== null) console.error(`${program} ended with ${code}: ${said}`);
  });
  children.add(child);
  return child;
}

/** @param {import('node:child_process').ChildProcess} child */
export async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/**
 * A star-lab with real packets, gone after the test.
 * @returns {Promise<{ url: string, say: (...args: string[]) => Promise<unknown>, step: (name: string) => Promise<unknown> }>} The page's URL;
 *   `say` speaks to the lab as a second terminal does, and `step` applies one of `manifests/policies` where it belongs.
 */
export async function packets() {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const child = spawn(join(bin, 'star-lab'), ['up', '--port=0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  const say = (/** @type {string[]} */ ...args) => promisify(execFile)(join(bin, 'star-lab'), args, { env });
  const step = (/** @type {string} */ name) => {
    const file = fileURLToPath(new URL(`../manifests/policies/${name}.yaml`, import.meta.url));
    const places = name === 'default-deny' ? [['-n', 'stars'], ['-n', 'client']] : [[]];
    return Promise.all(places.map((place) => say('apply', ...place, '-f', file)));
  };
  for await (const line of createInterface(/** @type {import('node:stream').Readable} */ (child.stdout))) {
    const url = line.match(/^Open (http:\S+)/)?.[1];
    if (url) return { url, say, step };
  }
  throw new Error('the lab has ended');
}

/** @param {number} count */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** The lab's three probes and a collector; F and B check themselves as well, C does not. */
export async function lab() {
  const [port, ...probes] = await freePorts(4);
  const at = (/** @type {number} */ i, /** @type {string} */ name) => `http://${name}.localhost:${probes[i]}/status`;
  const [f, b, c] = [at(0, 'frontend.stars'), at(1, 'backend.stars'), at(2, 'client.client')];
  const urls = { F: [f, b, c], B: [f, b, c], C: [f, b] };
  const probe = (/** @type {'F' | 'B' | 'C'} */ id) =>
    run('star-probe', '--http-address=127.0.0.1', `--http-port=${probes['FBC'.indexOf(id)]}`, `--urls=${urls[id].join(',')}`);
  const { url, collect } = await collector([['F', f], ['B', b], ['C', c]].map(([id, to]) => ({ id, url: to })), port);
  return { url, probe, collect };
}

/**
 * @param {{ id: string, url: string }[]} resources
 * @param {number} [at] its port
 * @param {string[]} flags
 */
export async function collector(resources, at, ...flags) {
  const port = at ?? (await freePorts(1))[0];
  const file = join(folder, `resources-${port}.json`);
  await writeFile(file, JSON.stringify(resources));
  const collect = () => run('star-collect', '--http-address=127.0.0.1', `--http-port=${port}`, `--resources-file=${file}`, ...flags);
  return { url: `http://127.0.0.1:${port}/`, collect };
}

/** Scripted probes, gone after the test. @param {Parameters<typeof createFarm>[0]} [options] */
export async function farm(options) {
  const made = await createFarm(options);
  farms.add(made);
  return made;
}

/**
 * A page, and what went wrong in it so far.
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions & { context?: import('playwright-core').BrowserContext }} [options]
 */
export async function open(url, { context: given, ...options } = {}) {
  const { origin } = new URL(url);
  await until('an answer of the collector', 10_000, () => fetch(origin).then((answer) => answer.status, (error) => error.cause.code), (got) => got === 200);
  const context = given ?? await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options });
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error.stack)));
  page.on('dialog', (dialog) => faults.push(`dialog: ${dialog.message()}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`refused by policy: ${event.violatedDirective}`));
  });
  await page.goto(url);
  // What is loaded behind the first picture: from now on the page does at once what it is told.
  await page.waitForFunction(() => document.querySelector('#strip h2') !== null);
  return { page, faults, context };
}

/** What the page shows. @param {import('playwright-core').Page} page */
export const look = (page) => page.evaluate(() => {
  const text = (/** @type {string} */ id) => {
    const element = document.getElementById(id);
    return element && !element.hidden && !element.closest('[hidden]') ? element.textContent?.trim().replace(/\s+/g, ' ') ?? '' : '';
  };
  const all = (/** @type {string} */ selector) => /** @type {SVGElement[]} */ ([...document.querySelectorAll(selector)]);
  const state = (/** @type {Element} */ item) =>
    ['reachable', 'unreachable', 'unknown', 'pending', 'other', 'folded', 'mixed'].find((name) => item.classList.contains(name)) ?? 'none';
  const id = (/** @type {string} */ key) => key.replace(/^\w+ /, '');
  const place = (/** @type {SVGElement} */ node) => (node.getAttribute('transform') ?? '').match(/-?[\d.]+/g)?.map(Number) ?? [];
  const stage = /** @type {HTMLElement} */ (document.getElementById('graph-stage'));
  return {
    url: location.search,
    status: text('status'),
    age: text('age'),
    paths: text('paths'),
    unknown: text('unknown'),
    probes: text('probes'),
    news: text('news'),
    hint: text('hint'),
    note: text('note'),
    past: text('past'),
    tip: text('tip'),
    spoken: text('spoken').replace(/\u00a0$/, ''),
    panel: text('panel'),
    view: document.querySelector('[data-view][aria-pressed=true]')?.getAttribute('data-view'),
    grey: getComputedStyle(stage).filter,
    lights: stage.hidden ? 0 : all('.light').filter((light) => getComputedStyle(light).display !== 'none').length,
    nodes: Object.fromEntries(all('.node').map((node) => [id(node.dataset.key ?? ''), state(node)])),
    places: Object.fromEntries(all('.node').map((node) => [id(node.dataset.key ?? ''), place(node)])),
    edges: Object.fromEntries(all('.edge').map((edge) => [`${id(edge.dataset.source ?? '')}>${id(edge.dataset.target ?? '')}`, state(edge)])),
    marks: all('.mark').length,
    frames: all('.frame .title').map((frame) => frame.textContent),
    rows: [...document.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent)),
    marker: Reflect.get(window, 'marker'),
  };
});

/**
 * Waits until what is seen is as it should be; fails with what was seen last.
 * @template T
 * @param {string} what
 * @param {number} ms
 * @param {() => Promise<T>} see
 * @param {(seen: T) => boolean} ok
 */
export async function until(what, ms, see, ok) {
  const start = Date.now();
  for (;;) {
    const seen = await see();
    if (ok(seen)) return seen;
    if (Date.now() - start > ms) assert.fail(`no ${what} within ${ms} ms; last seen: ${JSON.stringify(seen, null, 1)}`);
    await sleep(40);
  }
}

/** @param {Record<string, string>} states */
export const values = (states) => [...new Set(Object.values(states))].join();

/** @param {Awaited<ReturnType<typeof look>>} seen */
export const allOpen = (seen) => seen.status === 'live' && seen.paths === '6 of 6 paths open' && seen.probes === '3 of 3 probes answer'
  && Object.keys(seen.edges).length === 8 && values(seen.edges) === 'reachable' && values(seen.nodes) === 'reachable';

/** The page in a real browser, against the real programs on loopback. Needs them built, and Chromium. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const bin = process.env.STAR_BIN ?? fileURLToPath(new URL('../target/debug', import.meta.url));
const HOSTILE = '<img src=x onerror=alert(1)>';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {string} */
let folder;
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'star-e2e-'));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await Promise.all([...children].map(kill));
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/**
 * @param {string} program
 * @param {string[]} args
 */
function run(program, ...args) {
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
async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** @param {number} count */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** The lab's three probes and a collector; F and B check themselves as well, C does not. */
async function lab() {
  const [collector, ...probes] = await freePorts(4);
  const [f, b, c] = probes.map((port) => `http://127.0.0.1:${port}/status`);
  const file = await resources({ F: f, B: b, C: c });
  const urls = { F: [f, b, c], B: [f, b, c], C: [f, b] };
  const probe = (/** @type {'F' | 'B' | 'C'} */ id) =>
    run('star-probe', '--http-address=127.0.0.1', `--http-port=${probes['FBC'.indexOf(id)]}`, `--urls=${urls[id].join(',')}`);
  const collect = () => run('star-collect', '--http-address=127.0.0.1', `--http-port=${collector}`, `--resources-file=${file}`);
  return { url: `http://127.0.0.1:${collector}/`, probe, collect };
}

/** @param {Record<string, string>} urls by id */
async function resources(urls) {
  const file = join(folder, `resources-${Math.random()}.json`);
  await writeFile(file, JSON.stringify(Object.entries(urls).map(([id, url]) => ({ id, url }))));
  return file;
}

/**
 * A page, and what went wrong in it so far.
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
async function open(url, options = {}) {
  await until('an answer of the collector', 10_000, () => fetch(url).then((answer) => answer.status, (error) => error.cause.code), (got) => got === 200);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => faults.push(`dialog: ${dialog.message()}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`refused by policy: ${event.violatedDirective}`));
  });
  await page.goto(url);
  return { page, faults };
}

/** What the page shows. @param {import('playwright-core').Page} page */
const look = (page) => page.evaluate(() => {
  const text = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? '';
  const all = (/** @type {string} */ selector) => /** @type {SVGElement[]} */ ([...document.querySelectorAll(selector)]);
  const state = (/** @type {Element} */ item) =>
    ['reachable', 'unreachable', 'unknown', 'pending', 'other'].find((name) => item.classList.contains(name)) ?? 'none';
  const id = (/** @type {string} */ key) => key.replace(/^\w+ /, '');
  return {
    status: text('status'),
    age: text('age'),
    paths: text('paths'),
    probes: text('probes'),
    hint: text('hint'),
    tip: document.getElementById('tip')?.hidden ? '' : text('tip'),
    grey: getComputedStyle(/** @type {Element} */ (document.getElementById('graph'))).filter,
    lights: all('.light').filter((light) => getComputedStyle(light).display !== 'none').length,
    nodes: Object.fromEntries(all('.node').map((node) => [id(node.dataset.key ?? ''), state(node)])),
    edges: Object.fromEntries(all('.edge').map((edge) => [`${id(edge.dataset.source ?? '')}>${id(edge.dataset.target ?? '')}`, state(edge)])),
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
async function until(what, ms, see, ok) {
  const start = Date.now();
  for (;;) {
    const seen = await see();
    if (ok(seen)) return seen;
    if (Date.now() - start > ms) assert.fail(`no ${what} within ${ms} ms; last seen: ${JSON.stringify(seen, null, 1)}`);
    await sleep(40);
  }
}

/** @param {Record<string, string>} states */
const values = (states) => [...new Set(Object.values(states))].join();

/** @param {Awaited<ReturnType<typeof look>>} seen */
const allOpen = (seen) => seen.status === 'live' && seen.paths === '6 of 6 paths open' && seen.probes === '3 of 3 probes answer'
  && Object.keys(seen.edges).length === 8 && values(seen.edges) === 'reachable' && values(seen.nodes) === 'reachable';

/**
 * Points a little beside the middle of an edge.
 * @param {import('playwright-core').Page} page
 * @param {string} from
 * @param {string} to
 */
async function point(page, from, to) {
  const { x, y } = await page.evaluate(([source, target]) => {
    const edge = /** @type {SVGElement} */ (document.querySelector(`.edge[data-source="resource ${source}"][data-target="resource ${target}"]`));
    const stage = /** @type {Element} */ (document.getElementById('stage')).getBoundingClientRect();
    return { x: stage.x + Number(edge.dataset.x), y: stage.y + Number(edge.dataset.y) + 8 };
  }, [from, to]);
  await page.mouse.move(x, y);
}

test('a probe that dies and comes back is seen to, without a reload', async () => {
  const { url, probe, collect } = await lab();
  probe('F');
  probe('C');
  const b = probe('B');
  collect();
  const { page, faults } = await open(url);
  await page.evaluate(() => Reflect.set(window, 'marker', 'kept'));
  const seen = await until('open graph', 10_000, () => look(page), allOpen);
  assert.deepEqual(Object.keys(seen.nodes).sort(), ['B', 'C', 'F']);
  assert.deepEqual(Object.keys(seen.edges).sort(), ['B>B', 'B>C', 'B>F', 'C>B', 'C>F', 'F>B', 'F>C', 'F>F']);
  assert.equal(seen.lights, 8);
  assert.deepEqual(await page.locator('.node .id').allTextContents(), ['B', 'C', 'F']);

  await kill(b);
  await until('ghost', 4000, () => look(page), ({ nodes, edges, paths, probes }) =>
    nodes.B === 'unreachable' && nodes.C === 'reachable' && nodes.F === 'reachable'
    && edges['F>B'] === 'unreachable' && edges['C>B'] === 'unreachable' && edges['F>C'] === 'reachable' && edges['C>F'] === 'reachable'
    && edges['B>F'] === 'unknown' && edges['B>C'] === 'unknown' && edges['B>B'] === 'unknown'
    && paths === '2 of 6 paths open, 2 unknown' && probes === '2 of 3 probes answer');
  const ghost = await page.locator('.node.unreachable circle').evaluate((circle) => {
    const { fill, stroke } = getComputedStyle(circle);
    return { hollow: fill === getComputedStyle(document.body).backgroundColor, stroke: stroke !== fill };
  });
  assert.deepEqual(ghost, { hollow: true, stroke: true });
  const dotted = await page.locator('.edge.unknown .line').first().evaluate((line) => getComputedStyle(line).strokeDasharray);
  assert.notEqual(dotted, 'none');

  await point(page, 'F', 'B');
  await until('reason of the edge that is pointed at', 1000, () => look(page), ({ tip }) =>
    /^F → B · unreachable since \d\d:\d\d:\d\d · connection_refused: /.test(tip));
  await page.mouse.move(2, 2);
  await until('end of the reason', 1000, () => look(page), ({ tip }) => tip === '');
  await page.locator('.edge[data-source="resource C"][data-target="resource B"]').focus();
  assert.match((await look(page)).tip, /^C → B · unreachable since .* · connection_refused: /);
  await page.locator('.node[data-key="resource B"]').focus();
  assert.match((await look(page)).tip, /^B · unreachable since .* · connection_refused: /);
  await page.keyboard.press('Escape');
  assert.equal((await look(page)).tip, '');

  probe('B');
  const back = await until('open graph', 4000, () => look(page), allOpen);
  assert.equal(back.marker, 'kept');
  assert.deepEqual(faults, []);
});

test('while the collector is gone nothing is said to be live; afterwards all is again, without a reload', async () => {
  const { url, probe, collect } = await lab();
  for (const id of /** @type {const} */ (['F', 'B', 'C'])) probe(id);
  const collector = collect();
  const { page, faults } = await open(url);
  await page.evaluate(() => Reflect.set(window, 'marker', 'kept'));
  const fresh = () => until('live graph', 7000, () => look(page), (seen) => allOpen(seen) && seen.grey === 'none' && seen.age === '');
  const stale = () => until('word of the loss', 7000, () => look(page), ({ status, age, grey, lights }) =>
    status === 'reconnecting…' && /^showing the state of [1-9]\d* s ago$/.test(age) && grey === 'grayscale(1)' && lights === 0);
  await until('open graph', 10_000, () => look(page), allOpen);
  await fresh();

  // A stream that stays open and silent.
  collector.kill('SIGSTOP');
  const { age } = await stale();
  await until('greater age', 3000, () => look(page), (seen) => seen.age !== age);
  collector.kill('SIGCONT');
  await fresh();

  await kill(collector);
  const gone = await stale();
  assert.equal(Object.keys(gone.edges).length, 8, 'the last state stays');
  collect();
  assert.equal((await fresh()).marker, 'kept');
  assert.deepEqual(faults.filter((fault) => !/^Failed to load resource: net::/.test(fault)), []);
});

test('the example shows A to E and says what it is', async () => {
  const { url, collect } = await lab();
  collect();
  const { page, faults } = await open(`${url}?example=true`);
  const seen = await until('example', 5000, () => look(page), ({ status, nodes }) => status === 'example' && Object.keys(nodes).length > 0);
  assert.deepEqual(Object.keys(seen.nodes), ['A', 'B', 'C', 'D', 'E']);
  assert.equal(seen.edges['A>B'], 'reachable');
  assert.equal(seen.edges['B>C'], 'unreachable');
  assert.deepEqual(faults, []);
});

test('the buttons work by keyboard', async () => {
  const { url, probe, collect } = await lab();
  probe('F');
  probe('B');
  collect();
  const { page, faults } = await open(url);
  await until('graph without C', 10_000, () => look(page), ({ nodes, edges, lights }) => nodes.C === 'unreachable' && edges['F>C'] === 'unreachable' && edges['B>F'] === 'reachable' && lights === 4);
  const press = async (/** @type {string} */ key) => {
    await page.keyboard.press(key);
    return page.evaluate(() => {
      const button = /** @type {HTMLElement} */ (document.activeElement);
      return [button.textContent, button.getAttribute('aria-pressed'), getComputedStyle(button).outlineStyle];
    });
  };

  assert.deepEqual(await press('Tab'), ['Toggle Unreachable', 'true', 'solid']);
  assert.deepEqual(await press('Space'), ['Toggle Unreachable', 'false', 'solid']);
  assert.deepEqual(Object.keys((await look(page)).edges).filter((edge) => edge.endsWith('>C')), []);
  assert.deepEqual(await press('Enter'), ['Toggle Unreachable', 'true', 'solid']);
  assert.equal((await look(page)).edges['F>C'], 'unreachable');

  assert.deepEqual(await press('Tab'), ['Toggle Markers', 'true', 'solid']);
  assert.deepEqual(await press('Space'), ['Toggle Markers', 'false', 'solid']);
  assert.equal((await look(page)).lights, 0);

  assert.deepEqual(await press('Tab'), ['Toggle Self', 'true', 'solid']);
  assert.deepEqual(await press('Space'), ['Toggle Self', 'false', 'solid']);
  assert.deepEqual(Object.keys((await look(page)).edges).filter((edge) => edge[0] === edge[2]), []);
  assert.equal(await page.locator('[data-show=others]').isVisible(), false);
  assert.deepEqual(faults, []);
});

test('lights stand still for who wants less motion', async () => {
  const { url, probe, collect } = await lab();
  for (const id of /** @type {const} */ (['F', 'B', 'C'])) probe(id);
  collect();
  const { page } = await open(url, { reducedMotion: 'reduce' });
  await until('open graph', 10_000, () => look(page), allOpen);
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

test('what the network says is shown as text, and a target that is no resource on demand', async () => {
  const [port, probePort, closed] = await freePorts(3);
  const file = await resources({ [HOSTILE]: `http://127.0.0.1:${probePort}/status` });
  run('star-collect', '--http-address=127.0.0.1', `--http-port=${port}`, `--resources-file=${file}`);
  run('star-probe', '--http-address=127.0.0.1', `--http-port=${probePort}`, `--urls=http://127.0.0.1:${closed}/<b>`);
  const { page, faults } = await open(`http://127.0.0.1:${port}/`);
  await until('hostile node', 10_000, () => look(page), ({ nodes, probes }) => nodes[HOSTILE] === 'reachable' && probes === '1 of 1 probe answers');
  assert.equal(await page.locator('.label').first().textContent(), HOSTILE);
  assert.equal(await page.locator('main img, main b').count(), 0);
  await page.locator('.node').focus();
  assert.ok((await look(page)).tip.startsWith(`${HOSTILE} · reachable since`));

  await page.getByText('Toggle 1 other target').click();
  const seen = await look(page);
  assert.deepEqual([values(seen.edges), Object.values(seen.nodes)], ['unreachable', ['reachable', 'other']]);
  assert.deepEqual(faults, []);
});

test('without resources the page says what to do', async () => {
  const [port] = await freePorts(1);
  run('star-collect', '--http-address=127.0.0.1', `--http-port=${port}`);
  const { page } = await open(`http://127.0.0.1:${port}/`);
  const { hint } = await until('word', 5000, () => look(page), ({ status }) => status === 'live');
  assert.equal(hint, 'No resources yet: POST one to /resources, or start with --resources-file');
});

for (const [width, height] of [[360, 640], [1920, 1080]]) {
  test(`nothing overflows at ${width}x${height}`, async () => {
    const { url, probe, collect } = await lab();
    probe('F');
    probe('C');
    collect();
    const { page } = await open(url, { viewport: { width, height } });
    await until('graph without B', 10_000, () => look(page), ({ edges }) => edges['F>B'] === 'unreachable' && edges['C>F'] === 'reachable');
    await page.locator('.edge.unreachable').first().focus();
    const outside = await page.evaluate(() => {
      const stage = /** @type {Element} */ (document.getElementById('stage')).getBoundingClientRect();
      const { scrollWidth, scrollHeight } = document.documentElement;
      return [
        ...(scrollWidth > innerWidth || scrollHeight > innerHeight ? [`page of ${scrollWidth}x${scrollHeight}`] : []),
        ...[...document.querySelectorAll('header *, .node circle, .edge .line, .edge .head, #tip')].flatMap((element) => {
          const { left, top, right, bottom } = element.getBoundingClientRect();
          const roof = element.closest('#stage') ? stage.top : 0;
          return right > left && (left < 0 || top < roof || right > innerWidth || bottom > innerHeight)
            ? [`${element.outerHTML} at ${left}, ${top}, ${right}, ${bottom}`] : [];
        }),
      ];
    });
    assert.deepEqual(outside, []);
  });
}

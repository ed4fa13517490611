/** The page in a real browser, against real probes and a real collector on loopback. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { allOpen, begin, clear, collector, end, freePorts, kill, lab, look, open, run, until, values } from './harness.js';

const HOSTILE = '<img src=x onerror=alert(1)>';

before(begin);
afterEach(clear);
after(end);

/** Points at the middle of an edge. @param {import('playwright-core').Page} page @param {string} from @param {string} to */
async function point(page, from, to) {
  const { x, y } = await page.evaluate(([source, target]) => {
    const edge = /** @type {Element} */ (document.querySelector(`.edge[data-source="resource ${source}"][data-target="resource ${target}"]`));
    const line = /** @type {SVGPathElement} */ (edge.querySelector('.hit'));
    const middle = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(/** @type {DOMMatrix} */ (line.getScreenCTM()));
    return { x: middle.x, y: middle.y };
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
  const seen = await until('open graph', 15_000, () => look(page), allOpen);
  assert.deepEqual(Object.keys(seen.edges).sort(), ['B>B', 'B>C', 'B>F', 'C>B', 'C>F', 'F>B', 'F>C', 'F>F']);
  assert.equal(seen.lights, 8);
  assert.deepEqual(await page.locator('.node .id').allTextContents(), ['B', 'C', 'F']);
  assert.deepEqual(await page.locator('.node .name').allTextContents(), ['backend', 'client', 'frontend']);
  assert.deepEqual(seen.frames.sort(), ['client', 'stars']);

  await kill(b);
  const died = await until('ghost', 6000, () => look(page), ({ nodes, edges, paths, probes }) =>
    nodes.B === 'unreachable' && nodes.C === 'reachable' && nodes.F === 'reachable'
    && edges['F>B'] === 'unreachable' && edges['C>B'] === 'unreachable' && edges['F>C'] === 'reachable' && edges['C>F'] === 'reachable'
    && edges['B>F'] === 'unknown' && edges['B>C'] === 'unknown' && edges['B>B'] === 'unknown'
    && paths === '2 of 6 paths open' && probes === '2 of 3 probes answer');
  assert.deepEqual(died.places, seen.places, 'nothing jumps');
  assert.deepEqual([died.unknown, died.marks], ['2 unknown', 2]);
  await until('the cause, and what came of it', 4000, () => look(page), ({ news }) => /(closed|does not answer the collector|is down): refused/.test(news));
  const ghost = await page.locator('.node.unreachable .body').evaluate((circle) => {
    const { fill, stroke, strokeDasharray } = getComputedStyle(circle);
    return { hollow: fill === getComputedStyle(document.body).backgroundColor, stroke: stroke !== fill, dashed: strokeDasharray !== 'none' };
  });
  assert.deepEqual(ghost, { hollow: true, stroke: true, dashed: true });
  assert.notEqual(await page.locator('.edge.unknown .line').first().evaluate((line) => getComputedStyle(line).strokeDasharray), 'none');

  await point(page, 'F', 'B');
  await until('reason of the edge that is pointed at', 2000, () => look(page), ({ tip }) =>
    /^frontend → backend · unreachable since \d\d:\d\d:\d\d · The host answers that nobody listens there; a policy that rejects may answer so, too\.$/.test(tip));
  await page.mouse.move(2, 2);
  await until('end of the reason', 2000, () => look(page), ({ tip }) => tip === '');

  probe('B');
  const back = await until('open graph', 6000, () => look(page), allOpen);
  assert.equal(back.marker, 'kept');
  assert.deepEqual(back.places, seen.places);
  assert.deepEqual(faults, []);
});

test('while the collector is gone nothing is said to be live; afterwards all is again, without a reload', async () => {
  const { url, probe, collect } = await lab();
  for (const id of /** @type {const} */ (['F', 'B', 'C'])) probe(id);
  const daemon = collect();
  const { page, faults } = await open(url);
  await page.evaluate(() => Reflect.set(window, 'marker', 'kept'));
  const fresh = () => until('live graph', 9000, () => look(page), (seen) => allOpen(seen) && seen.grey === 'none' && seen.age === '');
  const stale = () => until('word of the loss', 9000, () => look(page), ({ status, age, grey, lights }) =>
    status === 'reconnecting…' && /^showing the state of [1-9]\d* s ago$/.test(age) && grey === 'grayscale(1)' && lights === 0);
  await until('open graph', 15_000, () => look(page), allOpen);
  await fresh();

  // A stream that stays open and silent.
  daemon.kill('SIGSTOP');
  const { age } = await stale();
  await until('greater age', 4000, () => look(page), (seen) => seen.age !== age);
  daemon.kill('SIGCONT');
  await fresh();

  await kill(daemon);
  const gone = await stale();
  assert.equal(Object.keys(gone.edges).length, 8, 'the last state stays');
  const [strip, overflow] = await page.evaluate(() => {
    const header = /** @type {HTMLElement} */ (document.querySelector('header'));
    return [document.querySelector('#strip .live')?.textContent, header.scrollWidth - header.clientWidth];
  });
  assert.equal(strip, 'reconnecting…');
  assert.equal(overflow, 0, 'the header holds what it says then');
  collect();
  assert.equal((await fresh()).marker, 'kept');
  assert.deepEqual(faults.filter((fault) => !/^Failed to load resource: net::/.test(fault)), []);
});

test('the example shows A to E and says what it is', async () => {
  const { url, collect } = await lab();
  collect();
  const { page, faults } = await open(`${url}?example=true`);
  const seen = await until('example', 8000, () => look(page), ({ status, nodes }) => status === 'example' && Object.keys(nodes).length > 0);
  assert.deepEqual(Object.keys(seen.nodes), ['A', 'B', 'C', 'D', 'E']);
  assert.equal(seen.edges['A>B'], 'reachable');
  assert.equal(seen.edges['B>C'], 'unreachable');
  assert.deepEqual(faults, []);
});

test('lights stand still for who wants less motion', async () => {
  const { url, probe, collect } = await lab();
  for (const id of /** @type {const} */ (['F', 'B', 'C'])) probe(id);
  collect();
  const { page } = await open(url, { reducedMotion: 'reduce' });
  await until('open graph', 15_000, () => look(page), allOpen);
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

test('what the network says is shown as text in every view, and a target that is no resource on demand', async () => {
  const [probePort, closed] = await freePorts(2);
  const { url, collect } = await collector([{ id: HOSTILE, url: `http://127.0.0.1:${probePort}/status` }]);
  collect();
  run('star-probe', '--http-address=127.0.0.1', `--http-port=${probePort}`, `--urls=http://127.0.0.1:${closed}/<b>$(id)'`);
  const { page, faults } = await open(url);
  await until('hostile node', 10_000, () => look(page), ({ nodes, probes }) => nodes[HOSTILE] === 'reachable' && probes === '1 of 1 probe answers');
  assert.equal(await page.locator('.node .name').first().textContent(), HOSTILE);
  await page.locator('.node').focus();
  await page.getByRole('switch', { name: '1 other target' }).click();
  const seen = await until('other target', 3000, () => look(page), ({ edges }) => Object.keys(edges).length > 0);
  assert.deepEqual([values(seen.edges), Object.values(seen.nodes)], ['unreachable', ['reachable', 'other']]);
  await page.locator('.edge').first().dispatchEvent('click');
  const { panel } = await until('panel', 3000, () => look(page), (now) => now.panel !== '');
  assert.ok(panel.startsWith(`${HOSTILE} →`), panel);
  assert.ok(panel.includes(`star-probe check 'http://127.0.0.1:${closed}/`), panel);
  await page.keyboard.press('t');
  await until('table', 3000, () => look(page), ({ rows }) => rows[0]?.[0] === HOSTILE);
  await page.keyboard.press('m');
  await until('matrix', 3000, () => look(page), ({ view }) => view === 'matrix');
  assert.equal(await page.locator('main img, main b').count(), 0);
  assert.deepEqual(faults, []);
});

test('without resources the page says what to do', async () => {
  const { url, collect } = await collector([]);
  collect();
  const { page } = await open(url);
  const { hint, paths } = await until('word', 8000, () => look(page), ({ status, hint: told }) => status === 'live' && told !== '');
  assert.equal(paths, 'No resources yet');
  assert.match(hint, /--resources-file.*curl -d .* http:\/\/127\.0\.0\.1:\d+\/resources$/);
});

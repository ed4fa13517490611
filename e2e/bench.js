/** How fast the page is, in Chromium without a GPU, on a real collector. Prints README's table. `make bench-page` runs it. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { farm, begin, clear, collector, end, look, open, until } from './harness.js';
import { STATES, mesh, stars } from './farm.js';

/** Modules of the page, as `npm --prefix crates/collect/ui run bench` bundles them. */
const modules = fileURLToPath(new URL('../crates/collect/ui/.test/bench.js', import.meta.url));

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
/** @param {number[]} values @param {number} [digits] */
const told = (values, digits = 0) => `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;

/** @type {string[]} */
const rows = [];
/** @param {string} what @param {string} got @param {string} goal @param {boolean} met */
function report(what, got, goal, met) {
  rows.push(`| ${what} | ${got} | ${goal}: ${met ? 'met' : '**missed**'} |`);
  console.error(`${what}: ${got} (${goal})`);
}

async function firstPaint() {
  const probes = await farm();
  const lab = stars(probes);
  lab.set(STATES['frontend policy']);
  const { url, collect } = await collector(Object.entries(lab.urls).map(([id, to]) => ({ id, url: to })));
  collect();
  const warm = await open(url);
  await until('lab', 15_000, () => look(warm.page), ({ paths }) => paths === '2 of 6 paths open');
  probes.say('bare', '<!doctype html><svg><circle class="node" r="9"/></svg>', 'text/html');
  let weight = { bytes: 0, requests: 0 };
  for (const [what, latency] of /** @type {[string, number][]} */ ([['loopback', 0], ['50 ms each way', 100]])) {
    const times = [];
    const bare = [];
    for (let i = 0; i < 15; i += 1) {
      // A browser context of its own has an empty cache.
      const { page, context } = await open(url);
      const session = await context.newCDPSession(page);
      await session.send('Network.enable');
      await session.send('Network.emulateNetworkConditions', { offline: false, latency, downloadThroughput: -1, uploadThroughput: -1 });
      await session.send('Network.clearBrowserCache');
      await page.addInitScript(() => {
        const seen = () => {
          const all = document.querySelectorAll('.node, .edge').length;
          // When the next frame begins, the one in which all came into place is painted.
          if (all === 3 + 8 || (all === 1 && location.pathname.startsWith('/bare'))) requestAnimationFrame(() => { Reflect.set(window, 'painted', performance.now()); });
          else requestAnimationFrame(seen);
        };
        requestAnimationFrame(seen);
      });
      const painted = () => page.waitForFunction(() => Reflect.get(window, 'painted')).then((handle) => handle.jsonValue());
      await page.goto(probes.url('bare'));
      bare.push(await painted());
      await page.goto(url);
      times.push(await painted());
      await until('all that the page asks for', 10_000, () => page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => /history|graph$/.test(name)).length), (n) => n >= 2);
      weight = await page.evaluate(() => performance.getEntries().reduce((sum, entry) => (entry instanceof PerformanceResourceTiming
        ? { bytes: sum.bytes + (entry.name.includes('/api/') ? 0 : entry.encodedBodySize), requests: sum.requests + 1 } : sum), { bytes: 0, requests: 0 }));
      await context.close();
    }
    const ratio = median(times) / median(bare);
    report(`first meaningful paint, 3 nodes, empty cache, ${what}`, `${told(times)} ms; a bare page with one circle, in turns: ${told(bare)} ms; ${ratio.toFixed(1)} times`, '≤ 3 times the bare page', ratio <= 3);
  }
  report('whole page, compressed', `${(weight.bytes / 1000).toFixed(1)} KB`, '≤ 60 KB', weight.bytes <= 60_000);
  // The stream is told of only when it ends.
  report('requests until all is there', `${weight.requests + 1}`, '≤ 6', weight.requests + 1 <= 6);
  await clear();
}

/** What Chromium costs while nobody touches the page, and nothing changes: of one core, all its processes together. */
async function rest() {
  for (const n of [3, 20, 100]) {
    const probes = await farm();
    const { resources } = mesh(probes, n, Math.min(n - 1, 20), Math.min(n, 5), (from, to) => (from * 7 + to * 3) % 5 !== 0);
    const { url, collect } = await collector(resources);
    collect();
    const { page } = await open(`${url}?view=graph`);
    await until('mesh', 60_000, () => look(page), ({ probes: said }) => said === `${n} of ${n} probe${n === 1 ? '' : 's'} answer`);
    await until('rest', 30_000, () => page.evaluate(() => document.getAnimations().filter((one) => one.playState === 'running').length), (running) => running === 0);
    const start = { cpu: chromium(), at: Date.now() };
    await page.waitForTimeout(20_000);
    const share = (100 * (chromium() - start.cpu)) / (Date.now() - start.at);
    report(`at rest, ${n} nodes`, `${share.toFixed(1)} % of a core`, '≤ 5 %', share <= 5);
    await clear();
  }
}

/** The milliseconds of processor that the browser's processes have used. */
function chromium() {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,cputimes=,args='], { encoding: 'utf8' }).split('\n').map((line) => line.trim().split(/\s+/));
  const family = new Set([String(process.pid)]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const [pid, parent] of lines) if (family.has(parent)) family.add(pid);
  }
  return lines.filter(([pid, , , name]) => family.has(pid) && /chrom/.test(name ?? '')).reduce((sum, [pid]) => sum + jiffies(pid), 0);
}

/** From /proc: finer than ps tells. @param {string} pid */
function jiffies(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

/** From what a probe says to the pixel. */
async function change() {
  const probes = await farm();
  const lab = stars(probes);
  lab.set(STATES['no policy']);
  const { url, collect } = await collector(Object.entries(lab.urls).map(([id, to]) => ({ id, url: to })));
  collect();
  const { page } = await open(url);
  await until('lab', 15_000, () => look(page), ({ paths }) => paths === '6 of 6 paths open');
  const times = [];
  for (let i = 0; i < 20; i += 1) {
    const wanted = i % 2 ? '6 of 6 paths open' : '2 of 6 paths open';
    const seen = page.evaluate((text) => new Promise((done) => {
      const check = () => (document.getElementById('paths')?.textContent === text ? requestAnimationFrame(() => done(Date.now())) : requestAnimationFrame(check));
      check();
    }), wanted);
    const start = Date.now();
    lab.set(STATES[i % 2 ? 'no policy' : 'frontend policy']);
    times.push(/** @type {number} */ (await seen) - start);
  }
  report('from a probe\'s answer to the pixel', `${told(times)} ms`, '≤ 300 ms', median(times) <= 300);
  await clear();
}

async function frames() {
  const probes = await farm({ hold: false });
  const { resources } = mesh(probes, 100, 20, 5, (from, to) => (from * 7 + to * 3) % 5 !== 0);
  const { url, collect } = await collector(resources, undefined, '--http-request-seconds=30');
  collect();
  const { page } = await open(`${url}?view=graph`);
  await until('mesh', 60_000, () => look(page), ({ probes: said }) => said === '100 of 100 probes answer');
  await until('islands', 10_000, () => page.locator('.bundle').count(), (n) => n >= 5);
  /** @param {() => Promise<void>} move */
  const rate = async (move) => {
    await page.evaluate(() => {
      /** @type {number[]} */
      const stamps = [];
      Reflect.set(window, 'stamps', stamps);
      const tick = (/** @type {number} */ now) => {
        stamps.push(now);
        if (Reflect.get(window, 'stamps') === stamps) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    });
    const start = Date.now();
    while (Date.now() - start < 4000) await move();
    const stamps = /** @type {number[]} */ (await page.evaluate(() => {
      const all = Reflect.get(window, 'stamps');
      Reflect.set(window, 'stamps', null);
      return all;
    }));
    return 1000 * (stamps.length - 1) / (stamps[stamps.length - 1] - stamps[0]);
  };
  const still = await rate(() => page.evaluate(() => new Promise((done) => { setTimeout(done, 200); })));
  await page.mouse.move(640, 400);
  await page.mouse.move(40, 640);
  await page.mouse.down();
  let [x, way] = [40, 1];
  const pan = await rate(async () => {
    x += 6 * way;
    if (x > 300 || x < 20) way = -way;
    await page.mouse.move(x, 640);
  });
  await page.mouse.up();
  await page.keyboard.press('0');
  await page.mouse.move(640, 400);
  let turn = 0;
  const zoom = await rate(async () => {
    turn += 1;
    await page.mouse.wheel(0, turn % 40 < 20 ? -60 : 60);
  });
  await page.keyboard.press('0');
  const boxes = await page.locator('.node .body').evaluateAll((all) => all.slice(0, 40).map((body) => {
    const { x, y, width, height } = body.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
  }));
  let at = 0;
  const drag = await rate(async () => {
    at += 1;
    await page.mouse.move(boxes[at % boxes.length].x, boxes[at % boxes.length].y);
  });
  for (const [what, fps] of /** @type {[string, number][]} */ ([['at rest', still], ['panned', pan], ['zoomed', zoom], ['pointed at node after node', drag]])) {
    report(`100 nodes, 2,000 edges, ${what}`, `${fps.toFixed(0)} frames/s`, '≥ 55 frames/s', fps >= 55);
  }
  await clear();
}

async function matrix() {
  const probes = await farm({ hold: false });
  const { resources } = mesh(probes, 1000, 1000, 20, (from, to) => (from + to) % 3 !== 0);
  const { url, collect } = await collector(resources, undefined, '--http-request-seconds=30');
  collect();
  await until('the collector', 30_000, () => fetch(url).then(() => true, () => false), Boolean);
  await until('million edges', 240_000, () => fetch(`${url}api/v1/graph/events`).then(async (answer) => {
    // The first event is enough to see who answers.
    let text = '';
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    while (!text.includes('"rows"')) {
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    await reader.cancel();
    return (text.match(/"state":"reachable"/g) ?? []).length;
  }), (n) => n >= 1000);
  const { page } = await open(url, { viewport: { width: 1440, height: 900 } });
  await page.route('**/ui/bench.js', (route) => route.fulfill({ path: modules, contentType: 'text/javascript' }));
  await until('matrix', 120_000, () => look(page), ({ view, paths }) => view === 'matrix' && / of 999,000 paths open$/.test(paths));
  const { first, one, column, scroll } = await page.evaluate(async () => {
    // The page's own modules and the collector's own events; each drawing ends when its pixels can be read.
    const { apply, visible, createMatrix, WORDS } = await import(`${location.origin}/ui/bench.js`);
    const snapshot = await new Promise((done) => {
      const source = new EventSource('api/v1/graph/events');
      source.addEventListener('snapshot', (event) => {
        source.close();
        done({ ...JSON.parse(event.data), event: 'snapshot' });
      });
    });
    let graph = apply(null, snapshot);
    const filter = { q: '', ns: null, state: null, unreachable: true, self: true, others: false };
    const seen = visible(graph, filter);
    const results = { first: /** @type {number[]} */ ([]), one: /** @type {number[]} */ ([]), column: /** @type {number[]} */ ([]), scroll: /** @type {number[]} */ ([]) };
    for (let i = 0; i < 7; i += 1) {
      const stage = document.createElement('div');
      stage.className = 'stage';
      document.getElementById('stages')?.append(stage);
      const view = createMatrix(stage, { select() {}, node() {} });
      const canvas = /** @type {HTMLCanvasElement} */ (stage.querySelector('canvas'));
      const draw = (/** @type {number[]} */ into, /** @type {() => void} */ what) => {
        const start = performance.now();
        what();
        canvas.getContext('2d')?.getImageData(200, 200, 1, 1);
        into.push(performance.now() - start);
      };
      const show = () => view.draw({ graph, seen, order: 'name', selected: null, line: () => '', words: WORDS.en });
      draw(results.first, show);
      const patch = (/** @type {any[]} */ edges) => ({ event: 'patch', prev: graph.seq, seq: graph.seq + 1, at: graph.at, edges });
      const flip = (/** @type {number} */ source, /** @type {number} */ place) => ({ ...graph.rows[source][place], state: i % 2 ? 'reachable' : 'unreachable' });
      for (let k = 0; k < 5; k += 1) {
        // Of one namespace, and so on the screen.
        const [source, place] = [20 * k, (1000 + 80 - 20 * k) % 1000];
        const event = patch([{ source, changed: [[place, flip(source, place)]] }]);
        draw(results.one, () => { graph = apply(graph, event); show(); });
      }
      // A target that dies is a cell in every row.
      const event = patch(graph.rows.map((/** @type {any[]} */ _, /** @type {number} */ source) => ({ source, changed: [[9, flip(source, 9)]] })));
      draw(results.column, () => { graph = apply(graph, event); show(); });
      draw(results.scroll, () => view.zoom(2));
      stage.remove();
    }
    return results;
  });
  report('1,000 × 1,000 matrix, first drawing', `${told(first)} ms`, '≤ 300 ms', median(first) <= 300);
  report('a patch of one cell in it', `${told(one, 1)} ms`, '≤ 16 ms', median(one) <= 16);
  report('a patch of a cell in each row of it', `${told(column, 1)} ms`, '≤ 16 ms', median(column) <= 16);
  report('drawing it at another size', `${told(scroll, 1)} ms`, '≤ 16 ms', median(scroll) <= 16);
  await clear();
}

await begin();
try {
  const parts = { paint: firstPaint, rest, change, frames, matrix };
  for (const [name, part] of Object.entries(parts)) if (process.argv.length < 3 || process.argv.includes(name)) await part();
  const version = execFileSync(process.env.CHROMIUM ?? '/usr/bin/chromium', ['--version'], { encoding: 'utf8' }).trim();
  console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model.trim()}, ${cpus().length} cores, ${version}, headless, no GPU; load average ${loadavg()[0].toFixed(1)}. Medians; in brackets the least and the most.\n`);
  console.log('| measure | the page | goal |\n| --- | --- | --- |');
  console.log(rows.join('\n'));
} finally {
  await end();
}

/** Every control and every state of the page, on a real collector whose probes say what a test wants. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import { STATES, mesh, stars } from './farm.js';
import { allOpen, begin, clear, collector, end, farm, kill, look, open, until } from './harness.js';

before(begin);
afterEach(clear);
after(end);

/** @typedef {import('playwright-core').Page} Page */

/** The stars lab in a state. @param {string[] | null} state @param {Parameters<ReturnType<typeof stars>['set']>[1]} [how] */
async function sky(state = STATES['no policy'], how = {}) {
  const probes = await farm();
  const lab = stars(probes);
  lab.set(state, how);
  const { url, collect } = await collector(Object.entries(lab.urls).map(([id, to]) => ({ id, url: to })));
  return { url, probes, lab, collect, daemon: collect() };
}

/** Waits until some paths are open. @param {Page} page @param {number} n */
const paths = (page, n) => until(`${n} open paths`, 10_000, () => look(page), (seen) => seen.paths === `${n} of 6 paths open`);

/** axe's findings. @param {Page} page */
async function axe(page) {
  // What fades in has the contrast that it fades through.
  await until('rest', 5000, () => page.evaluate(() => document.getAnimations().filter((one) => one instanceof CSSTransition).length), (n) => n === 0);
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run();
    return violations.flatMap((/** @type {any} */ { id, nodes }) => nodes.map((/** @type {any} */ node) => `${id}: ${node.html.slice(0, 200)} ${node.any[0]?.message ?? node.failureSummary}`));
  });
}

/** What leaves the window or its stage. @param {Page} page */
const outside = (page) => page.evaluate(() => {
  const stage = /** @type {Element} */ (document.getElementById('stages')).getBoundingClientRect();
  const { scrollWidth, scrollHeight } = document.documentElement;
  return [
    ...(scrollWidth > innerWidth || scrollHeight > innerHeight ? [`page of ${scrollWidth}x${scrollHeight}`] : []),
    ...[...document.querySelectorAll('header *, #sentence *, #past *, #strip *, .node .body, .node .name, .frame rect, .edge .line, .edge .head, .mark, #tip, .tools')].flatMap((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      const roof = element.closest('#stages') ? stage.top - 1 : 0;
      return right > left && !element.closest('.spoken') && (left < -1 || top < roof || right > innerWidth + 1 || bottom > innerHeight + 1)
        ? [`${element.outerHTML.slice(0, 160)} at ${[left, top, right, bottom].map(Math.round)}`] : [];
    }),
  ];
});

test('the five states of the lab: sentence, edges, marks and lights', async () => {
  const { url, lab } = await sky();
  const { page, faults } = await open(url);
  const first = await until('no policy', 15_000, () => look(page), allOpen);
  assert.equal(first.marks, 0);

  lab.set(STATES['default deny']);
  const denied = await until('default deny', 15_000, () => look(page), ({ probes }) => probes === 'none of 3 probes answers');
  assert.match(denied.hint, /^The collector reaches no probe: .*\. ?Do the probes run\?/);
  assert.deepEqual([...new Set(Object.values(denied.nodes))], ['unreachable']);
  assert.deepEqual([...new Set(Object.values(denied.edges))], ['unknown']);

  for (const [state, open_, lights] of /** @type {[keyof typeof STATES, number, number][]} */ ([['allow ui', 0, 2], ['backend policy', 1, 3], ['frontend policy', 2, 4]])) {
    lab.set(STATES[state]);
    const seen = await until(state, 15_000, () => look(page), (now) => now.paths === `${open_} of 6 paths open` && now.probes === '3 of 3 probes answer' && now.unknown === '');
    assert.deepEqual(Object.entries(seen.edges).filter(([pair, is]) => is === 'reachable' && pair[0] !== pair[2]).map(([pair]) => pair).sort(), [...(STATES[state] ?? [])].sort());
    assert.deepEqual([seen.marks, seen.lights], [6 - open_, lights], state);
    assert.deepEqual(seen.places, first.places, 'nothing jumps');
  }
  assert.deepEqual(faults, []);
});

test('each transition is announced once', async () => {
  const { url, lab } = await sky();
  const { page } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  await page.evaluate(() => {
    /** @type {string[]} */
    const said = [];
    Reflect.set(window, 'said', said);
    new MutationObserver(() => said.push(document.getElementById('spoken')?.textContent ?? '')).observe(/** @type {Node} */ (document.getElementById('spoken')), { childList: true, characterData: true, subtree: true });
  });
  lab.set(['C>F', 'F>C', 'F>B', 'B>C', 'B>F']);
  await paths(page, 5);
  // Two heartbeats later nothing more may have been said.
  await page.evaluate(() => new Promise((done) => { setTimeout(done, 4500); }));
  assert.deepEqual(await page.evaluate(() => Reflect.get(window, 'said')), ['client → backend closed: no answer']);
  assert.equal(await page.locator('#spoken').getAttribute('aria-live'), 'polite');
});

test('switches hide and show, and the link tells it', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults, context } = await open(url);
  await paths(page, 2);
  const toggle = (/** @type {string} */ name) => page.getByRole('switch', { name }).click();
  await toggle('Unreachable');
  assert.deepEqual(Object.values((await look(page)).edges), ['reachable', 'reachable', 'reachable', 'reachable']);
  await toggle('Self');
  assert.deepEqual(Object.keys((await look(page)).edges).sort(), ['C>F', 'F>B']);
  await toggle('Markers');
  const seen = await look(page);
  assert.deepEqual([seen.lights, seen.url], [0, '?hide=unreachable,self,markers']);

  const again = await open(url + seen.url, { context });
  await paths(again.page, 2);
  const same = await until('graph', 5000, () => look(again.page), ({ edges }) => Object.keys(edges).length > 0);
  assert.deepEqual([Object.keys(same.edges).sort(), same.lights], [['C>F', 'F>B'], 0]);
  for (const key of 'uls') await again.page.keyboard.press(key);
  const all = await look(again.page);
  assert.deepEqual([Object.keys(all.edges).length, all.url], [8, '']);
  assert.deepEqual(faults.concat(again.faults), []);
});

test('an edge opens its panel: why, both ways, how to check by hand; a link shows the same', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults, context } = await open(url);
  await paths(page, 2);
  await page.locator('.edge[data-source="resource C"][data-target="resource B"]').dispatchEvent('click');
  const { panel, url: link } = await until('panel', 3000, () => look(page), (seen) => seen.panel !== '');
  assert.match(panel, /^client → backend ?unreachable ?since \d\d:\d\d:\d\d · /);
  for (const part of ['No answer to any connection attempt: a policy drops it, or nobody is there.', 'backend → client', 'star-probe check http://backend.stars']) assert.ok(panel.includes(part), `${part} is not in ${panel}`);
  assert.equal(link, '?from=C&to=B');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'client → backend', 'the focus follows');

  await page.locator('#panel dd button').click();
  assert.match((await look(page)).panel, /^backend → client/);
  const again = await open(`${url}?from=F&to=B`, { context });
  await paths(again.page, 2);
  const reached = await until('latency', 25_000, () => look(again.page), (seen) => /frontend → backend ?reachable.*status code ?200.*latency ?0\.\d ms/.test(seen.panel));
  assert.ok(reached.panel.includes('Changes'));
  assert.ok(await again.page.locator('#panel .spark').isVisible());

  await page.locator('.node[data-key="resource F"]').dispatchEvent('click');
  const node = (await look(page)).panel;
  for (const part of ['frontend', 'Reaches 1 of 2', 'Reached by 1 of 2', 'stars']) assert.ok(node.includes(part), `${part} is not in ${node}`);
  await page.keyboard.press('Escape');
  assert.equal((await look(page)).panel, '');
  const gone = await open(`${url}?from=F&to=nobody`, { context });
  await until('word of what is gone', 8000, () => look(gone.page), (seen) => seen.panel.includes('What the link points to is not in the graph now.'));
  assert.deepEqual([...faults, ...again.faults, ...gone.faults], []);
});

test('each reason has its mark and its words', async () => {
  const { url, lab, probes } = await sky([]);
  const { page } = await open(url);
  await paths(page, 0);
  const drawn = new Set();
  for (const [reason, words] of /** @type {[string, string][]} */ ([['dns_timeout', 'No name server answered'], ['connection_refused', 'nobody listens'], ['network_unreachable', 'no route'],
    ['tls_failed', 'TLS handshake'], ['response_timeout', 'no response came in time'], ['invalid_response', 'not HTTP'], ['quic_failed', 'only a newer probe knows']])) {
    lab.set([], { reason });
    const title = await until(reason, 8000, () => page.locator('.edge.unreachable').first().getAttribute('aria-label'), (line) => line?.includes(words) ?? false);
    assert.ok(title);
    drawn.add(await page.locator('.mark path').first().getAttribute('d'));
  }
  assert.ok(drawn.size >= 6, `${drawn.size} marks`);
  probes.say('C', 'not a status');
  const odd = await until('nonsense', 8000, () => look(page), ({ hint }) => hint.startsWith('C answers, but not with a status: '));
  assert.equal(odd.probes, '3 of 3 probes answer');
  assert.equal(await page.locator('.node.odd').count(), 1);
});

test('dragging pins a node, which stays there after a reload; nothing else moves', async () => {
  const { url } = await sky();
  const { page, context } = await open(url);
  const before_ = await until('open graph', 15_000, () => look(page), allOpen);
  const box = /** @type {{ x: number, y: number, width: number, height: number }} */ (await page.locator('.node[data-key="resource C"] .body').boundingBox());
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 40, y + 60, { steps: 5 });
  await page.mouse.move(x + 60, y + 90, { steps: 5 });
  await page.mouse.up();
  const moved = await look(page);
  assert.ok(moved.places.C[0] > before_.places.C[0] + 20 && moved.places.C[1] > before_.places.C[1] + 40);
  assert.deepEqual([moved.places.F, moved.places.B, moved.panel], [before_.places.F, before_.places.B, ''], 'a drag is no click');
  const again = await open(url, { context });
  const kept = await until('open graph', 15_000, () => look(again.page), allOpen);
  for (const i of [0, 1]) assert.ok(Math.abs(kept.places.C[i] - moved.places.C[i]) <= 1, 'it stays where it was put');
  await again.page.getByRole('button', { name: 'Arrange anew' }).click();
  const anew = await look(again.page);
  for (const i of [0, 1]) assert.ok(Math.abs(anew.places.C[i] - before_.places.C[i]) <= 1);
});

test('zoom, pan and fit', async () => {
  const { url } = await sky();
  const { page } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  const size = async () => {
    const box = await page.locator('.node .body').first().boundingBox();
    return { x: Math.round(box?.x ?? 0), width: Math.round(box?.width ?? 0) };
  };
  const first = await size();
  await page.mouse.move(300, 300);
  await page.mouse.wheel(0, -300);
  assert.ok((await size()).width > first.width * 1.3);
  await page.keyboard.press('0');
  assert.deepEqual(await size(), first);
  await page.mouse.move(640, 640);
  await page.mouse.down();
  await page.mouse.move(700, 640, { steps: 4 });
  await page.mouse.up();
  assert.equal((await size()).x, first.x + 60);
  await page.getByRole('button', { name: 'Fit', exact: true }).click();
  assert.deepEqual(await size(), first);
  await page.keyboard.press('+');
  assert.ok((await size()).width > first.width);
  await page.keyboard.press('-');
  await page.keyboard.press('-');
  assert.ok((await size()).width < first.width);
});

test('search, namespaces and states narrow every view, and what matches nothing says so', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults } = await open(url);
  await paths(page, 2);
  await page.keyboard.press('/');
  await page.keyboard.type('client');
  let seen = await look(page);
  assert.equal(seen.url, '?q=client');
  assert.deepEqual(Object.keys(seen.edges).sort(), ['B>C', 'C>B', 'C>F', 'F>C']);
  await page.keyboard.press('Enter');
  assert.match((await look(page)).panel, /^client/);
  await page.locator('#search').focus();
  await page.keyboard.press('Escape');
  assert.equal((await look(page)).url, '?node=C', 'first it leaves the search');
  await page.keyboard.press('Escape');

  await page.locator('#namespace').selectOption({ label: 'client' });
  await page.keyboard.press('t');
  await page.locator('#state').selectOption({ label: 'unreachable' });
  seen = await look(page);
  assert.deepEqual(seen.rows.map((row) => row.slice(0, 2).join('>')), ['backend>client', 'client>backend', 'frontend>client']);
  assert.equal(seen.url, '?view=table&ns=client&state=unreachable');
  await page.keyboard.press('/');
  await page.keyboard.type('nobody');
  assert.match((await look(page)).note, /^Nothing matches/);
  await page.getByRole('button', { name: 'Clear them' }).click();
  seen = await look(page);
  assert.deepEqual([seen.note, seen.rows.length, seen.url], ['', 8, '?view=table']);
  assert.deepEqual(faults, []);
});

test('the table sorts, and saves what it shows as CSV; the graph is saved as JSON', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page } = await open(`${url}?view=table`);
  await until('table', 15_000, () => look(page), ({ rows, paths: open_ }) => rows.length === 8 && open_ === '2 of 6 paths open');
  await page.getByRole('button', { name: 'State' }).click();
  assert.deepEqual((await look(page)).rows.map((row) => row[2]), [...Array(4).fill('unreachable'), ...Array(4).fill('reachable')]);
  assert.equal(await page.locator('th[aria-sort=ascending]').textContent(), 'State');
  await page.getByRole('button', { name: 'State' }).click();
  assert.equal((await look(page)).rows[0][2], 'reachable');
  await page.getByRole('switch', { name: 'Self' }).click();
  const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()]);
  assert.match(csv.suggestedFilename(), /^star-paths-.*\.csv$/);
  const written = await readFile(await csv.path(), 'utf8');
  assert.equal(written[0], '\ufeff', 'Excel takes it for UTF-8');
  const lines = written.slice(1).trimEnd().split('\r\n');
  assert.equal(lines.length, 7);
  assert.match(lines[0], /^source,source_url,target,/);
  assert.ok(lines.some((line) => /^C,http:\/\/client\.client\S*,B,.*,unreachable,connect_timeout,,20/.test(line)), lines.join('\n'));
  const [json] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as JSON' }).click()]);
  const saved = JSON.parse(await readFile(await json.path(), 'utf8'));
  const served = await (await fetch(`${url}api/v1/graph`)).json();
  for (const edge of served.edges) delete edge.latency_ms;
  assert.deepEqual(saved.edges, served.edges);
  assert.deepEqual(saved.nodes.map((/** @type {any} */ node) => node.id), ['B', 'C', 'F']);
});

test('the matrix: cells by keyboard and mouse, spoken and opened', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults } = await open(`${url}?view=matrix`);
  await paths(page, 2);
  await page.locator('[role=grid]').focus();
  const cell = () => page.locator('[role=gridcell]').textContent();
  assert.equal(await cell(), 'client → client · not checked');
  await page.keyboard.press('ArrowRight');
  assert.match(await cell() ?? '', /^client → backend · unreachable since .* · No answer/);
  await page.keyboard.press('Enter');
  assert.equal((await look(page)).url, '?view=matrix&from=C&to=B');
  await page.keyboard.press('Escape');
  await page.locator('[role=grid]').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowDown');
  assert.match(await cell() ?? '', /^backend → frontend · unreachable/);
  const colours = await page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#matrix-stage canvas'));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(colours > 4, 'it is drawn');
  assert.deepEqual(faults, []);
});

test('the timeline shows the past as the past, step by step, and live brings the present back', async () => {
  const { url, lab } = await sky();
  const { page, faults, context } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  for (const [state, n] of /** @type {[keyof typeof STATES, number][]} */ ([['allow ui', 0], ['backend policy', 1], ['frontend policy', 2]])) {
    lab.set(STATES[state]);
    await paths(page, n);
  }
  await page.keyboard.press(',');
  const last = await until('the last change', 5000, () => look(page), ({ past }) => past !== '');
  assert.match(last.past, /^The past: as it was at \d\d:\d\d:\d\d, \d+ s ago ?Back to live$/);
  assert.deepEqual([last.status, last.paths, last.lights], ['the past', '2 of 6 paths open', 0]);
  const slider = page.getByRole('slider', { name: 'Moment shown' });
  await slider.focus();
  for (const n of [1, 0]) {
    await page.keyboard.press('ArrowLeft');
    const then = await until('an earlier change', 5000, () => look(page), (seen) => seen.paths === `${n} of 6 paths open`);
    assert.ok(then.url.startsWith('?at=20'));
  }
  // The present goes on meanwhile, and is not shown.
  lab.set(STATES['no policy']);
  await until('a later change', 8000, () => page.evaluate(async () => (await fetch('api/v1/graph')).json()), ({ edges }) => edges.every((/** @type {any} */ edge) => edge.state === 'reachable'));
  const still = await look(page);
  assert.deepEqual([still.paths, still.status], ['0 of 6 paths open', 'the past']);
  const shared = await open(`${url}${still.url}`, { context });
  await until('the same moment by its link', 8000, () => look(shared.page), (seen) => seen.paths === '0 of 6 paths open' && seen.past !== '');
  await page.getByRole('button', { name: 'Back to live' }).first().click();
  const live = await until('the present', 8000, () => look(page), allOpen);
  assert.deepEqual([live.past, live.url], ['', '']);
  const track = /** @type {{ x: number, y: number, width: number, height: number }} */ (await page.locator('.track').boundingBox());
  await page.mouse.click(track.x + track.width * 0.4, track.y + 20);
  const oldest = await until('the oldest', 5000, () => look(page), ({ past }) => past !== '');
  assert.match(oldest.past, /^The past/);
  await page.keyboard.press('n');
  assert.equal((await look(page)).past, '');
  assert.deepEqual([...faults, ...shared.faults], []);
});

test('the past is known to a page that is opened later', async () => {
  const { url, lab } = await sky();
  const { page } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  lab.set(STATES['frontend policy']);
  await paths(page, 2);
  const late = await open(url);
  await paths(late.page, 2);
  await until('the change before', 8000, async () => {
    await late.page.keyboard.press(',');
    return look(late.page);
  }, ({ past }) => past !== '');
  await late.page.locator('#panel').evaluate(() => {});
  assert.match((await look(late.page)).past, /^The past/);
});

test('the page speaks English and Korean, by browser and by link', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page } = await open(url, { locale: 'ko-KR' });
  const seen = await until('Korean', 15_000, () => look(page), ({ paths: said }) => said === '경로 6개 중 2개 열림');
  assert.deepEqual([seen.probes, seen.status, await page.evaluate(() => document.documentElement.lang)], ['프로브 3개 모두 응답', '실시간', 'ko']);
  await page.getByRole('button', { name: '언어: English' }).click();
  const english = await look(page);
  assert.deepEqual([english.paths, english.url, await page.evaluate(() => document.documentElement.lang)], ['2 of 6 paths open', '?lang=en', 'en']);
  await page.keyboard.press('t');
  assert.equal((await look(page)).rows[0][2], 'unreachable');
  await page.getByRole('button', { name: 'Language: 한국어' }).click();
  assert.equal((await look(page)).rows[0][2], '도달 불가');
});

test('the theme is the system\'s until one is chosen, and then kept', async () => {
  const { url } = await sky();
  const { page, context } = await open(url, { colorScheme: 'dark' });
  await until('open graph', 15_000, () => look(page), allOpen);
  const ground = (/** @type {Page} */ of) => of.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground(page);
  await page.getByRole('button', { name: /^Theme/ }).click();
  const light = await ground(page);
  assert.notEqual(light, dark);
  const again = await open(url, { context });
  assert.equal(await ground(again.page), light);
});

test('everything can be reached and done by keyboard alone', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults } = await open(url);
  await paths(page, 2);
  const reached = [];
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const element = /** @type {HTMLElement} */ (document.activeElement);
      const { outlineStyle } = getComputedStyle(element);
      const seen = outlineStyle !== 'none' || element.closest('svg, #find') !== null;
      return element === document.body ? null : { name: element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '', seen };
    });
    if (!at) break;
    assert.ok(at.seen, `${at.name} shows no focus`);
    reached.push(at.name);
  }
  for (const name of ['Graph', 'Matrix', 'Table', 'Unreachable', 'Markers', 'Self', 'Namespace', 'Search by name, namespace or URL', 'Save as JSON', 'Save as CSV', 'Theme: as the system', 'Language: 한국어', 'Keys and marks', 'Zoom in', 'Fit', 'Moment shown']) {
    assert.ok(reached.includes(name), `${name} is not reached: ${reached.join(' | ')}`);
  }
  assert.equal(reached.filter((name) => /^[BCF] (backend|client|frontend) /.test(name)).length, 1, 'the graph is one stop');

  // Back from the end of the page to its start.
  await page.keyboard.press('Tab');
  await page.keyboard.press('?');
  assert.ok(await page.locator('#help').isVisible());
  await page.keyboard.press('Escape');
  assert.ok(!await page.locator('#help').isVisible());
  await page.locator('.node[tabindex="0"]').focus();
  await page.keyboard.press('ArrowDown');
  await until('the next node', 2000, () => look(page), ({ tip }) => tip.startsWith('client · reachable'));
  await page.keyboard.press('ArrowRight');
  const edge = await until('its first edge', 2000, () => look(page), ({ tip }) => tip.startsWith('client → '));
  assert.ok(edge);
  await page.keyboard.press('Enter');
  assert.match((await look(page)).panel, /^client → /);
  await page.keyboard.press('Escape');
  assert.equal((await look(page)).panel, '');
  assert.ok(await page.evaluate(() => document.activeElement?.closest('#graph') !== null), 'the focus is back in the graph');
  for (const [key, view] of [['m', 'matrix'], ['t', 'table'], ['g', 'graph']]) {
    await page.keyboard.press(key);
    assert.equal((await look(page)).view, view);
  }
  await page.keyboard.press('t');
  await page.locator('tbody button').first().focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.match((await look(page)).panel, /^backend → frontend/);
  assert.deepEqual(faults, []);
});

for (const [width, height] of [[360, 640], [1280, 800], [1920, 1080]]) {
  for (const [locale, colorScheme] of /** @type {['en-US' | 'ko-KR', 'light' | 'dark'][]} */ ([['en-US', 'light'], ['ko-KR', 'dark']])) {
    test(`axe finds nothing and nothing overflows at ${width}x${height}, ${colorScheme}, ${locale}`, async () => {
      const { url, lab, probes } = await sky(STATES['frontend policy']);
      const { page } = await open(url, { viewport: { width, height }, locale, colorScheme });
      const open_ = locale === 'ko-KR' ? /6개 중 2개 열림/ : /^2 of 6/;
      await until('graph', 15_000, () => look(page), ({ paths: said }) => open_.test(said));
      const check = async (/** @type {string} */ what) => assert.deepEqual({ axe: await axe(page), outside: await outside(page) }, { axe: [], outside: [] }, what);
      await check('graph');
      await page.locator('.edge.unreachable').first().focus();
      await page.keyboard.press('Enter');
      await check('panel of an edge');
      await page.keyboard.press('Escape');
      await page.keyboard.press('m');
      await check('matrix');
      await page.keyboard.press('t');
      await check('table');
      await page.keyboard.press('?');
      await check('help');
      await page.keyboard.press('Escape');
      await page.keyboard.press('g');
      if (width === 360) {
        await page.locator('#options').click();
        await check('filters');
        await page.locator('#options').click();
      }
      lab.set(STATES['no policy']);
      await until('change', 8000, () => look(page), ({ news }) => /4/.test(news));
      await until('the past', 8000, async () => {
        await page.keyboard.press(',');
        return look(page);
      }, ({ past }) => past !== '');
      await check('the past');
      await page.keyboard.press('n');
      probes.say('B', null);
      probes.say('F', 'nonsense');
      await until('ghost', 10_000, () => look(page), ({ nodes, hint }) => nodes.B === 'unreachable' && hint !== '');
      await check('a ghost, and nonsense');
      lab.set(null);
      await until('nobody', 15_000, () => look(page), ({ hint }) => hint.includes('allow-ui'));
      await check('nobody answers');
    });
  }
}

test('a hidden tab closes its stream, and comes back with what is now', async () => {
  const { url, lab } = await sky();
  const { page } = await open(url);
  const streams = () => page.evaluate(() => Reflect.get(window, 'streams'));
  await page.addInitScript(() => {
    const Real = EventSource;
    Reflect.set(window, 'streams', 0);
    Reflect.set(window, 'EventSource', class extends Real {
      /** @param {string} to */
      constructor(to) {
        super(to);
        Reflect.set(window, 'streams', Reflect.get(window, 'streams') + 1);
      }

      close() {
        if (this.readyState !== 2) Reflect.set(window, 'streams', Reflect.get(window, 'streams') - 1);
        super.close();
      }
    });
  });
  await page.reload();
  await until('open graph', 15_000, () => look(page), allOpen);
  assert.equal(await streams(), 1);
  const hide = (/** @type {boolean} */ hidden) => page.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: is });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  assert.equal((await look(page)).status, 'reconnecting…', 'what is not heard is not live');
  await hide(false);
  await until('live graph', 8000, () => look(page), allOpen);
  assert.equal(await streams(), 1);
  await hide(true);
  assert.equal(await streams(), 0);
  lab.set(STATES['frontend policy']);
  await until('the change, at the collector', 8000, () => page.evaluate(async () => (await fetch('api/v1/graph')).json()), ({ edges }) => edges.some((/** @type {any} */ edge) => edge.state === 'unreachable'));
  await hide(false);
  await paths(page, 2);
});

test('beyond sixty nodes the matrix comes first; the graph is folded by namespace where names could not be read, and says so', async () => {
  const probes = await farm({ hold: false });
  const { resources } = mesh(probes, 300, 8, 12, (from, to) => (from + to) % 3 !== 0);
  const { url, collect } = await collector(resources, undefined, '--http-request-seconds=30');
  collect();
  const { page, faults } = await open(url);
  const first = await until('matrix', 60_000, () => look(page), (seen) => seen.view === 'matrix' && seen.probes === '300 of 300 probes answer');
  assert.match(first.paths, /^[\d,]+ of 2,400 paths open$/);
  await page.keyboard.press('g');
  let seen = await until('folded graph', 5000, () => look(page), ({ nodes }) => Object.keys(nodes).length > 0);
  assert.match(seen.note, /^300 nodes folded into 12 namespaces: click one to unfold it\./);
  assert.deepEqual([Object.keys(seen.nodes).length, [...new Set(Object.values(seen.nodes))]], [12, ['folded']]);
  assert.deepEqual(await axe(page), []);
  const total = await page.locator('.bundle').evaluateAll((all) => all.reduce((sum, one) => sum + Number(one.getAttribute('data-all')), 0));
  assert.equal(total, 2400, 'every path is in one of the bundles: in this mesh none stays within its namespace');
  await page.locator('.node.folded').first().click();
  seen = await look(page);
  assert.deepEqual([Object.keys(seen.nodes).length, seen.frames], [11 + 25, ['team-1']]);
  await page.locator('.fold').focus();
  await page.keyboard.press('Enter');
  assert.equal(Object.keys((await look(page)).nodes).length, 12);
  await page.getByRole('button', { name: 'Unfold all' }).click();
  seen = await look(page);
  assert.deepEqual([Object.keys(seen.nodes).length, seen.note], [300, '']);
  await page.keyboard.press('t');
  await until('table', 5000, () => page.locator('.where').textContent(), (text) => text === '1–200 of 2,400');
  await page.getByRole('button', { name: 'Next' }).click();
  assert.equal(await page.locator('.where').textContent(), '201–400 of 2,400');
  assert.deepEqual(faults, []);
});

test('no text of the graph is under eleven pixels, and islands bundle what leads from one to another until it is pointed at', async () => {
  const probes = await farm();
  const { resources } = mesh(probes, 36, 11, 12, (from, to) => !(from % 12 === 1 && to % 12 === 2));
  const { url, collect } = await collector(resources);
  collect();
  const { page } = await open(`${url}?view=graph`, { viewport: { width: 1366, height: 768 } });
  await until('all', 15_000, () => look(page), ({ probes: said }) => said === '36 of 36 probes answer');
  const texts = () => page.locator('#graph text').evaluateAll((all) => all.filter((text) => text.textContent && getComputedStyle(text).display !== 'none')
    .map((text) => ({ text: text.textContent, px: parseFloat(getComputedStyle(text).fontSize) * /** @type {DOMMatrix} */ (/** @type {SVGGraphicsElement} */ (text).getScreenCTM()).a })));
  assert.deepEqual((await texts()).filter(({ px }) => px < 10.95), []);
  let seen = await look(page);
  assert.deepEqual([Object.keys(seen.nodes).length, Object.keys(seen.edges).length], [36, 0]);
  assert.equal(await page.locator('.bundle.unreachable').count(), 1, 'what is closed stands out');
  const titles = await page.locator('.frame .title').evaluateAll((all) => all.map((title) => {
    const { left, top, right, bottom } = title.getBoundingClientRect();
    return document.elementFromPoint((left + right) / 2, (top + bottom) / 2)?.closest('.frame') === title.parentElement;
  }));
  assert.deepEqual([titles.length, titles.includes(false)], [12, false], 'titles are free');
  await page.locator('.node .body').first().hover();
  seen = await look(page);
  assert.equal(Object.keys(seen.edges).length, 22, 'each edge of the node by itself');
  const [tip, body] = await Promise.all([page.locator('#tip').boundingBox(), page.locator('.node .body').first().boundingBox()]);
  assert.ok(tip && body && (tip.x >= body.x + body.width || tip.y >= body.y + body.height || tip.x + tip.width <= body.x || tip.y + tip.height <= body.y), 'the tip lies beside it');
  for (let i = 0; i < 4; i += 1) await page.keyboard.press('-');
  assert.deepEqual((await texts()).filter(({ px }) => px < 10.95), [], 'what could not be read moves away');
});

test('what changed is seen to: a halo for five seconds, and lights that rest ten seconds later', async () => {
  const { url, lab } = await sky();
  const { page } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  const running = () => page.evaluate(() => document.getAnimations().filter((one) => one instanceof CSSAnimation && one.animationName === 'flow').length);
  await until('rest', 15_000, running, (n) => n === 0);
  lab.set(['C>F', 'F>C', 'F>B', 'B>C', 'B>F']);
  const halo = page.locator('.edge.fresh.closed[data-source="resource C"][data-target="resource B"]');
  await until('a halo', 8000, () => halo.count(), (n) => n === 1);
  assert.ok(await running() > 0, 'lights run');
  assert.equal(await halo.locator('.line').evaluate((line) => getComputedStyle(line).strokeOpacity), '0.55', 'and the closed is faint');
  await until('its end', 12_000, () => page.locator('.edge.fresh').count(), (n) => n === 0);
  await until('rest', 15_000, running, (n) => n === 0);
});

test('a node that comes leaves the others where they are', async () => {
  const { url, probes } = await sky();
  const { page } = await open(url);
  const before_ = await until('open graph', 15_000, () => look(page), allOpen);
  probes.say('G', []);
  const answer = await fetch(`${url}resources`, { method: 'POST', body: JSON.stringify({ id: 'G', url: probes.url('G', 'gateway.stars') }) });
  assert.equal(answer.status, 200);
  const more = await until('another node', 8000, () => look(page), ({ nodes }) => nodes.G === 'reachable');
  assert.deepEqual([more.places.B, more.places.C, more.places.F], [before_.places.B, before_.places.C, before_.places.F]);
  await fetch(`${url}resources/G`, { method: 'DELETE' });
  const less = await until('three nodes', 8000, () => look(page), ({ nodes }) => !('G' in nodes));
  assert.deepEqual(less.places, before_.places);
  assert.match(less.news, /^gateway is gone/);
});

test('three hours of patches in a minute do not make the page grow', async () => {
  const { url, lab } = await sky();
  const { page, faults } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  // The stream's events, as a collector sends them, but faster: a path closes and opens once a second for three hours.
  const heap = async () => {
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    await session.detach();
    return { used: usedSize, elements: await page.evaluate(() => document.querySelectorAll('*').length) };
  };
  const feed = (/** @type {number} */ from, /** @type {number} */ to) => page.evaluate(async ([start, end_]) => {
    const source = /** @type {EventSource} */ (Reflect.get(window, 'source'));
    for (let i = start; i < end_; i += 1) {
      const at = new Date(Date.UTC(2026, 10, 22) + i * 1000).toISOString();
      const seen = i % 2 ? { state: 'unreachable', reason: 'connect_timeout', since: at } : { state: 'reachable', status_code: 200, since: at };
      source.dispatchEvent(new MessageEvent('patch', { data: JSON.stringify({ seq: i + 1, prev: i, at, edges: [{ source: 0, changed: [[0, { target: 1, ...seen }]] }] }) }));
      if (i % 60 === 0) await new Promise((done) => { requestAnimationFrame(done); });
    }
  }, [from, to]);
  await page.addInitScript(() => {
    // Hands the stream over to the test: what comes from the collector is not heard any more.
    const Real = EventSource;
    Reflect.set(window, 'EventSource', class extends EventTarget {
      constructor() {
        super();
        Reflect.set(window, 'source', this);
        setTimeout(() => {
          const node = (/** @type {string} */ id) => ({ id, url: `http://${id}.stars/status`, kind: 'resource', state: 'reachable' });
          const data = { seq: 0, at: new Date(Date.UTC(2026, 10, 22)).toISOString(), nodes: [node('a'), node('b')], rows: [{ source: 0, edges: [{ target: 1, state: 'reachable' }] }, { source: 1, edges: [{ target: 0, state: 'reachable' }] }] };
          this.dispatchEvent(new MessageEvent('snapshot', { data: JSON.stringify(data) }));
        });
        setInterval(() => this.dispatchEvent(new MessageEvent('heartbeat', { data: JSON.stringify({ seq: Reflect.get(window, 'seq') ?? 0, at: new Date().toISOString() }) })), 1e9);
      }

      close() {}
    });
    void Real;
  });
  await page.goto(`${url}?example=true`);
  await until('two nodes', 8000, () => look(page), ({ nodes }) => Object.keys(nodes).length === 2);
  await feed(0, 3700);
  const first = await heap();
  await feed(3700, 3 * 3600);
  const last = await heap();
  assert.ok(last.used < first.used * 1.25 + 2e6, `from ${first.used} to ${last.used} bytes`);
  assert.ok(last.elements <= first.elements + 10, `from ${first.elements} to ${last.elements} elements`);
  assert.equal(lab.urls.F.startsWith('http'), true);
  assert.deepEqual(faults, []);
});

test('a collector that starts anew is followed, with its own past', async () => {
  const { url, daemon, collect } = await sky(STATES['frontend policy']);
  const { page } = await open(url);
  await paths(page, 2);
  await kill(daemon);
  await until('word of the loss', 9000, () => look(page), ({ status }) => status === 'reconnecting…');
  collect();
  await until('live again', 12_000, () => look(page), (seen) => seen.status === 'live' && seen.paths === '2 of 6 paths open');
});

test('what is told opened or closed only where it did: another reason is no news, and what becomes known again says so', async () => {
  const { url, lab } = await sky(STATES['frontend policy']);
  const { page } = await open(url);
  await paths(page, 2);
  lab.set(STATES['frontend policy'], { reason: 'connection_refused' });
  await until('the new reason', 8000, () => page.locator('.edge.unreachable').first().getAttribute('aria-label'), (line) => line?.includes('nobody listens') ?? false);
  assert.equal((await look(page)).news, '', 'nothing opened and nothing closed');
  lab.set(null);
  await until('silence', 15_000, () => look(page), ({ paths: said, probes }) => said === '6 of 6 paths unknown' && probes === 'none of 3 probes answers');
  lab.set(STATES['frontend policy']);
  const again = await until('word of it', 15_000, () => look(page), ({ news }) => /known again: 2 open, 4 closed/.test(news));
  assert.doesNotMatch(again.news, /opened|paths? closed/);
  await page.locator('#news button').click();
  const { panel, url: link } = await look(page);
  assert.equal(link, '?list=true');
  assert.ok(panel.includes('client → frontend known again: open'), panel);
  await page.getByRole('button', { name: 'client → frontend known again: open' }).click();
  assert.match((await look(page)).panel, /^client → frontend/);
  // Back walks the way that one came.
  await page.goBack();
  assert.equal((await look(page)).url, '?list=true');
  await page.goBack();
  assert.deepEqual([(await look(page)).panel, (await look(page)).url], ['', '']);
  await page.goForward();
  assert.equal((await look(page)).url, '?list=true');
});

test('what is marked in the panel stays marked', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page } = await open(`${url}?from=C&to=B`);
  await paths(page, 2);
  const old = await until('the panel', 5000, () => page.locator('#panel time').first().textContent(), Boolean);
  await page.locator('#panel .why').first().evaluate((element) => getSelection()?.selectAllChildren(element));
  const marked = await page.evaluate(() => String(getSelection()));
  await until('a later time', 5000, () => page.locator('#panel time').first().textContent(), (now) => now !== old);
  assert.equal(await page.evaluate(() => String(getSelection())), marked);
  assert.match(marked, /^No answer/);
});

test('a second visit fetches the document alone, and it is told that nothing changed', async () => {
  const { url } = await sky();
  const { page } = await open(url);
  await until('open graph', 15_000, () => look(page), allOpen);
  const loads = () => page.evaluate(() => performance.getEntriesByType('resource').length + 1);
  await until('all requests', 5000, loads, (n) => n >= 4);
  assert.ok(await loads() <= 6, `${await loads()} requests`);
  const script = await page.locator('script[src]').getAttribute('src');
  const [first, second] = [await fetch(url), await fetch(url, { headers: { 'if-none-match': '"other", W/"none"' } })];
  assert.deepEqual([first.status, second.status], [200, 200]);
  const tag = first.headers.get('etag') ?? '';
  assert.equal((await fetch(url, { headers: { 'if-none-match': tag } })).status, 304);
  const answer = await fetch(new URL(script ?? '', url));
  assert.deepEqual([answer.status, answer.headers.get('cache-control')], [200, 'public, max-age=31536000, immutable']);
});

test('with forced colours the matrix is still one, a switch shows its state, and axe finds nothing', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page, faults } = await open(`${url}?view=matrix`, { forcedColors: 'active' });
  await paths(page, 2);
  await page.locator('[role=grid]').focus();
  const colours = () => page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#matrix-stage canvas'));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    /** @type {Map<number, number>} */
    const counts = new Map();
    for (const pixel of new Uint32Array(data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return [...counts.values()].filter((n) => n > 2000).length;
  });
  assert.ok(await colours() >= 4, 'ground, open, closed, not checked');
  const [on, off] = await page.evaluate(() => {
    const ground = () => getComputedStyle(/** @type {Element} */ (document.querySelector('[data-show=self] i'))).backgroundColor;
    const before_ = ground();
    /** @type {HTMLElement} */ (document.querySelector('[data-show=self]')).click();
    return [before_, ground()];
  });
  assert.notEqual(on, off);
  for (const key of 'mtg') {
    await page.keyboard.press(key);
    assert.deepEqual(await axe(page), [], key);
  }
  assert.deepEqual(faults, []);
});

test('when printed the table is whole, and nothing of the page around it', async () => {
  const probes = await farm();
  const { resources } = mesh(probes, 12, 11, 3, () => true);
  const { url, collect } = await collector(resources);
  collect();
  const { page } = await open(`${url}?view=table`);
  await until('all', 15_000, () => look(page), ({ rows }) => rows.length === 132);
  await page.emulateMedia({ media: 'print' });
  const seen = await page.evaluate(() => ({
    head: getComputedStyle(/** @type {Element} */ (document.querySelector('header'))).display,
    strip: getComputedStyle(/** @type {Element} */ (document.querySelector('#strip'))).display,
    cut: (() => { const sheet = /** @type {Element} */ (document.querySelector('.sheet')); return sheet.scrollHeight - sheet.clientHeight; })(),
  }));
  assert.deepEqual({ ...seen, cut: seen.cut <= 1 }, { head: 'none', strip: 'none', cut: true });
});

test('on a touch screen whatever is pressed is 32 pixels or more', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page } = await open(`${url}?from=C&to=B`, { viewport: { width: 360, height: 740 }, hasTouch: true });
  await paths(page, 2);
  await page.locator('#options').click();
  const small = await page.evaluate(() => [...document.querySelectorAll('header button, header select, #strip button, .tools button, .close, #news button')].flatMap((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && (width < 31.5 || height < 31.5) ? [`${element.outerHTML.slice(0, 80)} ${width}x${height}`] : [];
  }));
  assert.deepEqual(small, []);
});

test('a low window folds the timeline to a line, and three nodes keep their names and marks', async () => {
  const { url } = await sky(STATES['frontend policy']);
  const { page } = await open(url, { viewport: { width: 683, height: 384 } });
  await paths(page, 2);
  const { strip, names, marks } = await page.evaluate(() => {
    const seen = (/** @type {string} */ selector) => [...document.querySelectorAll(selector)].filter((element) => element.getBoundingClientRect().width > 0 && getComputedStyle(element).display !== 'none').length;
    return { strip: /** @type {Element} */ (document.querySelector('#strip')).getBoundingClientRect().height, names: seen('.node .name'), marks: seen('.mark') };
  });
  assert.ok(strip < 50, `${strip}`);
  assert.deepEqual([names, marks], [3, 4]);
});

test('the example shows in every view what policies say: a hole, the policy named, and a connection that outlives one', async () => {
  const { url, collect } = await collector([]);
  collect();
  const { page, faults } = await open(`${url}?example=true&from=A&to=B`);
  const { panel } = await until('the panel', 8000, () => look(page), (seen) => seen.panel.includes('A hole'));
  for (const part of ['Policies say: denied', 'stars/backend-policy · rule 1 · backend-policy.yaml:11', '10.96.3.7:6379', 'flowing']) assert.ok(panel.includes(part), `${part} is not in ${panel}`);
  assert.equal(await page.locator('#differing').textContent(), '2 not as the policies say');
  assert.equal(await page.locator('#unmeasured').textContent(), '2 not measured');
  assert.equal(await page.locator('.edge.differs').count(), 2);
  assert.equal(await page.locator('.edge.kept').count(), 1);
  assert.match(await page.locator('.edge.kept').getAttribute('aria-label') ?? '', /still flows/);
  for (const key of 'gmt') {
    await page.keyboard.press(key);
    assert.deepEqual(await axe(page), [], key);
  }
  assert.ok((await look(page)).rows.some((row) => row[0]?.startsWith('A') && row[7] === 'denied'));
  assert.deepEqual(faults, []);
});

/** The pictures of the README: the lab's five states in both themes, and the other views. `make screenshots` runs it. */

import { join } from 'node:path';
import { argv, env } from 'node:process';
import { STATES, mesh, stars } from './farm.js';
import { begin, clear, collector, end, farm, look, open, until } from './harness.js';

const folder = argv[2] ?? '.';
// A collector that runs already, as star-lab's, is pictured as it is: STAR_URL names it, and the state is its own.
const given = env.STAR_URL;

/** @param {import('playwright-core').Page} page @param {string} name */
async function picture(page, name) {
  await page.mouse.move(4, 700);
  await until('rest', 5000, () => page.evaluate(() => document.getAnimations().filter((one) => one instanceof CSSTransition).length), (n) => n === 0);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

await begin();
try {
  if (given) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const { page } = await open(given, { colorScheme, viewport: { width: 1280, height: 800 } });
      await until('graph', 15_000, () => look(page), ({ nodes }) => Object.keys(nodes).length > 0);
      await picture(page, `lab-${colorScheme}`);
    }
  } else {
    const probes = await farm();
    const lab = stars(probes);
    lab.set(STATES['no policy']);
    const { url, collect } = await collector(Object.entries(lab.urls).map(([id, to]) => ({ id, url: to })));
    collect();
    const pages = await Promise.all(/** @type {const} */ (['light', 'dark']).map(async (theme) => ({ theme, ...await open(url, { colorScheme: theme }) })));
    let i = 0;
    for (const [state, paths] of Object.entries(STATES)) {
      lab.set(paths);
      i += 1;
      for (const { page, theme } of pages) {
        await page.bringToFront();
        await until(state, 20_000, () => look(page), (seen) => (paths ? seen.paths === `${paths.length} of 6 paths open` && seen.unknown === '' : seen.probes === 'none of 3 probes answers'));
        await picture(page, `${i}-${state.replaceAll(' ', '-')}-${theme}`);
      }
    }
    lab.set(['C>F', 'F>C'], { reason: 'connection_refused', message: 'nobody listens there' });
    probes.say('B', null);
    for (const { page, theme } of pages) {
      await page.bringToFront();
      await until('ghost', 20_000, () => look(page), ({ nodes }) => nodes.B === 'unreachable');
      await picture(page, `killed-${theme}`);
    }
    lab.set(STATES['frontend policy']);
    for (const { page, theme } of pages) {
      await page.bringToFront();
      await until('lab', 20_000, () => look(page), ({ paths, unknown }) => paths === '2 of 6 paths open' && unknown === '');
      await page.locator('.edge[data-source="resource C"][data-target="resource B"]').dispatchEvent('click');
      await picture(page, `why-${theme}`);
    }
    await clear();
    const many = await farm({ hold: false });
    const { resources } = mesh(many, 70, 69, 5, (from, to) => from % 5 === to % 5 || (from % 5 === 0 && to % 5 < 3));
    const large = await collector(resources);
    large.collect();
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const { page } = await open(large.url, { colorScheme });
      await until('matrix', 30_000, () => look(page), (seen) => seen.view === 'matrix' && seen.probes === '70 of 70 probes answer');
      await picture(page, `matrix-${colorScheme}`);
    }
  }
  await clear();
} finally {
  await end();
}

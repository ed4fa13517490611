/** The pictures of the README: the lab's five states on real packets, in both themes, and the other views. `make screenshots` runs it. */

import { join } from 'node:path';
import { argv } from 'node:process';
import { mesh } from './farm.js';
import { begin, clear, collector, end, farm, look, open, packets, until } from './harness.js';

const folder = argv[2] ?? '.';
/** @param {import('playwright-core').Page} page @param {string} name */
async function picture(page, name) {
  await page.mouse.move(4, 700);
  await until('the end of halos', 15_000, () => page.locator('.edge.fresh').count(), (n) => n === 0);
  await until('rest', 5000, () => page.evaluate(() => document.getAnimations().filter((one) => one instanceof CSSTransition).length), (n) => n === 0);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** The lab's steps in the guide's order: a picture's name, the policies applied for it, and what the page then says. */
const STEPS = /** @type {const} */ ([
  ['1-no-policy', [], '6 of 6 paths open'],
  ['2-default-deny', ['default-deny'], 'none of 3 probes answers'],
  ['3-allow-ui', ['allow-ui', 'allow-ui-client'], '0 of 6 paths open'],
  ['4-frontend-policy', ['frontend-policy'], '1 of 6 paths open'],
  ['5-backend-policy', ['backend-policy'], '2 of 6 paths open'],
]);

await begin();
try {
  const { url, say, step } = await packets();
  const pages = await Promise.all(/** @type {const} */ (['light', 'dark']).map(async (theme) => ({ theme, ...await open(url, { colorScheme: theme }) })));
  /** @param {string} name @param {(seen: Awaited<ReturnType<typeof look>>) => boolean} shown */
  const pictures = async (name, shown) => {
    for (const { page, theme } of pages) {
      await page.bringToFront();
      await until(name, 20_000, () => look(page), shown);
      await picture(page, `${name}-${theme}`);
    }
  };
  for (const [name, policies, sentence] of STEPS) {
    for (const policy of policies) await step(policy);
    await pictures(name, ({ paths, probes, unknown }) => probes === sentence || (paths === sentence && unknown === ''));
  }
  for (const { page } of pages) {
    await page.bringToFront();
    await page.locator('.edge[data-source="resource C"][data-target="resource B"]').dispatchEvent('click');
  }
  await pictures('why', () => true);
  for (const { page } of pages) await page.keyboard.press('Escape');
  await say('kill', 'backend');
  await pictures('killed', ({ nodes }) => nodes.B === 'unreachable');
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
  await clear();
} finally {
  await end();
}

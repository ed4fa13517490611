/** The list of keys, and what the marks mean. */

import { html, svg } from './element.js';
import { GLYPHS } from './mark.js';
import { sign } from './panel.js';

/**
 * @param {HTMLDialogElement} dialog
 * @param {import('./words.js').Words} words
 */
export function fillHelp(dialog, words) {
  const close = html('button', { type: 'button', class: 'close', 'aria-label': words.close, title: words.close, click: () => dialog.close() },
    svg('svg', { viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, svg('path', { d: 'M-4 -4L4 4M-4 4L4 -4' })));
  const marks = /** @type {[keyof typeof GLYPHS, string][]} */ (Object.entries(words.marks));
  const { legend } = words;
  const row = (/** @type {Element} */ picture, /** @type {string} */ text) => html('li', {}, picture, text);
  const badge = (/** @type {string} */ name) => svg('svg', { class: `sign ${name}`, viewBox: '-11 -11 22 22', 'aria-hidden': 'true' }, svg('circle', { r: 9 }));
  dialog.setAttribute('aria-label', words.help);
  dialog.replaceChildren(
    close,
    html('h2', {}, words.keysTitle),
    html('dl', {}, ...words.keys.flatMap(([keys, what]) => [html('dt', {}, ...keys.split(/\s+/).map((key) => html('kbd', {}, key))), html('dd', {}, what)])),
    html('h2', {}, words.marksTitle),
    html('ul', {},
      row(sign('reachable'), legend.reachable),
      row(sign('unreachable', 'connect_timeout'), legend.unreachable),
      row(sign('unknown'), legend.unknown),
      row(badge('ghost'), legend.ghost),
      row(badge('differs'), legend.differs)),
    html('ul', {}, ...marks.map(([name, text]) => row(svg('svg', { class: 'sign unreachable', viewBox: '-11 -11 22 22', 'aria-hidden': 'true' }, svg('circle', { r: 9 }), svg('path', { d: GLYPHS[name] })), text))),
  );
}

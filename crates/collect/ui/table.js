/** The table view: every edge as a row, a page at a time. */

import { local, utc } from './clock.js';
import { html, say, set } from './element.js';
import { differs, edgeKeys, known } from './model.js';
import { count, explain } from './words.js';

/**
 * @typedef {{ key: string, source: number, edge: import('./model.js').RowEdge, latency: number | undefined }} Line
 * @typedef {{ graph: import('./model.js').Graph, seen: import('./filter.js').Visible, sort: string, selected: string | null, now: number,
 *   latency: (key: string) => number | undefined, words: import('./words.js').Words }} Drawing
 */

const PAGE = 200;
const COLUMNS = /** @type {const} */ (['source', 'target', 'state', 'reason', 'code', 'since', 'latency', 'expected']);

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

/**
 * The edges that are seen, sorted.
 * @param {Drawing} drawing
 * @returns {Line[]}
 */
export function lines({ graph, seen, sort, latency }) {
  const { rows, names } = graph;
  /** @type {Line[]} */
  const found = [];
  rows.forEach((row, source) => {
    /** @type {string[] | undefined} */
    let keys;
    row.forEach((edge, i) => {
      if (!seen.edge(source, edge)) return;
      keys ??= edgeKeys(graph, source);
      found.push({ key: keys[i], source, edge, latency: latency(keys[i]) });
    });
  });
  const way = sort.startsWith('-') ? -1 : 1;
  const column = sort.replace('-', '');
  const rank = { unreachable: 0, unknown: 1, pending: 2, reachable: 3 };
  // What has no value comes last, whichever way.
  const value = (/** @type {number | undefined} */ a, /** @type {number | undefined} */ b) =>
    (a === undefined || b === undefined ? Number(a === undefined) - Number(b === undefined) : way * (a - b));
  const text = (/** @type {string | undefined} */ a, /** @type {string | undefined} */ b) =>
    (!a || !b ? Number(!a) - Number(!b) : way * compare(a, b));
  /** @type {Record<string, (a: Line, b: Line) => number>} */
  const by = {
    source: (a, b) => way * compare(names[a.source].name, names[b.source].name),
    target: (a, b) => way * compare(names[a.edge.target].name, names[b.edge.target].name),
    state: (a, b) => way * (rank[known(a.edge)] - rank[known(b.edge)]),
    reason: (a, b) => text(a.edge.reason, b.edge.reason),
    code: (a, b) => value(a.edge.status_code, b.edge.status_code),
    since: (a, b) => value(time(a.edge.since), time(b.edge.since)),
    latency: (a, b) => value(a.latency, b.latency),
    expected: (a, b) => way * (Number(differs(b.edge)) - Number(differs(a.edge))) || text(a.edge.expected, b.edge.expected),
  };
  return found.sort((a, b) => by[column](a, b) || compare(names[a.source].name, names[b.source].name) || compare(names[a.edge.target].name, names[b.edge.target].name));
}

/** @param {string | undefined} since */
const time = (since) => (since === undefined ? undefined : Date.parse(since));

/**
 * What is saved: the wire's own terms, whatever the language.
 * @param {Drawing} drawing
 * @returns {(string | number | undefined)[][]}
 */
export function cells(drawing) {
  const { nodes } = drawing.graph;
  return [
    ['source', 'source_url', 'target', 'target_url', 'state', 'reason', 'status_code', 'since', 'latency_ms', 'expected', 'message'],
    ...lines(drawing).map(({ source, edge, latency }) => [
      nodes[source].id, nodes[source].url, nodes[edge.target].id, nodes[edge.target].url, known(edge), edge.reason, edge.status_code, edge.since, latency, edge.expected, edge.message,
    ]),
  ];
}

/**
 * @param {HTMLElement} stage
 * @param {object} on
 * @param {(source: number, target: number) => void} on.select
 * @param {(sort: string) => void} on.sort
 */
export function createTable(stage, { select, sort }) {
  const heads = COLUMNS.map((column) => html('th', { scope: 'col' }, html('button', { type: 'button', 'data-column': column, click: () => sort(`${drawing?.sort === column ? '-' : ''}${column}`) })));
  const body = html('tbody');
  const caption = html('caption', { class: 'spoken' });
  const table = html('table', {}, caption, html('thead', {}, html('tr', {}, ...heads)), body);
  const where = html('span', { class: 'where' });
  const previous = html('button', { type: 'button', click: () => turn(-1) });
  const next = html('button', { type: 'button', click: () => turn(1) });
  const pages = html('p', { class: 'pages', hidden: '' }, previous, where, next);
  const scroll = html('div', { class: 'sheet', tabindex: 0, role: 'region' }, table);
  stage.append(scroll, pages);

  /** @type {Drawing | null} */
  let drawing = null;
  let page = 0;
  /** @type {Map<string, { row: HTMLTableRowElement, of: string }>} */
  let rows = new Map();

  body.addEventListener('keydown', (event) => {
    const row = /** @type {Element} */ (event.target).closest('tr');
    const next = event.key === 'ArrowDown' ? row?.nextElementSibling : event.key === 'ArrowUp' ? row?.previousElementSibling : null;
    if (!next) return;
    event.preventDefault();
    next.querySelector('button')?.focus();
  });

  /** @param {number} way */
  function turn(way) {
    page += way;
    if (drawing) draw(drawing);
    scroll.scrollTop = 0;
  }

  /** @param {Drawing} next_ */
  function draw(next_) {
    drawing = next_;
    const { graph, words, now, selected } = drawing;
    const all = lines(drawing);
    page = Math.max(0, Math.min(page, Math.ceil(all.length / PAGE) - 1));
    const some = all.slice(page * PAGE, (page + 1) * PAGE);
    say(caption, words.tableLabel);
    set(scroll, { 'aria-label': words.tableLabel });
    heads.forEach((head, i) => {
      const button = /** @type {Element} */ (head.firstElementChild);
      say(button, words.columns[COLUMNS[i]]);
      set(head, { 'aria-sort': drawing?.sort === COLUMNS[i] ? 'ascending' : drawing?.sort === `-${COLUMNS[i]}` ? 'descending' : null });
    });
    table.classList.toggle('unexpecting', !all.some(({ edge }) => edge.expected));
    /** @type {typeof rows} */
    const kept = new Map();
    some.forEach(({ key, source, edge, latency }, i) => {
      const state = known(edge);
      const of = JSON.stringify([words.live, source, graph.names[source].name, graph.names[edge.target].name, edge, latency, differs(edge)]);
      let known_ = rows.get(key);
      if (known_?.of !== of) {
        const fresh = html('tr', { 'data-key': key },
          html('th', { scope: 'row' }, html('button', { type: 'button', click: () => select(source, edge.target) }, graph.names[source].name)),
          html('td', {}, graph.names[edge.target].name),
          html('td', { class: `state ${state}` }, words.states[state]),
          html('td', { title: edge.message }, state === 'unreachable' ? explain(words, edge.reason)[0] : ''),
          html('td', { class: 'number' }, edge.status_code ?? ''),
          html('td', { class: 'number' }, edge.since ? html('time', { datetime: edge.since, title: words.utc(utc(edge.since)) }, local(edge.since, now)) : ''),
          html('td', { class: 'number' }, latency === undefined ? '' : words.ms(latency)),
          html('td', { class: differs(edge) ? 'differs' : '' }, edge.expected ? words.expected[/** @type {'allowed'} */ (edge.expected)] ?? edge.expected : ''));
        const focus = known_?.row.contains(document.activeElement);
        known_?.row.replaceWith(fresh);
        known_ = { row: fresh, of };
        if (focus) fresh.querySelector('button')?.focus();
      }
      kept.set(key, known_);
      known_.row.classList.toggle('selected', key === selected);
      set(known_.row, { 'aria-current': key === selected ? 'true' : null });
      if (body.children[i] !== known_.row) body.insertBefore(known_.row, body.children[i] ?? null);
    });
    while (body.children.length > some.length) body.lastElementChild?.remove();
    rows = kept;
    pages.hidden = all.length <= PAGE;
    say(where, words.page(page * PAGE + 1, page * PAGE + some.length, all.length));
    say(previous, words.previous);
    say(next, words.next);
    previous.disabled = page === 0;
    next.disabled = (page + 1) * PAGE >= all.length;
    set(stage, { 'data-count': count(all.length) });
  }

  return { draw, focus: () => (body.querySelector('button') ?? heads[0].querySelector('button'))?.focus() };
}

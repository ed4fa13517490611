/** The matrix as numbers: which nodes its rows and columns are, and a verdict for each cell. Pure. */

import { differs, isProbe, known } from './model.js';

/**
 * @typedef {{ name: string, start: number, end: number }} Span of a namespace, from row `start` to before `end`
 * @typedef {{ rows: number[], columns: number[], rowSpans: Span[], columnSpans: Span[], column: Int32Array }} Grid
 * `rows` and `columns` are places in the graph; `column[place]` is where a node's column is, -1 for none.
 */

/** What a cell may be; 0 is a path that nobody checks. A target that is listed twice shows the worse. */
export const CELL = /** @type {const} */ ({ none: 0, reachable: 1, unknown: 2, pending: 3, unreachable: 4, self: 8, differs: 16 });

/**
 * @param {import('./model.js').Graph} graph
 * @param {import('./filter.js').Visible} seen
 * @param {string} order 'name', or 'trouble': who has most closed paths first
 * @returns {Grid}
 */
export function grid({ nodes, rows, names }, seen, order) {
  const trouble = new Int32Array(nodes.length);
  const lists = new Uint8Array(nodes.length);
  const listed = new Uint8Array(nodes.length);
  rows.forEach((row, source) => {
    for (const edge of row) {
      if (!seen.edge(source, edge)) continue;
      lists[source] = 1;
      listed[edge.target] = 1;
      if (known(edge) === 'unreachable') {
        trouble[source] += 1;
        trouble[edge.target] += 1;
      }
    }
  });
  // Whoever checks nobody and is checked by nobody has a place all the same, if it is searched for.
  const places = nodes.map((_, i) => i).filter((i) => seen.nodes[i]);
  const by = (/** @type {number} */ a, /** @type {number} */ b) =>
    (order === 'trouble' ? trouble[b] - trouble[a] : 0)
    || Number(!isProbe(nodes[a])) - Number(!isProbe(nodes[b]))
    || Number(names[a].namespace === '') - Number(names[b].namespace === '')
    || compare(names[a].namespace, names[b].namespace)
    || compare(names[a].name, names[b].name);
  places.sort(by);
  const [sources, targets] = [places.filter((i) => lists[i] || (isProbe(nodes[i]) && seen.matched[i])), places.filter((i) => listed[i] || seen.matched[i])];
  const column = new Int32Array(nodes.length).fill(-1);
  targets.forEach((place, i) => {
    column[place] = i;
  });
  const spans = (/** @type {number[]} */ along) => {
    /** @type {Span[]} */
    const found = [];
    along.forEach((place, i) => {
      const name = names[place].namespace;
      const last = found[found.length - 1];
      if (last?.name === name) last.end = i + 1;
      else found.push({ name, start: i, end: i + 1 });
    });
    return found;
  };
  const grouped = order !== 'trouble';
  return { rows: sources, columns: targets, rowSpans: grouped ? spans(sources) : [], columnSpans: grouped ? spans(targets) : [], column };
}

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

/**
 * The cells of one row.
 * @param {import('./model.js').RowEdge[]} row
 * @param {number} source
 * @param {Grid} plan
 * @param {import('./filter.js').Visible} seen
 * @param {Uint8Array} cells of the row's length, filled here
 */
export function fill(row, source, { column }, seen, cells) {
  cells.fill(CELL.none);
  for (const edge of row) {
    const at = column[edge.target];
    if (at < 0 || !seen.edge(source, edge)) continue;
    const cell = verdict(edge, source);
    if ((cell & 7) > (cells[at] & 7)) cells[at] = cell;
  }
}

/**
 * One cell of a row.
 * @param {import('./model.js').RowEdge[]} row
 * @param {number} source
 * @param {number} target
 * @param {import('./filter.js').Visible} seen
 */
export function single(row, source, target, seen) {
  let worst = 0;
  for (const edge of row) {
    if (edge.target !== target || !seen.edge(source, edge)) continue;
    const cell = verdict(edge, source);
    if ((cell & 7) > (worst & 7)) worst = cell;
  }
  return worst;
}

/** @param {import('./model.js').RowEdge} edge @param {number} source */
const verdict = (edge, source) => CELL[known(edge)] | (edge.target === source ? CELL.self : 0) | (differs(edge) ? CELL.differs : 0);

/**
 * The sizes that cells can have on a stage, smallest first: from the whole picture to what can be read.
 * @param {number} count of cells along the longer side
 * @param {number} room in pixels
 */
export function sizes(count, room) {
  const whole = Math.max(1, Math.min(44, Math.floor(room / (count || 1))));
  return [...new Set([whole, ...[4, 8, 14, 18, 24, 32, 44].filter((size) => size > whole)])];
}

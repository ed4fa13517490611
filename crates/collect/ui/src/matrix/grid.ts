/** The matrix as numbers: which nodes its rows and columns are, and a verdict for each cell. Pure. */

import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Visible } from '../asked/filter';
import { differs, isProbe, known } from '../known/graph';

/** of a namespace, from row `start` to before `end` */
export type Span = { name: string, start: number, end: number, open: number, all: number };

/** `rows` and `columns` are places in the graph; `column[place]` is where a node's column is, -1 for none. */
export type Grid = { rows: number[], columns: number[], rowSpans: Span[], columnSpans: Span[], column: Int32Array };

/** What a cell may be; 0 is a path that nobody checks. A target that is listed twice shows the worse. */
export const CELL = { none: 0, reachable: 1, unknown: 2, pending: 3, unreachable: 4, self: 8, differs: 16 } as const;

/** @param order 'name', or 'trouble': who has most closed paths first */
export function grid({ nodes, rows, names }: Graph, seen: Visible, order: string): Grid {
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
  const by = (a: number, b: number) =>
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
  const spans = (along: number[]) => {
    const found: Span[] = [];
    along.forEach((place, i) => {
      const name = names[place].namespace;
      const last = found[found.length - 1];
      if (last?.name === name) last.end = i + 1;
      else found.push({ name, start: i, end: i + 1, open: 0, all: 0 });
    });
    return found;
  };
  const grouped = order !== 'trouble';
  return { rows: sources, columns: targets, rowSpans: grouped ? spans(sources) : [], columnSpans: grouped ? spans(targets) : [], column };
}

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

/** What nobody measures is as empty as what nobody checks. */
const CELL_OF = { ...CELL, not_measured: CELL.none };

/**
 * The cells of one row.
 * @param cells of the row's length, filled here
 */
export function fill(row: RowEdge[], source: number, { column }: Grid, seen: Visible, cells: Uint8Array) {
  cells.fill(CELL.none);
  for (const edge of row) {
    const at = column[edge.target];
    if (at < 0 || !seen.edge(source, edge)) continue;
    const cell = verdict(edge, source);
    if ((cell & 7) > (cells[at] & 7)) cells[at] = cell;
  }
}

/** One cell of a row. */
export function single(row: RowEdge[], source: number, target: number, seen: Visible) {
  let worst = 0;
  for (const edge of row) {
    if (edge.target !== target || !seen.edge(source, edge)) continue;
    const cell = verdict(edge, source);
    if ((cell & 7) > (worst & 7)) worst = cell;
  }
  return worst;
}

const verdict = (edge: RowEdge, source: number) => CELL_OF[known(edge)] | (edge.target === source ? CELL.self : 0) | (differs(edge) ? CELL.differs : 0);

/**
 * The heights that rows can have on a stage, smallest first: from the whole picture to what can be read. The whole fills its room.
 * @param room in pixels
 */
export function sizes({ rows, columns }: { rows: number, columns: number }, room: { width: number, height: number }) {
  const whole = Math.max(1, Math.min(120, Math.floor(Math.min(room.height / (rows || 1), room.width / (columns || 1)))));
  return [...new Set([whole, ...[4, 8, 15, 20, 28, 36, 48, 64, 88].filter((size) => size > whole)])];
}

/** Beyond this many cells sums cost more than they tell. */
const SUMMED = 40_000;

/** Sums for each namespace the paths out of it and into it. @returns whether a sum is another than before */
export function sums({ rows, columns, rowSpans, columnSpans, column }: Grid, graph: Graph, seen: Visible): boolean {
  if (rows.length * columns.length > SUMMED) return false;
  const before = JSON.stringify([rowSpans, columnSpans]);
  for (const span of [...rowSpans, ...columnSpans]) span.open = span.all = 0;
  const spanOf = (spans: Span[], at: number) => spans.find(({ start, end }) => at >= start && at < end);
  rows.forEach((source, i) => {
    const out = spanOf(rowSpans, i);
    for (const edge of graph.rows[source]) {
      if (edge.target === source || column[edge.target] < 0 || !seen.edge(source, edge)) continue;
      const open = Number(known(edge) === 'reachable');
      for (const span of [out, spanOf(columnSpans, column[edge.target])]) {
        if (!span) continue;
        span.open += open;
        span.all += 1;
      }
    }
  });
  return before !== JSON.stringify([rowSpans, columnSpans]);
}

/** The table's rows: every edge that is seen, sorted; and the same as cells for a file. Pure. */

import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Visible } from '../asked/filter';
import type { Words } from '../said/words';
import { differs, edgeKeys, known } from '../known/graph';

export type Line = { key: string, source: number, edge: RowEdge, latency: number | undefined };

export type Drawing = { graph: Graph, seen: Visible, sort: string, selected: string | null, now: number, latency: (key: string) => number | undefined, words: Words };

export const PAGE = 200;
export const COLUMNS = ['source', 'target', 'state', 'reason', 'code', 'since', 'latency', 'expected'] as const;

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

/** The edges that are seen, sorted. */
export function lines({ graph, seen, sort, latency }: Drawing): Line[] {
  const { rows, names } = graph;
  const found: Line[] = [];
  rows.forEach((row, source) => {
    let keys: string[] | undefined;
    row.forEach((edge, i) => {
      if (!seen.edge(source, edge)) return;
      keys ??= edgeKeys(graph, source);
      found.push({ key: keys[i], source, edge, latency: latency(keys[i]) });
    });
  });
  const way = sort.startsWith('-') ? -1 : 1;
  const column = sort.replace('-', '');
  const rank = { unreachable: 0, unknown: 1, pending: 2, not_measured: 3, reachable: 4 };
  // What has no value comes last, whichever way.
  const value = (a: number | undefined, b: number | undefined) =>
    (a === undefined || b === undefined ? Number(a === undefined) - Number(b === undefined) : way * (a - b));
  const text = (a: string | undefined, b: string | undefined) =>
    (!a || !b ? Number(!a) - Number(!b) : way * compare(a, b));
  const by: Record<string, (a: Line, b: Line) => number> = {
    source: (a, b) => way * compare(names[a.source].name, names[b.source].name),
    target: (a, b) => way * compare(names[a.edge.target].name, names[b.edge.target].name),
    state: (a, b) => way * (rank[known(a.edge)] - rank[known(b.edge)]),
    reason: (a, b) => text(a.edge.reason, b.edge.reason),
    code: (a, b) => value(a.edge.status_code, b.edge.status_code),
    since: (a, b) => value(time(a.edge.since), time(b.edge.since)),
    latency: (a, b) => value(a.latency, b.latency),
    expected: (a, b) => way * (Number(differs(b.edge)) - Number(differs(a.edge))) || text(a.edge.expected ?? undefined, b.edge.expected ?? undefined),
  };
  const loop = ({ source, edge }: Line) => Number(edge.target === source);
  // What is no path comes last.
  return found.sort((a, b) => loop(a) - loop(b) || by[column](a, b) || compare(names[a.source].name, names[b.source].name) || compare(names[a.edge.target].name, names[b.edge.target].name));
}

const time = (since: string | undefined) => (since === undefined ? undefined : Date.parse(since));

/** What is saved: the wire's own terms, whatever the language. */
export function cells(drawing: Drawing): (string | number | undefined)[][] {
  const { nodes } = drawing.graph;
  return [
    ['source', 'source_url', 'target', 'target_url', 'state', 'reason', 'status_code', 'since', 'latency_ms', 'expected', 'message'],
    ...lines(drawing).map(({ source, edge, latency }) => [
      nodes[source].id, nodes[source].url, nodes[edge.target].id, nodes[edge.target].url, known(edge), edge.reason, edge.status_code, edge.since, latency, edge.expected ?? undefined, edge.message,
    ]),
  ];
}

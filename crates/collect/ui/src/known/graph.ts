/** From the stream's events to a graph, and from two graphs to what changed between them. Pure. */

import { names } from './name';
import type { Heartbeat, Node, Patch, RowEdge, Snapshot } from './wire';

/**
 * What is known at a moment. `rows[i]` are the edges out of `nodes[i]`. A row is never changed, only replaced: the same row means
 * the same edges. `names` and `colours` belong to the set of nodes and stay the same object as long as it does.
 */
export type Graph = { seq: number, at: string, nodes: Node[], rows: RowEdge[][], names: { name: string, namespace: string }[], colours: number[] };

export type State = 'reachable' | 'unreachable' | 'unknown' | 'pending' | 'not_measured';

/** `paths` lead from one probe to another, and somebody measures them; `unmeasured` do so, and nobody does. */
export type Tally = { paths: number, open: number, unknown: number, unmeasured: number, differing: number, probes: number, answering: number, edges: number };

/** How many colours the style sheet has. */
const COLOURS = 10;

/** The graph after an event; null when the event does not follow on `graph`, and a snapshot is needed. */
export function apply(graph: Graph | null, event: Snapshot | Patch | Heartbeat): Graph | null {
  const { seq, at } = event;
  if (event.event === 'snapshot') {
    const rows: RowEdge[][] = event.nodes.map(() => []);
    for (const { source, edges } of event.rows) rows[source] = edges;
    // Who comes back gets a snapshot, mostly of what it knows: what is alike is shared with the past.
    const same = graph?.nodes.length === event.nodes.length
      && graph.nodes.every((node, i) => node.id === event.nodes[i].id && node.url === event.nodes[i].url && node.kind === event.nodes[i].kind);
    const { names: called, colours } = same ? graph : { names: names(event.nodes), colours: colour(event.nodes) };
    if (same) graph.rows.forEach((row, i) => { if (alike(row, rows[i])) rows[i] = row; });
    return { seq, at, nodes: event.nodes, rows, names: called, colours };
  }
  if (graph?.seq !== (event.event === 'patch' ? event.prev : seq)) return null;
  if (event.event === 'heartbeat') return { ...graph, at };

  const nodes = [...graph.nodes];
  const rows = [...graph.rows];
  for (const { node, ...observation } of event.nodes ?? []) {
    const { id, url, kind } = nodes[node];
    nodes[node] = { id, url, kind, ...observation };
  }
  for (const { source, edges } of event.rows ?? []) rows[source] = edges;
  for (const { source, changed } of event.edges ?? []) {
    rows[source] = [...rows[source]];
    for (const [place, edge] of changed) rows[source][place] = edge;
  }
  return { ...graph, seq, at, nodes, rows };
}

const alike = (a: RowEdge[], b: RowEdge[]) => a.length === b.length && a.every((edge, i) =>
  edge.target === b[i].target && edge.state === b[i].state && edge.since === b[i].since && edge.reason === b[i].reason
  && edge.status_code === b[i].status_code && edge.message === b[i].message && edge.expected === b[i].expected && edge.agreement === b[i].agreement
  && edge.address === b[i].address && edge.kept?.state === b[i].kept?.state && edge.because?.length === b[i].because?.length);

/** A state that only a newer collector knows is unknown; and so is what a check left behind that could not even be tried. */
export function known({ state, reason }: { state: string, reason?: string }): State {
  if (state === 'unreachable' && reason === 'local_error') return 'unknown';
  return state === 'reachable' || state === 'unreachable' || state === 'pending' || state === 'not_measured' ? state : 'unknown';
}

export const isProbe = (node: Node) => node.kind === 'resource';

/** A node that the collector reaches and that does not send a status. */
export const isNonsense = (node: Node) => isProbe(node) && node.state === 'reachable' && node.reason !== undefined;

/** Whether an edge is measured otherwise than the policies say: as the collector judges, or else by the two words alone. */
export function differs({ state, reason, expected, agreement }: { state: string, reason?: string, expected?: string | null, agreement?: string }): boolean {
  if (agreement !== undefined) return agreement === 'hole' || agreement === 'blocked';
  const measured = known({ state, reason });
  return (measured === 'reachable' && expected === 'denied') || (measured === 'unreachable' && expected === 'allowed');
}

/** A key for a node: a resource may have the URL of a target as its id. */
export const nodeKey = (node: Node) => `${node.kind} ${node.id}`;

/** Keys for the edges of a row; a probe may list the same target twice. */
export function edgeKeys({ nodes, rows }: Graph, source: number): string[] {
  const from = nodeKey(nodes[source]);
  const seen = new Map<number, number>();
  return rows[source].map(({ target }) => {
    const nth = seen.get(target) ?? 0;
    seen.set(target, nth + 1);
    return `${from}\n${nodeKey(nodes[target])}${nth ? `\n${nth}` : ''}`;
  });
}

/**
 * The key of one edge: what `edgeKeys` says of it, without the others.
 * @param place in its row
 */
export function edgeKey({ nodes, rows }: Graph, source: number, place: number) {
  const { target } = rows[source][place];
  let nth = 0;
  for (let i = 0; i < place; i += 1) if (rows[source][i].target === target) nth += 1;
  return `${nodeKey(nodes[source])}\n${nodeKey(nodes[target])}${nth ? `\n${nth}` : ''}`;
}

/** The places in a row whose edge is another object than before; null if the rows list other targets. */
export function changedPlaces(before: RowEdge[], after: RowEdge[]): number[] | null {
  if (before.length !== after.length) return null;
  const places = [];
  for (let i = 0; i < after.length; i += 1) {
    if (before[i] === after[i]) continue;
    if (before[i].target !== after[i].target) return null;
    places.push(i);
  }
  return places;
}

const tallies: WeakMap<RowEdge[], Omit<Tally, 'probes' | 'answering'>> = new WeakMap();

/**
 * Counts what the sentence tells. A path leads from one probe to another: neither to itself nor out of the graph. A row is
 * counted once, however many graphs share it.
 */
export function tally({ nodes, rows }: Graph): Tally {
  const sum = { paths: 0, open: 0, unknown: 0, unmeasured: 0, differing: 0, edges: 0, probes: 0, answering: 0 };
  rows.forEach((row, source) => {
    let part = tallies.get(row);
    if (!part) {
      part = { paths: 0, open: 0, unknown: 0, unmeasured: 0, differing: 0, edges: row.length };
      for (const edge of row) {
        if (edge.target === source || !isProbe(nodes[edge.target])) continue;
        const state = known(edge);
        if (state === 'not_measured') {
          part.unmeasured += 1;
          continue;
        }
        part.paths += 1;
        if (state === 'reachable') part.open += 1;
        else if (state !== 'unreachable') part.unknown += 1;
        if (differs(edge)) part.differing += 1;
      }
      tallies.set(row, part);
    }
    for (const what of (['paths', 'open', 'unknown', 'unmeasured', 'differing', 'edges'] as const)) sum[what] += part[what];
  });
  for (const node of nodes) {
    if (!isProbe(node)) continue;
    sum.probes += 1;
    if (node.state === 'reachable') sum.answering += 1;
  }
  return sum;
}

/**
 * A colour for each resource: its id's hash, so that it stays when others come and go, or the next one that is less used;
 * -1 for others.
 */
export function colour(nodes: Node[]): number[] {
  const used = new Array(COLOURS).fill(0);
  let given = 0;
  return nodes.map((node) => {
    if (!isProbe(node)) return -1;
    let slot = [...node.id].reduce((hash, letter) => (hash * 31 + Number(letter.codePointAt(0))) % 1e9, 0) % COLOURS;
    while (used[slot] > Math.floor(given / COLOURS)) slot = (slot + 1) % COLOURS;
    used[slot] += 1;
    given += 1;
    return slot;
  });
}

/** From the stream's events to a graph, and from two graphs to what changed between them. Pure. */

import { names } from './name';

/** The stream's JSON, as far as the page reads it. */
export type Observation = { state: string, since?: string, status_code?: number, reason?: string, message?: string, latency_ms?: number };

export type Node = Observation & { id: string, url: string, kind: string };

export type RowEdge = Observation & { target: number, expected?: string };

export type Row = { source: number, edges: RowEdge[] };

export type Snapshot = { event: 'snapshot', seq: number, at: string, nodes: Node[], rows: Row[] };

export type NodePatch = Observation & { node: number };

export type EdgePatch = { source: number, changed: [number, RowEdge][] };

export type Patch = { event: 'patch', seq: number, prev: number, at: string, nodes?: NodePatch[], rows?: Row[], edges?: EdgePatch[] };

/** `rows[i]` are the edges out of `nodes[i]`. A row is never changed, only replaced: the same row means the same edges. `names` and `colours` belong to the set of nodes and stay the same object as long as it does. */
export type Heartbeat = { event: 'heartbeat', seq: number, at: string };

export type Graph = { seq: number, at: string, nodes: Node[], rows: RowEdge[][], names: { name: string, namespace: string }[], colours: number[] };

/** A change of one edge, or of a node where `target` is -1; `from` is null for what is new, `to` for what is gone. Both ends are told by their names, since places may mean other nodes by then. */
export type State = 'reachable' | 'unreachable' | 'unknown' | 'pending';

export type Change = { at: string, source: string, target: string | null, key: string, from: State | null, to: State | null, reason?: string };

export type Tally = { paths: number, open: number, unknown: number, differing: number, probes: number, answering: number, edges: number };

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
  && edge.status_code === b[i].status_code && edge.message === b[i].message && edge.expected === b[i].expected);

/** A state that only a newer collector knows is unknown. */
export const known = ({ state }: { state: string }): State => (state === 'reachable' || state === 'unreachable' || state === 'pending' ? state : 'unknown');

export const isProbe = (node: Node) => node.kind === 'resource';

/** A node that the collector reaches and that does not send a status. */
export const isNonsense = (node: Node) => isProbe(node) && node.state === 'reachable' && node.reason !== undefined;

/** Whether an edge is measured otherwise than the policies say. */
export const differs = ({ state, expected }: RowEdge) => (state === 'reachable' && expected === 'denied') || (state === 'unreachable' && expected === 'allowed');

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
  const sum = { paths: 0, open: 0, unknown: 0, differing: 0, edges: 0, probes: 0, answering: 0 };
  rows.forEach((row, source) => {
    let part = tallies.get(row);
    if (!part) {
      part = { paths: 0, open: 0, unknown: 0, differing: 0, edges: row.length };
      for (const edge of row) {
        if (edge.target === source || !isProbe(nodes[edge.target])) continue;
        const state = known(edge);
        part.paths += 1;
        if (state === 'reachable') part.open += 1;
        else if (state !== 'unreachable') part.unknown += 1;
        if (differs(edge)) part.differing += 1;
      }
      tallies.set(row, part);
    }
    for (const what of (['paths', 'open', 'unknown', 'differing', 'edges'] as const)) sum[what] += part[what];
  });
  for (const node of nodes) {
    if (!isProbe(node)) continue;
    sum.probes += 1;
    if (node.state === 'reachable') sum.answering += 1;
  }
  return sum;
}

/** What changed from one graph to a later one; the first verdict of all is no change. */
export function changes(before: Graph, after: Graph): Change[] {
  const found: Change[] = [];
  // Where there was nobody, everybody is new.
  if (before.nodes.length === 0) return found;
  const same = before.names === after.names;
  const old: Map<string, number> = new Map(same ? [] : before.nodes.map((node, i) => [nodeKey(node), i]));
  after.nodes.forEach((node, source) => {
    const key = nodeKey(node);
    const place = same ? source : old.get(key);
    old.delete(key);
    const was = place === undefined ? undefined : before.nodes[place];
    const name = after.names[source].name;
    if (isProbe(node)) {
      const [from, to] = [was ? known(was) : null, known(node)];
      if (from !== to || was?.reason !== node.reason) report({ at: node.since ?? after.at, source: name, target: null, key, from, to, reason: node.reason });
    }
    const row = after.rows[source];
    if (place === undefined || !was || before.rows[place] === row) return;
    const few = same ? changedPlaces(before.rows[place], row) : null;
    if (few) {
      for (const i of few) compare(before.rows[place][i], row[i], () => edgeKey(after, source, i));
      return;
    }
    const keys = edgeKeys(after, source);
    const then = new Map(edgeKeys(before, place).map((edge, i) => [edge, before.rows[place][i]]));
    row.forEach((edge, i) => compare(then.get(keys[i]), edge, () => keys[i]));

    function compare(last: RowEdge | undefined, edge: RowEdge, keyOf: () => string) {
      const to = known(edge);
      const from = last ? known(last) : null;
      if (from === to && last?.reason === edge.reason) return;
      // What became unknown did so when its probe fell silent, whatever the edge says.
      report({ at: to === 'unknown' ? after.at : edge.since ?? after.at, source: name, target: after.names[edge.target].name, key: keyOf(), from, to, reason: edge.reason });
    }
  });
  for (const [key, place] of old) {
    if (isProbe(before.nodes[place])) report({ at: after.at, source: before.names[place].name, target: null, key, from: known(before.nodes[place]), to: null });
  }
  return found;

  function report(change: Change) {
    const first = (change.from === null || change.from === 'pending') && change.target !== null;
    if (!first && !(change.from === 'pending' && change.to === 'reachable')) found.push(change);
  }
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

/** From the stream's events to a graph, and from two graphs to what changed between them. Pure. */

import { names } from './name.js';

/**
 * The stream's JSON, as far as the page reads it.
 * @typedef {{ state: string, since?: string, status_code?: number, reason?: string, message?: string, latency_ms?: number }} Observation
 * @typedef {Observation & { id: string, url: string, kind: string }} Node
 * @typedef {Observation & { target: number, expected?: string }} RowEdge
 * @typedef {{ source: number, edges: RowEdge[] }} Row
 * @typedef {{ event: 'snapshot', seq: number, at: string, nodes: Node[], rows: Row[] }} Snapshot
 * @typedef {Observation & { node: number }} NodePatch
 * @typedef {{ source: number, changed: [number, RowEdge][] }} EdgePatch
 * @typedef {{ event: 'patch', seq: number, prev: number, at: string, nodes?: NodePatch[], rows?: Row[], edges?: EdgePatch[] }} Patch
 * @typedef {{ event: 'heartbeat', seq: number, at: string }} Heartbeat
 *
 * `rows[i]` are the edges out of `nodes[i]`. A row is never changed, only replaced: the same row means the same edges.
 * `names` and `colours` belong to the set of nodes and stay the same object as long as it does.
 * @typedef {{ seq: number, at: string, nodes: Node[], rows: RowEdge[][], names: { name: string, namespace: string }[], colours: number[] }} Graph
 *
 * @typedef {'reachable' | 'unreachable' | 'unknown' | 'pending'} State
 *
 * A change of one edge, or of a node where `target` is -1; `from` is null for what is new, `to` for what is gone. Both ends
 * are told by their names, since places may mean other nodes by then.
 * @typedef {{ at: string, source: string, target: string | null, key: string, from: State | null, to: State | null, reason?: string }} Change
 *
 * @typedef {{ paths: number, open: number, unknown: number, differing: number, probes: number, answering: number, edges: number }} Tally
 */

/** How many colours the style sheet has. */
const COLOURS = 10;

/**
 * The graph after an event; null when the event does not follow on `graph`, and a snapshot is needed.
 * @param {Graph | null} graph
 * @param {Snapshot | Patch | Heartbeat} event
 * @returns {Graph | null}
 */
export function apply(graph, event) {
  const { seq, at } = event;
  if (event.event === 'snapshot') {
    /** @type {RowEdge[][]} */
    const rows = event.nodes.map(() => []);
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

/**
 * @param {RowEdge[]} a
 * @param {RowEdge[]} b
 */
const alike = (a, b) => a.length === b.length && a.every((edge, i) =>
  edge.target === b[i].target && edge.state === b[i].state && edge.since === b[i].since && edge.reason === b[i].reason
  && edge.status_code === b[i].status_code && edge.message === b[i].message && edge.expected === b[i].expected);

/**
 * A state that only a newer collector knows is unknown.
 * @param {{ state: string }} seen
 * @returns {State}
 */
export const known = ({ state }) => (state === 'reachable' || state === 'unreachable' || state === 'pending' ? state : 'unknown');

/** @param {Node} node */
export const isProbe = (node) => node.kind === 'resource';

/**
 * A node that the collector reaches and that does not send a status.
 * @param {Node} node
 */
export const isNonsense = (node) => isProbe(node) && node.state === 'reachable' && node.reason !== undefined;

/**
 * Whether an edge is measured otherwise than the policies say.
 * @param {RowEdge} edge
 */
export const differs = ({ state, expected }) => (state === 'reachable' && expected === 'denied') || (state === 'unreachable' && expected === 'allowed');

/** A key for a node: a resource may have the URL of a target as its id. @param {Node} node */
export const nodeKey = (node) => `${node.kind} ${node.id}`;

/**
 * Keys for the edges of a row; a probe may list the same target twice.
 * @param {Graph} graph
 * @param {number} source
 * @returns {string[]}
 */
export function edgeKeys({ nodes, rows }, source) {
  const from = nodeKey(nodes[source]);
  /** @type {Map<number, number>} */
  const seen = new Map();
  return rows[source].map(({ target }) => {
    const nth = seen.get(target) ?? 0;
    seen.set(target, nth + 1);
    return `${from}\n${nodeKey(nodes[target])}${nth ? `\n${nth}` : ''}`;
  });
}

/**
 * The key of one edge: what `edgeKeys` says of it, without the others.
 * @param {Graph} graph
 * @param {number} source
 * @param {number} place in its row
 */
export function edgeKey({ nodes, rows }, source, place) {
  const { target } = rows[source][place];
  let nth = 0;
  for (let i = 0; i < place; i += 1) if (rows[source][i].target === target) nth += 1;
  return `${nodeKey(nodes[source])}\n${nodeKey(nodes[target])}${nth ? `\n${nth}` : ''}`;
}

/**
 * The places in a row whose edge is another object than before; null if the rows list other targets.
 * @param {RowEdge[]} before
 * @param {RowEdge[]} after
 * @returns {number[] | null}
 */
export function changedPlaces(before, after) {
  if (before.length !== after.length) return null;
  const places = [];
  for (let i = 0; i < after.length; i += 1) {
    if (before[i] === after[i]) continue;
    if (before[i].target !== after[i].target) return null;
    places.push(i);
  }
  return places;
}

/** @type {WeakMap<RowEdge[], Omit<Tally, 'probes' | 'answering'>>} */
const tallies = new WeakMap();

/**
 * Counts what the sentence tells. A path leads from one probe to another: neither to itself nor out of the graph. A row is
 * counted once, however many graphs share it.
 * @param {Graph} graph
 * @returns {Tally}
 */
export function tally({ nodes, rows }) {
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
    for (const what of /** @type {const} */ (['paths', 'open', 'unknown', 'differing', 'edges'])) sum[what] += part[what];
  });
  for (const node of nodes) {
    if (!isProbe(node)) continue;
    sum.probes += 1;
    if (node.state === 'reachable') sum.answering += 1;
  }
  return sum;
}

/**
 * What changed from one graph to a later one; the first verdict of all is no change.
 * @param {Graph} before
 * @param {Graph} after
 * @returns {Change[]}
 */
export function changes(before, after) {
  /** @type {Change[]} */
  const found = [];
  // Where there was nobody, everybody is new.
  if (before.nodes.length === 0) return found;
  const same = before.names === after.names;
  /** @type {Map<string, number>} */
  const old = new Map(same ? [] : before.nodes.map((node, i) => [nodeKey(node), i]));
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

    /** @param {RowEdge | undefined} last @param {RowEdge} edge @param {() => string} keyOf */
    function compare(last, edge, keyOf) {
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

  /** @param {Change} change */
  function report(change) {
    const first = (change.from === null || change.from === 'pending') && change.target !== null;
    if (!first && !(change.from === 'pending' && change.to === 'reachable')) found.push(change);
  }
}

/**
 * A colour for each resource: its id's hash, so that it stays when others come and go, or the next one that is less used;
 * -1 for others.
 * @param {Node[]} nodes
 * @returns {number[]}
 */
export function colour(nodes) {
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

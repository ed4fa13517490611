/** From the stream's events to a graph, and from a graph to what is to be seen of it. Pure. */

/**
 * The stream's JSON, as far as the page reads it.
 * @typedef {{ state: string, since?: string, status_code?: number, reason?: string, message?: string }} Observation
 * @typedef {Observation & { id: string, url: string, kind: string }} Node
 * @typedef {Observation & { target: number, expected?: string }} RowEdge
 * @typedef {{ source: number, edges: RowEdge[] }} Row
 * @typedef {{ event: 'snapshot', seq: number, at: string, nodes: Node[], rows: Row[] }} Snapshot
 * @typedef {Observation & { node: number }} NodePatch
 * @typedef {{ source: number, changed: [number, RowEdge][] }} EdgePatch
 * @typedef {{ event: 'patch', seq: number, prev: number, at: string, nodes?: NodePatch[], rows?: Row[], edges?: EdgePatch[] }} Patch
 * @typedef {{ event: 'heartbeat', seq: number, at: string }} Heartbeat
 *
 * `rows[i]` are the edges out of `nodes[i]`.
 * @typedef {{ seq: number, at: string, nodes: Node[], rows: RowEdge[][] }} Graph
 * @typedef {RowEdge & { source: number }} Edge
 *
 * What is to be seen. `source` and `target` count in `nodes` here; `look` are classes of the style sheet.
 * @typedef {{ key: string, look: string, line: string, title: string }} Item
 * @typedef {Item & { name: string }} SeenNode
 * @typedef {Item & { source: number, target: number, nth: number }} SeenEdge
 * @typedef {{ paths: string, probes: string, hint: string }} Sentence
 * @typedef {Sentence & { others: number, nodes: SeenNode[], edges: SeenEdge[] }} Seen
 * @typedef {{ unreachable: boolean, self: boolean, others: boolean }} Show
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
    return { seq, at, nodes: event.nodes, rows };
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
  return { seq, at, nodes, rows };
}

/**
 * @param {Graph} graph
 * @param {Show} show
 * @returns {Seen}
 */
export function see(graph, show) {
  const { at, nodes, rows } = graph;
  const edges = rows.flatMap((row, source) => row.map((edge) => ({ ...edge, source, state: known(edge.state) })));
  const shown = nodes.filter((node) => show.others || isProbe(node));
  const place = new Map(shown.map((node, i) => [node, i]));
  const colours = colour(nodes.filter(isProbe).map((probe) => probe.id));
  /** @type {Map<string, number>} */
  const pairs = new Map();
  return {
    ...sentence(graph, edges),
    others: nodes.filter((node) => !isProbe(node)).length,
    nodes: shown.map((node) => ({
      key: `${node.kind} ${node.id}`,
      title: [node.url, utc(node)].filter(Boolean).join('\n'),
      ...(isProbe(node)
        ? {
          name: node.id,
          look: `node ${known(node.state)} c${colours.get(node.id)}`,
          line: `${node.id} · ${describe(node, at, 'no reason given')}`,
        }
        : {
          name: node.id.replace(/^https?:\/\//, ''),
          look: 'node other',
          line: `${node.id} · no resource, only checked by others`,
        }),
    })),
    edges: edges.flatMap((edge) => {
      const [from, to] = [nodes[edge.source], nodes[edge.target]];
      const [source, target] = [place.get(from), place.get(to)];
      if (source === undefined || target === undefined) return [];
      if ((edge.state === 'unreachable' && !show.unreachable) || (source === target && !show.self)) return [];
      // A probe may list the same target twice.
      const pair = `${from.id}\n${to.kind} ${to.id}`;
      const nth = pairs.get(pair) ?? 0;
      pairs.set(pair, nth + 1);
      return [{
        key: `${pair}\n${nth}`,
        source,
        target,
        nth,
        look: `edge ${edge.state} c${colours.get(from.id)}${source === target ? ' self' : ''}`,
        line: `${from.id} → ${to.id} · ${describe(edge, at, 'this probe gives no reason', from)}`,
        title: utc(edge),
      }];
    }),
  };
}

/**
 * The whole in a sentence. A path leads from one probe to another: neither to itself nor out of the graph.
 * @param {Graph} graph
 * @param {Edge[]} edges
 * @returns {Sentence}
 */
function sentence({ at, nodes }, edges) {
  const probes = nodes.filter(isProbe);
  if (!probes.length) {
    return { paths: '', probes: '', hint: 'No resources yet: POST one to /resources, or start with --resources-file' };
  }
  const paths = edges.filter(({ source, target }) => source !== target && isProbe(nodes[target]));
  const open = paths.filter((path) => path.state === 'reachable').length;
  const unknown = paths.filter((path) => path.state === 'unknown' || path.state === 'pending').length;
  const answering = probes.filter((probe) => probe.state === 'reachable').length;
  const silent = answering ? undefined : probes.find((probe) => probe.state === 'unreachable');
  return {
    paths: paths.length ? `${open} of ${plural(paths.length, 'path')} open${unknown ? `, ${unknown} unknown` : ''}` : 'no paths yet',
    probes: answering || silent
      ? `${answering || 'none'} of ${plural(probes.length, 'probe')} ${answering > 1 ? 'answer' : 'answers'}`
      : `${plural(probes.length, 'probe')}, no answer yet`,
    hint: silent ? `${silent.id} · ${describe(silent, at, 'no reason given')}` : '',
  };
}

/**
 * What the status line says: live only while the stream is heard.
 * @param {{ live: boolean, heard: number | null }} stream when it was last heard, by the clock that `now` is of
 * @param {number} now in milliseconds
 * @param {boolean} example
 */
export function status({ live, heard }, now, example) {
  if (live) return { live, text: example ? 'example' : 'live', age: '' };
  if (heard === null) return { live, text: 'connecting…', age: '' };
  const seconds = Math.max(0, Math.round((now - heard) / 1000));
  const age = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  return { live, text: 'reconnecting…', age: `showing the state of ${age} ago` };
}

/**
 * A colour for each id: its hash's, so that it stays when others come and go, or the next one that is less used.
 * @param {string[]} ids
 * @returns {Map<string, number>}
 */
export function colour(ids) {
  const used = new Array(COLOURS).fill(0);
  return new Map(ids.map((id, i) => {
    let slot = [...id].reduce((hash, letter) => (hash * 31 + Number(letter.codePointAt(0))) % 1e9, 0) % COLOURS;
    while (used[slot] > Math.floor(i / COLOURS)) slot = (slot + 1) % COLOURS;
    used[slot] += 1;
    return [id, slot];
  }));
}

/**
 * @param {Observation} seen
 * @param {string} at the collector's clock
 * @param {string} silent says that there is no reason
 * @param {Node} [from] the probe that checked
 */
function describe(seen, at, silent, from) {
  const state = known(seen.state);
  const why = {
    reachable: seen.status_code ? `HTTP ${seen.status_code}` : '',
    unreachable: [seen.reason, seen.message].filter(Boolean).join(': ') || silent,
    pending: 'not checked yet',
    unknown: from && from.state !== 'reachable' ? `the collector gets no answer from ${from.id}` : '',
  }[state];
  return [seen.since ? `${state} since ${clock(seen.since, at)}` : state, why].filter(Boolean).join(' · ');
}

/**
 * Local time, with the date unless it is today's. Swedish writes both as ISO 8601 does.
 * @param {string} since
 * @param {string} at
 */
function clock(since, at) {
  const [day, today] = [since, at].map((time) => new Date(time).toLocaleDateString('sv'));
  const time = new Date(since).toLocaleTimeString('sv');
  return day === today ? time : `${day} ${time}`;
}

/** @param {Observation} seen */
const utc = ({ since }) => (since ? `since ${new Date(since).toISOString().slice(0, 19).replace('T', ' ')} UTC` : '');

/** @param {Node} node */
const isProbe = (node) => node.kind === 'resource';

/**
 * A state that only a newer collector knows is unknown.
 * @param {string} state
 * @returns {'reachable' | 'unreachable' | 'pending' | 'unknown'}
 */
const known = (state) => (state === 'reachable' || state === 'unreachable' || state === 'pending' ? state : 'unknown');

/**
 * @param {number} n
 * @param {string} word
 */
const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

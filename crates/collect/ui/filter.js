/** Which nodes and edges are to be seen. Pure. */

import { isProbe, known } from './model.js';

/**
 * @typedef {{ q: string, ns: string | null, state: string | null, unreachable: boolean, self: boolean, others: boolean }} Filter
 * `ns` is '' for the nodes without a namespace, null for all.
 *
 * `matched` are the nodes that are searched for, `nodes` those and whoever shares an edge with them.
 * @typedef {{ active: boolean, matched: boolean[], nodes: boolean[], edge: (source: number, edge: import('./model.js').RowEdge) => boolean }} Visible
 */

/**
 * An edge is seen if it touches what is searched for; a node, if it is searched for or at an end of such an edge.
 * @param {import('./model.js').Graph} graph
 * @param {Filter} filter
 * @returns {Visible}
 */
export function visible({ nodes, rows, names }, filter) {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const narrow = words.length > 0 || filter.ns !== null;
  const exists = nodes.map((node) => isProbe(node) || filter.others);
  const matched = nodes.map((node, i) => {
    const { name, namespace } = names[i];
    const text = `${node.id}\n${name}\n${namespace}\n${node.url}`.toLowerCase();
    return exists[i] && (filter.ns === null || namespace === filter.ns) && words.every((word) => text.includes(word));
  });
  const edge = (/** @type {number} */ source, /** @type {import('./model.js').RowEdge} */ seen) => {
    if (!exists[seen.target] || !(matched[source] || matched[seen.target])) return false;
    const state = known(seen);
    return (filter.unreachable || state !== 'unreachable') && (filter.self || source !== seen.target)
      && (filter.state === null || filter.state === state || (filter.state === 'unknown' && state === 'pending'));
  };
  const active = narrow || filter.state !== null;
  if (!narrow) return { active, matched, nodes: exists, edge };
  const near = [...matched];
  rows.forEach((row, source) => {
    for (const seen of row) {
      if (edge(source, seen)) near[source] = near[seen.target] = true;
    }
  });
  return { active, matched, nodes: near, edge };
}

/**
 * The namespaces that there are, in order; '' last, if some nodes have none and others do.
 * @param {import('./model.js').Graph} graph
 */
export function namespaces({ nodes, names }) {
  const all = [...new Set(names.filter((_, i) => isProbe(nodes[i])).map(({ namespace }) => namespace))];
  return all.sort((a, b) => Number(a === '') - Number(b === '') || (a < b ? -1 : 1));
}

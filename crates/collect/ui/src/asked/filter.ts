/** Which nodes and edges are to be seen. Pure. */

import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import { isProbe, known } from '../known/graph';

/** `ns` is '' for the nodes without a namespace, null for all. `matched` are the nodes that are searched for, `nodes` those and whoever shares an edge with them. */
export type Filter = { q: string, ns: string | null, state: string | null, unreachable: boolean, self: boolean, others: boolean };

export type Visible = { active: boolean, matched: boolean[], nodes: boolean[], edge: (source: number, edge: RowEdge) => boolean };

/** An edge is seen if it touches what is searched for; a node, if it is searched for or at an end of such an edge. */
export function visible({ nodes, rows, names }: Graph, filter: Filter): Visible {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const narrow = words.length > 0 || filter.ns !== null;
  const exists = nodes.map((node) => isProbe(node) || filter.others);
  const matched = nodes.map((node, i) => {
    const { name, namespace } = names[i];
    const text = `${node.id}\n${name}\n${namespace}\n${node.url}`.toLowerCase();
    return exists[i] && (filter.ns === null || namespace === filter.ns) && words.every((word) => text.includes(word));
  });
  const edge = (source: number, seen: RowEdge) => {
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

/** The namespaces that there are, in order; '' last, if some nodes have none and others do. */
export function namespaces({ nodes, names }: Graph) {
  const all = [...new Set(names.filter((_, i) => isProbe(nodes[i])).map(({ namespace }) => namespace))];
  return all.sort((a, b) => Number(a === '') - Number(b === '') || (a < b ? -1 : 1));
}

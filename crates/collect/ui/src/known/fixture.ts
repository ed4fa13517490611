/** What the tests of the modules share: the golden files that the Rust tests use, and graphs by hand. */

import type { Graph } from './graph';
import type { Filter } from '../asked/filter';
import goldenGraph from '../../../../wire/golden/graph.json';
import goldenHeartbeat from '../../../../wire/golden/heartbeat.json';
import goldenHistory from '../../../../wire/golden/history.json';
import { apply } from './graph';

export const golden = { graph: goldenGraph as any, heartbeat: goldenHeartbeat as any };

export const history: any[] = goldenHistory.events;

export function replay(events: any[]): Graph {
  const graph = events.reduce((before, event) => {
    const next = apply(before, event);
    if (!next) throw new Error(`event ${event.seq} must follow`);
    return next;
  }, null);
  return graph;
}

/** A graph of resources, each in the state given by its observation. */
export function graph(nodes: Record<string, object>, edges: [string, string, object][] = [], at: string = '2026-11-22T12:00:00Z') {
  const ids = Object.keys(nodes);
  return replay([{
    event: 'snapshot',
    seq: 1,
    at,
    nodes: ids.map((id) => ({ id, url: `http://${id}/`, kind: 'resource', state: 'reachable', ...nodes[id] })),
    rows: ids.map((id, source) => ({
      source,
      edges: edges.filter(([from]) => from === id).map(([, to, seen]) => ({ target: ids.indexOf(to), ...seen })),
    })),
  }]);
}

export const ALL: Filter = { q: '', ns: null, state: null, unreachable: true, self: true, others: false };

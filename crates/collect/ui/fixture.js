/** What the tests of the modules share: the golden files that the Rust tests use, and graphs by hand. */

import { readFileSync } from 'node:fs';
import { apply } from './model.js';

/** @param {string} name */
export const golden = (name) => JSON.parse(readFileSync(new URL(`../../wire/golden/${name}.json`, import.meta.url), 'utf8'));

/** @type {any[]} */
export const history = golden('history').events;

/**
 * @param {any[]} events
 * @returns {import('./model.js').Graph}
 */
export function replay(events) {
  const graph = events.reduce((before, event) => {
    const next = apply(before, event);
    if (!next) throw new Error(`event ${event.seq} must follow`);
    return next;
  }, null);
  return graph;
}

/**
 * A graph of resources, each in the state given by its observation.
 * @param {Record<string, object>} nodes
 * @param {[string, string, object][]} edges
 * @param {string} [at]
 */
export function graph(nodes, edges = [], at = '2026-11-22T12:00:00Z') {
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

/** @type {import('./filter.js').Filter} */
export const ALL = { q: '', ns: null, state: null, unreachable: true, self: true, others: false };

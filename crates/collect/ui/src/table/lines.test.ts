import type { Filter } from '../asked/filter';
import assert from 'node:assert/strict';
import test from 'node:test';
import { visible } from '../asked/filter';
import { ALL, history, replay } from '../known/fixture';
import { cells, lines } from './lines';
import { WORDS } from '../said/words';

const graph = replay(history);
const drawing = (sort: string, filter: Partial<Filter> = {}) => ({
  graph, seen: visible(graph, { ...ALL, ...filter }), sort, selected: null, now: 0, words: WORDS.en,
  latency: (key: string) => ({ 'resource F\nresource B': 0.7, 'resource C\nresource F': 0.5 }[key]),
});
const pairs = (of: Parameters<typeof lines>[0]) => lines(of).map(({ source, edge }) => `${graph.nodes[source].id}${graph.nodes[edge.target].id[0]}`).join(' ');

test('rows are sorted by any column, either way, and what has no value comes last', () => {
  assert.equal(pairs(drawing('source')), 'BC BF CB CF FB FC BB CC FF', 'loops are no paths, and come last');
  assert.equal(pairs(drawing('-target')), 'BF CF BC FC CB FB FF CC BB');
  assert.equal(pairs(drawing('state')).slice(0, 14), 'CB FC BC BF CF');
  assert.equal(pairs(drawing('latency')).slice(0, 8), 'CF FB BC');
  assert.equal(pairs(drawing('-latency')).slice(0, 8), 'FB CF BC');
  assert.equal(pairs(drawing('expected')).slice(0, 2), 'CB');
});

test('only what is seen is in it', () => {
  assert.equal(pairs(drawing('source', { q: 'client', unreachable: false, self: false })), 'BC CF');
});

test('what is saved is in the terms of the wire', () => {
  const [head, , , first] = cells(drawing('source'));
  assert.deepEqual(head, ['source', 'source_url', 'target', 'target_url', 'state', 'reason', 'status_code', 'since', 'latency_ms', 'expected', 'message']);
  assert.deepEqual(first.slice(0, 10), ['C', 'http://client.client:9000/status', 'B', 'http://backend.stars:6379/status', 'unreachable', 'connect_timeout', undefined, '2026-11-22T12:03:05.12Z', undefined, 'denied']);
});

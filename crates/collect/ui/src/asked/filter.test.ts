import type { Filter } from './filter';
import assert from 'node:assert/strict';
import test from 'node:test';
import { namespaces, visible } from './filter';
import { ALL, graph, history, replay } from '../known/fixture';

const seen = replay(history);

function look(filter: Partial<Filter>) {
  const { nodes, matched, edge, active } = visible(seen, { ...ALL, ...filter });
  const edges = seen.rows.flatMap((row, source) => row.filter((one) => edge(source, one)).map((one) => `${seen.nodes[source].id}>${seen.nodes[one.target].id[0]}`));
  return { nodes: seen.nodes.filter((_, i) => nodes[i]).map(({ id }) => id[0]).join(''), matched: matched.filter(Boolean).length, edges, active };
}

test('all is seen but the targets that are no resource', () => {
  assert.deepEqual(look({}), { nodes: 'BCF', matched: 3, edges: ['B>F', 'B>B', 'B>C', 'C>F', 'C>B', 'C>C', 'F>F', 'F>B', 'F>C'], active: false });
  assert.equal(look({ others: true }).edges.length, 10);
});

test('what is hidden is left out, and nothing else', () => {
  assert.deepEqual(look({ unreachable: false, self: false }).edges, ['B>F', 'B>C', 'C>F', 'F>B']);
  assert.deepEqual(look({ state: 'unreachable' }).edges, ['C>B', 'F>C']);
  assert.deepEqual(look({ state: 'unknown' }).edges, ['B>F', 'B>B', 'B>C']);
});

test('a search keeps what matches and whoever shares an edge with it', () => {
  assert.deepEqual(look({ q: 'Client' }), { nodes: 'BCF', matched: 1, edges: ['B>C', 'C>F', 'C>B', 'C>C', 'F>C'], active: true });
  assert.deepEqual(look({ q: 'stars front' }).matched, 1);
  assert.deepEqual(look({ q: 'nobody' }), { nodes: '', matched: 0, edges: [], active: true });
  assert.deepEqual(look({ ns: 'client', self: false, unreachable: false }).edges, ['B>C', 'C>F']);
  assert.deepEqual(look({ q: 'client', state: 'unreachable' }).nodes, 'BCF');
});

test('namespaces are sorted, none last', () => {
  assert.deepEqual(namespaces(seen), ['client', 'stars']);
  assert.deepEqual(namespaces(graph({ A: { url: 'http://10.0.0.1/' }, B: { url: 'http://b.z/' }, C: { url: 'http://b.a/' } })), ['a', 'z', '']);
});

import type { Graph } from '../known/graph';
import type { Filter } from '../asked/filter';
import assert from 'node:assert/strict';
import test from 'node:test';
import { CELL, fill, grid, sizes, sums } from './grid';
import { visible } from '../asked/filter';
import { ALL, graph, history, replay } from '../known/fixture';

function rows(seen: Graph, filter: Partial<Filter> = {}, order: string = 'name') {
  const what = visible(seen, { ...ALL, ...filter });
  const plan = grid(seen, what, order);
  return {
    plan,
    names: [plan.rows, plan.columns].map((along) => along.map((i) => seen.names[i].name)),
    cells: plan.rows.map((source) => {
      const cells = new Uint8Array(plan.columns.length);
      fill(seen.rows[source], source, plan, what, cells);
      return [...cells];
    }),
  };
}

test('the golden graph as a matrix, by namespace and name', () => {
  const { names, cells, plan } = rows(replay(history));
  assert.deepEqual(names, [['client', 'backend', 'frontend'], ['client', 'backend', 'frontend']]);
  assert.deepEqual(cells, [
    [CELL.reachable | CELL.self, CELL.unreachable, CELL.reachable],
    [CELL.unknown, CELL.unknown | CELL.self, CELL.unknown],
    [CELL.unreachable, CELL.reachable, CELL.reachable | CELL.self],
  ]);
  assert.deepEqual(plan.rowSpans, [{ name: 'client', start: 0, end: 1, open: 0, all: 0 }, { name: 'stars', start: 1, end: 3, open: 0, all: 0 }]);
});

test('a target that is no resource is a column, not a row; names are in the order of their numbers', () => {
  assert.deepEqual(rows(replay(history), { others: true }).names.map((along) => along.length), [3, 4]);
  assert.deepEqual(rows(graph({ n10: {}, n9: {}, n1: {} })).names[0], ['n1', 'n9', 'n10']);
});

test('most trouble comes first, if asked for', () => {
  const seen = graph({ A: {}, B: {}, C: {} }, [['A', 'B', { state: 'reachable' }], ['B', 'C', { state: 'unreachable' }], ['C', 'B', { state: 'unreachable' }], ['A', 'C', { state: 'unreachable' }]]);
  assert.deepEqual(rows(seen, {}, 'trouble').names[0], ['C', 'B', 'A']);
});

test('of a target that is listed twice the worse is shown', () => {
  const seen = graph({ A: {}, B: {} }, [['A', 'B', { state: 'unreachable' }], ['A', 'B', { state: 'reachable' }]]);
  assert.deepEqual(rows(seen).cells[0], [CELL.none, CELL.unreachable]);
});

test('a million cells are filled, and each is where it belongs', () => {
  const n = 1000;
  const ids = Array.from({ length: n }, (_, i) => `n${i}`);
  const seen = replay([{
    event: 'snapshot', seq: 1, at: '2026-11-22T12:00:00Z', nodes: ids.map((id) => ({ id, url: `http://10.0.0.1/${id}`, kind: 'resource', state: 'reachable' })),
    rows: ids.map((_, source) => ({ source, edges: ids.map((__, target) => ({ target, state: (source + target) % 3 ? 'reachable' : 'unreachable' })) })),
  }]);
  const { cells, plan } = rows(seen);
  assert.deepEqual([plan.rows.length, plan.columns.length], [n, n]);
  assert.deepEqual([cells[17][400], cells[17][401]], [CELL.unreachable, CELL.reachable]);
  assert.equal(cells.flat().filter((cell) => (cell & 7) === CELL.unreachable).length, 333_334);
});

test('the whole fills its room, and what is larger can be read', () => {
  assert.deepEqual(sizes({ rows: 1000, columns: 1000 }, { width: 900, height: 700 }), [1, 4, 8, 15, 20, 28, 36, 48, 64, 88]);
  assert.deepEqual(sizes({ rows: 8, columns: 8 }, { width: 1200, height: 480 }), [60, 64, 88]);
  assert.deepEqual(sizes({ rows: 3, columns: 3 }, { width: 1200, height: 480 }), [120]);
});

test('each namespace has the share of its paths that are open, loops left out', () => {
  const seen = replay(history.slice(0, 2));
  const visibly = visible(seen, ALL);
  const plan = grid(seen, visibly, 'name');
  assert.equal(sums(plan, seen, visibly), true);
  assert.deepEqual(plan.rowSpans.map(({ name, open, all }) => [name, open, all]), [['client', 1, 2], ['stars', 3, 4]]);
  assert.equal(sums(plan, seen, visibly), false, 'nothing changed');
});

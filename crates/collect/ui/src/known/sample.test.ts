import assert from 'node:assert/strict';
import test from 'node:test';
import { graph } from './fixture';
import { apply, differs, known, tally } from './graph';
import { sample } from './sample';

test('the example has a hole, a kept connection that outlives a policy, and paths that nobody measures', () => {
  const { nodes, rows } = graph({ A: {}, B: {}, C: {}, D: {}, E: {} }, [['A', 'B', { state: 'reachable' }], ['B', 'C', { state: 'unreachable' }]]);
  const told = apply(null, sample({ event: 'snapshot', seq: 1, at: '2026-11-22T12:00:00Z', nodes, rows: rows.map((edges, source) => ({ source, edges })) }));
  const edge = (from: number, to: number) => told?.rows[from].find(({ target }) => target === to);
  assert.ok(differs(edge(0, 1) ?? { state: '' }));
  assert.deepEqual([known(edge(1, 2) ?? { state: '' }), edge(1, 2)?.kept?.state], ['unreachable', 'flowing']);
  assert.equal(known(edge(4, 0) ?? { state: '' }), 'not_measured');
  assert.deepEqual([told && tally(told).unmeasured, told && tally(told).paths], [2, 2], 'what nobody measures is no path');
});

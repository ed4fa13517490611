import assert from 'node:assert/strict';
import test from 'node:test';
import { apply, colour, differs, edgeKeys, tally } from './graph';
import { changes } from './change';
import { golden, graph, history, replay } from './fixture';

test('the golden history replayed is the golden graph, but for latencies', () => {
  const { seq, at, nodes, rows } = replay(history);
  const flat = rows.flatMap((row, source) =>
    row.map(({ target, ...seen }) => ({ expected: null, ...seen, source: nodes[source].id, target: nodes[target].id })));
  const expected = structuredClone(golden.graph);
  for (const edge of expected.edges) delete edge.latency_ms;
  assert.deepEqual({ seq, at, nodes, edges: flat }, expected);
});

test('a heartbeat moves the clock and nothing else', () => {
  const before = replay(history);
  assert.deepEqual(apply(before, golden.heartbeat), { ...before, at: '2026-11-22T12:05:02Z' });
});

test('what does not follow on the graph asks for a snapshot', () => {
  assert.equal(apply(null, history[1]), null, 'a patch of nothing');
  assert.equal(apply(null, golden.heartbeat), null, 'a heartbeat of nothing');
  assert.equal(apply(replay(history.slice(0, 2)), history[3]), null, 'a patch was lost');
  assert.equal(apply(replay(history), history[3]), null, 'a patch came twice');
  assert.equal(apply(replay(history.slice(0, 3)), golden.heartbeat), null, 'a heartbeat of a later state');
});

test('a patch leaves the graph before it as it was, and shares what it does not change', () => {
  const before = replay(history.slice(0, 1));
  const copy = structuredClone(before);
  const after = apply(before, history[1]);
  assert.deepEqual(before, copy);
  assert.equal(after?.rows[0], before.rows[0]);
  assert.notEqual(after?.rows[1], before.rows[1]);
  assert.equal(after?.names, before.names);
});

test('a snapshot of what is known already shares its rows', () => {
  const before = replay(history.slice(0, 1));
  const again = apply(before, structuredClone({ ...history[0], seq: 77 }));
  assert.deepEqual(again?.rows.map((row, i) => row === before.rows[i]), [true, true, true, true]);
  const other = structuredClone(history[0]);
  other.rows[1].edges[0].since = '2026-11-22T12:00:09Z';
  assert.notEqual(apply(before, other)?.rows[1], before.rows[1]);
});

test('a patch of a node that does not exist is an error', () => {
  assert.throws(() => apply(replay(history), { event: 'patch', prev: 13, seq: 14, at: '', nodes: [{ node: 9, state: 'unknown' }] }));
});

test('paths between different probes are counted, no loops and no strangers', () => {
  assert.deepEqual(tally(replay(history)), { paths: 6, open: 2, unknown: 2, unmeasured: 0, differing: 0, edges: 10, probes: 3, answering: 2 });
  const fresh = graph({ A: {}, B: {} }, [['A', 'B', { state: 'pending' }], ['A', 'A', { state: 'reachable' }]]);
  assert.deepEqual(tally(fresh), { paths: 1, open: 0, unknown: 1, unmeasured: 0, differing: 0, edges: 2, probes: 2, answering: 2 });
});

test('an edge differs if it is open against the policies, or closed against them', () => {
  const seen = (state: string, expected: string) => differs({ state, expected });
  assert.deepEqual([seen('reachable', 'denied'), seen('unreachable', 'allowed')], [true, true]);
  assert.deepEqual([seen('reachable', 'allowed'), seen('unreachable', 'denied'), seen('unknown', 'allowed'), seen('reachable', 'undecided')], [false, false, false, false]);
});

test('each change is told once, with the reason and since when', () => {
  const graphs = history.map((_, i) => replay(history.slice(0, i + 1)));
  const told = graphs.slice(1).map((after, i) => changes(graphs[i], after).map(({ source, target, from, to, reason, at }) => [source, target, from, to, reason, at]));
  assert.deepEqual(told[0], [
    ['client', 'backend', 'reachable', 'unreachable', 'connect_timeout', '2026-11-22T12:03:05.12Z'],
    ['frontend', 'client', 'reachable', 'unreachable', 'connect_timeout', '2026-11-22T12:03:05.12Z'],
  ], 'the first verdict on metrics.example is no change');
  assert.deepEqual(told[1].map((change) => change.slice(0, 4)), [
    ['backend', null, 'reachable', 'unreachable'],
    ['backend', 'frontend', 'reachable', 'unknown'], ['backend', 'backend', 'reachable', 'unknown'], ['backend', 'client', 'reachable', 'unknown'],
  ]);
  assert.deepEqual(told[2], [], 'a new loop is none');
});

test('who comes and goes is told; where there was nobody, nobody is new', () => {
  const [one, two] = [graph({ A: {} }), graph({ A: {}, B: { state: 'unreachable', reason: 'dns_failed' } })];
  const short = (found: any[]) => found.map(({ source, target, from, to }) => [source, target, from, to]);
  assert.deepEqual(short(changes(one, two)), [['B', null, null, 'unreachable']]);
  assert.deepEqual(short(changes(two, one)), [['B', null, 'unreachable', null]]);
  assert.deepEqual(changes(graph({}), two), []);
});

test('a target listed twice has two keys, and one is found again when places change', () => {
  const twice = graph({ A: {}, B: {} }, [['A', 'B', { state: 'reachable' }], ['A', 'B', { state: 'unreachable' }]]);
  assert.equal(new Set(edgeKeys(twice, 0)).size, 2);
  const later = graph({ '0': {}, A: {}, B: {} }, [['A', 'B', { state: 'reachable' }], ['A', 'B', { state: 'unreachable' }]]);
  assert.deepEqual(edgeKeys(later, 1), edgeKeys(twice, 0));
  assert.deepEqual(changes(twice, later).map(({ source }) => source), ['0']);
});

test('colours are distinct for ten, repeat from the eleventh on, and stay when others come', () => {
  const probes = (ids: string[]) => ids.map((id) => ({ id, url: '', kind: 'resource', state: 'reachable' }));
  // Their hashes are all the same.
  const ids = Array.from({ length: 23 }, (_, i) => String.fromCodePoint(65 + 10 * i));
  for (const n of [3, 10]) assert.equal(new Set(colour(probes(ids.slice(0, n)))).size, n);
  const uses = colour(probes(ids)).reduce((sum, slot) => sum.fill(sum[slot] + 1, slot, slot + 1), new Array(10).fill(0));
  assert.ok(uses.every((n) => n === 2 || n === 3), `${uses}`);
  assert.deepEqual(colour(probes(['B', 'C', 'F'])), [6, 7, 0]);
  assert.deepEqual(colour(probes(['A', 'B', 'C', 'E', 'F'])), [5, 6, 7, 9, 0]);
  assert.deepEqual(colour([{ id: 'x', url: '', kind: 'target', state: 'unknown' }]), [-1]);
});

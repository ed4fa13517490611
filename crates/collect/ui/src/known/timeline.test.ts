import type { Graph } from './graph';
import assert from 'node:assert/strict';
import test from 'node:test';
import { apply } from './graph';
import { createTimeline } from './timeline';
import { graph, history, replay } from './fixture';

const graphs = history.map((_, i) => replay(history.slice(0, i + 1)));
const time = (clock: string) => Date.parse(`2026-11-22T${clock}Z`);

/** @param n events of one edge that closes and opens once a second */
function flapping(n: number, bounds = {}) {
  const timeline = createTimeline(bounds);
  let now = graph({ A: {}, B: {} }, [['A', 'B', { state: 'reachable' }], ['B', 'A', { state: 'reachable' }]]);
  timeline.add(now);
  for (let i = 1; i <= n; i += 1) {
    const at = new Date(time('12:00:00') + i * 1000).toISOString();
    now = apply(now, { event: 'patch', prev: now.seq, seq: now.seq + 1, at, edges: [{ source: 0, changed: [[0, { target: 1, state: i % 2 ? 'unreachable' : 'reachable', since: at }]] }] }) as any;
    timeline.add(now);
  }
  return timeline;
}

test('every moment of the golden history is as it was', () => {
  const timeline = createTimeline();
  timeline.load(graphs);
  for (const [clock, i] of ([['12:00:02', 0], ['12:03:05', 0], ['12:03:05.13', 1], ['12:03:59.9', 1], ['12:04:00', 2], ['12:05:00', 3], ['23:00:00', 3], ['11:00:00', 0]] as [string, number][])) {
    const { nodes, rows } = (timeline.at(time(clock)) as Graph);
    assert.deepEqual({ nodes, rows }, { nodes: graphs[i].nodes, rows: graphs[i].rows }, clock);
  }
  assert.equal(timeline.start(), time('12:00:02'));
  assert.deepEqual(timeline.changes().map((moment) => [moment.time, moment.changes.length]), [[time('12:03:05.13'), 2], [time('12:04:00'), 4]]);
});

test('one steps from change to change, and no further', () => {
  const timeline = createTimeline();
  timeline.load(graphs);
  const [first, second] = [time('12:03:05.13'), time('12:04:00')];
  assert.deepEqual([timeline.step(Infinity, -1), timeline.step(second, -1), timeline.step(first, -1)], [second, first, null]);
  assert.deepEqual([timeline.step(0, 1), timeline.step(first, 1), timeline.step(second, 1)], [first, second, null]);
});

test('any of a thousand states is rebuilt', () => {
  const timeline = flapping(1000);
  for (const i of [0, 1, 63, 64, 65, 500, 999, 1000]) {
    assert.equal(timeline.at(time('12:00:00') + i * 1000)?.rows[0][0].state, i % 2 ? 'unreachable' : 'reachable', `${i}`);
  }
});

test('what is older than an hour or more than the most is forgotten, but not the state before it', () => {
  const old = flapping(1000, { age: 100_000 });
  assert.ok(old.size() <= 102, `${old.size()} are kept`);
  assert.equal(old.start(), time('12:00:00') + 899_000);
  assert.equal(old.at(0)?.rows[0][0].state, 'unreachable', 'as it was at the oldest moment that is known');
  const many = flapping(1000, { most: 50 });
  assert.ok(many.size() <= 51, `${many.size()} are kept`);
  assert.equal(many.at(time('12:00:00') + 999_000)?.rows[0][0].state, 'unreachable');
});

test('three hours of patches are kept within the bounds', () => {
  assert.ok(flapping(3 * 3600).size() <= 3602);
});

test('the same state again is none; nothing is known of nothing', () => {
  const timeline = createTimeline();
  assert.deepEqual([timeline.at(0), timeline.start(), timeline.step(0, 1)], [null, null, null]);
  const again = apply(graphs[0], structuredClone({ ...history[0], seq: 99 }));
  timeline.load([graphs[0], (again as Graph)]);
  assert.equal(timeline.size(), 1);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { golden } from './fixture';
import { createLatency } from './latency';

test('samples of ten minutes are kept, by edge', () => {
  const latency = createLatency();
  const key = 'resource F\nresource B';
  for (let i = 0; i <= 100; i += 1) latency.take(structuredClone(golden.graph), i * 10_000);
  assert.equal(latency.of(key).length, 61);
  assert.deepEqual(latency.of(key)[0], [400_000, 0.7]);
  assert.equal(latency.last(key), 0.7);
  assert.equal(latency.last('resource C\nresource B'), undefined, 'a closed path has none');
  assert.deepEqual([latency.since(1_000_000), latency.since(30_000)], [400_000, 0]);
});

test('who is gone is forgotten', () => {
  const latency = createLatency();
  latency.take(structuredClone(golden.graph), 0);
  latency.take({ nodes: [], edges: [] }, 10_000);
  assert.deepEqual(latency.of('resource F\nresource B'), []);
});

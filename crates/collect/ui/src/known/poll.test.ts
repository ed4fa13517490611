import assert from 'node:assert/strict';
import test from 'node:test';
import { golden, history, replay } from './fixture';
import { apply } from './graph';
import { poll, snapshotOf } from './poll';

test('the golden graph, asked for, is the golden history replayed', () => {
  const asked = apply(null, snapshotOf(structuredClone(golden.graph)));
  const { nodes, rows } = replay(history);
  assert.deepEqual({ nodes: asked?.nodes.map((node) => node.id), rows: asked?.rows.map((row) => row.map((edge) => ({ ...edge, expected: edge.expected ?? null }))) },
    { nodes: nodes.map((node) => node.id), rows: rows.map((row) => row.map((edge) => ({ ...edge, expected: edge.expected ?? null }))) });
});

/** A clock by hand, a stream that was heard at `heard`, and answers to what is asked. */
function desk(answer: () => Promise<any> = async () => ({ ok: true, json: async () => golden.graph })) {
  const state = { now: 0, heard: 0, asked: 0, taken: 0, hidden: false };
  let timers: { due: number, run: () => unknown }[] = [];
  poll('graph', () => state.heard, () => { state.taken += 1; }, {
    fetch: (() => { state.asked += 1; return answer(); }) as any,
    setTimeout: ((run: () => unknown, ms: number) => timers.push({ due: state.now + ms, run })) as any,
    document: { get hidden() { return state.hidden; } },
    now: () => state.now,
  });
  const pass = async (ms: number) => {
    for (const end = state.now + ms; ;) {
      const next = timers.sort((a, b) => a.due - b.due)[0];
      if (!next || next.due > end) { state.now = end; return; }
      state.now = next.due;
      timers = timers.filter((one) => one !== next);
      await next.run();
    }
  };
  return { state, pass };
}

test('where nothing is heard the graph is asked for, again and again', async () => {
  const { state, pass } = desk();
  await pass(2999);
  assert.equal(state.asked, 0);
  await pass(10_000);
  assert.deepEqual([state.asked, state.taken], [7, 7]);
});

test('as long as the stream is heard nothing is asked for', async () => {
  const { state, pass } = desk();
  for (let i = 0; i < 30; i += 1) {
    state.heard = state.now;
    await pass(2000);
  }
  assert.equal(state.asked, 0);
});

test('an answer that the stream overtook is not taken, nor does a hidden page ask', async () => {
  const { state, pass } = desk(async () => {
    state.heard = state.now;
    return { ok: true, json: async () => golden.graph };
  });
  await pass(3000);
  assert.deepEqual([state.asked, state.taken], [1, 0]);
  state.hidden = true;
  await pass(60_000);
  assert.equal(state.asked, 1);
});

test('who cannot be asked is asked again', async () => {
  const { state, pass } = desk(() => Promise.reject(new TypeError('no network')));
  await pass(10_000);
  assert.equal(state.asked, 5);
});

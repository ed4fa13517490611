import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { apply, colour, see, status } from './model.js';

process.env.TZ = 'Asia/Seoul';

/** @param {string} name */
const golden = (name) => JSON.parse(readFileSync(new URL(`../../wire/golden/${name}.json`, import.meta.url), 'utf8'));
/** @type {any[]} */
const history = golden('history').events;
const show = { unreachable: true, self: true, others: false };

/** @param {any[]} events */
const replay = (events) => {
  /** @type {import('./model.js').Graph | null} */
  let graph = null;
  for (const event of events) {
    graph = apply(graph, event);
    assert.ok(graph, `event ${event.seq} must follow`);
  }
  return /** @type {import('./model.js').Graph} */ (graph);
};

/**
 * A graph of resources, each in the state given by its observation.
 * @param {Record<string, object>} nodes
 * @param {[string, string, object][]} edges
 */
const graph = (nodes, edges = []) => {
  const ids = Object.keys(nodes);
  return replay([{
    event: 'snapshot',
    seq: 1,
    at: '2026-11-22T12:00:00Z',
    nodes: ids.map((id) => ({ id, url: `http://${id}/`, kind: 'resource', state: 'reachable', ...nodes[id] })),
    rows: ids.map((id, source) => ({
      source,
      edges: edges.filter(([from]) => from === id).map(([, to, seen]) => ({ target: ids.indexOf(to), ...seen })),
    })),
  }]);
};

/** @param {any} seen */
const lines = (seen) => seen.map((/** @type {any} */ item) => item.line);

test('the golden history replayed is the golden graph, but for latencies', () => {
  const { seq, at, nodes, rows } = replay(history);
  const flat = rows.flatMap((row, source) =>
    row.map(({ target, ...seen }) => ({ expected: null, ...seen, source: nodes[source].id, target: nodes[target].id })));
  const expected = golden('graph');
  for (const edge of expected.edges) delete edge.latency_ms;
  assert.deepEqual({ seq, at, nodes, edges: flat }, expected);
});

test('a heartbeat moves the clock and nothing else', () => {
  const before = replay(history);
  assert.deepEqual(apply(before, golden('heartbeat')), { ...before, at: '2026-11-22T12:05:02Z' });
});

test('what does not follow on the graph asks for a snapshot', () => {
  assert.equal(apply(null, history[1]), null, 'a patch of nothing');
  assert.equal(apply(null, golden('heartbeat')), null, 'a heartbeat of nothing');
  assert.equal(apply(replay(history.slice(0, 2)), history[3]), null, 'a patch was lost');
  assert.equal(apply(replay(history), history[3]), null, 'a patch came twice');
  assert.equal(apply(replay(history.slice(0, 3)), golden('heartbeat')), null, 'a heartbeat of a later state');
});

test('a patch leaves the graph before it as it was', () => {
  const before = replay(history.slice(0, 1));
  const copy = structuredClone(before);
  apply(before, history[1]);
  assert.deepEqual(before, copy);
});

test('a patch of a node that does not exist is an error', () => {
  assert.throws(() => apply(replay(history), { event: 'patch', prev: 13, seq: 14, at: '', nodes: [{ node: 9, state: 'unknown' }] }));
});

test('the sentence counts paths between different probes', () => {
  const { paths, probes, hint, others } = see(replay(history), show);
  assert.deepEqual({ paths, probes, hint, others }, {
    paths: '2 of 6 paths open, 2 unknown',
    probes: '2 of 3 probes answer',
    hint: '',
    others: 1,
  });
  assert.equal(see(replay(history.slice(0, 1)), show).paths, '6 of 6 paths open');
  const fresh = graph({ A: {}, B: {} }, [['A', 'B', { state: 'pending' }], ['A', 'A', { state: 'reachable' }]]);
  assert.equal(see(fresh, show).paths, '0 of 1 path open, 1 unknown');
  const two = see(graph({ A: {}, B: { state: 'unreachable' } }, [['A', 'B', { state: 'reachable' }]]), show);
  assert.deepEqual([two.paths, two.probes], ['1 of 1 path open', '1 of 2 probes answers']);
});

test('an empty graph says what to do', () => {
  const { paths, probes, hint } = see(graph({}), show);
  assert.deepEqual([paths, probes, hint], ['', '', 'No resources yet: POST one to /resources, or start with --resources-file']);
});

test('when nobody answers, the first reason is told', () => {
  const dead = { state: 'unreachable', reason: 'dns_failed', message: 'no such name: a' };
  const { probes, hint } = see(graph({ A: dead, B: dead, C: { state: 'pending' } }), show);
  assert.deepEqual([probes, hint], ['none of 3 probes answers', 'A · unreachable · dns_failed: no such name: a']);
  const waiting = see(graph({ A: { state: 'pending' } }), show);
  assert.deepEqual([waiting.paths, waiting.probes, waiting.hint], ['no paths yet', '1 probe, no answer yet', '']);
});

test('a line says state, local time and reason; its title the time in UTC', () => {
  const { edges, nodes } = see(replay(history), show);
  const find = (/** @type {string} */ start) => edges.find((edge) => edge.line.startsWith(start));
  assert.deepEqual([find('C → B')?.line, find('C → B')?.title], [
    'C → B · unreachable since 21:03:05 · connect_timeout: no answer to 4 connection attempts within 1 s: a policy drops them, or nobody is there',
    'since 2026-11-22 12:03:05 UTC',
  ]);
  assert.equal(find('C → F')?.line, 'C → F · reachable since 21:00:01 · HTTP 200');
  assert.equal(find('B → F')?.line, 'B → F · unknown since 21:04:00 · the collector gets no answer from B');
  assert.equal(nodes[0].title, 'http://backend.stars:6379/status\nsince 2026-11-22 12:04:00 UTC');
  assert.match(nodes[0].line, /^B · unreachable since 21:04:00 · connect_timeout: no answer/);
});

test('a line tells what little an old probe knows, and what a newer one knows', () => {
  const { edges } = see(graph({ A: {}, B: {}, C: {} }, [
    ['A', 'B', { state: 'unreachable' }],
    ['A', 'C', { state: 'reachable' }],
    ['B', 'A', { state: 'reachable', status_code: 403 }],
    ['B', 'C', { state: 'pending' }],
    ['C', 'A', { state: 'throttled', since: '2026-11-20T12:00:00Z' }],
  ]), show);
  assert.deepEqual(lines(edges), [
    'A → B · unreachable · this probe gives no reason',
    'A → C · reachable',
    'B → A · reachable · HTTP 403',
    'B → C · pending · not checked yet',
    'C → A · unknown since 2026-11-20 21:00:00',
  ]);
});

test('what is hidden is left out, and nothing else', () => {
  const all = see(replay(history), { unreachable: true, self: true, others: true });
  assert.deepEqual([all.nodes.length, all.edges.length], [4, 10]);
  assert.equal(all.nodes[3].name, 'metrics.example:9100/status');
  assert.deepEqual(lines(see(replay(history), { unreachable: false, self: false, others: false }).edges).map((/** @type {string} */ line) => line.slice(0, 5)),
    ['B → F', 'B → C', 'C → F', 'F → B']);
  assert.equal(see(replay(history), { unreachable: true, self: false, others: false }).edges.length, 6);
});

test('a target listed twice is two edges', () => {
  const { edges } = see(graph({ A: {}, B: {} }, [['A', 'B', { state: 'reachable' }], ['A', 'B', { state: 'unreachable' }]]), show);
  assert.deepEqual(edges.map((edge) => edge.nth), [0, 1]);
  assert.equal(new Set(edges.map((edge) => edge.key)).size, 2);
});

test('colours are distinct for ten, repeat from the eleventh on, and stay when others come', () => {
  // Their hashes are all the same.
  const ids = Array.from({ length: 23 }, (_, i) => String.fromCodePoint(65 + 10 * i));
  for (const n of [3, 10]) assert.equal(new Set(colour(ids.slice(0, n)).values()).size, n);
  const uses = [...colour(ids).values()].reduce((sum, slot) => sum.fill(sum[slot] + 1, slot, slot + 1), new Array(10).fill(0));
  assert.ok(uses.every((n) => n === 2 || n === 3), `${uses}`);
  assert.deepEqual([...colour(['B', 'C', 'F'])], [['B', 6], ['C', 7], ['F', 0]]);
  assert.deepEqual([...colour(['A', 'B', 'C', 'E', 'F'])], [['A', 5], ['B', 6], ['C', 7], ['E', 9], ['F', 0]]);
});

test('the status line is live only while the stream is', () => {
  assert.deepEqual(status({ live: true, heard: 5 }, 9, false), { live: true, text: 'live', age: '' });
  assert.deepEqual(status({ live: true, heard: 5 }, 9, true), { live: true, text: 'example', age: '' });
  assert.deepEqual(status({ live: false, heard: null }, 9, false), { live: false, text: 'connecting…', age: '' });
  assert.deepEqual(status({ live: false, heard: 1000 }, 13_400, true), { live: false, text: 'reconnecting…', age: 'showing the state of 12 s ago' });
  assert.equal(status({ live: false, heard: 0 }, 200_000, false).age, 'showing the state of 3 min ago');
});

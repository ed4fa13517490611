import assert from 'node:assert/strict';
import test from 'node:test';
import { graph, history, replay } from '../known/fixture';
import { WORDS } from './words';

process.env.TZ = 'Asia/Seoul';
// The clock takes the time zone when it is loaded.
const { ago, edgeLine, nodeLine, sentence } = await import('./sentence');
const { local, utc } = await import('./clock');
const { en, ko } = WORDS;
const now = Date.parse('2026-11-22T12:05:00Z');

test('one sentence says how it stands', () => {
  const said = sentence(replay(history), en);
  assert.deepEqual([said.paths, said.unknown, said.probes, said.hint], ['2 of 6 paths open', '2 unknown', '2 of 3 probes answer', '']);
  assert.equal(sentence(replay(history.slice(0, 1)), ko).paths, '경로 6개 모두 열림');
});

test('without resources it says what to do', () => {
  const { paths, probes, hint, command } = sentence(graph({}), en, '8080');
  assert.deepEqual([paths, probes], ['No resources yet', '']);
  assert.match(hint, /--resources-file/);
  assert.match(command, /^curl -d '\{"id":.*\}' http:\/\/127\.0\.0\.1:8080\/resources$/);
});

test('when nobody answers it says why, the most frequent reason first, and what to look at', () => {
  const dead = (reason: string) => ({ state: 'unreachable', reason });
  const said = sentence(graph({ A: dead('dns_failed'), B: dead('connect_timeout'), C: dead('connect_timeout'), D: { state: 'pending' } }), en);
  assert.equal(said.probes, 'none of 4 probes answers');
  assert.equal(said.hint, 'The collector reaches no probe: no answer (2), no such name.');
  assert.match(said.advice, /allow-ui/);
  assert.deepEqual([sentence(graph({ A: { state: 'pending' } }), en).probes, sentence(graph({ A: { state: 'pending' } }), en).hint], ['1 probe, no answer yet', '']);
});

test('a probe that speaks nonsense is named, with what it said', () => {
  const { hint } = sentence(graph({ A: { reason: 'invalid_response', message: 'no JSON' }, B: {} }), en);
  assert.equal(hint, 'A answers, but not with a status: no JSON');
});

test('paths that are not as the policies say are counted', () => {
  const said = sentence(graph({ A: {}, B: {} }, [['A', 'B', { state: 'reachable', expected: 'denied' }], ['B', 'A', { state: 'unreachable', expected: 'denied' }]]), en);
  assert.equal(said.differing, '1 not as the policies say');
});

test('an edge says state, local time and reason', () => {
  const seen = replay(history);
  assert.equal(edgeLine(seen, 1, seen.rows[1][1], en, now), 'client → backend · unreachable since 21:03:05 · No answer to any connection attempt: a policy drops it, or nobody is there. · A connection kept from before still flows.');
  assert.equal(edgeLine(seen, 1, seen.rows[1][0], en, now), 'client → frontend · reachable since 21:00:01 · HTTP 200');
  assert.equal(edgeLine(seen, 0, seen.rows[0][0], en, now), 'backend → frontend · unknown since 21:04:00 · The collector gets no answer from backend, so nobody knows.');
  assert.equal(edgeLine(seen, 1, seen.rows[1][1], ko, now), 'client → backend · 도달 불가 21:03:05부터 · 연결 시도에 응답이 없습니다. 정책이 차단했거나 대상이 없습니다. · 이전부터 유지된 연결은 아직 통합니다.');
  assert.match(nodeLine(seen, 0, en, now), /^backend · unreachable since 21:04:00 · No answer/);
  assert.equal(nodeLine(seen, 3, en, now), 'metrics.example:9100/status · no resource, only checked by others');
});

test('an edge tells what little an old probe knows, and what a newer one knows', () => {
  const seen = graph({ A: {}, B: {}, C: {} }, [
    ['A', 'B', { state: 'unreachable' }],
    ['A', 'C', { state: 'reachable' }],
    ['B', 'A', { state: 'reachable', status_code: 403 }],
    ['B', 'C', { state: 'pending' }],
    ['C', 'A', { state: 'throttled', since: '2026-11-20T12:00:00Z' }],
  ]);
  const lines = seen.rows.flatMap((row, source) => row.map((edge) => edgeLine(seen, source, edge, en, now)));
  assert.deepEqual(lines, [
    'A → B · unreachable · The probe gives no reason: it is of an older kind.',
    'A → C · reachable',
    'B → A · reachable · HTTP 403',
    'B → C · not checked yet · No check has ended yet.',
    'C → A · unknown since 2026-11-20 21:00:00',
  ]);
});

test('time is local, with its date unless it is of today; UTC is there', () => {
  assert.equal(local('2026-11-22T12:00:00Z', now), '21:00:00');
  assert.equal(local('2026-11-22T14:59:59Z', Date.parse('2026-11-22T15:00:00Z')), '2026-11-22 23:59:59');
  assert.equal(utc('2026-11-22T12:00:00.9Z'), '2026-11-22 12:00:00');
  assert.deepEqual([ago(now - 1000, now, en), ago(now - 12_000, now, en), ago(now - 180_000, now, ko), ago(now + 5000, now, en)], ['just now', '12 s ago', '3분 전', 'just now']);
});

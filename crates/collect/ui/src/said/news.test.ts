import assert from 'node:assert/strict';
import test from 'node:test';
import { changes } from '../known/change';
import { graph, history, replay } from '../known/fixture';
import { createNews } from '../known/news';
import { news } from './news';
import { WORDS } from './words';

const { en, ko } = WORDS;
const [open, shut, unknown] = [{ state: 'reachable' }, { state: 'unreachable', reason: 'connect_timeout' }, { state: 'unknown' }];
const refused = { state: 'unreachable', reason: 'connection_refused' };
const two = (ab: object, ba: object, b: object = {}, aa: object = open) => graph({ A: {}, B: b }, [['A', 'B', ab], ['B', 'A', ba], ['A', 'A', aa]]);

test('news is one line: one change by name, several in numbers, a silent probe before its paths', () => {
  const graphs = history.map((_, i) => replay(history.slice(0, i + 1)));
  const found = (i: number) => changes(graphs[i], graphs[i + 1]);
  assert.equal(news(found(0).slice(0, 1), en), 'client → backend closed: no answer');
  assert.equal(news(found(0), en), '2 paths closed');
  assert.equal(news(found(1), en), 'backend does not answer the collector: no answer');
  assert.equal(news([], en), '');
  assert.equal(news(changes(graphs[1], graphs[0]), ko), '경로 2개 열림');
});

test('a new reason opens and closes nothing, and is no news', () => {
  const found = changes(two(shut, shut), two(refused, refused));
  assert.deepEqual(found.map(({ from, to, reason }) => [from, to, reason]), Array(2).fill(['unreachable', 'unreachable', 'connection_refused']));
  assert.equal(news(found, en), '');
  assert.equal(createNews().add(found, 0), null);
});

test('what was not known before did not open or close: it is known again', () => {
  assert.equal(news(changes(two(unknown, unknown), two(open, shut)), en), 'known again: 1 open, 1 closed');
  assert.equal(news(changes(two(open, shut), two(unknown, unknown)), en), '2 paths unknown');
});

test('a path from a probe to itself is no news, as it is none of the sentence', () => {
  assert.equal(news(changes(two(shut, shut, {}, shut), two(open, shut, {}, open)), en), 'A → B opened');
  assert.equal(news(changes(two(shut, shut, {}, shut), two(shut, shut, {}, open)), en), '');
});

test('what comes within three seconds is one story, the cause before what came of it', () => {
  const told = createNews();
  told.add(changes(two(open, open), two(refused, open)), 1000);
  const story = told.add(changes(two(refused, open), two(refused, unknown, refused)), 3900);
  assert.equal(news(story?.changes ?? [], en), 'B is down: refused · A → B closed: refused');
  assert.equal(told.all().length, 1);
  told.add(changes(two(refused, open), two(open, open)), 4100);
  assert.equal(told.all().length, 2, 'what comes later is another');
});

test('within a story, each path is told as it is last, and why it is so by then', () => {
  const told = createNews();
  told.add(changes(two(open, open), two(shut, open)), 0);
  assert.equal(news(told.add(changes(two(shut, open), two(refused, open)), 1000)?.changes ?? [], en), 'A → B closed: refused');
  assert.equal(news(told.add(changes(two(refused, open), two(open, open)), 2000)?.changes ?? [], en), 'A → B opened');
  assert.equal(told.all().length, 1);
});

test('what was done comes first', () => {
  const cause = { at: '2026-11-22T12:03:04Z', what: 'policy_applied', who: 'stars/default-deny' };
  assert.equal(news(changes(two(open, open), two(shut, shut)), en, [cause]), 'stars/default-deny applied · 2 paths closed');
});

test('a check that could not even be tried is no verdict on the target', () => {
  assert.equal(news(changes(two(shut, shut), two({ state: 'unreachable', reason: 'local_error' }, shut)), en), 'A → B unknown');
});

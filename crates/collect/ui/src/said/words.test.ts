import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { count } from './count';
import { WORDS, explain, language } from './words';

test('the link chooses the language, else the browser, else it is English', () => {
  assert.equal(language(null, ['ko-KR', 'en']), 'ko');
  assert.equal(language('en', ['ko-KR']), 'en');
  assert.equal(language('fr', ['de', 'ko']), 'ko');
  assert.equal(language(null, ['de-AT']), 'en');
});

test('both languages have every text, and Korean is Korean', () => {
  const shape: (part: any) => any = (part): any => (typeof part === 'object' ? Object.fromEntries(Object.entries(part).map(([key, value]) => [key, Array.isArray(part) ? '' : shape(value)])) : typeof part);
  assert.deepEqual(shape(WORDS.ko), shape(WORDS.en));
  const same = Object.keys(WORDS.en).filter((key) => typeof Reflect.get(WORDS.en, key) === 'string' && Reflect.get(WORDS.en, key) === Reflect.get(WORDS.ko, key));
  assert.deepEqual(same, []);
});

test('every reason of the wire has words', () => {
  const source = readFileSync(new URL('../../../../wire/src/observation.rs', import.meta.url), 'utf8');
  const variants = /pub enum Reason \{([^}]*)\}/.exec(source)?.[1].match(/^ {4}[A-Z]\w+/gm) ?? [];
  const names = variants.map((name) => name.trim().replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()).filter((name) => name !== 'unknown');
  assert.ok(names.length >= 12);
  for (const words of Object.values(WORDS)) assert.deepEqual(names.filter((name) => !(name in words.reasons)), []);
});

test('a reason of a newer probe and none at all are told as that', () => {
  assert.equal(explain(WORDS.en, 'quic_failed')[0], 'quic_failed');
  assert.match(explain(WORDS.ko, undefined)[1], /구버전/);
});

test('numbers have their thousands apart', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(count), ['0', '999', '1,000', '1,234,567']);
});

test('the sentence agrees with its numbers', () => {
  const { en, ko } = WORDS;
  assert.deepEqual([en.paths(1, 1), en.paths(2, 6), en.paths(0, 0)], ['1 of 1 path open', '2 of 6 paths open', 'No paths yet']);
  assert.deepEqual([en.probes(0, 3), en.probes(1, 3), en.probes(3, 3)], ['none of 3 probes answers', '1 of 3 probes answers', '3 of 3 probes answer']);
  assert.deepEqual([ko.paths(6, 6), ko.paths(2, 6), ko.paths(0, 6)], ['경로 6개 모두 열림', '경로 6개 중 2개 열림', '경로 6개 중 열린 것 없음']);
});

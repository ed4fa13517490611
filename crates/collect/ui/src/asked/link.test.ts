import assert from 'node:assert/strict';
import test from 'node:test';
import { format, parse } from './link';

test('what a link says comes back from it', () => {
  for (const link of ['', '?example=true', '?view=matrix&q=a+b&ns=&state=unknown&hide=unreachable,self&others=true&sort=-latency&order=trouble&lang=ko',
    '?view=table&from=C&to=http://x/', '?node=%3Cimg+src%3Dx%3E', '?at=2026-11-22T12:03:05.120Z']) {
    assert.equal(decodeURIComponent(format(parse(link))), decodeURIComponent(link));
    assert.deepEqual(parse(format(parse(link))), parse(link));
  }
});

test('what a link cannot mean is left out', () => {
  const link = parse('?view=pie&state=x&hide=all&sort=colour&order=up&at=yesterday&from=A');
  assert.deepEqual(link, parse(''));
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { csv } from './csv';

test('cells are quoted where they must be, and no cell is a formula', () => {
  assert.equal(csv([['a', 'b,c', 'd"e', 'f\ng'], [1, undefined, 0.5, '']]), 'a,"b,c","d""e","f\ng"\r\n1,,0.5,\r\n');
  assert.equal(csv([['=HYPERLINK("http://x")', '+1', '-1', '@x', -1]]), `"'=HYPERLINK(""http://x"")",'+1,'-1,'@x,-1\r\n`);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { command, quote } from './shell';

test('a service is checked from its pod, anything else from its machine', () => {
  assert.equal(command('http://client.client:9000/status', 'http://backend.stars:6379/status'), 'kubectl exec -n client deploy/client -- probe check http://backend.stars:6379/status');
  assert.equal(command('http://10.0.0.7:9000/status', 'backend.stars:6379/status'), 'star-probe check http://backend.stars:6379/status');
});

test('a shell takes any URL for one word', () => {
  for (const word of ["http://a/$(touch x)'`id`", 'a b', '', '; rm -rf "x"', '\\', '!!', '*']) {
    assert.equal(execFileSync('sh', ['-c', `printf %s ${quote(word)}`], { encoding: 'utf8' }), word);
  }
});

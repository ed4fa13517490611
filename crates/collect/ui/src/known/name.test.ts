import assert from 'node:assert/strict';
import test from 'node:test';
import { names, service } from './name';

test("service and namespace come from a service's URL, and from no other", () => {
  const stars = { service: 'frontend', namespace: 'stars' };
  for (const url of ['http://frontend.stars:80/status', 'frontend.stars:6379/status', 'http://frontend.stars', 'https://frontend.stars.svc/x?y#z',
    'http://frontend.stars.svc.cluster.local.:80/', 'http://u:p@Frontend.Stars:80/', 'http://frontend.stars.localhost:9000/status']) {
    assert.deepEqual(service(url), stars, url);
  }
  for (const url of ['http://10.0.0.7:80/', 'http://[::1]:80/', 'http://localhost:1/', 'http://a.localhost/', 'http://www.example.com/', 'http://frontend/', '', 'http://-a.b/', 'http://a.b.c.localhost/']) {
    assert.equal(service(url), null, url);
  }
});

test('a node is called by its service, unless another has that name', () => {
  const node = (id: string, url: string, kind = 'resource') => ({ id, url, kind });
  assert.deepEqual(names([node('F', 'http://frontend.stars/'), node('W1', 'http://web.shop/'), node('W2', 'http://web.bank/'), node('n', 'http://10.0.0.1/'),
    node('backend', 'http://x.y/'), node('B', 'http://backend.stars/'), node('http://e.example:1/', 'http://e.example:1/', 'target')]).map(({ name, namespace }) => `${namespace}/${name}`),
  ['stars/frontend', 'shop/W1', 'bank/W2', '/n', 'y/x', 'stars/B', 'example/e.example:1/']);
});

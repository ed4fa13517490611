import assert from 'node:assert/strict';
import test from 'node:test';
import { fitting, zoom } from './camera';

test('what is under the pointer stays there', () => {
  const before = { k: 0.8, x: 30, y: -20 };
  const at = { x: 400, y: 300 };
  const world = ({ k, x, y }: typeof before) => [(at.x - x) / k, (at.y - y) / k];
  for (const factor of [1.5, 0.3, 100, 0.0001]) {
    const after = zoom(before, factor, at);
    world(after).forEach((value, i) => assert.ok(Math.abs(value - world(before)[i]) < 1e-9));
    assert.ok(after.k <= 4 && after.k >= 0.08);
  }
});

test('the picture fits in the middle, and is not blown up', () => {
  assert.deepEqual(fitting({ x: -100, y: -50, width: 200, height: 100 }, 440, 300, 20, 3), { k: 2, x: 220, y: 150 });
  assert.equal(fitting({ x: 0, y: 0, width: 10, height: 10 }, 1000, 1000, 20).k, 1.5);
  assert.ok(Number.isFinite(fitting({ x: 0, y: 0, width: 0, height: 0 }, 0, 0, 20).x));
});

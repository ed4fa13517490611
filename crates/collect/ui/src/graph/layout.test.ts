import assert from 'node:assert/strict';
import test from 'node:test';
import { curve, loop } from './curve';
import { R, boxes, inside, place, shorten, sides } from './layout';

const none = new Map();
const lab = [{ key: 'B', group: 'stars', wide: 60 }, { key: 'C', group: 'client', wide: 50 }, { key: 'F', group: 'stars', wide: 65 }];
const mesh = [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]].map(([source, target]) => ({ source, target }));

const many = (n: number, groups: number) => Array.from({ length: n }, (_, i) => ({ key: `n${i}`, group: groups ? `g${i % groups}` : '', wide: 0 }));

test('the lab is the client beside the two stars', () => {
  assert.deepEqual(place(lab, none, false), [{ x: 180, y: -145.9 }, { x: -180, y: 0 }, { x: 180, y: 145.9 }]);
  const tall = place(lab, none, true);
  assert.ok(tall[1].y < tall[0].y && tall[0].y === tall[2].y, 'on a high stage above them');
});

test('three without a namespace stand on their tip, as in the pictures', () => {
  const [a, b, c] = place(many(3, 0), none, false);
  assert.ok(a.y === b.y && c.y > a.y && Math.abs(a.x + b.x) < 0.2 && Math.abs(c.x) < 0.2);
});

test('no two nodes touch and no two boxes, however many', () => {
  for (const [n, groups] of [[1, 0], [2, 0], [7, 0], [60, 0], [100, 0], [2, 2], [6, 3], [20, 4], [60, 6], [60, 20], [100, 1], [100, 10]]) {
    for (const tall of [false, true]) {
      const items = many(n, groups);
      const places = place(items, none, tall);
      places.forEach((a, i) => {
        for (const b of places.slice(0, i)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 2.2 * R, `${n} in ${groups}: nodes touch`);
      });
      const around = [...boxes(items, places).values()];
      around.forEach((a, i) => {
        for (const b of around.slice(0, i)) {
          assert.ok(a.x + a.width < b.x || b.x + b.width < a.x || a.y + a.height < b.y || b.y + b.height < a.y, `${n} in ${groups}: boxes touch`);
        }
      });
    }
  }
});

test('who was placed stays where he is; a newcomer finds room in his box', () => {
  const before = place(lab, none, false);
  const kept = new Map(lab.map(({ key }, i) => [key, before[i]]));
  kept.set('F', { x: 500, y: 400 });
  const after = place([...lab, { key: 'G', group: 'stars', wide: 0 }], kept, false);
  assert.deepEqual(after.slice(0, 3), [before[0], before[1], { x: 500, y: 400 }]);
  for (const at of after.slice(0, 3)) assert.ok(Math.hypot(at.x - after[3].x, at.y - after[3].y) >= 3.4 * R);
  const box = boxes(lab, after.slice(0, 3)).get('stars');
  assert.ok(box && after[3].x > box.x && after[3].x < box.x + box.width && after[3].y > box.y && after[3].y < box.y + box.height);
  const stranger = place([...lab, { key: 'H', group: 'other', wide: 0 }], kept, false)[3];
  assert.ok(stranger.x > 500 + R, 'a new namespace is beside all others');
});

test('the same in gives the same out', () => {
  assert.deepEqual(place(many(37, 5), none, false), place(many(37, 5), none, false));
});

test('a name is where no edge runs, and a loop is not in its way', () => {
  const places = place(lab, none, false);
  assert.deepEqual(sides(places, mesh, [60, 50, 65]).map(({ side }) => side), ['right', 'left', 'right']);
  for (const { side, loop: direction } of sides(places, mesh, [60, 50, 65])) {
    assert.notEqual(direction, side === 'right' ? 0 : Math.PI);
  }
});

test('a box holds its nodes and their names', () => {
  const places = place(lab, none, false);
  const items = lab.map((item, i) => ({ ...item, side: sides(places, mesh, [60, 50, 65])[i].side }));
  const box = boxes(items, places).get('stars');
  assert.ok(box && box.x < places[0].x - R && box.x + box.width > places[2].x + R + 65 && box.y + box.height > places[2].y + R);
  assert.equal(boxes(many(3, 0), place(many(3, 0), none, false)).size, 0);
});

test('the edges of a pair bend apart, each to its own right, and meet no node', () => {
  const [a, b] = [{ x: 0, y: 0 }, { x: 400, y: 0 }];
  const [there, back] = [curve(a, b, 0, 9), curve(b, a, 0, 9)];
  assert.deepEqual(there.line, 'M37.9 9.1Q200 48 347.2 12.7');
  assert.ok(there.middle.y > 10 && back.middle.y < -10);
  assert.ok(there.mark.x > 300 && there.mark.x < 360, 'the mark is near the target');
  assert.notEqual(curve(a, b, 1, 9).line, there.line, 'an edge listed twice is drawn twice');
  const round = curve(a, b, 0, 9, { x: 200, y: 300 });
  assert.ok(round.middle.y > there.middle.y, 'on a ring it bends to the inside');
});

test('at a node no edge of the lab lies on another', () => {
  for (const tall of [false, true]) {
    const places = place(lab, none, tall);
    const ends = mesh.flatMap(({ source, target }) => {
      const { at } = curve(places[source], places[target], 0, 9);
      return [{ node: source, ...at(0) }, { node: target, ...at(1) }];
    });
    ends.forEach((a, i) => {
      for (const b of ends.slice(0, i)) assert.ok(a.node !== b.node || Math.hypot(a.x - b.x, a.y - b.y) > 15, `at ${lab[a.node].key}, tall: ${tall}`);
    });
  }
});

test('a loop stands out where it is told to', () => {
  const { middle, line } = loop({ x: 100, y: 100 }, -Math.PI / 2, 0, 9);
  assert.ok(Math.abs(middle.x - 100) < 8 && middle.y < 100 - 1.5 * R);
  assert.match(line, /^M[\d. ]+C[\d. -]+$/);
});

test('names are shortened in the middle, and ids fit into circles', () => {
  assert.equal(shorten('backend-7d9f6c-x2kqv', 6), 'backe…2kqv');
  assert.deepEqual([shorten('', 3), shorten('abc', 3)], ['', 'abc']);
  assert.deepEqual(inside('F'), { text: 'F', size: 26 });
  assert.equal(inside('a-very-long-id-indeed').size, 11);
});

test('nothing is wrong where nothing is', () => {
  assert.deepEqual(place([], none, false), []);
  assert.doesNotMatch(JSON.stringify([curve({ x: 1, y: 1 }, { x: 1, y: 1 }, 0, 2).line, boxes([], [])]), /NaN|Infinity/);
});

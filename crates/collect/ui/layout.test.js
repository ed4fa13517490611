import assert from 'node:assert/strict';
import test from 'node:test';
import { layout, shorten } from './layout.js';

/**
 * @param {string[]} names
 * @param {(source: number, target: number) => boolean} [has]
 */
function mesh(names, has = () => true) {
  const nodes = names.map((name) => ({ name }));
  const edges = nodes.flatMap((_, source) =>
    nodes.flatMap((__, target) => (has(source, target) ? [{ source, target, nth: 0 }] : [])));
  return { nodes, edges };
}

/**
 * @param {ReturnType<typeof mesh>} graph
 * @returns {[ReturnType<typeof mesh>['nodes'], ReturnType<typeof mesh>['edges']]}
 */
const fields = ({ nodes, edges }) => [nodes, edges];

/** @param {number} n */
const named = (n) => Array.from({ length: n }, (_, i) => `node-${i + 1}`);

/**
 * Points along a curve of any degree, as its line writes it.
 * @param {string} line
 */
function trace(line) {
  const numbers = (line.match(/-?[\d.]+/g) ?? []).map(Number);
  const control = Array.from({ length: numbers.length / 2 }, (_, i) => ({ x: numbers[2 * i], y: numbers[2 * i + 1] }));
  return Array.from({ length: 21 }, (_, step) => {
    let points = control;
    while (points.length > 1) {
      points = points.slice(1).map((b, i) => ({ x: points[i].x + ((b.x - points[i].x) * step) / 20, y: points[i].y + ((b.y - points[i].y) * step) / 20 }));
    }
    return points[0];
  });
}

test('three nodes are the triangle of the pictures', () => {
  const { nodes, edges } = mesh(['B', 'C', 'F'], (source, target) => source !== target);
  const plan = layout(nodes, edges, 1280, 720);
  assert.deepEqual({ ...plan, edges: plan.edges.slice(0, 1) }, {
    r: 42.4,
    thick: 12.3,
    nodes: [
      { x: 1072.3, y: 92.6, size: 30, text: 'B', label: null },
      { x: 207.7, y: 92.6, size: 30, text: 'C', label: null },
      { x: 640, y: 627.4, size: 30, text: 'F', label: null },
    ],
    edges: [{ line: 'M1027.9 79.2Q640 -37.1 270.3 73.8', head: 'M252.1 79.2L267.3 60.3 275.2 86.7Z', x: 644.8, y: 19.6 }],
  });
});

test('the edges of a pair bend apart, each to its own right', () => {
  const { edges } = layout(...fields(mesh(['B', 'C', 'F'], (source, target) => source !== target)), 1280, 720);
  const [there, back] = [edges[0], edges[2]];
  assert.ok(there.y < 92.6 && back.y > 92.6, `B → C at ${there.y}, C → B at ${back.y}`);
});

for (const [width, height] of [[360, 440], [1280, 710], [1920, 990], [3840, 2070]]) {
  for (const name of ['A', 'node-1234567', '노드 하나둘셋넷다섯']) {
    test(`up to 60 nodes named like ${name} fit ${width}x${height} without touching`, () => {
      for (const n of [1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 24, 40, 60]) {
        const names = Array.from({ length: n }, (_, i) => (name === 'A' ? String.fromCodePoint(65 + i) : `${name}${i}`));
        const near = (/** @type {number} */ source, /** @type {number} */ target) => (target - source + n) % n < 4;
        const plan = layout(...fields(mesh(names, near)), width, height);
        const inside = (/** @type {string} */ what, /** @type {{ x: number, y: number }} */ { x, y }, margin = 0) =>
          assert.ok(x >= margin && x <= width - margin && y >= margin && y <= height - margin, `${n} nodes: ${what} at ${x}, ${y}`);
        plan.nodes.forEach((a, i) => {
          inside('circle', a, plan.r);
          for (const b of plan.nodes.slice(0, i)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 2.3 * plan.r, `${n} nodes: circles touch`);
          if (!a.label) return;
          const wide = [...a.label.text].reduce((sum, letter) => sum + (letter > '가' ? 1 : 0.64), 0) * a.label.size;
          const turn = (a.label.turn * Math.PI) / 180;
          for (const part of { start: [0, 1], middle: [-0.5, 0.5], end: [-1, 0] }[a.label.anchor] ?? []) {
            inside('label', { x: a.label.x + part * wide * Math.cos(turn), y: a.label.y + part * wide * Math.sin(turn) });
          }
        });
        for (const { line, head } of plan.edges) for (const point of [...trace(line), ...trace(head)]) inside('edge', point);
      }
    });
  }
}

test('no edge runs through another node', () => {
  for (let n = 3; n <= 24; n += 1) {
    const { nodes, edges } = mesh(named(n), (source, target) => source !== target);
    const plan = layout(nodes, edges, 1280, 710);
    edges.forEach(({ source, target }, i) => {
      for (const { x, y } of trace(plan.edges[i].line)) {
        plan.nodes.forEach((node, k) => {
          if (k !== source && k !== target) assert.ok(Math.hypot(x - node.x, y - node.y) > plan.r, `${n} nodes: ${source} → ${target} runs through ${k}`);
        });
      }
    });
  }
});

test('nodes stay where they are, whatever becomes of the edges', () => {
  const places = (/** @type {(source: number, target: number) => boolean} */ has) =>
    layout(...fields(mesh(named(7), has)), 800, 600).nodes.map(({ x, y }) => [x, y]);
  assert.deepEqual(places(() => false), places(() => true));
});

test('an edge listed twice is drawn twice', () => {
  const { nodes } = mesh(['A', 'B']);
  const twice = [0, 1].map((nth) => ({ source: 0, target: 1, nth }));
  const [first, second] = layout(nodes, twice, 800, 600).edges;
  assert.notEqual(first.line, second.line);
});

test('a long name is shortened in its circle and written beside it', () => {
  const { nodes } = layout(...fields(mesh(['client', 'backend-7d9f6c-x2kqv', 'C'])), 1280, 720);
  assert.deepEqual([nodes[0].text, nodes[0].label], ['client', null]);
  assert.deepEqual([nodes[1].text, nodes[1].label?.text], ['backe…2kqv', 'backend-7d9f6c-x2kqv']);
  assert.equal(shorten('', 3), '');
});

test('nothing is drawn for no nodes, and nothing is wrong without room', () => {
  assert.deepEqual(layout([], [], 800, 600).nodes, []);
  const { nodes, edges } = layout(...fields(mesh(named(3))), 0, 0);
  assert.doesNotMatch(JSON.stringify([nodes, edges]), /null,"y|NaN|Infinity/);
});

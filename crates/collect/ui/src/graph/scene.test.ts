import type { Graph } from '../known/graph';
import type { Filter } from '../asked/filter';
import assert from 'node:assert/strict';
import test from 'node:test';
import { visible } from '../asked/filter';
import { ALL, graph, history, replay } from '../known/fixture';
import { scene } from './scene';

const draw = (seen: Graph, filter: Partial<Filter> = {}, unfolded: Set<string> | null = null) =>
  scene(seen, visible(seen, { ...ALL, ...filter }), filter.others ?? false, unfolded ? { portrait: false, unfolded, text: 0 } : { portrait: true, unfolded: new Set(), text: 15 });

test('ids are inside, names beside, groups are namespaces', () => {
  const { nodes, links, groups } = draw(replay(history));
  assert.deepEqual(nodes.map(({ text, name, group, state, colour }) => [text, name, group, state, colour]), [
    ['B', 'backend', 'stars', 'unreachable', 6], ['C', 'client', 'client', 'reachable', 7], ['F', 'frontend', 'stars', 'reachable', 0],
  ]);
  assert.equal(links.length, 9);
  assert.deepEqual([...groups], [['stars', 2], ['client', 1]]);
});

test('what is filtered is marked, not removed: nothing moves', () => {
  const all = draw(replay(history));
  const some = draw(replay(history), { q: 'client', unreachable: false });
  assert.deepEqual(some.nodes.map(({ key }) => key), all.nodes.map(({ key }) => key));
  assert.deepEqual(some.links.filter(({ shown }) => shown).map(({ key }) => key.replaceAll('resource ', '').replace('\n', '>')), ['B>C', 'C>F', 'C>C']);
});

test('a folded namespace is one node, and the edges between two are one with its share', () => {
  const seen = replay(history.slice(0, 2));
  const { nodes, links, bundles, folded } = draw(seen, {}, new Set());
  assert.deepEqual(nodes.map(({ key, count }) => [key, count]), [['namespace stars', 2], ['namespace client', 1]]);
  assert.equal(folded, 2);
  const say = (link: any) => `${nodes[link.source].name}>${nodes[link.target].name} ${link.open}/${link.all} ${link.state}`;
  assert.deepEqual(links.map(say).sort(), ['client>stars 1/2 mixed', 'stars>client 1/2 mixed', 'stars>stars 4/4 reachable']);
  assert.deepEqual(bundles.map(({ source, target, open, closed }) => [source, target, open, closed]).sort(), [['client', 'stars', 1, 1], ['stars', 'client', 1, 1], ['stars', 'stars', 2, 0]], 'loops are none of them');
});

test('one namespace unfolds by itself', () => {
  const { nodes, links, folded } = draw(replay(history.slice(0, 2)), {}, new Set(['stars']));
  assert.deepEqual(nodes.map(({ key }) => key), ['resource B', 'namespace client', 'resource F']);
  assert.equal(folded, 1);
  assert.equal(links.filter(({ edge }) => edge).length, 4);
});

test('a target listed twice is two links', () => {
  const { links } = draw(graph({ A: {}, B: {} }, [['A', 'B', { state: 'reachable' }], ['A', 'B', { state: 'unreachable' }]]));
  assert.deepEqual(links.map(({ nth }) => nth), [0, 1]);
});

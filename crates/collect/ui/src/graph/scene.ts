/** What the graph view draws: nodes and edges, or namespaces where there are too many. Pure. */

import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Visible } from '../asked/filter';
import { differs, edgeKeys, isNonsense, isProbe, known, nodeKey } from '../known/graph';
import { ems, inside, shorten } from './layout';
import type { Level } from './level';
import { WIDEST } from './islands';

/** `node` is the place in the graph, -1 for a folded namespace. */
export type SceneNode = {
  key: string;
  group: string;
  node: number;
  /** a class: reachable, unreachable, unknown, pending, other or folded */
  state: string;
  /** -1 for none */
  colour: number;
  /** inside */
  text: string;
  /** of that text */
  size: number;
  /** beside, '' if it is inside */
  name: string;
  /** of the name */
  wide: number;
  /** of nodes */
  count: number;
  strange: boolean;
  shown: boolean;
  matched: boolean;
  /** `edge` is the one edge that it stands for, or null for several. */
  since: string | undefined;
};

export type SceneLink = {
  key: string;
  source: number;
  target: number;
  nth: number;
  state: string;
  reason: string | undefined;
  colour: number;
  differs: boolean;
  /** the place of the graph's source */
  from: number;
  edge: RowEdge | null;
  open: number;
  all: number;
  shown: boolean;
  since: string | undefined;
};

/** All paths from one namespace to another, or within one. */
export type Bundle = { key: string, source: string, target: string, open: number, closed: number, unknown: number, differs: boolean };

export type Scene = { level: Level, nodes: SceneNode[], links: SceneLink[], bundles: Bundle[], groups: Map<string, number>, folded: number };

/** With more probes than this the matrix is the first view. */
export const MANY = 60;

/** @param others whether targets that are no resource are drawn */
export function scene(graph: Graph, seen: Visible, others: boolean, level: Level): Scene {
  const { portrait, unfolded, text } = level;
  const { nodes, rows, names, colours } = graph;
  const drawn: SceneNode[] = [];
  const groups = new Map<string, number>();
  const folds = new Map<string, number>();
  const place = nodes.map((node, i) => {
    if (!isProbe(node) && !others) return -1;
    const { name, namespace } = names[i];
    groups.set(namespace, (groups.get(namespace) ?? 0) + 1);
    if (!portrait && !unfolded.has(namespace)) {
      let at = folds.get(namespace);
      if (at === undefined) {
        at = drawn.length;
        folds.set(namespace, at);
        drawn.push({ key: `namespace ${namespace}`, group: '', node: -1, state: 'folded', colour: -1, text: '', size: 0, name: namespace, wide: 0, count: 0, strange: false, shown: false, matched: false, since: undefined });
      }
      drawn[at].count += 1;
      drawn[at].shown ||= seen.nodes[i];
      drawn[at].matched ||= seen.matched[i];
      return at;
    }
    const short = portrait ? inside(isProbe(node) ? node.id : name, text) : { text: '', size: 0 };
    const beside = !portrait ? shorten(name, WIDEST) : short.text === name ? '' : name;
    drawn.push({
      key: nodeKey(node), group: namespace, node: i, state: isProbe(node) ? known(node) : 'other', colour: colours[i],
      ...short, name: beside, wide: beside ? text * ems(beside) : 0, count: 1, strange: isNonsense(node), shown: seen.nodes[i], matched: seen.matched[i], since: node.since,
    });
    return drawn.length - 1;
  });
  for (const at of folds.values()) Object.assign(drawn[at], inside(String(drawn[at].count)));

  const links: SceneLink[] = [];
  const bundles = new Map<number, SceneLink>();
  rows.forEach((row, from) => {
    const source = place[from];
    if (source < 0) return;
    let keys: string[] | undefined;
    row.forEach((edge, i) => {
      const target = place[edge.target];
      if (target < 0) return;
      const shown = seen.edge(from, edge);
      const state = known(edge);
      if (drawn[source].node >= 0 && drawn[target].node >= 0) {
        keys ??= edgeKeys(graph, from);
        const nth = row.slice(0, i).filter((other) => other.target === edge.target).length;
        links.push({ key: keys[i], source, target, nth, state, reason: edge.reason, colour: drawn[source].colour, differs: differs(edge), from, edge, open: 0, all: 1, shown, since: edge.since });
        return;
      }
      const pair = source * drawn.length + target;
      let bundle = bundles.get(pair);
      if (!bundle) {
        bundle = { key: `${drawn[source].key}\n${drawn[target].key}`, source, target, nth: 0, state: '', reason: undefined, colour: drawn[source].colour, differs: false, from, edge: null, open: 0, all: 0, shown: false, since: undefined };
        bundles.set(pair, bundle);
        links.push(bundle);
      }
      if (!shown) return;
      bundle.shown = true;
      bundle.all += 1;
      if (state === 'reachable') bundle.open += 1;
      bundle.state = bundle.state === '' || bundle.state === state ? state : 'mixed';
      bundle.differs ||= differs(edge);
      if (state === 'unreachable') bundle.reason ??= edge.reason;
    });
  });
  return { level, nodes: drawn, links, bundles: portrait ? [] : bundle(graph, seen, place), groups, folded: folds.size };
}

/** @param place of each node in the scene, -1 for those that are not drawn */
function bundle({ rows, names }: Graph, seen: Visible, place: number[]): Bundle[] {
  const found = new Map<string, Bundle>();
  rows.forEach((row, from) => {
    if (place[from] < 0) return;
    const source = names[from].namespace;
    for (const edge of row) {
      if (place[edge.target] < 0 || edge.target === from || !seen.edge(from, edge)) continue;
      const target = names[edge.target].namespace;
      const key = `namespace ${source}\nnamespace ${target}`;
      let one = found.get(key);
      if (!one) found.set(key, one = { key, source, target, open: 0, closed: 0, unknown: 0, differs: false });
      const state = known(edge);
      if (state === 'reachable') one.open += 1;
      else if (state === 'unreachable') one.closed += 1;
      else one.unknown += 1;
      one.differs ||= differs(edge);
    }
  });
  return [...found.values()];
}

/**
 * The links that are drawn one by one: all, or where bundles stand for them, those of what is picked and what changed a moment ago.
 * @param pick the key of a node, a link or a bundle
 */
export function detail({ nodes, level: { portrait } }: Scene, links: SceneLink[], bundled: boolean, pick: string | null, fresh: ReadonlyMap<string, unknown>): SceneLink[] {
  const between = portrait ? links : links.filter(({ source, target }) => source !== target);
  if (!bundled) return between;
  const island = (i: number) => `namespace ${nodes[i].node < 0 ? nodes[i].name : nodes[i].group}`;
  return between.filter(({ key, source, target }) => fresh.has(key) || pick === key || pick === nodes[source].key || pick === nodes[target].key
    || pick === `${island(source)}\n${island(target)}`);
}

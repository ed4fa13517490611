/** What changed from one graph to a later one. Pure. */

import { changedPlaces, edgeKey, edgeKeys, isProbe, known, nodeKey } from './graph';
import type { Graph, State } from './graph';
import type { RowEdge } from './wire';

/**
 * A change of one edge, or of a node where `target` is null; `from` is null for what is new, `to` for what is gone. Both ends are
 * told by their names, since places may mean other nodes by then. `counted` is what the sentence counts, too: no loop, and no
 * target that is no probe.
 */
export type Change = { at: string, source: string, target: string | null, key: string, from: State | null, to: State | null, reason?: string, counted: boolean };

/**
 * What kind of news a change is. A path opens or closes only between reachable and unreachable; what was not known before becomes
 * known; another reason for the same is no transition.
 */
export type Kind = 'opened' | 'closed' | 'known' | 'lost' | 'reason' | 'answers' | 'silent' | 'came' | 'went';

export function kind({ target, from, to }: Change): Kind {
  if (target === null) {
    if (from === null) return 'came';
    if (to === null) return 'went';
    if (from === to) return 'reason';
    return to === 'reachable' ? 'answers' : to === 'unreachable' ? 'silent' : 'lost';
  }
  if (from === to) return 'reason';
  if (to !== 'reachable' && to !== 'unreachable') return 'lost';
  if (from !== 'reachable' && from !== 'unreachable') return 'known';
  return to === 'reachable' ? 'opened' : 'closed';
}

/** Whether it is more than another reason for the same. */
export const isTransition = (change: Change) => kind(change) !== 'reason';

/** What changed from one graph to a later one; the first verdict of all is no change. */
export function changes(before: Graph, after: Graph): Change[] {
  const found: Change[] = [];
  // Where there was nobody, everybody is new.
  if (before.nodes.length === 0) return found;
  const same = before.names === after.names;
  const old: Map<string, number> = new Map(same ? [] : before.nodes.map((node, i) => [nodeKey(node), i]));
  after.nodes.forEach((node, source) => {
    const key = nodeKey(node);
    const place = same ? source : old.get(key);
    old.delete(key);
    const was = place === undefined ? undefined : before.nodes[place];
    const name = after.names[source].name;
    if (isProbe(node)) {
      const [from, to] = [was ? known(was) : null, known(node)];
      if (from !== to || was?.reason !== node.reason) report({ at: node.since ?? after.at, source: name, target: null, key, from, to, reason: node.reason, counted: true });
    }
    const row = after.rows[source];
    if (place === undefined || !was || before.rows[place] === row) return;
    const few = same ? changedPlaces(before.rows[place], row) : null;
    if (few) {
      for (const i of few) compare(before.rows[place][i], row[i], () => edgeKey(after, source, i));
      return;
    }
    const keys = edgeKeys(after, source);
    const then = new Map(edgeKeys(before, place).map((edge, i) => [edge, before.rows[place][i]]));
    row.forEach((edge, i) => compare(then.get(keys[i]), edge, () => keys[i]));

    function compare(last: RowEdge | undefined, edge: RowEdge, keyOf: () => string) {
      const to = known(edge);
      const from = last ? known(last) : null;
      if (from === to && last?.reason === edge.reason) return;
      // What became unknown did so when its probe fell silent, whatever the edge says.
      report({ at: to === 'unknown' ? after.at : edge.since ?? after.at, source: name, target: after.names[edge.target].name, key: keyOf(), from, to, reason: edge.reason, counted: edge.target !== source && isProbe(after.nodes[edge.target]) });
    }
  });
  for (const [key, place] of old) {
    if (isProbe(before.nodes[place])) report({ at: after.at, source: before.names[place].name, target: null, key, from: known(before.nodes[place]), to: null, counted: true });
  }
  return found;

  function report(change: Change) {
    const first = (change.from === null || change.from === 'pending') && change.target !== null;
    if (!first && !(change.from === 'pending' && change.to === 'reachable')) found.push(change);
  }
}

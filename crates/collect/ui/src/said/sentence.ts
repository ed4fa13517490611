/** What is said of a graph in words: the one sentence, what an edge or a node is, and what changed. Pure. */

import type { Graph } from '../known/graph';
import type { Node, Observation, RowEdge } from '../known/wire';
import type { Words } from './words';
import { local, seconds } from './clock';
import { differs, isNonsense, isProbe, known, tally } from '../known/graph';
import { explain } from './words';

/** `alarm` is whether nobody knows anything. */
export type Sentence = { alarm: boolean, paths: string, unknown: string, unmeasured: string, differing: string, probes: string, hint: string, advice: string, command: string };

/** @param port the collector's */
export function sentence(graph: Graph, words: Words, port: string = '9001'): Sentence {
  const { paths, open, unknown, unmeasured, differing, probes, answering } = tally(graph);
  const said = { alarm: false, paths: '', unknown: '', unmeasured: '', differing: '', probes: '', hint: '', advice: '', command: '' };
  if (!probes) {
    const command = `curl -d '{"id":"F","url":"http://frontend.stars:80/status"}' http://127.0.0.1:${port}/resources`;
    return { ...said, paths: words.noResources, hint: words.noResourcesHint, command };
  }
  const silent = graph.nodes.filter((node) => isProbe(node) && known(node) === 'unreachable');
  const strange = graph.nodes.filter(isNonsense);
  return {
    ...said,
    alarm: unknown > 0 && unknown === paths,
    paths: unknown && unknown === paths ? words.allUnknown(unknown) : words.paths(open, paths),
    unknown: unknown && unknown !== paths ? words.unknownPaths(unknown) : '',
    unmeasured: unmeasured ? words.unmeasured(unmeasured) : '',
    differing: differing ? words.differing(differing) : '',
    probes: answering || silent.length ? words.probes(answering, probes) : words.waiting(probes),
    ...(!answering && silent.length
      ? { hint: words.nobody(counted(silent.map((node) => explain(words, node.reason)[0]), words)), advice: words.nobodyHint }
      : strange.length
        ? { hint: words.nonsense(strange.map((node) => node.id).slice(0, 3).join(', ') + (strange.length > 3 ? '…' : ''), strange[0].message ?? String(strange[0].reason)) }
        : {}),
  };
}

/** Each text once with how often it came, the most frequent first. */
function counted(texts: string[], words: Words) {
  const uses = new Map<string, number>();
  for (const text of texts) uses.set(text, (uses.get(text) ?? 0) + 1);
  return [...uses].sort((a, b) => b[1] - a[1]).map(([text, n]) => words.times(text, n)).join(', ');
}

/** "client → backend · unreachable since 12:03:05 · no answer". */
export function edgeLine(graph: Graph, source: number, edge: RowEdge, words: Words, now: number) {
  return [`${graph.names[source].name} → ${graph.names[edge.target].name}`, stateLine(edge, words, now), edgeWhy(graph, source, edge, words), keptWhy(edge, words), differs(edge) ? words.agreements[edge.agreement as 'hole'] ?? words.notAsExpected : '']
    .filter(Boolean).join(' · ');
}

export function nodeLine(graph: Graph, place: number, words: Words, now: number) {
  const node = graph.nodes[place];
  return [graph.names[place].name, ...(isProbe(node) ? [stateLine(node, words, now), nodeWhy(node, words)] : [words.notAResource])]
    .filter(Boolean).join(' · ');
}

export function stateLine(seen: Observation, words: Words, now: number) {
  const state = words.states[known(seen)];
  return seen.since ? `${state} ${words.since(local(seen.since, now))}` : state;
}

/** A connection that is kept may outlive what cuts new ones. */
const keptWhy = (edge: RowEdge, words: Words) => (edge.kept?.state === 'flowing' && known(edge) === 'unreachable' ? words.keptFlows : '');

/** Why an edge is as it is, in a sentence. */
export function edgeWhy({ nodes, names }: Graph, source: number, edge: RowEdge, words: Words) {
  switch (known(edge)) {
    case 'reachable': return edge.status_code ? words.http(edge.status_code) : '';
    case 'unreachable': return explain(words, edge.reason)[1];
    case 'pending': return words.pendingWhy;
    default: return nodes[source].state === 'reachable' ? '' : words.silentSource(names[source].name);
  }
}

export function nodeWhy(node: Node, words: Words) {
  if (isNonsense(node)) return words.nonsense(node.id, node.message ?? String(node.reason));
  switch (known(node)) {
    case 'unreachable': return explain(words, node.reason)[1];
    case 'pending': return words.pendingWhy;
    default: return '';
  }
}

/** How long ago, in words. */
export function ago(moment: string | number, now: number, words: Words) {
  const past = seconds(moment, now);
  return past < 2 ? words.now : words.ago(words.age(past));
}

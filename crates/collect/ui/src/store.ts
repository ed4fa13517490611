/** The page's one state: what is known, what is asked for, and what is therefore shown. */

import type { Filter, Visible } from './asked/filter';
import type { Link, Selection, View } from './asked/link';
import type { Graph } from './known/graph';
import type { Scene } from './graph/scene';
import type { Words } from './said/words';
import { visible } from './asked/filter';
import { parse } from './asked/link';
import { MANY, scene } from './graph/scene';
import { edgeKeys, isProbe, nodeKey, tally } from './known/graph';
import { createJournal } from './known/journal';
import { createLatency } from './known/latency';
import { createNews } from './known/news';
import type { Story } from './known/news';
import { createTimeline } from './known/timeline';
import { WORDS, language } from './said/words';

/** The past of more edges is fetched only when it is asked for, and other views than the matrix are drawn once a second. */
export const LARGE = 20_000;

/** A policy is followed within this, or it was not the policy. */
const CAUSE_MS = 5000;

export type Theme = 'auto' | 'light' | 'dark';

export class Store {
  // ---- known ----
  live: Graph | null = null;
  readonly stream = { live: false, heard: null as number | null };
  /** The collector's clock less ours. */
  skew = 0;
  readonly timeline = createTimeline();
  readonly latency = createLatency();
  readonly past = { state: 'none' as 'none' | 'loading' | 'loaded' | 'failed', trouble: '', waiting: [] as Graph[] };
  readonly news = createNews();
  readonly journal = createJournal();
  /** For a screen reader. */
  spoken = '';
  /** Counts what came into the timeline. */
  version = 0;

  // ---- asked for ----
  asked: Link;
  unfolded: Set<string> | null = null;
  theme: Theme = 'auto';
  help = false;
  /** Whether the filters are open, where they do not fit beside the rest. */
  filters = false;

  private readonly preferred: readonly string[];
  private memo: { names: Graph['names'], key: string, seen: Visible } | null = null;
  private readonly listeners: (() => void)[] = [];
  private frame = 0;
  private drawn = 0;
  private pause: ReturnType<typeof setTimeout> | undefined;

  constructor(search: string, preferred: readonly string[]) {
    this.asked = parse(search);
    this.preferred = preferred;
  }

  // ---- shown ----

  get words(): Words {
    return WORDS[language(this.asked.lang, this.preferred)];
  }

  /** The collector's time. */
  now(): number {
    return Date.now() + this.skew;
  }

  /** The moment that is shown. */
  moment(): number {
    return this.asked.at ?? this.now();
  }

  /** What is to be seen: the present, or the moment that is asked for; null while that is not known. */
  shown(): Graph | null {
    return this.asked.at === null ? this.live : this.timeline.at(this.asked.at);
  }

  view(graph: Graph): View {
    return this.asked.view ?? (graph.nodes.filter(isProbe).length > MANY ? 'matrix' : 'graph');
  }

  seen(graph: Graph): Visible {
    const { asked } = this;
    const show = (what: string) => !asked.hide.includes(what);
    const filter: Filter = { q: asked.q, ns: asked.ns, state: asked.state, unreachable: show('unreachable'), self: show('self'), others: asked.others };
    const key = JSON.stringify(filter);
    const narrow = asked.q !== '' || asked.ns !== null;
    // As long as nothing is searched for, only another set of nodes changes what is seen.
    if (this.memo && !narrow && this.memo.names === graph.names && this.memo.key === key) return this.memo.seen;
    this.memo = { names: graph.names, key, seen: visible(graph, filter) };
    return this.memo.seen;
  }

  scene(graph: Graph): Scene {
    const many = graph.nodes.filter((node) => isProbe(node) || this.asked.others).length > MANY;
    return scene(graph, this.seen(graph), this.asked.others, many ? (this.unfolded ??= new Set()) : null);
  }

  /** The key of the node or edge that is selected, if it is in the graph. */
  selected(graph: Graph): string | null {
    const found = this.asked.selection && !('list' in this.asked.selection) && find(graph, this.asked.selection);
    if (!found) return null;
    return found.place === undefined ? nodeKey(graph.nodes[found.node]) : edgeKeys(graph, found.node)[found.place];
  }

  /** What was done shortly before a story, and may be why. */
  causes({ start, end }: Story) {
    return this.journal.around(start - CAUSE_MS, end);
  }

  // ---- telling ----

  subscribe(listener: () => void) {
    this.listeners.push(listener);
  }

  /** Draws at once: somebody did something, and looks. */
  draw() {
    this.drawn = Date.now();
    for (const listener of this.listeners) listener();
  }

  /** Draws with the next frame; what is large and slow to draw, once a second. */
  soon() {
    const slow = this.live && tally(this.live).edges > LARGE && this.view(this.live) !== 'matrix';
    const wait = slow ? this.drawn + 1000 - Date.now() : 0;
    if (wait > 0) {
      this.pause ??= setTimeout(() => {
        this.pause = undefined;
        this.soon();
      }, wait);
      return;
    }
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }
}

/** The node that an id means: a resource before a target, where both have it; -1 for none. */
export function nodeOf(graph: Graph, id: string): number {
  const probe = graph.nodes.findIndex((node) => isProbe(node) && node.id === id);
  return probe >= 0 ? probe : graph.nodes.findIndex((node) => node.id === id);
}

/** Where what is selected is: a node, or the place of an edge in that node's row. */
export function find(graph: Graph, selection: Exclude<Selection, null | { list: true }>): { node: number, place?: number } | null {
  if ('node' in selection) {
    const node = nodeOf(graph, selection.node);
    return node < 0 ? null : { node };
  }
  const node = graph.nodes.findIndex((one) => isProbe(one) && one.id === selection.from);
  const target = nodeOf(graph, selection.to);
  const place = graph.rows[node]?.findIndex((edge) => edge.target === target) ?? -1;
  return place < 0 ? null : { node, place };
}

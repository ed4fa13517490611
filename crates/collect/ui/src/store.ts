/** The page's one state: what is known, what is asked for, and what is therefore shown. */

import type { Filter, Visible } from './asked/filter';
import type { Link, Selection, View } from './asked/link';
import type { Graph } from './known/graph';
import type { Scene } from './graph/scene';
import type { Words } from './said/words';
import { visible } from './asked/filter';
import { parse } from './asked/link';
import { level } from './graph/level';
import type { Level, Plan } from './graph/level';
import { MANY, scene } from './graph/scene';
import { kind } from './known/change';
import type { Kind } from './known/change';
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

/** No text is smaller. */
const READABLE_PX = 11;
const PRESENTED_PX = 18;

/** How long a change is marked in the picture, and how long lights run after one. */
const HALO_MS = 5000;
const LIGHTS_MS = 10_000;

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
  /** The namespaces that somebody unfolded, or folded. */
  readonly folds = new Map<string, boolean>();
  /** What the graph has to itself, in pixels. */
  room = { width: 1200, height: 560 };
  /** For a projector: larger text, and nothing around the picture. */
  presenting = false;
  theme: Theme = 'auto';
  help = false;
  /** Whether the filters are open, where they do not fit beside the rest. */
  filters = false;

  readonly opened = Date.now();
  private readonly preferred: readonly string[];
  private memo: { names: Graph['names'], key: string, seen: Visible } | null = null;
  private planned: { names: Graph['names'], key: string, level: Level } | null = null;
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

  /** How much of the graph is told at once. */
  private level(graph: Graph): Level {
    const { names, nodes, rows } = graph;
    const key = JSON.stringify([this.asked.others, this.presenting, this.room, [...this.folds]]);
    if (this.planned?.names === names && this.planned.key === key) return this.planned.level;
    const plans: Plan[] = [];
    const places = nodes.map((node, i) => (isProbe(node) || this.asked.others
      ? plans.push({ key: nodeKey(node), id: isProbe(node) ? node.id : names[i].name, name: names[i].name, group: names[i].namespace }) - 1 : -1));
    const pairs = plans.length > MANY ? [] : rows.flatMap((row, source) => row.map(({ target }) => ({ source: places[source], target: places[target] })))
      .filter(({ source, target }) => source >= 0 && target >= 0);
    this.planned = { names, key, level: level(plans, pairs, this.folds, this.room, this.presenting ? PRESENTED_PX : READABLE_PX) };
    return this.planned.level;
  }

  scene(graph: Graph): Scene {
    return scene(graph, this.seen(graph), this.asked.others, this.level(graph));
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

  /** What changed a moment ago, and whether lights run: they do for a while after a change, then they rest. */
  recent(): { fresh: ReadonlyMap<string, Kind>, lit: boolean } {
    const story = this.news.latest();
    const age = story ? this.now() - story.end : Infinity;
    const fresh = this.asked.at === null && story && age < HALO_MS
      ? new Map(story.changes.filter(({ target, counted }) => target !== null && counted).map((change) => [change.key, kind(change)])) : new Map<string, Kind>();
    return { fresh, lit: age < LIGHTS_MS || Date.now() - this.opened < LIGHTS_MS };
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

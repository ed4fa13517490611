/** From the collector into the store: the stream, the last hour, and the latencies. */

import { changes } from './known/change';
import { apply, tally } from './known/graph';
import type { Graph } from './known/graph';
import { MOST } from './known/latency';
import { TOGETHER_MS } from './known/news';
import { PATIENCE_MS, poll, snapshotOf } from './known/poll';
import { sample } from './known/sample';
import { follow } from './known/stream';
import type { Heartbeat, Patch, Snapshot } from './known/wire';
import { news } from './said/news';
import { LARGE } from './store';
import type { Store } from './store';

const SAMPLE_MS = 10_000;

export type Feed = ReturnType<typeof createFeed>;

export function createFeed(store: Store) {
  const { stream, past, timeline, latency, journal, asked } = store;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  /** When the stream last said something, and when anything last came. */
  const heard = { stream: Date.now(), any: -Infinity };

  function begin() {
    const example = asked.example ? '?example=true' : '';
    follow(`./api/v1/graph/events${example}`, (event) => {
      heard.stream = Date.now();
      return take(event, event.event === 'snapshot');
    }, () => {
      // What is asked for comes all the same.
      if (Date.now() - heard.any < PATIENCE_MS && !document.hidden) return;
      stream.live = false;
      // At once: behind a hidden tab there is no next frame.
      store.draw();
    });
    poll(`./api/v1/graph${example}`, () => heard.stream, (graph) => {
      heard.any = Date.now();
      take(snapshotOf(graph), past.state === 'none');
      if (!store.asked.example) latency.take(graph, store.now());
    }, { fetch: fetch.bind(globalThis), setTimeout: setTimeout.bind(globalThis), document, now: Date.now });
    setInterval(() => store.draw(), 1000);
    setInterval(measure, SAMPLE_MS);
  }

  /**
   * @param anew whether something may have been missed
   * @returns whether it follows on what is known
   */
  function take(event: Snapshot | Patch | Heartbeat, anew: boolean): boolean {
    const next = apply(store.live, asked.example && event.event === 'snapshot' ? sample(event) : event);
    if (!next) return false;
    const before = store.live;
    store.live = next;
    stream.live = true;
    stream.heard = Date.now();
    if (event.event === 'heartbeat') {
      // Less than that is how long it was under way.
      const ahead = Date.parse(event.at) - Date.now();
      store.skew = Math.abs(ahead) > 2000 ? ahead : 0;
      store.soon();
      return true;
    }
    if (event.event === 'patch') journal.add(event, next);
    if (before) tell(before, next);
    record(next, anew);
    // The first picture waits for nothing.
    if (!before) {
      store.draw();
      void measure();
    } else store.soon();
    return true;
  }

  /** Who was away is told what is now, not each thing that changed meanwhile. */
  function tell(before: Graph, next: Graph) {
    const story = store.news.add(changes(before, next), Date.parse(next.at));
    // Said once, when it is whole: a screen reader would read each part of it anew.
    if (story) waiting ??= setTimeout(() => {
      waiting = undefined;
      const last = store.news.latest();
      if (last && last.end >= story.start) announce(news(last.changes, store.words, store.causes(last)));
      store.soon();
    }, TOGETHER_MS);
  }

  function announce(text: string) {
    // The same words twice would be silent the second time.
    store.spoken = store.spoken === text ? `${text}\u00a0` : text;
  }

  async function measure() {
    if (!store.live || !stream.live || document.hidden || store.asked.example || tally(store.live).edges > MOST) return;
    try {
      const answer = await fetch('./api/v1/graph');
      if (answer.ok) latency.take(await answer.json(), store.now());
      store.soon();
    } catch {
      // The stream says so, if the collector is gone.
    }
  }

  /** @param anew whether a stream begins, and something may have been missed */
  function record(graph: Graph, anew: boolean) {
    if (past.state === 'loading') past.waiting.push(graph);
    else if (anew && !store.asked.example && (tally(graph).edges <= LARGE || store.asked.at !== null)) void load();
    else if (past.state === 'loaded' || store.asked.example) timeline.add(graph);
    store.version += 1;
  }

  /** Asks for the last hour, of which the stream tells nothing. */
  async function load() {
    if (!store.live || past.state === 'loading') return;
    Object.assign(past, { state: 'loading', trouble: '', waiting: [store.live] });
    try {
      const answer = await fetch('./api/v1/history');
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const { events } = await answer.json();
      const graphs: Graph[] = [];
      journal.clear();
      for (const event of events) {
        const graph = apply(graphs[graphs.length - 1] ?? null, event);
        if (!graph) continue;
        graphs.push(graph);
        journal.add(event, graph);
      }
      const newest = graphs[graphs.length - 1];
      const last = newest ? Date.parse(newest.at) : -Infinity;
      timeline.load([...graphs, ...past.waiting.filter((graph) => Date.parse(graph.at) > last)]);
      past.state = 'loaded';
      // A link may be older than what is known.
      const start = timeline.start();
      if (store.asked.at !== null) store.asked.at = start === null || store.asked.at >= store.now() ? null : Math.max(start, store.asked.at);
      store.news.load(timeline.moments());
    } catch (error) {
      past.state = 'failed';
      past.trouble = store.words.timelineFailed(error instanceof Error ? error.message : String(error));
      // Nothing of the past can be shown then.
      if (timeline.start() === null) store.asked.at = null;
    }
    past.waiting = [];
    store.version += 1;
    store.soon();
  }

  return { begin, load };
}

/** The past: every graph that there was, kept within bounds as what changed from one to the next. Pure. */

import type { Graph } from './graph';
import type { Node, RowEdge } from './wire';
import type { Change } from './change';
import { changes, isTransition } from './change';

export type Delta = { nodes: [number, Node][], rows: [number, RowEdge[]][] };

export type Entry = { time: number, state: Graph | Delta, changes: Change[], told: boolean, weight: number };

/** As the collector keeps: an hour, 20,000 changes. */
const AGE_MS = 60 * 60 * 1000;
const CHANGES = 20_000;
/** Every so many entries a whole graph is kept, so that a moment is rebuilt in few steps. */
const STEP = 64;

export function createTimeline({ age = AGE_MS, most = CHANGES }: { age?: number, most?: number } = {}) {
  let entries: Entry[] = [];
  let last: Graph | null = null;
  let weight = 0;
  let whole = 0;

  /** A graph that came to be at `graph.at`; one of the same state is passed over. */
  function add(graph: Graph) {
    const before = last;
    const time = Math.max(Date.parse(graph.at), entries[entries.length - 1]?.time ?? -Infinity);
    const found = before ? changes(before, graph) : [];
    last = graph;
    if (before && before.names === graph.names && found.length === 0 && delta(before, graph).rows.length === 0) return;
    const keyframe = before?.names !== graph.names || whole % STEP === 0;
    whole = keyframe ? 1 : whole + 1;
    const entry = { time, state: keyframe || !before ? graph : delta(before, graph), changes: found, told: found.some(isTransition), weight: Math.max(1, found.length) };
    entries.push(entry);
    weight += entry.weight;
    forget(time);
  }

  /** Drops what is beyond the bounds, but not the state at the oldest end. */
  function forget(now: number) {
    let drop = 0;
    while (drop < entries.length - 1 && (weight > most || now - entries[drop + 1].time > age)) {
      weight -= entries[drop].weight;
      drop += 1;
    }
    if (drop === 0) return;
    const first = { ...entries[drop], state: rebuild(drop), changes: [], told: false };
    entries = [first, ...entries.slice(drop + 1)];
  }

  function rebuild(place: number): Graph {
    let from = place;
    while (!('seq' in entries[from].state)) from -= 1;
    const start = entries[from].state as Graph;
    const graph = { ...start, at: new Date(entries[place].time).toISOString(), nodes: [...start.nodes], rows: [...start.rows] };
    for (let i = from + 1; i <= place; i += 1) {
      const { nodes, rows } = entries[i].state as Delta;
      for (const [node, now] of nodes) graph.nodes[node] = now;
      for (const [row, now] of rows) graph.rows[row] = now;
    }
    return graph;
  }

  /** The last entry that is no later than `time`, or else the first. */
  function index(time: number) {
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle].time <= time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  return {
    add,

    /** Begins anew with these. */
    load(graphs: Graph[]) {
      entries = [];
      last = null;
      weight = 0;
      whole = 0;
      graphs.forEach(add);
    },

    /**
     * The graph at a moment, or the oldest that is known; null if nothing is.
     * @param time in milliseconds
     */
    at: (time: number) => (entries.length ? rebuild(index(time)) : null),

    /** Since when something is known, in milliseconds; null if nothing is. */
    start: () => entries[0]?.time ?? null,

    /** How many states are kept. */
    size: () => entries.length,

    /** All that changed, new reasons included, by moment, oldest first. */
    moments: (): { time: number, changes: Change[] }[] => entries.filter((entry) => entry.changes.length > 0),

    /** The moments at which something opened, closed, came or went, oldest first. */
    changes: (): { time: number, changes: Change[] }[] => entries.filter((entry) => entry.told),

    /** The moment of the change before or after `time`; null if there is none. */
    step(time: number, way: 1 | -1) {
      const changed = entries.filter((entry) => entry.told);
      return (way > 0 ? changed.find((entry) => entry.time > time) : changed.reverse().find((entry) => entry.time < time))?.time ?? null;
    },
  };
}

/** @param after of the same set of nodes */
function delta(before: Graph, after: Graph): Delta {
  const differ = (old: any[], now: any[]) => now.flatMap((part, i) => (part === old[i] ? [] : [[i, part]]));
  return { nodes: (differ(before.nodes, after.nodes) as Delta['nodes']), rows: (differ(before.rows, after.rows) as Delta['rows']) };
}

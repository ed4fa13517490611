/** What the stream and the history tell beside the graph: what was done, and when nobody looked. Kept for an hour. Pure. */

import { nodeKey } from './graph';
import type { Graph } from './graph';
import type { Cause, Gap, Patch } from './wire';

/** `time` in milliseconds. */
export type Deed = Cause & { time: number };
/** `node` is the key of the node whose probe stood still; null if the collector itself did. */
export type Pause = { from: number, until: number, node: string | null };

const AGE_MS = 60 * 60 * 1000;
const MOST = 2000;

export function createJournal() {
  let deeds: Deed[] = [];
  let pauses: Pause[] = [];

  return {
    /** @param graph that the patch led to */
    add({ causes, gaps }: Pick<Patch, 'causes' | 'gaps'>, graph: Graph) {
      for (const cause of causes ?? []) deeds.push({ ...cause, time: Date.parse(cause.at) });
      for (const gap of gaps ?? []) {
        const node = nodeOf(gap, graph);
        if (node !== undefined) pauses.push({ from: Date.parse(gap.from), until: Date.parse(gap.until), node });
      }
      const oldest = Date.parse(graph.at) - AGE_MS;
      deeds = deeds.filter(({ time }) => time >= oldest).slice(-MOST);
      pauses = pauses.filter(({ until }) => until >= oldest).slice(-MOST);
    },

    clear() {
      deeds = [];
      pauses = [];
    },

    deeds: (): readonly Deed[] => deeds,

    /** When nobody looked at anything, or at the edges out of this node. */
    pauses: (node: string | null = null): readonly Pause[] => pauses.filter((pause) => pause.node === null || pause.node === node),

    /** What was done between two moments. */
    around: (from: number, until: number): readonly Deed[] => deeds.filter(({ time }) => time >= from && time <= until),
  };
}

/** The key of a gap's node, null for all; undefined for a node that there is not. */
function nodeOf({ source }: Gap, { nodes }: Graph): string | null | undefined {
  if (source === undefined || source === null) return null;
  return nodes[source] && nodeKey(nodes[source]);
}

/** Latencies of the last ten minutes, as they were sampled here: the stream does not tell them. Pure. */

export type Sample = [time: number, ms: number];

export const SPAN_MS = 10 * 60 * 1000;
/** Fetching all edges costs too much beyond this many. */
export const MOST = 5000;

export function createLatency() {
  let rings = new Map<string, Sample[]>();
  let start: number | null = null;

  return {
    /** @param graph as of GET /api/v1/graph */
    take({ nodes, edges }: { nodes: { id: string, kind: string }[], edges: { source: string, target: string, latency_ms?: number }[] }, now: number) {
      start ??= now;
      const kinds = new Map([...nodes].reverse().map((node) => [node.id, node.kind]));
      const uses = new Map<string, number>();
      const next: typeof rings = new Map();
      for (const { source, target, latency_ms: ms } of edges) {
        const pair = `resource ${source}\n${kinds.get(target)} ${target}`;
        const nth = uses.get(pair) ?? 0;
        uses.set(pair, nth + 1);
        const key = nth ? `${pair}\n${nth}` : pair;
        const ring = (rings.get(key) ?? []).filter(([time]) => now - time <= SPAN_MS);
        if (ms !== undefined) ring.push([now, ms]);
        if (ring.length) next.set(key, ring);
      }
      // Whoever is gone is forgotten.
      rings = next;
    },

    /** @param key an edge's */
    of: (key: string): Sample[] => rings.get(key) ?? [],

    last: (key: string): number | undefined => rings.get(key)?.slice(-1)[0][1],

    /** Since when there are samples, at the most ten minutes; null if there are none. */
    since: (now: number) => (start === null ? null : Math.max(start, now - SPAN_MS)),
  };
}

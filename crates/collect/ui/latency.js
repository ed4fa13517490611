/** Latencies of the last ten minutes, as they were sampled here: the stream does not tell them. Pure. */

/**
 * @typedef {[time: number, ms: number]} Sample
 */

export const SPAN_MS = 10 * 60 * 1000;
/** Fetching all edges costs too much beyond this many. */
export const MOST = 5000;

export function createLatency() {
  /** @type {Map<string, Sample[]>} */
  let rings = new Map();
  /** @type {number | null} */
  let start = null;

  return {
    /**
     * @param {{ nodes: { id: string, kind: string }[], edges: { source: string, target: string, latency_ms?: number }[] }} graph as of GET /api/v1/graph
     * @param {number} now
     */
    take({ nodes, edges }, now) {
      start ??= now;
      const kinds = new Map([...nodes].reverse().map((node) => [node.id, node.kind]));
      /** @type {Map<string, number>} */
      const uses = new Map();
      /** @type {typeof rings} */
      const next = new Map();
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

    /** @param {string} key an edge's @returns {Sample[]} */
    of: (key) => rings.get(key) ?? [],

    /** @param {string} key @returns {number | undefined} */
    last: (key) => rings.get(key)?.slice(-1)[0][1],

    /** Since when there are samples, at the most ten minutes; null if there are none. @param {number} now */
    since: (now) => (start === null ? null : Math.max(start, now - SPAN_MS)),
  };
}

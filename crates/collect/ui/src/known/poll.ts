/** Asking for the whole graph where no stream comes through: a proxy that holds back what it hands on, say. */

import type { Node, Observation, RowEdge, Snapshot } from './wire';

/** The stream's heartbeat comes every 2 s. */
export const PATIENCE_MS = 3000;
const EVERY_MS = 1500;
const DEADLINE_MS = 5000;

/** `GET /api/v1/graph`. */
export type Flat = { seq: number, at: string, nodes: Node[], edges: (Observation & Pick<RowEdge, 'expected' | 'agreement' | 'because'> & { source: string, target: string })[] };

/** The same as the stream tells it: rows by source, ends as places. A resource is meant before a target, where both have an id. */
export function snapshotOf({ seq, at, nodes, edges }: Flat): Snapshot {
  const places = new Map<string, number>();
  for (const wanted of [false, true]) nodes.forEach(({ id, kind }, i) => { if ((kind === 'resource') === wanted) places.set(id, i); });
  const rows: RowEdge[][] = nodes.map(() => []);
  for (const { source, target, latency_ms: _, ...seen } of edges) {
    const [from, to] = [places.get(source), places.get(target)];
    if (from !== undefined && to !== undefined) rows[from].push({ ...seen, target: to });
  }
  return { event: 'snapshot', seq, at, nodes, rows: rows.map((row, source) => ({ source, edges: row })) };
}

type Env = Pick<typeof globalThis, 'fetch' | 'setTimeout'> & { document: Pick<Document, 'hidden'>, now: () => number };

/**
 * Asks while nothing is heard, a while after each answer.
 * @param heard when the stream last said something, in the milliseconds of `now`
 */
export function poll(url: string, heard: () => number, take: (graph: Flat) => void, { fetch, setTimeout, document, now }: Env) {
  const ask = async () => {
    const start = now();
    if (!document.hidden && start - heard() >= PATIENCE_MS) {
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
        const graph = answer.ok ? await answer.json() : null;
        // Meanwhile the stream may have come, and knows more.
        if (graph && now() - heard() >= PATIENCE_MS) take(graph);
      } catch {
        // Nothing comes this way either.
      }
    }
    // What takes long to fetch is fetched less often.
    setTimeout(ask, Math.max(EVERY_MS, 4 * (now() - start)));
  };
  setTimeout(ask, PATIENCE_MS);
}

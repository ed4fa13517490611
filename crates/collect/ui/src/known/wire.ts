/** The collector's JSON, as far as the page reads it: crates/wire/src says what each key means. Whatever is optional may be missing. */

export type Kept = { state: string, since?: string };
export type Because = { sentence: string, policy?: string, rule?: number, direction?: string, place?: string };

export type Observation = {
  state: string, since?: string, status_code?: number, reason?: string, message?: string, latency_ms?: number,
  address?: string, checked_at?: string, kept?: Kept,
};
export type Node = Observation & { id: string, url: string, kind: string };
export type RowEdge = Observation & { target: number, expected?: string | null, agreement?: string, because?: Because[] };
export type Row = { source: number, edges: RowEdge[] };

/** Something that was done, of which a change may be the consequence. */
export type Cause = { at: string, what: string, who: string };
/** When nobody looked: at anything, or at the edges out of one node. */
export type Gap = { from: string, until: string, source?: number };

export type Snapshot = { event: 'snapshot', seq: number, at: string, nodes: Node[], rows: Row[] };
export type NodePatch = Observation & { node: number };
export type EdgePatch = { source: number, changed: [number, RowEdge][] };
export type Patch = {
  event: 'patch', seq: number, prev: number, at: string, nodes?: NodePatch[], rows?: Row[], edges?: EdgePatch[], causes?: Cause[], gaps?: Gap[],
};
export type Heartbeat = { event: 'heartbeat', seq: number, at: string };

/** The example's edges with what policies say, so that one sees how a page looks that knows it. Pure. */

import type { RowEdge, Snapshot } from './wire';

type Part = Partial<RowEdge>;

const stars = (rule: number) => ({ policy: 'stars/backend-policy', rule, direction: 'ingress', place: 'backend-policy.yaml:11' });
const SINCE = '2026-11-22T12:00:00Z';

/** By source and target. */
const SAMPLE: Record<string, Part> = {
  'A B': {
    expected: 'denied', agreement: 'hole', kept: { state: 'flowing', since: SINCE }, address: '10.96.3.7:6379',
    because: [{ sentence: 'ingress of stars/backend is isolated by stars/backend-policy; no rule admits A on TCP 6379', ...stars(1) }],
  },
  'B C': {
    expected: 'denied', agreement: 'agrees', reason: 'connect_timeout', kept: { state: 'flowing', since: SINCE },
    because: [{ sentence: 'rule 1 of stars/backend-policy matches TCP 6379, but its pods must carry role=frontend', ...stars(1) }],
  },
  'B D': { expected: 'allowed', agreement: 'agrees' },
  'C D': { expected: 'allowed', agreement: 'blocked' },
  'D A': { expected: 'denied', agreement: 'unproven' },
};

/** Paths that no probe measures, and of which policies say something. */
const UNMEASURED: [string, string, Part][] = [['E', 'A', { expected: 'allowed', agreement: 'not_measured' }], ['E', 'C', { expected: 'denied', agreement: 'not_measured' }]];

export function sample(snapshot: Snapshot): Snapshot {
  const at = (id: string) => snapshot.nodes.findIndex((node) => node.id === id);
  const rows = snapshot.nodes.map((_, source) => ({ source, edges: snapshot.rows.find((row) => row.source === source)?.edges ?? [] }));
  return {
    ...snapshot,
    rows: rows.map(({ source, edges }) => ({
      source,
      edges: [
        ...edges.map((edge) => ({ ...edge, ...SAMPLE[`${snapshot.nodes[source].id} ${snapshot.nodes[edge.target].id}`] })),
        ...UNMEASURED.flatMap(([from, to, part]): RowEdge[] =>
          (at(from) === source && at(to) >= 0 && !edges.some((edge) => edge.target === at(to)) ? [{ target: at(to), state: 'not_measured', ...part }] : [])),
      ],
    })),
  };
}

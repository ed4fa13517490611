/** Small pictures: those of buttons, and the signs of states, the same here as in the graph. */

import type { State } from '../known/graph';
import { GLYPHS, mark } from '../said/mark';

/** Of a button: a path around the origin, to be stroked. */
export const Icon = ({ path, children }: { path?: string, children?: preact.ComponentChildren }) => (
  <svg viewBox="-8 -8 16 16" aria-hidden="true">{path && <path d={path} />}{children}</svg>
);

export const CLOSE = 'M-4 -4L4 4M-4 4L4 -4';

const SIGNS: Record<Exclude<State, 'unreachable'>, string> = {
  reachable: 'M-4.5 0.3L-1.5 3.3L4.5 -3',
  unknown: 'M-4.5 0H-4.4M0 0H0.1M4.5 0H4.6',
  pending: 'M0 0H0.1',
  not_measured: 'M-3.4 0H3.4',
};

export const Sign = ({ state, reason }: { state: State, reason?: string }) => (
  <svg class={`sign ${state}`} viewBox="-11 -11 22 22" aria-hidden="true">
    <circle r="9" />
    <path d={state === 'unreachable' ? GLYPHS[mark(reason)] : SIGNS[state]} />
  </svg>
);

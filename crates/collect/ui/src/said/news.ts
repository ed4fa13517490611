/** News in words: the cause before what came of it. Pure. */

import { kind } from '../known/change';
import type { Change, Kind } from '../known/change';
import type { Cause } from '../known/wire';
import { explain } from './words';
import type { Words } from './words';

/** More nodes or causes than this are counted, not named. */
const FEW = 2;

/**
 * A story in one line: what was done, which probes changed, and then the paths; one path by name, several as numbers.
 * @param causes what was done at that time
 */
export function news(changes: readonly Change[], words: Words, causes: readonly Cause[] = []): string {
  const nodes = changes.filter(({ target }) => target === null);
  const paths = changes.filter(({ target, counted }) => target !== null && counted);
  const of = (all: readonly Change[], wanted: Kind) => all.filter((change) => kind(change) === wanted);
  const parts = causes.length > FEW ? [words.causes(causes.length)] : causes.map((cause) => words.cause(cause.what, cause.who));
  for (const [wanted, many] of [['silent', words.silentMany], ['answers', words.answersMany], ['came', words.cameMany], ['went', words.wentMany]] as const) {
    const some = of(nodes, wanted);
    if (some.length > FEW) parts.push(many(some.length));
    else parts.push(...some.map((change) => changeLine(change, words)));
  }
  const [opened, closed, known, lost] = (['opened', 'closed', 'known', 'lost'] as const).map((wanted) => of(paths, wanted));
  const transitions = [...opened, ...closed];
  if (transitions.length === 1) parts.push(changeLine(transitions[0], words));
  else if (transitions.length) parts.push(words.many(opened.length, closed.length));
  const open = known.filter(({ to }) => to === 'reachable').length;
  if (known.length) parts.push(words.knownAgain(open, known.length - open));
  // A probe that falls silent takes the paths out of it along: that is no news by itself.
  if (lost.length && !of(nodes, 'silent').length) parts.push(lost.length === 1 ? changeLine(lost[0], words) : words.lostMany(lost.length));
  return parts.join(' · ');
}

/** One change by itself. */
export function changeLine(change: Change, words: Words): string {
  const { source, target, to, reason } = change;
  const why = explain(words, reason)[0];
  if (target === null) {
    switch (kind(change)) {
      case 'came': return words.came(source);
      case 'went': return words.went(source);
      case 'answers': return words.answers(source);
      // Who refuses is there, and its program is not; or a policy rejects.
      case 'silent': return reason === 'connection_refused' ? words.down(source, why) : words.silent(source, why);
      default: return words.nowReason(source, why);
    }
  }
  switch (kind(change)) {
    case 'opened': return words.opened(source, target);
    case 'closed': return words.closed(source, target, why);
    case 'known': return to === 'reachable' ? words.knownOpen(source, target) : words.knownClosed(source, target, why);
    case 'lost': return words.lost(source, target);
    default: return words.nowReason(`${source} → ${target}`, why);
  }
}

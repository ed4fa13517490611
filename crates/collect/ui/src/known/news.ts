/** What happened, in stories: what comes within three seconds belongs together. Pure. */

import { isTransition } from './change';
import type { Change } from './change';

/** `start` is when its first change came, `end` its last, in the collector's milliseconds. */
export type Story = { start: number, end: number, changes: Change[] };

export const TOGETHER_MS = 3000;
/** So many are kept. */
const MOST = 500;

export function createNews() {
  let stories: Story[] = [];

  /** @returns the story that they are part of, if they are news */
  function add(changes: readonly Change[], time: number): Story | null {
    const last = stories[stories.length - 1];
    const together = last && time - last.start <= TOGETHER_MS;
    const before = new Map(together ? last.changes.map((change) => [change.key, change]) : []);
    for (const change of changes) {
      const first = before.get(change.key);
      if (isTransition(change)) {
        // What happened last is at the end.
        before.delete(change.key);
        before.set(change.key, change);
      } else if (first) before.set(change.key, { ...first, reason: change.reason });
    }
    if (!changes.some(isTransition) && !(together && changes.some(({ key }) => before.has(key)))) return null;
    const story = { start: together ? last.start : time, end: time, changes: [...before.values()] };
    if (together) stories.pop();
    stories.push(story);
    if (stories.length > MOST) stories.shift();
    return story;
  }

  return {
    add,
    /** Begins anew with what is known of the past. */
    load(moments: readonly { time: number, changes: readonly Change[] }[]) {
      stories = [];
      for (const { time, changes } of moments) add(changes, time);
    },
    /** Oldest first. */
    all: (): readonly Story[] => stories,
    latest: (): Story | null => stories[stories.length - 1] ?? null,
  };
}

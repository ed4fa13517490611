/** Single keys, wherever the focus is but in a text. */

import type { Act } from '../act';

export function listen(document: Document, act: Act) {
  const actions: Record<string, () => void> = {
    g: () => act.turnTo('graph'),
    m: () => act.turnTo('matrix'),
    t: () => act.turnTo('table'),
    u: () => act.toggle('unreachable'),
    l: () => act.toggle('markers'),
    s: () => act.toggle('self'),
    '/': () => {
      act.filters(true);
      document.querySelector<HTMLInputElement>('#search')?.select();
    },
    '?': () => act.help(),
    p: () => act.present(),
    n: () => act.travel(null),
    ',': () => act.step(-1),
    '.': () => act.step(1),
    '+': () => act.zoom(1.4),
    '=': () => act.zoom(1.4),
    '-': () => act.zoom(1 / 1.4),
    0: () => act.fit(),
    Escape: () => act.leave(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    const target = event.target as HTMLElement;
    const typing = target.matches('input:not([type=range]), select, textarea');
    if (typing && event.key !== 'Escape') return;
    // An open dialog has the other keys to itself, Escape above all.
    if (event.key !== '?' && document.querySelector('dialog[open]')) return;
    // A keyboard in Hangul names the letter that it writes; the key is where it always was.
    const letter = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
    const action = actions[event.key] ?? (letter && !/^[\x20-\x7e]$/.test(event.key) ? actions[letter] : undefined);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

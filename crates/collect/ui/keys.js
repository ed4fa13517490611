/** Single keys, wherever the focus is but in a text. */

/**
 * @param {Document} document
 * @param {Record<string, () => void>} actions by key, as the event names it
 */
export function createKeys(document, actions) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches('input:not([type=range]), select, textarea');
    if (typing && event.key !== 'Escape') return;
    // An open dialog has the other keys to itself, Escape above all.
    if (event.key !== '?' && document.querySelector('dialog[open]')) return;
    if (event.isComposing) return;
    // A keyboard in Hangul names the letter that it writes; the key is where it always was.
    const letter = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
    const action = actions[event.key] ?? (letter && !/^[\x20-\x7e]$/.test(event.key) ? actions[letter] : undefined);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

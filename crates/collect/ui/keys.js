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
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

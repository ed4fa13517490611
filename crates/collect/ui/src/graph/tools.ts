/** The buttons beside the picture. */

import type { Words } from '../said/words';
import { html, set, svg } from '../view/element';

const ICONS = { zoomIn: 'M-5 0H5M0 -5V5', zoomOut: 'M-5 0H5', fit: 'M-5 -2V-5H-2M2 -5H5V-2M5 2V5H2M-2 5H-5V2', arrange: 'M4.6 -2A5 5 0 1 0 5 1M5 -5.5V-1.8H1.3' };
export type Tool = keyof typeof ICONS;

export function createTools(press: (tool: Tool) => void) {
  const buttons = (Object.keys(ICONS) as Tool[]).map((name) => ({
    name,
    button: html('button', { type: 'button', 'data-tool': name, click: () => press(name) }, svg('svg', { viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, svg('path', { d: ICONS[name] }))),
  }));
  const element = html('div', { class: 'tools', role: 'group' }, ...buttons.map(({ button }) => button));
  return {
    element,
    speak(words: Words) {
      set(element, { 'aria-label': words.views.graph });
      for (const { name, button } of buttons) set(button, { 'aria-label': words[name], title: words[name] });
    },
  };
}

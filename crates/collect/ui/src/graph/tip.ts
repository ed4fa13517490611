/** The text beside what is pointed at: never over it. */

import type { Point } from './layout';
import { html, say } from '../view/element';

/** From the pointer, in pixels. */
const OFF = 14;

export function createTip(id?: string) {
  const text = html('span');
  const element = html('p', { id: id ?? null, class: 'tip', role: id ? 'tooltip' : null, 'aria-hidden': id ? null : 'true', hidden: '' }, text);
  return {
    element,
    hide() {
      element.hidden = true;
    },
    /** @param at in the window, with the radius of what is there */
    show(said: string, stage: HTMLElement, { x, y, r }: Point & { r: number }) {
      element.hidden = said === '';
      say(text, said);
      if (element.hidden) return;
      const { left, top, width, height } = stage.getBoundingClientRect();
      const [wide, high] = [element.offsetWidth, element.offsetHeight];
      const fits = x - left + OFF + r + wide < width - 8;
      const across = fits ? x - left + OFF + r : x - left - OFF - r - wide;
      const down = y - top + OFF + r + high < height - 4 ? y - top + OFF + r : y - top - OFF - r - high;
      element.style.left = `${Math.max(4, Math.min(across, width - wide - 4))}px`;
      element.style.top = `${Math.max(2, down)}px`;
    },
  };
}

/** Where the tip of what has the focus belongs. */
export function centre(item: SVGElement) {
  const { left, top, width, height } = (item.querySelector('.body, .line') ?? item).getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2, r: item.matches('.node') ? height / 2 : 0 };
}

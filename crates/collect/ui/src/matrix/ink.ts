/** The style sheet's colours: as text for a pen, and as numbers where pixels are set. */

export type Ink = { css: Record<string, string>, number: Record<string, number> };

const NAMES = ['cell-open', 'cell-shut', 'cell-unknown', 'cell-self', 'on-shut', 'paper', 'card', 'ink', 'soft', 'rule', 'good', 'bad', 'focus', 'mixed'];

/** @param swatch an element whose colour may be set */
export function colours(swatch: HTMLElement): Ink {
  const style = getComputedStyle(swatch);
  const css: Ink['css'] = {};
  const number: Ink['number'] = {};
  for (const name of NAMES) {
    swatch.style.color = `var(--${name})`;
    css[name] = style.color;
    const [r, g, b] = (style.color.match(/[\d.]+/g) ?? ['0', '0', '0']).map(Number);
    number[name] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return { css, number };
}

/** The timeline's picture: a bar where something changed, higher where it was much. */

import type { Change } from '../known/change';
import { local } from '../said/clock';

export type Span = { from: number, to: number };
export type Painting = { changes: { time: number, changes: Change[] }[], start: number | null, span: Span };

/** Between two labels, at the least. */
const LABEL_PX = 84;
const STEPS = [10, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1000);

export function paint(canvas: HTMLCanvasElement, { changes, start, span }: Painting) {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio];
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => {
    canvas.style.color = `var(--${name})`;
    return style.color;
  };
  const base = height - 20;
  const x = (time: number) => 8 + ((time - span.from) / (span.to - span.from)) * (width - 16);
  context.strokeStyle = colour('rule');
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(0, base);
  context.lineTo(width, base);
  context.stroke();
  // What was before anything was known is empty, and looks it.
  if (start !== null && start > span.from) {
    context.fillStyle = colour('unknown-time');
    context.fillRect(0, 2, Math.max(0, x(start)), base - 3);
  }
  const step = STEPS.find((one) => (one / (span.to - span.from)) * width >= LABEL_PX) ?? STEPS[STEPS.length - 1];
  context.fillStyle = colour('soft');
  context.font = `11px ${style.fontFamily}`;
  context.textAlign = 'center';
  const zone = new Date(span.from).getTimezoneOffset() * 60_000;
  for (let time = Math.ceil((span.from - zone) / step) * step + zone; time <= span.to; time += step) {
    const text = local(time, time);
    const place = x(time);
    context.fillRect(place, base, 1, 4);
    if (place > 24 && place < width - 24) context.fillText(step < 60_000 ? text : text.slice(0, 5), place, height - 4);
  }
  // Many changes at a moment are a higher bar: opened in one colour above, closed in another below it.
  const bars = new Map<number, [number, number, number]>();
  for (const moment of changes) {
    if (moment.time < span.from) continue;
    const place = Math.round(x(moment.time) / 3) * 3;
    const bar = bars.get(place) ?? [0, 0, 0];
    for (const { to } of moment.changes) bar[to === 'reachable' ? 0 : to === 'unreachable' ? 1 : 2] += 1;
    bars.set(place, bar);
  }
  const room = base - 6;
  const colours = [colour('good'), colour('bad'), colour('other')];
  for (const [place, bar] of bars) {
    const all = bar[0] + bar[1] + bar[2];
    const high = Math.min(room, 10 + 5 * Math.log2(all));
    let y = base - 1;
    bar.forEach((n, i) => {
      const part = (high * n) / all;
      context.fillStyle = colours[i];
      context.fillRect(place - 1.5, y - part, 3, part);
      y -= part;
    });
  }
}

/** The timeline's picture: a bar where something changed, higher where it was much. */

import { kind } from '../known/change';
import type { Change } from '../known/change';
import type { Deed, Pause } from '../known/journal';
import { local } from '../said/clock';

export type Span = { from: number, to: number };
export type Painting = { changes: { time: number, changes: Change[] }[], deeds: readonly Deed[], pauses: readonly Pause[], start: number | null, span: Span };

/** Between two labels, at the least. */
const LABEL_PX = 84;
const STEPS = [10, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1000);

export function paint(canvas: HTMLCanvasElement, { changes, deeds, pauses, start, span }: Painting) {
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
  // When nobody looked is no time of which nothing happened.
  for (const pause of pauses) {
    const [left, right] = [Math.max(0, x(pause.from)), x(pause.until)];
    if (right < 0) continue;
    context.save();
    context.beginPath();
    context.rect(left, 2, Math.max(2, right - left), base - 3);
    context.clip();
    context.fillStyle = colour('unknown-time');
    context.fillRect(left, 0, right - left + 2, base);
    context.strokeStyle = colour('other');
    context.lineWidth = 1;
    context.beginPath();
    for (let at = left - base; at < right + 2; at += 6) {
      context.moveTo(at, base);
      context.lineTo(at + base, 0);
    }
    context.stroke();
    context.restore();
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
    for (const change of moment.changes) {
      const what = kind(change);
      if (what !== 'reason') bar[what === 'opened' || what === 'answers' ? 0 : what === 'closed' || what === 'silent' ? 1 : 2] += 1;
    }
    bars.set(place, bar);
  }
  const room = base - 6;
  const colours = [colour('good'), colour('bad'), colour('other')];
  for (const [place, bar] of bars) {
    const all = bar[0] + bar[1] + bar[2];
    if (all === 0) continue;
    const high = Math.min(room, 10 + 5 * Math.log2(all));
    let y = base - 1;
    bar.forEach((n, i) => {
      const part = (high * n) / all;
      context.fillStyle = colours[i];
      context.fillRect(place - 1.5, y - part, 3, part);
      y -= part;
    });
  }
  // A flag for what was done, and may be why.
  for (const deed of deeds) {
    const place = x(deed.time);
    if (place < 0) continue;
    context.fillStyle = colour('focus');
    context.fillRect(place - 0.75, 2, 1.5, base - 3);
    context.beginPath();
    context.moveTo(place, 2);
    context.lineTo(place + 9, 6);
    context.lineTo(place, 10);
    context.fill();
  }
}

/** How near the pointer must be to what happened, in pixels. */
const NEAR_PX = 6;

/** What happened where one points: the nearest of some moments; null if none is near. */
export function nearest(times: readonly number[], at: number, { from, to }: Span, width: number): number | null {
  const near = times.reduce((best, time) => (Math.abs(time - at) < Math.abs(best - at) ? time : best), Infinity);
  return (Math.abs(near - at) / (to - from)) * (width - 16) <= NEAR_PX ? near : null;
}

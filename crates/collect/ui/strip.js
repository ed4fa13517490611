/** The timeline's strip: when something changed, and a slider to see the graph as it was. */

import { local, utc } from './clock.js';
import { html, say, set } from './element.js';

/**
 * @typedef {{ now: number, start: number | null, at: number | null, changes: { time: number, changes: import('./model.js').Change[] }[], version: number,
 *   trouble: string, load: number | null, live: boolean, words: import('./words.js').Words }} Drawing
 */

/** The strip covers five minutes at the least, an hour at the most. */
const LEAST_MS = 5 * 60 * 1000;
const MOST_MS = 60 * 60 * 1000;
/** Between two labels, at the least. */
const LABEL_PX = 84;
const STEPS = [10, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1000);

/**
 * @param {HTMLElement} strip
 * @param {object} on
 * @param {(time: number | null) => void} on.travel null for live
 * @param {(way: 1 | -1) => void} on.step
 * @param {() => void} on.load
 */
export function createStrip(strip, { travel, step, load }) {
  const title = html('h2');
  const canvas = html('canvas', { 'aria-hidden': 'true' });
  const slider = html('input', { type: 'range', step: 1 });
  const label = html('output', { 'aria-hidden': 'true' });
  const note = html('p', { class: 'soft' });
  const loader = html('button', { type: 'button', hidden: '', click: load });
  const live = html('button', { type: 'button', class: 'live', click: () => travel(null) });
  const swatch = html('span', { class: 'swatch', hidden: '' });
  const track = html('div', { class: 'track' }, canvas, slider, label);
  strip.append(html('div', { class: 'head' }, title, note, loader, live), track, swatch);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  /** @type {Drawing | null} */
  let drawing = null;
  let span = { from: 0, to: 1 };
  let painted = '';
  let held = false;

  slider.addEventListener('input', () => {
    const time = Number(slider.value);
    travel(time >= span.to ? null : time);
  });
  // While it is held the ends stay, or the thumb would run away from the hand.
  slider.addEventListener('pointerdown', () => { held = true; });
  for (const type of ['pointerup', 'pointercancel', 'blur']) slider.addEventListener(type, () => { held = false; });
  slider.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    step(event.key === 'ArrowLeft' ? -1 : 1);
  });
  new ResizeObserver(() => {
    painted = '';
    if (drawing) draw(drawing);
  }).observe(track);

  /** @param {string} name */
  const colour = (name) => {
    swatch.style.color = `var(--${name})`;
    return getComputedStyle(swatch).color;
  };

  /** @param {Drawing} next */
  function draw(next) {
    drawing = next;
    const { now, start, at, changes, words, version, live: heard } = next;
    if (!held) {
      const from = Math.max(now - MOST_MS, Math.min(start ?? now, now - LEAST_MS, at ?? now));
      span = { from, to: now };
      set(slider, { min: Math.round(from), max: Math.round(now) });
    }
    slider.value = String(Math.round(at ?? span.to));
    const time = at === null ? words.timelineNow : local(at, now);
    set(slider, { 'aria-label': words.timelineLabel, 'aria-valuetext': time });
    say(title, words.timeline);
    say(live, at !== null ? words.toLive : heard ? words.live : words.reconnecting);
    live.classList.toggle('on', at === null && heard);
    live.disabled = at === null;
    const known = start !== null && start > span.from + 1000 ? words.timelineFrom(local(start, now)) : '';
    say(note, next.trouble || (changes.length ? '' : words.timelineEmpty) || known);
    loader.hidden = next.load === null;
    if (next.load !== null) say(loader, words.timelineLoad(next.load));
    const width = track.clientWidth;
    const part = ((at ?? span.to) - span.from) / (span.to - span.from);
    label.hidden = at === null;
    say(label, at === null ? '' : time);
    label.title = at === null ? '' : words.utc(utc(at));
    label.classList.toggle('before', part > 0.5);
    label.style.left = `${part * (width - 16) + 8}px`;

    const signature = [version, Math.round(span.from / 1000), width, devicePixelRatio, at === null, document.documentElement.dataset.theme, matchMedia('(prefers-color-scheme: dark)').matches].join();
    if (signature === painted) return;
    painted = signature;
    paint(next, width);
  }

  /**
   * @param {Drawing} drawn
   * @param {number} width
   */
  function paint({ changes, start }, width) {
    const ratio = devicePixelRatio;
    const height = track.clientHeight;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const base = height - 20;
    const x = (/** @type {number} */ time) => 8 + ((time - span.from) / (span.to - span.from)) * (width - 16);
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
    context.font = `11px ${getComputedStyle(strip).fontFamily}`;
    context.textAlign = 'center';
    const zone = new Date(span.from).getTimezoneOffset() * 60_000;
    for (let time = Math.ceil((span.from - zone) / step) * step + zone; time <= span.to; time += step) {
      const text = local(time, time);
      const place = x(time);
      context.fillRect(place, base, 1, 4);
      if (place > 24 && place < width - 24) context.fillText(step < 60_000 ? text : text.slice(0, 5), place, height - 4);
    }
    // Many changes at a moment are a higher bar: opened in one colour above, closed in another below it.
    /** @type {Map<number, [number, number, number]>} */
    const bars = new Map();
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

  return { draw, focus: () => slider.focus() };
}

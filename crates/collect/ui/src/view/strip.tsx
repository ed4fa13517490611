/** The timeline's strip: when something changed, and a slider to see the graph as it was. */

import { useLayoutEffect, useRef } from 'preact/hooks';
import { tally } from '../known/graph';
import { local, utc } from '../said/clock';
import { paint } from '../strip/paint';
import type { Span } from '../strip/paint';
import type { Props } from './app';

/** The strip covers five minutes at the least, an hour at the most. */
const LEAST_MS = 5 * 60 * 1000;
const MOST_MS = 60 * 60 * 1000;

export function Strip({ store, act, hidden, large }: Props & { hidden: boolean, large: boolean }) {
  const { words, stream, past, timeline, asked, live } = store;
  const canvas = useRef<HTMLCanvasElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  const painted = useRef('');
  /** While it is held the ends stay, or the thumb would run away from the hand. */
  const held = useRef(false);
  const span = useRef<Span>({ from: 0, to: 1 });

  const heard = stream.live || stream.heard === null;
  const now = heard ? store.now() : stream.heard as number;
  const start = timeline.start();
  const { at } = asked;
  if (!held.current) span.current = { from: Math.max(now - MOST_MS, Math.min(start ?? now, now - LEAST_MS, at ?? now)), to: now };
  const { from, to } = span.current;

  useLayoutEffect(() => {
    const track = canvas.current?.parentElement as HTMLElement;
    new ResizeObserver(() => store.draw()).observe(track);
  }, []);
  useLayoutEffect(() => {
    if (hidden || !canvas.current) return;
    // By hand, in this order: the browser bounds the value by the ends that it has.
    Object.assign(slider.current as HTMLInputElement, { min: String(Math.round(from)), max: String(Math.round(to)), value: String(Math.round(at ?? to)) });
    const signature = [store.version, Math.round(from / 1000), canvas.current.clientWidth, devicePixelRatio, at === null, store.theme, matchMedia('(prefers-color-scheme: dark)').matches].join();
    if (signature === painted.current) return;
    painted.current = signature;
    paint(canvas.current, { changes: timeline.changes(), start, span: { from, to } });
  });

  const time = at === null ? words.timelineNow : local(at, now);
  const known = start !== null && start > from + 1000 ? words.timelineFrom(local(start, now)) : '';
  const part = ((at ?? to) - from) / (to - from);
  const lazy = large && past.state === 'none' && !asked.example;
  return (
    <footer id="strip" hidden={hidden}>
      <div class="head">
        <h2>{words.timeline}</h2>
        <p class="soft">{past.trouble || (timeline.changes().length ? '' : words.timelineEmpty) || known}</p>
        {lazy && live && <button type="button" class="load" onClick={act.load}>{words.timelineLoad(tally(live).edges)}</button>}
        <button type="button" class={`live${at === null && heard ? ' on' : ''}`} disabled={at === null} onClick={() => act.travel(null)}>
          {at !== null ? words.toLive : heard ? words.live : words.reconnecting}
        </button>
      </div>
      <div class="track">
        <canvas aria-hidden="true" ref={canvas} />
        <input type="range" step="1" aria-label={words.timelineLabel} aria-valuetext={time} ref={slider}
          onInput={({ currentTarget }) => act.travel(Number(currentTarget.value) >= to ? null : Number(currentTarget.value), held.current)}
          onPointerDown={() => { held.current = true; }}
          onPointerUp={() => { held.current = false; }}
          onPointerCancel={() => { held.current = false; }}
          onBlur={() => { held.current = false; }}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
            event.preventDefault();
            act.step(event.key === 'ArrowLeft' ? -1 : 1);
          }} />
        {at !== null && <output aria-hidden="true" class={part > 0.5 ? 'before' : ''} title={words.utc(utc(at))} style={{ left: `calc(${part} * (100% - 16px) + 8px)` }}>{time}</output>}
      </div>
    </footer>
  );
}

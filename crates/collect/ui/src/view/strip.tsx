/** The timeline's strip: when something changed, and a slider to see the graph as it was. */

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { tally } from '../known/graph';
import { local, utc } from '../said/clock';
import { news } from '../said/news';
import { nearest, paint } from '../strip/paint';
import type { Span } from '../strip/paint';
import type { Props } from './app';

/** The strip covers a minute at the least, an hour at the most. */
const LEAST_MS = 60 * 1000;
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
  const [pointed, point] = useState<{ time: number, x: number } | null>(null);
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
    paint(canvas.current, { changes: timeline.changes(), deeds: store.journal.deeds(), pauses: store.journal.pauses(), start, span: { from, to } });
  });

  const moments = () => [...timeline.changes().map((one) => one.time), ...store.journal.deeds().map((one) => one.time)];
  const width = () => canvas.current?.clientWidth ?? 1;
  const told = pointed && story(store, pointed.time);
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
          onInput={({ currentTarget }) => {
            const wanted = Number(currentTarget.value);
            // The hand means the bar that it is near.
            act.travel(wanted >= to ? null : held.current ? nearest(moments(), wanted, span.current, width()) ?? wanted : wanted, held.current);
          }}
          onPointerMove={(event) => {
            const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
            const found = nearest(moments(), from + ((x - 8) / (width() - 16)) * (to - from), span.current, width());
            point(found === null ? null : { time: found, x });
          }}
          onPointerLeave={() => point(null)}
          onPointerDown={() => { held.current = true; }}
          onPointerUp={() => { held.current = false; }}
          onPointerCancel={() => { held.current = false; }}
          onBlur={() => { held.current = false; }}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
            event.preventDefault();
            act.step(event.key === 'ArrowLeft' ? -1 : 1);
          }} />
        {told && <p class="tip" aria-hidden="true" style={{ left: `${Math.max(4, Math.min(pointed.x - 150, width() - 304))}px` }}>{told}</p>}
        {at !== null && <output aria-hidden="true" class={part > 0.5 ? 'before' : ''} title={words.utc(utc(at))} style={{ left: `calc(${part} * (100% - 16px) + 8px)` }}>{time}</output>}
      </div>
    </footer>
  );
}

/** What happened at a moment, in words. */
function story(store: Props['store'], time: number): string {
  const { words, timeline, journal } = store;
  const changes = timeline.changes().filter((one) => Math.abs(one.time - time) < 1000).flatMap((one) => one.changes);
  const text = news(changes, words, journal.around(time - 1000, time + 1000));
  return text && `${local(time, store.now())} · ${text}`;
}

/** An edge's latencies of the last ten minutes, as a line. */

import { tally } from '../known/graph';
import { MOST, SPAN_MS } from '../known/latency';
import type { Sample } from '../known/latency';
import { local } from '../said/clock';
import type { PanelProps } from '../view/panel';

const [WIDE, HIGH] = [280, 48];

export function Latency({ store, graph, ring }: PanelProps & { ring: Sample[] }) {
  const { words, asked, latency } = store;
  const edges = asked.example ? 0 : tally(graph).edges;
  return (
    <section class="latency">
      <h3>{words.latencyTitle}</h3>
      {edges > MOST ? <p class="soft">{words.latencyTooMany(edges)}</p>
        : !ring.length ? <p class="soft">{words.latencyNone}</p>
          : <Line ring={ring} now={store.moment()} sampled={latency.since(store.now())} words={words} />}
    </section>
  );
}

function Line({ ring, now, sampled, words }: { ring: Sample[], now: number, sampled: number | null, words: PanelProps['store']['words'] }) {
  const [low, top] = [Math.min(...ring.map(([, ms]) => ms)), Math.max(...ring.map(([, ms]) => ms))];
  const from = Math.max(now - SPAN_MS, Math.min(sampled ?? now, now - 60_000));
  const x = (time: number) => (WIDE * (time - from) / (now - from)).toFixed(1);
  const y = (ms: number) => (HIGH - 3 - (HIGH - 8) * ms / Math.max(1, top)).toFixed(1);
  const text = `${words.ms(low)} – ${words.ms(top)}`;
  // A path that was closed in between is a gap, not a line.
  const path = ring.map(([time, ms], i) => `${i && time - ring[i - 1][0] < 25_000 ? 'L' : 'M'}${x(time)} ${y(ms)}`).join('');
  const [time, ms] = ring[ring.length - 1];
  return (
    <>
      <svg class="spark" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={text}>
        <path class="base" d={`M0 ${HIGH - 3}H${WIDE}`} />
        <path d={path} />
        <circle r="3" cx={x(time)} cy={y(ms)} />
      </svg>
      <p class="soft">{text}{sampled !== null && now - sampled < SPAN_MS - 15_000 ? ` · ${words.latencyFrom(local(sampled, now))}` : ''}</p>
    </>
  );
}

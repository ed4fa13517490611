/** What the panels of edges and of nodes have in common. */

import { useRef, useState } from 'preact/hooks';
import type { Act } from '../act';
import { known } from '../known/graph';
import type { Observation } from '../known/wire';
import { isTransition } from '../known/change';
import type { Change } from '../known/change';
import type { State } from '../known/graph';
import { local, utc } from '../said/clock';
import { ago } from '../said/sentence';
import { explain } from '../said/words';
import type { Words } from '../said/words';
import { CLOSE, Icon, Sign } from '../view/icon';
import type { PanelProps } from '../view/panel';

type Children = preact.ComponentChildren;

/** More neighbours or changes than this are counted. */
export const MANY = 60;

export const Title = ({ words, act, children }: { words: Words, act: Act, children: Children }) => (
  <>
    <h2 tabIndex={-1}>{children}</h2>
    <button type="button" class="close" aria-label={words.close} title={words.close} onClick={() => act.choose(null)}><Icon path={CLOSE} /></button>
  </>
);

/** @param plain whether the message only repeats the reason */
export function Verdict({ seen, why, plain, now, words }: { seen: Observation, why: string, plain: boolean, now: number, words: Words }) {
  const state = known(seen);
  return (
    <section class="state">
      <p class={`verdict ${state}`}>
        <Sign state={state} reason={seen.reason} /><strong>{words.states[state]}</strong>
        {seen.since && <time dateTime={seen.since} title={words.utc(utc(seen.since))}>{words.since(local(seen.since, now))} · {ago(seen.since, now, words)}</time>}
      </p>
      {((why !== '' && state !== 'reachable') || plain) && <p class="why">{why}</p>}
      {seen.message && !plain && <details class="message"><summary>{words.message}</summary>“{seen.message}”</details>}
    </section>
  );
}

export function Facts({ rows }: { rows: ([string, Children] | false)[] }) {
  return (
    <section class="facts">
      <dl>{rows.map((row) => row && <><dt>{row[0]}</dt><dd>{row[1]}</dd></>)}</dl>
    </section>
  );
}

export function Command({ line, words }: { line: string, words: Words }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      setCopied(true);
    } catch {
      // Without https there is no clipboard: what is marked can be copied by hand.
      if (code.current) getSelection()?.selectAllChildren(code.current);
    }
  };
  return <pre tabIndex={0}><code ref={code}>{line}</code><button type="button" onClick={copy}>{copied ? words.copied : words.copy}</button></pre>;
}

/** @param node whose probe looks, and may have stood still */
export function Changes({ store, act, mine, node }: PanelProps & { mine: (change: Change) => boolean, node: string }) {
  const { words, past, asked, timeline } = store;
  const now = store.moment();
  const moments = past.state === 'loaded' || asked.example ? timeline.moments().filter(({ time }) => time <= now) : [];
  const all = moments.flatMap((moment) => moment.changes.filter(mine).map((change) => ({ ...change, time: moment.time })));
  const last = all.slice(-MANY).reverse();
  const pauses = store.journal.pauses(node).filter(({ from }) => from <= now).slice(-5).reverse();
  return (
    <section class="changes">
      <h3>{words.changes}</h3>
      {last.length === 0 ? <p class="soft">{words.changesNone}</p> : (
        <ol>
          {last.map((change) => (
            <li>
              <button type="button" class="link" title={words.utc(utc(change.time))} onClick={() => act.travel(change.time)}>{local(change.time, now)}</button>
              <span>{change.target === null ? `${words.collector} → ${change.source}` : `${change.source} → ${change.target}`}</span>
              <span class={`how ${change.to ?? 'unknown'}`}>{how(change, words)}</span>
            </li>
          ))}
        </ol>
      )}
      {all.length > MANY && <p class="soft">{words.further(all.length - MANY)}</p>}
      {pauses.map((pause) => <p key={pause.from} class="soft">{words.pause(local(pause.from, now), local(pause.until, now))}</p>)}
    </section>
  );
}

/** What became of it: another reason for the same is only that. */
function how(change: Change, words: Words) {
  const { to, reason } = change;
  if (!isTransition(change)) return <span class="soft">{words.nowOnly(reason ? explain(words, reason)[0] : words.states[to as State])}</span>;
  return to === 'unreachable' ? explain(words, reason)[0] : to === null ? '–' : words.states[to];
}

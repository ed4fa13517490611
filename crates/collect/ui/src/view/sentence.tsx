/** What is said of the whole above the picture: the one sentence, the news, and what to do where there is trouble. */

import type { Graph } from '../known/graph';
import { local, seconds, utc } from '../said/clock';
import { ago, news, sentence } from '../said/sentence';
import type { Props } from './app';

/** News of longer ago is none. */
const FRESH_MS = 15 * 60 * 1000;

export function Sentence({ store, act, graph }: Props & { graph: Graph }) {
  const { words, asked, latest } = store;
  const said = sentence(graph, words, location.port || '80');
  const recent = latest && asked.at === null && store.now() - latest.time < FRESH_MS ? latest : null;
  return (
    <>
      <div id="sentence">
        <h1 id="paths">{said.paths}</h1>
        <p id="unknown" hidden={!said.unknown}>{said.unknown}</p>
        <p id="differing" hidden={!said.differing}>{said.differing}</p>
        <p id="probes" hidden={!said.probes}>{said.probes}</p>
        {recent && <p id="news"><span>{news(recent.text, words)}</span> <time title={words.utc(utc(recent.time))}>{ago(recent.time, store.now(), words)}</time></p>}
      </div>
      {asked.at !== null && (
        <p id="past">
          <span title={words.utc(utc(asked.at))}>{words.past(local(asked.at, store.now()), words.age(seconds(asked.at, store.now())))}</span>{' '}
          <button type="button" onClick={() => act.travel(null)}>{words.toLive}</button>
        </p>
      )}
      {said.hint && (
        <div id="hint">
          <p>{said.hint}</p>{' '}
          {said.advice && <p class="soft">{said.advice}</p>}{' '}
          {said.command && <pre tabIndex={0}>{said.command}</pre>}
        </div>
      )}
    </>
  );
}

/** What is said of the whole above the picture: the one sentence, the news, and what to do where there is trouble. */

import { selectionOf } from '../asked/link';
import type { Graph } from '../known/graph';
import { local, seconds, utc } from '../said/clock';
import { news } from '../said/news';
import { ago, sentence } from '../said/sentence';
import type { Props } from './app';

/** News of longer ago is none. */
const FRESH_MS = 15 * 60 * 1000;

export function Sentence({ store, act, graph }: Props & { graph: Graph }) {
  const { words, asked } = store;
  const said = sentence(graph, words, location.port || '80');
  return (
    <>
      <div id="sentence">
        <h1 id="paths" class={said.alarm ? 'alarm' : ''}>{said.paths}</h1>
        <p id="unknown" hidden={!said.unknown}>{said.unknown}</p>
        <p id="unmeasured" hidden={!said.unmeasured}>{said.unmeasured}</p>
        <p id="differing" hidden={!said.differing}>{said.differing}</p>
        <p id="probes" hidden={!said.probes}>{said.probes}</p>
        <News store={store} act={act} />
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

/** The last thing that happened: a click leads there, or to the list where it was more than one path. */
function News({ store, act }: Props) {
  const { words, asked } = store;
  const story = store.news.latest();
  if (!story || asked.at !== null || store.now() - story.end >= FRESH_MS) return null;
  const text = news(story.changes, words, store.causes(story));
  if (text === '') return null;
  const counted = story.changes.filter((change) => change.counted);
  const open = () => act.choose(counted.length === 1 ? selectionOf(counted[0].key) : { list: true });
  return (
    <p id="news">
      <button type="button" title={words.newsOpen} onClick={open}><span>{text}</span> <time dateTime={new Date(story.end).toISOString()}>{ago(story.end, store.now(), words)}</time></button>
    </p>
  );
}

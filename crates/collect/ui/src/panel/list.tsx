/** The list of what changed: each with its moment, its path, what and why. */

import { selectionOf } from '../asked/link';
import { isTransition } from '../known/change';
import type { Story } from '../known/news';
import { local } from '../said/clock';
import { changeLine, news } from '../said/news';
import type { PanelProps } from '../view/panel';
import { Title } from './parts';

/** So many stories, and so many changes of each, are listed. */
const STORIES = 50;
const EACH = 40;

export function List({ store, act }: PanelProps) {
  const { words } = store;
  const now = store.moment();
  const stories = store.news.all().filter(({ start }) => start <= now).slice(-STORIES).reverse();
  return (
    <>
      <section class="title"><Title words={words} act={act}>{words.changes}</Title></section>
      {stories.length === 0 && <p class="soft">{words.changesNone}</p>}
      {stories.map((story) => <Entry key={story.start} story={story} store={store} act={act} now={now} />)}
    </>
  );
}

function Entry({ story, store, act, now }: Pick<PanelProps, 'store' | 'act'> & { story: Story, now: number }) {
  const { words } = store;
  const text = news(story.changes, words, store.causes(story));
  if (text === '') return null;
  const changes = story.changes.filter((change) => change.counted && isTransition(change));
  return (
    <section class="story">
      <h3><button type="button" class="link" onClick={() => act.travel(story.end)}>{local(story.end, now)}</button> {text}</h3>
      {changes.length > 1 && (
        <ul>
          {changes.slice(0, EACH).map((change) => (
            <li key={change.key}><button type="button" class="link" onClick={() => act.choose(selectionOf(change.key))}>{changeLine(change, words)}</button></li>
          ))}
          {changes.length > EACH && <li class="soft">{words.andMore(changes.length - EACH)}</li>}
        </ul>
      )}
    </section>
  );
}

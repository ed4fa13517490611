/** The whole page. */

import { useLayoutEffect } from 'preact/hooks';
import type { Act } from '../act';
import { isProbe, tally } from '../known/graph';
import { LARGE } from '../store';
import type { Store } from '../store';
import { Header } from './header';
import { Help } from './help';
import { Panel } from './panel';
import { Sentence } from './sentence';
import { Stages } from './stages';
import { Strip } from './strip';

export type Props = { store: Store, act: Act };

export function App({ store, act }: Props) {
  const { words, stream, asked } = store;
  const graph = store.shown();
  const probes = graph ? graph.nodes.filter(isProbe).length : 0;
  const ko = words.live !== 'live';
  useLayoutEffect(() => {
    document.documentElement.lang = ko ? 'ko' : 'en';
  }, [ko]);
  const state = [!stream.live && 'stale', asked.at !== null && 'was', graph && !probes && 'empty', store.presenting && 'presenting'].filter(Boolean).join(' ');
  return (
    <div id="app" class={state}>
      <Header store={store} act={act} />
      <main>
        <div id="content">
          {graph && <Sentence store={store} act={act} graph={graph} />}
          <Stages store={store} act={act} graph={graph} probes={probes} />
        </div>
        {graph && asked.selection ? <Panel store={store} act={act} graph={graph} selection={asked.selection} /> : <aside id="panel" hidden />}
      </main>
      <Strip store={store} act={act} hidden={!store.live?.nodes.length} large={!!store.live && tally(store.live).edges > LARGE} />
      <p id="spoken" class="spoken" role="status" aria-live="polite">{store.spoken || null}</p>
      <Help open={store.help} words={words} close={() => act.help(false)} />
    </div>
  );
}

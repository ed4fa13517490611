/** Puts the page together. */

import { render } from 'preact';
import { createAct, kept } from './act';
import { createFeed } from './feed';
import { Store } from './store';
import { App } from './view/app';
import { listen } from './view/keys';

const store = new Store(location.search, navigator.languages);
const feed = createFeed(store);
const act = createAct(store, feed);
const root = document.getElementById('page') as HTMLElement;
store.subscribe(() => render(<App store={store} act={act} />, root));
// First of all, for its answer takes a while.
feed.begin();
act.setTheme(kept('star:theme'));
listen(document, act);
addEventListener('popstate', () => act.follow());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => act.recolour());

/** What a reader does: each action changes what is asked for, tells the link, and draws. */

import { format, parse } from './asked/link';
import type { Selection, View } from './asked/link';
import { isProbe } from './known/graph';
import type { Feed } from './feed';
import type { Store, Theme } from './store';

/** What an action needs of a view that is drawn by hand. */
export type Surface = { focus(): void, zoom?(factor: number): void, fit?(): void, quiet?(): void, recolour?(): void };

export type Act = ReturnType<typeof createAct>;

const THEMES: Theme[] = ['auto', 'light', 'dark'];

export function createAct(store: Store, feed: Feed) {
  const surfaces = new Map<View, Surface>();

  /** The link changed: a step that the browser's Back undoes, or a detail of where one is. */
  function changed(step: boolean) {
    const url = location.pathname + format(store.asked);
    if (url !== location.pathname + location.search) history[step ? 'pushState' : 'replaceState'](null, '', url);
    store.draw();
  }

  const current = () => {
    const graph = store.shown();
    return graph ? surfaces.get(store.view(graph)) : undefined;
  };

  const act = {
    register: (view: View, surface: Surface) => surfaces.set(view, surface),

    /** Back and forward. */
    follow() {
      const { lang } = store.asked;
      store.asked = { ...parse(location.search), lang };
      store.draw();
    },

    choose(selection: Selection) {
      const opened = store.asked.selection === null && selection !== null;
      const closed = store.asked.selection !== null && selection === null;
      const inside = document.getElementById('panel')?.contains(document.activeElement) ?? false;
      store.asked.selection = selection;
      changed(true);
      if ((opened || inside) && selection) document.querySelector<HTMLElement>('#panel h2')?.focus();
      if (closed && inside) current()?.focus();
    },

    /** @param node the place of a node in the graph that is shown */
    chooseNode(node: number) {
      const graph = store.shown();
      if (graph) act.choose({ node: graph.nodes[node].id });
    },

    chooseEdge(source: number, target: number) {
      const graph = store.shown();
      if (graph) act.choose({ from: graph.nodes[source].id, to: graph.nodes[target].id });
    },

    /** @param held whether the hand is still moving */
    travel(time: number | null, held = false) {
      const start = store.timeline.start();
      store.asked.at = time === null || start === null || time >= store.now() ? null : Math.max(start, time);
      changed(!held);
    },

    step(way: 1 | -1) {
      const to = store.timeline.step(store.asked.at ?? Infinity, way);
      if (to !== null) act.travel(to);
      else if (way > 0) act.travel(null);
    },

    load: () => feed.load(),

    turnTo(view: View) {
      store.asked.view = view;
      for (const surface of surfaces.values()) surface.quiet?.();
      changed(true);
    },

    toggle(what: string) {
      const { asked } = store;
      if (what === 'others') asked.others = !asked.others;
      else asked.hide = asked.hide.includes(what) ? asked.hide.filter((other) => other !== what) : [...asked.hide, what];
      changed(false);
    },

    ask(part: Partial<Pick<Store['asked'], 'q' | 'ns' | 'state' | 'order' | 'sort' | 'lang'>>) {
      Object.assign(store.asked, part);
      changed(false);
    },

    /** The first probe that is searched for is opened. */
    openFirst() {
      const graph = store.shown();
      if (!graph || store.asked.q === '') return;
      const first = store.seen(graph).matched.findIndex((matched, i) => matched && isProbe(graph.nodes[i]));
      if (first >= 0) act.chooseNode(first);
    },

    unfold(group: string, open: boolean) {
      store.folds.set(group, open);
      store.draw();
    },

    /** The graph's stage has another size. */
    resized(room: { width: number, height: number }) {
      if (room.width === store.room.width && room.height === store.room.height) return;
      store.room = room;
      store.soon();
    },

    unfoldAll() {
      for (const { namespace } of store.shown()?.names ?? []) store.folds.set(namespace, true);
      store.draw();
    },

    nextTheme() {
      const theme = THEMES[(THEMES.indexOf(store.theme) + 1) % THEMES.length];
      keep('star:theme', theme);
      act.setTheme(theme);
    },

    setTheme(theme: string | null) {
      store.theme = theme === 'light' || theme === 'dark' ? theme : 'auto';
      if (store.theme === 'auto') delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = store.theme;
      act.recolour();
    },

    recolour() {
      for (const surface of surfaces.values()) surface.recolour?.();
      store.draw();
    },

    help(open = !store.help) {
      store.help = open;
      store.draw();
    },

    filters(open = !store.filters) {
      store.filters = open;
      store.draw();
    },

    /** For a projector, and back. */
    present() {
      store.presenting = !store.presenting;
      store.draw();
    },

    zoom: (factor: number) => current()?.zoom?.(factor),
    fit: () => current()?.fit?.(),

    /** One thing at a time is left: what is pointed at, the search, what is selected. */
    leave() {
      for (const surface of surfaces.values()) surface.quiet?.();
      const search = document.getElementById('search');
      if (search && document.activeElement === search) {
        search.blur();
        act.ask({ q: '' });
      } else if (store.asked.selection) act.choose(null);
      else if (store.presenting) act.present();
    },
  };
  return act;
}

/** Storage may be forbidden, or full: then nothing is remembered. */
export function keep(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As said.
  }
}

export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

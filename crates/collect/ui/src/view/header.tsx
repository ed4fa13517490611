/** The head of the page: whether it is live, the views, what is shown, and the menu. */

import type { TargetedEvent } from 'preact';
import { namespaces } from '../asked/filter';
import type { View } from '../asked/link';
import { isProbe } from '../known/graph';
import { saveCsv, saveJson } from '../save';
import { seconds } from '../said/clock';
import { Icon } from './icon';
import type { Props } from './app';

/** After so long without a word one asks why. */
const PATIENCE_MS = 6000;
const VIEWS: View[] = ['graph', 'matrix', 'table'];
const SAVE = 'M0 -6V2M-3.4 -1L0 2.4L3.4 -1M-6 5.5H6';

export function Header({ store, act }: Props) {
  const { words } = store;
  const graph = store.shown();
  const view = graph && store.view(graph);
  return (
    <header>
      <p id="brand"><svg class="c0" viewBox="0 0 20 20" aria-hidden="true"><path d="M10 0l2.6 7.4L20 10l-7.4 2.6L10 20l-2.6-7.4L0 10l7.4-2.6z" /></svg>Star</p>
      <Connection store={store} act={act} />
      <div id="views" role="group" aria-label={words.viewsLabel}>
        {VIEWS.map((name) => (
          <button key={name} type="button" data-view={name} aria-pressed={view === name} onClick={() => act.turnTo(name)}>{words.views[name]}</button>
        ))}
      </div>
      <Controls store={store} act={act} />
      <div id="menu" role="group" aria-label={words.menu}>
        <Tool id="options" name={words.options} aria-expanded={store.filters} aria-controls="controls" onClick={() => act.filters()}><Icon path="M-6 -4H6M-4 0H4M-2 4H2" /></Tool>
        <Tool id="save-json" name={words.saveJson} onClick={() => saveJson(store)}><Icon path={SAVE} /><span>JSON</span></Tool>
        <Tool id="save-csv" name={words.saveCsv} onClick={() => saveCsv(store)}><Icon path={SAVE} /><span>CSV</span></Tool>
        <Tool id="theme" name={`${words.theme}: ${words.themes[store.theme]}`} onClick={act.nextTheme}>
          <Icon><circle r="5.6" /><path class="half" d="M0 -5.6A5.6 5.6 0 0 1 0 5.6Z" /></Icon>
        </Tool>
        <Tool id="language" name={`${words.language}: ${words.otherLanguage[1]}`} lang={words.otherLanguage[0]} onClick={() => act.ask({ lang: words.otherLanguage[0] })}>{words.otherLanguage[1]}</Tool>
        <Tool id="ask" name={words.help} onClick={() => act.help()}>?</Tool>
      </div>
    </header>
  );
}

function Tool({ name, children, ...rest }: { name: string, children: preact.ComponentChildren } & preact.ButtonHTMLAttributes<HTMLButtonElement>) {
  return <button type="button" aria-label={name} title={name} {...rest}>{children}</button>;
}

function Connection({ store }: Props) {
  const { words, stream, asked } = store;
  const status = stream.live
    ? (asked.at !== null ? words.pastChip : asked.example ? words.example : words.live)
    : stream.heard === null ? words.connecting : words.reconnecting;
  const age = stream.live || stream.heard === null ? '' : words.stale(words.age(seconds(stream.heard, Date.now())));
  const long = !stream.live && Date.now() - (stream.heard ?? store.opened) > PATIENCE_MS;
  const hint = !long ? '' : stream.heard === null ? words.windows : words.cutOff;
  return <p id="connection" title={hint || undefined}><span id="status" role="status">{status}</span> <span id="age">{age || (stream.heard === null ? hint : '')}</span></p>;
}

function Controls({ store, act }: Props) {
  const { words, asked } = store;
  const graph = store.shown();
  const others = graph ? graph.nodes.filter((node) => !isProbe(node)).length : 0;
  return (
    <div id="controls" role="group" aria-label={words.showLabel} class={store.filters ? 'open' : ''}>
      {(['unreachable', 'markers', 'self'] as const).map((what) => (
        <Switch key={what} what={what} on={!asked.hide.includes(what)} text={words.show[what]} title={words.toggle(words.show[what])}
          hidden={what === 'markers' && graph !== null && store.view(graph) !== 'graph'} act={act} />
      ))}
      <Switch what="others" on={asked.others} text={words.others(others)} hidden={others === 0} act={act} />
      <Namespaces store={store} act={act} />
      <label id="find">
        <input id="search" type="search" autocomplete="off" spellcheck={false} aria-label={words.searchLabel} placeholder={words.search} value={asked.q}
          onInput={(event: TargetedEvent<HTMLInputElement>) => act.ask({ q: event.currentTarget.value })}
          onKeyDown={(event) => { if (event.key === 'Enter') act.openFirst(); }} />
        <kbd aria-hidden="true">/</kbd>
      </label>
    </div>
  );
}

function Switch({ what, on, text, title, hidden, act }: { what: string, on: boolean, text: string, title?: string, hidden: boolean, act: Props['act'] }) {
  return <button type="button" role="switch" data-show={what} aria-checked={on} title={title} hidden={hidden} onClick={() => act.toggle(what)}><i /><span>{text}</span></button>;
}

function Namespaces({ store, act }: Props) {
  const { words, asked } = store;
  const graph = store.shown();
  const all = graph ? namespaces(graph) : [];
  if (asked.ns !== null && !all.includes(asked.ns)) all.push(asked.ns);
  return (
    <select id="namespace" aria-label={words.namespaceLabel} title={words.namespaceLabel} hidden={all.length < 2 && asked.ns === null} value={asked.ns === null ? 'all' : `=${asked.ns}`}
      onChange={({ currentTarget: { value } }: TargetedEvent<HTMLSelectElement>) => act.ask({ ns: value === 'all' ? null : value.slice(1) })}>
      <option value="all">{words.allNamespaces}</option>
      {all.map((name) => <option key={name} value={`=${name}`}>{name || words.noNamespace}</option>)}
    </select>
  );
}

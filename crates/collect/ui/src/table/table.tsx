/** The table view: every edge as a row, a page at a time. */

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { differs, known } from '../known/graph';
import type { Graph } from '../known/graph';
import { local, utc } from '../said/clock';
import { explain } from '../said/words';
import type { Store } from '../store';
import type { Props } from '../view/app';
import { COLUMNS, PAGE, lines } from './lines';
import type { Drawing, Line } from './lines';

export const drawing = (store: Store, graph: Graph): Drawing => ({
  graph, seen: store.seen(graph), sort: store.asked.sort, selected: store.selected(graph), now: store.moment(),
  latency: store.asked.at === null ? store.latency.last : () => undefined, words: store.words,
});

export function Table({ store, act, graph, hidden }: Props & { graph: Graph | null, hidden: boolean }) {
  const [page, setPage] = useState(0);
  const sheet = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    act.register('table', { focus: () => sheet.current?.querySelector<HTMLElement>('tbody button, thead button')?.focus() });
  }, []);
  if (hidden || !graph) return <div class="stage" id="table-stage" hidden />;
  const { words } = store;
  const drawn = drawing(store, graph);
  const all = lines(drawn);
  const at = Math.max(0, Math.min(page, Math.ceil(all.length / PAGE) - 1));
  const some = all.slice(at * PAGE, (at + 1) * PAGE);
  const turn = (way: number) => {
    setPage(at + way);
    sheet.current?.scrollTo(0, 0);
  };
  const { sort } = drawn;
  const loops = all.filter(({ source, edge }) => edge.target === source).length;
  return (
    <div class="stage" id="table-stage">
      <div class="sheet" tabIndex={0} role="region" aria-label={words.tableLabel} ref={sheet}>
        <table class={all.some(({ edge }) => edge.expected) ? '' : 'unexpecting'}>
          <caption class="spoken">{words.tableLabel}</caption>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column} scope="col" aria-sort={sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : undefined}>
                  <button type="button" onClick={() => act.ask({ sort: `${sort === column ? '-' : ''}${column}` })}>{words.columns[column]}</button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody onKeyDown={walk}>
            {some.map((line) => <Row key={line.key} line={line} drawn={drawn} open={() => act.chooseEdge(line.source, line.edge.target)} />)}
          </tbody>
        </table>
      </div>
      {loops > 0 && <p class="soft" id="loops">{words.loops(all.length - loops, loops)}</p>}
      <p class="pages" hidden={all.length <= PAGE}>
        <button type="button" disabled={at === 0} onClick={() => turn(-1)}>{words.previous}</button>
        <span class="where">{words.page(at * PAGE + 1, at * PAGE + some.length, all.length)}</span>
        <button type="button" disabled={(at + 1) * PAGE >= all.length} onClick={() => turn(1)}>{words.next}</button>
      </p>
    </div>
  );
}

/** Up and down by the arrow keys. */
function walk(event: KeyboardEvent) {
  const row = (event.target as Element).closest('tr');
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : event.key === 'ArrowUp' ? row?.previousElementSibling : null;
  if (!next) return;
  event.preventDefault();
  next.querySelector('button')?.focus();
}

function Row({ line: { key, source, edge, latency }, drawn: { graph, words, now, selected }, open }: { line: Line, drawn: Drawing, open: () => void }) {
  const state = known(edge);
  return (
    <tr data-key={key} class={key === selected ? 'selected' : ''} aria-current={key === selected ? 'true' : undefined}>
      <th scope="row"><button type="button" onClick={open}>{graph.names[source].name}</button><Namespace of={graph.names[source]} /></th>
      <td>{graph.names[edge.target].name}<Namespace of={graph.names[edge.target]} /></td>
      <td class={`state ${state}`}>{words.states[state]}</td>
      <td title={edge.message}>{state === 'unreachable' ? explain(words, edge.reason)[0] : ''}</td>
      <td class="number">{edge.status_code ?? ''}</td>
      <td class="number">{edge.since ? <time dateTime={edge.since} title={words.utc(utc(edge.since))}>{local(edge.since, now)}</time> : ''}</td>
      <td class="number">{latency === undefined ? '' : words.ms(latency)}</td>
      <td class={differs(edge) ? 'differs' : ''}>{edge.expected ? words.expected[edge.expected as 'allowed'] ?? edge.expected : ''}</td>
    </tr>
  );
}

/** Where a node is, beside its name. */
const Namespace = ({ of: { name, namespace } }: { of: { name: string, namespace: string } }) => (namespace && namespace !== name ? <small data-of={namespace} /> : null);

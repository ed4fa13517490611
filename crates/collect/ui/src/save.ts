/** What is shown, as files. */

import { csv } from './said/csv';
import { cells } from './table/lines';
import { drawing } from './table/table';
import type { Store } from './store';


function save(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** For a file's name. */
const stamp = (store: Store) => new Date(store.moment()).toISOString().slice(0, 19).replaceAll(':', '');

export function saveJson(store: Store) {
  const graph = store.shown();
  if (!graph) return;
  const { seq, at, nodes, rows } = graph;
  const edges = rows.flatMap((row, source) => row.map(({ target, expected, ...seen }) =>
    ({ source: nodes[source].id, target: nodes[target].id, ...seen, expected: expected ?? null })));
  save(`star-graph-${stamp(store)}.json`, 'application/json', `${JSON.stringify({ seq, at, nodes, edges }, null, 2)}\n`);
}

export function saveCsv(store: Store) {
  const graph = store.shown();
  if (graph) save(`star-paths-${stamp(store)}.csv`, 'text/csv', csv(cells(drawing(store, graph))));
}

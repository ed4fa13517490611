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

/** Without it Excel takes UTF-8 for something else. */
const BOM = '\ufeff';

/** For a file's name. */
const stamp = (store: Store) => new Date(store.moment()).toISOString().slice(0, 19).replaceAll(':', '');

export function saveJson(store: Store) {
  const graph = store.shown();
  if (!graph) return;
  const { seq, at, nodes, rows } = graph;
  const visible = store.seen(graph);
  // What is searched for and filtered, as in the table.
  const edges = rows.flatMap((row, source) => row.filter((edge) => !visible.active || visible.edge(source, edge)).map(({ target, expected, ...seen }) =>
    ({ source: nodes[source].id, target: nodes[target].id, ...seen, expected: expected ?? null })));
  save(`star-graph-${stamp(store)}.json`, 'application/json', `${JSON.stringify({ seq, at, nodes, edges }, null, 2)}\n`);
}

export function saveCsv(store: Store) {
  const graph = store.shown();
  if (graph) save(`star-paths-${stamp(store)}.csv`, 'text/csv', `${BOM}${csv(cells(drawing(store, graph)))}`);
}

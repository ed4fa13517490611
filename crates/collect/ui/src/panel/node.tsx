/** All that is known of one node. */

import { isNonsense, isProbe, known, nodeKey } from '../known/graph';
import type { RowEdge } from '../known/wire';
import { nodeWhy } from '../said/sentence';
import { explain } from '../said/words';
import type { Words } from '../said/words';
import { Sign } from '../view/icon';
import type { PanelProps } from '../view/panel';
import { Changes, Facts, MANY, Title, Verdict } from './parts';

type Neighbour = { name: string, edge: RowEdge, open: () => void };

export function NodePanel({ store, act, graph, place }: PanelProps & { place: number }) {
  const { words } = store;
  const { nodes, rows, names, colours } = graph;
  const node = nodes[place];
  const { name, namespace } = names[place];
  const key = nodeKey(node);
  const out = rows[place].filter((edge) => edge.target !== place)
    .map((edge): Neighbour => ({ edge, name: names[edge.target].name, open: () => act.chooseEdge(place, edge.target) }));
  const into = rows.flatMap((row, source) => (source === place ? [] : row.filter((edge) => edge.target === place)
    .map((edge): Neighbour => ({ edge, name: names[source].name, open: () => act.chooseEdge(source, place) }))));
  const open = (all: Neighbour[]) => all.filter(({ edge }) => known(edge) === 'reachable').length;
  return (
    <>
      <section class="title"><Title words={words} act={act}><span class={`dot c${colours[place] < 0 ? '' : colours[place]}`} aria-hidden="true" />{name}</Title></section>
      {isProbe(node) ? <Verdict seen={node} why={nodeWhy(node, words)} plain={isNonsense(node)} now={store.moment()} words={words} />
        : <section class="state"><p class="why">{words.notAResource}</p></section>}
      <Facts rows={[
        name !== node.id && [words.facts.id, node.id],
        namespace !== '' && [words.facts.namespace, namespace],
        [words.facts.url, <span class="url">{node.url}</span>],
        node.status_code !== undefined && [words.facts.status, String(node.status_code)],
      ]} />
      {isProbe(node) && <Neighbours name="out" title={out.length ? words.reachesTitle(open(out), out.length) : words.reachesNone} all={out} words={words} />}
      <Neighbours name="into" title={into.length ? words.reachedTitle(open(into), into.length) : words.reachedNone} all={into} words={words} />
      <Changes store={store} act={act} graph={graph} node={key} mine={(change) => change.key === key || change.key.startsWith(`${key}\n`) || change.key.endsWith(`\n${key}`)} />
    </>
  );
}

function Neighbours({ name, title, all, words }: { name: string, title: string, all: Neighbour[], words: Words }) {
  return (
    <section class={name}>
      <h3>{title}</h3>
      <ul class="neighbours">
        {all.slice(0, MANY).map((one) => {
          const state = known(one.edge);
          return (
            <li key={one.name}>
              <Sign state={state} reason={one.edge.reason} />
              <button type="button" class="link" onClick={one.open}>{one.name}</button>
              <span class={`how ${state}`}>{state === 'unreachable' ? explain(words, one.edge.reason)[0] : words.states[state]}</span>
            </li>
          );
        })}
      </ul>
      {all.length > MANY && <p class="soft">{words.further(all.length - MANY)}</p>}
    </section>
  );
}

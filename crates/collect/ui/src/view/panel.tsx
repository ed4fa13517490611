/** The panel: all that is known of one edge or one node, and why. */

import type { Selection } from '../asked/link';
import type { Graph } from '../known/graph';
import { EdgePanel } from '../panel/edge';
import { List } from '../panel/list';
import { NodePanel } from '../panel/node';
import { Title } from '../panel/parts';
import { find } from '../store';
import type { Props } from './app';

export type PanelProps = Props & { graph: Graph };

export function Panel({ store, act, graph, selection }: PanelProps & { selection: NonNullable<Selection> }) {
  const { words } = store;
  if ('list' in selection) return <aside id="panel"><List store={store} act={act} graph={graph} /></aside>;
  const found = find(graph, selection);
  return (
    <aside id="panel">
      {!found ? (
        <section class="title">
          <Title words={words} act={act}>{'node' in selection ? selection.node : `${selection.from} → ${selection.to}`}</Title>
          <p class="why">{words.gone}</p>
        </section>
      ) : found.place === undefined ? <NodePanel key={`node ${found.node}`} store={store} act={act} graph={graph} place={found.node} />
        : <EdgePanel key={`edge ${found.node} ${found.place}`} store={store} act={act} graph={graph} source={found.node} place={found.place} />}
    </aside>
  );
}

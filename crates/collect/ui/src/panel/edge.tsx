/** All that is known of one edge. */

import { differs, edgeKey, isProbe, known } from '../known/graph';
import type { RowEdge } from '../known/wire';
import { edgeWhy } from '../said/sentence';
import { commands } from '../said/shell';
import type { Words } from '../said/words';
import type { PanelProps } from '../view/panel';
import { Latency } from './latency';
import { Changes, Command, Facts, Title, Verdict } from './parts';

export function EdgePanel({ store, act, graph, source, place }: PanelProps & { source: number, place: number }) {
  const { words, latency } = store;
  const { nodes, rows, names } = graph;
  const edge = rows[source][place];
  const { target } = edge;
  const key = edgeKey(graph, source, place);
  const [a, b] = [names[source].name, names[target].name];
  const back = rows[target].find((other) => other.target === source);
  const ring = latency.of(key).filter(([time]) => time <= store.moment());
  const from = nodes[source].id;
  return (
    <>
      <section class="title"><Title words={words} act={act}>{a}<span class="to"> → </span>{b}</Title></section>
      <Verdict seen={edge} why={edgeWhy(graph, source, edge, words)} plain={known(edge) === 'unknown'} now={store.moment()} words={words} />
      <Facts rows={[
        [words.facts.url, <span class="url">{nodes[target].url}</span>],
        edge.status_code !== undefined && [words.facts.status, String(edge.status_code)],
        ring.length > 0 && [words.facts.latency, words.ms(ring[ring.length - 1][1])],
        source !== target && isProbe(nodes[target]) && [words.facts.reverse(b, a), back
          ? <button type="button" class={`link ${known(back)}`} onClick={() => act.choose({ from: nodes[target].id, to: from })}>{words.states[known(back)]}</button>
          : words.notChecked],
        edge.expected !== undefined && edge.expected !== null && [words.facts.expected, <Expected edge={edge} words={words} />],
      ]} />
      <Latency store={store} act={act} graph={graph} ring={ring} />
      <section class="hand">
        <h3>{words.byHand}</h3>
        {commands(nodes[source].url, nodes[target].url).map((line) => <Command key={line} line={line} words={words} />)}
      </section>
      <Changes store={store} act={act} graph={graph} mine={(change) => change.key === key || change.key === `resource ${from}`} />
    </>
  );
}

function Expected({ edge, words }: { edge: RowEdge, words: Words }) {
  const said = words.expected[edge.expected as 'allowed'] ?? edge.expected;
  const held = edge.expected === 'undecided' || known(edge) === 'unknown' ? '' : ` · ${differs(edge) ? words.notAsExpected : words.asExpected}`;
  return <span class={differs(edge) ? 'differs' : ''}>{said}{held}</span>;
}

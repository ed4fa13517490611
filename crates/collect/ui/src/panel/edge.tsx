/** All that is known of one edge. */

import { differs, edgeKey, isProbe, known } from '../known/graph';
import type { RowEdge } from '../known/wire';
import { local } from '../said/clock';
import { edgeWhy } from '../said/sentence';
import { command } from '../said/shell';
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
        edge.address !== undefined && [words.facts.address, <span class="url">{edge.address}</span>],
        edge.kept !== undefined && [words.facts.kept, <KeptConnection edge={edge} now={store.moment()} words={words} />],
        edge.status_code !== undefined && [words.facts.status, String(edge.status_code)],
        ring.length > 0 && [words.facts.latency, words.ms(ring[ring.length - 1][1])],
        source !== target && isProbe(nodes[target]) && [words.facts.reverse(b, a), back
          ? <button type="button" class={`link ${known(back)}`} onClick={() => act.choose({ from: nodes[target].id, to: from })}>{words.states[known(back)]}</button>
          : words.notChecked],
      ]} />
      <Expectation edge={edge} words={words} />
      <Latency store={store} act={act} graph={graph} ring={ring} />
      <section class="hand">
        <h3>{words.byHand}</h3>
        <Command line={command(nodes[source].url, nodes[target].url)} words={words} />
      </section>
      <Changes store={store} act={act} graph={graph} node={`resource ${from}`} mine={(change) => change.key === key || change.key === `resource ${from}`} />
    </>
  );
}

/** A connection that is kept beside the new ones: it may outlive a policy. */
function KeptConnection({ edge: { kept, state, reason }, now, words }: { edge: RowEdge, now: number, words: Words }) {
  const outlives = kept?.state === 'flowing' && known({ state, reason }) === 'unreachable';
  return <span class={outlives ? 'differs' : ''}>{words.kept[kept?.state as 'flowing'] ?? kept?.state}{kept?.since ? ` ${words.since(local(kept.since, now))}` : ''}</span>;
}

/** What the policies say, whether it is so, and why: each reason with the policy that it speaks of. */
function Expectation({ edge, words }: { edge: RowEdge, words: Words }) {
  const { expected, agreement, because } = edge;
  if (expected === undefined || expected === null) return null;
  const said = words.agreements[agreement as 'agrees'];
  return (
    <section class="expectation">
      <h3>{words.facts.expected}: <span class={differs(edge) ? 'differs' : ''}>{words.expected[expected as 'allowed'] ?? expected}</span></h3>
      <p class={differs(edge) ? 'differs' : 'soft'}>{said ?? (expected === 'undecided' || known(edge) === 'unknown' ? '' : differs(edge) ? words.notAsExpected : words.asExpected)}</p>
      {because && because.length > 0 && (
        <ul>
          {because.map(({ sentence, policy, rule, place }) => (
            <li><p>{sentence}{policy && <small>{[policy, rule !== undefined && words.rule(rule), place].filter(Boolean).join(' · ')}</small>}</p></li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** The three views of the graph, one of which is seen. */

import type { TargetedEvent } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { keep, kept } from '../act';
import { createGraph } from '../graph/surface';
import type { Graph } from '../known/graph';
import type { SceneNode } from '../graph/scene';
import { nodeOf } from '../store';
import { createMatrix } from '../matrix/surface';
import { edgeLine, nodeLine } from '../said/sentence';
import { Table } from '../table/table';
import { Legend } from './legend';
import type { Props } from './app';

export function Stages({ store, act, graph, probes }: Props & { graph: Graph | null, probes: number }) {
  const kind = graph && probes ? store.view(graph) : null;
  return (
    <>
      {graph && probes > 0 && <Note store={store} act={act} graph={graph} />}
      {graph && probes > 0 && <Refine store={store} act={act} graph={graph} />}
      <div id="stages">
        <GraphStage store={store} act={act} graph={graph} hidden={kind !== 'graph'} />
        <MatrixStage store={store} act={act} graph={graph} hidden={kind !== 'matrix'} />
        <Table store={store} act={act} graph={graph} hidden={kind !== 'table'} />
      </div>
      {(kind === 'graph' || kind === 'matrix') && !store.presenting && <Legend kind={kind} bundled={kind === 'graph' && graph !== null && store.scene(graph).bundles.length > 0} words={store.words} />}
    </>
  );
}

/** Why nothing is seen, or less than there is. */
function Note({ store, act, graph }: Props & { graph: Graph }) {
  const { words } = store;
  const seen = store.seen(graph);
  let text = '';
  let [does, what] = ['', () => {}];
  if (seen.active && (!seen.nodes.some(Boolean) || !graph.rows.some((row, source) => row.some((edge) => seen.edge(source, edge))))) {
    text = words.nothingMatches;
    [does, what] = [words.clearFilters, () => act.ask({ q: '', ns: null, state: null })];
  } else if (store.view(graph) === 'graph') {
    const { nodes, folded } = store.scene(graph);
    if (folded) {
      text = words.folded(nodes.filter((node) => node.state === 'folded').reduce((sum, node) => sum + node.count, 0), folded);
      [does, what] = [words.unfoldAll, act.unfoldAll];
    }
  }
  return <p id="note" hidden={text === ''}><span>{text}</span> <button type="button" onClick={what}>{does}</button></p>;
}

function Refine({ store, act, graph }: Props & { graph: Graph }) {
  const { words, asked } = store;
  const kind = store.view(graph);
  return (
    <div id="refine" role="group" aria-label={words.options} hidden={kind === 'graph' && asked.state === null}>
      <select id="state" aria-label={words.stateLabel} title={words.stateLabel} value={asked.state ?? ''}
        onChange={({ currentTarget: { value } }: TargetedEvent<HTMLSelectElement>) => act.ask({ state: value || null })}>
        <option value="">{words.allStates}</option>
        {(['reachable', 'unreachable', 'unknown'] as const).map((state) => <option key={state} value={state}>{words.states[state]}</option>)}
      </select>
      <select id="order" aria-label={words.sortBy} title={words.sortBy} hidden={kind !== 'matrix'} value={asked.order}
        onChange={({ currentTarget: { value } }: TargetedEvent<HTMLSelectElement>) => act.ask({ order: value })}>
        {(['name', 'trouble'] as const).map((order) => <option key={order} value={order}>{words.sorts[order]}</option>)}
      </select>
    </div>
  );
}

type Stage = Props & { graph: Graph | null, hidden: boolean };

function GraphStage({ store, act, graph, hidden }: Stage) {
  const stage = useRef<HTMLDivElement>(null);
  const surface = useRef<ReturnType<typeof createGraph>>(null!);
  useLayoutEffect(() => {
    surface.current = createGraph(stage.current as HTMLDivElement, {
      select(key) {
        const shown = store.shown();
        const drawn = shown && key !== null ? store.scene(shown) : null;
        const node = drawn?.nodes.find((one) => one.key === key);
        const edge = drawn?.links.find((one) => one.key === key);
        if (node) act.chooseNode(node.node);
        else if (edge?.edge) act.chooseEdge(edge.from, edge.edge.target);
        else act.choose(null);
      },
      unfold: act.unfold,
      resized: act.resized,
      keep: (name, places) => keep(`star:places:${name}`, JSON.stringify([...places].slice(0, 500).map(([key, { x, y }]) => [key, Math.round(x), Math.round(y)]))),
      kept(name) {
        try {
          const places: [string, number, number][] = JSON.parse(kept(`star:places:${name}`) ?? '[]');
          return new Map(places.filter(([, x, y]) => Number.isFinite(x) && Number.isFinite(y)).map(([key, x, y]) => [key, { x, y }]));
        } catch {
          return new Map();
        }
      },
    });
    act.register('graph', surface.current);
  }, []);
  useLayoutEffect(() => {
    if (hidden || !graph) return;
    const { words, asked } = store;
    const moment = store.moment();
    const scene = store.scene(graph);
    const title = (node: SceneNode) => (node.node >= 0 ? graph.names[node.node].name : node.name || words.noNamespace);
    surface.current.draw({
      scene, markers: !asked.hide.includes('markers'), still: asked.at !== null || !store.stream.live, selected: store.selected(graph), words,
      ...store.recent(),
      line: (item) => ('node' in item ? nodeLine(graph, item.node, words, moment)
        : 'bundle' in item ? words.bundle(item.bundle.source || words.noNamespace, item.bundle.target || words.noNamespace, item.bundle.open, item.bundle.closed, item.bundle.unknown)
        : 'group' in item ? words.unfold(item.group || words.noNamespace, item.count)
          : item.link.edge ? edgeLine(graph, item.link.from, item.link.edge, words, moment)
            : `${title(scene.nodes[item.link.source])} → ${title(scene.nodes[item.link.target])} · ${words.mixed(item.link.open, item.link.all)}`),
    });
  });
  return <div class="stage" id="graph-stage" hidden={hidden} ref={stage} />;
}

function MatrixStage({ store, act, graph, hidden }: Stage) {
  const stage = useRef<HTMLDivElement>(null);
  const surface = useRef<ReturnType<typeof createMatrix>>(null!);
  useLayoutEffect(() => {
    surface.current = createMatrix(stage.current as HTMLDivElement, { select: act.chooseEdge, node: act.chooseNode });
    act.register('matrix', surface.current);
  }, []);
  useLayoutEffect(() => {
    if (hidden || !graph) return;
    const { words, asked } = store;
    const { selection } = asked;
    const ends = selection && 'from' in selection ? [nodeOf(graph, selection.from), nodeOf(graph, selection.to)] : null;
    const moment = store.moment();
    surface.current.draw({
      graph, seen: store.seen(graph), order: asked.order, selected: ends && ends.every((end) => end >= 0) ? { source: ends[0], target: ends[1] } : null,
      line: (from, edge) => edgeLine(graph, from, edge, words, moment), words,
    });
  });
  return <div class="stage" id="matrix-stage" hidden={hidden} ref={stage} />;
}

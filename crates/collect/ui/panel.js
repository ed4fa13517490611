/** The panel: all that is known of one edge or one node, and why. */

import { local, utc } from './clock.js';
import { html, set, svg } from './element.js';
import { MOST, SPAN_MS } from './latency.js';
import { GLYPHS, mark } from './mark.js';
import { differs, edgeKeys, isNonsense, isProbe, known, nodeKey } from './model.js';
import { ago, edgeWhy, nodeWhy } from './sentence.js';
import { commands } from './shell.js';
import { explain } from './words.js';

/**
 * @typedef {import('./model.js').Graph} Graph
 * @typedef {{ graph: Graph, selection: NonNullable<import('./link.js').Selection>, now: number, edges: number,
 *   changes: { time: number, changes: import('./model.js').Change[] }[], samples: (key: string) => import('./latency.js').Sample[],
 *   sampled: number | null, words: import('./words.js').Words }} Drawing
 * @typedef {{ name: string, of: unknown, build: () => (Element | false)[] }} Section
 */

/** More neighbours or changes than this are counted. */
const MANY = 60;

/**
 * @param {HTMLElement} panel
 * @param {object} on
 * @param {(selection: import('./link.js').Selection) => void} on.select
 * @param {(time: number) => void} on.travel
 */
export function createPanel(panel, { select, travel }) {
  /** @type {Map<string, { element: HTMLElement, of: string }>} */
  let sections = new Map();
  /** @type {import('./words.js').Words | null} */
  let language = null;

  return {
    /** @param {Drawing | null} drawing */
    draw(drawing) {
      panel.hidden = drawing === null;
      if (!drawing) {
        panel.replaceChildren();
        sections = new Map();
        return;
      }
      if (language !== drawing.words) sections = new Map();
      language = drawing.words;
      const wanted = 'from' in drawing.selection ? edgeSections(drawing, drawing.selection) : nodeSections(drawing, drawing.selection.node);
      /** @type {typeof sections} */
      const next = new Map();
      // What is as before stays, with its focus and what is marked in it.
      const elements = wanted.map(({ name, of, build }) => {
        const text = JSON.stringify(of);
        const old = sections.get(name);
        const same = old?.of === text ? old : { of: text, element: html('section', { class: name }, ...build()) };
        next.set(name, same);
        return same.element;
      });
      sections = next;
      elements.forEach((element, i) => {
        if (panel.children[i] !== element) panel.insertBefore(element, panel.children[i] ?? null);
      });
      while (panel.children.length > elements.length) panel.lastElementChild?.remove();
    },
    focus: () => /** @type {HTMLElement | null} */ (panel.querySelector('h2'))?.focus(),
  };

  /** @param {import('./words.js').Words} words @param {...(string | Element)} title @returns {Element[]} */
  function heading(words, ...title) {
    return [html('h2', { tabindex: -1 }, ...title), html('button', { type: 'button', class: 'close', 'aria-label': words.close, title: words.close, click: () => select(null) },
      svg('svg', { viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, svg('path', { d: 'M-4 -4L4 4M-4 4L4 -4' })))];
  }

  /**
   * @param {Drawing} drawing
   * @param {{ from: string, to: string }} selection
   * @returns {Section[]}
   */
  function edgeSections(drawing, { from, to }) {
    const { graph, now, words, samples } = drawing;
    const { nodes, rows, names } = graph;
    const source = nodes.findIndex((node) => isProbe(node) && node.id === from);
    const target = find(nodes, to);
    const place = rows[source]?.findIndex((edge) => edge.target === target) ?? -1;
    const edge = rows[source]?.[place];
    if (!edge) return [gone(drawing, `${from} → ${to}`)];
    const key = edgeKeys(graph, source)[place];
    const [a, b] = [names[source].name, names[target].name];
    const back = rows[target].find((other) => other.target === source);
    const ring = samples(key);
    return [
      { name: 'title', of: [a, b], build: () => heading(words, a, html('span', { class: 'to' }, ' → '), b) },
      state(drawing, edge, edgeWhy(graph, source, edge, words), known(edge) === 'unknown'),
      {
        name: 'facts',
        of: [nodes[target].url, edge.status_code, back && known(back), edge.expected, ring.slice(-1)[0]?.[1]],
        build: () => [facts([
          [words.facts.url, html('span', { class: 'url' }, nodes[target].url)],
          edge.status_code !== undefined && [words.facts.status, String(edge.status_code)],
          ring.length > 0 && [words.facts.latency, words.ms(ring[ring.length - 1][1])],
          source !== target && isProbe(nodes[target]) && [words.facts.reverse(b, a), back
            ? html('button', { type: 'button', class: `link ${known(back)}`, click: () => select({ from: to, to: from }) }, words.states[known(back)])
            : words.notChecked],
          edge.expected !== undefined && [words.facts.expected, html('span', { class: differs(edge) ? 'differs' : '' },
            `${words.expected[/** @type {'allowed'} */ (edge.expected)] ?? edge.expected}${edge.expected === 'undecided' || known(edge) === 'unknown' ? '' : ` · ${differs(edge) ? words.notAsExpected : words.asExpected}`}`)],
        ])],
      },
      { name: 'latency', of: [ring.length, ring.slice(-1), drawing.edges > MOST], build: () => latency(drawing, ring) },
      {
        name: 'hand',
        of: [nodes[source].url, nodes[target].url],
        build: () => [html('h3', {}, words.byHand), ...commands(nodes[source].url, nodes[target].url).map((line) => command(line, words))],
      },
      changesSection(drawing, (change) => change.key === key || change.key === `resource ${from}`),
    ];
  }

  /**
   * @param {Drawing} drawing
   * @param {string} id
   * @returns {Section[]}
   */
  function nodeSections(drawing, id) {
    const { graph, words } = drawing;
    const { nodes, rows, names, colours } = graph;
    const place = find(nodes, id);
    const node = nodes[place];
    if (!node) return [gone(drawing, id)];
    const { name, namespace } = names[place];
    const out = rows[place].filter((edge) => edge.target !== place);
    const into = rows.flatMap((row, source) => (source === place ? [] : row.filter((edge) => edge.target === place).map((edge) => ({ ...edge, source }))));
    const open = (/** @type {{ state: string }[]} */ edges) => edges.filter((edge) => known(edge) === 'reachable').length;
    const neighbour = (/** @type {import('./model.js').RowEdge} */ edge, /** @type {number} */ other, /** @type {import('./link.js').Selection} */ selection) => {
      const state = known(edge);
      return html('li', {}, sign(state, edge.reason), html('button', { type: 'button', class: 'link', click: () => select(selection) }, names[other].name),
        html('span', { class: `how ${state}` }, state === 'unreachable' ? explain(words, edge.reason)[0] : words.states[state]));
    };
    const more = (/** @type {number} */ n) => n > MANY && html('p', { class: 'soft' }, words.further(n - MANY));
    const verdicts = (/** @type {import('./model.js').RowEdge[]} */ edges) => edges.map((edge) => [edge.target, edge.state, edge.reason]);
    return [
      { name: 'title', of: [name, colours[place]], build: () => heading(words, html('span', { class: `dot c${colours[place] < 0 ? '' : colours[place]}`, 'aria-hidden': 'true' }), name) },
      isProbe(node)
        ? state(drawing, node, nodeWhy(node, words), isNonsense(node))
        : { name: 'state', of: [], build: () => [html('p', { class: 'why' }, words.notAResource)] },
      {
        name: 'facts',
        of: [node.id, node.url, namespace, node.status_code],
        build: () => [facts([
          name !== node.id && [words.facts.id, node.id],
          namespace !== '' && [words.facts.namespace, namespace],
          [words.facts.url, html('span', { class: 'url' }, node.url)],
          node.status_code !== undefined && [words.facts.status, String(node.status_code)],
        ])],
      },
      {
        name: 'out',
        of: [verdicts(out), names[place]],
        build: () => (isProbe(node) ? [
          html('h3', {}, out.length ? words.reachesTitle(open(out), out.length) : words.reachesNone),
          html('ul', { class: 'neighbours' }, ...out.slice(0, MANY).map((edge) => neighbour(edge, edge.target, { from: node.id, to: nodes[edge.target].id }))), more(out.length),
        ].filter((part) => part !== false) : []),
      },
      {
        name: 'into',
        of: into.map((edge) => [edge.source, edge.state, edge.reason]),
        build: () => [
          html('h3', {}, into.length ? words.reachedTitle(open(into), into.length) : words.reachedNone),
          html('ul', { class: 'neighbours' }, ...into.slice(0, MANY).map((edge) => neighbour(edge, edge.source, { from: nodes[edge.source].id, to: node.id }))), more(into.length),
        ],
      },
      changesSection(drawing, (change) => change.key === nodeKey(node) || change.key.startsWith(`${nodeKey(node)}\n`) || change.key.endsWith(`\n${nodeKey(node)}`)),
    ];
  }

  /**
   * A resource before a target, where both have the id.
   * @param {import('./model.js').Node[]} nodes
   * @param {string} id
   */
  function find(nodes, id) {
    const probe = nodes.findIndex((node) => isProbe(node) && node.id === id);
    return probe >= 0 ? probe : nodes.findIndex((node) => node.id === id);
  }

  /** @param {Drawing} drawing @param {string} title @returns {Section} */
  function gone({ words }, title) {
    return { name: 'title', of: ['gone', title], build: () => [...heading(words, title), html('p', { class: 'why' }, words.gone)] };
  }

  /**
   * @param {Drawing} drawing
   * @param {import('./model.js').Observation} seen
   * @param {string} why
   * @param {boolean} plain whether the message only repeats the reason
   * @returns {Section}
   */
  function state({ now, words }, seen, why, plain) {
    const verdict = known(seen);
    const old = seen.since ? ago(seen.since, now, words) : '';
    return {
      name: 'state',
      of: [verdict, seen.reason, seen.since, seen.message, old],
      build: () => [
        html('p', { class: `verdict ${verdict}` }, sign(verdict, seen.reason), html('strong', {}, words.states[verdict]),
          seen.since ? html('time', { datetime: seen.since, title: words.utc(utc(seen.since)) }, `${words.since(local(seen.since, now))} · ${old}`) : ''),
        why !== '' && verdict !== 'reachable' || plain ? html('p', { class: 'why' }, why) : false,
        seen.message && !plain ? html('p', { class: 'message' }, `“${seen.message}”`) : false,
      ],
    };
  }

  /** @param {([string, string | Element] | false)[]} rows */
  function facts(rows) {
    return html('dl', {}, ...rows.filter((row) => row !== false).flatMap(([name, value]) => [html('dt', {}, name), html('dd', {}, value)]));
  }

  /**
   * @param {string} line
   * @param {import('./words.js').Words} words
   */
  function command(line, words) {
    const copy = html('button', {
      type: 'button',
      click: async () => {
        // Without https there is no clipboard: what is marked can be copied by hand.
        await navigator.clipboard?.writeText(line).then(() => { copy.textContent = words.copied; }, () => mark_());
        if (!navigator.clipboard) mark_();
      },
    }, words.copy);
    const code = html('code', {}, line);
    const mark_ = () => getSelection()?.selectAllChildren(code);
    return html('pre', { tabindex: 0 }, code, copy);
  }

  /**
   * @param {Drawing} drawing
   * @param {import('./latency.js').Sample[]} ring
   */
  function latency({ words, now, edges, sampled }, ring) {
    const title = html('h3', {}, words.latencyTitle);
    if (edges > MOST) return [title, html('p', { class: 'soft' }, words.latencyTooMany(edges))];
    if (!ring.length) return [title, html('p', { class: 'soft' }, words.latencyNone)];
    const [wide, high] = [280, 48];
    const most = Math.max(1, ...ring.map(([, ms]) => ms));
    const [from, to] = [Math.max(now - SPAN_MS, Math.min(sampled ?? now, now - 60_000)), now];
    const at = (/** @type {import('./latency.js').Sample} */ [time, ms]) => `${(wide * (time - from) / (to - from)).toFixed(1)} ${(high - 3 - (high - 8) * ms / most).toFixed(1)}`;
    const [low, top] = [Math.min(...ring.map(([, ms]) => ms)), Math.max(...ring.map(([, ms]) => ms))];
    const text = `${words.ms(low)} – ${words.ms(top)}`;
    return [title, svg('svg', { class: 'spark', viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': text },
      svg('path', { class: 'base', d: `M0 ${high - 3}H${wide}` }),
      // A path that was closed in between is a gap, not a line.
      svg('path', { d: ring.map((sample, i) => `${i && sample[0] - ring[i - 1][0] < 25_000 ? 'L' : 'M'}${at(sample)}`).join('') }),
      ...ring.slice(-1).map((sample) => svg('circle', { r: 3, cx: at(sample).split(' ')[0], cy: at(sample).split(' ')[1] }))),
    html('p', { class: 'soft' }, `${text}${sampled !== null && now - sampled < SPAN_MS - 15_000 ? ` · ${words.latencyFrom(local(sampled, now))}` : ''}`)];
  }

  /**
   * @param {Drawing} drawing
   * @param {(change: import('./model.js').Change) => boolean} mine
   * @returns {Section}
   */
  function changesSection({ changes, words, now }, mine) {
    const all = changes.flatMap((moment) => moment.changes.filter(mine).map((change) => ({ ...change, time: moment.time })));
    const last = all.slice(-MANY).reverse();
    return {
      name: 'changes',
      of: [all.length, last[0]?.time, last[0]?.to],
      build: () => [
        html('h3', {}, words.changes),
        last.length === 0 ? html('p', { class: 'soft' }, words.changesNone) : html('ol', {}, ...last.map((change) => html('li', {},
          html('button', { type: 'button', class: 'link', title: words.utc(utc(change.time)), click: () => travel(change.time) }, local(change.time, now)),
          html('span', {}, change.target === null ? `${words.collector} → ${change.source}` : `${change.source} → ${change.target}`),
          html('span', { class: `how ${change.to ?? 'unknown'}` }, change.to === 'unreachable' ? explain(words, change.reason)[0] : change.to === null ? '–' : words.states[change.to])))),
        all.length > MANY && html('p', { class: 'soft' }, words.further(all.length - MANY)),
      ],
    };
  }
}

/**
 * The sign of a state, as in the graph.
 * @param {import('./model.js').State} state
 * @param {string} [reason]
 */
export function sign(state, reason) {
  const path = { reachable: 'M-4.5 0.3L-1.5 3.3L4.5 -3', unreachable: GLYPHS[mark(reason)], unknown: 'M-4.5 0H-4.4M0 0H0.1M4.5 0H4.6', pending: 'M0 0H0.1' }[state];
  const element = svg('svg', { class: `sign ${state}`, viewBox: '-11 -11 22 22', 'aria-hidden': 'true' }, svg('circle', { r: 9 }), svg('path', { d: path }));
  set(element, { 'data-state': state });
  return element;
}


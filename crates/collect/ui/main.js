import { follow } from './api.js';
import { local, seconds, utc } from './clock.js';
import { get, html, say, set } from './element.js';
import { namespaces, visible } from './filter.js';
import { createGraph } from './graph.js';
import { createKeys } from './keys.js';
import { MOST, createLatency } from './latency.js';
import { format, parse } from './link.js';
import { apply, changes, edgeKeys, isProbe, nodeKey, tally } from './model.js';
import { MANY, scene } from './scene.js';
import { ago, edgeLine, news, nodeLine, sentence } from './sentence.js';
import { createTimeline } from './timeline.js';
import { WORDS, language } from './words.js';

/** @typedef {import('./model.js').Graph} Graph */

/** The past of more edges is fetched only when it is asked for, and other views than the matrix are drawn once a second. */
const LARGE = 20_000;
const SAMPLE_MS = 10_000;

const link = parse(location.search);
const timeline = createTimeline();
const latency = createLatency();
const stream = { live: false, heard: /** @type {number | null} */ (null) };
let words = WORDS[language(link.lang, navigator.languages)];
/** @type {Graph | null} */
let live = null;
/** The collector's clock less ours. */
let skew = 0;
/** @type {{ time: number, text: import('./model.js').Change[] } | null} */
let latest = null;
/** @type {Set<string> | null} */
let unfolded = null;
/** @type {{ state: 'none' | 'loading' | 'loaded' | 'failed', trouble: string, waiting: Graph[] }} */
const past = { state: 'none', trouble: '', waiting: [] };
let version = 0;
/** @type {{ names: Graph['names'], key: string, seen: import('./filter.js').Visible } | null} */
let memo = null;

const stages = { graph: get('graph-stage'), matrix: get('matrix-stage'), table: get('table-stage') };
const graphView = createGraph(stages.graph, {
  select(key) {
    const graph = shown();
    const drawn = graph && key !== null ? plan(graph) : null;
    const node = drawn?.nodes.find((one) => one.key === key);
    const edge = drawn?.links.find((one) => one.key === key);
    if (graph && node) choose({ node: graph.nodes[node.node].id });
    else if (graph && edge?.edge) choose({ from: graph.nodes[edge.from].id, to: graph.nodes[edge.edge.target].id });
    else choose(null);
  },
  unfold(group, open) {
    unfolded ??= new Set();
    if (open) unfolded.add(group);
    else unfolded.delete(group);
    draw();
  },
  keep: (name, places) => store(`star:places:${name}`, JSON.stringify([...places].slice(0, 500).map(([key, { x, y }]) => [key, Math.round(x), Math.round(y)]))),
  kept(name) {
    try {
      /** @type {[string, number, number][]} */
      const places = JSON.parse(recall(`star:places:${name}`) ?? '[]');
      return new Map(places.filter(([, x, y]) => Number.isFinite(x) && Number.isFinite(y)).map(([key, x, y]) => [key, { x, y }]));
    } catch {
      return new Map();
    }
  },
});
const between = (/** @type {number} */ source, /** @type {number} */ target) => {
  const graph = shown();
  if (graph) choose({ from: graph.nodes[source].id, to: graph.nodes[target].id });
};
/** @type {Awaited<ReturnType<typeof load>> | null} */
let later = null;
let loading = false;
/** Whether the panel gets the focus when it is there. */
let awaited = false;

/** Loads what the first picture does not need. */
async function load() {
  const { cells, createMatrix, createPanel, createStrip, createTable, csv, fillHelp } = await import('./later.js');
  return {
    matrix: createMatrix(stages.matrix, {
      select: between,
      node(place) {
        const graph = shown();
        if (graph) choose({ node: graph.nodes[place].id });
      },
    }),
    table: createTable(stages.table, {
      select: between,
      sort(sort) {
        link.sort = sort;
        changed();
      },
    }),
    panel: createPanel(get('panel'), { select: choose, travel }),
    strip: createStrip(get('strip'), { travel, step, load: loadPast }),
    csv: (/** @type {Parameters<typeof cells>[0]} */ drawing) => csv(cells(drawing)),
    fillHelp,
  };
}

function loadLater() {
  if (loading) return;
  loading = true;
  load().then((loaded) => {
    later = loaded;
    labelled = '';
    draw();
    if (awaited) later.panel.focus();
  }, () => {
    // The collector went away meanwhile.
    loading = false;
    setTimeout(loadLater, 1000);
  });
}

// ---- the present ----

function begin() {
  follow(
    `api/v1/graph/events${link.example ? '?example=true' : ''}`,
    (event) => {
      const next = apply(live, event);
      if (!next) return false;
      const before = live;
      live = next;
      stream.live = true;
      stream.heard = Date.now();
      if (event.event === 'heartbeat') {
        // Less than that is how long it was under way.
        const ahead = Date.parse(event.at) - Date.now();
        skew = Math.abs(ahead) > 2000 ? ahead : 0;
        tick();
        return true;
      }
      // Who was away is told what is now, not each thing that changed meanwhile.
      const found = before ? changes(before, next) : [];
      if (found.length) {
        latest = { time: Math.max(...found.map((change) => Date.parse(change.at))), text: found };
        announce(news(found, words));
      }
      // The first picture waits for nothing.
      if (!before) draw();
      record(next, event.event === 'snapshot');
      tick();
      soon();
      return true;
    },
    () => {
      stream.live = false;
      tick();
      soon();
    },
  );
  setInterval(tick, 1000);
  setInterval(sample, SAMPLE_MS);
  // Also where no picture comes.
  setTimeout(loadLater, 1000);
}

/** @param {string} text */
function announce(text) {
  const spoken = get('spoken');
  // The same words twice would be silent the second time.
  spoken.textContent = spoken.textContent === text ? `${text}\u00a0` : text;
}

async function sample() {
  if (!live || !stream.live || document.hidden || link.example || tally(live).edges > MOST) return;
  try {
    const answer = await fetch('api/v1/graph');
    if (answer.ok) latency.take(await answer.json(), now());
    soon();
  } catch {
    // The stream says so, if the collector is gone.
  }
}

// ---- the past ----

/**
 * @param {Graph} graph
 * @param {boolean} anew whether a stream begins, and something may have been missed
 */
function record(graph, anew) {
  if (past.state === 'loading') past.waiting.push(graph);
  else if (anew && !link.example && (tally(graph).edges <= LARGE || link.at !== null)) loadPast();
  else if (past.state === 'loaded' || link.example) timeline.add(graph);
  version += 1;
}

/** Asks for the last hour, of which the stream tells nothing. */
async function loadPast() {
  if (!live || past.state === 'loading') return;
  Object.assign(past, { state: 'loading', trouble: '', waiting: [live] });
  try {
    const answer = await fetch('api/v1/history');
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const { events } = await answer.json();
    /** @type {Graph[]} */
    const graphs = [];
    for (const event of events) {
      const graph = apply(graphs[graphs.length - 1] ?? null, event);
      if (graph) graphs.push(graph);
    }
    const newest = graphs[graphs.length - 1];
    const state = newest && Date.parse(newest.at);
    timeline.load([...graphs, ...past.waiting.filter((graph) => !newest || Date.parse(graph.at) > /** @type {number} */ (state))]);
    past.state = 'loaded';
    // A link may be older than what is known.
    if (link.at !== null) travel(link.at);
    const moments = timeline.changes();
    const moment = moments[moments.length - 1];
    if (moment && !(latest && latest.time > moment.time)) latest = { time: moment.time, text: moment.changes };
  } catch (error) {
    past.state = 'failed';
    past.trouble = words.timelineFailed(error instanceof Error ? error.message : String(error));
    // Nothing of the past can be shown then.
    if (timeline.start() === null) link.at = null;
  }
  past.waiting = [];
  version += 1;
  soon();
}

/** @param {number | null} time */
function travel(time) {
  const start = timeline.start();
  link.at = time === null || start === null || time >= now() ? null : Math.max(start, time);
  changed();
}

/** @param {1 | -1} way */
function step(way) {
  const to = timeline.step(link.at ?? Infinity, way);
  if (to !== null) travel(to);
  else if (way > 0) travel(null);
}

/** What is to be seen: the present, or the moment that is asked for; null while that is not known. */
function shown() {
  if (link.at === null) return live;
  return timeline.at(link.at);
}

function now() {
  return Date.now() + skew;
}

// ---- drawing ----

let frame = 0;
let drawn = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let pause;

/** Draws with the next frame; what is large and slow to draw, once a second. */
function soon() {
  const slow = live && tally(live).edges > LARGE && view(live) !== 'matrix';
  const wait = slow ? drawn + 1000 - Date.now() : 0;
  if (wait > 0) {
    pause ??= setTimeout(() => {
      pause = undefined;
      soon();
    }, wait);
    return;
  }
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    draw();
  });
}

/** The state changed that the link tells. */
function changed() {
  history.replaceState(null, '', location.pathname + format(link));
  draw();
}

/** @param {import('./link.js').Selection} selection */
function choose(selection) {
  const opened = link.selection === null && selection !== null;
  const closed = link.selection !== null && selection === null;
  const inside = get('panel').contains(document.activeElement);
  link.selection = selection;
  changed();
  awaited = (opened || inside) && selection !== null && !later;
  if ((opened || inside) && selection) later?.panel.focus();
  if (closed && inside) focusView();
}

function focusView() {
  const graph = shown();
  if (!graph) return;
  const now = view(graph);
  if (now === 'matrix') later?.matrix.focus();
  else if (now === 'table') later?.table.focus();
  else graphView.focus();
}

/** @param {Graph} graph */
function view(graph) {
  return link.view ?? (graph.nodes.filter(isProbe).length > MANY ? 'matrix' : 'graph');
}

/** @param {Graph} graph */
function seenOf(graph) {
  const show = (/** @type {string} */ what) => !link.hide.includes(what);
  const filter = { q: link.q, ns: link.ns, state: link.state, unreachable: show('unreachable'), self: show('self'), others: link.others };
  const key = JSON.stringify(filter);
  const narrow = link.q !== '' || link.ns !== null;
  // As long as nothing is searched for, only another set of nodes changes what is seen.
  if (memo && !narrow && memo.names === graph.names && memo.key === key) return memo.seen;
  memo = { names: graph.names, key, seen: visible(graph, filter) };
  return memo.seen;
}

/** @param {Graph} graph */
function plan(graph) {
  const many = graph.nodes.filter((node) => isProbe(node) || link.others).length > MANY;
  return scene(graph, seenOf(graph), link.others, many ? (unfolded ??= new Set()) : null);
}

/** @param {Graph} graph */
function selectedKey(graph) {
  if (!link.selection) return null;
  const { nodes, rows } = graph;
  const find = (/** @type {string} */ id) => {
    const probe = nodes.findIndex((node) => isProbe(node) && node.id === id);
    return probe >= 0 ? probe : nodes.findIndex((node) => node.id === id);
  };
  if ('node' in link.selection) {
    const place = find(link.selection.node);
    return place < 0 ? null : nodeKey(nodes[place]);
  }
  const [source, target] = [find(link.selection.from), find(link.selection.to)];
  const at = rows[source]?.findIndex((edge) => edge.target === target) ?? -1;
  return at < 0 ? null : edgeKeys(graph, source)[at];
}

function draw() {
  drawn = Date.now();
  labels();
  tick();
  const graph = shown();
  if (!graph) return;
  if (!later) requestAnimationFrame(() => setTimeout(loadLater));
  const was = link.at !== null;
  const [moment, seen, kind] = [was ? Number(link.at) : now(), seenOf(graph), view(graph)];
  const probes = graph.nodes.filter(isProbe).length;
  document.body.classList.toggle('was', was);

  const said = sentence(graph, words, location.port || '80');
  for (const part of /** @type {const} */ (['paths', 'unknown', 'differing', 'probes'])) {
    say(get(part), said[part]);
    get(part).hidden = said[part] === '';
  }
  const hint = get('hint');
  hint.hidden = said.hint === '';
  for (const [i, text] of [said.hint, said.advice, said.command].entries()) {
    say(hint.children[i], text);
    /** @type {HTMLElement} */ (hint.children[i]).hidden = text === '';
  }
  document.body.classList.toggle('empty', probes === 0);

  for (const name of /** @type {const} */ (['graph', 'matrix', 'table'])) {
    stages[name].hidden = name !== kind || probes === 0;
    set(/** @type {Element} */ (document.querySelector(`[data-view=${name}]`)), { 'aria-pressed': name === kind });
  }
  get('order').hidden = kind !== 'matrix';
  get('refine').hidden = probes === 0 || (kind === 'graph' && link.state === null);
  /** @type {HTMLElement} */ (document.querySelector('[data-show=markers]')).hidden = kind !== 'graph';
  const others = graph.nodes.length - probes;
  const other = /** @type {HTMLElement} */ (document.querySelector('[data-show=others]'));
  other.hidden = others === 0;
  say(/** @type {Element} */ (other.querySelector('span')), words.others(others));
  fillNamespaces(graph);

  const note = get('note');
  /** @type {[string, string, string]} */
  let told = ['', '', ''];
  const key = selectedKey(graph);
  if (probes === 0) {
    // The hint says all.
  } else if (seen.active && !seen.nodes.some(Boolean) || (seen.active && !graph.rows.some((row, source) => row.some((edge) => seen.edge(source, edge))))) {
    told = [words.nothingMatches, words.clearFilters, 'clear'];
  }
  if (kind === 'graph' && probes) {
    const drawing = plan(graph);
    const still = was || !stream.live;
    if (drawing.folded && !told[0]) {
      told = [words.folded(drawing.nodes.filter((node) => node.state === 'folded').reduce((sum, node) => sum + node.count, 0), drawing.folded), words.unfoldAll, 'unfold'];
    }
    graphView.draw({
      scene: drawing, markers: !link.hide.includes('markers'), still, selected: key, words,
      utc: (since) => words.utc(utc(since)),
      line: (item) => ('node' in item ? nodeLine(graph, item.node, words, moment)
        : 'group' in item ? words.unfold(item.group || words.noNamespace, item.count)
          : item.link.edge ? edgeLine(graph, item.link.from, item.link.edge, words, moment)
            : `${title(drawing.nodes[item.link.source], graph)} → ${title(drawing.nodes[item.link.target], graph)} · ${words.mixed(item.link.open, item.link.all)}`),
    });
  } else if (kind === 'matrix' && probes) {
    const [source, target] = link.selection && 'from' in link.selection
      ? [link.selection.from, link.selection.to].map((id) => graph.nodes.findIndex((node) => node.id === id)) : [-1, -1];
    later?.matrix.draw({ graph, seen, order: link.order, selected: source >= 0 && target >= 0 ? { source, target } : null, line: (from, edge) => edgeLine(graph, from, edge, words, moment), words });
  } else if (kind === 'table' && probes) later?.table.draw(tableOf(graph));
  note.hidden = told[0] === '';
  say(note.children[0], told[0]);
  say(note.children[1], told[1]);
  note.dataset.does = told[2];
  panelOf(graph);
}

/** @param {Graph} graph */
function panelOf(graph) {
  const moment = link.at ?? now();
  later?.panel.draw(link.selection && {
    graph, selection: link.selection, now: moment, edges: link.example ? 0 : tally(graph).edges,
    changes: past.state === 'loaded' || link.example ? timeline.changes().filter(({ time }) => time <= moment) : [],
    samples: (key) => latency.of(key).filter(([time]) => time <= moment), sampled: latency.since(now()), words,
  });
}

/** @param {import('./scene.js').SceneNode} node @param {Graph} graph */
const title = (node, graph) => (node.node >= 0 ? graph.names[node.node].name : node.name || words.noNamespace);

/** @param {Graph} graph */
const tableOf = (graph) => ({ graph, seen: seenOf(graph), sort: link.sort, selected: selectedKey(graph), now: link.at ?? now(), latency: link.at === null ? latency.last : () => undefined, words });

/** @param {Graph} graph */
function fillNamespaces(graph) {
  const select = /** @type {HTMLSelectElement} */ (get('namespace'));
  const all = namespaces(graph);
  const text = JSON.stringify([all, words.allNamespaces]);
  if (select.dataset.of !== text) {
    select.dataset.of = text;
    select.replaceChildren(html('option', { value: 'all' }, words.allNamespaces), ...all.map((name) => html('option', { value: `=${name}` }, name || words.noNamespace)));
  }
  select.hidden = all.length < 2 && link.ns === null;
  const value = link.ns === null ? 'all' : `=${link.ns}`;
  if (select.value !== value) {
    if (![...select.options].some((option) => option.value === value)) select.append(html('option', { value }, link.ns ?? ''));
    select.value = value;
  }
}

/** What changes with the clock alone. */
function tick() {
  const was = link.at !== null;
  document.body.classList.toggle('stale', !stream.live);
  const status = stream.live ? (was ? words.pastChip : link.example ? words.example : words.live) : stream.heard === null ? words.connecting : words.reconnecting;
  say(get('status'), status);
  say(get('age'), stream.live || stream.heard === null ? '' : words.stale(words.age(seconds(stream.heard, Date.now()))));
  const banner = get('past');
  banner.hidden = !was;
  if (link.at !== null) {
    say(banner.children[0], words.past(local(link.at, now()), words.age(seconds(link.at, now()))));
    set(banner.children[0], { title: words.utc(utc(link.at)) });
    say(banner.children[1], words.toLive);
  }
  const [text, time] = get('news').children;
  const recent = latest && !was && now() - latest.time < 15 * 60 * 1000 ? latest : null;
  get('news').hidden = recent === null;
  if (recent) {
    say(text, news(recent.text, words));
    say(time, ago(recent.time, now(), words));
    set(time, { title: words.utc(utc(recent.time)) });
  }
  const some = live !== null && live.nodes.length > 0;
  get('strip').hidden = !some;
  if (some && live) {
    const large = tally(live).edges > LARGE && past.state === 'none' && !link.example;
    later?.strip.draw({
      now: stream.live || stream.heard === null ? now() : stream.heard, live: stream.live, start: timeline.start(), at: link.at, changes: timeline.changes(), version,
      trouble: past.trouble, load: large ? tally(live).edges : null, words,
    });
  }
  const graph = shown();
  if (graph && link.selection) panelOf(graph);
}

// ---- controls ----

let labelled = '';
/** What depends on nothing but the language. */
function labels() {
  const theme = /** @type {'auto'} */ (document.documentElement.dataset.theme ?? 'auto');
  if (labelled === words.live + theme) return;
  labelled = words.live + theme;
  document.documentElement.lang = words === WORDS.ko ? 'ko' : 'en';
  const name = (/** @type {string} */ id, /** @type {string} */ text) => set(get(id), { 'aria-label': text, title: text });
  set(get('views'), { 'aria-label': words.viewsLabel });
  set(get('controls'), { 'aria-label': words.showLabel });
  set(get('menu'), { 'aria-label': words.menu });
  set(get('refine'), { 'aria-label': words.options });
  for (const button of document.querySelectorAll('[data-view]')) say(button, words.views[/** @type {'graph'} */ (button.getAttribute('data-view'))]);
  for (const what of /** @type {const} */ (['unreachable', 'markers', 'self'])) {
    const button = /** @type {HTMLElement} */ (document.querySelector(`[data-show=${what}]`));
    say(/** @type {Element} */ (button.querySelector('span')), words.show[what]);
    set(button, { title: words.toggle(words.show[what]) });
  }
  const options = (/** @type {string} */ id, /** @type {[string, string][]} */ all, /** @type {string} */ value) => {
    const select = /** @type {HTMLSelectElement} */ (get(id));
    select.replaceChildren(...all.map(([of, text]) => html('option', { value: of }, text)));
    select.value = value;
  };
  options('state', [['', words.allStates], ['reachable', words.states.reachable], ['unreachable', words.states.unreachable], ['unknown', words.states.unknown]], link.state ?? '');
  options('order', [['name', words.sorts.name], ['trouble', words.sorts.trouble]], link.order);
  name('state', words.stateLabel);
  name('order', words.sortBy);
  name('namespace', words.namespaceLabel);
  set(get('search'), { 'aria-label': words.searchLabel, placeholder: words.search });
  name('options', words.options);
  name('save-json', words.saveJson);
  name('save-csv', words.saveCsv);
  name('theme', `${words.theme}: ${words.themes[theme]}`);
  const other = words === WORDS.ko ? 'English' : '한국어';
  name('language', `${words.language}: ${other}`);
  say(get('language'), other);
  set(get('language'), { lang: words === WORDS.ko ? 'en' : 'ko' });
  name('ask', words.help);
  later?.fillHelp(/** @type {HTMLDialogElement} */ (get('help')), words);
}

/** @param {string} what */
function toggle(what) {
  if (what === 'others') link.others = !link.others;
  else link.hide = link.hide.includes(what) ? link.hide.filter((other) => other !== what) : [...link.hide, what];
  switches();
  changed();
}

function switches() {
  for (const button of document.querySelectorAll('[data-show]')) {
    const what = button.getAttribute('data-show') ?? '';
    set(button, { 'aria-checked': what === 'others' ? link.others : !link.hide.includes(what) });
  }
}

/** @param {'graph' | 'matrix' | 'table'} kind */
function turnTo(kind) {
  link.view = kind;
  graphView.quiet();
  changed();
}

/**
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  html('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** For a file's name. */
const stamp = () => new Date(link.at ?? now()).toISOString().slice(0, 19).replaceAll(':', '');

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-view]'))) {
  button.addEventListener('click', () => turnTo(/** @type {'graph'} */ (button.dataset.view)));
}
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-show]'))) {
  button.addEventListener('click', () => toggle(button.dataset.show ?? ''));
}
const search = /** @type {HTMLInputElement} */ (get('search'));
search.value = link.q;
search.addEventListener('input', () => {
  link.q = search.value;
  changed();
});
search.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  const graph = shown();
  const first = graph ? seenOf(graph).matched.findIndex((matched, i) => matched && isProbe(graph.nodes[i])) : -1;
  if (graph && first >= 0 && link.q !== '') choose({ node: graph.nodes[first].id });
});
for (const id of /** @type {const} */ (['state', 'namespace', 'order'])) {
  get(id).addEventListener('change', () => {
    const { value } = /** @type {HTMLSelectElement} */ (get(id));
    if (id === 'state') link.state = value || null;
    else if (id === 'order') link.order = value;
    else link.ns = value === 'all' ? null : value.slice(1);
    changed();
  });
}
get('options').addEventListener('click', () => {
  const open = get('controls').classList.toggle('open');
  set(get('options'), { 'aria-expanded': open });
});
get('save-json').addEventListener('click', () => {
  const graph = shown();
  if (!graph) return;
  const { seq, at, nodes, rows } = graph;
  const edges = rows.flatMap((row, source) => row.map(({ target, expected, ...seen }) => ({ source: nodes[source].id, target: nodes[target].id, ...seen, expected: expected ?? null })));
  save(`star-graph-${stamp()}.json`, 'application/json', `${JSON.stringify({ seq, at, nodes, edges }, null, 2)}\n`);
});
get('save-csv').addEventListener('click', () => {
  const graph = shown();
  if (graph && later) save(`star-paths-${stamp()}.csv`, 'text/csv', later.csv(tableOf(graph)));
});
get('theme').addEventListener('click', () => {
  const order = ['auto', 'light', 'dark'];
  const theme = order[(order.indexOf(document.documentElement.dataset.theme ?? 'auto') + 1) % order.length];
  setTheme(theme);
  store('star:theme', theme);
});
get('language').addEventListener('click', () => {
  link.lang = words === WORDS.ko ? 'en' : 'ko';
  words = WORDS[language(link.lang, [])];
  changed();
});
get('ask').addEventListener('click', () => help());
get('past').children[1].addEventListener('click', () => travel(null));
get('note').children[1].addEventListener('click', () => {
  if (get('note').dataset.does === 'unfold') {
    const graph = shown();
    unfolded = new Set(graph ? graph.names.map(({ namespace }) => namespace) : []);
    draw();
  } else {
    Object.assign(link, { q: '', ns: null, state: null });
    search.value = '';
    /** @type {HTMLSelectElement} */ (get('state')).value = '';
    changed();
  }
});

function help() {
  const dialog = /** @type {HTMLDialogElement} */ (get('help'));
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

createKeys(document, {
  g: () => turnTo('graph'),
  m: () => turnTo('matrix'),
  t: () => turnTo('table'),
  u: () => toggle('unreachable'),
  l: () => toggle('markers'),
  s: () => toggle('self'),
  '/': () => {
    get('controls').classList.add('open');
    set(get('options'), { 'aria-expanded': true });
    search.focus();
    search.select();
  },
  '?': help,
  n: () => travel(null),
  ',': () => step(-1),
  '.': () => step(1),
  '+': () => zoomBy(1.4),
  '=': () => zoomBy(1.4),
  '-': () => zoomBy(1 / 1.4),
  0: () => {
    const graph = shown();
    if (graph && view(graph) === 'matrix') later?.matrix.fit();
    else graphView.fit();
  },
  Escape: () => {
    graphView.quiet();
    if (document.activeElement === search) {
      search.value = link.q = '';
      search.blur();
      changed();
    } else if (link.selection) choose(null);
  },
});

/** @param {number} factor */
function zoomBy(factor) {
  const graph = shown();
  if (!graph) return;
  if (view(graph) === 'matrix') later?.matrix.zoom(factor);
  // A table has nothing to zoom, and the graph behind it no size.
  else if (view(graph) === 'graph') graphView.zoom(factor);
}

/** @param {string} theme */
function setTheme(theme) {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  later?.matrix.recolour();
  draw();
}

/** Storage may be forbidden, or full: then nothing is remembered. @param {string} key @param {string} value */
function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As said.
  }
}

/** @param {string} key */
function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  later?.matrix.recolour();
  draw();
});
// First of all, for its answer takes a while.
begin();
switches();
setTheme(recall('star:theme') ?? 'auto');

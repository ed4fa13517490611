/** The page's state in its URL, so that a link shows the same thing. Pure. */

/**
 * @typedef {'graph' | 'matrix' | 'table'} View
 * @typedef {{ from: string, to: string } | { node: string } | null} Selection
 * @typedef {object} Link
 * @property {View | null} view null for the one that fits the graph
 * @property {string} q
 * @property {string | null} ns
 * @property {string | null} state
 * @property {string[]} hide of unreachable, markers, self
 * @property {boolean} others
 * @property {Selection} selection
 * @property {number | null} at the moment shown, in milliseconds; null for live
 * @property {string | null} lang
 * @property {string} sort of the table, a column with - before it for downwards
 * @property {string} order of the matrix
 * @property {boolean} example
 */

/**
 * @param {string} search
 * @returns {Link}
 */
export function parse(search) {
  const query = new URLSearchParams(search);
  const [view, state, from, to, node, at] = ['view', 'state', 'from', 'to', 'node', 'at'].map((name) => query.get(name));
  const moment = at === null ? NaN : Date.parse(at);
  return {
    view: view === 'graph' || view === 'matrix' || view === 'table' ? view : null,
    q: query.get('q') ?? '',
    ns: query.get('ns'),
    state: state === 'reachable' || state === 'unreachable' || state === 'unknown' ? state : null,
    hide: (query.get('hide') ?? '').split(',').filter((what) => ['unreachable', 'markers', 'self'].includes(what)),
    others: query.get('others') === 'true',
    selection: from !== null && to !== null ? { from, to } : node !== null ? { node } : null,
    at: Number.isNaN(moment) ? null : moment,
    lang: query.get('lang'),
    sort: /^-?(source|target|state|reason|code|since|latency|expected)$/.exec(query.get('sort') ?? '')?.[0] ?? 'source',
    order: query.get('order') === 'trouble' ? 'trouble' : 'name',
    example: query.get('example') === 'true',
  };
}

/**
 * What is as by default is left out.
 * @param {Link} link
 * @returns {string} with its question mark, if there is anything to say
 */
export function format({ view, q, ns, state, hide, others, selection, at, lang, sort, order, example }) {
  const query = new URLSearchParams();
  const say = (/** @type {string} */ name, /** @type {string | null | false} */ value) => {
    if (value !== null && value !== false) query.set(name, value);
  };
  say('example', example && 'true');
  say('view', view);
  say('q', q !== '' && q);
  say('ns', ns);
  say('state', state);
  say('hide', hide.length > 0 && hide.join(','));
  say('others', others && 'true');
  if (selection && 'from' in selection) {
    say('from', selection.from);
    say('to', selection.to);
  } else if (selection) say('node', selection.node);
  say('at', at !== null && new Date(at).toISOString());
  say('sort', sort !== 'source' && sort);
  say('order', order !== 'name' && order);
  say('lang', lang);
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text && `?${text}`;
}

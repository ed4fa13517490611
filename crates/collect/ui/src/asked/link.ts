/** The page's state in its URL, so that a link shows the same thing. Pure. */

export type View = 'graph' | 'matrix' | 'table';

/** An edge, a node, or the list of changes. */
export type Selection = { from: string, to: string } | { node: string } | { list: true } | null;

export type Link = {
  /** null for the one that fits the graph */
  view: View | null;
  q: string;
  ns: string | null;
  state: string | null;
  /** of unreachable, markers, self */
  hide: string[];
  others: boolean;
  selection: Selection;
  /** the moment shown, in milliseconds; null for live */
  at: number | null;
  lang: string | null;
  /** of the table, a column with - before it for downwards */
  sort: string;
  /** of the matrix */
  order: string;
  example: boolean;
};

export function parse(search: string): Link {
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
    selection: from !== null && to !== null ? { from, to } : node !== null ? { node } : query.get('list') === 'true' ? { list: true } : null,
    at: Number.isNaN(moment) ? null : moment,
    lang: query.get('lang'),
    sort: /^-?(source|target|state|reason|code|since|latency|expected)$/.exec(query.get('sort') ?? '')?.[0] ?? 'source',
    order: query.get('order') === 'trouble' ? 'trouble' : 'name',
    example: query.get('example') === 'true',
  };
}

/**
 * What is as by default is left out.
 * @returns with its question mark, if there is anything to say
 */
export function format({ view, q, ns, state, hide, others, selection, at, lang, sort, order, example }: Link): string {
  const query = new URLSearchParams();
  const say = (name: string, value: string | null | false) => {
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
  } else if (selection && 'node' in selection) say('node', selection.node);
  else if (selection) say('list', 'true');
  say('at', at !== null && new Date(at).toISOString());
  say('sort', sort !== 'source' && sort);
  say('order', order !== 'name' && order);
  say('lang', lang);
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text && `?${text}`;
}

/** What a node's or an edge's key selects. */
export function selectionOf(key: string): Selection {
  const [source, target] = key.split('\n').map((part) => part.slice(part.indexOf(' ') + 1));
  return target === undefined ? { node: source } : { from: source, to: target };
}

/** What the graph view draws: nodes and edges, or namespaces where there are too many. Pure. */

import { differs, edgeKeys, isNonsense, isProbe, known, nodeKey } from './model.js';
import { ems, inside } from './layout.js';

/**
 * `node` is the place in the graph, -1 for a folded namespace.
 * @typedef {object} SceneNode
 * @property {string} key
 * @property {string} group
 * @property {number} node
 * @property {string} state a class: reachable, unreachable, unknown, pending, other or folded
 * @property {number} colour -1 for none
 * @property {string} text inside
 * @property {number} size of that text
 * @property {string} name beside, '' if it is inside
 * @property {number} wide of the name
 * @property {number} count of nodes
 * @property {boolean} strange
 * @property {boolean} shown
 * @property {boolean} matched
 * @property {string | undefined} since
 *
 * `edge` is the one edge that it stands for, or null for several.
 * @typedef {object} SceneLink
 * @property {string} key
 * @property {number} source
 * @property {number} target
 * @property {number} nth
 * @property {string} state
 * @property {string | undefined} reason
 * @property {number} colour
 * @property {boolean} differs
 * @property {number} from the place of the graph's source
 * @property {import('./model.js').RowEdge | null} edge
 * @property {number} open
 * @property {number} all
 * @property {boolean} shown
 * @property {string | undefined} since
 *
 * @typedef {{ nodes: SceneNode[], links: SceneLink[], groups: Map<string, number>, folded: number }} Scene
 */

/** More nodes than this are folded, and the matrix is the first view. */
export const MANY = 60;

/** Of the names beside nodes. */
export const TEXT = 15;

/**
 * @param {import('./model.js').Graph} graph
 * @param {import('./filter.js').Visible} seen
 * @param {boolean} others whether targets that are no resource are drawn
 * @param {Set<string> | null} unfolded the namespaces that are not folded; null when nothing is
 * @returns {Scene}
 */
export function scene(graph, seen, others, unfolded) {
  const { nodes, rows, names, colours } = graph;
  /** @type {SceneNode[]} */
  const drawn = [];
  /** @type {Map<string, number>} */
  const groups = new Map();
  /** @type {Map<string, number>} */
  const folds = new Map();
  const place = nodes.map((node, i) => {
    if (!isProbe(node) && !others) return -1;
    const { name, namespace } = names[i];
    groups.set(namespace, (groups.get(namespace) ?? 0) + 1);
    if (unfolded && !unfolded.has(namespace)) {
      let at = folds.get(namespace);
      if (at === undefined) {
        at = drawn.length;
        folds.set(namespace, at);
        drawn.push({ key: `namespace ${namespace}`, group: '', node: -1, state: 'folded', colour: -1, text: '', size: 0, name: namespace, wide: 0, count: 0, strange: false, shown: false, matched: false, since: undefined });
      }
      drawn[at].count += 1;
      drawn[at].shown ||= seen.nodes[i];
      drawn[at].matched ||= seen.matched[i];
      return at;
    }
    const short = inside(isProbe(node) ? node.id : name);
    const beside = short.text === name ? '' : name;
    drawn.push({
      key: nodeKey(node), group: namespace, node: i, state: isProbe(node) ? known(node) : 'other', colour: colours[i],
      ...short, name: beside, wide: beside ? TEXT * ems(beside) : 0, count: 1, strange: isNonsense(node), shown: seen.nodes[i], matched: seen.matched[i], since: node.since,
    });
    return drawn.length - 1;
  });
  for (const at of folds.values()) Object.assign(drawn[at], inside(String(drawn[at].count)));

  /** @type {SceneLink[]} */
  const links = [];
  /** @type {Map<number, SceneLink>} */
  const bundles = new Map();
  rows.forEach((row, from) => {
    const source = place[from];
    if (source < 0) return;
    /** @type {string[] | undefined} */
    let keys;
    row.forEach((edge, i) => {
      const target = place[edge.target];
      if (target < 0) return;
      const shown = seen.edge(from, edge);
      const state = known(edge);
      if (drawn[source].node >= 0 && drawn[target].node >= 0) {
        keys ??= edgeKeys(graph, from);
        const nth = row.slice(0, i).filter((other) => other.target === edge.target).length;
        links.push({ key: keys[i], source, target, nth, state, reason: edge.reason, colour: drawn[source].colour, differs: differs(edge), from, edge, open: 0, all: 1, shown, since: edge.since });
        return;
      }
      const pair = source * drawn.length + target;
      let bundle = bundles.get(pair);
      if (!bundle) {
        bundle = { key: `${drawn[source].key}\n${drawn[target].key}`, source, target, nth: 0, state: '', reason: undefined, colour: drawn[source].colour, differs: false, from, edge: null, open: 0, all: 0, shown: false, since: undefined };
        bundles.set(pair, bundle);
        links.push(bundle);
      }
      if (!shown) return;
      bundle.shown = true;
      bundle.all += 1;
      if (state === 'reachable') bundle.open += 1;
      bundle.state = bundle.state === '' || bundle.state === state ? state : 'mixed';
      bundle.differs ||= differs(edge);
      if (state === 'unreachable') bundle.reason ??= edge.reason;
    });
  });
  return { nodes: drawn, links, groups, folded: folds.size };
}

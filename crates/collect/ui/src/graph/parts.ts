/** The graph's elements, brought to what a scene says: frames, nodes, edges, bundles and marks. */

import type { Kind } from '../known/change';
import { GLYPHS, mark } from '../said/mark';
import type { Words } from '../said/words';
import { say, set, svg, sync } from '../view/element';
import type { Curve } from './curve';
import { span } from './geometry';
import type { Geometry } from './geometry';
import { DOT } from './islands';
import { R, shorten } from './layout';
import type { Box, Point } from './layout';
import type { Bundle, Scene, SceneLink } from './scene';

export type Item = { node: number } | { link: SceneLink } | { bundle: Bundle } | { group: string, count: number };
export type Drawing = {
  scene: Scene, markers: boolean, selected: string | null, still: boolean,
  /** Whether lights run. */
  lit: boolean,
  /** What changed a moment ago, by key. */
  fresh: ReadonlyMap<string, Kind>,
  line: (item: Item) => string, words: Words,
};
export type Handlers = {
  select: (key: string | null) => void,
  unfold: (group: string, open: boolean) => void,
  /** The stage has another size. */
  resized: (room: { width: number, height: number }) => void,
  /** Remembers the places under a name. */
  keep: (name: string, places: Map<string, Point>) => void,
  kept: (name: string) => Map<string, Point>,
};

type Registry = Map<string, SVGElement>;

const colour = (slot: number) => (slot < 0 ? 'c' : `c${slot}`);

/** The frames of namespaces, with a button each that folds it. */
export function drawFrames(layer: SVGElement, { scene, words }: Drawing, { boxes }: Geometry, known: Registry) {
  const { level: { portrait }, groups } = scene;
  const inner = new Map(scene.bundles.filter(({ source, target }) => source === target).map((one) => [one.source, one]));
  const shown = [...boxes].filter(([group]) => (group || !portrait) && scene.nodes.some((node) => node.group === group && node.node >= 0 && node.shown)).map(([key, box]) => ({ key, box }));
  sync(layer, shown, known, () => '', () => svg('g', { class: 'frame' }, svg('rect'), svg('text', { class: 'title' }), svg('text', { class: 'share' }),
    svg('g', { class: 'fold', role: 'button' }, svg('circle', { r: 11 }), svg('path', { d: 'M-4 0H4' }))), (frame, { key, box }) => {
    const bundle = inner.get(key);
    const fold = !portrait && groups.size > 1;
    set(frame, { 'data-group': key });
    set(frame.children[0], { x: box.x, y: box.y, width: box.width, height: box.height, rx: portrait ? 18 : 10 });
    set(frame.children[1], portrait ? { x: box.x + 16, y: box.y + 26 } : { x: box.x + 14, y: box.y + 20 });
    say(frame.children[1], shorten(key || words.noNamespace, Math.max(4, (box.width - (bundle ? 90 : 40)) / 13)));
    const share = bundle && bundle.closed + bundle.unknown ? `${bundle.open}/${bundle.open + bundle.closed + bundle.unknown}` : '';
    set(frame.children[2], { x: box.x + box.width - (fold ? 36 : 14), y: box.y + 20, class: `share inner ${bundle?.closed ? 'bad' : ''}` });
    say(frame.children[2], portrait ? '' : share);
    set(frame.children[3], { hidden: fold ? null : '', tabindex: fold ? 0 : null, 'data-key': `fold ${key}`, 'aria-label': words.fold(key || words.noNamespace), transform: `translate(${box.x + box.width - 18} ${box.y + 16})` });
  });
}

export function drawNodes(layer: SVGElement, drawing: Drawing, { places, faces, boxes }: Geometry, known: Registry) {
  const { scene, words, line, selected } = drawing;
  const { portrait } = scene.level;
  const place = new Map(scene.nodes.map((node, i) => [node.key, i]));
  sync(layer, scene.nodes.filter((node) => node.shown), known, (node) => (node.state === 'folded' ? 'card' : portrait ? 'circle' : 'row'), (_, body) => create(body), (item, node) => {
    const i = place.get(node.key) as number;
    const said = node.node >= 0 ? line({ node: node.node }) : line({ group: node.name, count: node.count });
    set(item, {
      class: `node ${item.dataset.parts} ${node.state} ${colour(node.colour)}${node.strange ? ' odd' : ''}${selected === node.key ? ' selected' : ''}${node.matched ? '' : ' aside'}${node.group ? ' boxed' : ''}`,
      'data-one': node.node >= 0, 'data-tip': said, role: 'button',
      'aria-label': node.state === 'folded' ? `${words.nodes(node.count)} ${said}` : node.text === '' || said.startsWith(node.text) ? said : `${node.text} ${said}`,
      transform: `translate(${places[i].x.toFixed(1)} ${places[i].y.toFixed(1)})`,
    });
    const [body, id, name] = [item.children[0], item.children[1], item.children[2]];
    if (node.state === 'folded') {
      const box = boxes.get(node.name) ?? { width: 118, height: 52 };
      set(body, { x: -box.width / 2, y: -box.height / 2, width: box.width, height: box.height });
      set(id, { y: 13 });
      set(name, { y: -7, 'text-anchor': 'middle' });
      say(id, words.nodes(node.count));
      say(name, shorten(node.name || words.noNamespace, (box.width - 16) / 13));
      return;
    }
    set(id, { 'font-size': node.size || null });
    say(id, node.text);
    say(name, node.name);
    const [x, y, anchor] = portrait
      ? { right: [R + 10, 5, 'start'], left: [-R - 10, 5, 'end'], below: [0, R + 20, 'middle'], above: [0, -R - 12, 'middle'] }[faces[i]?.side ?? 'right']
      : [DOT + 6, 4.5, 'start'];
    set(name, { x, y, 'text-anchor': anchor });
  });
}

function create(body: string) {
  const shape = body === 'circle' ? svg('circle', { class: 'body', r: R }) : body === 'row' ? svg('circle', { class: 'body', r: DOT }) : svg('rect', { class: 'body', rx: 10 });
  const far = body === 'circle' ? 0.72 * R : DOT;
  return svg('g', {}, shape, svg('text', { class: 'id', 'dominant-baseline': 'central' }), ' ', svg('text', { class: 'name' }),
    svg('g', { class: 'strange', transform: `translate(${far} ${-far})` }, svg('circle', { r: body === 'circle' ? 10 : 7 }), svg('path', { d: GLYPHS.other })));
}

/** Edges one by one. @param dense with so many, lights and marks would be noise and work */
export function drawEdges(layer: SVGElement, marks: SVGElement, links: SceneLink[], curves: Map<string, Curve>, dense: boolean, drawing: Drawing, known: Registry, signs: Registry) {
  const { scene, line, selected, fresh } = drawing;
  const ends = ({ source, target }: SceneLink) => ({ 'data-source': scene.nodes[source].key, 'data-target': scene.nodes[target].key });
  const drawn = links.filter(({ key }) => curves.has(key));
  sync(layer, drawn, known, (link) => (dense ? 'line head' : [fresh.has(link.key) ? 'ghost' : '', 'hit line head', link.state === 'reachable' && link.edge ? 'glow light' : ''].filter(Boolean).join(' ')),
    (_, parts) => svg('g', {}, ...parts.split(' ').map((part) => svg('path', { class: part, pathLength: part === 'glow' || part === 'light' ? 100 : null }))),
    (item, link) => {
      const change = fresh.get(link.key);
      set(item, {
        class: `edge ${link.state} ${colour(link.colour)}${link.source === link.target ? ' self' : ''}${link.differs ? ' differs' : ''}${link.edge?.kept?.state === 'flowing' && link.state === 'unreachable' ? ' kept' : ''}${selected === link.key ? ' selected' : ''}${change ? ` fresh ${change}` : ''}`,
        ...ends(link), 'data-one': link.edge !== null, 'aria-label': line({ link }), role: 'button',
      });
      const curve = curves.get(link.key) as Curve;
      for (const part of item.children) set(part, { d: part.getAttribute('class') === 'head' ? curve.head : curve.line });
    });
  const marked = dense ? [] : drawn.filter((link) => link.state === 'unreachable' || (link.edge === null && link.state === 'mixed'));
  sync(marks, marked, signs, (link) => (link.edge === null ? 'share' : 'mark'), (_, kind) => (kind === 'share' ? svg('text', { class: 'share', 'dominant-baseline': 'central' }) : svg('g', { class: 'mark' }, svg('g', {}, svg('circle', { r: 9 }), svg('path')))),
    (sign, link) => {
      const { mark: at } = curves.get(link.key) as Curve;
      set(sign, { ...ends(link), transform: `translate(${at.x} ${at.y})` });
      if (link.edge === null) say(sign, `${link.open}/${link.all}`);
      else set(sign.children[0].children[1], { d: GLYPHS[mark(link.reason)] });
    });
}

/** More shares than this would be noise: they are told of what is pointed at. */
const SHARES = 40;

/** Where a bundle's share is told: on its line, on no island, and on no other share; none if there is no such place. */
function labels(bundles: Bundle[], curves: Map<string, Curve>, boxes: Box[]): Map<string, Point> {
  const found = new Map<string, Point>();
  for (const { key, closed, differs } of [...bundles].reverse()) {
    const curve = curves.get(key) as Curve;
    const free = ({ x, y }: Point) => boxes.every((box) => x < box.x - 18 || x > box.x + box.width + 18 || y < box.y - 10 || y > box.y + box.height + 10)
      && (!(closed || differs) || [...found.values()].every((other) => Math.abs(other.x - x) > 40 || Math.abs(other.y - y) > 16));
    const spot = [0.5, 0.6, 0.4, 0.7, 0.3, 0.65, 0.35, 0.75, 0.25, 0.8, 0.2, 0.86, 0.14, 0.92, 0.08].map(curve.at).find(free);
    if (spot) found.set(key, spot);
  }
  return found;
}

/** What leads from island to island: as thick as it is much, in the colour of the worst, with its share where something is closed. */
export function drawBundles(layer: SVGElement, marks: SVGElement, drawing: Drawing, geometry: Geometry, known: Registry, signs: Registry): Map<string, Curve> {
  const { scene: { bundles }, line } = drawing;
  const all = (one: Bundle) => one.open + one.closed + one.unknown;
  const most = Math.max(1, ...bundles.map(all));
  const curves = new Map<string, Curve>();
  const thick = (one: Bundle) => (one.closed || one.differs ? 2 + 4 * Math.sqrt(all(one) / most) : 1 + 2.5 * Math.sqrt(all(one) / most));
  for (const one of bundles) {
    const curve = span(one, geometry, thick(one));
    if (curve) curves.set(one.key, curve);
  }
  // Trouble lies above health.
  const drawn = bundles.filter(({ key }) => curves.has(key)).sort((a, b) => Number(a.closed > 0 || a.differs) - Number(b.closed > 0 || b.differs));
  layer.style.setProperty('--calm', Math.max(0.1, Math.min(0.4, 6 / drawn.length)).toFixed(2));
  const spots = labels(drawn, curves, [...geometry.boxes.values()]);
  const trouble = drawn.filter((one) => one.closed || one.differs);
  const state = (one: Bundle) => (one.closed ? (one.open ? 'mixed' : 'unreachable') : one.unknown ? (one.open ? 'partly' : 'unknown') : 'reachable');
  const ends = (one: Bundle) => ({ 'data-source': one.source, 'data-target': one.target });
  sync(layer, drawn, known, () => 'hit line head', (_, parts) => svg('g', {}, ...parts.split(' ').map((part) => svg('path', { class: part }))), (item, one) => {
    const curve = curves.get(one.key) as Curve;
    set(item, { class: `bundle ${state(one)}${one.differs ? ' differs' : ''}`, ...ends(one), 'data-open': one.open, 'data-all': all(one), 'aria-label': line({ bundle: one }), role: 'button' });
    item.style.setProperty('--width', `${thick(one).toFixed(1)}px`);
    item.style.setProperty('--closed', (one.closed / all(one)).toFixed(2));
    for (const part of item.children) set(part, { d: part.getAttribute('class') === 'head' ? curve.head : curve.line });
  });
  sync(marks, drawn, signs, () => '', () => svg('text', { class: 'share', 'dominant-baseline': 'central' }), (sign, one) => {
    const spot = spots.get(one.key);
    const at = spot ?? (curves.get(one.key) as Curve).middle;
    const resting = spot && (one.closed > 0 || one.differs) && trouble.length <= SHARES;
    set(sign, { ...ends(one), class: `share${one.closed ? ' bad' : ''}${resting ? '' : ' asked'}`, x: at.x, y: at.y });
    say(sign, `${one.open}/${all(one)}`);
  });
  return curves;
}

/** The graph view: nodes in their namespaces' boxes, and curved edges. */

import type { Curve } from './curve';
import type { Scene, SceneLink } from './scene';
import type { Point } from './layout';
import type { Words } from '../said/words';
import { fitting, gestures, zoom } from './camera';
import { curve, loop } from './curve';
import { html, say, set, svg } from '../view/element';
import { R, RING, boxes, bounds, place, shorten, sides } from './layout';
import { GLYPHS, mark } from '../said/mark';

export type Drawing = { scene: Scene, markers: boolean, selected: string | null, still: boolean, line: (item: { node: number } | { link: SceneLink } | { group: string, count: number }) => string, utc: (since: string) => string, words: Words };

/** With more edges than this lights would be noise and work, and so would the marks. */
const DENSE = 150;

export function createGraph(stage: HTMLElement, { select, unfold, keep, kept }: {
  select: (key: string | null) => void,
  unfold: (group: string, open: boolean) => void,
  /** Remembers the places under a name. */
  keep: (name: string, places: Map<string, Point>) => void,
  kept: (name: string) => Map<string, Point>,
}) {
  const frames = svg('g');
  const edges = svg('g', { class: 'resting' });
  /** The edges of the node that is dragged. */
  const dragged = svg('g');
  const marks = svg('g');
  const nodes = svg('g');
  const world = svg('g', {}, frames, edges, dragged, marks, nodes);
  const picture = svg('svg', { id: 'graph', role: 'group' }, world);
  const tip = html('p', { id: 'tip', role: 'tooltip', hidden: '' }, html('span'));
  const tools = html('div', { class: 'tools', role: 'group' });
  const buttons = ['zoomIn', 'zoomOut', 'fit', 'arrange'].map((name, i) => html('button', { type: 'button', 'data-tool': name, click: () => tool(name) },
    svg('svg', { viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, svg('path', { d: ['M-5 0H5M0 -5V5', 'M-5 0H5', 'M-5 -2V-5H-2M2 -5H5V-2M5 2V5H2M-2 5H-5V2', 'M4.6 -2A5 5 0 1 0 5 1M5 -5.5V-1.8H1.3'][i] }))));
  tools.append(...buttons);
  stage.append(picture, tip, tools);

  let drawing: Drawing | null = null;
  let places: Point[] = [];
  let faces: ReturnType<typeof sides> = [];
  const curves = new Map<string, Curve>();
  let shape = '';
  let orientation = '';
  let camera = { k: 1, x: 0, y: 0 };
  let shown = { ...camera };
  let moved = false;
  let thick = 10;
  let settling: ReturnType<typeof setTimeout> | undefined;
  let hovered: SVGElement | null = null;
  let focused: SVGElement | null = null;
  let current = '';

  gestures(stage, {
    camera: () => camera,
    move(next) {
      moved = true;
      look(next);
    },
    hold: (target) => (target.closest('.node')?.getAttribute('data-key') ?? null),
    drag(key, by) {
      const i = drawing?.scene.nodes.findIndex((node) => node.key === key) ?? -1;
      if (i < 0) return;
      places[i] = { x: places[i].x + by.x, y: places[i].y + by.y };
      if (!stage.classList.contains('dragging')) {
        stage.classList.add('dragging');
        tell();
        const out = [...edges.children] as SVGElement[];
        dragged.append(...out.filter((edge) => edge.dataset.source === key || edge.dataset.target === key));
      }
      moved = true;
      shapeOf(new Set([i]));
    },
    drop() {
      stage.classList.remove('dragging');
      edges.append(...dragged.children);
      if (!drawing) return;
      faces = sides(places, drawing.scene.links, drawing.scene.nodes.map(({ wide }) => wide || undefined));
      remember();
      shapeOf(null);
      tell();
    },
  });
  new ResizeObserver(() => {
    if (!drawing || !stage.clientWidth) return;
    arrange();
    if (!moved) fit();
  }).observe(stage);

  for (const [type, at] of Object.entries({ pointerover: true, pointerout: false, focusin: true, focusout: false })) {
    picture.addEventListener(type, ({ target }) => {
      const item = at ? ((target as Element).closest('[data-key]') as SVGElement | null) : null;
      if (type.startsWith('pointer')) hovered = item;
      else {
        focused = item?.matches(':focus-visible') ? item : null;
        if (item?.matches('.node, .edge')) {
          current = item.dataset.key ?? '';
          rove();
        }
      }
      tell();
    });
  }
  picture.addEventListener('click', ({ target }) => {
    const item = (target as Element).closest('[data-key]');
    if (item) open(item);
    else if (!((target as Element).closest('.frame'))) select(null);
  });
  picture.addEventListener('dblclick', ({ target }) => {
    if (!((target as Element).closest('[data-key]'))) fit();
  });
  picture.addEventListener('keydown', (event) => {
    const item = (event.target as Element).closest('[data-key]');
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      open(item);
    } else if (event.key.startsWith('Arrow')) {
      event.preventDefault();
      step(item, event.key === 'ArrowRight' || event.key === 'ArrowDown' ? 1 : -1, event.key === 'ArrowUp' || event.key === 'ArrowDown');
    }
  });

  function open(item: Element) {
    const key = item.getAttribute('data-key') ?? '';
    if (item.classList.contains('fold')) unfold(key.replace(/^fold /, ''), false);
    else if (key.startsWith('namespace ') && !key.includes('\n')) unfold(key.slice(10), true);
    else if (item.getAttribute('data-one') === 'true') select(key);
  }

  /** Nodes in turn, each followed by its edges. */
  function order() {
    const items = [...nodes.children] as SVGElement[];
    const out = [...edges.children] as SVGElement[];
    return items.flatMap((node) => [node, ...out.filter((edge) => edge.dataset.source === node.dataset.key)]);
  }

  /** @param leap from node to node */
  function step(item: Element, way: 1 | -1, leap: boolean) {
    const all = order().filter((other) => !leap || other === item || other.parentNode === nodes);
    const next = all[(all.indexOf((item as SVGElement)) + way + all.length) % all.length];
    current = next.dataset.key ?? '';
    rove();
    next.focus();
  }

  /** One item is in the order of tabs. */
  function rove() {
    const all = [...nodes.children, ...edges.children] as SVGElement[];
    const one = all.find((item) => item.dataset.key === current) ?? all[0];
    current = one?.dataset.key ?? '';
    for (const item of all) set(item, { tabindex: item === one ? 0 : -1 });
  }

  function tool(name: string) {
    if (name === 'fit') fit();
    else if (name === 'arrange') {
      keep(orientation, new Map());
      shape = '';
      arrange();
      fit();
    } else by(name === 'zoomIn' ? 1.4 : 1 / 1.4);
  }

  function by(factor: number) {
    moved = true;
    look(zoom(camera, factor, { x: stage.clientWidth / 2, y: stage.clientHeight / 2 }));
  }

  function fit() {
    moved = false;
    if (!drawing?.scene.nodes.length || !stage.clientWidth) return;
    const boxed = [...boxes(items(), places).values()].flatMap(({ x, y, width, height }) => [{ x, y }, { x: x + width, y: y + height }]);
    const around = drawing.scene.nodes.flatMap((node, i) => {
      const side = faces[i]?.side;
      const text = node.name ? node.wide + 10 : 0;
      const { x, y } = places[i];
      return [
        { x: x - R - 6 - (side === 'left' ? text : 0), y: y - R - 6 - (side === 'above' ? 24 : 0) },
        { x: x + R + 6 + (side === 'right' ? text : 0), y: y + R + 6 + (side === 'below' ? 24 : 0) },
      ];
    });
    // Loops and the bows of edges stand out as well.
    const bows = [...curves.values()].flatMap((bow) => [bow.at(0.25), bow.middle, bow.at(0.75)]);
    // The tools have their own room, where there is some.
    const small = stage.clientWidth < 500;
    look(fitting(bounds([...boxed, ...around, ...bows]), stage.clientWidth - (small ? 0 : 40), stage.clientHeight - (small ? 36 : 0), small ? 14 : 26), true);
  }

  function look(next: typeof camera, now: boolean = false) {
    camera = next;
    clearTimeout(settling);
    // Drawing thousands of edges anew takes longer than a frame: while it moves, the picture as it is moves.
    if (!now && edges.childElementCount > DENSE) {
      const k = next.k / shown.k;
      picture.style.transform = `translate(${next.x - shown.x * k}px, ${next.y - shown.y * k}px) scale(${k})`;
      picture.classList.add('gliding');
      settling = setTimeout(settle, 160);
    } else settle();
    tell();
  }

  function settle() {
    shown = camera;
    picture.style.transform = '';
    picture.classList.remove('gliding');
    set(world, { transform: `translate(${camera.x.toFixed(2)} ${camera.y.toFixed(2)}) scale(${camera.k.toFixed(4)})` });
    picture.style.setProperty('--k', camera.k.toFixed(3));
    picture.classList.toggle('far', camera.k < 0.5);
  }

  const items = () => (drawing?.scene.nodes ?? []).map(({ key, group, wide }, i) => ({ key, group, wide, side: faces[i]?.side }));

  function remember() {
    if (drawing) keep(orientation, new Map(drawing.scene.nodes.map((node, i) => [node.key, places[i]])));
  }

  /** Finds places for the nodes, if others are there than before or the stage is turned. */
  function arrange() {
    if (!drawing) return;
    const { scene } = drawing;
    const turned = innerHeight > innerWidth ? 'tall' : 'wide';
    const now = [turned, ...scene.nodes.map((node) => node.key)].join('\n');
    if (now === shape) return;
    const first = shape === '' || turned !== orientation;
    const before = first ? kept(turned) : new Map([...kept(turned), ...placed()]);
    shape = now;
    orientation = turned;
    places = place(items(), before, turned === 'tall');
    faces = sides(places, scene.links, scene.nodes.map(({ wide }) => wide || undefined));
    remember();
    shapeOf(null);
    if (first || !moved) fit();
  }

  let keys: string[] = [];
  const placed = () => new Map(keys.map((key, i) => [key, places[i]]));

  /** Brings everything to its place, or what belongs to these nodes. */
  function shapeOf(only: Set<number> | null) {
    if (!drawing) return;
    const { scene } = drawing;
    keys = scene.nodes.map((node) => node.key);
    const around = boxes(items(), places);
    for (const frame of ([...frames.children] as SVGElement[])) {
      const box = around.get(frame.dataset.group ?? '');
      if (!box) continue;
      set(frame.children[0], { x: box.x, y: box.y, width: box.width, height: box.height });
      set(frame.children[1], { x: box.x + 16, y: box.y + 26 });
      if (frame.children[2]) set(frame.children[2], { transform: `translate(${box.x + box.width - 22} ${box.y + 21})` });
    }
    scene.nodes.forEach((node, i) => {
      if (only && !only.has(i)) return;
      const item = elements.get(node.key);
      if (!item) return;
      set(item, { transform: `translate(${places[i].x.toFixed(1)} ${places[i].y.toFixed(1)})` });
      const [x, y, anchor] = node.state === 'folded' ? [0, 19, 'middle'] : { right: [R + 10, 5, 'start'], left: [-R - 10, 5, 'end'], below: [0, R + 20, 'middle'], above: [0, -R - 12, 'middle'] }[faces[i]?.side ?? 'right'];
      set(item.children[2], { x, y, 'text-anchor': anchor });
    });
    const rings = centres(scene);
    scene.links.forEach((link) => {
      if (only && !only.has(link.source) && !only.has(link.target)) return;
      const item = elements.get(link.key);
      if (!item) return;
      const drawn = link.source === link.target
        ? loop(places[link.source], faces[link.source]?.loop ?? 0, link.nth, thick)
        : curve(places[link.source], places[link.target], link.nth, thick, scene.nodes[link.source].group === scene.nodes[link.target].group ? rings.get(scene.nodes[link.source].group) : null);
      curves.set(link.key, drawn);
      for (const part of item.children) {
        const name = part.getAttribute('class');
        if (name === 'head') set(part, { d: drawn.head });
        else set(part, { d: drawn.line });
      }
      const sign = signs.get(link.key);
      if (sign) set(sign, { transform: `translate(${drawn.mark.x} ${drawn.mark.y})` });
    });
  }

  /** The middles of the groups that are rings. */
  function centres(scene: Scene): Map<string, Point> {
    const members = new Map<string, Point[]>();
    scene.nodes.forEach(({ group }, i) => members.set(group, [...(members.get(group) ?? []), places[i]]));
    return new Map([...members].filter(([, points]) => points.length >= RING).map(([group, points]) => {
      const { x, y, width, height } = bounds(points);
      return [group, { x: x + width / 2, y: y + height / 2 }];
    }));
  }

  const elements = new Map<string, SVGElement>();
  /** The marks of edges, above all lines. */
  const signs = new Map<string, SVGElement>();

  /**
   * Makes the children of `group` those of `wanted`, by key: what stays keeps its focus and its moving light.
   * @param build what it is made of; another means a new element
   */
  function sync<T extends { key: string }>(group: SVGElement, wanted: T[], build: (one: T) => string, create: (one: T, parts: string) => SVGElement, update: (item: SVGElement, one: T) => void) {
    const stay = new Set(wanted.map((one) => one.key));
    for (const child of ([...group.children] as SVGElement[])) {
      if (stay.has(child.dataset.key ?? '')) continue;
      elements.delete(child.dataset.key ?? '');
      curves.delete(child.dataset.key ?? '');
      child.remove();
    }
    wanted.forEach((one, i) => {
      const parts = build(one);
      let item = elements.get(one.key);
      if (!item || item.dataset.parts !== parts) {
        const fresh = create(one, parts);
        set(fresh, { 'data-key': one.key, 'data-parts': parts, role: 'button', tabindex: -1 });
        const focus = item === document.activeElement;
        item?.replaceWith(fresh);
        item = fresh;
        elements.set(one.key, item);
        if (group.children[i] !== item) group.insertBefore(item, group.children[i] ?? null);
        if (focus) item.focus();
      } else if (group.children[i] !== item) group.insertBefore(item, group.children[i] ?? null);
      update(item, one);
    });
  }

  /** Says what is known of the edge or node that is pointed at, and picks out the edges of a node. */
  function tell() {
    const item = [hovered, focused].find((element) => element?.isConnected) ?? null;
    const key = item?.dataset.key ?? '';
    const picked = item?.classList.contains('node') ? key : drawing?.selected && !drawing.selected.includes('\n') ? drawing.selected : null;
    picture.classList.toggle('picking', picked !== null);
    if (picked !== null || picture.dataset.picked) {
      picture.dataset.picked = picked ?? '';
      for (const edge of ([...edges.children, ...dragged.children, ...marks.children] as SVGElement[])) {
        edge.classList.toggle('picked', picked !== null && (picked === edge.dataset.source || picked === edge.dataset.target));
      }
    }
    tip.hidden = !item || stage.classList.contains('dragging');
    if (!item || tip.hidden || !drawing) return;
    const said = item.dataset.tip ?? item.getAttribute('aria-label') ?? '';
    say(tip.children[0], said);
    const i = drawing.scene.nodes.findIndex((node) => node.key === key);
    const at = i >= 0 ? places[i] : curves.get(key)?.middle ?? { x: 0, y: 0 };
    const [x, y, r] = [camera.k * at.x + camera.x, camera.k * at.y + camera.y, i >= 0 ? camera.k * R : 6];
    const left = Math.max(8, Math.min(x - tip.offsetWidth / 2, stage.clientWidth - tip.offsetWidth - 8));
    const above = y - r - tip.offsetHeight - 12;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 4 ? Math.min(y + r + 12, stage.clientHeight - tip.offsetHeight - 4) : above}px`;
  }

  return {
    fit,
    zoom: by,
    focus: () => elements.get(current)?.focus(),
    arrange: () => tool('arrange'),

    /** Forgets what is pointed at. */
    quiet() {
      hovered = null;
      focused = null;
      tell();
    },

    draw(next: Drawing) {
      drawing = next;
      const { scene, words } = next;
      const links = scene.links.filter((link) => link.shown);
      const many = scene.links.length;
      thick = Math.max(1.4, Math.min(9, 9 * Math.sqrt(14 / (many || 1))));
      const dense = links.length > DENSE;
      picture.style.setProperty('--thick', `${thick.toFixed(1)}px`);
      picture.style.setProperty('--strong', `${Math.max(0.3, Math.min(1, 400 / many)).toFixed(2)}`);
      picture.classList.toggle('still', !next.markers || next.still);
      picture.classList.toggle('dense', dense);
      set(picture, { 'aria-label': words.graphLabel });
      set(tools, { 'aria-label': words.views.graph });
      for (const button of buttons) {
        const name = words[(button.dataset.tool as 'fit')];
        set(button, { 'aria-label': name, title: name });
      }

      const groups = [...scene.groups.keys()].filter((group) => group && scene.nodes.some((node) => node.group === group && node.shown));
      const around = new Set(groups);
      for (const frame of ([...frames.children] as SVGElement[])) if (!around.delete(frame.dataset.group ?? '')) frame.remove();
      for (const group of around) {
        frames.append(svg('g', { class: 'frame', 'data-group': group }, svg('rect', { rx: 18 }), svg('text'),
          svg('g', { class: 'fold', 'data-key': `fold ${group}`, role: 'button', tabindex: 0 }, svg('circle', { r: 12 }), svg('path', { d: 'M-4 0H4' }))));
      }
      for (const frame of ([...frames.children] as SVGElement[])) {
        const group = frame.dataset.group ?? '';
        say(frame.children[1], group);
        set(frame.children[2], { hidden: scene.folded > 0 || scene.nodes.length > 60 ? null : '', 'aria-label': words.fold(group) });
      }

      const line = next.line;
      sync(edges, links, (link) => (dense ? 'line head' : link.state === 'reachable' && link.edge ? 'hit line head glow light' : 'hit line head'),
        (_, parts) => svg('g', {}, ...parts.split(' ').map((part) => svg('path', { class: part, pathLength: part === 'glow' || part === 'light' ? 100 : null }))),
        (item, link) => {
          const self = link.source === link.target;
          set(item, {
            class: `edge ${link.state} ${link.colour < 0 ? 'c' : `c${link.colour}`}${self ? ' self' : ''}${link.differs ? ' differs' : ''}${next.selected === link.key ? ' selected' : ''}`,
            'data-source': scene.nodes[link.source].key,
            'data-target': scene.nodes[link.target].key,
            'data-one': link.edge !== null,
            'data-since': link.since,
            'aria-label': line({ link }),
          });
        });
      const marked = new Map((dense ? [] : links).filter((link) => link.edge === null || link.state === 'unreachable').map((link) => [link.key, link]));
      for (const [key, sign] of signs) {
        const link = marked.get(key);
        if (link && (link.edge === null) === sign.matches('text')) continue;
        sign.remove();
        signs.delete(key);
      }
      for (const [key, link] of marked) {
        const sign = signs.get(key) ?? (link.edge === null ? svg('text', { class: 'share', 'dominant-baseline': 'central' }) : svg('g', { class: 'mark' }, svg('circle', { r: 9 }), svg('path')));
        if (!signs.has(key)) marks.append(sign);
        signs.set(key, sign);
        set(sign, { 'data-source': scene.nodes[link.source].key, 'data-target': scene.nodes[link.target].key, 'data-edge': key });
        if (link.edge === null) say(sign, `${link.open}/${link.all}`);
        else set(sign.children[1], { d: GLYPHS[mark(link.reason)] });
      }
      sync(nodes, scene.nodes.filter((node) => node.shown), (node) => (node.state === 'folded' ? 'rect' : 'circle'),
        (_, body) => svg('g', {}, svg(body, body === 'rect' ? { class: 'body', x: -R, y: -R, width: 2 * R, height: 2 * R, rx: 12 } : { class: 'body', r: R }), svg('text', { class: 'id', 'dominant-baseline': 'central' }), ' ', svg('text', { class: 'name' }),
          svg('g', { class: 'strange', transform: `translate(${0.72 * R} ${-0.72 * R})` }, svg('circle', { r: 10 }), svg('path', { d: GLYPHS.other }))),
        (item, node) => {
          const said = node.node >= 0 ? line({ node: node.node }) : line({ group: node.name, count: node.count });
          set(item, {
            class: `node ${node.state} ${node.colour < 0 ? 'c' : `c${node.colour}`}${node.strange ? ' odd' : ''}${next.selected === node.key ? ' selected' : ''}${node.matched ? '' : ' aside'}${node.group ? ' boxed' : ''}`,
            'data-one': node.node >= 0,
            'data-since': node.since,
            'data-tip': said,
            'aria-label': said.startsWith(node.text) ? said : `${node.text} ${said}`,
          });
          set(item.children[1], { 'font-size': node.size, dy: node.node < 0 ? -7 : null });
          say(item.children[1], node.text);
          say(item.children[2], node.node >= 0 ? node.name : shorten(node.name || words.noNamespace, (1.8 * R) / 11));
        });
      arrange();
      shapeOf(null);
      rove();
      tell();
    },
  };
}

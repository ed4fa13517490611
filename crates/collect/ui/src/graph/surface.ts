/** The graph view: nodes in their namespaces, and the paths between them; drawn by hand as SVG. */

import { set, svg } from '../view/element';
import { fitting, gestures, zoom } from './camera';
import type { Curve } from './curve';
import { arrange, around, extent, lines } from './geometry';
import { detail } from './scene';
import type { Geometry } from './geometry';
import { sides } from './layout';
import type { Point } from './layout';
import { drawBundles, drawEdges, drawFrames, drawNodes } from './parts';
import type { Drawing, Handlers } from './parts';
import { createRover } from './rove';
import { centre, createTip } from './tip';
import { createTools } from './tools';
import type { Tool } from './tools';

/** With more edges than this lights would be noise and work, and so would the marks. */
const DENSE = 150;
/** Between islands so few paths are drawn one by one. */
const SINGLE = 24;
const ITEM = '.node, .edge, .bundle, .fold';

export function createGraph(stage: HTMLElement, { select, unfold, resized, keep, kept }: Handlers) {
  const [frames, bundles, edges, dragged, shares, marks, nodes] = Array.from({ length: 7 }, () => svg('g'));
  edges.setAttribute('class', 'resting');
  const world = svg('g', {}, bundles, frames, edges, dragged, shares, marks, nodes);
  const picture = svg('svg', { id: 'graph', role: 'group' }, world);
  const tip = createTip('tip');
  const tools = createTools(tool);
  stage.append(picture, tip.element, tools.element);

  const rover = createRover(nodes, edges, bundles);
  const known = { frames: new Map<string, SVGElement>(), nodes: new Map<string, SVGElement>(), edges: new Map<string, SVGElement>(), signs: new Map<string, SVGElement>(), bundles: new Map<string, SVGElement>(), shares: new Map<string, SVGElement>() };
  let drawing: Drawing | null = null;
  let geometry: Geometry = { places: [], faces: [], boxes: new Map() };
  let curves = new Map<string, Curve>();
  let keys: string[] = [];
  let shape = '';
  let orientation = '';
  let camera = { k: 1, x: 0, y: 0 };
  let shown = { ...camera };
  let moved = false;
  let settling: ReturnType<typeof setTimeout> | undefined;
  let hovered: SVGElement | null = null;
  let focused: SVGElement | null = null;
  let pointer: Point | null = null;

  // ---- moving about ----

  gestures(stage, {
    camera: () => camera,
    move(next) {
      moved = true;
      look(next);
    },
    hold: (target) => (drawing?.scene.level.portrait ? target.closest('.node')?.getAttribute('data-key') ?? null : null),
    drag(key, by) {
      const i = drawing?.scene.nodes.findIndex((node) => node.key === key) ?? -1;
      if (i < 0 || !drawing) return;
      geometry.places[i] = { x: geometry.places[i].x + by.x, y: geometry.places[i].y + by.y };
      if (!stage.classList.contains('dragging')) {
        stage.classList.add('dragging');
        tell();
      }
      moved = true;
      geometry.boxes = around(drawing.scene, geometry.places, geometry.faces);
      paint();
    },
    drop() {
      stage.classList.remove('dragging');
      if (!drawing) return;
      const { scene } = drawing;
      geometry.faces = sides(geometry.places, scene.links, scene.nodes.map(({ wide }) => wide || undefined));
      geometry.boxes = around(scene, geometry.places, geometry.faces);
      remember();
      paint();
      tell();
    },
  });
  new ResizeObserver(() => {
    if (!stage.clientWidth) return;
    resized(room());
    if (!drawing) return;
    arrangeAnew();
    if (!moved) fit();
  }).observe(stage);

  /** What the picture has for itself, beside the tools where there is room beside them. */
  function room() {
    const small = stage.clientWidth < 500;
    return { width: Math.max(1, stage.clientWidth - (small ? 0 : 40)), height: Math.max(1, stage.clientHeight - (small ? 36 : 0)) };
  }

  function fit() {
    moved = false;
    if (!drawing?.scene.nodes.length || !stage.clientWidth) return;
    const { portrait } = drawing.scene.level;
    const { width, height } = room();
    look(fitting(extent(drawing.scene, geometry, curves.values(), portrait), width, height, width < 500 ? 12 : portrait ? 24 : 16, portrait ? 2.2 : 1.7), true);
  }

  function look(next: typeof camera, now: boolean = false) {
    camera = next;
    clearTimeout(settling);
    // Drawing thousands of edges anew takes longer than a frame: while it moves, the picture as it is moves.
    if (!now && edges.childElementCount + bundles.childElementCount > DENSE) {
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
    // What cannot be read moves away.
    picture.classList.toggle('far', camera.k < 0.85);
    picture.classList.toggle('farther', camera.k < 0.5);
  }

  function tool(name: Tool) {
    if (name === 'fit') fit();
    else if (name === 'arrange') {
      keep(orientation, new Map());
      shape = '';
      keys = [];
      arrangeAnew();
      fit();
    } else by(name === 'zoomIn' ? 1.4 : 1 / 1.4);
  }

  function by(factor: number) {
    moved = true;
    look(zoom(camera, factor, { x: stage.clientWidth / 2, y: stage.clientHeight / 2 }));
  }

  // ---- drawing ----

  const remember = () => drawing?.scene.level.portrait && keep(orientation, new Map(keys.map((key, i) => [key, geometry.places[i]])));

  /** Finds places for the nodes, if others are there than before or the stage is another. */
  function arrangeAnew() {
    if (!drawing) return;
    const { scene } = drawing;
    const { portrait, text } = scene.level;
    const turned = stage.clientHeight > stage.clientWidth ? 'tall' : 'wide';
    const now = [portrait, text, portrait ? turned : `${stage.clientWidth} ${stage.clientHeight}`, ...scene.nodes.map(({ key, name }) => `${key} ${name}`)].join('\n');
    if (now === shape) return;
    const first = shape === '' || turned !== orientation;
    const before = new Map([...kept(turned), ...(first || !portrait ? [] : keys.map((key, i): [string, Point] => [key, geometry.places[i]]))]);
    shape = now;
    orientation = turned;
    geometry = arrange(scene, before, room());
    keys = scene.nodes.map(({ key }) => key);
    remember();
    paint();
    if (first || !moved) fit();
  }

  /** What is pointed at, or else selected, of which all is told. */
  function picked(): string | null {
    const item = [hovered, focused].find((element) => element?.isConnected);
    if (item?.matches('.node, .bundle')) return item.dataset.key ?? null;
    if (item?.matches('.frame')) return `namespace ${item.dataset.group ?? ''}`;
    return drawing?.selected ?? null;
  }

  function paint() {
    if (!drawing) return;
    const { scene, fresh } = drawing;
    const all = scene.links.filter((link) => link.shown);
    const bundled = !scene.level.portrait && all.filter(({ source, target }) => source !== target).length > SINGLE;
    const wanted = detail(scene, all, bundled, picked(), fresh);
    const thick = scene.level.portrait ? Math.max(1.4, Math.min(9, 9 * Math.sqrt(14 / (scene.links.length || 1)))) : 2.4;
    const dense = wanted.length > DENSE;
    curves = lines(scene, geometry, wanted, thick);
    picture.style.setProperty('--thick', `${thick.toFixed(1)}px`);
    picture.style.setProperty('--strong', Math.max(0.3, Math.min(1, 400 / scene.links.length)).toFixed(2));
    picture.classList.toggle('dense', dense);
    drawFrames(frames, drawing, geometry, known.frames);
    const between = drawBundles(bundles, shares, bundled ? drawing : { ...drawing, scene: { ...scene, bundles: [] } }, geometry, known.bundles, known.shares);
    drawEdges(edges, marks, wanted, curves, dense, drawing, known.edges, known.signs);
    drawNodes(nodes, drawing, geometry, known.nodes);
    for (const [key, curve] of between) curves.set(key, curve);
    rover.rove();
  }

  // ---- pointing ----

  for (const [type, at] of Object.entries({ pointerover: true, pointerout: false, focusin: true, focusout: false })) {
    picture.addEventListener(type, (event) => {
      const item = at ? (event.target as Element).closest<SVGElement>(`${ITEM}, .frame`) : null;
      const before = picked();
      if (event instanceof PointerEvent) {
        hovered = event.pointerType === 'touch' ? null : item;
        pointer = { x: event.clientX, y: event.clientY };
      } else {
        focused = item?.matches(':focus-visible') ? item : null;
        if (item?.matches('.node, .edge, .bundle')) rover.at(item);
      }
      if (before !== picked() && !drawing?.scene.level.portrait) paint();
      tell();
    });
  }
  picture.addEventListener('pointermove', (event) => {
    pointer = { x: event.clientX, y: event.clientY };
    if (hovered) tell();
  });
  let touched = false;
  picture.addEventListener('pointerdown', ({ pointerType }) => { touched = pointerType === 'touch'; });
  picture.addEventListener('click', ({ target }) => {
    const item = (target as Element).closest(ITEM);
    if (item) open(item);
    else select(null);
  });
  picture.addEventListener('dblclick', (event) => {
    if ((event.target as Element).closest(ITEM)) return;
    const { left, top } = stage.getBoundingClientRect();
    if (touched) look(zoom(camera, 1.8, { x: event.clientX - left, y: event.clientY - top }));
    else fit();
  });
  picture.addEventListener('keydown', (event) => {
    const item = (event.target as Element).closest(ITEM);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      open(item);
    } else if (event.key.startsWith('Arrow')) {
      event.preventDefault();
      rover.step(item, event.key === 'ArrowRight' || event.key === 'ArrowDown' ? 1 : -1, event.key === 'ArrowUp' || event.key === 'ArrowDown');
    }
  });

  function open(item: Element) {
    const key = item.getAttribute('data-key') ?? '';
    if (item.matches('.fold')) unfold(key.replace(/^fold /, ''), false);
    else if (item.matches('.folded')) unfold(key.slice(10), true);
    else if (item.getAttribute('data-one') === 'true') select(key);
  }

  /** Says what is known of what is pointed at, and picks out what belongs to it. */
  function tell() {
    const item = [hovered, focused].find((element) => element?.isConnected && element.matches('.node, .edge, .bundle')) ?? null;
    const pick = picked();
    const whole = pick !== null && (!pick.includes('\n') || pick.startsWith('namespace '));
    picture.classList.toggle('picking', whole);
    if (whole || picture.dataset.picked) {
      picture.dataset.picked = whole ? pick : '';
      const group = drawing?.scene.nodes.find(({ key }) => key === pick)?.group;
      for (const edge of [...edges.children, ...marks.children] as SVGElement[]) edge.classList.toggle('picked', whole && (!drawing?.scene.level.portrait || pick === edge.dataset.source || pick === edge.dataset.target));
      for (const one of [...bundles.children, ...shares.children] as SVGElement[]) {
        one.classList.toggle('picked', whole && (pick === one.dataset.key || [one.dataset.source, one.dataset.target].some((end) => pick === `namespace ${end}` || (group === end && pick?.startsWith('namespace')))));
      }
    }
    if (!item || stage.classList.contains('dragging')) {
      tip.hide();
      return;
    }
    tip.show(item.dataset.tip ?? item.getAttribute('aria-label') ?? '', stage, item === hovered && pointer ? { ...pointer, r: 0 } : centre(item));
  }

  return {
    fit,
    zoom: by,
    focus: rover.focus,

    /** Forgets what is pointed at. */
    quiet() {
      hovered = null;
      focused = null;
      paint();
      tell();
    },

    draw(next: Drawing) {
      const before = drawing;
      drawing = next;
      const { words } = next;
      picture.classList.toggle('still', !next.markers || next.still);
      picture.classList.toggle('lit', next.lit);
      picture.classList.toggle('islands', !next.scene.level.portrait);
      if (before?.words !== words) {
        set(picture, { 'aria-label': words.graphLabel });
        tools.speak(words);
      }
      arrangeAnew();
      paint();
      tell();
    },
  };
}

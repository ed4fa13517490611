/** The matrix view: a cell a verdict, on canvas, with headings that stay. */

import type { Visible } from '../asked/filter';
import { createTip } from '../graph/tip';
import { known } from '../known/graph';
import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Words } from '../said/words';
import { html, say, set } from '../view/element';
import { grid, sizes, sums } from './grid';
import type { Grid } from './grid';
import { colours } from './ink';
import { BAND, INDENT, LEGIBLE, createPainter } from './paint';
import type { Cell } from './paint';
import { createPixels } from './pixels';
import type { Place } from './pixels';

export type Drawing = {
  graph: Graph, seen: Visible, order: string, selected: { source: number, target: number } | null, line: (source: number, edge: RowEdge) => string, words: Words,
};

export function createMatrix(stage: HTMLElement, { select, node }: { select: (source: number, target: number) => void, node: (place: number) => void }) {
  const canvas = html('canvas', { 'aria-hidden': 'true' });
  const area = html('div', { class: 'area' });
  const cell = html('span', { role: 'gridcell', id: 'cell' });
  const row = html('span', { role: 'row' }, cell);
  const scroll = html('div', { class: 'scroll', role: 'grid', tabindex: 0, 'aria-activedescendant': 'cell' }, area, html('div', { class: 'spoken' }, row));
  const tip = createTip();
  const smaller = html('button', { type: 'button', click: () => resize(-1) }, '−');
  const larger = html('button', { type: 'button', click: () => resize(1) }, '+');
  const tools = html('div', { class: 'tools', role: 'group' }, larger, smaller);
  const swatch = html('span', { class: 'swatch', hidden: '' });
  stage.append(canvas, scroll, tip.element, tools, swatch);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const painter = createPainter(context);
  const pixels = createPixels();

  let drawing: Drawing | null = null;
  let plan: Grid = { rows: [], columns: [], rowSpans: [], columnSpans: [], column: new Int32Array() };
  let wanted = '';
  let ink = colours(swatch);
  /** The height of a row. */
  let size = 0;
  let shape: Cell = { width: 1, height: 1 };
  let head = { left: 100, top: 100 };
  let cursor: Place = { row: 0, column: 0 };
  let hover: Place | null = null;
  let pointer = { x: 0, y: 0 };
  let waiting = 0;

  const soon = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      render();
    });
  };
  scroll.addEventListener('scroll', soon, { passive: true });
  new ResizeObserver(() => {
    if (!drawing || !stage.clientWidth) return;
    measure();
    render();
  }).observe(stage);
  scroll.addEventListener('pointermove', (event) => {
    hover = event.pointerType === 'touch' ? null : at(event);
    pointer = { x: event.clientX, y: event.clientY };
    soon();
  });
  scroll.addEventListener('pointerleave', () => {
    hover = null;
    soon();
  });
  // A pinch on a touchpad comes as a wheel with Ctrl.
  scroll.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    pinched += event.deltaY;
    if (Math.abs(pinched) < 12) return;
    resize(pinched < 0 ? 1 : -1);
    pinched = 0;
  }, { passive: false });
  let pinched = 0;
  scroll.addEventListener('click', (event) => {
    const hit = at(event);
    const { left, top } = scroll.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    if (hit) {
      cursor = hit;
      choose();
      return;
    }
    const place = x < head.left && y > head.top ? plan.rows[Math.floor((y - head.top + scroll.scrollTop) / shape.height)]
      : y < head.top && x > head.left ? plan.columns[Math.floor((x - head.left + scroll.scrollLeft) / shape.width)] : undefined;
    if (place !== undefined) node(place);
  });
  scroll.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key];
    if (move) {
      event.preventDefault();
      const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
      cursor = { row: within(cursor.row + move[0], plan.rows.length), column: within(cursor.column + move[1], plan.columns.length) };
      reveal();
      speak();
      soon();
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose();
    }
  });
  scroll.addEventListener('focus', () => {
    speak();
    soon();
  });
  scroll.addEventListener('blur', soon);

  function choose() {
    const [source, target] = [plan.rows[cursor.row], plan.columns[cursor.column]];
    if (source !== undefined && target !== undefined && edgeAt(cursor)) select(source, target);
    soon();
  }

  function at(event: MouseEvent): Place | null {
    const { left, top } = scroll.getBoundingClientRect();
    const [x, y] = [event.clientX - left - head.left, event.clientY - top - head.top];
    if (x < 0 || y < 0) return null;
    const found = { row: Math.floor((y + scroll.scrollTop) / shape.height), column: Math.floor((x + scroll.scrollLeft) / shape.width) };
    return found.row < plan.rows.length && found.column < plan.columns.length ? found : null;
  }

  function edgeAt({ row: down, column: across }: Place): RowEdge | undefined {
    const [source, target] = [plan.rows[down], plan.columns[across]];
    const edges = drawing?.graph.rows[source]?.filter((edge) => edge.target === target && drawing?.seen.edge(source, edge)) ?? [];
    return edges.find((edge) => known(edge) === 'unreachable') ?? edges[0];
  }

  function lineAt(place: Place): string {
    const [source, target] = [plan.rows[place.row], plan.columns[place.column]];
    if (!drawing || source === undefined || target === undefined) return '';
    const edge = edgeAt(place);
    const { names } = drawing.graph;
    return edge ? drawing.line(source, edge) : `${names[source].name} → ${names[target].name} · ${drawing.words.notChecked}`;
  }

  function speak() {
    set(row, { 'aria-rowindex': cursor.row + 1 });
    set(cell, { 'aria-colindex': cursor.column + 1 });
    say(cell, lineAt(cursor));
  }

  function reveal() {
    const [x, y] = [cursor.column * shape.width, cursor.row * shape.height];
    const [wide, high] = [scroll.clientWidth - head.left - shape.width, scroll.clientHeight - head.top - shape.height];
    scroll.scrollLeft = Math.max(x - wide, Math.min(x, scroll.scrollLeft));
    scroll.scrollTop = Math.max(y - high, Math.min(y, scroll.scrollTop));
  }

  // ---- how large ----

  const room = () => ({ width: Math.max(1, stage.clientWidth - head.left - 60), height: Math.max(1, stage.clientHeight - head.top - 16) });
  const choices = () => sizes({ rows: plan.rows.length, columns: plan.columns.length }, room());

  function resize(way: number) {
    const steps = choices();
    const now = steps.findIndex((one) => one >= size);
    const middle = { x: (scroll.scrollLeft + scroll.clientWidth / 2) / shape.width, y: (scroll.scrollTop + scroll.clientHeight / 2) / shape.height };
    size = steps[Math.max(0, Math.min(steps.length - 1, (now < 0 ? steps.length - 1 : now) + way))];
    measure();
    scroll.scrollLeft = middle.x * shape.width - scroll.clientWidth / 2;
    scroll.scrollTop = middle.y * shape.height - scroll.clientHeight / 2;
    render();
  }

  /** How much room the headings need, and the whole. */
  function measure() {
    if (!drawing) return;
    context.font = `700 12px ${font()}`;
    const { names } = drawing.graph;
    const longest = (places: number[]) => places.reduce((most, place) => Math.max(most, context.measureText(names[place].name).width), 0);
    const band = plan.rowSpans.some(({ name }) => name) || plan.columnSpans.some(({ name }) => name) ? BAND : 0;
    const bounds = (places: number[]) => Math.min(190, stage.clientWidth * 0.3, longest(places)) + 20;
    for (let turn = 0; turn < 3; turn += 1) {
      const small = size > 0 && size < LEGIBLE;
      const flat = shape.width >= 64 && size >= LEGIBLE;
      head = {
        left: small ? 96 : Math.max(80, bounds(plan.rows) + band + INDENT),
        top: BAND + band + (small ? 4 : flat ? 24 : bounds(plan.columns)),
      };
      const steps = choices();
      // What is as large as it can be stays so.
      if (size === 0 || !steps.includes(size)) size = steps.find((one) => one >= LEGIBLE) ?? steps[steps.length - 1];
      const { width } = room();
      shape = { height: size, width: size < LEGIBLE ? size : Math.max(size, Math.floor(Math.min(3.2 * size, 320, width / (plan.columns.length || 1)))) };
    }
    area.style.width = `${head.left + plan.columns.length * shape.width + 12}px`;
    area.style.height = `${head.top + plan.rows.length * shape.height + 12}px`;
    const [width, height] = [Math.round(stage.clientWidth * devicePixelRatio), Math.round(stage.clientHeight * devicePixelRatio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  }

  const font = () => getComputedStyle(stage).fontFamily;

  function render(only: Place[] | null = null) {
    if (!drawing || !stage.clientWidth || !size) return;
    const { graph, seen, words, selected } = drawing;
    const chosen = selected && { row: plan.rows.indexOf(selected.source), column: plan.columns.indexOf(selected.target) };
    const focused = document.activeElement === scroll;
    painter.paint({
      graph, plan, seen, words, ink, cell: shape, head, scroll: { left: scroll.scrollLeft, top: scroll.scrollTop },
      room: { width: stage.clientWidth, height: stage.clientHeight }, font: font(), pixels: pixels.canvas,
      selected: chosen && chosen.row >= 0 && chosen.column >= 0 ? chosen : null, hover, cursor: focused ? cursor : null,
    }, only);
    set(stage, { 'data-drawn': graph.seq });
    if (only) return;
    const pointed = hover ?? (focused && scroll.matches(':focus-visible') ? cursor : null);
    const { left, top } = stage.getBoundingClientRect();
    if (pointed) {
      tip.show(lineAt(pointed), stage, hover ? { ...pointer, r: 0 }
        : { x: left + head.left + (cursor.column + 0.5) * shape.width - scroll.scrollLeft, y: top + head.top + (cursor.row + 0.5) * shape.height - scroll.scrollTop, r: shape.height / 2 });
    } else tip.hide();
    if (focused) speak();
    set(scroll, { 'aria-label': words.matrixLabel, 'aria-rowcount': plan.rows.length, 'aria-colcount': plan.columns.length });
    set(tools, { 'aria-label': words.cellSize });
    set(larger, { 'aria-label': words.zoomIn, title: words.zoomIn });
    set(smaller, { 'aria-label': words.zoomOut, title: words.zoomOut });
  }

  return {
    zoom: (factor: number) => resize(factor > 1 ? 1 : -1),
    fit() {
      size = 0;
      for (let turn = 0; turn < 2; turn += 1) {
        [size] = choices();
        measure();
      }
      render();
    },
    focus: () => scroll.focus(),

    /** The theme changed. */
    recolour() {
      ink = colours(swatch);
      pixels.forget();
      painter.forget();
      if (drawing) pixels.update(plan, drawing.graph.rows, drawing.seen, ink);
      render();
    },

    draw(next: Drawing) {
      const before = drawing;
      drawing = next;
      const { graph, seen, order } = next;
      // Another set of nodes or another filter is another grid; by trouble, each change may be.
      const now = `${order}\n${seen.nodes.map(Number).join('')}`;
      if (!before || before.graph.names !== graph.names || before.seen.edge !== seen.edge || now !== wanted || order === 'trouble') {
        plan = grid(graph, seen, order);
        pixels.forget();
        if (now !== wanted) size = 0;
        wanted = now;
        if (!before) ink = colours(swatch);
        sums(plan, graph, seen);
        measure();
        pixels.update(plan, graph.rows, seen, ink);
        render();
        return;
      }
      const cells = pixels.update(plan, graph.rows, seen, ink);
      const quiet = hover === null && document.activeElement !== scroll && JSON.stringify(before.selected) === JSON.stringify(next.selected) && before.words === next.words;
      const summed = (cells === null || cells.length > 0) && sums(plan, graph, seen);
      if (quiet && cells && !summed && cells.length <= 2000) render(cells);
      else render();
    },
  };
}

/** The matrix view: a cell a verdict, on canvas, with headings that stay. */

import type { Grid } from './grid';
import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Visible } from '../asked/filter';
import type { Words } from '../said/words';
import { html, say, set } from '../view/element';
import { CELL, fill, grid, single, sizes } from './grid';
import { GLYPHS, mark } from '../said/mark';
import { ems, shorten } from '../graph/layout';
import { changedPlaces, differs, known } from '../known/graph';

export type Drawing = { graph: Graph, seen: Visible, order: string, selected: { source: number, target: number } | null, line: (source: number, edge: RowEdge) => string, words: Words };

/** Cells of this size have room for a mark, and a heading for its name. */
const LEGIBLE = 14;
/** Room at the left, as the sentence has it. */
const INDENT = 16;
const CHECK = new Path2D('M-4.5 0.3L-1.5 3.3L4.5 -3');
const MARKS = Object.fromEntries(Object.entries(GLYPHS).map(([name, path]) => [name, new Path2D(path)]));

export function createMatrix(stage: HTMLElement, { select, node }: { select: (source: number, target: number) => void, node: (place: number) => void }) {
  const canvas = html('canvas', { 'aria-hidden': 'true' });
  const area = html('div', { class: 'area' });
  const cell = html('span', { role: 'gridcell', id: 'cell' });
  const row = html('span', { role: 'row' }, cell);
  const scroll = html('div', { class: 'scroll', role: 'grid', tabindex: 0, 'aria-activedescendant': 'cell' }, area, html('div', { class: 'spoken' }, row));
  const tip = html('p', { class: 'tip', 'aria-hidden': 'true', hidden: '' });
  const smaller = html('button', { type: 'button', click: () => resize(-1) }, '−');
  const larger = html('button', { type: 'button', click: () => resize(1) }, '+');
  const tools = html('div', { class: 'tools', role: 'group' }, larger, smaller);
  const swatch = html('span', { class: 'swatch', hidden: '' });
  stage.append(canvas, scroll, tip, tools, swatch);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  // One pixel a cell: what the eye sees from afar, and the ground that marks are drawn on.
  const pixels = document.createElement('canvas');
  const ground = pixels.getContext('2d') as CanvasRenderingContext2D;

  let drawing: Drawing | null = null;
  let plan: Grid = { rows: [], columns: [], rowSpans: [], columnSpans: [], column: new Int32Array() };
  let image: ImageData | null = null;
  let filled: (RowEdge[] | null)[] = [];
  let wanted = '';
  /** Marks as they are drawn, by name and size. */
  const stamps = new Map<string, HTMLCanvasElement>();
  let ink = colours();
  let size = 0;
  let head = { left: 100, top: 100 };
  let cursor = { row: 0, column: 0 };
  let hover: { row: number, column: number } | null = null;
  let waiting = 0;

  const paint = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      render();
    });
  };
  scroll.addEventListener('scroll', paint, { passive: true });
  new ResizeObserver(() => {
    if (drawing && stage.clientWidth) {
      measure();
      render();
    }
  }).observe(stage);
  scroll.addEventListener('pointermove', (event) => {
    hover = at(event);
    paint();
  });
  scroll.addEventListener('pointerleave', () => {
    hover = null;
    paint();
  });
  scroll.addEventListener('click', (event) => {
    const hit = at(event);
    const { left, top } = scroll.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    if (hit) {
      cursor = hit;
      choose();
    } else if (x < head.left && y > head.top) {
      const place = plan.rows[Math.floor((y - head.top + scroll.scrollTop) / size)];
      if (place !== undefined) node(place);
    } else if (y < head.top && x > head.left) {
      const place = plan.columns[Math.floor((x - head.left + scroll.scrollLeft) / size)];
      if (place !== undefined) node(place);
    }
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
      paint();
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose();
    }
  });
  scroll.addEventListener('focus', () => {
    speak();
    paint();
  });
  scroll.addEventListener('blur', paint);

  function choose() {
    const [source, target] = [plan.rows[cursor.row], plan.columns[cursor.column]];
    if (source !== undefined && target !== undefined && edgeAt(cursor)) select(source, target);
    paint();
  }

  function at(event: MouseEvent) {
    const { left, top } = scroll.getBoundingClientRect();
    const [x, y] = [event.clientX - left - head.left, event.clientY - top - head.top];
    if (x < 0 || y < 0) return null;
    const found = { row: Math.floor((y + scroll.scrollTop) / size), column: Math.floor((x + scroll.scrollLeft) / size) };
    return found.row < plan.rows.length && found.column < plan.columns.length ? found : null;
  }

  function edgeAt({ row: down, column: across }: { row: number, column: number }) {
    const source = plan.rows[down];
    const target = plan.columns[across];
    const edges = drawing?.graph.rows[source]?.filter((edge) => edge.target === target && drawing?.seen.edge(source, edge)) ?? [];
    return edges.find((edge) => known(edge) === 'unreachable') ?? edges[0];
  }

  function lineAt(place: { row: number, column: number }) {
    if (!drawing) return '';
    const [source, target] = [plan.rows[place.row], plan.columns[place.column]];
    if (source === undefined || target === undefined) return '';
    const edge = edgeAt(place);
    return edge ? drawing.line(source, edge) : `${drawing.graph.names[source].name} → ${drawing.graph.names[target].name} · ${drawing.words.notChecked}`;
  }

  function speak() {
    set(row, { 'aria-rowindex': cursor.row + 1 });
    set(cell, { 'aria-colindex': cursor.column + 1 });
    say(cell, lineAt(cursor));
  }

  function reveal() {
    const [x, y] = [cursor.column * size, cursor.row * size];
    const [wide, high] = [scroll.clientWidth - head.left - size, scroll.clientHeight - head.top - size];
    scroll.scrollLeft = Math.max(x - wide, Math.min(x, scroll.scrollLeft));
    scroll.scrollTop = Math.max(y - high, Math.min(y, scroll.scrollTop));
  }

  function resize(way: number) {
    const steps = choices();
    const now = steps.findIndex((one) => one >= size);
    const next = steps[Math.max(0, Math.min(steps.length - 1, (now < 0 ? steps.length - 1 : now) + way))];
    const middle = { x: (scroll.scrollLeft + scroll.clientWidth / 2) / size, y: (scroll.scrollTop + scroll.clientHeight / 2) / size };
    size = next;
    measure();
    scroll.scrollLeft = middle.x * size - scroll.clientWidth / 2;
    scroll.scrollTop = middle.y * size - scroll.clientHeight / 2;
    render();
  }

  function choices() {
    return sizes(Math.max(plan.rows.length, plan.columns.length), Math.min(stage.clientWidth - head.left, stage.clientHeight - head.top) - 16);
  }

  /** How much room the headings need, and the whole. */
  function measure() {
    if (!drawing) return;
    context.font = font(12, 700);
    const { names } = drawing.graph;
    const longest = (places: number[]) => places.reduce((most, place) => Math.max(most, context.measureText(names[place].name).width), 0);
    const text = (places: number[]) => Math.min(190, stage.clientWidth * 0.3, longest(places)) + 20;
    const band = plan.rowSpans.some((span) => span.name) ? 22 : 0;
    const small = size > 0 && size < LEGIBLE;
    head = { left: Math.max(small ? 90 : 60, small ? 0 : text(plan.rows) + band + INDENT), top: small ? 30 : Math.max(44, text(plan.columns) + band) };
    if (size === 0 || !choices().includes(size)) {
      const steps = choices();
      size = steps.find((one) => one >= LEGIBLE) ?? steps[steps.length - 1];
    }
    area.style.width = `${head.left + plan.columns.length * size + 12}px`;
    area.style.height = `${head.top + plan.rows.length * size + 12}px`;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(stage.clientWidth * ratio), Math.round(stage.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  }

  /** The style sheet's colours, as numbers where pixels are set. */
  function colours() {
    const style = getComputedStyle(swatch);
    const of = (name: string) => {
      swatch.style.color = `var(--${name})`;
      return style.color;
    };
    const [r, g, b] = [0, 1, 2];
    const number = (name: string) => {
      const parts = (of(name).match(/[\d.]+/g) ?? []).map(Number);
      return (255 << 24) | (parts[b] << 16) | (parts[g] << 8) | parts[r];
    };
    const names = ['cell-open', 'cell-shut', 'cell-unknown', 'paper', 'card', 'ink', 'soft', 'rule', 'bad', 'focus', 'cell-self', 'good'];
    return { css: Object.fromEntries(names.map((name) => [name, of(name)])), number: Object.fromEntries(names.map((name) => [name, number(name)])) };
  }

  const font = (px: number, weight = 400) => `${weight} ${px}px ${getComputedStyle(stage).fontFamily}`;

  /**
   * Sets the pixels of what changed.
   * @returns the cells, or null for whole rows
   */
  function update(): { row: number, column: number }[] | null {
    if (!drawing) return null;
    const [wide, high] = [plan.columns.length, plan.rows.length];
    if (!wide || !high) return null;
    let changed: { row: number, column: number }[] | null = [];
    if (!image || image.width !== wide || image.height !== high) {
      image = new ImageData(wide, high);
      [pixels.width, pixels.height] = [wide, high];
      filled = [];
    }
    const data = new Uint32Array(image.data.buffer);
    const { number } = ink;
    const shade = new Uint32Array(32).fill(number['cell-unknown']);
    for (let flags = 0; flags < 32; flags += 8) {
      shade[flags] = number.card;
      shade[flags + CELL.reachable] = number['cell-open'];
      shade[flags + CELL.unreachable] = number['cell-shut'];
    }
    shade[CELL.self + CELL.reachable] = number['cell-self'];
    const cells = new Uint8Array(wide);
    let [first, last] = [high, -1];
    for (let i = 0; i < high; i += 1) {
      const source = plan.rows[i];
      const edges = drawing.graph.rows[source];
      const before = filled[i];
      if (before === edges) continue;
      filled[i] = edges;
      // Mostly a cell or two of a thousand are others.
      const few = before && changedPlaces(before, edges);
      if (few) {
        for (const place of few) {
          const at = plan.column[edges[place].target];
          if (at < 0) continue;
          data[i * wide + at] = shade[single(edges, source, edges[place].target, drawing.seen)];
          changed?.push({ row: i, column: at });
        }
      } else {
        fill(edges, source, plan, drawing.seen, cells);
        for (let k = 0; k < wide; k += 1) data[i * wide + k] = shade[cells[k]];
        changed = null;
      }
      first = Math.min(first, i);
      last = i;
    }
    if (last >= 0) ground.putImageData(image, 0, 0, 0, first, wide, last - first + 1);
    return changed;
  }

  /** Draws single cells anew, where the rest stays as it is. */
  function touch(cells: { row: number, column: number }[]) {
    const gap = size >= LEGIBLE ? 1 : size >= 6 ? 0.5 : 0;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.imageSmoothingEnabled = false;
    context.save();
    context.beginPath();
    context.rect(head.left, head.top, stage.clientWidth - head.left, stage.clientHeight - head.top);
    context.clip();
    const [left, top] = [scroll.scrollLeft, scroll.scrollTop];
    for (const { row: down, column: across } of cells) {
      const [x, y] = [head.left + across * size - left, head.top + down * size - top];
      if (x < head.left - size || y < head.top - size || x > stage.clientWidth || y > stage.clientHeight) continue;
      context.drawImage(pixels, across, down, 1, 1, x + gap, y + gap, size - 2 * gap, size - 2 * gap);
      if (size >= LEGIBLE) signs(down, (column) => column === across, () => x, y);
    }
    context.restore();
  }

  function render() {
    if (!drawing || !stage.clientWidth || !size) return;
    const { graph, words, selected } = drawing;
    const { css } = ink;
    const ratio = devicePixelRatio;
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    const [left, top] = [scroll.scrollLeft, scroll.scrollTop];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = css.paper;
    context.fillRect(0, 0, width, height);
    const [rows, columns] = [plan.rows.length, plan.columns.length];
    const from = { row: Math.floor(top / size), column: Math.floor(left / size) };
    const to = { row: Math.min(rows, Math.ceil((top + height - head.top) / size)), column: Math.min(columns, Math.ceil((left + width - head.left) / size)) };
    const x = (column: number) => head.left + column * size - left;
    const y = (down: number) => head.top + down * size - top;
    if (rows && columns) {
      context.save();
      context.beginPath();
      context.rect(head.left, head.top, width - head.left, height - head.top);
      context.clip();
      context.imageSmoothingEnabled = false;
      context.drawImage(pixels, from.column, from.row, to.column - from.column, to.row - from.row, x(from.column), y(from.row), (to.column - from.column) * size, (to.row - from.row) * size);
      context.strokeStyle = css.paper;
      if (size >= 6) {
        context.lineWidth = size >= LEGIBLE ? 2 : 1;
        context.beginPath();
        for (let i = from.column; i <= to.column; i += 1) line(x(i), y(from.row), x(i), y(to.row));
        for (let i = from.row; i <= to.row; i += 1) line(x(from.column), y(i), x(to.column), y(i));
        context.stroke();
      }
      if (size >= LEGIBLE) marks(from, to, x, y);
      context.strokeStyle = css.soft;
      context.lineWidth = 1;
      context.beginPath();
      for (const { start } of plan.columnSpans.slice(1)) line(x(start), y(from.row), x(start), y(to.row));
      for (const { start } of plan.rowSpans.slice(1)) line(x(from.column), y(start), x(to.column), y(start));
      context.stroke();
      const frame = (place: { row: number, column: number } | null, colour: string, thick: number) => {
        if (!place) return;
        context.strokeStyle = colour;
        context.lineWidth = thick;
        context.strokeRect(x(place.column) + 0.5, y(place.row) + 0.5, size - 1, size - 1);
      };
      const chosen = selected && { row: plan.rows.indexOf(selected.source), column: plan.columns.indexOf(selected.target) };
      if (chosen && chosen.row >= 0 && chosen.column >= 0) frame(chosen, css.ink, 2.5);
      frame(hover, css.ink, 1.5);
      if (document.activeElement === scroll) frame(cursor, css.focus, 3);
      context.restore();
    }
    headings(from, to, x, y);
    const pointed = hover ?? (document.activeElement === scroll && scroll.matches(':focus-visible') ? cursor : null);
    const told = pointed ? lineAt(pointed) : '';
    tip.hidden = !told;
    if (pointed && told) {
      say(tip, told);
      tip.style.left = `${Math.max(8, Math.min(x(pointed.column) + size / 2 - tip.offsetWidth / 2, width - tip.offsetWidth - 8))}px`;
      const above = y(pointed.row) - tip.offsetHeight - 8;
      tip.style.top = `${above < 0 ? y(pointed.row) + size + 8 : above}px`;
    }
    if (document.activeElement === scroll) speak();
    set(scroll, { 'aria-label': words.matrixLabel, 'aria-rowcount': rows, 'aria-colcount': columns });
    set(tools, { 'aria-label': words.cellSize });
    set(larger, { 'aria-label': words.zoomIn, title: words.zoomIn });
    set(smaller, { 'aria-label': words.zoomOut, title: words.zoomOut });
    set(stage, { 'data-drawn': graph.seq });
  }

  function line(x: number, y: number, toX: number, toY: number) {
    context.moveTo(x, y);
    context.lineTo(toX, toY);
  }

  /** Why the closed are closed, and dots for what is not known: nothing is told by colour alone. */
  function marks(from: { row: number, column: number }, to: { row: number, column: number }, x: (column: number) => number, y: (row: number) => number) {
    if (!drawing) return;
    for (let i = from.row; i < to.row; i += 1) signs(i, (column) => column >= from.column && column < to.column, x, y(i));
  }

  function signs(down: number, wants: (column: number) => boolean, x: (column: number) => number, y: number) {
    if (!drawing) return;
    const source = plan.rows[down];
    for (const edge of drawing.graph.rows[source]) {
      const column = plan.column[edge.target];
      if (!wants(column) || !drawing.seen.edge(source, edge)) continue;
      const state = known(edge);
      const name = state === 'unreachable' ? mark(edge.reason) : state === 'reachable' ? (edge.target === source ? 'loop' : 'check') : state;
      if (size >= 20 || state !== 'reachable') stamp(name, x(column), y);
      if (differs(edge)) stamp('differs', x(column), y);
    }
  }

  /** Draws a mark from its stamp: thousands of them are to be drawn within a frame. */
  function stamp(name: string, x: number, y: number) {
    const key = `${name} ${size} ${devicePixelRatio}`;
    let made = stamps.get(key);
    if (!made) {
      made = document.createElement('canvas');
      made.width = made.height = Math.ceil(size * devicePixelRatio);
      const pen = made.getContext('2d') as CanvasRenderingContext2D;
      const scale = Math.min(1.15, size / 20) * devicePixelRatio;
      pen.translate(made.width / 2, made.height / 2);
      pen.scale(scale, scale);
      pen.lineWidth = 1.6;
      pen.lineCap = pen.lineJoin = 'round';
      const { css } = ink;
      pen.strokeStyle = { check: css.card, loop: css['cell-open'], differs: css.focus }[name] ?? css.bad;
      pen.fillStyle = css.soft;
      if (name === 'check' || name === 'loop') pen.stroke(CHECK);
      else if (name === 'differs') {
        pen.lineWidth = 2;
        pen.strokeRect(-8, -8, 16, 16);
      } else if (name === 'unknown' || name === 'pending') for (const dx of name === 'pending' ? [0] : [-4, 0, 4]) pen.fillRect(dx - 1, -1, 2, 2);
      else pen.stroke(MARKS[name]);
      stamps.set(key, made);
    }
    context.drawImage(made, x, y, size, size);
  }

  function headings(from: { row: number, column: number }, to: { row: number, column: number }, x: (column: number) => number, y: (row: number) => number) {
    if (!drawing) return;
    const { css } = ink;
    const { names } = drawing.graph;
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    context.textBaseline = 'middle';
    const legible = size >= LEGIBLE;
    const pointed = hover ?? (document.activeElement === scroll ? cursor : null);
    const band = plan.rowSpans.some((span) => span.name) || plan.columnSpans.some((span) => span.name) ? 22 : 0;
    const fit = (text: string, room: number) => {
      if (context.measureText(text).width <= room) return text;
      const short = shorten(text, room / context.measureText('n').width * ems('n'));
      return context.measureText(short).width <= room ? short : '';
    };
    const side = (across: boolean) => {
      const [places, spans, start, end, pos] = across
        ? [plan.columns, plan.columnSpans, from.column, to.column, x] : [plan.rows, plan.rowSpans, from.row, to.row, y];
      context.save();
      context.beginPath();
      if (across) context.rect(head.left, 0, width - head.left, head.top);
      else context.rect(0, head.top, head.left, height - head.top);
      context.clip();
      context.fillStyle = css.paper;
      context.fillRect(0, 0, width, height);
      const lit = pointed && (across ? pointed.column : pointed.row);
      if (legible) {
        for (let i = start; i < end; i += 1) {
          context.font = font(12, i === lit ? 700 : 400);
          context.fillStyle = i === lit ? css.ink : css.soft;
          context.save();
          if (across) {
            context.translate(pos(i) + size / 2, head.top - 8);
            context.rotate(-Math.PI / 2);
            context.textAlign = 'left';
          } else {
            context.translate(head.left - 8, pos(i) + size / 2);
            context.textAlign = 'right';
          }
          context.fillText(fit(names[places[i]].name, (across ? head.top : head.left - INDENT) - 12 - band), 0, 0);
          context.restore();
        }
      }
      context.font = font(11, 600);
      context.fillStyle = css.ink;
      for (const span of spans) {
        if (!span.name || pos(span.end) < (across ? head.left : head.top) || pos(span.start) > (across ? width : height)) continue;
        const begin = Math.max(pos(span.start), across ? head.left : head.top);
        const room = pos(span.end) - begin;
        context.save();
        if (across) context.translate(begin + 3, legible ? 11 : head.top / 2);
        else if (legible) {
          const end = Math.min(begin + room, height);
          context.translate(INDENT + 10, (begin + end) / 2);
          context.rotate(-Math.PI / 2);
        } else context.translate(INDENT, begin + Math.min(8, room / 2));
        context.textAlign = legible && !across ? 'center' : 'left';
        const text = across || legible ? fit(span.name, room - 6) : room >= 11 ? fit(span.name, head.left - 12) : '';
        context.fillText(text, 0, 0);
        context.restore();
      }
      context.restore();
    };
    context.fillStyle = css.paper;
    context.fillRect(0, 0, head.left, head.top);
    side(true);
    side(false);
    context.fillStyle = css.paper;
    context.fillRect(0, 0, head.left, head.top);
  }

  return {
    zoom: (factor: number) => resize(factor > 1 ? 1 : -1),
    fit() {
      size = choices()[0];
      measure();
      // The headings of the small are smaller, so that more may fit.
      size = choices()[0];
      measure();
      render();
    },
    focus: () => scroll.focus(),

    /** The theme changed. */
    recolour() {
      ink = colours();
      filled = [];
      stamps.clear();
      update();
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
        filled = [];
        wanted = now;
        if (!before) ink = colours();
        measure();
        update();
        render();
        return;
      }
      const cells = update();
      const quiet = hover === null && document.activeElement !== scroll && JSON.stringify(before.selected) === JSON.stringify(next.selected) && before.words === next.words;
      if (!cells || !quiet || cells.length > 2000) render();
      else {
        touch(cells);
        set(stage, { 'data-drawn': graph.seq });
      }
    },
  };
}

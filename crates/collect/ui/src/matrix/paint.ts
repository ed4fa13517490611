/** Draws the matrix on its canvas: cells, what is written in them, and the headings that stay. */

import type { Visible } from '../asked/filter';
import { ems, shorten } from '../graph/layout';
import { differs, known } from '../known/graph';
import type { Graph } from '../known/graph';
import type { RowEdge } from '../known/wire';
import { mark } from '../said/mark';
import { explain } from '../said/words';
import type { Words } from '../said/words';
import type { Grid, Span } from './grid';
import type { Ink } from './ink';
import type { Place } from './pixels';
import { createStamps } from './stamp';

/** Rows of this height have room for a name, and cells for a mark. */
export const LEGIBLE = 15;
/** Room at the left, as the sentence has it. */
export const INDENT = 16;
/** For the names of namespaces, and for the words that say which side is which. */
export const BAND = 22;
/** Cells as large as this say why in words. */
const SPEAKING = { width: 76, height: 34 };

export type Cell = { width: number, height: number };
export type Picture = {
  graph: Graph, plan: Grid, seen: Visible, words: Words, ink: Ink, cell: Cell, head: { left: number, top: number },
  scroll: { left: number, top: number }, room: { width: number, height: number }, font: string, pixels: HTMLCanvasElement,
  selected: Place | null, hover: Place | null, cursor: Place | null,
};

export function createPainter(context: CanvasRenderingContext2D) {
  const stamps = createStamps();

  /** All, or some cells where the rest stays as it is. */
  function paint(picture: Picture, only: Place[] | null) {
    const { plan, cell, head, scroll, room, ink: { css }, pixels } = picture;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.imageSmoothingEnabled = false;
    const x = (column: number) => head.left + column * cell.width - scroll.left;
    const y = (row: number) => head.top + row * cell.height - scroll.top;
    const from = { row: Math.floor(scroll.top / cell.height), column: Math.floor(scroll.left / cell.width) };
    const to = {
      row: Math.min(plan.rows.length, Math.ceil((scroll.top + room.height - head.top) / cell.height)),
      column: Math.min(plan.columns.length, Math.ceil((scroll.left + room.width - head.left) / cell.width)),
    };
    const gap = cell.height >= LEGIBLE ? 1 : cell.height >= 6 ? 0.5 : 0;
    context.save();
    if (!only) {
      context.fillStyle = css.paper;
      context.fillRect(0, 0, room.width, room.height);
    }
    context.beginPath();
    context.rect(head.left, head.top, room.width - head.left, room.height - head.top);
    context.clip();
    if (only) {
      for (const { row, column } of only) {
        if (row < from.row || row >= to.row || column < from.column || column >= to.column) continue;
        context.drawImage(pixels, column, row, 1, 1, x(column) + gap, y(row) + gap, cell.width - 2 * gap, cell.height - 2 * gap);
        if (cell.height >= LEGIBLE) signs(picture, row, (at) => at === column, x, y(row));
      }
      context.restore();
      return;
    }
    if (to.row > from.row && to.column > from.column) {
      context.drawImage(pixels, from.column, from.row, to.column - from.column, to.row - from.row, x(from.column), y(from.row), (to.column - from.column) * cell.width, (to.row - from.row) * cell.height);
      const rule = (colour: string, width: number, columns: number[], rows: number[]) => {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.beginPath();
        for (const i of columns) context.moveTo(x(i), y(from.row)), context.lineTo(x(i), y(to.row));
        for (const i of rows) context.moveTo(x(from.column), y(i)), context.lineTo(x(to.column), y(i));
        context.stroke();
      };
      const every = (start: number, end: number) => Array.from({ length: end - start + 1 }, (_, i) => start + i);
      if (gap) rule(css.paper, 2 * gap, every(from.column, to.column), every(from.row, to.row));
      if (cell.height >= LEGIBLE) for (let row = from.row; row < to.row; row += 1) signs(picture, row, (column) => column >= from.column && column < to.column, x, y(row));
      rule(css.soft, 1, plan.columnSpans.slice(1).map(({ start }) => start), plan.rowSpans.slice(1).map(({ start }) => start));
      const frame = (place: Place | null, colour: string, width: number) => {
        if (!place) return;
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(x(place.column) + 0.5, y(place.row) + 0.5, cell.width - 1, cell.height - 1);
      };
      frame(picture.selected, css.ink, 3);
      frame(picture.hover, css.ink, 1.5);
      frame(picture.cursor, css.focus, 3);
    }
    context.restore();
    headings(picture, from, to, x, y);
  }

  /** Why the closed are closed, and dots for what is not known: nothing is told by colour alone. */
  function signs({ graph, plan, seen, words, ink, cell, font }: Picture, row: number, wants: (column: number) => boolean, x: (column: number) => number, y: number) {
    const source = plan.rows[row];
    const speaking = cell.width >= SPEAKING.width && cell.height >= SPEAKING.height;
    for (const edge of graph.rows[source]) {
      const column = plan.column[edge.target];
      if (!wants(column) || !seen.edge(source, edge)) continue;
      const state = known(edge);
      const name = state === 'unreachable' ? mark(edge.reason) : state === 'reachable' ? 'check' : state;
      const text = speaking ? spoken(edge, words) : '';
      stamps.draw(context, name, x(column), y - (text ? 7 : 0), cell, ink);
      if (text) {
        context.font = `11px ${font}`;
        context.textAlign = 'center';
        context.textBaseline = 'middle';
        context.fillStyle = state === 'unreachable' ? ink.css['on-shut'] : ink.css.ink;
        context.fillText(fit(text, cell.width - 8), x(column) + cell.width / 2, y + cell.height / 2 + 11);
      }
      if (differs(edge)) stamps.draw(context, 'differs', x(column), y, cell, ink);
    }
  }

  const spoken = (edge: RowEdge, words: Words) => {
    const state = known(edge);
    return state === 'unreachable' ? explain(words, edge.reason)[0] : state === 'reachable' ? '' : words.states[state];
  };

  function fit(text: string, room: number) {
    if (context.measureText(text).width <= room) return text;
    const short = shorten(text, room / context.measureText('n').width * ems('n'));
    return context.measureText(short).width <= room ? short : '';
  }

  function headings({ graph, plan, words, ink: { css }, cell, head, room, font, hover, cursor }: Picture, from: Place, to: Place, x: (column: number) => number, y: (row: number) => number) {
    const legible = cell.height >= LEGIBLE;
    const pointed = hover ?? cursor;
    const banded = plan.rowSpans.some(({ name }) => name) || plan.columnSpans.some(({ name }) => name) ? BAND : 0;
    const flat = cell.width >= 64;
    context.textBaseline = 'middle';
    const side = (across: boolean) => {
      const [places, spans, start, end, pos] = across ? [plan.columns, plan.columnSpans, from.column, to.column, x] as const : [plan.rows, plan.rowSpans, from.row, to.row, y] as const;
      const size = across ? cell.width : cell.height;
      context.save();
      context.beginPath();
      if (across) context.rect(head.left, 0, room.width - head.left, head.top);
      else context.rect(0, head.top, head.left, room.height - head.top);
      context.clip();
      context.fillStyle = css.paper;
      context.fillRect(0, 0, room.width, room.height);
      const lit = pointed && (across ? pointed.column : pointed.row);
      for (let i = start; legible && i < end; i += 1) {
        context.font = `${i === lit ? 700 : 400} 12px ${font}`;
        context.fillStyle = css.ink;
        const { name } = graph.names[places[i]];
        context.save();
        if (across && flat) {
          context.textAlign = 'center';
          context.fillText(fit(name, size - 6), pos(i) + size / 2, head.top - 12);
        } else if (across) {
          context.translate(pos(i) + size / 2, head.top - 8);
          context.rotate(-Math.PI / 2);
          context.textAlign = 'left';
          context.fillText(fit(name, head.top - 12 - banded - BAND), 0, 0);
        } else {
          context.textAlign = 'right';
          context.fillText(fit(name, head.left - INDENT - 14 - banded), head.left - 8, pos(i) + size / 2);
        }
        context.restore();
      }
      for (const span of spans) band(span, across, pos);
      context.restore();
    };
    /** A namespace along a side, with the share of its paths that are open. */
    const band = ({ name, open, all, start, end }: Span, across: boolean, pos: (i: number) => number) => {
      if (!name || pos(end) < (across ? head.left : head.top) || pos(start) > (across ? room.width : room.height)) return;
      const [begin, until] = [Math.max(pos(start), across ? head.left : head.top), Math.min(pos(end), across ? room.width : room.height)];
      context.font = `600 11px ${font}`;
      context.fillStyle = open < all ? css.bad : css.ink;
      const share = all === 0 ? name : `${name}  ${open}/${all}`;
      const wide = across || !legible;
      const space = (wide && !across ? head.left - 24 : until - begin) - 2;
      const text = context.measureText(share).width <= space ? share : fit(name, space);
      context.save();
      if (across) context.translate(begin + 3, BAND + (legible ? 10 : 10));
      else if (legible) {
        context.translate(INDENT + BAND / 2 + 6, (begin + until) / 2);
        context.rotate(-Math.PI / 2);
      } else context.translate(INDENT, begin + Math.min(8, (until - begin) / 2));
      context.textAlign = legible && !across ? 'center' : 'left';
      if (across || legible || until - begin >= 11) context.fillText(text, 0, 0);
      context.restore();
    };
    side(true);
    side(false);
    // Which side is which.
    context.fillStyle = css.paper;
    context.fillRect(0, 0, head.left, head.top);
    context.fillRect(0, 0, room.width, BAND - 4);
    context.font = `600 12px ${font}`;
    context.fillStyle = css.soft;
    context.textAlign = 'left';
    context.fillText(words.axis.target, head.left + 2, 9);
    context.fillText(fit(words.axis.source, head.left - INDENT - 4), INDENT, head.top - 10);
  }

  return { paint, forget: stamps.forget };
}

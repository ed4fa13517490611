/** Namespaces as islands: how large each is, where all of them go, and whether their names can be read there. Pure. */

import { ems } from './layout';
import type { Box, Point } from './layout';

/** Of a name beside its dot, and of an island's title. */
export const NAME = 12.5;
/** A row of an island: a dot and a name. */
export const ROW = 24;
export const DOT = 6;
const PAD = 14;
export const HEAD = 30;
/** Between islands: room for the lines from one to the other. */
const GAP = { x: 66, y: 54 };
/** Names wider than this are shortened. */
export const WIDEST = 14;
/** A folded island. */
const FOLDED = { width: 118, height: 52 };

/** `names` are those of its nodes, null where it is folded. */
export type Island = { group: string, names: string[] | null, title: string };
export type Size = { width: number, height: number };
export type Places = { boxes: Map<string, Box>, nodes: Map<string, Point[]>, width: number, height: number };

/** The width of a name as it is written, and of the dot before it. */
const column = (names: string[]) => 2 * DOT + 12 + NAME * Math.min(WIDEST, Math.max(3, ...names.map(ems)));

function size({ names, title }: Island): Size & { columns: number } {
  const head = ems(title) * 13 + 2 * PAD + 26;
  if (names === null) return { width: Math.max(FOLDED.width, Math.min(head, 220)), height: FOLDED.height, columns: 0 };
  const wide = column(names);
  // Rather high than wide, as lists are; but not a tower.
  const columns = Math.max(1, Math.round(Math.sqrt((names.length * ROW) / wide / 1.1)));
  const rows = Math.ceil(names.length / columns);
  return { width: Math.max(columns * wide + 2 * PAD, Math.min(head, 240)), height: HEAD + rows * ROW + PAD, columns };
}

/**
 * Islands in rows, in the given order, as wide as makes the whole largest in its room.
 * @param room in pixels
 */
export function pack(islands: Island[], room: Size): Places {
  const sizes = islands.map(size);
  const all = sizes.reduce((sum, { width }) => sum + width + GAP.x, 0);
  const most = Math.max(0, ...sizes.map(({ width }) => width));
  let best: number[][] = [];
  let scale = -1;
  for (let parts = 1; parts <= islands.length; parts += 1) {
    const rows = shelves(sizes, Math.max(most, all / parts));
    const whole = extent(rows, sizes);
    const now = Math.min(room.width / whole.width, room.height / whole.height);
    if (now > scale + 1e-9) [best, scale] = [rows, now];
  }
  const whole = extent(best, sizes);
  const places: Places = { boxes: new Map(), nodes: new Map(), width: whole.width, height: whole.height };
  let y = 0;
  for (const row of best) {
    const high = Math.max(...row.map((i) => sizes[i].height));
    let x = (whole.width - row.reduce((sum, i) => sum + sizes[i].width, 0) - GAP.x * (row.length - 1)) / 2;
    for (const i of row) {
      const { width, height, columns } = sizes[i];
      const box = { x, y: y + (high - height) / 2, width, height };
      const { group, names } = islands[i];
      places.boxes.set(group, box);
      const wide = names ? (width - 2 * PAD) / columns : 0;
      const deep = names ? Math.ceil(names.length / columns) : 0;
      places.nodes.set(group, (names ?? []).map((_, k) => ({
        x: box.x + PAD + DOT + Math.floor(k / deep) * wide,
        y: box.y + HEAD + (k % deep + 0.5) * ROW,
      })));
      x += width + GAP.x;
    }
    y += high + GAP.y;
  }
  return places;
}

function shelves(sizes: Size[], width: number): number[][] {
  const rows: number[][] = [];
  let used = Infinity;
  sizes.forEach((size, i) => {
    if (used + size.width > width + 1) {
      rows.push([]);
      used = 0;
    }
    rows[rows.length - 1].push(i);
    used += size.width + GAP.x;
  });
  return rows;
}

function extent(rows: number[][], sizes: Size[]): Size {
  return {
    width: Math.max(1, ...rows.map((row) => row.reduce((sum, i) => sum + sizes[i].width, GAP.x * (row.length - 1)))),
    height: Math.max(1, rows.reduce((sum, row) => sum + Math.max(...row.map((i) => sizes[i].height)), GAP.y * (rows.length - 1))),
  };
}

/**
 * Whether the names can be read when all is in its room.
 * @param least the height of the smallest text, in pixels
 */
export function legible(islands: Island[], room: Size, least: number): boolean {
  const { width, height } = pack(islands, room);
  return Math.min(room.width / width, room.height / height) * NAME >= least;
}

/**
 * The line from one island's border to another's, to its own right so that there and back are apart.
 * @returns where it begins, where it ends, and the point that it is bent towards
 */
export function bridge(from: Box, to: Box): { start: Point, end: Point, bend: Point } {
  const centre = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 });
  const [a, b] = [centre(from), centre(to)];
  const long = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [dx, dy] = [(b.x - a.x) / long, (b.y - a.y) / long];
  const aside = 9;
  const shift = (at: Point, far: number): Point => ({ x: at.x - dy * far, y: at.y + dx * far });
  const start = border(from, shift(a, aside), { x: dx, y: dy });
  const end = border(to, shift(b, aside), { x: -dx, y: -dy });
  const middle = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
  return { start, end, bend: shift(middle, Math.min(60, 0.1 * long)) };
}

/** Where a ray from inside a box leaves it. */
function border({ x, y, width, height }: Box, at: Point, way: Point): Point {
  const across = way.x > 0 ? (x + width - at.x) / way.x : way.x < 0 ? (x - at.x) / way.x : Infinity;
  const down = way.y > 0 ? (y + height - at.y) / way.y : way.y < 0 ? (y - at.y) / way.y : Infinity;
  const far = Math.max(0, Math.min(across, down));
  return { x: at.x + way.x * far, y: at.y + way.y * far };
}

/** The matrix as one pixel a cell: what the eye sees from afar, and the ground that marks are drawn on. */

import { changedPlaces } from '../known/graph';
import type { RowEdge } from '../known/wire';
import type { Visible } from '../asked/filter';
import { CELL, fill, single } from './grid';
import type { Grid } from './grid';
import type { Ink } from './ink';

export type Place = { row: number, column: number };

export function createPixels() {
  const canvas = document.createElement('canvas');
  const ground = canvas.getContext('2d') as CanvasRenderingContext2D;
  let image: ImageData | null = null;
  let filled: (RowEdge[] | null)[] = [];

  return {
    canvas,

    /** Everything is to be set anew. */
    forget() {
      filled = [];
    },

    /**
     * Sets the pixels of what changed.
     * @returns the cells, or null for whole rows
     */
    update(plan: Grid, rows: RowEdge[][], seen: Visible, { number }: Ink): Place[] | null {
      const [wide, high] = [plan.columns.length, plan.rows.length];
      if (!wide || !high) return null;
      let changed: Place[] | null = [];
      if (!image || image.width !== wide || image.height !== high) {
        image = new ImageData(wide, high);
        [canvas.width, canvas.height] = [wide, high];
        filled = [];
      }
      const data = new Uint32Array(image.data.buffer);
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
        const edges = rows[source];
        const before = filled[i];
        if (before === edges) continue;
        filled[i] = edges;
        // Mostly a cell or two of a thousand are others.
        const few = before && changedPlaces(before, edges);
        if (few) {
          for (const place of few) {
            const at = plan.column[edges[place].target];
            if (at < 0) continue;
            data[i * wide + at] = shade[single(edges, source, edges[place].target, seen)];
            changed?.push({ row: i, column: at });
          }
        } else {
          fill(edges, source, plan, seen, cells);
          for (let k = 0; k < wide; k += 1) data[i * wide + k] = shade[cells[k]];
          changed = null;
        }
        first = Math.min(first, i);
        last = i;
      }
      if (last >= 0) ground.putImageData(image, 0, 0, 0, first, wide, last - first + 1);
      return changed;
    },
  };
}

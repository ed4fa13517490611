/** Marks as they are drawn into cells, made once for each size: thousands of them are to be drawn within a frame. */

import { GLYPHS } from '../said/mark';
import type { Ink } from './ink';

const CHECK = new Path2D('M-4.5 0.3L-1.5 3.3L4.5 -3');
const MARKS = Object.fromEntries(Object.entries(GLYPHS).map(([name, path]) => [name, new Path2D(path)]));

export function createStamps() {
  const made = new Map<string, HTMLCanvasElement>();

  function make(name: string, { width, height }: { width: number, height: number }, { css }: Ink) {
    const stamp = document.createElement('canvas');
    stamp.width = Math.ceil(width * devicePixelRatio);
    stamp.height = Math.ceil(height * devicePixelRatio);
    const pen = stamp.getContext('2d') as CanvasRenderingContext2D;
    const scale = Math.min(1.3, Math.min(width, height) / 20) * devicePixelRatio;
    pen.translate(stamp.width / 2, stamp.height / 2);
    pen.scale(scale, scale);
    pen.lineWidth = 1.8;
    pen.lineCap = pen.lineJoin = 'round';
    pen.fillStyle = css.soft;
    if (name === 'check') {
      pen.strokeStyle = css.good;
      pen.stroke(CHECK);
    } else if (name === 'differs') {
      // A frame of the cell, in two colours, so that it is seen on any ground.
      pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      for (const [colour, line] of [[css.paper, 5], [css.focus, 2.5]] as const) {
        pen.strokeStyle = colour;
        pen.lineWidth = line;
        pen.strokeRect(3, 3, width - 6, height - 6);
      }
    } else if (name === 'unknown' || name === 'pending') for (const dx of name === 'pending' ? [0] : [-4, 0, 4]) pen.fillRect(dx - 1, -1, 2, 2);
    else if (MARKS[name]) {
      pen.strokeStyle = css['on-shut'];
      pen.stroke(MARKS[name]);
    }
    return stamp;
  }

  return {
    forget: () => made.clear(),
    draw(context: CanvasRenderingContext2D, name: string, x: number, y: number, size: { width: number, height: number }, ink: Ink) {
      const key = `${name} ${size.width} ${size.height} ${devicePixelRatio}`;
      let stamp = made.get(key);
      if (!stamp) made.set(key, stamp = make(name, size, ink));
      context.drawImage(stamp, x, y, size.width, size.height);
    },
  };
}

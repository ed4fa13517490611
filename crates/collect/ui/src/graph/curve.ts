/** An edge's line: from circle to circle, bent to its own right so that a pair makes a lens. Pure. */

import type { Point } from './layout';
import { R, round } from './layout';

export type Curve = { line: string, head: string, middle: Point, mark: Point, at: (part: number) => Point };

/** Between a circle and the edges at it. */
const GAP = 5;
/** How far an edge's control point is from its chord, as a part of the chord. */
const BEND = 0.12;

/**
 * @param nth of several from and to the same
 * @param centre of a ring that both are on: a chord would run through their neighbours
 * @param radii of what is at both ends
 */
export function curve(from: Point, to: Point, nth: number, thick: number, centre: Point | null = null, radii: { from: number, to: number } = { from: R, to: R }): Curve {
  const long = distance(from, to) || 1;
  // Long chords bend less, or they would leave the picture.
  const bend = (centre ? 0.5 : 1) * BEND * Math.min(1, (16 * R) / long) ** 0.5 * (1 + 0.6 * nth);
  const chord = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const { x, y } = centre ? towards(chord, centre, Math.min(0.4 * long, 0.5 * distance(chord, centre))) : chord;
  const control = { x: x - (to.y - from.y) * bend, y: y + (to.x - from.x) * bend };
  const start = towards(from, control, radii.from + GAP);
  const tip = towards(to, control, radii.to + GAP);
  const neck = towards(to, control, radii.to + GAP + headLength(thick));
  const at = (t: number) => ({
    x: round((1 - t) * (1 - t) * start.x + 2 * t * (1 - t) * control.x + t * t * neck.x),
    y: round((1 - t) * (1 - t) * start.y + 2 * t * (1 - t) * control.y + t * t * neck.y),
  });
  const length = distance(start, control) + distance(control, neck);
  return {
    line: `M${point(start)}Q${point(control)} ${point(towards(neck, tip, 1))}`,
    head: head(tip, neck, thick),
    middle: at(0.5),
    mark: at(Math.max(0.55, 1 - 26 / (length || 1))),
    at,
  };
}

/**
 * An edge from a node to itself.
 * @param direction in radians
 */
export function loop(centre: Point, direction: number, nth: number, thick: number): Curve {
  const polar = (angle: number, far: number) => ({
    x: centre.x + far * Math.cos(direction + angle),
    y: centre.y + far * Math.sin(direction + angle),
  });
  // What a probe finds of itself says little of the network, and is drawn like it.
  const slim = Math.min(thick, 2);
  const far = R * (2.1 + 0.5 * nth);
  const away = R + GAP;
  const neck = polar(0.4, away + headLength(slim) - 1);
  const [a, b, c] = [polar(-0.4, away), polar(-0.5, far), polar(0.5, far)];
  const at = (t: number) => ({
    x: round((1 - t) ** 3 * a.x + 3 * t * (1 - t) ** 2 * b.x + 3 * t * t * (1 - t) * c.x + t ** 3 * neck.x),
    y: round((1 - t) ** 3 * a.y + 3 * t * (1 - t) ** 2 * b.y + 3 * t * t * (1 - t) * c.y + t ** 3 * neck.y),
  });
  return { line: `M${point(a)}C${point(b)} ${point(c)} ${point(neck)}`, head: head(polar(0.4, away), polar(0.4, away + headLength(slim)), slim), middle: at(0.5), mark: at(0.5), at };
}

const headLength = (thick: number) => 5 + 1.25 * thick;

/** From an island's border to another's. */
export function bow(start: Point, end: Point, control: Point, thick: number): Curve {
  const neck = towards(end, control, headLength(thick));
  const at = (t: number) => ({
    x: round((1 - t) * (1 - t) * start.x + 2 * t * (1 - t) * control.x + t * t * end.x),
    y: round((1 - t) * (1 - t) * start.y + 2 * t * (1 - t) * control.y + t * t * end.y),
  });
  return { line: `M${point(start)}Q${point(control)} ${point(towards(neck, end, 1))}`, head: head(end, neck, thick), middle: at(0.5), mark: at(0.6), at };
}

/** An arrowhead. */
function head(tip: Point, neck: Point, thick: number) {
  const half = (2 + 0.95 * thick) / (distance(tip, neck) || 1);
  const [dx, dy] = [(neck.y - tip.y) * half, (tip.x - neck.x) * half];
  return `M${point(tip)}L${point({ x: neck.x + dx, y: neck.y + dy })} ${point({ x: neck.x - dx, y: neck.y - dy })}Z`;
}

const distance = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);

function towards(from: Point, to: Point, far: number) {
  const part = far / (distance(from, to) || 1);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

const point = ({ x, y }: Point) => `${round(x)} ${round(y)}`;

/** An edge's line: from circle to circle, bent to its own right so that a pair makes a lens. Pure. */

import { R, round } from './layout.js';

/**
 * @typedef {import('./layout.js').Point} Point
 * @typedef {{ line: string, head: string, middle: Point, mark: Point, at: (part: number) => Point }} Curve
 */

/** Between a circle and the edges at it. */
const GAP = 5;
/** How far an edge's control point is from its chord, as a part of the chord. */
const BEND = 0.12;

/**
 * @param {Point} from
 * @param {Point} to
 * @param {number} nth of several from and to the same
 * @param {number} thick
 * @param {Point | null} [centre] of a ring that both are on: a chord would run through their neighbours
 * @returns {Curve}
 */
export function curve(from, to, nth, thick, centre = null) {
  const long = distance(from, to) || 1;
  // Long chords bend less, or they would leave the picture.
  const bend = (centre ? 0.5 : 1) * BEND * Math.min(1, (16 * R) / long) ** 0.5 * (1 + 0.6 * nth);
  const chord = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const { x, y } = centre ? towards(chord, centre, Math.min(0.4 * long, 0.5 * distance(chord, centre))) : chord;
  const control = { x: x - (to.y - from.y) * bend, y: y + (to.x - from.x) * bend };
  const start = towards(from, control, R + GAP);
  const tip = towards(to, control, R + GAP);
  const neck = towards(to, control, R + GAP + headLength(thick));
  const at = (/** @type {number} */ t) => ({
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
 * @param {Point} centre
 * @param {number} direction in radians
 * @param {number} nth
 * @param {number} thick
 * @returns {Curve}
 */
export function loop(centre, direction, nth, thick) {
  const polar = (/** @type {number} */ angle, /** @type {number} */ far) => ({
    x: centre.x + far * Math.cos(direction + angle),
    y: centre.y + far * Math.sin(direction + angle),
  });
  const slim = Math.min(thick, 5);
  const far = R * (2.35 + 0.5 * nth);
  const away = R + GAP;
  const neck = polar(0.4, away + headLength(slim) - 1);
  const [a, b, c] = [polar(-0.4, away), polar(-0.5, far), polar(0.5, far)];
  const at = (/** @type {number} */ t) => ({
    x: round((1 - t) ** 3 * a.x + 3 * t * (1 - t) ** 2 * b.x + 3 * t * t * (1 - t) * c.x + t ** 3 * neck.x),
    y: round((1 - t) ** 3 * a.y + 3 * t * (1 - t) ** 2 * b.y + 3 * t * t * (1 - t) * c.y + t ** 3 * neck.y),
  });
  return { line: `M${point(a)}C${point(b)} ${point(c)} ${point(neck)}`, head: head(polar(0.4, away), polar(0.4, away + headLength(slim)), slim), middle: at(0.5), mark: at(0.5), at };
}

/** @param {number} thick */
const headLength = (thick) => 5 + 1.25 * thick;

/**
 * An arrowhead.
 * @param {Point} tip
 * @param {Point} neck
 * @param {number} thick
 */
function head(tip, neck, thick) {
  const half = (2 + 0.95 * thick) / (distance(tip, neck) || 1);
  const [dx, dy] = [(neck.y - tip.y) * half, (tip.x - neck.x) * half];
  return `M${point(tip)}L${point({ x: neck.x + dx, y: neck.y + dy })} ${point({ x: neck.x - dx, y: neck.y - dy })}Z`;
}

/**
 * @param {Point} a
 * @param {Point} b
 */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/**
 * @param {Point} from
 * @param {Point} to
 * @param {number} far
 */
function towards(from, to, far) {
  const part = far / (distance(from, to) || 1);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** @param {Point} at */
const point = ({ x, y }) => `${round(x)} ${round(y)}`;

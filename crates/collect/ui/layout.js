/** Where everything goes: from nodes, edges and the stage's size to coordinates. Pure; the same in gives the same out. */

/**
 * @typedef {{ x: number, y: number }} Point
 * @typedef {Point & { text: string, size: number, anchor: string, turn: number }} Label
 * @typedef {Point & { text: string, size: number, label: Label | null }} Place
 * @typedef {Point & { line: string, head: string }} Curve the point is its middle
 * @typedef {{ r: number, thick: number, nodes: Place[], edges: Curve[] }} Layout
 */

/** Between a circle and the edges at it. */
const GAP = 4;
/** How far a loop stands out, in radii. */
const LOOP = 0.9;
/** More nodes than this have their labels along the radius; on a narrow stage even fewer. */
const FEW = 12;
const LABEL_WIDTH = 80;

/**
 * @param {{ name: string }[]} nodes
 * @param {{ source: number, target: number, nth: number }[]} edges
 * @param {number} width
 * @param {number} height
 * @returns {Layout}
 */
export function layout(nodes, edges, width, height) {
  const n = nodes.length;
  const small = Math.min(width, height);
  const radial = n > Math.min(FEW, width / LABEL_WIDTH);
  const loops = new Set(edges.filter((edge) => edge.source === edge.target).map((edge) => edge.source));
  let r = Math.min(54, 10 + 0.045 * small) * Math.min(1, Math.sqrt(6 / n));
  let places = around();
  // The second time with circles as small as the room between them asks for.
  const room = Math.min(...places.map((place, i) => (n > 1 ? distance(place, places[(i + 1) % n]) : Infinity)));
  r = Math.max(4, Math.min(r, 0.3 * room));
  places = around();

  const centre = { x: width / 2, y: middle(places.map((place) => place.y)) };
  const outward = places.map(({ x, y }) => (n > 1 ? Math.atan2(y - centre.y, x - centre.x) : -Math.PI / 2));
  const thick = Math.max(1.2, 0.29 * r * Math.min(1, (6 * n) / (edges.length || 1)));
  return {
    r: round(r),
    thick: round(thick),
    nodes: places.map(({ x, y }, i) => {
      const { text, size } = inside(nodes[i].name);
      const full = text === nodes[i].name;
      return { x: round(x), y: round(y), size, text: radial && !full ? '' : text, label: full ? null : label(i) };
    }),
    edges: edges.map(({ source, target, nth }) => (source === target
      ? loop(places[source], outward[source], r * (1 + 0.3 * nth), r, thick)
      : curve(places[source], places[target], n < 6 ? null : centre, nth, r, thick))),
  };

  function around() {
    // Loops have their room even where there are none, so that nodes stay where they are when one comes.
    const pad = r + 12 + LOOP * r;
    const long = nodes.map(({ name }) => name).filter((name) => inside(name).text !== name);
    const label = radial ? reach(long) : 0;
    return ring(n, r, width, height, pad + label, pad + (radial ? label : long.length && 1.3 * textSize()));
  }

  /** @param {string[]} names */
  function reach(names) {
    return Math.min(0.17 * small, Math.max(0, ...names.map(ems)) * textSize());
  }

  function textSize() {
    return r < 24 ? 11 : 13;
  }

  /**
   * A name as it fits into a circle.
   * @param {string} name
   */
  function inside(name) {
    const size = Math.min(30, 0.95 * r, (1.64 * r) / ems(name));
    return size < 10 ? { text: shorten(name, 0.164 * r), size: 10 } : { text: name, size: round(size) };
  }

  /**
   * A name beside its circle.
   * @param {number} i
   * @returns {Label}
   */
  function label(i) {
    const { x, y } = places[i];
    const [cos, sin] = [Math.cos(outward[i]), Math.sin(outward[i])];
    const size = textSize();
    const far = r + 6 + (loops.has(i) ? LOOP * r : 0);
    if (radial) {
      const text = shorten(nodes[i].name, reach([nodes[i].name]) / size);
      const turn = (outward[i] * 180) / Math.PI + (cos < 0 ? 180 : 0);
      return { text, size, x: round(x + far * cos), y: round(y + far * sin), anchor: cos < 0 ? 'end' : 'start', turn: round(turn) };
    }
    const next = Math.min(...places.map((place) => (place !== places[i] && Math.abs(place.y - y) < r + 24 ? Math.abs(place.x - x) : Infinity)));
    const text = shorten(nodes[i].name, Math.min(0.45 * width, next / 2 + r - 6) / size);
    // A loop stands out at the side that the text must keep clear of.
    const side = loops.has(i) ? 0.3 * r : r;
    const [anchor, from] = x < width / 3 ? ['start', x - side] : x > (2 * width) / 3 ? ['end', x + side] : ['middle', x];
    const away = Math.abs(sin) > 0.6 ? far : r + 6;
    return { text, size, x: round(from), y: round(sin < 0 ? y - away - 2 : y + away + size - 2), anchor, turn: 0 };
  }
}

/**
 * Places on an ellipse, from its top right and around to the left: three make a triangle that stands on its tip.
 * @param {number} n
 * @param {number} r
 * @param {number} width
 * @param {number} height
 * @param {number} padX
 * @param {number} padY
 */
function ring(n, r, width, height, padX, padY) {
  const unit = Array.from({ length: n }, (_, i) => {
    const angle = Math.PI / 2 - Math.PI / n + (2 * Math.PI * i) / n;
    return n > 1 ? { x: Math.cos(angle), y: -Math.sin(angle) } : { x: 0, y: 0 };
  });
  const [xs, ys] = [unit.map((place) => place.x), unit.map((place) => place.y)];
  const wide = Math.max(0, width - 2 * padX) / (span(xs) || 1);
  const high = Math.max(0, height - 2 * padY) / (span(ys) || 1);
  const [flat, steep] = n < 6 ? [1.4, 1.2] : [1.8, 1.8];
  const sx = Math.min(wide, flat * high);
  // The edges between the two topmost nodes of a few bulge upwards; with an even number there are such below, too.
  const bulge = n > 2 && n < 6 ? Math.max(0, BEND * Math.sin(Math.PI / n) * sx + 0.3 * r + 12 - padY) : 0;
  const sy = Math.min(high - (bulge * (n % 2 ? 1 : 2)) / (span(ys) || 1), steep * wide);
  const y = (height + (n % 2 ? bulge : 0)) / 2;
  return unit.map((place) => ({ x: width / 2 + (place.x - middle(xs)) * sx, y: y + (place.y - middle(ys)) * sy }));
}

/** How far an edge's control point is from its chord, as a part of the chord. */
const BEND = 0.15;

/**
 * An edge bends to its own right, so that a pair makes a lens. Where there are many, all bend towards the centre as well:
 * a straight chord would run through the neighbours.
 * @param {Point} from
 * @param {Point} to
 * @param {Point | null} centre
 * @param {number} nth
 * @param {number} r
 * @param {number} thick
 * @returns {Curve}
 */
function curve(from, to, centre, nth, r, thick) {
  const long = distance(from, to) || 1;
  const bend = (centre ? 0.1 : BEND) * (1 + 0.6 * nth);
  const mid = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const { x, y } = centre ? towards(mid, centre, Math.min(0.35 * long, 0.4 * distance(mid, centre))) : mid;
  const control = { x: x - (to.y - from.y) * bend, y: y + (to.x - from.x) * bend };
  const start = towards(from, control, r + GAP);
  const tip = towards(to, control, r + GAP);
  const neck = towards(to, control, r + GAP + headLength(thick));
  return {
    line: `M${point(start)}Q${point(control)} ${point(towards(neck, tip, 1))}`,
    head: head(tip, neck, thick),
    x: round((start.x + 2 * control.x + neck.x) / 4),
    y: round((start.y + 2 * control.y + neck.y) / 4),
  };
}

/**
 * An edge from a node to itself, on the side away from the others.
 * @param {Point} at
 * @param {number} outward in radians
 * @param {number} size
 * @param {number} r
 * @param {number} thick
 * @returns {Curve}
 */
function loop(at, outward, size, r, thick) {
  const polar = (/** @type {number} */ angle, /** @type {number} */ far) => ({
    x: at.x + far * Math.cos(outward + angle),
    y: at.y + far * Math.sin(outward + angle),
  });
  const slim = 0.6 * thick;
  const away = r + GAP;
  return {
    line: `M${point(polar(-0.42, away))}C${point(polar(-0.45, 2.3 * size))} ${point(polar(0.45, 2.3 * size))} ${point(polar(0.42, away + headLength(slim) - 1))}`,
    head: head(polar(0.42, away), polar(0.42, away + headLength(slim)), slim),
    x: round(polar(0, 1.7 * size).x),
    y: round(polar(0, 1.7 * size).y),
  };
}

/** @param {number} thick */
const headLength = (thick) => 4 + 1.3 * thick;

/**
 * An arrowhead.
 * @param {Point} tip
 * @param {Point} neck
 * @param {number} thick
 */
function head(tip, neck, thick) {
  const half = (1.5 + thick) / (distance(tip, neck) || 1);
  const [dx, dy] = [(neck.y - tip.y) * half, (tip.x - neck.x) * half];
  return `M${point(tip)}L${point({ x: neck.x + dx, y: neck.y + dy })} ${point({ x: neck.x - dx, y: neck.y - dy })}Z`;
}

/** The width of a Latin letter in ems, about: there is no font here to ask. */
const NARROW = 0.64;

/**
 * Shortened in the middle, for names often differ at their end.
 * @param {string} name
 * @param {number} room in ems
 */
export function shorten(name, room) {
  const letters = [...name];
  if (ems(name) <= room) return name;
  for (let keep = Math.min(letters.length - 1, Math.ceil(room / NARROW)); keep > 1; keep -= 1) {
    const text = `${letters.slice(0, Math.ceil(keep / 2)).join('')}…${letters.slice(letters.length - Math.floor(keep / 2)).join('')}`;
    if (ems(text) <= room) return text;
  }
  return letters[0];
}

/**
 * A text's width in ems, about; Chinese, Japanese and Korean letters are square.
 * @param {string} text
 */
const ems = (text) => [...text].reduce((sum, letter) => sum + (letter > '\u2e7f' ? 1 : NARROW), 0);

/** @param {number[]} values */
const span = (values) => Math.round(1000 * (Math.max(...values) - Math.min(...values))) / 1000;

/** @param {number[]} values */
const middle = (values) => (Math.max(...values) + Math.min(...values)) / 2;

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

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

/** @param {Point} at */
const point = ({ x, y }) => `${round(x)} ${round(y)}`;

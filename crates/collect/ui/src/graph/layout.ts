/** Where everything goes: nodes into boxes, boxes beside each other. Pure; the same in gives the same out. */

export type Point = { x: number, y: number };

export type Box = { x: number, y: number, width: number, height: number };

/** `wide` is the width of the text beside it */
export type Item = { key: string, group: string, wide?: number };

export type Side = 'right' | 'left' | 'below' | 'above';

/** A node's radius. */
export const R = 34;
/** Between two nodes of a group, from centre to centre, as long as there are few. */
const APART = 5.2 * R;
/** With as many, a group is a ring whose edges keep to its inside. */
export const RING = 6;
/** Around the nodes of a box; above them is the box's name, too. */
const PAD = 1.15 * R;
const HEAD = 0.9 * R;
/** By how much an edge's bow turns it away from its chord, in radians. */
const BOW = 0.24;
/** Between two boxes. */
const GAP = 4.6 * R;

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

/**
 * Places for all nodes. What was placed before stays where it is; a newcomer gets the nearest free place in its box.
 * @param kept by key
 * @param tall whether the stage is higher than wide
 */
export function place(items: Item[], kept: Map<string, Point>, tall: boolean): Point[] {
  const settled = items.filter(({ key }) => kept.has(key)).length;
  const fresh = arrange(items, tall);
  // Too little is left to fit the others in between.
  if (settled < items.length / 2) return fresh;
  const places: (Point | undefined)[] = items.map(({ key }) => kept.get(key));
  items.forEach(({ group }, i) => {
    if (places[i]) return;
    const near = places.filter((at, k) => at && items[k].group === group);
    const known = ((near.length ? near : places.filter(Boolean)) as Point[]);
    const start = near.length ? middle(known) : { x: bounds(known).x + bounds(known).width + GAP + 2 * R, y: middle(known).y };
    places[i] = free(start, (places.filter(Boolean) as Point[]));
  });
  return (places as Point[]);
}

/** The nearest place to `start` that is away from the others, on a spiral around it. */
function free(start: Point, others: Point[]) {
  for (let step = 0; ; step += 1) {
    const angle = step * 2.399963;
    const far = 0.55 * R * Math.sqrt(step);
    const at = { x: round(start.x + far * Math.cos(angle)), y: round(start.y + far * Math.sin(angle)) };
    if (others.every((other) => Math.hypot(at.x - other.x, at.y - other.y) >= 3.4 * R)) return at;
  }
}

/** All places anew: the nodes of a group around its middle, the groups around the middle of all. */
function arrange(items: Item[], tall: boolean): Point[] {
  const groups = new Map<string, number[]>();
  items.forEach(({ group }, i) => groups.set(group, [...(groups.get(group) ?? []), i]));
  for (const member of groups.values()) member.sort((a, b) => compare(items[a].key, items[b].key));
  const members = [...groups].sort(([a], [b]) => Number(a === '') - Number(b === '') || (a < b ? -1 : 1)).map(([, member]) => member);
  const parts = members.map((member) => within(member.length, tall, members.length));
  const sizes = parts.map((points, g) => {
    const { width, height } = bounds(points);
    const text = Math.max(0, ...members[g].map((i) => items[i].wide ?? 0));
    return { width: width + 2 * (R + PAD) + text, height: height + 2 * (R + PAD) + HEAD };
  });
  const centres = between(sizes, tall);
  const places: Point[] = new Array(items.length);
  members.forEach((member, g) => member.forEach((i, k) => {
    places[i] = { x: round(centres[g].x + parts[g][k].x), y: round(centres[g].y + parts[g][k].y) };
  }));
  return places;
}

/**
 * The places of `n` nodes around their middle.
 * @param groups of which this is one
 */
function within(n: number, tall: boolean, groups: number): Point[] {
  const alone = groups === 1;
  if (n === 1) return [{ x: 0, y: 0 }];
  const apart = n <= 6 ? (alone ? 1.75 : n === 2 ? 1.65 : 1.25) * APART : Math.max(3.1 * R, APART * (6 / n) ** 0.35);
  const around = n === 2 ? apart / 2 : apart / 2 / Math.sin(Math.PI / n);
  // Two lie across the way to the other box, so that no edge passes one of them; three stand on the tip of their triangle.
  const start = n === 2 ? (tall === (groups === 2) ? Math.PI : -Math.PI / 2) : n % 2 ? Math.PI / 2 + (n === 3 ? -(2 * Math.PI) / 3 : Math.PI) : -Math.PI / 2 - Math.PI / n;
  const [sx, sy] = alone && n > 2 ? (tall ? [0.86, 1.12] : [1.28, 0.84]) : [1, 1];
  const ring = Array.from({ length: n }, (_, i) => {
    const angle = start + (2 * Math.PI * i * (n === 3 ? -1 : 1)) / n;
    return { x: around * sx * Math.cos(angle), y: around * sy * Math.sin(angle) };
  });
  const { x, y, width, height } = bounds(ring);
  return ring.map((at) => ({ x: at.x - x - width / 2, y: at.y - y - height / 2 }));
}

/** The middles of boxes: two beside or above each other, more of them on an ellipse as small as they fit on. */
function between(sizes: { width: number, height: number }[], tall: boolean): Point[] {
  if (sizes.length === 1) return [{ x: 0, y: 0 }];
  if (sizes.length === 2) {
    const [a, b] = sizes;
    const far = tall ? (a.height + b.height) / 2 + 0.7 * GAP : (a.width + b.width) / 2 + GAP;
    return tall ? [{ x: 0, y: -far / 2 }, { x: 0, y: far / 2 }] : [{ x: -far / 2, y: 0 }, { x: far / 2, y: 0 }];
  }
  const shares = sizes.map(({ width, height }) => Math.hypot(width, height) + GAP);
  const all = shares.reduce((sum, share) => sum + share, 0);
  const [sx, sy] = tall ? [1, 1.35] : [1.35, 1];
  for (let around = all / 16; ; around *= 1.04) {
    let angle = sizes.length === 3 ? Math.PI - (Math.PI * shares[0]) / all : Math.PI;
    const centres = shares.map((share) => {
      angle += (Math.PI * share) / all;
      const at = { x: around * sx * Math.cos(angle), y: around * sy * Math.sin(angle) };
      angle += (Math.PI * share) / all;
      return at;
    });
    const apart = (i: number, k: number) =>
      Math.abs(centres[i].x - centres[k].x) >= (sizes[i].width + sizes[k].width) / 2 + 0.6 * GAP
      || Math.abs(centres[i].y - centres[k].y) >= (sizes[i].height + sizes[k].height) / 2 + 0.45 * GAP;
    if (sizes.every((_, i) => sizes.slice(0, i).every((__, k) => apart(i, k)))) return centres;
  }
}

/**
 * The box around the nodes of each group that has a name.
 * @returns by group
 */
export function boxes(items: (Item & { side?: Side })[], places: Point[]): Map<string, Box> {
  const found = new Map<string, Box>();
  for (const group of new Set(items.map((item) => item.group))) {
    if (!group) continue;
    const inside = items.flatMap((item, i) => {
      if (item.group !== group) return [];
      const { x, y } = places[i];
      const text = (item.wide ?? 0) + 0.35 * R;
      const [left, right] = item.wide ? { left: [text, 0], right: [0, text], above: [0, 0], below: [0, 0] }[item.side ?? 'right'] : [0, 0];
      return [{ x: x - R - left, y: y - R - (item.side === 'above' ? 0.7 * R : 0) }, { x: x + R + right, y: y + R + (item.side === 'below' ? 0.7 * R : 0) }];
    });
    const { x, y, width, height } = bounds(inside);
    const wide = Math.max(width + 2 * PAD, group.length * 9 + PAD);
    found.set(group, { x: round(x - PAD - Math.max(0, wide - width - 2 * PAD) / 2), y: round(y - PAD - HEAD), width: round(wide), height: round(height + 2 * PAD + HEAD) });
  }
  return found;
}

/**
 * For each node the side where its name is in the way of the least edges, and the direction of its loop.
 * @param wide the names' widths
 * @returns the loop's in radians
 */
export function sides(places: Point[], links: { source: number, target: number }[], wide: (number | undefined)[]): { side: Side, loop: number }[] {
  const towards: number[][] = places.map(() => []);
  for (const { source, target } of links) {
    if (source === target) continue;
    const { x, y } = places[source];
    const angle = Math.atan2(places[target].y - y, places[target].x - x);
    // An edge leaves to the right of its chord and comes back to the right of the other: both bend apart by this much.
    towards[source].push(angle - BOW, angle + BOW);
    towards[target].push(angle + Math.PI - BOW, angle + Math.PI + BOW);
  }
  return places.map((at, i) => {
    const room = (angle: number) => Math.min(Math.PI, ...towards[i].map((other) => Math.abs(turn(other - angle))));
    const far = (angle: number) => {
      // A name must not lie on a neighbour.
      const tip = { x: at.x + Math.cos(angle) * (R + (wide[i] ?? 0)), y: at.y + Math.sin(angle) * 1.6 * R };
      return Math.min(1, ...places.map((other, k) => (k === i ? 1 : Math.hypot(other.x - tip.x, other.y - tip.y) / (2 * R))));
    };
    const choices: [Side, number, number][] = [['right', 0, 0.12], ['left', Math.PI, 0.1], ['below', Math.PI / 2, 0.05], ['above', -Math.PI / 2, 0]];
    const side = choices.map(([name, angle, bonus]) => ({ name, angle, worth: Math.min(1.2, room(angle)) * far(angle) + bonus })).reduce((best, one) => (one.worth > best.worth + 1e-9 ? one : best));
    const loops = [-Math.PI / 4, (-3 * Math.PI) / 4, Math.PI / 4, (3 * Math.PI) / 4, -Math.PI / 2, Math.PI / 2, 0, Math.PI];
    const loop = loops.map((angle) => ({ angle, worth: Math.min(room(angle), wide[i] === undefined ? Math.PI : 0.9 * Math.abs(turn(angle - side.angle))) }))
      .reduce((best, one) => (one.worth > best.worth + 0.05 ? one : best));
    return { side: side.name, loop: loop.angle };
  });
}

/** An angle from -π to π. */
const turn = (angle: number) => Math.atan2(Math.sin(angle), Math.cos(angle));

export function bounds(points: Point[]): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return points.length ? { x: left, y: top, width: right - left, height: bottom - top } : { x: 0, y: 0, width: 0, height: 0 };
}

function middle(points: Point[]) {
  const { x, y, width, height } = bounds(points);
  return { x: x + width / 2, y: y + height / 2 };
}

export const round = (value: number) => Math.round(value * 10) / 10;

/** The width of a Latin letter in ems, about: there is no font here to ask. */
const NARROW = 0.6;

/** A text's width in ems, about; Chinese, Japanese and Korean letters are square. */
export const ems = (text: string) => [...text].reduce((sum, letter) => sum + (letter > '\u2e7f' ? 1 : NARROW), 0);

/**
 * Shortened in the middle, for names often differ at their end.
 * @param room in ems
 */
export function shorten(name: string, room: number) {
  const letters = [...name];
  if (ems(name) <= room) return name;
  for (let keep = Math.min(letters.length - 1, Math.ceil(room / NARROW)); keep > 1; keep -= 1) {
    const text = `${letters.slice(0, Math.ceil(keep / 2)).join('')}…${letters.slice(letters.length - Math.floor(keep / 2)).join('')}`;
    if (ems(text) <= room) return text;
  }
  return letters[0] ?? '';
}

/**
 * A name as it fits into a circle, and at what size.
 * @param least the smallest that can be read
 */
export function inside(name: string, least: number = 11) {
  const size = Math.min(26, (1.6 * R) / (ems(name) || 1));
  return size < least ? { text: shorten(name, (1.6 * R) / least), size: least } : { text: name, size: round(size) };
}

/** Where everything of a scene is: nodes, boxes, lines. Pure. */

import { bow, curve, loop } from './curve';
import type { Curve } from './curve';
import { DOT, bridge, pack } from './islands';
import type { Size } from './islands';
import { R, RING, bounds, boxes, place, sides } from './layout';
import type { Box, Point, Side } from './layout';
import type { Bundle, Scene, SceneLink } from './scene';

export type Geometry = { places: Point[], faces: { side: Side, loop: number }[], boxes: Map<string, Box> };

/** @param kept places of a portrait, by key */
export function arrange(scene: Scene, kept: Map<string, Point>, room: Size): Geometry {
  const { nodes, links } = scene;
  if (!scene.level.portrait) return islands(scene, room);
  const places = place(nodes.map(({ key, group, wide }) => ({ key, group, wide })), kept, room.height > room.width);
  const faces = sides(places, links, nodes.map(({ wide }) => wide || undefined));
  return { places, faces, boxes: around(scene, places, faces) };
}

/** The boxes around a portrait's groups. */
export const around = ({ nodes }: Scene, places: Point[], faces: Geometry['faces']) =>
  boxes(nodes.map(({ key, group, wide }, i) => ({ key, group, wide, side: faces[i]?.side })), places);

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

function islands({ nodes }: Scene, room: Size): Geometry {
  const members = new Map<string, number[]>();
  nodes.forEach((node, i) => {
    const group = node.node < 0 ? node.name : node.group;
    members.set(group, [...(members.get(group) ?? []), i]);
  });
  for (const member of members.values()) member.sort((a, b) => compare(nodes[a].name, nodes[b].name));
  const order = [...members].sort(([a], [b]) => Number(a === '') - Number(b === '') || compare(a, b));
  const packed = pack(order.map(([group, member]) => ({
    group, title: group, names: nodes[member[0]].node < 0 ? null : member.map((i) => nodes[i].name),
  })), room);
  const places: Point[] = [];
  for (const [group, member] of order) {
    const { x, y, width, height } = packed.boxes.get(group) as Box;
    member.forEach((i, k) => { places[i] = packed.nodes.get(group)?.[k] ?? { x: x + width / 2, y: y + height / 2 }; });
  }
  return { places, faces: nodes.map(() => ({ side: 'right', loop: 0 })), boxes: packed.boxes };
}

/** The lines of links; `thick` is how wide an open one is drawn. */
export function lines(scene: Scene, { places, faces, boxes: frames }: Geometry, links: SceneLink[], thick: number): Map<string, Curve> {
  const { nodes, level: { portrait } } = scene;
  const rings = portrait ? centres(scene, places) : new Map<string, Point>();
  const radius = (i: number) => {
    if (portrait) return R;
    const box = nodes[i].node < 0 ? frames.get(nodes[i].name) : undefined;
    return box ? box.height / 2 + 4 : DOT;
  };
  return new Map(links.map(({ key, source, target, nth }) => [key, source === target
    ? loop(places[source], faces[source]?.loop ?? 0, nth, thick)
    : curve(places[source], places[target], nth, thick, nodes[source].group === nodes[target].group ? rings.get(nodes[source].group) : null, { from: radius(source), to: radius(target) })]));
}

/** The line of a bundle; null within an island. */
export function span({ source, target }: Bundle, { boxes: frames }: Geometry, thick: number): Curve | null {
  const [from, to] = [frames.get(source), frames.get(target)];
  if (!from || !to || source === target) return null;
  const { start, end, bend } = bridge(from, to);
  return bow(start, end, bend, thick);
}

/** The middles of the groups that are rings. */
function centres({ nodes }: Scene, places: Point[]): Map<string, Point> {
  const members = new Map<string, Point[]>();
  nodes.forEach(({ group }, i) => members.set(group, [...(members.get(group) ?? []), places[i]]));
  return new Map([...members].filter(([, points]) => points.length >= RING).map(([group, points]) => {
    const { x, y, width, height } = bounds(points);
    return [group, { x: x + width / 2, y: y + height / 2 }];
  }));
}

/** What of all must be in the window. */
export function extent({ nodes }: Scene, { places, faces, boxes: frames }: Geometry, curves: Iterable<Curve>, portrait: boolean): Box {
  const boxed = [...frames.values()].flatMap(({ x, y, width, height }) => [{ x, y }, { x: x + width, y: y + height }]);
  if (!portrait) return bounds(boxed);
  const named = nodes.flatMap((node, i) => {
    const side = faces[i]?.side;
    const text = node.name ? node.wide + 10 : 0;
    const { x, y } = places[i];
    return [
      { x: x - R - 6 - (side === 'left' ? text : 0), y: y - R - 6 - (side === 'above' ? 24 : 0) },
      { x: x + R + 6 + (side === 'right' ? text : 0), y: y + R + 6 + (side === 'below' ? 24 : 0) },
    ];
  });
  // Loops and the bows of edges stand out as well.
  return bounds([...boxed, ...named, ...[...curves].flatMap((one) => [one.at(0.25), one.middle, one.at(0.75)])]);
}

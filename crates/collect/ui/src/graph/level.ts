/** How much of the graph is told at once: as much as can be read. Pure. */

import { fitting } from './camera';
import { boxes, bounds, ems, place, sides, R } from './layout';
import { legible } from './islands';
import type { Island, Size } from './islands';

/**
 * `portrait` is for a few nodes: large, each edge by itself. Else namespaces are islands with a row a node, of which those that are not
 * in `unfolded` are folded. `text` is the size of names in a portrait, in the world's units.
 */
export type Level = { portrait: boolean, unfolded: ReadonlySet<string>, text: number };

/** More nodes, or more paths, are no portrait. */
const FEW = 12;
const PATHS = 48;
/** Of names in a portrait, where there is room. */
const TEXT = 15;

export type Plan = { key: string, id: string, name: string, group: string };

/**
 * @param nodes that are drawn
 * @param pairs of places in `nodes`, of which one leads to the other
 * @param folds which namespaces somebody folded or unfolded
 * @param room in pixels
 * @param least the height of the smallest text, in pixels
 */
export function level(nodes: Plan[], pairs: { source: number, target: number }[], folds: ReadonlyMap<string, boolean>, room: Size, least: number): Level {
  const groups = [...new Set(nodes.map(({ group }) => group))].sort((a, b) => Number(a === '') - Number(b === '') || compare(a, b));
  const folded = groups.some((group) => folds.get(group) === false);
  if (nodes.length <= FEW && pairs.length <= PATHS && !folded) {
    const text = portrait(nodes, pairs, room, least);
    if (text !== null) return { portrait: true, unfolded: new Set(groups), text };
  }
  const islands = (open: (group: string) => boolean): Island[] => groups.map((group) =>
    ({ group, title: group, names: open(group) ? nodes.filter((node) => node.group === group).map(({ name }) => name) : null }));
  const whole = (group: string) => folds.get(group) !== false;
  const all = legible(islands(whole), room, least);
  return { portrait: false, unfolded: new Set(groups.filter(all ? whole : (group) => folds.get(group) === true)), text: 0 };
}

/** The size of text at which a portrait fits and can be read; null if there is none. */
function portrait(nodes: Plan[], pairs: { source: number, target: number }[], room: Size, least: number): number | null {
  const tall = room.height > room.width;
  let text = TEXT;
  for (let turn = 0; turn < 3; turn += 1) {
    const items = nodes.map(({ key, group, id, name }) => ({ key, group, wide: id === name ? 0 : text * ems(name) }));
    const places = place(items, new Map(), tall);
    const faces = sides(places, pairs, items.map(({ wide }) => wide || undefined));
    const boxed = [...boxes(items.map((item, i) => ({ ...item, side: faces[i].side })), places).values()]
      .flatMap(({ x, y, width, height }) => [{ x, y }, { x: x + width, y: y + height }]);
    const { k } = fitting(bounds([...boxed, ...places.flatMap(({ x, y }) => [{ x: x - 2 * R, y: y - 2 * R }, { x: x + 2 * R, y: y + 2 * R }])]), room.width, room.height, 26);
    if (k * text >= least) return text;
    text = Math.ceil(least / k);
    if (text > 22) return null;
  }
  return null;
}

/** Numbers in a name by their value. */
const { compare } = new Intl.Collator('en', { numeric: true });

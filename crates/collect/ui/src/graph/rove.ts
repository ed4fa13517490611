/** The keyboard's way through the graph: one item is in the order of tabs, arrows lead to the others. */

import { set } from '../view/element';

export function createRover(nodes: SVGElement, edges: SVGElement, bundles: SVGElement) {
  let current = '';
  const children = (layer: SVGElement) => [...layer.children] as SVGElement[];
  const items = () => [...children(nodes), ...children(edges), ...children(bundles)];

  function rove() {
    const all = items();
    const one = all.find((item) => item.dataset.key === current) ?? all[0];
    current = one?.dataset.key ?? '';
    for (const item of all) set(item, { tabindex: item === one ? 0 : -1 });
  }

  return {
    rove,
    focus: () => items().find(({ dataset }) => dataset.key === current)?.focus(),
    at(item: SVGElement) {
      current = item.dataset.key ?? '';
      rove();
    },

    /**
     * Nodes in turn, each followed by its edges; then what leads from island to island.
     * @param leap from node to node
     */
    step(item: Element, way: 1 | -1, leap: boolean) {
      const out = children(edges);
      const order = [...children(nodes).flatMap((node) => [node, ...out.filter((edge) => edge.dataset.source === node.dataset.key)]), ...children(bundles)];
      const all = order.filter((other) => !leap || other === item || other.parentNode === nodes);
      const next = all[(all.indexOf(item as SVGElement) + way + all.length) % all.length];
      current = next?.dataset.key ?? '';
      rove();
      next?.focus();
    },
  };
}

/** The only module that knows the DOM. Text from the network enters it as text alone. */

import { layout } from './layout.js';

/**
 * @param {Document} document
 * @param {() => void} redraw is called when something else is to be shown, or the stage has another size
 */
export function createView(document, redraw) {
  const [stage, graph, edges, nodes, tip] = ['stage', 'graph', 'edges', 'nodes', 'tip'].map(get);
  const show = { unreachable: true, markers: true, self: true, others: false };
  /** @type {SVGElement | null} */
  let hovered = null;
  /** @type {SVGElement | null} */
  let focused = null;

  for (const button of document.querySelectorAll('button')) {
    button.addEventListener('click', () => {
      const what = /** @type {keyof typeof show} */ (button.dataset.show);
      show[what] = !show[what];
      button.setAttribute('aria-pressed', String(show[what]));
      redraw();
    });
  }
  for (const [type, at] of Object.entries({ pointerover: true, pointerout: false, focusin: true, focusout: false })) {
    graph.addEventListener(type, ({ target }) => {
      const item = at ? /** @type {Element} */ (target).closest('[data-key]') : null;
      if (type.startsWith('pointer')) hovered = /** @type {SVGElement | null} */ (item);
      else focused = /** @type {SVGElement | null} */ (item);
      tell();
    });
  }
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    hovered = null;
    focused = null;
    tell();
  });
  new ResizeObserver(redraw).observe(stage);

  return {
    show,

    /** @param {import('./model.js').Seen} seen */
    draw(seen) {
      get('paths').textContent = seen.paths;
      get('probes').textContent = seen.probes;
      get('hint').textContent = seen.hint;
      get('hint').hidden = seen.hint === '';
      const others = /** @type {HTMLElement} */ (document.querySelector('[data-show=others]'));
      others.hidden = seen.others === 0;
      others.textContent = `Toggle ${seen.others} other target${seen.others === 1 ? '' : 's'}`;
      // Only now is the stage as large as all that lets it be.
      const plan = layout(seen.nodes, seen.edges, stage.clientWidth, stage.clientHeight);
      graph.style.setProperty('--thick', `${plan.thick}px`);
      graph.style.setProperty('--strong', `${Math.max(0.35, Math.min(1, 300 / seen.edges.length))}`);
      graph.classList.toggle('still', !show.markers);
      // So many lights would be noise, and work: only those of what is pointed at move.
      graph.classList.toggle('dense', seen.edges.length > 150);

      sync(edges, seen.edges, ['path hit', 'path line', 'path head', 'path glow', 'path light'], (item, edge, i) => {
        const [, hit, line, head, glow, light] = item.children;
        const curve = plan.edges[i];
        for (const path of [hit, line, glow, light]) set(path, { d: curve.line });
        set(head, { d: curve.head });
        for (const path of [glow, light]) set(path, { pathLength: 100 });
        set(item, {
          'data-source': seen.nodes[edge.source].key,
          'data-target': seen.nodes[edge.target].key,
          'data-x': curve.x,
          'data-y': curve.y,
        });
      });
      sync(nodes, seen.nodes, ['circle', 'text id', 'text label'], (item, node, i) => {
        const [, circle, id, label] = item.children;
        const place = plan.nodes[i];
        set(circle, { cx: place.x, cy: place.y, r: plan.r });
        set(id, { x: place.x, y: place.y, 'font-size': place.size });
        id.textContent = place.text;
        const { text, size, x, y, anchor, turn } = place.label ?? { text: '', size: 0, x: 0, y: 0, anchor: 'start', turn: 0 };
        set(label, { x, y, 'text-anchor': anchor, transform: `rotate(${turn} ${x} ${y})`, 'font-size': size });
        label.classList.toggle('turned', turn !== 0);
        label.textContent = text;
        set(item, { 'data-x': place.x, 'data-y': place.y, 'data-r': plan.r });
      });
      tell();
    },

    /** @param {{ live: boolean, text: string, age: string }} status */
    status({ live, text, age }) {
      document.body.classList.toggle('stale', !live);
      // The same text again would be read aloud again.
      if (get('status').textContent !== text) get('status').textContent = text;
      get('age').textContent = age;
    },
  };

  /**
   * @param {string} id
   * @returns {HTMLElement}
   */
  function get(id) {
    return /** @type {HTMLElement} */ (document.getElementById(id));
  }

  /**
   * Makes the children of `group` those of `items`, by key: what stays keeps its focus and its moving light.
   * @template {{ key: string, look: string, line: string, title: string }} T
   * @param {HTMLElement} group
   * @param {T[]} items
   * @param {string[]} parts name and class of each
   * @param {(element: SVGElement, item: T, i: number) => void} update
   */
  function sync(group, items, parts, update) {
    const keys = new Set(items.map((item) => item.key));
    const old = new Map();
    for (const child of /** @type {SVGElement[]} */ ([...group.children])) {
      if (keys.has(child.dataset.key ?? '')) old.set(child.dataset.key, child);
      else child.remove();
    }
    items.forEach((item, i) => {
      const element = old.get(item.key) ?? create('g', { 'data-key': item.key, tabindex: 0, role: 'img' });
      if (!element.firstChild) {
        element.append(create('title', {}));
        for (const part of parts) element.append(create(part.split(' ')[0], { class: part.split(' ')[1] ?? '' }));
      }
      set(element, { 'aria-label': item.line });
      if (element.dataset.look !== item.look) set(element, { class: item.look, 'data-look': item.look });
      element.firstChild.textContent = item.title;
      update(element, item, i);
      if (group.children[i] !== element) group.insertBefore(element, group.children[i]);
    });
  }

  /**
   * @param {string} name
   * @param {Record<string, string | number>} attributes
   */
  function create(name, attributes) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    set(element, attributes);
    return element;
  }

  /**
   * @param {Element} element
   * @param {Record<string, string | number>} attributes
   */
  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
    }
  }

  /** Says what is known of the edge or node that is pointed at, and picks out the edges of a node. */
  function tell() {
    const item = [hovered, focused].find((element) => element?.isConnected) ?? null;
    tip.hidden = !item;
    const key = item?.parentElement === nodes ? item?.dataset.key : null;
    graph.classList.toggle('picking', Boolean(key));
    for (const edge of /** @type {SVGElement[]} */ ([...edges.children])) {
      edge.classList.toggle('picked', key === edge.dataset.source || key === edge.dataset.target);
    }
    if (!item) return;
    tip.textContent = item.getAttribute('aria-label');
    const [x, y, r] = [Number(item.dataset.x), Number(item.dataset.y), Number(item.dataset.r ?? 4)];
    const left = Math.max(8, Math.min(x - tip.offsetWidth / 2, stage.clientWidth - tip.offsetWidth - 8));
    const above = y - r - tip.offsetHeight - 10;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 0 ? y + r + 10 : above}px`;
  }
}

/** Elements, made and kept up to date. What they say goes in as text, never as markup. */

const SVG = 'http://www.w3.org/2000/svg';

/** false, null and undefined mean: without */
export type Value = string | number | boolean | null | undefined;

/** functions listen to the event of their name */
export type Attributes = Record<string, Value | ((event: any) => void)>;

export type Child = Element | string | number | null | undefined | false;

export function html<T extends keyof HTMLElementTagNameMap>(name: T, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[T] {
  const element = document.createElement(name);
  fill(element, attributes, children);
  return element;
}

export function svg(name: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, name);
  fill(element, attributes, children);
  return element;
}

function fill(element: Element, attributes: Attributes, children: Child[]) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else set(element, { [name]: value });
  }
  element.append(...present(children));
}

const present = (children: Child[]) => (children.filter((child) => child !== null && child !== undefined && child !== false).map((child) => (typeof child === 'number' ? String(child) : child)) as (Element | string)[]);

export function set(element: Element, attributes: Record<string, Value>) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/** The same text again would be read aloud again, and be work. */
export function say(element: Element, text: string) {
  if (element.textContent !== text) element.textContent = text;
}

export function get(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * Makes the children of `group` those of `wanted`, by key: what stays keeps its focus and its moving light.
 * @param known the elements by key, kept from one time to the next
 * @param build what one is made of; another means a new element
 */
export function sync<T extends { key: string }>(group: SVGElement, wanted: readonly T[], known: Map<string, SVGElement>, build: (one: T) => string,
  create: (one: T, parts: string) => SVGElement, update: (item: SVGElement, one: T) => void) {
  const stay = new Set(wanted.map((one) => one.key));
  for (const child of [...group.children] as SVGElement[]) {
    if (stay.has(child.dataset.key ?? '')) continue;
    known.delete(child.dataset.key ?? '');
    child.remove();
  }
  wanted.forEach((one, i) => {
    const parts = build(one);
    let item = known.get(one.key);
    if (!item || item.dataset.parts !== parts) {
      const fresh = create(one, parts);
      set(fresh, { 'data-key': one.key, 'data-parts': parts });
      const focus = item === document.activeElement;
      item?.replaceWith(fresh);
      item = fresh;
      known.set(one.key, item);
      if (group.children[i] !== item) group.insertBefore(item, group.children[i] ?? null);
      if (focus) item.focus();
    } else if (group.children[i] !== item) group.insertBefore(item, group.children[i] ?? null);
    update(item, one);
  });
}

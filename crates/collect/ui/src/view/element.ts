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

/** Zoom, pan and drag by wheel, mouse, touch and pen. The arithmetic is pure; `follow` binds it to an element. */

import type { Box } from './layout';

/** What is at (x, y) in the world is seen at (k x + camera.x, k y + camera.y). */
export type Camera = { k: number, x: number, y: number };

export type Point = { x: number, y: number };

const NEAREST = 4;
const FARTHEST = 0.08;
/** So many pixels are a click still. */
const SLIP = 4;

/**
 * Zooms so that what is at `at` stays there.
 * @param at on the screen
 */
export function zoom({ k, x, y }: Camera, factor: number, at: Point): Camera {
  const next = Math.min(NEAREST, Math.max(FARTHEST, k * factor));
  return { k: next, x: at.x - ((at.x - x) * next) / k, y: at.y - ((at.y - y) * next) / k };
}

/** Shows a box as large as it fits, but no larger than `most`. */
export function fitting(box: Box, width: number, height: number, pad: number, most: number = 1.5): Camera {
  const k = Math.max(FARTHEST, Math.min(most, (width - 2 * pad) / (box.width || 1), (height - 2 * pad) / (box.height || 1)));
  return { k, x: width / 2 - k * (box.x + box.width / 2), y: height / 2 - k * (box.y + box.height / 2) };
}

export function gestures(surface: HTMLElement, { camera, move, hold, drag, drop }: { camera: () => Camera, move: (camera: Camera) => void, hold: (target: Element) => string | null, drag: (what: string, by: Point) => void, drop: (what: string) => void }) {
  const pointers = new Map<number, Point>();
  let held: string | null = null;
  let slipped = false;
  let start: Point = { x: 0, y: 0 };
  let panned = -Infinity;

  const place = (event: PointerEvent | WheelEvent) => {
    const { left, top } = surface.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  surface.addEventListener('wheel', (event) => {
    event.preventDefault();
    // A line of a mouse wheel is some twenty pixels; a pinch on a touchpad comes as a wheel with Ctrl.
    const scale = event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? 400 : 1;
    const by = { x: event.deltaX * scale, y: event.deltaY * scale };
    // Two fingers move sideways, too, and in small steps; a wheel knows one way, and jumps.
    const fingers = by.x !== 0 || (event.deltaMode === 0 && Math.abs(by.y) < 50);
    if (!event.ctrlKey && (fingers || event.timeStamp - panned < 250)) {
      panned = event.timeStamp;
      const { k, x, y } = camera();
      move({ k, x: x - by.x, y: y - by.y });
    } else move(zoom(camera(), 2 ** (-by.y * (event.ctrlKey ? 0.01 : 0.002)), place(event)));
  }, { passive: false });

  surface.addEventListener('pointerdown', (event) => {
    const target = event.target as Element;
    if (event.button !== 0 || target.closest('button')) return;
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) {
      held = hold(target);
      slipped = false;
      start = place(event);
    } else held = null;
  });

  surface.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    if (!slipped) {
      if (pointers.size === 1 && Math.hypot(now.x - start.x, now.y - start.y) < SLIP) return;
      slipped = true;
      // Only now, or a click would be the surface's.
      surface.setPointerCapture(event.pointerId);
      surface.classList.add('moving');
    }
    const { k, x, y } = camera();
    const by = { x: now.x - before.x, y: now.y - before.y };
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      const spread = (at: Point) => Math.hypot(at.x - other.x, at.y - other.y) || 1;
      move(zoom({ k, x: x + by.x / 2, y: y + by.y / 2 }, spread(now) / spread(before), middle));
    } else if (held !== null) drag(held, { x: by.x / k, y: by.y / k });
    else move({ k, x: x + by.x, y: y + by.y });
    pointers.set(event.pointerId, now);
  });

  const end = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    surface.classList.remove('moving');
    if (slipped && held !== null) drop(held);
    held = null;
  };
  surface.addEventListener('pointerup', end);
  surface.addEventListener('pointercancel', end);
  // The click that ends a drag is none.
  surface.addEventListener('click', (event) => {
    if (slipped) event.stopPropagation();
    slipped = false;
  }, true);
}

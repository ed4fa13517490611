import { follow } from './api.js';
import { apply, see, status } from './model.js';
import { createView } from './view.js';

const example = new URLSearchParams(location.search).get('example') === 'true';
/** @type {import('./model.js').Graph | null} */
let graph = null;
/** @type {{ live: boolean, heard: number | null }} */
const stream = { live: false, heard: null };

const view = createView(document, draw);
setInterval(tick, 1000);
follow(
  `api/v1/graph/events${example ? '?example=true' : ''}`,
  (event) => {
    const next = apply(graph, event);
    if (!next) return false;
    graph = next;
    stream.live = true;
    stream.heard = Date.now();
    tick();
    draw();
    return true;
  },
  () => {
    stream.live = false;
    tick();
  },
);

function draw() {
  if (graph) view.draw(see(graph, view.show));
}

function tick() {
  view.status(status(stream, Date.now(), example));
}

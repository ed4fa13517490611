/** What the first picture does not need: loaded behind it, so that it comes sooner. */

export { csv } from './csv.js';
export { fillHelp } from './help.js';
export { createMatrix } from './matrix.js';
export { createPanel } from './panel.js';
export { createStrip } from './strip.js';
export { cells, createTable } from './table.js';

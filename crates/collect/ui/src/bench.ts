/** What e2e/bench.js measures apart from the page around it. */

export { visible } from './asked/filter';
export { apply } from './known/graph';
export { createMatrix } from './matrix/surface';
export { WORDS } from './said/words';

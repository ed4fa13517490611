/** Command lines that check a path by hand. Pure. */

import { service } from './name.js';

/**
 * A word as a POSIX shell takes it for itself: URLs come from the network.
 * @param {string} word
 */
export const quote = (word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/**
 * @param {string} source the URL of the probe that checks; where it is no service's, the command is for its machine
 * @param {string} target
 * @returns {string[]}
 */
export function commands(source, target) {
  const pod = service(source);
  const url = quote(/^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? target : `http://${target}`);
  return [
    pod && !/\.localhost\b/.test(source) ? `kubectl exec -n ${pod.namespace} deploy/${pod.service} -- probe check ${url}` : `star-probe check ${url}`,
    `curl -sS -m 2 -o /dev/null -w '%{http_code} %{time_total}s\\n' ${url}`,
  ];
}

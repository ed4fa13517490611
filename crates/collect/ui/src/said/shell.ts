/** Command lines that check a path by hand. Pure. */

import { service } from '../known/name';

/** A word as a POSIX shell takes it for itself: URLs come from the network. */
export const quote = (word: string) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** @param source the URL of the probe that checks; where it is no service's, the command is for its machine */
export function command(source: string, target: string): string {
  const pod = service(source);
  const url = quote(/^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? target : `http://${target}`);
  return pod && !/\.localhost\b/.test(source) ? `kubectl exec -n ${pod.namespace} deploy/${pod.service} -- probe check ${url}` : `star-probe check ${url}`;
}

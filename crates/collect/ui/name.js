/** What a node is called: from its URL, when that is a Kubernetes service's, else by its id. Pure. */

/**
 * The service and the namespace in `service.namespace[.svc[.…]]`; names under .localhost are loopback's (RFC 6761) and
 * may be formed alike.
 * @param {string} url as configured, perhaps without a scheme
 * @returns {{ service: string, namespace: string } | null}
 */
export function service(url) {
  const host = (/^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/?#]*@)?([a-z0-9.-]+)(?::\d*)?(?:[/?#]|$)/i.exec(url)?.[1] ?? '').replace(/\.$/, '').toLowerCase();
  const [name, namespace, ...zone] = host.split('.');
  const label = /^(?!-)[a-z0-9-]{1,63}$/;
  if (!label.test(name) || namespace === undefined || !label.test(namespace) || /^\d+$/.test(namespace)) return null;
  return zone.length === 0 ? (namespace === 'localhost' ? null : { service: name, namespace })
    : zone[0] === 'svc' || (zone.length === 1 && zone[0] === 'localhost') ? { service: name, namespace } : null;
}

/**
 * What each node is called, and its namespace ('' for none). A service's name that several nodes have names none of them.
 * @param {{ id: string, url: string, kind: string }[]} nodes
 * @returns {{ name: string, namespace: string }[]}
 */
export function names(nodes) {
  const services = nodes.map((node) => service(node.url));
  /** @type {Map<string, number>} */
  const uses = new Map();
  for (const name of services.map((known) => known?.service ?? '')) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { id } of nodes) if (uses.has(id)) uses.set(id, 2);
  return nodes.map((node, i) => {
    const known = services[i];
    const plain = node.kind === 'resource' ? node.id : node.id.replace(/^https?:\/\//, '');
    return { name: known && node.kind === 'resource' && uses.get(known.service) === 1 ? known.service : plain, namespace: known?.namespace ?? '' };
  });
}

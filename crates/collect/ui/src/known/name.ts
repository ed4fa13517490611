/** What a node is called: from its URL, when that is a Kubernetes service's, else by its id. Pure. */

/**
 * The service and the namespace in `service.namespace[.svc[.…]]`; names under .localhost are loopback's (RFC 6761) and
 * may be formed alike.
 * @param url as configured, perhaps without a scheme
 */
export function service(url: string): { service: string, namespace: string } | null {
  const host = (/^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/?#]*@)?([a-z0-9.-]+)(?::\d*)?(?:[/?#]|$)/i.exec(url)?.[1] ?? '').replace(/\.$/, '').toLowerCase();
  const [name, namespace, ...zone] = host.split('.');
  const label = /^(?!-)[a-z0-9-]{1,63}$/;
  if (!label.test(name) || namespace === undefined || !label.test(namespace) || /^\d+$/.test(namespace)) return null;
  return zone.length === 0 ? (namespace === 'localhost' ? null : { service: name, namespace })
    : zone[0] === 'svc' || (zone.length === 1 && zone[0] === 'localhost') ? { service: name, namespace } : null;
}

/**
 * What each node is called, and its namespace ('' for none). A service's name that several nodes have names none of them.
 */
export function names(nodes: { id: string, url: string, kind: string }[]): { name: string, namespace: string }[] {
  const services = nodes.map((node) => service(node.url));
  const uses = new Map<string, number>();
  for (const name of services.map((known) => known?.service ?? '')) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { id } of nodes) if (uses.has(id)) uses.set(id, 2);
  return nodes.map((node, i) => {
    const known = services[i];
    const plain = node.kind === 'resource' ? node.id : node.id.replace(/^https?:\/\//, '');
    return { name: known && node.kind === 'resource' && uses.get(known.service) === 1 ? known.service : plain, namespace: known?.namespace ?? '' };
  });
}

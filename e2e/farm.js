/** Scripted probes: one server that answers for many, so that a real collector sees whatever a test wants it to see. */

import { createServer } from 'node:http';
import { once } from 'node:events';

/**
 * @typedef {{ url: string, id?: string, reachable?: boolean, state?: string, reason?: string, message?: string, since?: string, status_code?: number, latency_ms?: number }} Target
 */

/** @param {{ hold?: boolean }} [options] whether answers are held until there is news, as a probe of ours holds them */
export async function createFarm({ hold = true } = {}) {
  /** @type {Map<string, { body: string, etag: string, type: string }>} */
  const statuses = new Map();
  /** @type {Map<string, Set<() => void>>} */
  const waiting = new Map();
  let version = 0;

  const server = createServer((request, response) => {
    const id = decodeURIComponent((request.url ?? '').split('/')[1]);
    const answer = () => {
      const status = statuses.get(id);
      if (!status) {
        // Whoever is taken away answers no more: the connection is cut.
        request.socket.destroy();
        return;
      }
      const headers = { 'content-type': status.type, etag: status.etag, ...(hold ? { 'preference-applied': 'wait=1' } : {}) };
      const known = request.headers['if-none-match'] === status.etag;
      response.writeHead(known ? 304 : 200, headers).end(known ? undefined : status.body);
    };
    if (!hold || request.headers['if-none-match'] !== statuses.get(id)?.etag) {
      answer();
      return;
    }
    const wake = waiting.get(id) ?? new Set();
    waiting.set(id, wake);
    const news = () => {
      clearTimeout(timer);
      wake.delete(news);
      answer();
    };
    const timer = setTimeout(news, 1000);
    wake.add(news);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

  return {
    port,

    /**
     * Where `id` is: under a service's name, if one is given. Names under .localhost are loopback's.
     * @param {string} id
     * @param {string} [service] as service.namespace
     */
    url: (id, service) => `http://${service ? `${service}.localhost` : '127.0.0.1'}:${port}/${encodeURIComponent(id)}/status`,

    /**
     * What `id` answers from now on: targets, any text, or null for nothing at all.
     * @param {string} id
     * @param {Target[] | string | null} said
     * @param {string} [type] of a text
     */
    say(id, said, type = 'text/plain') {
      if (said === null) statuses.delete(id);
      else {
        version += 1;
        const text = typeof said === 'string';
        const targets = text ? [] : said.map(({ reachable, ...target }) => ({ reachable: reachable ?? target.state === 'reachable', ...target }));
        statuses.set(id, { body: text ? said : JSON.stringify({ status: { targets } }), etag: `"${version}"`, type: text ? type : 'application/json' });
      }
      for (const news of [...(waiting.get(id) ?? [])]) news();
    },

    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The stars lab of the pictures: which of its six paths are open in each of the five states. */
export const STATES = {
  'no policy': ['C>F', 'C>B', 'F>C', 'F>B', 'B>C', 'B>F'],
  'default deny': null,
  'allow ui': [],
  'backend policy': ['F>B'],
  'frontend policy': ['C>F', 'F>B'],
};

/**
 * The lab's three pods on a farm.
 * @param {Awaited<ReturnType<typeof createFarm>>} farm
 */
export function stars(farm) {
  const urls = { F: farm.url('F', 'frontend.stars'), B: farm.url('B', 'backend.stars'), C: farm.url('C', 'client.client') };
  const lists = { F: 'FBC', B: 'FBC', C: 'FB' };
  const ids = /** @type {const} */ (['F', 'B', 'C']);
  /** @type {Map<string, { open: boolean, since: string }>} */
  const last = new Map();
  return {
    urls,
    /**
     * @param {string[] | null} open which paths are, as in `C>F`; null takes all probes away
     * @param {Partial<Target>} [how] of the closed
     */
    set(open, how = {}) {
      for (const id of ids) {
        if (open === null) {
          farm.say(id, null);
          continue;
        }
        farm.say(id, [...lists[id]].map((to) => {
          const pair = `${id}>${to}`;
          const yes = to === id || open.includes(pair);
          const before = last.get(pair);
          const since = before?.open === yes ? before.since : new Date().toISOString();
          last.set(pair, { open: yes, since });
          return yes
            ? { url: urls[/** @type {'F'} */ (to)], state: 'reachable', since, status_code: 200, latency_ms: 0.6 + Math.random() * 0.3 }
            : { url: urls[/** @type {'F'} */ (to)], state: 'unreachable', since, reason: 'connect_timeout', message: 'no answer to 4 connection attempts within 1 s: a policy drops them, or nobody is there', ...how };
        }));
      }
    },
  };
}

/**
 * Many probes in some namespaces, each of which checks the `degree` next ones and is checked by as many.
 * @param {Awaited<ReturnType<typeof createFarm>>} farm
 * @param {number} n
 * @param {number} degree
 * @param {number} namespaces 0 for none
 * @param {(source: number, target: number) => boolean} open
 */
export function mesh(farm, n, degree, namespaces, open) {
  const id = (/** @type {number} */ i) => `pod-${i + 1}`;
  const urls = Array.from({ length: n }, (_, i) => farm.url(id(i), namespaces ? `pod-${i + 1}.team-${(i % namespaces) + 1}` : undefined));
  const since = new Date().toISOString();
  const tell = (/** @type {number} */ i, check = open) => farm.say(id(i), Array.from({ length: degree }, (_, k) => {
    const to = (i + k + (degree < n ? 1 : 0)) % n;
    return check(i, to)
      ? { url: urls[to], state: 'reachable', since, status_code: 200, latency_ms: 0.7 }
      : { url: urls[to], state: 'unreachable', since, reason: 'connect_timeout' };
  }));
  for (let i = 0; i < n; i += 1) tell(i);
  return { tell, resources: urls.map((url, i) => ({ id: id(i), url })) };
}

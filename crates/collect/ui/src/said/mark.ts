/** The small signs that say why: one for each kind of reason, the same in graph, matrix and legend. Pure. */

export type Mark = 'silence' | 'refused' | 'name' | 'route' | 'late' | 'tls' | 'other';

/** Paths around the origin, to be stroked, within a circle of radius 9. */
export const GLYPHS: Record<Mark, string> = {
  silence: 'M-4.2 4.2L4.2 -4.2',
  refused: 'M-3.4 -3.4L3.4 3.4M-3.4 3.4L3.4 -3.4',
  name: 'M-2.5 -2.1A2.5 2.5 0 1 1 0.9 0.2C0.2 0.5 0 0.9 0 1.7M0 4.3V4.5',
  route: 'M-5.2 0H-2.4M2.4 0H5.2M-1.2 3.4L1.2 -3.4',
  late: 'M0 -4.4V0.4L3 2.2',
  tls: 'M-3.2 -0.4H3.2V4H-3.2ZM-1.9 -0.4V-2.2A1.9 1.9 0 0 1 1.9 -2.2V-0.4',
  other: 'M0 -4.6V0.9M0 4.1V4.3',
};

export function mark(reason: string | undefined): Mark {
  switch (reason) {
    case 'connect_timeout':
    case 'no_answer': return 'silence';
    case 'connection_refused':
    case 'connection_reset': return 'refused';
    case 'dns_failed':
    case 'dns_timeout': return 'name';
    case 'host_unreachable':
    case 'network_unreachable': return 'route';
    case 'response_timeout': return 'late';
    case 'tls_failed': return 'tls';
    default: return 'other';
  }
}

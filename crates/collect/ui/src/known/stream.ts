/** The collector's event stream: kept open while somebody looks, opened anew whenever it falls silent or fails. */

/** The stream's heartbeat comes every 2 s; two of them may be lost. */
export const SILENCE_MS = 5000;
const RETRY_MS = 1000;

/**
 * @param take gets each event; false asks for a fresh stream, and so for a snapshot
 * @param lost is called when what was shown is no longer live
 */
export function follow(url: string, take: (event: any) => boolean, lost: () => void, { EventSource, setTimeout, clearTimeout, document }: Pick<typeof globalThis, 'EventSource' | 'setTimeout' | 'clearTimeout' | 'document'> = globalThis) {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const close = () => {
    source?.close();
    clearTimeout(timer);
    lost();
  };
  // EventSource would retry by itself after some errors, but not after an answer other than 200.
  const retry = () => {
    close();
    timer = setTimeout(open, RETRY_MS);
  };
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(retry, SILENCE_MS);
  };
  const open = () => {
    source = new EventSource(url);
    source.onerror = retry;
    for (const name of ['snapshot', 'patch', 'heartbeat']) {
      source.addEventListener(name, (message) => {
        watch();
        try {
          if (take({ ...JSON.parse(message.data), event: name })) return;
        } catch (error) {
          console.error(error);
        }
        retry();
      });
    }
    watch();
  };
  // A hidden page would only keep a stream from somebody who looks.
  const look = () => {
    close();
    if (!document.hidden) open();
  };
  document.addEventListener('visibilitychange', look);
  look();
}

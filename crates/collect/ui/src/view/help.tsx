/** The list of keys, and what the marks mean. */

import { useLayoutEffect, useRef } from 'preact/hooks';
import { GLYPHS } from '../said/mark';
import type { Mark } from '../said/mark';
import type { Words } from '../said/words';
import { CLOSE, Icon, Sign } from './icon';

export function Help({ open, words, close }: { open: boolean, words: Words, close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    else if (!open) dialog.current?.close();
  }, [open]);
  const { legend } = words;
  const badge = (name: string) => <svg class={`sign ${name}`} viewBox="-11 -11 22 22" aria-hidden="true"><circle r="9" /></svg>;
  return (
    <dialog id="help" ref={dialog} aria-label={words.help} onClose={close}>
      {open && <>
        <button type="button" class="close" aria-label={words.close} title={words.close} onClick={close}><Icon path={CLOSE} /></button>
        <h2>{words.keysTitle}</h2>
        <dl>{words.keys.map(([keys, what]) => <><dt>{keys.split(/\s+/).map((key) => <kbd>{key}</kbd>)}</dt><dd>{what}</dd></>)}</dl>
        <h2>{words.marksTitle}</h2>
        <ul>
          <li><Sign state="reachable" />{legend.reachable}</li>
          <li><Sign state="unreachable" reason="connect_timeout" />{legend.unreachable}</li>
          <li><Sign state="unknown" />{legend.unknown}</li>
          <li>{badge('ghost')}{legend.ghost}</li>
          <li>{badge('differs')}{legend.differs}</li>
        </ul>
        <ul>
          {(Object.entries(words.marks) as [Mark, string][]).map(([name, text]) => (
            <li key={name}><svg class="sign unreachable" viewBox="-11 -11 22 22" aria-hidden="true"><circle r="9" /><path d={GLYPHS[name]} /></svg>{text}</li>
          ))}
        </ul>
      </>}
    </dialog>
  );
}

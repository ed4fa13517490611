/** What the picture's signs mean: in the picture, until it is put away. */

import { useState } from 'preact/hooks';
import { keep, kept } from '../act';
import type { Words } from '../said/words';
import { GLYPHS } from '../said/mark';
import { CLOSE, Icon } from './icon';

const KEY = 'star:legend';

export function Legend({ kind, bundled, words }: { kind: 'graph' | 'matrix', bundled: boolean, words: Words }) {
  const [read, setRead] = useState(kept(KEY) === 'read');
  if (read) return null;
  const line = (name: string) => <svg class={`sample ${name}`} viewBox="0 0 34 12" aria-hidden="true"><path d="M1 6H26" /><path class="head" d="M33 6L25 2V10Z" /></svg>;
  const cell = (name: string, glyph?: string) => <svg class={`sample cell ${name}`} viewBox="-12 -9 24 18" aria-hidden="true"><rect x="-12" y="-9" width="24" height="18" />{glyph && <path d={glyph} />}</svg>;
  const { guide } = words;
  return (
    <div id="legend" role="note">
      {kind === 'matrix' ? <>
        <span>{cell('open', 'M-4.5 0.3L-1.5 3.3L4.5 -3')}{guide.open}</span>
        <span>{cell('shut', GLYPHS.silence)}{guide.shut}</span>
        <span>{cell('unknown', 'M-4 0H-3.9M0 0H0.1M4 0H4.1')}{guide.unknown}</span>
        <span>{cell('none')}{guide.none}</span>
      </> : bundled ? <>
        <span>{line('open green')}{guide.allOpen}</span>
        <span>{line('mixed')}{guide.someShut}</span>
        <span>{line('shut red')}{guide.allShut}</span>
        <span>{line('unknown')}{guide.unknown}</span>
        <span>{guide.point}</span>
      </> : <>
        <span>{line('open')}{guide.colour}</span>
        <span>{line('shut')}{guide.shut}</span>
        <span>{line('unknown')}{guide.unknown}</span>
      </>}
      <button type="button" class="close" aria-label={guide.close} title={guide.close} onClick={() => {
        keep(KEY, 'read');
        setRead(true);
      }}><Icon path={CLOSE} /></button>
    </div>
  );
}

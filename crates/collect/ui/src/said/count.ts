/** Numbers in a text. Pure. */

/** Thousands apart, alike in both languages. */
export const count = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** A number with its English noun. */
export const plural = (n: number, word: string) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

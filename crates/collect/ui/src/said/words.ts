/** The two languages of the page, and which one is spoken. Pure. */

import { en } from './en';
import { ko } from './ko';

export type Words = typeof en;
export type Language = 'en' | 'ko';

export const WORDS: Record<Language, Words> = { en, ko };

/**
 * The first language that is asked for and known.
 * @param asked by the link
 * @param preferred by the browser
 */
export function language(asked: string | null, preferred: readonly string[]): Language {
  const known = [asked ?? '', ...preferred].map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => tag in WORDS);
  return (known ?? 'en') as Language;
}

/** @returns what fits into a cell, and a sentence */
export const explain = (words: Words, reason: string | undefined): string[] => (reason === undefined ? [words.reasonless, words.noReason] : words.reasons[reason] ?? words.unknownReason(reason));

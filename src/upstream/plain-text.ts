const MAX_LENGTH = 300

/** Separators of all kinds, control characters, invisible format characters and broken surrogates. */
const BLANK = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}]+/gu
const KEY = /\bbearer\s+\S+|\bsk-[\w-]+/gi
const MARKUP = /<!doctype|<\/?[a-z][\w:-]*(\s[^<>]*)?>/i

/**
 * A text of upstream's as one short line that may be shown to end users, with everything that looks like a key taken out;
 * null when nothing is left or when it is markup, which was never meant for them.
 */
export function plainText(text: string): string | null {
  if (MARKUP.test(text)) return null
  const line = text.replace(BLANK, ' ').trim().replace(KEY, '[key]')
  const characters = Array.from(line)
  if (characters.length <= MAX_LENGTH) return line === '' ? null : line
  return `${characters.slice(0, MAX_LENGTH - 1).join('')}…`
}

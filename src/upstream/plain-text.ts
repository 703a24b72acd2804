/** In Unicode code points. */
const MAX_LENGTH = 300

/** Separators, control characters, invisible format characters and unpaired surrogates. */
const BLANK = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}]+/gu
const KEY = /\bbearer\s+\S+|\bsk-[\w-]+/gi
const MARKUP = /<!doctype|<\/?[a-z][\w:-]*(\s[^<>]*)?>/i

/**
 * Makes a text from 0-0 safe to show to users: one line, at most 300 characters, with `[key]` in place
 * of anything that looks like an API key. Null for an empty text, and for markup such as HTML,
 * which must not be shown (upstream-api 5.6).
 */
export function plainText(text: string): string | null {
  if (MARKUP.test(text)) return null
  const line = text.replace(BLANK, ' ').trim().replace(KEY, '[key]')
  const characters = Array.from(line)
  if (characters.length <= MAX_LENGTH) return line === '' ? null : line
  return `${characters.slice(0, MAX_LENGTH - 1).join('')}…`
}

import type { InputIssue } from '../model/failure.ts'

/** In UTF-16 code units. */
const MAX_LENGTH = 255
const PRINTABLE = /^(?=.*\S)\P{Cc}+$/u

/**
 * What is wrong with the key of a create; there need not be one. A lone surrogate is refused because databases store every
 * one of them as the same replacement character: two keys would be one.
 */
export function checkIdempotencyKey(key: string | undefined): InputIssue[] {
  if (key === undefined) return []
  if (key.length <= MAX_LENGTH && key.isWellFormed() && PRINTABLE.test(key)) return []
  const message = `The key is blank, longer than ${MAX_LENGTH} characters, has control characters or is not well-formed Unicode.`
  return [{ path: ['idempotencyKey'], message }]
}

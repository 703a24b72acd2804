import type { InputIssue } from '../model/failure.ts'

/** In UTF-16 code units. */
const MAX_LENGTH = 255
const PRINTABLE = /^(?=.*\S)\P{Cc}+$/u

/**
 * Returns the issues of the idempotency key of a create; none when the key is absent. Rejects lone surrogates, because
 * databases store each of them as the same replacement character, so that two different keys would become equal.
 */
export function checkIdempotencyKey(key: string | undefined): InputIssue[] {
  if (key === undefined) return []
  if (key.length <= MAX_LENGTH && key.isWellFormed() && PRINTABLE.test(key)) return []
  const message = `The key is blank, longer than ${MAX_LENGTH} characters, has control characters or is not well-formed Unicode.`
  return [{ path: ['idempotencyKey'], message }]
}

import type { InputIssue } from '../model.ts'

const MAX_LENGTH = 255
const PRINTABLE = /^(?=.*\S)\P{Cc}+$/u

/** What is wrong with a key that names a create; there need not be one. */
export function checkIdempotencyKey(key: string | undefined): InputIssue[] {
  if (key === undefined || (PRINTABLE.test(key) && key.length <= MAX_LENGTH)) return []
  const message = `The key is blank, longer than ${MAX_LENGTH}, or has control characters.`
  return [{ path: ['idempotencyKey'], message }]
}

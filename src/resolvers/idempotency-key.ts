import type { InputIssue } from '../model.ts'

const MAX_LENGTH = 255

/** What is wrong with a key that names a create; there need not be one. */
export function checkIdempotencyKey(key: string | undefined): InputIssue[] {
  if (key === undefined || (key.trim() !== '' && key.length <= MAX_LENGTH)) return []
  return [{ path: ['idempotencyKey'], message: `The key is blank or longer than ${MAX_LENGTH}.` }]
}

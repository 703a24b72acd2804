import { ERROR_CODES } from '../model/error-codes.ts'

/** The codes of errors, and the codes that only operation observers and upstream attempts have. */
const CODES = new Set([
  ...ERROR_CODES.map(({ code }) => code),
  'INTERNAL',
  'ABORTED',
  'BREAKER_OPEN',
  'QUEUE_TIMEOUT',
])

/**
 * Returns the label value for an error code: `ok` without a code, and `OTHER` for an unknown code, so that the number of
 * values is bounded.
 */
export function codeLabel(code: string | null | undefined): string {
  if (code == null) return 'ok'
  return CODES.has(code) ? code : 'OTHER'
}

const MAX_NAMES = 100
const NAME = /^[A-Za-z0-9_]{1,64}$/

/**
 * Creates the function that returns the label value for an operation name: `anonymous` without a name, and `other` for
 * names after the first 100 and for names that are too long. Callers choose names, so the number must be bounded here.
 */
export function createNameLabel(): (name: string | null) => string {
  const names = new Set<string>()
  return (name) => {
    if (name === null) return 'anonymous'
    if (names.has(name)) return name
    if (names.size === MAX_NAMES || !NAME.test(name)) return 'other'
    names.add(name)
    return name
  }
}

/** Returns the class of an HTTP status, e.g. `2xx`; `none` for null. */
export function statusClass(status: number | null): string {
  return status === null ? 'none' : `${Math.floor(status / 100)}xx`
}

import { createHash } from 'node:crypto'

/** The account of a request, or the reason why the request has none. */
type Authentication = { account: string } | { failure: 'missingKey' | 'invalidKey' }

/**
 * Reads the account from an `Authorization` header. The account is the fingerprint of the key.
 *
 * Every bearer key that starts with `sk-` is valid, as on the edge (upstream-api 1). Never throws.
 */
export function authenticate(authorization: string | undefined): Authentication {
  const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (!key) return { failure: 'missingKey' }
  return /^sk-./.test(key) ? { account: fingerprint(key) } : { failure: 'invalidKey' }
}

/** Returns the start of the secret's SHA-256, to be stored and shown in place of the secret. */
export function fingerprint(secret: string): string {
  return `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 16)}`
}

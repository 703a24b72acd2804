import { createHash } from 'node:crypto'

/** Who is asking: an account named by the hash of its key, or why there is none. */
export type Caller = { account: string } | { refused: 'missingKey' | 'invalidKey' }

/** Every key that starts with `sk-` is an account of its own. */
export function readCaller(authorization: string | undefined): Caller {
  const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (!key) return { refused: 'missingKey' }
  return /^sk-./.test(key) ? { account: fingerprint(key) } : { refused: 'invalidKey' }
}

/** Stands for a secret wherever one would be stored or shown. */
export function fingerprint(secret: string): string {
  return `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 16)}`
}

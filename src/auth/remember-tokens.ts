import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { JwtContent } from './jwt.ts'

const MAX_TOKENS = 10_000
const MAX_AGE_MS = 10 * 60_000

type ReadToken = (token: string) => Promise<JwtContent>

/**
 * The same function, which verifies each valid token once. The result is kept until the token expires, at most 10 minutes:
 * so long a token stays valid after its issuer has withdrawn the key that signed it. Errors are not kept.
 */
export function rememberTokens(read: ReadToken): ReadToken {
  const contents = new LRUCache<string, JwtContent>({ max: MAX_TOKENS, ttl: MAX_AGE_MS })
  return async (token) => {
    // A hash, so that a token is not kept in memory.
    const key = createHash('sha256').update(token).digest('base64')
    const known = contents.get(key)
    if (known && known.expiresAt > Date.now()) return known
    const content = await read(token)
    contents.set(key, content)
    return content
  }
}

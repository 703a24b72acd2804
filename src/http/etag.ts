import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Returns the ETag of contents. It is weak, because all encodings of them have the same one (RFC 9110, 8.8.3). */
export function weakEtagOf(contents: Buffer): string {
  return `W/"${createHash('sha256').update(contents).digest('base64url')}"`
}

/**
 * Returns whether the client has the contents with this weak ETag already. Compares as RFC 9110, 13.1.2 requires: with any
 * of several tags, and without regard to weakness.
 */
export function hasEtag({ headers }: IncomingMessage, etag: string): boolean {
  const sent = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return sent?.some((tag) => tag === '*' || `W/${tag}` === etag) ?? false
}

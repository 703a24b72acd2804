import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Kind } from './entity.ts'

/** The cursors of one list. */
export interface Cursors {
  /** The same position always has the same cursor: 22 characters that tell nothing without the secret. */
  encode(position: number): string
  /** The position of a cursor, or null for what `encode` never returned for this list. */
  decode(cursor: string): number | null
}

/** One block of AES. */
const BLOCK_BYTES = 16
/** Positions are below 2^48; the other ten bytes of the block are zero, and show that a cursor is ours. */
const POSITION_BYTES = 6
const POSITION_OFFSET = BLOCK_BYTES - POSITION_BYTES

/**
 * The cursors of the list of one kind of a tenant. Positions count the resources of all tenants, so a cursor is the position
 * encrypted with a key of that list: other lists have other cursors for it. ECB is safe here, because each message is
 * a single block of its own.
 */
export function createCursors(secretKey: Buffer, tenant: string, kind: Kind): Cursors {
  const key = createHmac('sha256', secretKey).update(`${tenant} ${kind}`).digest()
  // Neither is ever finished: without padding each block comes out as soon as it went in.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)

  function encode(position: number): string {
    const block = Buffer.alloc(BLOCK_BYTES)
    block.writeUIntBE(position, POSITION_OFFSET, POSITION_BYTES)
    return cipher.update(block).toString('base64url')
  }

  return {
    encode,
    decode(cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      if (bytes.length !== BLOCK_BYTES) return null
      const position = decipher.update(bytes).readUIntBE(POSITION_OFFSET, POSITION_BYTES)
      return encode(position) === cursor ? position : null
    },
  }
}

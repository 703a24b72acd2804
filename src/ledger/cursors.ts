import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Kind } from './entity.ts'

/** Encodes and decodes the cursors of one list. */
export interface Cursors {
  /**
   * Returns the cursor of a position: 22 base64url characters, the same for every call. Without the
   * secret, the position cannot be read from it.
   */
  encode(position: number): string
  /** Returns the position of a cursor, or null when the text is not a cursor of this list. */
  decode(cursor: string): number | null
}

/** The block size of AES. */
const BLOCK_BYTES = 16
/**
 * A position is less than 2^48. The other ten bytes of the block are zero; `decode` checks them to detect
 * a text that is not a cursor of this list.
 */
const POSITION_BYTES = 6
const POSITION_OFFSET = BLOCK_BYTES - POSITION_BYTES

/**
 * Creates the cursors for the list of one kind of entity of one tenant, or for its changes. Positions count the entities of
 * all tenants, so a plain position would reveal how many entities other tenants have. Therefore a cursor
 * is the position encrypted with a key of this list. ECB mode is safe here, because each message is
 * exactly one block, and equal positions may have equal cursors.
 */
export function createCursors(secretKey: Buffer, tenant: string, kind: Kind | 'change'): Cursors {
  const key = createHmac('sha256', secretKey).update(`${tenant} ${kind}`).digest()
  // `final()` is never called, so both objects can be reused: without padding, `update` returns each
  // complete block at once.
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

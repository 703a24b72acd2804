import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { ListOrder } from '../model/page.ts'
import type { Kind } from './entity.ts'

/** The place of an item in a list. */
export interface Place {
  /** The order of registration over all tenants. */
  position: number
  /** When the item last changed, in milliseconds since the epoch. 0 in a list that is ordered by position only. */
  changedAt: number
}

/** Encodes and decodes the cursors of one list. */
export interface Cursors {
  /**
   * Returns the cursor of a place: 22 base64url characters, the same for every call. Without the secret,
   * the place cannot be read from it.
   */
  encode(place: Place): string
  /** Returns the place of a cursor, or null when the text is not a cursor of this list. */
  decode(cursor: string): Place | null
}

/** The block size of AES. */
const BLOCK_BYTES = 16
/**
 * A position and a time are less than 2^48. The other bytes of the block are zero; `decode` checks them to
 * detect a text that is not a cursor of this list.
 */
const NUMBER_BYTES = 6
const POSITION_OFFSET = BLOCK_BYTES - NUMBER_BYTES
const TIME_OFFSET = POSITION_OFFSET - NUMBER_BYTES

/**
 * Creates the cursors for the list of one kind of entity of one tenant in one order,
 * or for the changes of a tenant. Positions count the
 * entities of all tenants, so a plain position would reveal how many entities other tenants have. Therefore
 * a cursor is the place encrypted with a key of this list. ECB mode is safe here, because each message is
 * exactly one block, and equal places may have equal cursors.
 */
export function createCursors(
  secretKey: Buffer,
  tenant: string,
  kind: Kind | 'change',
  order: ListOrder = 'NEWEST_FIRST',
): Cursors {
  // Cursors of NEWEST_FIRST are as in versions that had no other order.
  const list = order === 'NEWEST_FIRST' ? `${tenant} ${kind}` : `${tenant} ${kind} ${order}`
  const hasTime = order === 'RECENTLY_CHANGED_FIRST'
  const key = createHmac('sha256', secretKey).update(list).digest()
  // `final()` is never called, so both objects can be reused: without padding, `update` returns each
  // complete block at once.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)

  function encode({ position, changedAt }: Place): string {
    const block = Buffer.alloc(BLOCK_BYTES)
    block.writeUIntBE(position, POSITION_OFFSET, NUMBER_BYTES)
    if (hasTime) block.writeUIntBE(changedAt, TIME_OFFSET, NUMBER_BYTES)
    return cipher.update(block).toString('base64url')
  }

  return {
    encode,
    decode(cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      if (bytes.length !== BLOCK_BYTES) return null
      const block = decipher.update(bytes)
      const place = {
        position: block.readUIntBE(POSITION_OFFSET, NUMBER_BYTES),
        changedAt: hasTime ? block.readUIntBE(TIME_OFFSET, NUMBER_BYTES) : 0,
      }
      return encode(place) === cursor ? place : null
    },
  }
}

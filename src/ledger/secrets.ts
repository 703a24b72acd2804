import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { ListOrder } from '../model/page.ts'
import { type Cursors, createCursors } from './cursors.ts'
import type { Kind } from './entity.ts'

/** The operations that use the secret of the service. Each uses its own key, derived with HKDF (RFC 5869). */
export interface Secrets {
  /**
   * Returns the tenant of a bearer key: its HMAC-SHA-256 as 64 hex digits. Without the secret, nobody can
   * test a guessed bearer key against it.
   */
  tenantOf(credential: string): string
  /** Encrypts a bearer key with AES-256-GCM, bound to the tenant. Returns base64. */
  seal(credential: string, tenant: string): string
  /** Decrypts what `seal` returned. Throws when it was encrypted with another secret or for another tenant. */
  open(sealed: string, tenant: string): string
  /** Returns the cursors for the list of one kind of entity of one tenant in one order. Absent: NEWEST_FIRST. */
  cursorsOf(tenant: string, kind: Kind, order?: ListOrder): Cursors
  /** Returns the cursors for the changes of one tenant. */
  changeCursorsOf(tenant: string): Cursors
}

/** The number of tenants in the cache of `tenantOf`. */
const MAX_TENANTS = 1_000
const IV_BYTES = 12
const TAG_BYTES = 16

/** Creates the operations from a secret of 32 bytes. */
export function createSecrets(secret: Buffer): Secrets {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32))
  const tenantKey = derive('zerograph tenant')
  const sealKey = derive('zerograph credential')
  const cursorKey = derive('zerograph cursor')
  const tenants = new LRUCache<string, string>({ max: MAX_TENANTS })
  return {
    tenantOf(credential) {
      const known = tenants.get(credential)
      if (known) return known
      const tenant = createHmac('sha256', tenantKey).update(credential).digest('hex')
      tenants.set(credential, tenant)
      return tenant
    },
    seal(credential, tenant) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', sealKey, iv).setAAD(Buffer.from(tenant))
      const text = Buffer.concat([cipher.update(credential, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')
    },
    open(sealed, tenant) {
      const bytes = Buffer.from(sealed, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', sealKey, bytes.subarray(0, IV_BYTES))
        .setAAD(Buffer.from(tenant))
        .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      const text = bytes.subarray(IV_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8')
    },
    cursorsOf: (tenant, kind, order) => createCursors(cursorKey, tenant, kind, order),
    changeCursorsOf: (tenant) => createCursors(cursorKey, tenant, 'change'),
  }
}

/**
 * Returns the secret stored in the file `secret` in `dataDir`. When there is no such file, creates it with a
 * random secret, readable only by its owner. Throws when the file cannot be read or created, or does not
 * contain 32 bytes in base64.
 */
export function loadOrMakeSecret(dataDir: string): Buffer {
  const path = join(dataDir, 'secret')
  try {
    writeFileSync(path, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const secret = Buffer.from(readFileSync(path, 'utf8'), 'base64')
  if (secret.length !== 32) throw new Error(`${path} does not hold 32 bytes in base64`)
  return secret
}

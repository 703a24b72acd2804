import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { type Cursors, createCursors } from './cursors.ts'
import type { Kind } from './entity.ts'

/** What is derived from the service's secret: who a key belongs to, how a key is kept, and cursors. */
export interface Secrets {
  /** The owner of a bearer key, 64 hex digits: HMAC-SHA-256 under the service's secret, so that the key cannot be guessed from it. */
  tenantOf(credential: string): string
  /** AES-256-GCM; opens only for the tenant it was sealed for. */
  seal(credential: string, tenant: string): string
  /** Throws when the text was sealed under another secret or for another tenant. */
  open(sealed: string, tenant: string): string
  /** The cursors of the list of one kind of a tenant. */
  cursorsOf(tenant: string, kind: Kind): Cursors
}

/** How many owners are not worked out anew for each operation. */
const MAX_TENANTS = 1_000
const IV_BYTES = 12
const TAG_BYTES = 16

/** `secret` is 32 bytes. */
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
    cursorsOf: (tenant, kind) => createCursors(cursorKey, tenant, kind),
  }
}

/** The secret kept in `dataDir`, made there (readable by its owner alone) the first time. */
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

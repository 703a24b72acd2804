import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSecrets, loadOrMakeSecret } from '../src/ledger/secrets.ts'
import { temporaryFolder } from './support/app.ts'

const secrets = createSecrets(Buffer.alloc(32, 7))
const others = createSecrets(Buffer.alloc(32, 8))

test('a tenant is 64 hex digits that depend on the key and on the secret', () => {
  const tenant = secrets.tenantOf('sk-one')

  expect(tenant).toMatch(/^[0-9a-f]{64}$/)
  expect(secrets.tenantOf('sk-one')).toBe(tenant)
  expect(createSecrets(Buffer.alloc(32, 7)).tenantOf('sk-one')).toBe(tenant)
  expect(secrets.tenantOf('sk-two')).not.toBe(tenant)
  expect(others.tenantOf('sk-one')).not.toBe(tenant)
})

test('the tenant of a key stays the same after many other keys', () => {
  const tenant = secrets.tenantOf('sk-first')
  for (let index = 0; index < 1_500; index += 1) secrets.tenantOf(`sk-${index}`)

  expect(secrets.tenantOf('sk-first')).toBe(tenant)
})

test('a sealed key can be opened only for its tenant and with the same secret', () => {
  const sealed = secrets.seal('sk-ключ', 'tenant')

  expect(secrets.open(sealed, 'tenant')).toBe('sk-ключ')
  expect(secrets.seal('sk-ключ', 'tenant')).not.toBe(sealed)
  expect(Buffer.from(sealed, 'base64').includes('sk-')).toBe(false)
  expect(() => secrets.open(sealed, 'another tenant')).toThrow()
  expect(() => others.open(sealed, 'tenant')).toThrow()
})

test('a sealed key with one changed byte cannot be opened', () => {
  const sealed = Buffer.from(secrets.seal('sk-one', 'tenant'), 'base64')

  for (const index of sealed.keys()) {
    const changed = Buffer.from(sealed)
    changed[index] = (changed[index] ?? 0) ^ 1
    expect(() => secrets.open(changed.toString('base64'), 'tenant')).toThrow()
  }
})

test('a secret of 32 bytes is created once per folder', () => {
  const folder = temporaryFolder()

  const secret = loadOrMakeSecret(folder)

  expect(secret).toHaveLength(32)
  expect(loadOrMakeSecret(folder)).toEqual(secret)
  expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe(secret.toString('base64'))
  expect(loadOrMakeSecret(temporaryFolder())).not.toEqual(secret)
})

test('a secret that is too short and a folder that does not exist are refused', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'secret'), Buffer.alloc(31).toString('base64'))
  const unwritable = join(temporaryFolder(), 'missing')

  expect(() => loadOrMakeSecret(folder)).toThrow(`${join(folder, 'secret')} does not hold 32 bytes`)
  expect(() => loadOrMakeSecret(unwritable)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  mkdirSync(unwritable)
  expect(loadOrMakeSecret(unwritable)).toHaveLength(32)
})

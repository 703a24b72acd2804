import { expect, test } from 'vitest'
import type { IdempotencyRecordKey } from '../src/ledger/idempotency-records.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
import { assetEntityRef, assetSeen, openTestLedger } from './support/ledger.ts'

const KEY_OF_CREATE = { tenant: 'tenant', idempotencyKey: 'k' }

/** Returns a function that calls `begin` for three keys that differ in one part, and returns the states. */
function neighbours(ledger: Ledger) {
  const keys: IdempotencyRecordKey[] = [
    KEY_OF_CREATE,
    { ...KEY_OF_CREATE, tenant: 'other tenant' },
    { ...KEY_OF_CREATE, idempotencyKey: 'another' },
  ]
  return async () => {
    const states: string[] = []
    for (const key of keys) states.push((await ledger.idempotencyRecords.begin(key, 'print')).state)
    return states
  }
}

/** Begins a create under the key and returns its holder. */
async function holderOf(ledger: Ledger): Promise<string> {
  const begun = await ledger.idempotencyRecords.begin(KEY_OF_CREATE, 'print')
  if (begun.state !== 'OURS') throw new Error(`The key was not free: ${begun.state}.`)
  return begun.holder
}

test('the first begin takes the key, and later ones get its state or outcome', async () => {
  const ledger = await openTestLedger()
  const begin = (fingerprint = 'print') =>
    ledger.idempotencyRecords.begin(KEY_OF_CREATE, fingerprint)

  const first = await begin()
  const meanwhile = await begin()
  const otherInput = await begin('another print')
  const outcome = { key: 'JIMENG:Asset-1', nested: { list: [1, null, 'x'] } }
  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, outcome)
  const after = await begin()
  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, { key: 'something else' })

  expect(first).toMatchObject({ state: 'OURS' })
  expect(meanwhile).toEqual({ state: 'SENDING' })
  expect(otherInput).toEqual({ state: 'CONFLICT' })
  expect(after).toEqual({ state: 'DONE', outcome })
  expect(await begin()).toEqual({ state: 'DONE', outcome })
  expect(await begin('another print')).toEqual({ state: 'CONFLICT' })
})

test('one of several concurrent begins takes the key', async () => {
  const ledger = await openTestLedger()
  const begin = () => ledger.idempotencyRecords.begin(KEY_OF_CREATE, 'print')

  const states = (await Promise.all(Array.from({ length: 20 }, begin))).map(({ state }) => state)

  expect(states.filter((state) => state === 'OURS')).toHaveLength(1)
  expect(states.filter((state) => state === 'SENDING')).toHaveLength(19)
})

test('the outcome is unknown permanently when the lease is not extended for five seconds', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const begin = async (fingerprint = 'print') =>
    (await ledger.idempotencyRecords.begin(KEY_OF_CREATE, fingerprint)).state
  const holder = await holderOf(ledger)

  clock.set(4_999)
  const inTime = await begin()
  clock.set(5_000)
  const otherInput = await begin('another print')
  const late = await begin()
  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, { key: 'too late' })
  await ledger.idempotencyRecords.release(KEY_OF_CREATE, holder)
  await ledger.idempotencyRecords.extend(KEY_OF_CREATE)

  expect([inTime, otherInput, late]).toEqual(['SENDING', 'CONFLICT', 'UNKNOWN'])
  expect(await begin()).toBe('UNKNOWN')
})

test('extending the lease of one record does not extend other records', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const states = neighbours(ledger)
  await states()

  clock.set(3_000)
  await ledger.idempotencyRecords.extend(KEY_OF_CREATE)
  clock.set(7_999)
  const extended = await states()
  clock.set(8_000)

  expect(extended).toEqual(['SENDING', 'UNKNOWN', 'UNKNOWN'])
  expect(await states()).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN'])
})

test('an unknown outcome of one record does not change other records', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const states = neighbours(ledger)
  await holderOf(ledger)

  clock.set(4_000)
  const begun = await states()
  clock.set(5_000)

  expect(begun).toEqual(['SENDING', 'OURS', 'OURS'])
  expect(await states()).toEqual(['UNKNOWN', 'SENDING', 'SENDING'])
  clock.set(6_000)
  expect(await states()).toEqual(['UNKNOWN', 'SENDING', 'SENDING'])
})

test('finishing one record does not change other records', async () => {
  const ledger = await openTestLedger()
  const states = neighbours(ledger)
  await states()

  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, { key: 'x' })

  expect(await states()).toEqual(['DONE', 'SENDING', 'SENDING'])
})

test('only its holder can release a key, and other keys are not released', async () => {
  const ledger = await openTestLedger()
  const states = neighbours(ledger)
  const holder = await holderOf(ledger)
  await states()

  await ledger.idempotencyRecords.release(KEY_OF_CREATE, 'another holder')
  expect(await states()).toEqual(['SENDING', 'SENDING', 'SENDING'])

  await ledger.idempotencyRecords.release(KEY_OF_CREATE, holder)
  const next = await holderOf(ledger)
  expect(await states()).toEqual(['SENDING', 'SENDING', 'SENDING'])

  await ledger.idempotencyRecords.release(KEY_OF_CREATE, holder)
  expect(await states()).toEqual(['SENDING', 'SENDING', 'SENDING'])

  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, { key: 'x' })
  await ledger.idempotencyRecords.release(KEY_OF_CREATE, next)
  expect(await states()).toEqual(['DONE', 'SENDING', 'SENDING'])
})

test('registering an entity finishes its idempotency record with the key of the entity', async () => {
  const ledger = await openTestLedger()
  const idempotencyRecord = { tenant: ledger.tenantOf(KEY), idempotencyKey: 'k' }
  await ledger.idempotencyRecords.begin(idempotencyRecord, 'print')

  await ledger.register(assetEntityRef(ledger), {
    snapshot: assetSeen('PROCESSING'),
    origin: null,
    credential: KEY,
    idempotencyRecord,
  })

  const repeated = await ledger.idempotencyRecords.begin(idempotencyRecord, 'print')
  expect(repeated).toEqual({ state: 'DONE', outcome: { key: 'JIMENG:Asset-1' } })
})

test.runIf(isPostgres)(
  'a tenant lock has one holder, until it is released or its lease ends',
  async () => {
    const clock = stopClock()
    const dataDir = temporaryFolder()
    const [here, there] = [await openTestLedger(dataDir), await openTestLedger(dataDir)]

    expect(await here.tenantLocks.take('tenant', 'a')).toBe(true)
    expect(await there.tenantLocks.take('tenant', 'b')).toBe(false)
    expect(await there.tenantLocks.take('other tenant', 'b')).toBe(true)

    // A lock can be neither released nor extended by another holder.
    await there.tenantLocks.release('tenant', 'b')
    expect(await there.tenantLocks.take('tenant', 'b')).toBe(false)
    clock.set(3_000)
    await there.tenantLocks.extend('tenant', 'b')
    clock.set(4_999)
    expect(await there.tenantLocks.take('tenant', 'b')).toBe(false)
    clock.set(5_000)
    expect(await there.tenantLocks.take('tenant', 'b')).toBe(true)

    clock.set(9_000)
    await there.tenantLocks.extend('tenant', 'b')
    clock.set(13_999)
    expect(await here.tenantLocks.take('tenant', 'a')).toBe(false)
    // The lock of the other tenant was not extended.
    expect(await here.tenantLocks.take('other tenant', 'a')).toBe(true)

    await there.tenantLocks.release('other tenant', 'b')
    expect(await here.tenantLocks.take('tenant', 'a')).toBe(false)
    await there.tenantLocks.release('tenant', 'b')
    expect(await here.tenantLocks.take('tenant', 'a')).toBe(true)
    expect(await there.tenantLocks.take('other tenant', 'c')).toBe(false)
  },
)

test.skipIf(isPostgres)('with SQLite a tenant lock is always granted', async () => {
  const ledger = await openTestLedger()

  expect(await ledger.tenantLocks.take('tenant', 'a')).toBe(true)
  expect(await ledger.tenantLocks.take('tenant', 'b')).toBe(true)
  await ledger.tenantLocks.extend('tenant', 'a')
  await ledger.tenantLocks.release('tenant', 'a')
})

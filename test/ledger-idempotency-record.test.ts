import { expect, test } from 'vitest'
import type { IdempotencyRecordKey } from '../src/ledger/idempotency-records.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
import { assetAddress, assetSeen, openTestLedger } from './support/ledger.ts'

const KEY_OF_CREATE = { tenant: 'tenant', idempotencyKey: 'k' }

/** What `begin` answers to each of three creates that differ in one part of their name. */
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

/** Takes the key, and returns the name of who holds it now. */
async function holderOf(ledger: Ledger): Promise<string> {
  const begun = await ledger.idempotencyRecords.begin(KEY_OF_CREATE, 'print')
  if (begun.state !== 'OURS') throw new Error(`The key was not free: ${begun.state}.`)
  return begun.holder
}

test('a key is for the first who begins, and tells the others what became of it', async () => {
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

test('of those who begin at the same moment one sends', async () => {
  const ledger = await openTestLedger()
  const begin = () => ledger.idempotencyRecords.begin(KEY_OF_CREATE, 'print')

  const states = (await Promise.all(Array.from({ length: 20 }, begin))).map(({ state }) => state)

  expect(states.filter((state) => state === 'OURS')).toHaveLength(1)
  expect(states.filter((state) => state === 'SENDING')).toHaveLength(19)
})

test('a sender that has said nothing for five seconds has gone, and its outcome is unknown for good', async () => {
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

test('a sender at work is not taken for gone, and the creates beside it are', async () => {
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

test('one whose outcome is unknown leaves the creates beside it as they are', async () => {
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

test('the outcome of one create is not that of another', async () => {
  const ledger = await openTestLedger()
  const states = neighbours(ledger)
  await states()

  await ledger.idempotencyRecords.finish(KEY_OF_CREATE, { key: 'x' })

  expect(await states()).toEqual(['DONE', 'SENDING', 'SENDING'])
})

test('a key that is given back is free, and no other is', async () => {
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

  await ledger.register(assetAddress(ledger), {
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

    // Neither gives nor extends what another holds.
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
    // The other tenant's turn was not extended with it.
    expect(await here.tenantLocks.take('other tenant', 'a')).toBe(true)

    await there.tenantLocks.release('other tenant', 'b')
    expect(await here.tenantLocks.take('tenant', 'a')).toBe(false)
    await there.tenantLocks.release('tenant', 'b')
    expect(await here.tenantLocks.take('tenant', 'a')).toBe(true)
    expect(await there.tenantLocks.take('other tenant', 'c')).toBe(false)
  },
)

test.skipIf(isPostgres)('a single process needs no turns', async () => {
  const ledger = await openTestLedger()

  expect(await ledger.tenantLocks.take('tenant', 'a')).toBe(true)
  expect(await ledger.tenantLocks.take('tenant', 'b')).toBe(true)
  await ledger.tenantLocks.extend('tenant', 'a')
  await ledger.tenantLocks.release('tenant', 'a')
})

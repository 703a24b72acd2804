import { expect, onTestFinished, test, vi } from 'vitest'
import { type IdempotencyRecordKey, RecordExists } from '../src/ledger/idempotency-records.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetEntityRef,
  assetSeen,
  openTestLedger,
  taskEntityRef,
  taskSeen,
} from './support/ledger.ts'

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

test('a sequence is continued by every caller with the same input, at any time', async () => {
  const ledger = await openTestLedger()
  const key = { tenant: 'tenant', idempotencyKey: 'sequence' }
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())

  const first = await ledger.idempotencyRecords.beginSequence(key, 'input')
  vi.setSystemTime(Date.now() + 3_600_000)
  const second = await ledger.idempotencyRecords.beginSequence(key, 'input')
  const other = await ledger.idempotencyRecords.beginSequence(key, 'other input')

  expect([first, second, other]).toEqual([true, true, false])
})

test('a sequence and a create with one key are a conflict', async () => {
  const { idempotencyRecords } = await openTestLedger()
  const [one, two] = ['one', 'two'].map((name) => ({ tenant: 'tenant', idempotencyKey: name }))
  if (!one || !two) throw new Error('Two keys are needed.')
  await idempotencyRecords.beginSequence(one, 'sequence')
  await idempotencyRecords.begin(two, 'create')

  expect(await idempotencyRecords.begin(one, 'create')).toEqual({ state: 'CONFLICT' })
  expect(await idempotencyRecords.beginSequence(two, 'sequence')).toBe(false)
})

test('find returns null for a new key, and inserts nothing', async () => {
  const { idempotencyRecords } = await openTestLedger()
  const key = { tenant: 'tenant', idempotencyKey: 'new' }

  const found = await idempotencyRecords.find(key, 'input')

  expect(found).toBeNull()
  expect(await idempotencyRecords.begin(key, 'input')).toMatchObject({ state: 'OURS' })
  expect(await idempotencyRecords.find(key, 'input')).toEqual({ state: 'SENDING' })
  expect(await idempotencyRecords.find(key, 'other')).toEqual({ state: 'CONFLICT' })
})

test('an entity is registered with a new record, or not at all when the key has a record', async () => {
  const ledger = await openTestLedger()
  const [first, second] = [taskEntityRef(ledger, 'zg-1'), taskEntityRef(ledger, 'zg-2')]
  const newRecord = { tenant: first.tenant, idempotencyKey: 'k', fingerprint: 'input' }
  const registration = {
    snapshot: taskSeen('WAITING_FOR_ASSETS', { taskId: null }),
    origin: null,
    credential: KEY,
    newRecord,
  }

  await ledger.register(first, registration)
  const again = ledger.register(second, registration)

  await expect(again).rejects.toThrow(RecordExists)
  expect(await ledger.find(first)).not.toBeNull()
  expect(await ledger.find(second)).toBeNull()
  expect(await ledger.countPollJobs()).toBe(1)
  expect(await ledger.idempotencyRecords.find(newRecord, 'input')).toEqual({
    state: 'DONE',
    outcome: { key: 'zg-1' },
  })
})

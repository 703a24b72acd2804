import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { unavailableReasonOf } from '../src/ledger/storage-failure.ts'
import {
  asLedgerUnavailable,
  LedgerUnavailable,
  persist,
  typedErrors,
} from '../src/ledger/unavailable.ts'

const sqliteError = (errcode: number) => Object.assign(new Error('says SQLite'), { errcode })
const postgresError = (code: string) =>
  Object.assign(new Error('says PostgreSQL'), { severity: 'ERROR', code })

test.for([
  ['PERM', 3, 'BROKEN'],
  ['BUSY', 5, 'LOCKED'],
  ['BUSY_RECOVERY', 261, 'LOCKED'],
  ['BUSY_SNAPSHOT', 517, 'LOCKED'],
  ['LOCKED', 6, 'LOCKED'],
  ['LOCKED_SHAREDCACHE', 262, 'LOCKED'],
  ['NOMEM', 7, 'BROKEN'],
  ['IOERR_NOMEM', 3082, 'BROKEN'],
  ['READONLY', 8, 'READ_ONLY'],
  ['READONLY_DBMOVED', 1032, 'READ_ONLY'],
  ['IOERR', 10, 'BROKEN'],
  ['IOERR_WRITE', 778, 'BROKEN'],
  ['IOERR_FSYNC', 1034, 'BROKEN'],
  ['IOERR_SHMSIZE', 4874, 'BROKEN'],
  ['CORRUPT', 11, 'BROKEN'],
  ['CORRUPT_INDEX', 779, 'BROKEN'],
  ['FULL', 13, 'FULL'],
  ['CANTOPEN', 14, 'BROKEN'],
  ['CANTOPEN_ISDIR', 526, 'BROKEN'],
  ['PROTOCOL', 15, 'LOCKED'],
  ['NOLFS', 22, 'BROKEN'],
  ['NOTADB', 26, 'BROKEN'],
] as const)('SQLite %s (%i) is a storage failure: %s', ([, code, reason]) => {
  expect(unavailableReasonOf(sqliteError(code))).toBe(reason)
})

test.for([
  ['ERROR', 1],
  ['CONSTRAINT', 19],
  ['CONSTRAINT_UNIQUE', 2067],
  ['MISMATCH', 20],
  ['MISUSE', 21],
  ['RANGE', 25],
] as const)('SQLite %s (%i) is not a storage failure', ([, code]) => {
  expect(unavailableReasonOf(sqliteError(code))).toBeNull()
})

test.for([
  ['disk_full', '53100', 'FULL'],
  ['out_of_memory', '53200', 'AWAY'],
  ['too_many_connections', '53300', 'AWAY'],
  ['read_only_sql_transaction', '25006', 'READ_ONLY'],
  ['data_corrupted', 'XX001', 'BROKEN'],
  ['index_corrupted', 'XX002', 'BROKEN'],
  ['io_error', '58030', 'BROKEN'],
  ['lock_not_available', '55P03', 'LOCKED'],
  ['connection_failure', '08006', 'AWAY'],
  ['invalid_password', '28P01', 'AWAY'],
  ['invalid_catalog_name', '3D000', 'AWAY'],
  ['serialization_failure', '40001', 'AWAY'],
  ['deadlock_detected', '40P01', 'AWAY'],
  ['admin_shutdown', '57P01', 'AWAY'],
  ['cannot_connect_now', '57P03', 'AWAY'],
] as const)('PostgreSQL %s (%s) is a storage failure: %s', ([, code, reason]) => {
  expect(unavailableReasonOf(postgresError(code))).toBe(reason)
})

test.for([
  ['unique_violation', '23505'],
  ['undefined_table', '42P01'],
  ['active_sql_transaction', '25001'],
  ['numeric_value_out_of_range', '22003'],
  ['internal_error', 'XX000'],
  // Codes of other classes that contain the digits of a storage failure code.
  ['a class that only contains 08', '22008'],
  ['a class that only contains 53100', 'A5310'],
] as const)('PostgreSQL %s (%s) is not a storage failure', ([, code]) => {
  expect(unavailableReasonOf(postgresError(code))).toBeNull()
})

test.for([
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'Query read timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'driver has already been destroyed',
])('the error "%s" without a code is a storage failure', (message) => {
  expect(unavailableReasonOf(new Error(message))).toBe('AWAY')
})

test('a failed system call is a storage failure', () => {
  const error = Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' })
  expect(unavailableReasonOf(error)).toBe('AWAY')
})

test.for([
  ['a TypeError', new TypeError('row is undefined')],
  ['an error with another code', Object.assign(new Error('no'), { code: '57P01' })],
  ['an error with only a severity', Object.assign(new Error('no'), { severity: 'ERROR' })],
  ['a string', 'Query read timeout'],
  ['undefined', undefined],
] as const)('%s is not a storage failure', ([, error]) => {
  expect(unavailableReasonOf(error)).toBeNull()
  expect(asLedgerUnavailable(error)).toBeNull()
})

test.for([
  ['AWAY', 'The database of this service is not available.'],
  ['FULL', 'The disk of the database of this service is full.'],
  ['LOCKED', 'The database of this service is locked by another process.'],
  ['READ_ONLY', 'The database of this service is read-only.'],
  ['BROKEN', 'The database of this service cannot be read or written.'],
  ['GONE', 'The database file of this service was deleted or replaced.'],
] as const)('LedgerUnavailable with reason %s has its own message', ([reason, message]) => {
  const error = new LedgerUnavailable(reason)
  expect(error).toMatchObject({ name: 'LedgerUnavailable', reason, message })
})

test('typedErrors turns a storage failure into LedgerUnavailable and reports it', async () => {
  const cause = sqliteError(13)
  const reported: LedgerUnavailable[] = []
  const calls = typedErrors(
    {
      fails: () => Promise.reject(cause),
      failsTyped: () => Promise.reject(new LedgerUnavailable('GONE')),
      breaks: () => Promise.reject(new TypeError('ours')),
      succeeds: (a: number, b: number) => Promise.resolve(a + b),
      isSynchronous: (a: number) => a + 1,
    },
    (error) => reported.push(error),
  )

  await expect(calls.fails()).rejects.toMatchObject({ reason: 'FULL', cause })
  await expect(calls.failsTyped()).rejects.toMatchObject({ reason: 'GONE' })
  await expect(calls.breaks()).rejects.toThrow(TypeError)
  expect(await calls.succeeds(1, 2)).toBe(3)
  expect(calls.isSynchronous(1)).toBe(2)
  expect(reported.map(({ reason }) => reason)).toEqual(['FULL', 'GONE'])
})

/** A write that fails with each of `errors`, one after another, and then succeeds. */
function failing(...errors: Error[]) {
  const attempts: number[] = []
  const write = async () => {
    attempts.push(performance.now())
    const error = errors.shift()
    if (error) throw error
    return 'written'
  }
  return { write, attempts }
}

function recordingOptions(signal = new AbortController().signal) {
  const reported: string[] = []
  const options = {
    signal,
    onWaiting: ({ reason }: LedgerUnavailable) => void reported.push(`waiting: ${reason}`),
    onRecovered: () => void reported.push('recovered'),
  }
  return { reported, options }
}

test('persist reports nothing when the write succeeds at once', async () => {
  const { write } = failing()
  const { reported, options } = recordingOptions()

  expect(await persist(write, options)).toBe('written')
  expect(reported).toEqual([])
})

test('persist retries after a pause while the storage fails and reports it once', async () => {
  const { write, attempts } = failing(new LedgerUnavailable('FULL'), new LedgerUnavailable('AWAY'))
  const { reported, options } = recordingOptions()

  expect(await persist(write, options)).toBe('written')
  expect(reported).toEqual(['waiting: FULL', 'recovered'])
  expect(attempts).toHaveLength(3)
  expect((attempts[2] ?? 0) - (attempts[0] ?? 0)).toBeGreaterThan(300)
})

test('persist does not retry a write that fails for another reason', async () => {
  const { write, attempts } = failing(new TypeError('ours'))
  const { reported, options } = recordingOptions()

  await expect(persist(write, options)).rejects.toThrow(TypeError)
  expect(attempts).toHaveLength(1)
  expect(reported).toEqual([])
})

test('persist tries once more after an abort and then rejects', async () => {
  const stopping = new AbortController()
  const errors = Array.from({ length: 100 }, () => new LedgerUnavailable('FULL'))
  const { write, attempts } = failing(...errors)
  const { reported, options } = recordingOptions(stopping.signal)
  const persisting = persist(write, options)
  persisting.catch(() => {})
  await pause(0)
  const before = attempts.length
  stopping.abort()

  await expect(persisting).rejects.toMatchObject({ reason: 'FULL' })
  expect(before).toBe(1)
  expect(attempts).toHaveLength(2)
  expect((attempts[1] ?? 0) - (attempts[0] ?? 0)).toBeLessThan(150)
  expect(reported).toEqual(['waiting: FULL'])
})

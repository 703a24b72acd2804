import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { UNREGISTERED } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { LedgerUnavailable } from '../src/ledger/unavailable.ts'
import { RequestError } from '../src/model/failure.ts'
import type { Context } from '../src/resolvers/context.ts'
import { createOnce } from '../src/resolvers/create-once.ts'
import type { Create } from '../src/resolvers/send-and-record.ts'
import { UpstreamError } from '../src/upstream/upstream-error.ts'
import { KEY, until } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { openTestLedger, taskEntityRef, taskSeen } from './support/ledger.ts'

type TaskCreate = Create<'videoTask'>

const CREATED = { key: 'cgt-1', snapshot: taskSeen('QUEUED') }
const ORIGIN = { model: 'seedance-2-0', request: null }

/** A create of a video task, by default under the idempotency key `k`. */
function taskCreate(send: TaskCreate['send'], more: Partial<TaskCreate> = {}): TaskCreate {
  return {
    kind: 'videoTask',
    request: { prompt: 'A cat' },
    idempotencyKey: 'k',
    origin: ORIGIN,
    send,
    ...more,
  }
}

/** A `send` function that calls `onSent` and then returns or throws as `end` does. */
const sent =
  (end: () => typeof CREATED): TaskCreate['send'] =>
  async ({ onSent }) => {
    onSent?.()
    return end()
  }

const succeed = sent(() => CREATED)
const fail = (error: unknown) =>
  sent(() => {
    throw error
  })

/** The context of a create. `replaced` overrides methods of the ledger. */
function contextOf(ledger: Ledger, replaced: Partial<Ledger> = {}, signal?: AbortSignal) {
  const errors: unknown[] = []
  const background: Promise<unknown>[] = []
  const context = {
    identity: {
      tenant: ledger.tenantOf(KEY),
      credential: KEY,
      isShared: false,
      expiresAt: null,
    },
    requestId: 'r',
    report: { isReplayed: false },
    signal,
    ledger: { ...ledger, ...replaced },
    onError: (error: unknown) => errors.push(error),
    waitUntil<T>(work: Promise<T>) {
      background.push(work)
      return work
    },
  } as unknown as Context
  return { context, errors, background }
}

const rejectUnavailable = () => Promise.reject(new LedgerUnavailable('AWAY'))

async function failureOf(creating: Promise<unknown>) {
  const error = await creating.then(
    () => null,
    (error) => error,
  )
  return error instanceof RequestError && !(error instanceof UpstreamError) ? error.failure : error
}

test('while the ledger is unavailable, a create returns immediately and is recorded later', async () => {
  const ledger = await openTestLedger()
  const persisted: unknown[] = []
  const back = Promise.withResolvers<void>()
  let attempts = 0
  const register: Ledger['register'] = (ref, registration) => {
    attempts += 1
    return attempts === 1 ? rejectUnavailable() : ledger.register(ref, registration)
  }
  const { context, errors, background } = contextOf(ledger, {
    register,
    async persist(created, write) {
      persisted.push(created)
      await back.promise
      return write()
    },
  })

  const created = await createOnce(taskCreate(succeed), context)
  const before = await ledger.find(taskEntityRef(ledger))
  back.resolve()
  await Promise.all(background)

  expect(created).toEqual({
    ...CREATED,
    origin: ORIGIN,
    ...UNREGISTERED,
    pollingEnded: false,
    observedAt: expect.any(Date),
  })
  expect(before).toBeNull()
  expect(persisted).toEqual([{ kind: 'videoTask', key: 'cgt-1' }])
  expect(await ledger.find(taskEntityRef(ledger))).toMatchObject({
    key: 'cgt-1',
    pollingEnded: false,
  })
  expect(errors).toEqual([])
  expect(await createOnce(taskCreate(succeed), context)).toMatchObject({ key: 'cgt-1', seq: 1 })
})

test('a create returns the entity as the ledger recorded it', async () => {
  const ledger = await openTestLedger()

  const created = await createOnce(taskCreate(succeed), contextOf(ledger).context)

  expect(created).toEqual(await ledger.find(taskEntityRef(ledger)))
})

test('a create waits at most 2 seconds for a ledger that does not respond', async () => {
  const ledger = await openTestLedger()
  const answer = Promise.withResolvers<never>()
  const { context, errors } = contextOf(ledger, { register: () => answer.promise })
  const startedAt = performance.now()

  const created = await createOnce(taskCreate(succeed), context)

  expect(created).toMatchObject({ key: 'cgt-1', seq: 0 })
  expect(performance.now() - startedAt).toBeGreaterThan(1_900)
  answer.reject(new TypeError('broken'))
  await until(() => errors.length === 1)
})

test.for<[string, TaskCreate['send'], object]>([
  ['not sent', () => Promise.reject(new TypeError('x')), { failed: 'INTERNAL' }],
  [
    'insufficient balance',
    fail(new UpstreamError('PAYMENT_REQUIRED')),
    { failed: 'PAYMENT_REQUIRED' },
  ],
  ['permanent failure', fail(new UpstreamError('NOT_FOUND')), { failed: 'NOT_FOUND' }],
  ['unknown', fail(new UpstreamError('OUTCOME_UNKNOWN')), { failed: 'OUTCOME_UNKNOWN' }],
])('outcome "%s" is recorded later during a ledger outage', async ([, send, expected]) => {
  const ledger = await openTestLedger()
  const persisted: unknown[] = []
  const { idempotencyRecords } = ledger
  const { context, background } = contextOf(ledger, {
    idempotencyRecords: {
      ...idempotencyRecords,
      release: rejectUnavailable,
      finish: rejectUnavailable,
    },
    async persist<T>(created: unknown): Promise<T> {
      persisted.push(created)
      return undefined as T
    },
  })

  await createOnce(taskCreate(send), context).catch(() => {})
  await Promise.allSettled(background)

  expect(persisted).toEqual([{ kind: 'videoTask', ...expected }])
})

test('an error while recording the outcome is reported, and the caller receives the original error', async () => {
  const ledger = await openTestLedger()
  const fault = new TypeError('broken')
  const broken = () => Promise.reject(fault)
  const { idempotencyRecords } = ledger
  const { context, errors } = contextOf(ledger, {
    idempotencyRecords: { ...idempotencyRecords, release: broken, finish: broken },
  })
  const unpaid = new UpstreamError('PAYMENT_REQUIRED')

  expect(await failureOf(createOnce(taskCreate(fail(unpaid)), context))).toBe(unpaid)
  expect(
    await failureOf(
      createOnce(
        taskCreate(fail(new UpstreamError('NOT_FOUND')), { idempotencyKey: 'other' }),
        context,
      ),
    ),
  ).toMatchObject({ code: 'NOT_FOUND' })
  expect(errors).toContain(fault)
})

test('an internal error after sending is thrown, and leaves the outcome unknown', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const fault = new TypeError('broken')

  const first = await failureOf(createOnce(taskCreate(fail(fault)), context))
  const again = await failureOf(createOnce(taskCreate(succeed), context))

  expect(first).toBe(fault)
  expect(again).toEqual({
    code: 'OUTCOME_UNKNOWN',
    message: 'It is not known whether 0-0 did this; it is not sent again.',
    retryable: false,
  })
})

test('an internal error while recording leaves the outcome unknown', async () => {
  const ledger = await openTestLedger()
  const fault = new TypeError('broken')
  let persisted = 0
  const { context } = contextOf(ledger, {
    register: () => Promise.reject(fault),
    async persist(_created, write) {
      persisted += 1
      return write()
    },
  })

  const first = await failureOf(createOnce(taskCreate(succeed), context))
  const again = await failureOf(createOnce(taskCreate(succeed), contextOf(ledger).context))

  expect(first).toBe(fault)
  expect(persisted).toBe(0)
  expect(again).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

test('an OUTCOME_UNKNOWN failure keeps the message of the upstream error', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const unknown = new UpstreamError('OUTCOME_UNKNOWN', { reason: 'a provider answered HTTP 401' })

  const first = await failureOf(createOnce(taskCreate(fail(unknown)), context))

  expect(first).toEqual({ code: 'OUTCOME_UNKNOWN', message: unknown.message, retryable: false })
})

test('an upstream error after which the create may be done is OUTCOME_UNKNOWN with its message', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const limited = new UpstreamError('RATE_LIMITED', { mayBeDone: true })

  const first = await failureOf(createOnce(taskCreate(fail(limited)), context))

  expect(first).toEqual({
    code: 'OUTCOME_UNKNOWN',
    message:
      'It is not known whether 0-0 did this; it is not sent again. The answer was: 0-0 asks for fewer requests.',
    retryable: false,
  })
})

test('a request error releases the idempotency key, even after sending', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const refusal = new RequestError({ code: 'SERVICE_UNAVAILABLE', message: 'x', retryable: true })

  const first = await failureOf(createOnce(taskCreate(fail(refusal)), context))
  const again = await createOnce(taskCreate(succeed), context)

  expect(first).toBe(refusal.failure)
  expect(again.key).toBe('cgt-1')
})

test('a sender that stops extending its lease leaves the outcome unknown', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const never = Promise.withResolvers<typeof CREATED>()
  const gone = contextOf(ledger, {
    idempotencyRecords: { ...ledger.idempotencyRecords, extend: async () => {} },
  })
  const begun = Promise.withResolvers<void>()
  const first = createOnce(
    taskCreate(() => {
      begun.resolve()
      return never.promise
    }),
    gone.context,
  )
  await begun.promise

  clock.set(5_001)

  expect(await failureOf(createOnce(taskCreate(succeed), context))).toEqual({
    code: 'OUTCOME_UNKNOWN',
    message: 'It is not known whether 0-0 did this; it is not sent again.',
    retryable: false,
  })
  never.resolve(CREATED)
  await first
})

test('a repeat fails if the created entity is missing from the ledger', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  await createOnce(taskCreate(succeed), context)
  const { context: without } = contextOf(ledger, { find: async () => null })

  const again = await failureOf(createOnce(taskCreate(succeed), without))

  expect(again).toEqual(new Error('What k created is not in the ledger.'))
})

test('a waiting repeat polls with growing intervals, and ends when its client disconnects', async () => {
  const ledger = await openTestLedger()
  const gate = Promise.withResolvers<typeof CREATED>()
  const begun = Promise.withResolvers<void>()
  const first = createOnce(
    taskCreate(() => {
      begun.resolve()
      return gate.promise
    }),
    contextOf(ledger).context,
  )
  await begun.promise
  let polls = 0
  const leaving = new AbortController()
  const begin: Ledger['idempotencyRecords']['begin'] = (key, fingerprint) => {
    polls += 1
    return ledger.idempotencyRecords.begin(key, fingerprint)
  }
  const { context } = contextOf(
    ledger,
    { idempotencyRecords: { ...ledger.idempotencyRecords, begin } },
    leaving.signal,
  )

  const repeat = failureOf(createOnce(taskCreate(succeed), context))
  await pause(600)
  leaving.abort()

  // The repeat polls after 0, 25, 75, 175, 375 and 775 ms.
  expect(await repeat).toMatchObject({ name: 'AbortError' })
  expect(polls).toBeLessThanOrEqual(6)
  gate.resolve(CREATED)
  await first
})

test('a finished create leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const ledger = await openTestLedger()
  const { context, background } = contextOf(ledger)
  const before = vi.getTimerCount()

  await createOnce(taskCreate(succeed), context)
  await createOnce(
    taskCreate(fail(new UpstreamError('PAYMENT_REQUIRED')), { idempotencyKey: 'b' }),
    context,
  ).catch(() => {})
  await createOnce(
    taskCreate(fail(new UpstreamError('NOT_FOUND')), { idempotencyKey: 'c' }),
    context,
  ).catch(() => {})
  await Promise.allSettled(background)

  expect(vi.getTimerCount()).toBe(before)
})

test('the order of fields does not change the fingerprint of a request, the order of a list does', async () => {
  const ledger = await openTestLedger()
  const { context } = contextOf(ledger)
  const withOptions = (providerOptions: unknown) =>
    createOnce(taskCreate(succeed, { request: { prompt: 'A cat', providerOptions } }), context)

  await withOptions({ lingjing: { a: 1, b: [1, 2] }, other: null })
  const same = await withOptions({ other: null, lingjing: { b: [1, 2], a: 1 } })
  const other = await failureOf(withOptions({ lingjing: { a: 1, b: [2, 1] }, other: null }))
  const less = await failureOf(withOptions({ lingjing: { a: 1, b: [1, 2] } }))

  expect(same.key).toBe('cgt-1')
  for (const failure of [other, less]) {
    expect(failure).toEqual({
      code: 'IDEMPOTENCY_CONFLICT',
      message: 'This idempotency key was used with another input. Nothing was sent to 0-0.',
      retryable: false,
    })
  }
})

import { expect, test } from 'vitest'
import { LedgerUnavailable } from '../src/ledger/unavailable.ts'
import { type Failure, failureOf, invalidInput, RequestError } from '../src/model/failure.ts'
import { orFailure } from '../src/resolvers/or-failure.ts'
import { UpstreamError, type UpstreamErrorCode } from '../src/upstream/upstream-error.ts'

test.for<[UpstreamErrorCode, ConstructorParameters<typeof UpstreamError>[1], object]>([
  ['UNAUTHENTICATED', {}, { retryable: false }],
  ['FORBIDDEN', {}, { retryable: false }],
  ['PAYMENT_REQUIRED', {}, { retryable: false }],
  ['NOT_FOUND', {}, { retryable: false }],
  ['UPSTREAM_REJECTED', {}, { retryable: false, upstreamCode: null }],
  ['UPSTREAM_REJECTED', { upstreamCode: '9003' }, { retryable: false, upstreamCode: '9003' }],
  ['RATE_LIMITED', {}, { retryable: true, retryAfterSeconds: 5 }],
  ['RATE_LIMITED', { retryAfterMs: 0 }, { retryable: true, retryAfterSeconds: 0 }],
  [
    'RATE_LIMITED',
    { retryAfterMs: 1_500, upstreamMessage: '上游已达到最大限制' },
    { retryable: true, retryAfterSeconds: 1.5, upstreamMessage: '上游已达到最大限制' },
  ],
  ['UPSTREAM_UNAVAILABLE', {}, { retryable: true, retryAfterSeconds: 5 }],
  ['UPSTREAM_UNAVAILABLE', { retryAfterMs: 300_000 }, { retryable: true, retryAfterSeconds: 300 }],
  ['UPSTREAM_PROTOCOL', {}, { retryable: false }],
  ['OUTCOME_UNKNOWN', {}, { retryable: false }],
])('the failure of %s with %j is %j', ([code, details, expected]) => {
  const error = new UpstreamError(code, details)

  expect(failureOf(error)).toEqual({ code, message: error.message, ...expected })
})

test('a database failure is SERVICE_UNAVAILABLE, and says that nothing was created', () => {
  expect(failureOf(new LedgerUnavailable('AWAY'))).toEqual({
    code: 'SERVICE_UNAVAILABLE',
    message: 'The database of this service is not available. Nothing was created at 0-0.',
    retryable: true,
  })
})

test('an unknown error has no failure', () => {
  for (const error of [new Error('x'), new TypeError('x'), null, undefined, 'x']) {
    expect(failureOf(error)).toBeNull()
  }
})

test('the message has the text of a single issue, or the number of issues', () => {
  const one = invalidInput([{ path: ['resources', '0', 'url'], message: 'Wrong.' }])
  const two = invalidInput([
    { path: ['a'], message: 'x' },
    { path: ['b'], message: 'y' },
  ])

  expect(one).toBeInstanceOf(RequestError)
  expect(one.message).toBe('resources.0.url: Wrong.')
  expect(one.failure).toMatchObject({ code: 'INVALID_INPUT', retryable: false })
  expect(two.message).toBe('The input has 2 issues.')
  expect(invalidInput([]).message).toBe('The input has 0 issues.')
})

test.for<Failure['code']>([
  'INVALID_INPUT',
  'NOT_FOUND',
  'PAYMENT_REQUIRED',
  'RATE_LIMITED',
  'UPSTREAM_REJECTED',
  'UPSTREAM_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'IDEMPOTENCY_CONFLICT',
])('a create that fails with %s returns the failure', async (code) => {
  const failure = { code, message: 'x', retryable: false } as Failure

  expect(await orFailure(() => Promise.reject(new RequestError(failure)))).toBe(failure)
})

test.for<Failure['code']>([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UPSTREAM_PROTOCOL',
  'SERVICE_UNAVAILABLE',
])('a create that fails with %s throws the failure', async (code) => {
  const refusal = new RequestError({ code, message: 'x', retryable: false } as Failure)

  await expect(orFailure(() => Promise.reject(refusal))).rejects.toBe(refusal)
})

test('a create that succeeds returns its value, and an unknown error is thrown', async () => {
  const fault = new TypeError('x')

  expect(await orFailure(async () => 7)).toBe(7)
  await expect(orFailure(() => Promise.reject(fault))).rejects.toBe(fault)
})

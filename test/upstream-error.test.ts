import { expect, test } from 'vitest'
import { UpstreamError, type UpstreamErrorCode } from '../src/upstream/upstream-error.ts'

test.each<[UpstreamErrorCode, boolean]>([
  ['UNAUTHENTICATED', false],
  ['FORBIDDEN', false],
  ['PAYMENT_REQUIRED', false],
  ['NOT_FOUND', false],
  ['UPSTREAM_REJECTED', false],
  ['RATE_LIMITED', false],
  ['UPSTREAM_UNAVAILABLE', false],
  ['UPSTREAM_PROTOCOL', false],
  ['OUTCOME_UNKNOWN', true],
])('%s has mayBeDone %s', (code, mayBeDone) => {
  expect(new UpstreamError(code).mayBeDone).toBe(mayBeDone)
})

test.each<[UpstreamErrorCode, string]>([
  ['UNAUTHENTICATED', '0-0 does not accept this API key'],
  ['FORBIDDEN', '0-0 does not allow this with this API key'],
  ['PAYMENT_REQUIRED', 'The balance at 0-0 does not suffice'],
  ['NOT_FOUND', '0-0 does not know this entity'],
  ['UPSTREAM_REJECTED', '0-0 refused the request'],
  ['RATE_LIMITED', '0-0 asks for fewer requests'],
  ['UPSTREAM_UNAVAILABLE', '0-0 cannot be reached or cannot answer now'],
  ['UPSTREAM_PROTOCOL', '0-0 gave an answer that cannot be understood'],
  ['OUTCOME_UNKNOWN', 'It is not known whether 0-0 did this; it is not sent again'],
])('the message of %s is one sentence with an optional reason', (code, message) => {
  expect(new UpstreamError(code).message).toBe(`${message}.`)
  expect(new UpstreamError(code, { reason: null }).message).toBe(`${message}.`)
  expect(new UpstreamError(code, { reason: ' so\nit is ' }).message).toBe(`${message}: so it is`)
})

test('omitted details are null and given details are kept', () => {
  const cause = new Error('reset')

  expect(new UpstreamError('NOT_FOUND')).toMatchObject({
    name: 'UpstreamError',
    code: 'NOT_FOUND',
    upstreamCode: null,
    retryAfterMs: null,
    cause: undefined,
  })
  expect(
    new UpstreamError('RATE_LIMITED', { upstreamCode: '9003', retryAfterMs: 5, cause }),
  ).toMatchObject({ code: 'RATE_LIMITED', upstreamCode: '9003', retryAfterMs: 5, cause })
})

test('mayBeDone can be set for any code', () => {
  expect(new UpstreamError('RATE_LIMITED', { mayBeDone: true }).mayBeDone).toBe(true)
})

test('the upstream message is kept separately as one plain line', () => {
  const error = new UpstreamError('RATE_LIMITED', { upstreamMessage: ' 上游已达到\n最大限制 ' })

  expect(error.message).toBe('0-0 asks for fewer requests.')
  expect(error.upstreamMessage).toBe('上游已达到 最大限制')
})

test.each([undefined, null, '', '<p>no</p>'])('the message %j is null', (upstreamMessage) => {
  const error = new UpstreamError(
    'RATE_LIMITED',
    upstreamMessage === undefined ? {} : { upstreamMessage },
  )

  expect(error.upstreamMessage).toBeNull()
})

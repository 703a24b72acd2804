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
])('%s says that a create may be done: %s', (code, mayBeDone) => {
  expect(new UpstreamError(code).mayBeDone).toBe(mayBeDone)
})

test.each<[UpstreamErrorCode, string]>([
  ['UNAUTHENTICATED', '0-0 does not accept this API key'],
  ['FORBIDDEN', '0-0 does not allow this with this API key'],
  ['PAYMENT_REQUIRED', 'The balance at 0-0 does not suffice'],
  ['NOT_FOUND', '0-0 does not know this resource'],
  ['UPSTREAM_REJECTED', '0-0 refused the request'],
  ['RATE_LIMITED', '0-0 asks for fewer requests'],
  ['UPSTREAM_UNAVAILABLE', '0-0 cannot be reached or cannot answer now'],
  ['UPSTREAM_PROTOCOL', '0-0 gave an answer that cannot be understood'],
  ['OUTCOME_UNKNOWN', 'It is not known whether 0-0 did this; it is not sent again'],
])('%s says it in a sentence, with the reason when there is one', (code, message) => {
  expect(new UpstreamError(code).message).toBe(`${message}.`)
  expect(new UpstreamError(code, { reason: null }).message).toBe(`${message}.`)
  expect(new UpstreamError(code, { reason: ' so\nit is ' }).message).toBe(`${message}: so it is`)
})

test('what is not said of a failure is null, and what is said is kept', () => {
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

test('a failure of any code can say that the create may be done', () => {
  expect(new UpstreamError('RATE_LIMITED', { mayBeDone: true }).mayBeDone).toBe(true)
})

test("0-0's own words are kept apart as one plain line", () => {
  const error = new UpstreamError('RATE_LIMITED', { upstreamMessage: ' 上游已达到\n最大限制 ' })

  expect(error.message).toBe('0-0 asks for fewer requests.')
  expect(error.upstreamMessage).toBe('上游已达到 最大限制')
})

test.each([undefined, null, '', '<p>no</p>'])('the words %j are none', (upstreamMessage) => {
  const error = new UpstreamError(
    'RATE_LIMITED',
    upstreamMessage === undefined ? {} : { upstreamMessage },
  )

  expect(error.upstreamMessage).toBeNull()
})

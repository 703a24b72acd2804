import { expect, test } from 'vitest'
import { UpstreamError, type UpstreamErrorCode } from '../src/upstream/errors.ts'

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

import { GraphQLError } from 'graphql'
import { expect, test, vi } from 'vitest'
import { createErrorMapper } from '../src/error-mapping.ts'
import { UpstreamError } from '../src/upstream/errors.ts'

function wrapped(originalError: Error): GraphQLError {
  const inner = new GraphQLError(originalError.message, { originalError, path: ['asset'] })
  return new GraphQLError(inner.message, { originalError: inner, path: ['asset'] })
}

test('a failure of ours keeps its message and path and gets its code and details, however often it was wrapped', () => {
  const onUnexpected = vi.fn()
  const map = createErrorMapper(onUnexpected)

  const mapped = map(
    wrapped(new UpstreamError('RATE_LIMITED', { retryAfterMs: 1_500 })),
    'Unexpected error.',
  ) as GraphQLError

  expect(mapped.path).toEqual(['asset'])
  expect(mapped.message).toBe('0-0 asks for fewer requests.')
  expect(mapped.extensions).toEqual({
    code: 'RATE_LIMITED',
    retryable: true,
    retryAfterSeconds: 1.5,
  })
  expect(onUnexpected).not.toHaveBeenCalled()
})

test('anything else is masked, and told to whoever looks after it', () => {
  const onUnexpected = vi.fn()
  const fault = new TypeError('secret detail')

  const mapped = createErrorMapper(onUnexpected)(wrapped(fault), 'Unexpected error.')

  expect(mapped.message).toBe('Unexpected error.')
  expect(JSON.stringify(mapped)).not.toContain('secret detail')
  expect(onUnexpected).toHaveBeenCalledWith(fault)
})

test("GraphQL's own errors pass", () => {
  const error = new GraphQLError('Cannot query field "assetz".')

  expect(createErrorMapper(() => {})(error, 'Unexpected error.')).toBe(error)
})

import { GraphQLError } from 'graphql'
import { expect, test, vi } from 'vitest'
import { createErrorMapper } from '../src/execution/error-mapping.ts'
import { UpstreamError } from '../src/upstream/upstream-error.ts'

function wrapped(originalError: Error): GraphQLError {
  const inner = new GraphQLError(originalError.message, { originalError, path: ['asset'] })
  return new GraphQLError(inner.message, { originalError: inner, path: ['asset'] })
}

test('an UpstreamError keeps its message and path and gets its code and details, at any wrapping depth', () => {
  const onUnexpected = vi.fn()
  const map = createErrorMapper({ onUnexpected })

  const mapped = map(
    wrapped(
      new UpstreamError('RATE_LIMITED', {
        retryAfterMs: 1_500,
        upstreamMessage: '上游已达到最大限制',
      }),
    ),
    'Unexpected error.',
  ) as GraphQLError

  expect(mapped.path).toEqual(['asset'])
  expect(mapped.message).toBe('0-0 asks for fewer requests.')
  expect(mapped.extensions).toEqual({
    code: 'RATE_LIMITED',
    retryable: true,
    retryAfterSeconds: 1.5,
    upstreamMessage: '上游已达到最大限制',
  })
  expect(onUnexpected).not.toHaveBeenCalled()
})

test('any other error is masked, and passed to onUnexpected', () => {
  const onUnexpected = vi.fn()
  const fault = new TypeError('secret detail')

  const mapped = createErrorMapper({ onUnexpected })(wrapped(fault), 'Unexpected error.')

  expect(mapped.message).toBe('Unexpected error.')
  expect(JSON.stringify(mapped)).not.toContain('secret detail')
  expect(onUnexpected).toHaveBeenCalledWith(fault)
})

test('GraphQL errors pass through, and get a code if they have none', () => {
  const map = createErrorMapper({ onUnexpected() {} })
  const coded = new GraphQLError('Syntax', { extensions: { code: 'GRAPHQL_PARSE_FAILED' } })

  const mapped = map(new GraphQLError('Variable "$id" is missing.'), 'Unexpected error.')

  expect(map(coded, 'Unexpected error.')).toBe(coded)
  expect(mapped.message).toBe('Variable "$id" is missing.')
  expect((mapped as GraphQLError).extensions).toEqual({ code: 'BAD_USER_INPUT' })
})

test('a client disconnect is not an unexpected error', () => {
  const onUnexpected = vi.fn()

  createErrorMapper({ onUnexpected })(
    wrapped(new DOMException('Gone', 'AbortError')),
    'Unexpected error.',
  )

  expect(onUnexpected).not.toHaveBeenCalled()
})

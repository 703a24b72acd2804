import { expect, test } from 'vitest'
import { type AnswerOrigin, originOf } from '../src/upstream/answer-origin.ts'
import { readErrorBody } from '../src/upstream/error-body.ts'
import { parseResponse } from '../src/upstream/response-parser.ts'
import type { Route } from '../src/upstream/route.ts'
import { UpstreamError, type UpstreamErrorCode } from '../src/upstream/upstream-error.ts'

const TASKS = '/v1/video/tasks'
const ASSETS = '/v1/assets'
const GROUPS = '/v1/asset-groups'

/** `All <model> error:` with a provider's body, as the Python gateway writes it after its retries. */
const quote = (body: unknown) => ({
  error: `All seedance-2-0 error: ${typeof body === 'string' ? body : JSON.stringify(body)}`,
})
const rust = (message: string) => ({ error: { message } })
const COOLING = 'All matching provider routes are cooling down'
const CHINESE = '上游已达到最大限制'

/** Errors that the edge and the gateway write themselves, with the error code for reads and creates. */
const OWN: [AnswerOrigin, number, unknown, UpstreamErrorCode][] = [
  ['EDGE', 401, { detail: 'missing api key' }, 'UNAUTHENTICATED'],
  ['EDGE', 401, { detail: 'invalid api key' }, 'UNAUTHENTICATED'],
  ['EDGE', 401, { detail: 'Unauthorized' }, 'UNAUTHENTICATED'],
  ['EDGE', 402, { detail: 'insufficient balance' }, 'PAYMENT_REQUIRED'],
  ['EDGE', 403, { detail: 'banned' }, 'FORBIDDEN'],
  ['EDGE', 403, { detail: 'api_key_spend_limit_exceeded' }, 'FORBIDDEN'],
  ['EDGE', 403, { detail: 'model disabled' }, 'FORBIDDEN'],
  ['EDGE', 429, { detail: CHINESE }, 'RATE_LIMITED'],
  ['EDGE', 503, { detail: 'no channel configured' }, 'UPSTREAM_UNAVAILABLE'],
  ['GATEWAY', 403, { error: 'Invalid or missing API Key' }, 'UNAUTHENTICATED'],
  ['GATEWAY', 403, rust('Invalid or missing API Key'), 'UNAUTHENTICATED'],
  ['GATEWAY', 403, { message: 'Not authenticated' }, 'UNAUTHENTICATED'],
  ['GATEWAY', 403, { message: 'Task belongs to a different API key' }, 'NOT_FOUND'],
  ['GATEWAY', 429, { error: 'Too many requests' }, 'RATE_LIMITED'],
  ['GATEWAY', 429, { message: 'Too many requests' }, 'RATE_LIMITED'],
  ['GATEWAY', 429, rust('Too many requests'), 'RATE_LIMITED'],
  ['GATEWAY', 429, { error: 'Balance is insufficient, please top up' }, 'PAYMENT_REQUIRED'],
  ['GATEWAY', 429, rust('Balance is insufficient, please top up'), 'PAYMENT_REQUIRED'],
  ['GATEWAY', 429, rust(COOLING), 'UPSTREAM_UNAVAILABLE'],
  [
    'GATEWAY',
    503,
    { error: { message: 'busy', type: 'local_overload', code: 'local_overload' } },
    'UPSTREAM_UNAVAILABLE',
  ],
]

/** All other errors with these statuses. They do not prove that a create was not done. */
const NOT_OWN: [AnswerOrigin, number, unknown, headers?: Record<string, string>][] = [
  // The envelope of a provider, plain or quoted.
  ['PROVIDER', 401, { code: 401, msg: 'invalid api key' }],
  ['PROVIDER', 402, { code: 402, msg: 'the balance of the account is used up' }],
  ['PROVIDER', 403, { code: 403, msg: 'AccessDenied' }],
  ['PROVIDER', 409, { code: 409, msg: 'conflict' }],
  ['PROVIDER', 425, { code: 425, msg: 'too early' }],
  ['PROVIDER', 429, { code: 429, msg: 'RateLimitExceeded', data: null }],
  ['PROVIDER', 429, { code: 429 }],
  ['PROVIDER', 503, { code: 500, msg: 'busy' }],
  ['PROVIDER', 409, quote({ code: 409, msg: 'conflict' })],
  ['PROVIDER', 429, quote({ error: 'Too many requests' })],
  ['PROVIDER', 401, quote('<html>401</html>')],
  ['PROVIDER', 502, quote('')],
  ['PROVIDER', 429, { id: 'cgt-1', status: 'running', video: {} }],
  // A known text that the gateway marks as a provider response.
  ['PROVIDER', 429, { error: 'Too many requests' }, { 'x-uni-api-status-origin': 'provider_http' }],
  ['PROVIDER', 401, { detail: 'invalid api key' }, { 'x-uni-api-status-origin': 'provider_http' }],
  // HTML pages, empty bodies and unknown texts.
  ['UNKNOWN', 401, '<html>Unauthorized</html>'],
  ['UNKNOWN', 403, ''],
  ['UNKNOWN', 429, {}],
  ['UNKNOWN', 429, []],
  ['UNKNOWN', 401, { detail: 'your invalid api key' }],
  ['UNKNOWN', 401, { detail: 'missing api key again' }],
  ['UNKNOWN', 403, { detail: 'not banned' }],
  ['UNKNOWN', 403, { detail: 'model disabled.' }],
  ['UNKNOWN', 429, { detail: `${CHINESE}!` }],
  ['UNKNOWN', 429, { detail: `!${CHINESE}` }],
  ['UNKNOWN', 503, { detail: 'no channel configured yet' }],
  ['UNKNOWN', 503, { detail: 'why: no channel configured' }],
  ['UNKNOWN', 403, { message: 'It is not authenticated' }],
  ['UNKNOWN', 403, { message: 'Not authenticated at all' }],
  ['UNKNOWN', 403, { message: 'The task belongs to nobody' }],
  ['UNKNOWN', 429, { error: 'Too many requests, slow down' }],
  ['UNKNOWN', 429, { error: 'Far too many requests' }],
  // A known text with another status, in another field, or with additional fields.
  ['UNKNOWN', 403, { detail: 'invalid api key' }],
  ['UNKNOWN', 401, { error: 'Invalid or missing API Key' }],
  ['UNKNOWN', 403, { detail: 'Not authenticated' }],
  ['UNKNOWN', 429, { msg: 'Too many requests' }],
  ['UNKNOWN', 401, { error: 'invalid api key' }],
  ['UNKNOWN', 429, { error: { message: 'Too many requests', code: 'RateLimitExceeded' } }],
  ['UNKNOWN', 429, { error: { message: 'Too many requests' }, request_id: 'r-1' }],
  ['UNKNOWN', 429, { error: 'Too many requests', code: 'busy' }],
  ['UNKNOWN', 429, { error: { msg: 'Too many requests' } }],
  ['UNKNOWN', 429, { error: { message: ['Too many requests'] } }],
  ['UNKNOWN', 401, { detail: ['invalid api key'] }],
  ['UNKNOWN', 500, { error: { message: 'busy', type: 'local_overload' } }],
  ['UNKNOWN', 503, { error: { message: 'busy', type: 'other' } }],
  ['UNKNOWN', 429, { id: 'cgt-1', status: 'queued' }],
  ['UNKNOWN', 429, { status: 'running' }],
  // 5xx of the edge and the gateway, sent after they forwarded the request.
  ['UNKNOWN', 502, { detail: 'stream error' }],
  ['UNKNOWN', 504, { detail: 'upstream read timeout after 60s' }],
  ['UNKNOWN', 502, rust('Upstream transport error: error sending request for url (http://p/)')],
]

test.each([
  [402, { detail: 'your insufficient balance' }],
  [402, { detail: 'insufficient balance of the provider' }],
  [402, { error: 'insufficient balance' }],
])('the origin of %i %j is UNKNOWN', (status, body) => {
  expect(originOf({ status, headers: {}, body: '' }, readErrorBody(body))).toBe('UNKNOWN')
})

const bodyOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))

function failureOf(
  method: 'GET' | 'POST',
  route: Route,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): UpstreamError {
  try {
    parseResponse(method, route, { status, headers, body: bodyOf(body) })
  } catch (error) {
    if (error instanceof UpstreamError) return error
    throw error
  }
  throw new Error('the answer was taken for a success')
}

test.each([
  ...OWN,
  ...NOT_OWN.map(([origin, status, body, headers]) => [origin, status, body, '', headers] as const),
])('the origin %s is detected for %i %j', (origin, status, body, _code, headers = {}) => {
  const json = typeof body === 'string' ? undefined : body

  expect(originOf({ status, headers, body: '' }, readErrorBody(json))).toBe(origin)
})

test.each(OWN)(
  'an error written by the %s, %i %j, proves that no create was done',
  (_origin, status, body, code) => {
    for (const route of [TASKS, ASSETS, GROUPS] as const) {
      expect(failureOf('GET', route, status, body)).toMatchObject({ code, mayBeDone: false })
      expect(failureOf('POST', route, status, body)).toMatchObject({ code, mayBeDone: false })
    }
  },
)

test.each(NOT_OWN)(
  '%s %i %j leaves the outcome of a video task unknown',
  (_origin, status, body, headers) => {
    const failure = failureOf('POST', TASKS, status, body, headers)

    expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', mayBeDone: true, retryAfterMs: null })
    expect(failure.message).toContain(`answered HTTP ${status}`)
  },
)

test.each(NOT_OWN)(
  '%s %i %j leaves it unknown whether a group or an asset was created',
  (_origin, status, body, headers) => {
    const code =
      status === 429
        ? 'RATE_LIMITED'
        : status === 409 || status === 425
          ? 'UPSTREAM_REJECTED'
          : 'OUTCOME_UNKNOWN'

    for (const route of [ASSETS, GROUPS] as const) {
      expect(failureOf('POST', route, status, body, headers)).toMatchObject({
        code,
        mayBeDone: true,
      })
    }
  },
)

test.each(NOT_OWN)(
  "%s %i %j to a read is not reported as an error of the caller's key",
  (_origin, status, body, headers) => {
    const code =
      status === 429
        ? 'RATE_LIMITED'
        : status === 409 || status === 425
          ? 'UPSTREAM_REJECTED'
          : 'UPSTREAM_UNAVAILABLE'

    for (const route of [TASKS, ASSETS, GROUPS] as const) {
      expect(failureOf('GET', route, status, body, headers)).toMatchObject({
        code,
        mayBeDone: false,
      })
    }
  },
)

test.each([
  [400, { code: 400, msg: 'InvalidParameter.ratio' }, 'UPSTREAM_REJECTED'],
  [400, '<html>400</html>', 'UPSTREAM_REJECTED'],
  [404, { code: 404, msg: 'no such model' }, 'NOT_FOUND'],
  [404, { code: 404, msg: 'NotFound.asset_id' }, 'NOT_FOUND'],
  [413, '<html>413</html>', 'UPSTREAM_REJECTED'],
  [422, { code: 422, msg: 'prompt' }, 'UPSTREAM_REJECTED'],
  [200, { code: 500, msg: 'oops' }, 'UPSTREAM_REJECTED'],
  [200, { code: 401, msg: 'no' }, 'UPSTREAM_REJECTED'],
  // Also a rate limit, because a retry could create a second video.
  [200, { code: 429, msg: 'slow down' }, 'UPSTREAM_REJECTED'],
  [200, { code: 400, msg: 'RateLimitExceeded' }, 'UPSTREAM_REJECTED'],
])("a provider's %i %j to a video task is a refusal", (status, body, code) => {
  expect(failureOf('POST', TASKS, status, body)).toMatchObject({ code, mayBeDone: false })
})

test('a rate limit in an HTTP 200 response is detected by its code or by the start of its message', () => {
  const failure = (msg: string) => failureOf('GET', ASSETS, 200, { code: 400, msg })

  expect(failure('RateLimitExceeded').code).toBe('RATE_LIMITED')
  expect(failure('No RateLimit at all').code).toBe('UPSTREAM_REJECTED')
})

test.each([301, 302, 303])('a create redirected with %i may have been done', (status) => {
  expect(failureOf('POST', ASSETS, status, '')).toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    mayBeDone: true,
  })
})

test.each([307, 308])('a create redirected with %i was not done', (status) => {
  expect(failureOf('POST', ASSETS, status, '')).toMatchObject({
    code: 'UPSTREAM_PROTOCOL',
    mayBeDone: false,
  })
})

test.each([
  ['POST', ASSETS],
  ['POST', GROUPS],
  ['GET', ASSETS],
  ['GET', TASKS],
] as const)('a rate limit in an HTTP 200 response to %s %s is RATE_LIMITED', (method, route) => {
  const failure = failureOf(method, route, 200, { code: 429, msg: 'slow down' })

  expect(failure).toMatchObject({ code: 'RATE_LIMITED', mayBeDone: false })
  expect(failure).toMatchObject({ upstreamMessage: 'slow down', upstreamCode: '429' })
})

test.each(['GET', 'POST'] as const)(
  'a 402 to a %s that no provider wrote is PAYMENT_REQUIRED',
  (method) => {
    expect(failureOf(method, TASKS, 402, { detail: 'top up' })).toMatchObject({
      code: 'PAYMENT_REQUIRED',
      mayBeDone: false,
      message: 'The balance at 0-0 does not suffice: top up',
    })
  },
)

test.each([
  ['GET', 429, rust(COOLING), 300_000],
  ['POST', 429, rust(COOLING), 300_000],
  // The Rust gateway disables the model after three of these, so do not retry at once.
  ['GET', 401, { code: 401, msg: 'no' }, 300_000],
  ['GET', 403, { code: 403, msg: 'no' }, 300_000],
  ['GET', 402, { code: 402, msg: 'no' }, 300_000],
  ['GET', 502, { code: 502, msg: 'no' }, null],
  ['GET', 408, '', null],
  ['GET', 429, { error: 'Too many requests' }, null],
  ['GET', 503, { detail: 'no channel configured' }, null],
] as const)('a %s answered %i %j has retryAfterMs %j', (method, status, body, expected) => {
  expect(failureOf(method, TASKS, status, body).retryAfterMs).toBe(expected)
  const withHeader = failureOf(method, TASKS, status, body, { 'retry-after': '7' })
  expect(withHeader.retryAfterMs).toBe(7_000)
})

test('OUTCOME_UNKNOWN has no retryAfterMs', () => {
  const failure = failureOf('POST', TASKS, 429, {}, { 'retry-after': '7' })

  expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryAfterMs: null })
})

const UNKNOWN = 'It is not known whether 0-0 did this; it is not sent again'

test.each([
  [
    429,
    { code: 429, msg: 'RateLimitExceeded: wait' },
    ': a provider answered HTTP 429: RateLimitExceeded: wait',
  ],
  [401, quote({ code: 401, msg: 'bad AK' }), ': a provider answered HTTP 401: bad AK'],
  [500, { code: 500, msg: 'oops' }, ': a provider answered HTTP 500: oops'],
  [500, quote({ code: 500, msg: 'oops' }), ': a provider answered HTTP 500: oops'],
  [409, quote('conflict'), ': a provider answered HTTP 409: conflict'],
  [429, {}, ': 0-0 answered HTTP 429'],
  [429, { error: { message: 'busy', code: 'RateLimit' } }, ': 0-0 answered HTTP 429: busy'],
  // HTML pages, and texts that expose internals of the gateway.
  [403, '<html>no</html>', ': 0-0 answered HTTP 403'],
  [403, { detail: '<p>no</p>' }, ': 0-0 answered HTTP 403'],
  [502, quote('<html>502 Bad Gateway</html>'), ': a provider answered HTTP 502'],
  [503, quote('ConnectError: http://provider.internal'), ': a provider answered HTTP 503'],
  [500, { error: 'Internal server error: db.internal' }, ': 0-0 answered HTTP 500'],
  [
    502,
    rust('Upstream transport error: error sending request for url (http://provider)'),
    ': 0-0 answered HTTP 502',
  ],
])('the message for %i %j names the origin and the reason', (status, body, ending) => {
  expect(failureOf('POST', TASKS, status, body).message).toBe(`${UNKNOWN}${ending}`)
})

test.each([
  [{ error: 'Too many requests' }, 'Too many requests'],
  [{ detail: CHINESE }, CHINESE],
  [{}, null],
  [{ error: '<p>slow</p>' }, null],
])('a rate limit %j keeps the upstream message separately', (body, upstreamMessage) => {
  const failure = failureOf('GET', ASSETS, 429, body)

  expect(failure.message).toBe('0-0 asks for fewer requests.')
  expect(failure.upstreamMessage).toBe(upstreamMessage)
})

test.each([
  [400, { message: 'no' }],
  [500, { error: 'no' }],
  [401, { detail: 'invalid api key' }],
])('%i %j has no separate upstream message', (status, body) => {
  expect(failureOf('GET', ASSETS, status, body).upstreamMessage).toBeNull()
})

test('the cause of an error names the origin of the response', () => {
  const { cause } = failureOf('GET', ASSETS, 429, rust(COOLING))

  expect(cause).toBe('HTTP 429, written by: GATEWAY')
})

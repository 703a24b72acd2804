import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HttpRequestError, type Method } from '../src/upstream/http-request.ts'
import { noResponseError, parseResponse } from '../src/upstream/response-parser.ts'
import type { Route } from '../src/upstream/route.ts'
import { UpstreamError } from '../src/upstream/upstream-error.ts'

const ASSETS = '/v1/assets'
const TASKS = '/v1/video/tasks'

interface Answer {
  method?: Method
  route?: Route
  status: number
  body: unknown
  headers?: Record<string, string>
}

/** The error for a response. A string body is sent unchanged, any other as JSON. */
function failureOf({ method = 'GET', route = ASSETS, status, body, headers = {} }: Answer) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  try {
    parseResponse(method, route, { status, headers, body: text })
  } catch (error) {
    if (error instanceof UpstreamError) return error
    throw error
  }
  throw new Error('the answer was taken for a success')
}

describe('an error response has the code of its class', () => {
  test.each([
    // The edge
    [400, { detail: 'invalid json' }, 'UPSTREAM_REJECTED'],
    [401, { detail: 'invalid api key' }, 'UNAUTHENTICATED'],
    [402, { detail: 'insufficient balance' }, 'PAYMENT_REQUIRED'],
    [403, { detail: 'banned' }, 'FORBIDDEN'],
    [403, { detail: 'api_key_spend_limit_exceeded' }, 'FORBIDDEN'],
    [404, { detail: 'content generation task not found' }, 'NOT_FOUND'],
    [404, { detail: 'Not Found' }, 'NOT_FOUND'],
    [405, { detail: 'Method Not Allowed' }, 'UPSTREAM_REJECTED'],
    [429, { detail: '上游已达到最大限制' }, 'RATE_LIMITED'],
    [499, { detail: 'client disconnected' }, 'UPSTREAM_UNAVAILABLE'],
    [502, { detail: 'upstream communication error' }, 'UPSTREAM_UNAVAILABLE'],
    [503, { detail: 'no channel configured' }, 'UPSTREAM_UNAVAILABLE'],
    [504, { detail: 'upstream read timeout after 60s' }, 'UPSTREAM_UNAVAILABLE'],
    // The Python gateway
    [400, { message: 'Unsupported Lingjing modelCode: x' }, 'UPSTREAM_REJECTED'],
    [400, { error: 'Content did not pass the moral check, sorry' }, 'UPSTREAM_REJECTED'],
    [403, { message: 'Not authenticated' }, 'UNAUTHENTICATED'],
    [403, { error: 'Invalid or missing API Key' }, 'UNAUTHENTICATED'],
    [403, { message: 'Task belongs to a different API key' }, 'NOT_FOUND'],
    [404, { message: 'Unknown content generation task id. Add ?model=' }, 'NOT_FOUND'],
    [404, { message: 'No matching model found: m' }, 'UPSTREAM_REJECTED'],
    [404, { message: 'No available providers at the moment: m' }, 'UPSTREAM_REJECTED'],
    [404, { message: 'No available provider for video task: p' }, 'UPSTREAM_REJECTED'],
    [413, { error: { message: 'big', type: 'request_too_large' } }, 'UPSTREAM_REJECTED'],
    [422, { message: 'Request body requires a model' }, 'UPSTREAM_REJECTED'],
    [422, { detail: [{ loc: ['body'], msg: 'Field required' }] }, 'UPSTREAM_REJECTED'],
    [429, { error: 'Too many requests' }, 'RATE_LIMITED'],
    [429, { error: 'Balance is insufficient, please top up' }, 'PAYMENT_REQUIRED'],
    [500, { error: 'Internal server error: boom' }, 'UPSTREAM_UNAVAILABLE'],
    [503, { error: { message: 'busy', type: 'local_overload' } }, 'UPSTREAM_UNAVAILABLE'],
    // The Rust gateway
    [403, { error: { message: 'Invalid or missing API Key' } }, 'UNAUTHENTICATED'],
    [403, { error: { message: 'missing key' } }, 'UPSTREAM_UNAVAILABLE'],
    [404, { error: { message: 'Not found' } }, 'NOT_FOUND'],
    [
      404,
      { error: { message: 'No available providers at the moment: video' } },
      'UPSTREAM_REJECTED',
    ],
    [409, { code: 409, msg: 'conflict' }, 'UPSTREAM_REJECTED'],
    [
      429,
      { error: { message: 'All matching provider routes are cooling down' } },
      'UPSTREAM_UNAVAILABLE',
    ],
    [408, { error: { message: 'Request timeout' } }, 'UPSTREAM_UNAVAILABLE'],
    [415, { error: { message: 'Unsupported media type' } }, 'UPSTREAM_REJECTED'],
    [501, { error: { message: 'Not implemented' } }, 'UPSTREAM_UNAVAILABLE'],
    [507, { error: { message: 'No room' } }, 'UPSTREAM_UNAVAILABLE'],
    // Provider envelopes
    [200, { code: 9003, msg: 'GET is not supported', data: null }, 'UPSTREAM_REJECTED'],
    [200, { code: 500, msg: 'oops', data: null }, 'UPSTREAM_REJECTED'],
    [200, { code: 400, msg: 'NotFound.asset_id: no such asset' }, 'NOT_FOUND'],
    [200, { code: 404, msg: 'asset not found', data: null }, 'NOT_FOUND'],
    [200, { code: 400, msg: 'RateLimitExceeded.CreateAsset' }, 'RATE_LIMITED'],
    [400, { code: 400, msg: 'NotFound.group_id', data: null }, 'NOT_FOUND'],
    [502, { code: 200, msg: 'OK', data: { asset_id: 'Asset-1' } }, 'UPSTREAM_UNAVAILABLE'],
    // Not written by 0-0
    [404, '', 'NOT_FOUND'],
    [413, '<html><h1>413 Request Entity Too Large</h1></html>', 'UPSTREAM_REJECTED'],
    [502, '<html><h1>502 Bad Gateway</h1></html>', 'UPSTREAM_UNAVAILABLE'],
    [503, 'no healthy edge groups', 'UPSTREAM_UNAVAILABLE'],
    [200, '<html>Welcome</html>', 'UPSTREAM_PROTOCOL'],
    [200, '{"code": 200, "data": {"asset_', 'UPSTREAM_PROTOCOL'],
    [200, '', 'UPSTREAM_PROTOCOL'],
    [200, [], 'UPSTREAM_PROTOCOL'],
    [200, { data: { asset_id: 'Asset-1' } }, 'UPSTREAM_PROTOCOL'],
    [302, '', 'UPSTREAM_PROTOCOL'],
  ])('a GET answered %i %j is %s', (status, body, code) => {
    const error = failureOf({ status, body })

    expect(error.code).toBe(code)
  })

  test.each([
    // The create may have been done before the response failed.
    [408, { error: { message: 'Request timeout' } }, 'OUTCOME_UNKNOWN'],
    [499, { detail: 'client disconnected' }, 'OUTCOME_UNKNOWN'],
    [500, { error: 'Internal server error: boom' }, 'OUTCOME_UNKNOWN'],
    [502, '<html>Bad Gateway</html>', 'OUTCOME_UNKNOWN'],
    [503, { detail: 'upstream unavailable' }, 'OUTCOME_UNKNOWN'],
    [504, { detail: 'upstream read timeout' }, 'OUTCOME_UNKNOWN'],
    [200, '<html>Welcome</html>', 'OUTCOME_UNKNOWN'],
    [200, '{"id": "cgt', 'OUTCOME_UNKNOWN'],
    [200, [], 'OUTCOME_UNKNOWN'],
    [302, '', 'OUTCOME_UNKNOWN'],
    [303, '', 'OUTCOME_UNKNOWN'],
    // These prove that the create was not done.
    [503, { error: { message: 'busy', type: 'local_overload' } }, 'UPSTREAM_UNAVAILABLE'],
    [307, '', 'UPSTREAM_PROTOCOL'],
    [308, '', 'UPSTREAM_PROTOCOL'],
    [400, { message: 'Unsupported' }, 'UPSTREAM_REJECTED'],
    [401, { detail: 'missing api key' }, 'UNAUTHENTICATED'],
    [402, { detail: 'insufficient balance' }, 'PAYMENT_REQUIRED'],
    [404, { detail: 'Not Found' }, 'UPSTREAM_REJECTED'],
    [404, '', 'UPSTREAM_REJECTED'],
    [404, { message: 'NotFound.asset_id' }, 'NOT_FOUND'],
    [429, { error: 'Too many requests' }, 'RATE_LIMITED'],
    [200, { code: 500, msg: 'oops', data: null }, 'UPSTREAM_REJECTED'],
  ])('a POST answered %i %j is %s', (status, body, code) => {
    const error = failureOf({ method: 'POST', route: TASKS, status, body })

    expect(error.code).toBe(code)
  })

  const noProvider = (model: string) => `No available providers at the moment: ${model}`

  test.each<[Method, Route, unknown, string]>([
    ['GET', TASKS, { error: { message: noProvider('video') } }, 'NOT_FOUND'],
    ['GET', TASKS, { error: { message: noProvider('videos') } }, 'UPSTREAM_REJECTED'],
    ['GET', TASKS, { error: { message: noProvider('sora-2') } }, 'UPSTREAM_REJECTED'],
    ['GET', TASKS, { error: { message: `Oh, ${noProvider('video')}` } }, 'UPSTREAM_REJECTED'],
    // The Python gateway writes this only about a model.
    ['GET', TASKS, { message: noProvider('video') }, 'UPSTREAM_REJECTED'],
    ['GET', ASSETS, { error: { message: noProvider('video') } }, 'UPSTREAM_REJECTED'],
    ['POST', TASKS, { error: { message: noProvider('video') } }, 'UPSTREAM_REJECTED'],
  ])('%s %s answered 404 %j is %s', (method, route, body, code) => {
    expect(failureOf({ method, route, status: 404, body }).code).toBe(code)
  })

  test('only a 404 means that a task is unknown', () => {
    const body = { error: { message: noProvider('video') } }

    expect(failureOf({ route: TASKS, status: 400, body }).code).toBe('UPSTREAM_REJECTED')
  })

  test.each([
    [404, 'NOT_FOUND'],
    [500, 'UPSTREAM_UNAVAILABLE'],
  ])(
    'a poll answered %i is an error, even when its body looks like a running task',
    (status, code) => {
      const body = { id: 't1', model: 'seedance-2-0', status: 'running', video: {} }

      const error = failureOf({ route: TASKS, status, body })

      expect(error.code).toBe(code)
    },
  )
})

describe('the message', () => {
  test('contains the upstream reason as one short line', () => {
    const error = failureOf({
      status: 400,
      body: { detail: `wrong\r\n\u0007ratio \u202e${'x'.repeat(1000)}` },
    })

    expect(error.message).toMatch(/^0-0 refused the request: wrong ratio x+…$/)
    expect(error.message.length).toBeLessThan(350)
  })

  test('names the fields of a validation error without repeating the input', () => {
    const item = {
      type: 'missing',
      loc: ['body', 'prompt'],
      msg: 'Field required',
      input: 'secret',
    }

    const error = failureOf({ status: 422, body: { detail: [item] } })

    expect(error.message).toBe('0-0 refused the request: body.prompt: Field required')
  })

  test.each([
    ['a key', 'key sk-abc_DEF-123 is blocked', '0-0 refused the request: key [key] is blocked'],
    ['a header', 'got Bearer abc.def==', '0-0 refused the request: got [key]'],
    ['markup', '<p>nope</p>', '0-0 refused the request.'],
    ['nothing', '', '0-0 refused the request.'],
  ])('does not contain %s', (_what, reason, message) => {
    const error = failureOf({ status: 400, body: { message: reason } })

    expect(error.message).toBe(message)
  })

  test.each([
    { status: 500, body: { error: 'Internal server error: db.internal:5432 refused' } },
    { status: 403, body: { message: 'Task belongs to a different API key' } },
  ])('omits internal details: $body', (answer) => {
    const error = failureOf(answer)

    expect(error.message).not.toMatch(/internal|different/)
  })
})

describe('a provider response quoted by the Python gateway', () => {
  const quote = (text: string) => ({ error: `All seedance-2-0 error: ${text}` })

  test.each([
    ['{"code":409,"msg":"conflict","data":null}', 'conflict', '409'],
    ['{"error":{"code":"bad_ratio","message":"no"}}', 'no', 'bad_ratio'],
    [
      '{"code":400,"msg":"InvalidParameter.url: no"}',
      'InvalidParameter.url: no',
      'InvalidParameter.url',
    ],
    [' slow down ', 'slow down', null],
    ['AccessDenied.Project', 'AccessDenied.Project', 'AccessDenied.Project'],
  ])('%s is parsed like a direct response', (text, reason, upstreamCode) => {
    const error = failureOf({ status: 409, body: quote(text) })

    expect(error.message).toBe(`0-0 refused the request: ${reason}`)
    expect(error.upstreamCode).toBe(upstreamCode)
  })

  test.each([
    '<html><h1>409</h1></html>',
    '<broken',
    '{"code":409,"msg":"conf',
    '[1,2]',
    '[broken',
    '',
  ])('%j gives no reason', (text) => {
    const error = failureOf({ status: 409, body: quote(text) })

    expect(error.message).toBe('0-0 refused the request.')
    expect(error.upstreamCode).toBeNull()
  })

  test.each(['Not all models error: {"msg":"x"}', 'All models error {"msg":"x"}', 'All error: x'])(
    '%j is not a quotation',
    (text) => {
      expect(failureOf({ status: 400, body: { error: text } }).message).toBe(
        `0-0 refused the request: ${text}`,
      )
    },
  )

  test('is unquoted only once', () => {
    const startedMs = performance.now()
    const error = failureOf({ status: 409, body: quote('All m error: '.repeat(80_000)) })

    expect(error.message).toMatch(/^0-0 refused the request: All m error: All m/)
    expect(performance.now() - startedMs).toBeLessThan(500)
  })
})

test.each([
  [200, { code: 9003, msg: 'GET is not supported' }, '9003'],
  [200, { code: 400, msg: 'NotFound.group_id: gone' }, 'NotFound.group_id'],
  [400, { error: { message: 'no', code: 'bad_ratio' } }, 'bad_ratio'],
  [400, { error: { message: 'no', code: 'Bearer sk-1' } }, null],
  [400, { detail: 'no' }, null],
])('a response %i %j has the upstream code %s', (status, body, upstreamCode) => {
  const error = failureOf({ status, body })

  expect(error.upstreamCode).toBe(upstreamCode)
})

describe('an envelope', () => {
  const parse = (body: unknown, route: Route = ASSETS) =>
    parseResponse('GET', route, { status: 200, headers: {}, body: JSON.stringify(body) })

  test.each([200, '200'])('with the code %j returns its data', (code) => {
    expect(parse({ code, data: { asset_id: 'Asset-1' } })).toEqual({ asset_id: 'Asset-1' })
  })

  test.each([undefined, null, 'OK', '2e2', 200.5, -200, ' 200', '200 '])(
    'with the code %j is invalid',
    (code) => {
      const error = failureOf({ status: 200, body: { code, data: {} } })

      expect(error.code).toBe('UPSTREAM_PROTOCOL')
      expect(error.cause).toBe('the answer is not an envelope')
    },
  )

  test('is not required for a task, which may have its own code', () => {
    for (const task of [{ id: 't' }, { id: 't', code: 200 }, { id: 't', code: 'queued' }]) {
      expect(parse(task, TASKS)).toEqual(task)
    }
  })

  test('instead of a task is an error with its reason', () => {
    const error = failureOf({ route: TASKS, status: 200, body: { code: 500, msg: 'oops' } })

    expect(error).toMatchObject({ message: '0-0 refused the request: oops', upstreamCode: '500' })
  })
})

test('the cause says that a body is not JSON', () => {
  expect(failureOf({ status: 200, body: 'x' }).cause).toBe('the answer is not a JSON object')
})

test('FORBIDDEN contains the upstream reason', () => {
  const error = failureOf({ status: 403, body: { detail: 'banned' } })

  expect(error.message).toBe('0-0 does not allow this with this API key: banned')
})

test.each([
  ['GET', 'QUEUED', 'UPSTREAM_UNAVAILABLE', ': no connection to it was free'],
  ['POST', 'QUEUED', 'UPSTREAM_UNAVAILABLE', ': no connection to it was free'],
  ['GET', 'CONNECTING', 'UPSTREAM_UNAVAILABLE', '.'],
  ['POST', 'CONNECTING', 'UPSTREAM_UNAVAILABLE', '.'],
  ['GET', 'SENT', 'UPSTREAM_UNAVAILABLE', '.'],
  ['POST', 'SENT', 'OUTCOME_UNKNOWN', '.'],
] as const)('a %s that failed in the stage %s is %s', (method, stage, code, ending) => {
  const cause = new HttpRequestError(stage, new Error('reset'))

  const error = noResponseError(method, cause)

  expect(error).toMatchObject({ code, cause, mayBeDone: code === 'OUTCOME_UNKNOWN' })
  expect(error.message.endsWith(ending)).toBe(true)
})

test('retryAfterMs is the value of Retry-After', () => {
  const error = failureOf({ status: 429, body: {}, headers: { 'retry-after': '7' } })

  expect(error.retryAfterMs).toBe(7000)
})

test('a rate limit without Retry-After has no retryAfterMs', () => {
  const error = failureOf({ status: 429, body: {} })

  expect(error.retryAfterMs).toBeNull()
})

test.each(['[', '{"code":', '{"code":200,"data":'])(
  'a body of 1 MiB of %s is UPSTREAM_PROTOCOL',
  (part) => {
    const error = failureOf({ status: 200, body: part.repeat(2 ** 20 / part.length) })

    expect(error.code).toBe('UPSTREAM_PROTOCOL')
  },
)

test('any JSON with any status gives a result or an UpstreamError', () => {
  const key = fc.constantFrom('code', 'data', 'detail', 'message', 'error', 'msg', 'type', 'id')
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()))
  const route = fc.constantFrom(ASSETS, TASKS)

  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), route, body, (status, route, body) => {
      try {
        parseResponse('GET', route, { status, headers: {}, body: JSON.stringify(body) })
      } catch (error) {
        expect(error).toBeInstanceOf(UpstreamError)
      }
    }),
  )
})

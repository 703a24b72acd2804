import { describe, expect, test } from 'vitest'
import { readErrorBody } from '../src/upstream/error-body.ts'

const missing = { loc: ['body', 'prompt'], msg: 'Field required' }

test.each<[unknown, string]>([
  [{ detail: 'a', message: 'b', error: 'c', msg: 'd' }, 'a'],
  [{ message: 'b', error: 'c', msg: 'd' }, 'b'],
  [{ error: 'c', msg: 'd' }, 'c'],
  [{ error: { message: 'c' }, msg: 'd' }, 'c'],
  [{ error: { message: 7 }, msg: 'd' }, 'd'],
  [{ detail: 7, message: null, error: [], msg: 'd' }, 'd'],
  [{ msg: 7 }, ''],
  [{ other: 'x' }, ''],
  [{ detail: [missing] }, 'body.prompt: Field required'],
  [{ detail: [missing, { msg: 'Too long' }] }, 'body.prompt: Field required; Too long'],
  [{ detail: [{ loc: ['body', 0, 'url'], msg: 'no' }] }, 'body.url: no'],
  [{ detail: [{ loc: [], msg: 'no' }] }, 'no'],
  [{ detail: [{ loc: 'body', msg: 'no' }] }, 'no'],
  [{ detail: [{ loc: ['body'], msg: 7 }, 'x', null, missing] }, 'body.prompt: Field required'],
  [{ detail: [] }, ''],
  [['a'], ''],
  ['a', ''],
  [null, ''],
  [undefined, ''],
])('the text of %j is %j', (json, text) => {
  expect(readErrorBody(json).text).toBe(text)
})

test.each([{ error: 'x'.repeat(3_000) }, { error: `All m error: ${'x'.repeat(3_000)}` }])(
  'a long text is cut to 2000 characters',
  (json) => {
    expect(readErrorBody(json).text).toBe('x'.repeat(2_000))
  },
)

test.each<[unknown, string | null]>([
  [{ msg: 'NotFound.group_id: gone' }, 'NotFound.group_id'],
  [{ msg: 'The NotFound' }, 'NotFound'],
  [{ msg: 'InvalidParameter.url.host no' }, 'InvalidParameter.url.host'],
  [{ msg: 'MissingParameter, sorry' }, 'MissingParameter'],
  [{ msg: 'AccessDenied.' }, 'AccessDenied'],
  [{ msg: 'RateLimit' }, 'RateLimit'],
  [{ msg: 'RateLimitExceeded.CreateAsset.Qps' }, 'RateLimitExceeded.CreateAsset.Qps'],
  [{ msg: 'OutputVideoSensitiveContentDetected' }, 'OutputVideoSensitiveContentDetected'],
  [
    { msg: 'InputImageSensitiveContentDetected.PrivacyInformation.' },
    'InputImageSensitiveContentDetected.PrivacyInformation',
  ],
  [{ msg: 'somethingNotFound' }, null],
  [{ msg: `${'x'.repeat(2_000)} NotFound.a` }, null],
  [{ msg: `NotFound.${'a'.repeat(200)}` }, `NotFound.${'a'.repeat(91)}`],
  // The name is more specific than the number.
  [{ code: 400, msg: 'NotFound.a' }, 'NotFound.a'],
  [{ code: 9003 }, '9003'],
  [{ code: 'a.b-c_1' }, 'a.b-c_1'],
  [{ code: 'two words' }, null],
  [{ code: '' }, null],
  [{ code: 'x'.repeat(100) }, 'x'.repeat(100)],
  [{ code: 'x'.repeat(101) }, null],
  [{ code: {} }, null],
  [{ error: { code: 7 } }, '7'],
  [{ code: 1, error: { code: 7 } }, '1'],
  [{ error: 'x' }, null],
  [null, null],
])('the code of %j is %j', (json, code) => {
  expect(readErrorBody(json).code).toBe(code)
})

test.each<[unknown, string | null]>([
  [{ detail: 'x' }, 'detail'],
  [{ error: 'x' }, 'error'],
  [{ message: 'x' }, 'message'],
  [{ error: { message: 'x' } }, 'error.message'],
  [{ msg: 'x' }, null],
  [{ detail: { message: 'x' } }, null],
  [{ error: { detail: 'x' } }, null],
  [{ error: { message: 7 } }, null],
  [{ error: { message: 'x', type: 'y' } }, null],
  [{ error: 'x', detail: 'y' }, null],
  [{ error: {} }, null],
  [{ detail: ['x'] }, null],
  [{}, null],
  ['x', null],
  [null, null],
])('the only text of %j is at %j', (json, place) => {
  expect(readErrorBody(json).place).toBe(place)
})

test.each<[unknown, boolean]>([
  [{ code: 429, msg: 'x' }, true],
  [{ code: '429', msg: 'x' }, false],
  [{ id: 'cgt-1', status: 'running' }, true],
  [{ id: 'cgt-1', status: 'queued' }, false],
  [{ id: 7, status: 'running' }, false],
  [{ error: { code: 429 } }, false],
  [{ error: 'All m error: x' }, true],
  [{ message: 'All m error: x' }, true],
  [{}, false],
  [undefined, false],
])('%j is from a provider: %s', (json, isFromProvider) => {
  expect(readErrorBody(json).isFromProvider).toBe(isFromProvider)
})

test.each<[unknown, string | null]>([
  [{ error: { type: 'local_overload' } }, 'local_overload'],
  [{ error: { type: 7 } }, null],
  [{ type: 'local_overload' }, null],
  [{ error: null }, null],
])('%j has an error of type %j', (json, type) => {
  expect(readErrorBody(json).type).toBe(type)
})

describe('a quoted body', () => {
  const read = (error: string) => readErrorBody({ error })
  const quoted = (text: string, code: string | null = null) => ({
    text,
    code,
    place: null,
    isFromProvider: true,
    type: null,
  })

  test.each([
    ['All m error: {"code":409,"msg":"conflict"}', quoted('conflict', '409')],
    ['All m error:{"msg":"no space"}', quoted('no space')],
    ['All a model with spaces error: {"msg":"x"}', quoted('x')],
    [`All ${'m'.repeat(200)} error: {"msg":"x"}`, quoted('x')],
    ['All m error: {"error":"Too many requests"}', quoted('Too many requests')],
    ['All m error: plain\nwords', quoted('plain\nwords')],
    ['All m error: a < b', quoted('a < b')],
    ['All m error: "text"', quoted('"text"')],
    ['All m error: NotFound.asset_id', quoted('NotFound.asset_id', 'NotFound.asset_id')],
    ['All m error: <html>', quoted('')],
    ['All m error: {"code":409', quoted('')],
    ['All m error: [1]', quoted('')],
    ['All m error:', quoted('')],
  ])('%j is parsed', (error, expected) => {
    expect(read(error)).toEqual(expected)
  })

  test.each([
    'Oh, All m error: x',
    'all m error: x',
    'All error: x',
    'All m error',
    `All ${'m'.repeat(201)} error: x`,
  ])('%j is not a quotation', (error) => {
    expect(read(error)).toMatchObject({ text: error, isFromProvider: false })
  })

  test('of a gateway error is parsed like a direct gateway error', () => {
    const error = { message: 'busy', type: 'local_overload' }

    expect(read(`All m error: ${JSON.stringify({ error })}`)).toEqual({
      ...quoted('busy'),
      type: 'local_overload',
    })
  })
})

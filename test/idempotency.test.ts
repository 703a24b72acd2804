import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation ($input: CreateVideoTaskInput!) { createVideoTask(input: $input) {
  __typename ... on VideoTask { id prompt } ... on Error { code message retryable }
  ... on InvalidInputError { issues { path } }
} }`

/** One create function per kind. Returns the result, or the extensions of the GraphQL error. */
const CREATES = {
  AssetGroup: createWith('createAssetGroup', { name: 'G' }),
  Asset: createWith('createAsset', { groupId: 'group-1', url: 'https://example.com/a.png' }),
  VideoTask: createWith('createVideoTask', { prompt: 'A cat' }),
}

function createWith(field: string, input: Data) {
  const type = `${field.replace('create', 'Create')}Input!`
  const query = `mutation ($input: ${type}) { answer: ${field}(input: $input) {
    __typename ... on Error { code message retryable }
    ... on RateLimitedError { retryAfterSeconds upstreamMessage }
    ... on UpstreamUnavailableError { retryAfterSeconds }
  } }`
  return async (app: TestApp, idempotencyKey?: string): Promise<Data> => {
    // A key is unique across kinds, so each kind gets its own.
    const key = idempotencyKey && `${idempotencyKey} ${field}`
    const { data, errors } = await app.query(query, { input: { ...input, idempotencyKey: key } })
    return data?.answer ?? errors?.[0]?.extensions
  }
}

/** The number of ledger calls with this name. */
async function ledgerCalls(app: TestApp, call: string): Promise<number> {
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  const line = `zerograph_ledger_call_duration_seconds_count{call="${call}"} `
  return Number(metrics.split(line)[1]?.split('\n')[0] ?? 0)
}

async function create(app: TestApp, input: Data, key?: string): Promise<Data> {
  const { data } = await app.query(CREATE, { input: { prompt: 'A cat', ...input } }, key)
  return data?.createVideoTask
}

test('a repeat with the same key and input returns the first outcome, and nothing more is sent', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const input = { idempotencyKey: 'k1', duration: 5, seed: 7 }

  const first = await create(app, input)
  const again = await create(app, { seed: 7, duration: 5, idempotencyKey: 'k1' })

  expect(first).toMatchObject({ __typename: 'VideoTask', id: 'VideoTask:cgt-1' })
  expect(again).toEqual(first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('a repeated create of a group or an asset returns the first outcome, even after a restart', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const mutation = `mutation {
    createAssetGroup(input: { name: "G", idempotencyKey: "g" }) { ... on AssetGroup { id } }
    createAsset(input: { groupId: "group-1", url: "https://example.com/a.png", idempotencyKey: "a" }) {
      ... on Asset { id }
    }
  }`

  const first = await app.query(mutation)
  await app.stop()
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })

  expect(await again.query(mutation)).toEqual({ ...first, extensions: { replayed: true } })
  expect(first.data?.createAsset.id).toBe('Asset:JIMENG:Asset-2')
  expect(upstream.callsTo('POST')).toHaveLength(2)
})

test('the same key with another input is a conflict, but tenants have separate keys', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await create(app, { idempotencyKey: 'k1' })

  const other = await create(app, { idempotencyKey: 'k1', prompt: 'A dog' })
  const group = await app.query(`mutation {
    createAssetGroup(input: { name: "G", idempotencyKey: "k1" }) { ... on Error { code } }
  }`)
  const theirs = await create(app, { idempotencyKey: 'k1', prompt: 'A dog' }, 'sk-other')

  expect(other).toMatchObject({ __typename: 'IdempotencyConflictError', retryable: false })
  expect(group.data?.createAssetGroup).toEqual({ code: 'IDEMPOTENCY_CONFLICT' })
  expect(theirs).toMatchObject({ __typename: 'VideoTask', prompt: 'A dog' })
})

test('concurrent repeats wait for the first create, and one request is sent', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const sent = upstream.nextCall('POST')
  const creating = Array.from({ length: 10 }, () => create(app, { idempotencyKey: 'k1' }))
  await sent
  gate.resolve(undefined)
  const created = await Promise.all(creating)

  expect(new Set(created.map(({ id }) => id))).toEqual(new Set(['VideoTask:cgt-1']))
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test.for<[string, Answer, Data]>([
  [
    "the edge's 401",
    { status: 401, body: { detail: 'invalid api key' } },
    { code: 'UNAUTHENTICATED', retryable: false },
  ],
  [
    "the gateway's 403 for a key",
    { status: 403, body: { error: 'Invalid or missing API Key' } },
    { code: 'UNAUTHENTICATED', retryable: false },
  ],
  [
    "the edge's 403",
    { status: 403, body: { detail: 'banned' } },
    { code: 'FORBIDDEN', retryable: false },
  ],
  [
    "the edge's 402",
    { status: 402, body: { detail: 'insufficient balance' } },
    { code: 'PAYMENT_REQUIRED', retryable: false },
  ],
  [
    "the edge's 429",
    { status: 429, body: { detail: '上游已达到最大限制' } },
    {
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: 5,
      message: '0-0 asks for fewer requests.',
      upstreamMessage: '上游已达到最大限制',
    },
  ],
  [
    "the gateway's 429",
    { status: 429, headers: { 'retry-after': '7' }, body: { error: 'Too many requests' } },
    {
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: 7,
      upstreamMessage: 'Too many requests',
    },
  ],
  [
    'a model whose routes are cooling down',
    {
      status: 429,
      body: { error: { message: 'All matching provider routes are cooling down' } },
    },
    { code: 'UPSTREAM_UNAVAILABLE', retryable: true, retryAfterSeconds: 300 },
  ],
  [
    'an overload',
    { status: 503, body: { error: { type: 'local_overload', message: 'busy' } } },
    { code: 'UPSTREAM_UNAVAILABLE', retryable: true, retryAfterSeconds: 5 },
  ],
])('after %s the key is released, and a repeat succeeds', async ([, answer, expected]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  for (const [kind, createOne] of Object.entries(CREATES)) {
    const before = upstream.callsTo('POST').length
    upstream.intercept = () => answer
    const first = await createOne(app, 'k1')
    upstream.intercept = () => undefined
    const again = await createOne(app, 'k1')

    expect(first).toMatchObject(expected)
    expect(again).toMatchObject({ __typename: kind })
    expect(upstream.callsTo('POST')).toHaveLength(before + 2)
  }
})

const said = (status: number): Answer => ({ status, body: { code: status, msg: 'said so' } })

test.for<[string, Answer | 'reset', RegExp]>([
  ["a provider's 401", said(401), /HTTP 401: said so/],
  ["a provider's 403", said(403), /HTTP 403: said so/],
  ["a provider's 409", said(409), /said so|HTTP 409/],
  ["a provider's 425", said(425), /said so|HTTP 425/],
  ["a provider's 429", said(429), /fewer requests|HTTP 429/],
  ["a provider's 500", said(500), /HTTP 500: said so/],
  ['a 429 of unknown origin', { status: 429, body: {} }, /fewer requests|HTTP 429/],
  ['an HTML page', { status: 502, body: '<html>' }, /HTTP 502/],
  ['a connection reset', 'reset', /not known/],
  ['a truncated response', { body: '{"id": "cgt-' }, /not known/],
])('after %s the outcome is unknown, and a repeat is not sent', async ([, answer, words]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  for (const createOne of Object.values(CREATES)) {
    const before = upstream.callsTo('POST').length
    upstream.intercept = () => answer
    const first = await createOne(app, 'k1')
    upstream.intercept = () => undefined
    const again = await createOne(app, 'k1')

    expect(first).toMatchObject({ __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN' })
    expect(first.retryable).toBe(false)
    expect(first.message).toMatch(/^It is not known whether 0-0 did this; it is not sent again/)
    expect(first.message).toMatch(words)
    expect(again).toEqual(first)
    expect(upstream.callsTo('POST')).toHaveLength(before + 1)
  }
})

test.for<[string, Answer, string]>([
  ['400', { status: 400, body: { message: 'no' } }, 'UPSTREAM_REJECTED'],
  ['404', { status: 404, body: { code: 404, msg: 'NotFound.group_id' } }, 'NOT_FOUND'],
  ['413', { status: 413, body: '<html>' }, 'UPSTREAM_REJECTED'],
  ['422', { status: 422, body: { detail: 'no' } }, 'UPSTREAM_REJECTED'],
  ['an error envelope', { body: { code: 9003, msg: 'no', data: null } }, 'UPSTREAM_REJECTED'],
])('after a rejection with %s, a repeat returns the same failure', async ([, answer, code]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  for (const createOne of Object.values(CREATES)) {
    const before = upstream.callsTo('POST').length
    upstream.intercept = () => answer
    const first = await createOne(app, 'k1')
    upstream.intercept = () => undefined
    const again = await createOne(app, 'k1')

    expect(first).toMatchObject({ code, retryable: false })
    expect(again).toEqual(first)
    expect(upstream.callsTo('POST')).toHaveLength(before + 1)
  }
})

test.for<[number, Data]>([
  [429, { __typename: 'RateLimitedError', retryable: true }],
  [409, { __typename: 'UpstreamRejectedError', retryable: false }],
])('without a key, HTTP %d for groups and assets keeps its type', async ([status, expected]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  upstream.intercept = () => said(status)

  expect(await CREATES.AssetGroup(app)).toMatchObject(expected)
  expect(await CREATES.Asset(app)).toMatchObject(expected)
  expect(await CREATES.VideoTask(app)).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
})

test.skipIf(isPostgres)(
  'a retryable failure that an earlier version stored is returned as OUTCOME_UNKNOWN',
  async () => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })
    await create(app, { idempotencyKey: 'k1' })
    const failure = { code: 'RATE_LIMITED', message: '.', retryable: true, retryAfterSeconds: 5 }
    const database = new DatabaseSync(join(app.dataDir, 'ledger.db'))
    database.prepare('update idempotency_record set outcome = ?').run(JSON.stringify({ failure }))
    database.close()

    const again = await create(app, { idempotencyKey: 'k1' })

    expect(again).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
    expect(upstream.callsTo('POST')).toHaveLength(1)
  },
)

test('a running create extends the lease on its key until it ends', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const extensions = () => ledgerCalls(app, 'idempotencyRecords.extend')
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const sent = upstream.nextCall('POST')
  const first = create(app, { idempotencyKey: 'k1' })
  await sent

  // The first lease lasts 5 seconds.
  vi.setSystemTime(Date.now() + 4_000)
  const before = await extensions()
  await until(async () => (await extensions()) > before)
  vi.setSystemTime(Date.now() + 4_000)
  const again = create(app, { idempotencyKey: 'k1' })
  await until(async () => (await ledgerCalls(app, 'idempotencyRecords.begin')) >= 3)
  gate.resolve(undefined)

  expect(await first).toMatchObject({ id: 'VideoTask:cgt-1' })
  expect(await again).toEqual(await first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('the same key with and without waitForAssets is a conflict', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await create(app, { idempotencyKey: 'k1' })

  const waiting = await create(app, { idempotencyKey: 'k1', waitForAssets: true })

  expect(waiting.code).toBe('IDEMPOTENCY_CONFLICT')
})

test('a timeout makes the outcome unknown permanently, even if the response arrives later', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url, UPSTREAM_POST_TIMEOUT_MS: '100' })

  const first = await create(app, { idempotencyKey: 'k1' })
  gate.resolve(undefined)
  const again = await create(app, { idempotencyKey: 'k1' })

  expect([first.code, again.code]).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('a create that was not sent releases its key', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [{ role: 'FIRST_FRAME', assetId: 'Asset-1' }]

  const early = await create(app, { idempotencyKey: 'k1', resources })
  upstream.assets.set('Asset-1', { status: 'Active' })
  const late = await create(app, { idempotencyKey: 'k1', resources })

  expect(early.code).toBe('ASSETS_NOT_READY')
  expect(late.__typename).toBe('VideoTask')
})

test.for([
  ['is blank', ' '],
  ['is empty', ''],
  ['has a control character', 'a\u0000b'],
  ['is longer than 255', 'x'.repeat(256)],
  ['has a lone surrogate', '\ud800'],
  ['has another lone surrogate', 'a\udc01'],
])('a key that %s is an issue of the input', async ([, idempotencyKey]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const answer = await create(app, { idempotencyKey })

  expect(answer).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['idempotencyKey'] }] })
  expect(upstream.calls).toEqual([])
})

test.for([
  ['of 255 characters', 'x'.repeat(255)],
  ['of one character', '1'],
  ['with surrogate pairs', '\u{1f600} and \u{1f601}'],
])('a key %s is accepted', async ([, idempotencyKey]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const first = await create(app, { idempotencyKey })
  const again = await create(app, { idempotencyKey })

  expect(first.__typename).toBe('VideoTask')
  expect(again).toEqual(first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})
